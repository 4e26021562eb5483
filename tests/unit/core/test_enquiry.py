"""What an enquiry tells the channel of the order that it asks after."""

from a_payment import begun, sent
from a_run import an_order, run_of
from msgspec.structs import replace

from paycore.cards import service as cards
from paycore.cards.rows import AgreementRow
from paycore.core import ask as asking
from paycore.core.absorb import run_for, with_attempts
from paycore.core.recover import enquire
from paycore.core.rows import PaymentRow
from paycore.kernel.outcome import Outcome
from paycore.kernel.terms import Epoch, PayType, TransType

DEDUCT = (PayType.DEDUCT, "deduct_a")
QUICK = (PayType.QUICK_PAY, "quick_a")


async def enquired(
    trans_type: TransType,
    *,
    revoked: bool = False,
    forgotten: bool = False,
    taken_over: bool = False,
):
    """The passage that asked, and the agreement's number at that place."""
    pay_type, channel = DEDUCT if trans_type is TransType.DEDUCT else QUICK
    run = await run_of(an_order(pay_type=pay_type, amount=900, coupon_amount=0))
    node, payment = run.node, run.payment
    node.heartbeat.epoch = Epoch(7)
    if pay_type is PayType.QUICK_PAY:
        sent(payment, channel=channel)
    leg = begun(payment, trans_type, channel=channel)
    token = await asking.agreement_of(run, pay_type, leg)
    change = node.change()
    change.insert(payment.row)
    for attempt in payment.attempts.values():
        change.append(attempt)
    if revoked:
        key = (payment.row.card_id, pay_type, channel, "main")
        kept = {"token": b""} if forgotten else {}
        ended = lambda row: replace(row, status=cards.REVOKED, **kept)  # noqa: E731
        change.amend(AgreementRow, key, ended)
    assert await node.journal.commit(change) is None
    row = await node.journal.load(PaymentRow, payment.row.pay_order_no)
    run = await run_for(node, await with_attempts(node, row))
    if taken_over:

        def others_take_over(_change, _written) -> None:
            node.heartbeat.epoch = Epoch(9)
            node.heartbeat.good_until = node.clock.monotonic() + 3600

        node.journal.store.watch = others_take_over
    await enquire(run, leg)
    return run.last, token


async def asked_after(trans_type: TransType, **given):
    """The call's question, and the agreement's number at that place."""
    last, token = await enquired(trans_type, **given)
    return last.prepared.ask, token


async def test_a_deduct_is_asked_after_with_its_agreement() -> None:
    """It says whose order it was, where a channel has to look for it, though the card
    was revoked meanwhile; once its number is forgotten, nobody does.
    """
    ask, token = await asked_after(TransType.DEDUCT)
    later, _ = await asked_after(TransType.DEDUCT, revoked=True)
    last, _ = await asked_after(TransType.DEDUCT, revoked=True, forgotten=True)

    assert token is not None
    assert token == ask.agreement == later.agreement
    assert last.agreement is None
    assert token in ask.secrets


async def test_a_confirm_needs_none() -> None:
    """Its number is enough."""
    ask, token = await asked_after(TransType.QUICK_PAY_CONFIRM)

    assert token is not None
    assert ask.agreement is None


async def test_nothing_is_asked_in_another_life_than_took_the_lease() -> None:
    """Who was declared dead while his commit waited asks nothing: another may have the
    payment in hand, and its channel is to hear of one at a time.
    """
    last, _ = await enquired(TransType.QUICK_PAY_CONFIRM, taken_over=True)

    assert Outcome.UNKNOWN is last.answer.reply.outcome
    assert "lease ran out before the call" in last.answer.message.verdict
