"""Turns of the commands that seldom come: on a node in memory, nobody is called."""

import json
from datetime import timedelta

import pytest
from a_payment import LATER, NO, NO_ANSWER, NOW, YES, begun
from a_run import BEGUN, an_order, converted, events, run_of, says, told
from msgspec.structs import replace

from paycore.accounting.rows import EntryRow
from paycore.cards.rows import CardRow
from paycore.core import commands, conversion, sending
from paycore.core.chain import GuardRefused, Next, Run
from paycore.core.commands import CardDeductReceipt, CouponModify, QuickPaySmsVerify
from paycore.core.rows import TransitionRow
from paycore.core.sending import SmsCentreSend
from paycore.core.states import Event
from paycore.coupon import service as coupon
from paycore.coupon.rows import CouponRow, CouponStatus
from paycore.gateway.call import Ask, Operation, Reply
from paycore.kernel.journal import Refused
from paycore.kernel.outcome import Blame, Outcome
from paycore.kernel.terms import (
    BizLineId,
    BizStatus,
    CouponNo,
    PayType,
    ProcessStatus,
    TransType,
    VerifyStatus,
)
from paycore.prove.stage import SMALL_MINOR
from paycore.router.rows import DecisionRow

LIMIT = Refused("sms.card", None)
COUPON = Refused(coupon.GUARD, None)
ELSE = Refused("payment", None)

SHOP = BizLineId("shop")


def last(run: Run) -> TransitionRow:
    """The last event of the payment."""
    return events(run)[-1]


@pytest.mark.parametrize("command", [QuickPaySmsVerify, SmsCentreSend])
async def test_too_many_texts_or_tries_are_no_accident(command):
    """A limit of ours is remembered and answered; other guards are not ours."""
    run = await run_of(converted(), committed=True)

    assert Next.AGAIN is command().refused(run, LIMIT)
    assert run.too_many is True
    with pytest.raises(GuardRefused) as other:
        command().refused(run, ELSE)
    assert ELSE is other.value.refused


async def test_an_order_that_is_not_on_record_is_refused_whole():
    """Before its first commit a payment that may not text is refused, not ended."""
    run = await run_of(converted())

    with pytest.raises(GuardRefused):
        SmsCentreSend().refused(run, LIMIT)
    assert run.too_many is False


async def test_a_payment_locked_by_its_card_says_so():
    """Too many wrong codes for the card: LOCKED, no try left, no attempt made."""
    run = await run_of(converted(), too_many=True)

    assert Next.STOP is await QuickPaySmsVerify().before(run)
    assert says("CODE_LOCKED") == told(run)
    assert VerifyStatus.LOCKED is run.payment.row.verify_status
    assert 0 == run.tries_left
    event = last(run)
    assert ("CODE_REFUSED", "LOCKED", None) == (
        event.event,
        event.cause,
        event.attempt_seq,
    )
    assert NOW <= event.at < NOW + timedelta(minutes=1)


async def test_a_payment_that_may_not_text_ends():
    """Too many texts to the phone: a payment on record fails, and says why."""
    run = await run_of(an_order(pay_type=PayType.DEDUCT), too_many=True)

    assert Next.NEXT is await SmsCentreSend().before(run)
    assert says("TOO_MANY") == told(run)
    assert ("SEND_FAILED", "TOO_MANY") == (last(run).event, last(run).cause)


async def test_a_resend_that_failed_leaves_the_earlier_code():
    """Where a code is out, a second that cannot go out ends nothing."""
    run = await run_of(converted())

    assert Next.STOP is sending._send_failed(run, "SEND_FAILED")
    assert says("RESEND_FAILED") == told(run)
    assert BizStatus.DOING is run.payment.row.biz_status


async def test_a_coupon_that_went_to_another_is_answered():
    """The coupon's guard is remembered; a limit's leads to the next route."""
    run = await run_of(converted())

    assert Next.AGAIN is CardDeductReceipt().refused(run, COUPON)
    assert run.coupon_refused is True


async def test_a_payment_without_its_coupon_charges_nothing():
    """The lock is taken back, the payer reads that the coupon is gone."""
    payment = converted(
        coupon_no=CouponNo("C1"), verify_status=VerifyStatus.PASS, biz_line=SHOP
    )
    payment.verified(VerifyStatus.PASS)
    run = await run_of(payment, coupon_refused=True, coupon_staged=True)
    coupon.lock(run.node, run.change, SHOP, CouponNo("C1"), NO)
    run.change.amend(CardRow, ("card_1",), lambda row: row)

    assert Next.STOP is await CardDeductReceipt().before(run)
    assert says("COUPON") == told(run)
    assert ["cards_card"] == [one.guard for one in run.change.amends]
    assert run.coupon_staged is False
    assert payment.money_leg is None


@pytest.mark.parametrize(
    ("tries", "refusal", "told_code", "status"),
    [
        (0, None, "ROUTE_NONE", BizStatus.FAIL),
        (1, "OVER_LIMIT", "OVER_LIMIT", BizStatus.FAIL),
        (1, None, "NOT_CHARGED", BizStatus.DOING),
    ],
)
async def test_no_deduct_is_left(tries, refusal, told_code, status):
    """A definite end, but where nothing ever left us the payer may try again."""
    run = await run_of(converted(), tries=tries, last_refusal=refusal)

    assert Next.NEXT is commands._no_deduct(run)
    assert says(told_code) == told(run)
    assert status is run.payment.row.biz_status
    if status is BizStatus.FAIL:
        assert ("DECLINED", told_code) == (last(run).event, last(run).cause)
        assert run.payment.row.finished_at == last(run).at >= NOW


async def test_paid_with_a_coupon_that_is_gone_is_for_a_person():
    """The money stands; a case says which coupon of which payment, and for how much."""
    payment = converted(coupon_no=CouponNo("C1"), biz_line=SHOP)
    run = await run_of(payment, coupon_gone=True)

    assert Next.NEXT is await CouponModify().run(run)
    (staged,) = run.change.inserts
    case = staged.row
    assert (
        f"COUPON_GONE:{NO}::",
        "COUPON_GONE",
        NO,
        None,
        100,
        "CNY",
        {"coupon_no": "C1", "biz_status": "DOING"},
    ) == (
        case.case_id,
        case.kind,
        case.pay_order_no,
        case.attempt_seq,
        case.amount,
        case.currency,
        json.loads(case.evidence),
    )


async def test_a_coupon_is_left_alone_while_money_is_in_doubt():
    """As long as a money leg is open the coupon stays locked."""
    payment = converted(coupon_no=CouponNo("C1"), biz_line=SHOP)
    begun(payment, TransType.DEDUCT, now=LATER)
    run = await run_of(payment)

    assert Next.NEXT is await CouponModify().run(run)
    assert run.change.empty
    assert ProcessStatus.GW_DOING is payment.money_leg.process_status


# --- the code of our own --------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (VerifyStatus.WRONG, "CODE_WRONG"),
        (VerifyStatus.EXPIRED, "CODE_EXPIRED"),
        (VerifyStatus.LOCKED, "CODE_LOCKED"),
    ],
)
async def test_a_refused_code_says_why(status, code):
    """The verdict is the payment's and the answer's, and the order stays open."""
    payment = converted()
    attempt = begun(payment, TransType.SMS_VERIFY)
    run = await run_of(payment)
    reply = Reply(
        outcome=Outcome.DECLINED,
        blame=Blame.CODE,
        verify_status=status,
        tries_left=2,
    )

    assert Next.STOP is await QuickPaySmsVerify().after(run, attempt.seq, reply)
    assert says(code) == told(run)
    assert 2 == run.tries_left
    assert status is payment.row.verify_status
    assert ProcessStatus.GW_FAIL is payment.attempts[attempt.seq].process_status
    event = last(run)
    assert ("CODE_REFUSED", status, attempt.seq) == (
        event.event,
        event.cause,
        event.attempt_seq,
    )


async def test_a_code_that_nobody_judged_may_be_typed_again():
    """No verdict is no verdict: nothing was charged, and nothing counts against it."""
    payment = converted()
    attempt = begun(payment, TransType.SMS_VERIFY)
    run = await run_of(payment)

    assert Next.STOP is await QuickPaySmsVerify().after(run, attempt.seq, NO_ANSWER)
    assert says("NOT_CHARGED") == told(run)
    assert VerifyStatus.NOT_VERIFIED is payment.row.verify_status
    event = last(run)
    assert ("NOT_CHARGED", attempt.seq) == (event.event, event.attempt_seq)
    assert NOW <= event.at < NOW + timedelta(minutes=1)


async def test_a_code_that_passed_is_good_until_its_end():
    """Only a yes that says PASS passes; it holds as long as the code would have."""
    payment = converted()
    attempt = begun(payment, TransType.SMS_VERIFY)
    run = await run_of(payment)
    reply = Reply(outcome=Outcome.SUCCEEDED, verify_status=VerifyStatus.PASS)

    assert Next.NEXT is await QuickPaySmsVerify().after(run, attempt.seq, reply)
    assert (VerifyStatus.PASS, payment.row.code_expires_at) == (
        payment.row.verify_status,
        payment.row.pass_until,
    )
    assert ("CODE_PASSED", attempt.seq) == (last(run).event, last(run).attempt_seq)
    assert ProcessStatus.GW_SUCCESS is payment.attempts[attempt.seq].process_status


async def test_a_code_is_asked_about_where_it_was_sent():
    """The attempt counts before it is compared, and the code is in the call alone."""
    payment = converted()
    run = await run_of(payment, code="123456")
    ask = await QuickPaySmsVerify().before(run)
    attempt, send = payment.open_attempt, payment.send_in_force

    assert (Operation.VERIFY_CODE, "123456", attempt.seq) == (
        ask.operation,
        ask.code,
        ask.attempt_seq,
    )
    assert run.node.settings.sms_timeout_s == ask.timeout_s
    assert TransType.SMS_VERIFY is attempt.trans_type
    assert (send.channel, send.account, send.inst_trans_id) == (
        attempt.channel,
        attempt.account,
        attempt.inst_trans_id,
    )


# --- the deduct -----------------------------------------------------------------------


async def passed(**given) -> Run:
    """A passage that stands before its deduct."""
    payment = converted()
    payment.verified(VerifyStatus.PASS)
    return await run_of(payment, **given)


@pytest.mark.parametrize("tries", [0, commands.MAX_DEDUCT_ROUTES - 1])
async def test_a_deduct_goes_to_a_route_with_a_mandate(tries):
    """The money leg is on record before the call, and the call says all of it."""
    run = await passed(tries=tries)
    ask = await CardDeductReceipt().before(run)
    leg = run.payment.money_leg

    assert (Operation.DEDUCT, leg.seq, leg.channel) == (
        ask.operation,
        ask.attempt_seq,
        ask.channel,
    )
    assert run.node.settings.money_timeout_s == ask.timeout_s
    assert ask.agreement == f"agreement_{leg.channel}_shop"
    assert ask.card is not None
    event = last(run)
    assert ("CHARGE_BEGUN", leg.seq) == (event.event, event.attempt_seq)


@pytest.mark.parametrize(
    ("kind", "said"),
    [("no_mandate", "AGREEMENT_GONE"), ("small_mandate", "ROUTE_NONE")],
)
async def test_a_deduct_goes_nowhere_without_a_mandate_that_is_large_enough(kind, said):
    """No bank is asked for what its card's holder never agreed to."""
    (card, *_) = [each for each in BEGUN.cards if each.kind == kind]
    run = await passed()
    run.payment.row = replace(
        run.payment.row, card_id=card.card_id, payable_amount=SMALL_MINOR + 1
    )

    assert Next.NEXT is await CardDeductReceipt().before(run)
    assert says(said) == told(run)
    assert run.payment.money_leg is None


async def test_no_more_than_so_many_deduct_routes():
    """The payer is waiting: after the last route there is no other."""
    run = await passed(tries=commands.MAX_DEDUCT_ROUTES, last_refusal="OVER_LIMIT")

    assert Next.NEXT is await CardDeductReceipt().before(run)
    assert says("OVER_LIMIT") == told(run)
    assert run.payment.money_leg is None


async def test_a_route_whose_limit_filled_up_is_passed_over():
    """Refused at the commit by a route's limit: the next route, without that one."""
    run = await passed()
    ask = await CardDeductReceipt().before(run)
    full = Refused("limit:day", None)

    assert Next.AGAIN is CardDeductReceipt().refused(run, full)
    assert {(ask.channel, ask.account)} == run.excluded
    with pytest.raises(GuardRefused) as other:
        CardDeductReceipt().refused(run, ELSE)
    assert ELSE is other.value.refused


async def test_a_router_that_could_not_look_is_no_refusal():
    """Where nobody could say which route there is, the payer may try again."""
    run = await passed(tries=commands.MAX_DEDUCT_ROUTES, last_refusal="BUSY")
    other = await passed()
    other.excluded |= {("deduct_a", "main"), ("deduct_b", "main")}
    await CardDeductReceipt().before(other)
    (decision,) = [one for one in other.change.appends if isinstance(one, DecisionRow)]
    run.change.append(replace(decision, cause=conversion.ROUTE_ERROR))

    assert Next.NEXT is commands._no_deduct(run)
    assert says("NOT_CHARGED") == told(run)
    assert BizStatus.DOING is run.payment.row.biz_status


async def test_no_deduct_before_the_code_has_passed():
    """Without a PASS no money is asked for, whoever calls."""
    run = await run_of(converted())

    with pytest.raises(AssertionError):
        await CardDeductReceipt().before(run)


@pytest.mark.parametrize(
    ("reply", "step", "refusal"),
    [
        (YES, Next.NEXT, None),
        (NO_ANSWER, Next.NEXT, None),
        (Reply(outcome=Outcome.NOT_SENT, resp_code="X"), Next.AGAIN, None),
        (
            Reply(outcome=Outcome.DECLINED, blame=Blame.CHANNEL, resp_code="BUSY"),
            Next.AGAIN,
            "BUSY",
        ),
        (
            Reply(outcome=Outcome.DECLINED, blame=Blame.CARD, resp_code="LOST"),
            Next.NEXT,
            None,
        ),
    ],
)
async def test_a_deduct_goes_elsewhere_only_where_nothing_was_taken(
    reply, step, refusal
):
    """Another leg is begun only after one that provably moved no money."""
    run = await passed(tries=1)
    ask = await CardDeductReceipt().before(run)

    assert isinstance(ask, Ask)
    assert step is await CardDeductReceipt().after(run, ask.attempt_seq, reply)
    assert 2 == run.tries
    assert refusal == run.last_refusal
    assert ({(ask.channel, ask.account)} if step is Next.AGAIN else set()) == (
        run.excluded
    )


# --- the coupon -----------------------------------------------------------------------

COUPON_NO = CouponNo(BEGUN.coupons["shop"][0])


@pytest.mark.parametrize("number", [COUPON_NO, None])
async def test_a_lock_that_is_staged_is_remembered_as_not_committed(number):
    """Should the money not be asked for, it is taken back and not freed by a row."""
    run = await run_of(an_order(coupon_no=number, biz_line=SHOP))

    assert Next.NEXT is await commands.CouponLock().run(run)
    assert (number is not None) is run.coupon_staged
    assert run.coupon_staged != run.change.empty


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (BizStatus.SUCCESS, (CouponStatus.USED, NO)),
        (BizStatus.FAIL, (CouponStatus.AVAILABLE, None)),
        (BizStatus.DOING, (CouponStatus.AVAILABLE, None)),
    ],
)
async def test_a_locked_coupon_goes_the_way_of_its_payment(status, expected):
    """Used by this order where it was paid, free again where it was not."""
    payment = converted(coupon_no=COUPON_NO, biz_line=SHOP)
    run = await run_of(payment)
    coupon.lock(run.node, run.change, SHOP, COUPON_NO, NO)
    assert await run.node.journal.commit(run.change) is None
    payment.row = replace(payment.row, biz_status=status)
    run.change = run.node.change()

    assert Next.NEXT is await CouponModify().run(run)
    assert await run.node.journal.commit(run.change) is None
    row = await run.node.journal.load(CouponRow, SHOP, COUPON_NO)
    assert expected == (row.status, row.holder)


# --- around the money -----------------------------------------------------------------


async def test_a_yes_without_a_pass_is_no_pass():
    """Only both together let the money be asked for."""
    for reply in (
        Reply(outcome=Outcome.SUCCEEDED, verify_status=VerifyStatus.WRONG),
        Reply(outcome=Outcome.UNKNOWN, verify_status=VerifyStatus.PASS),
    ):
        payment = converted()
        attempt = begun(payment, TransType.SMS_VERIFY)
        run = await run_of(payment)

        assert Next.STOP is await QuickPaySmsVerify().after(run, attempt.seq, reply)
        assert payment.row.pass_until is None


async def test_a_lock_that_was_not_committed_is_taken_back():
    """Without success a lock that is only staged goes, and is not freed by a row."""
    payment = converted(coupon_no=CouponNo("C1"), biz_line=SHOP)
    run = await run_of(payment, coupon_staged=True)
    coupon.lock(run.node, run.change, SHOP, CouponNo("C1"), NO)

    assert Next.NEXT is await CouponModify().run(run)
    assert run.change.empty


async def test_a_payment_that_was_paid_is_posted_for_its_line():
    """In the commit of the status: who took it, and whose it is."""
    payment = converted()
    leg = begun(payment, TransType.DEDUCT, channel="deduct_a", account="main")
    payment.end(leg, ProcessStatus.GW_SUCCESS, YES, LATER)
    payment.apply(Event.PAID, now=LATER, attempt_seq=leg.seq)
    run = await run_of(payment)

    assert Next.NEXT is await commands.PayResultNotifyBiz().run(run)
    assert [
        ("channel_receivable:deduct_a:main", 900),
        ("marketing_cost", 100),
        ("merchant_pending:shop", 1000),
    ] == [
        (row.account, row.amount)
        for row in run.change.appends
        if isinstance(row, EntryRow)
    ]
    assert set() == payment.told
