"""Turns of the commands that seldom come: on a node in memory, nobody is called."""

import json
from datetime import timedelta

import pytest
from a_payment import LATER, NO, NOW, begun, row, sent

from paycore.cards.rows import CardRow
from paycore.core import commands, sending
from paycore.core.chain import GuardRefused, Next, Run
from paycore.core.commands import CardDeductReceipt, CouponModify, QuickPaySmsVerify
from paycore.core.messages import words
from paycore.core.payment import Payment
from paycore.core.rows import TransitionRow
from paycore.core.sending import SmsCentreSend
from paycore.coupon import service as coupon
from paycore.kernel.clock import SystemClock
from paycore.kernel.config import Settings
from paycore.kernel.crypto import KeyRing
from paycore.kernel.ids import SystemIds
from paycore.kernel.journal import Refused
from paycore.kernel.journal_memory import MemoryJournal
from paycore.kernel.node import Node
from paycore.kernel.terms import (
    BizLineId,
    BizStatus,
    CardId,
    CodeSender,
    CouponNo,
    PayType,
    ProcessStatus,
    TransType,
    VerifyStatus,
)
from paycore.lines.rows import BizLineRow
from paycore.prove.schema import empty_store

LIMIT = Refused("sms.card", None)
COUPON = Refused(coupon.GUARD, None)
ELSE = Refused("payment", None)

SHOP = BizLineId("shop")


def run_of(payment: Payment, **given) -> Run:
    settings = Settings.for_dev()
    node = Node(
        settings=settings,
        journal=MemoryJournal(empty_store(), clock=lambda: NOW),
        clock=SystemClock(NOW),
        ids=SystemIds(),
        transport=None,
        key_ring=KeyRing(settings.ring_keys),
    )
    line = BizLineRow(biz_line=SHOP, title="Shop", currencies='["CNY"]')
    card = CardRow(
        card_id=CardId("card_1"),
        biz_line=SHOP,
        sealed=b"",
        number_hash=b"",
        phone_hash=b"",
        bin="622202",
        tail="7894",
        phone_masked="138****8000",
        holder_masked="*",
        bank="ICBC",
        card_kind="DEBIT",
        created_at=NOW,
    )
    return Run(
        node=node,
        payment=payment,
        line=line,
        change=node.change(),
        card=card,
        **given,
    )


def converted(**given) -> Payment:
    """A converted payment with our own code out."""
    payment = Payment(row(pay_type=PayType.DEDUCT, **given))
    sent(payment, by=CodeSender.SMS_CENTRE)
    return payment


def last(run: Run) -> TransitionRow:
    """The last event of the payment, as it would be written."""
    run.payment.stage(run.change)
    return [one for one in run.change.appends if isinstance(one, TransitionRow)][-1]


def told(run: Run) -> tuple[str, str]:
    return run.payment.row.resp_code, run.payment.row.resp_msg


def says(code: str) -> tuple[str, str]:
    return code, words(code, "zh")


@pytest.mark.parametrize("command", [QuickPaySmsVerify, SmsCentreSend])
def test_too_many_texts_or_tries_are_no_accident(command):
    """A limit of ours is remembered and answered; other guards are not ours."""
    run = run_of(converted(), committed=True)

    assert Next.AGAIN is command().refused(run, LIMIT)
    assert run.too_many is True
    with pytest.raises(GuardRefused) as other:
        command().refused(run, ELSE)
    assert ELSE is other.value.refused


def test_an_order_that_is_not_on_record_is_refused_whole():
    """Before its first commit a payment that may not text is refused, not ended."""
    run = run_of(converted())

    with pytest.raises(GuardRefused):
        SmsCentreSend().refused(run, LIMIT)
    assert run.too_many is False


async def test_a_payment_locked_by_its_card_says_so():
    """Too many wrong codes for the card: LOCKED, and no attempt is made."""
    run = run_of(converted(), too_many=True)

    assert Next.STOP is await QuickPaySmsVerify().before(run)
    assert says("CODE_LOCKED") == told(run)
    assert VerifyStatus.LOCKED is run.payment.row.verify_status
    event = last(run)
    assert ("CODE_REFUSED", "LOCKED", None) == (
        event.event,
        event.cause,
        event.attempt_seq,
    )
    assert NOW <= event.at < NOW + timedelta(minutes=1)


async def test_a_payment_that_may_not_text_ends():
    """Too many texts to the phone: a payment on record fails, and says why."""
    run = run_of(Payment(row(pay_type=PayType.DEDUCT)), too_many=True)

    assert Next.NEXT is await SmsCentreSend().before(run)
    assert says("TOO_MANY") == told(run)
    assert ("SEND_FAILED", "TOO_MANY") == (last(run).event, last(run).cause)


def test_a_resend_that_failed_leaves_the_earlier_code():
    """Where a code is out, a second that cannot go out ends nothing."""
    run = run_of(converted())

    assert Next.STOP is sending._send_failed(run, "SEND_FAILED")
    assert says("RESEND_FAILED") == told(run)
    assert BizStatus.DOING is run.payment.row.biz_status


def test_a_coupon_that_went_to_another_is_answered():
    """The coupon's guard is remembered; a limit's leads to the next route."""
    run = run_of(converted())

    assert Next.AGAIN is CardDeductReceipt().refused(run, COUPON)
    assert run.coupon_refused is True


async def test_a_payment_without_its_coupon_charges_nothing():
    """The lock is taken back, the payer reads that the coupon is gone."""
    payment = converted(
        coupon_no=CouponNo("C1"), verify_status=VerifyStatus.PASS, biz_line=SHOP
    )
    payment.verified(VerifyStatus.PASS)
    run = run_of(payment, coupon_refused=True, coupon_staged=True)
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
def test_no_deduct_is_left(tries, refusal, told_code, status):
    """A definite end, but where nothing ever left us the payer may try again."""
    run = run_of(converted(), tries=tries, last_refusal=refusal)

    assert Next.NEXT is commands._no_deduct(run)
    assert says(told_code) == told(run)
    assert status is run.payment.row.biz_status
    if status is BizStatus.FAIL:
        assert ("DECLINED", told_code) == (last(run).event, last(run).cause)
        assert run.payment.row.finished_at == last(run).at >= NOW


async def test_paid_with_a_coupon_that_is_gone_is_for_a_person():
    """The money stands; a case says which coupon of which payment, and for how much."""
    payment = converted(coupon_no=CouponNo("C1"), biz_line=SHOP)
    run = run_of(payment, coupon_gone=True)

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
    run = run_of(payment)

    assert Next.NEXT is await CouponModify().run(run)
    assert run.change.empty
    assert ProcessStatus.GW_DOING is payment.money_leg.process_status
