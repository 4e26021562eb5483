"""Having a code sent: by whom, and what each answer leads to."""

import json
from datetime import timedelta

import pytest
from a_payment import LATER, NOW, sent
from a_run import BEGUN, an_order, converted, events, run_of, says, told

from paycore.core import conversion, sending
from paycore.core.chain import GuardRefused, Next
from paycore.core.sending import CardQuickPaySend, SmsCentreSend
from paycore.gateway.call import Ask, Operation, Reply
from paycore.kernel.journal import Refused
from paycore.kernel.outcome import Blame, Outcome
from paycore.kernel.terms import (
    SMS_CENTRE,
    BizStatus,
    CodeSender,
    PayType,
    ProcessStatus,
    TransType,
)
from paycore.prove.stage import SMALL_MINOR
from paycore.router.rows import DecisionRow
from paycore.router.service import Router

OUT = Reply(outcome=Outcome.SUCCEEDED, code_expires_at=LATER + timedelta(minutes=9))
BARE = Reply(outcome=Outcome.SUCCEEDED)
UNKNOWN = Reply(outcome=Outcome.UNKNOWN, resp_code="NO_ANSWER")
AWAY = Reply(outcome=Outcome.NOT_SENT, resp_code="REFUSED")
BUSY = Reply(outcome=Outcome.DECLINED, blame=Blame.CHANNEL, resp_code="BUSY")
LOST = Reply(outcome=Outcome.DECLINED, blame=Blame.CARD, resp_code="LOST_CARD")


async def asked(**given):
    """An order whose quick send is on record and about to leave."""
    run = await run_of(an_order(), **given)
    ask = await CardQuickPaySend().before(run)
    assert isinstance(ask, Ask)
    return run, ask


async def test_a_quick_channel_is_asked_to_send():
    """It gets the card, the agreement at its place, and its own time."""
    run, ask = await asked()
    attempt = run.payment.open_attempt

    assert (Operation.SEND_CODE, attempt.seq, attempt.channel, attempt.account) == (
        ask.operation,
        ask.attempt_seq,
        ask.channel,
        ask.account,
    )
    assert TransType.QUICK_PAY_SEND_MSG is attempt.trans_type
    assert f"agreement_{ask.channel}_shop" == ask.agreement
    assert ask.card is not None
    assert run.node.settings.send_code_timeout_s == ask.timeout_s


async def test_a_phone_that_is_full_by_the_next_route_ends_the_order():
    """On record by then, it fails: another sender would text the same phone."""
    run, _ = await asked()
    full = Refused("sms.phone_hour", None)
    with pytest.raises(GuardRefused):
        CardQuickPaySend().refused(run, full)
    run.committed = True

    assert Next.AGAIN is CardQuickPaySend().refused(run, full)
    assert Next.NEXT is await CardQuickPaySend().before(run)
    assert says("TOO_MANY") == told(run)
    assert PayType.QUICK_PAY is run.payment.row.pay_type


async def test_a_resend_goes_to_the_channel_of_the_first():
    """Who asks for another code gets it from the channel that holds his order."""
    for channel in ("quick_a", "quick_b"):
        payment = an_order()
        sent(payment, channel=channel)
        run = await run_of(payment, resend=True)
        ask = await CardQuickPaySend().before(run)

        assert channel == ask.channel


def questions(run) -> list[dict]:
    """What the router was asked, as its decisions keep it."""
    decisions = [one for one in run.change.appends if isinstance(one, DecisionRow)]
    return [json.loads(decision.question) for decision in decisions]


@pytest.mark.parametrize(
    ("resend", "out", "named"),
    [(True, True, "quick_a"), (True, False, None), (False, True, None)],
)
async def test_only_a_resend_names_its_channel(resend, out, named):
    """The router chooses, among the card's agreements, unless a code is to be sent
    once more: then it is asked for the channel that sent the first.
    """
    payment = an_order()
    if out:
        sent(payment, channel="quick_a")
    run = await run_of(payment, resend=resend)
    await CardQuickPaySend().before(run)
    (question,) = questions(run)

    assert named == question.get("named")
    assert [["quick_a", "main", None, None], ["quick_b", "main", None, None]] == (
        question["agreements"]
    )


async def test_a_quick_route_whose_limit_filled_up_is_passed_over():
    """Refused at the commit by a route's limit: the next route, without that one."""
    run, ask = await asked()

    assert Next.AGAIN is CardQuickPaySend().refused(run, Refused("limit:day", None))
    assert {(ask.channel, ask.account)} == run.excluded
    with pytest.raises(GuardRefused):
        CardQuickPaySend().refused(run, Refused("payment", None))


async def test_a_converted_payment_is_not_sent_by_a_quick_channel():
    """A conversion has no way back."""
    run = await run_of(converted())

    assert Next.NEXT is await CardQuickPaySend().before(run)
    assert run.payment.open_attempt is None


@pytest.mark.parametrize("reply", [OUT, BARE])
async def test_a_code_that_is_out_counts(reply):
    """The send is the one in force, as long as the channel or else our setting says."""
    run, ask = await asked()

    assert Next.NEXT is await CardQuickPaySend().after(run, ask.attempt_seq, reply)
    row = run.payment.row
    assert says("CODE_SENT") == told(run)
    assert (CodeSender.CHANNEL, ask.attempt_seq, run.card.phone_masked) == (
        row.code_by,
        row.code_seq,
        row.code_phone,
    )
    lifetime = timedelta(seconds=run.node.settings.code_lifetime_s)
    expires = reply.code_expires_at or row.code_sent_at + lifetime
    assert abs(expires - row.code_expires_at) < timedelta(seconds=10)
    send = run.payment.attempts[ask.attempt_seq]
    assert ProcessStatus.GW_SUCCESS is send.process_status
    assert ["CODE_SENT"] == [event.event for event in events(run)]


@pytest.mark.parametrize(
    ("reply", "cause"),
    [(AWAY, conversion.CHANNEL_DOWN), (BUSY, conversion.CHANNEL_REFUSED)],
)
async def test_one_more_quick_route_and_then_a_deduct(reply, cause):
    """The first that is away leads to another, the second to a conversion."""
    run, ask = await asked()

    assert Next.AGAIN is await CardQuickPaySend().after(run, ask.attempt_seq, reply)
    assert ({(ask.channel, ask.account)}, cause, 1) == (
        run.excluded,
        run.cause,
        run.tries,
    )
    first = run.payment.attempts[ask.attempt_seq]
    assert ProcessStatus.GW_FAIL is first.process_status
    second = await CardQuickPaySend().before(run)
    assert second.channel != ask.channel
    assert Next.NEXT is await CardQuickPaySend().after(run, second.attempt_seq, reply)
    assert (PayType.DEDUCT, cause) == (
        run.payment.row.pay_type,
        run.payment.row.convert_cause,
    )
    assert [("CONVERTED", cause)] == [(e.event, e.cause) for e in events(run)]
    # A deduct may go where a quick send could not.
    assert set() == run.excluded


async def test_where_no_quick_route_is_left_the_first_cause_is_kept():
    """A conversion after a failed route names that failure, not the empty list."""
    run, ask = await asked()
    await CardQuickPaySend().after(run, ask.attempt_seq, AWAY)
    run.excluded |= {("quick_a", "main"), ("quick_b", "main")}

    assert Next.NEXT is await CardQuickPaySend().before(run)
    assert conversion.CHANNEL_DOWN == run.payment.row.convert_cause


async def test_without_a_quick_route_a_payment_converts():
    """The article's first trigger: the router has no quick channel."""
    run = await run_of(an_order())
    run.excluded |= {("quick_a", "main"), ("quick_b", "main")}

    assert Next.NEXT is await CardQuickPaySend().before(run)
    assert (PayType.DEDUCT, conversion.ROUTE_NONE) == (
        run.payment.row.pay_type,
        run.payment.row.convert_cause,
    )


async def test_a_send_of_unknown_outcome_converts_at_once():
    """No money moves by sending a code: nobody waits for that answer."""
    run, ask = await asked()

    assert Next.NEXT is await CardQuickPaySend().after(run, ask.attempt_seq, UNKNOWN)
    assert conversion.CHANNEL_UNKNOWN == run.payment.row.convert_cause
    send = run.payment.attempts[ask.attempt_seq]
    assert (ProcessStatus.GW_FAIL, "NO_ANSWER") == (
        send.process_status,
        send.resp_code,
    )


async def test_a_card_that_is_refused_ends_the_order():
    """A deduct would meet the same refusal: no conversion, and the channel's code."""
    run, ask = await asked()

    assert Next.NEXT is await CardQuickPaySend().after(run, ask.attempt_seq, LOST)
    assert says("LOST_CARD") == told(run)
    assert BizStatus.FAIL is run.payment.row.biz_status
    assert [("SEND_FAILED", "LOST_CARD")] == [(e.event, e.cause) for e in events(run)]


async def test_who_has_no_mandate_is_not_converted():
    """Without a deduct to go to the order fails with the cause, and no text is sent."""
    run, ask = await asked()
    payment = run.payment
    payment.row = an_order(card_id="card_without").row
    run.excluded.add(("quick_z", "main"))

    assert Next.NEXT is await CardQuickPaySend().after(run, ask.attempt_seq, UNKNOWN)
    assert PayType.QUICK_PAY is payment.row.pay_type
    assert says(conversion.CHANNEL_UNKNOWN) == told(run)
    assert {("quick_z", "main")} == run.excluded


async def test_a_mandate_that_is_too_small_is_no_deduct_to_convert_to():
    """What the router would say no to in a moment is no way out now."""
    (card,) = [
        each
        for each in BEGUN.cards
        if (each.kind, each.line) == ("small_mandate", "shop")
    ]
    run = await run_of(an_order(card_id=card.card_id, payable_amount=SMALL_MINOR + 1))

    assert Next.NEXT is await sending._convert_or_fail(run, conversion.CHANNEL_DOWN)
    assert PayType.QUICK_PAY is run.payment.row.pay_type
    assert says(conversion.CHANNEL_DOWN) == told(run)


async def test_the_router_is_not_asked_where_there_is_no_mandate():
    """A card without any needs no look for a route: the payer is waiting."""
    run = await run_of(an_order(card_id="card_without"))
    router = run.node.state(Router)
    router.snapshot = None  # which the next question would read again
    await sending._convert_or_fail(run, conversion.CHANNEL_DOWN)

    assert router.snapshot is None
    assert BizStatus.FAIL is run.payment.row.biz_status


async def test_what_was_converted_ends_with_its_cause():
    """There is no second conversion: the order ends, and says why."""
    run = await run_of(an_order(pay_type=PayType.DEDUCT))

    assert Next.NEXT is await sending._convert_or_fail(run, conversion.CHANNEL_REFUSED)
    assert says(conversion.CHANNEL_REFUSED) == told(run)
    (event,) = events(run)
    assert ("SEND_FAILED", conversion.CHANNEL_REFUSED) == (event.event, event.cause)


# --- our own --------------------------------------------------------------------------


async def texting(**given):
    """A converted payment whose text is on record and about to leave."""
    run = await run_of(an_order(pay_type=PayType.DEDUCT), **given)
    return run, await SmsCentreSend().before(run)


async def test_our_centre_sends_for_a_converted_payment():
    """The centre is asked by name, with time for two carriers."""
    run, ask = await texting()

    assert (SMS_CENTRE, Operation.SEND_CODE) == (ask.channel, ask.operation)
    assert run.node.texting_s == ask.timeout_s
    assert ask.card is not None
    assert TransType.QUICK_PAY_SEND_MSG is run.payment.open_attempt.trans_type


@pytest.mark.parametrize(
    "fields",
    [{}, {"pay_type": PayType.DEDUCT, "biz_status": BizStatus.FAIL}],
)
async def test_our_centre_sends_for_nobody_else(fields):
    """Not for a quick payment, and not for one that is over."""
    run = await run_of(an_order(**fields))

    assert Next.NEXT is await SmsCentreSend().before(run)
    assert {} == run.payment.attempts


async def test_without_a_route_to_our_centre_the_order_ends():
    """Nobody is asked, nothing was charged, and the line reads why."""
    run = await run_of(an_order(pay_type=PayType.DEDUCT))
    run.excluded.add((SMS_CENTRE, "main"))

    assert Next.NEXT is await SmsCentreSend().before(run)
    assert says("SEND_FAILED") == told(run)
    assert {} == run.payment.attempts
    (event,) = events(run)
    assert ("SEND_FAILED", "SEND_FAILED") == (event.event, event.cause)


async def test_our_code_is_out():
    """From then on our own code counts."""
    run, ask = await texting()

    assert Next.NEXT is await SmsCentreSend().after(run, ask.attempt_seq, OUT)
    row = run.payment.row
    assert (CodeSender.SMS_CENTRE, ask.attempt_seq, OUT.code_expires_at) == (
        row.code_by,
        row.code_seq,
        row.code_expires_at,
    )
    assert NOW <= row.code_sent_at
    send = run.payment.attempts[ask.attempt_seq]
    assert ProcessStatus.GW_SUCCESS is send.process_status


@pytest.mark.parametrize("reply", [UNKNOWN, AWAY, BUSY])
async def test_a_text_that_is_not_surely_out_ends_the_order(reply):
    """Nothing was charged, and the line reads that no code could be sent."""
    run, ask = await texting()

    assert Next.NEXT is await SmsCentreSend().after(run, ask.attempt_seq, reply)
    assert says("SEND_FAILED") == told(run)
    assert BizStatus.FAIL is run.payment.row.biz_status
    send = run.payment.attempts[ask.attempt_seq]
    assert ProcessStatus.GW_FAIL is send.process_status
