"""Payments for the tests of the aggregate: as opened, with a code out, as staged."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from paycore.core.payment import Payment
from paycore.core.rows import AttemptRow, PaymentRow
from paycore.gateway.call import Reply
from paycore.kernel.journal import Change
from paycore.kernel.outcome import Outcome
from paycore.kernel.terms import (
    BizLineId,
    CardId,
    CodeSender,
    PayOrderNo,
    ProcessStatus,
    TransType,
)

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(seconds=5)
NO = PayOrderNo("260501120000000" + "0" * 11)
YES = Reply(outcome=Outcome.SUCCEEDED, amount=900, currency="CNY", channel_ref="r1")
NO_ANSWER = Reply(outcome=Outcome.UNKNOWN, resp_code="NO_ANSWER")


def row(**given) -> PaymentRow:
    return PaymentRow(
        **{
            "pay_order_no": NO,
            "biz_line": BizLineId("shop"),
            "out_biz_no": "o-1",
            "biz_order_no": None,
            "amount": 1000,
            "coupon_no": None,
            "coupon_amount": 100,
            "payable_amount": 900,
            "currency": "CNY",
            "card_id": CardId("card_1"),
            "subject": "Tea",
            "created_at": NOW,
            "expires_at": NOW + timedelta(minutes=15),
            "next_check_at": NOW + timedelta(minutes=15),
            **given,
        }
    )


def begun(payment: Payment, kind: TransType, **given) -> AttemptRow:
    return payment.begin(
        kind,
        **{
            "channel": "quick_a",
            "account": "main",
            "inst_trans_id": "quick_a.send",
            "now": NOW,
            "quiet_from": NOW + timedelta(seconds=40),
            **given,
        },
    )


def sent(payment: Payment, *, by=CodeSender.CHANNEL, **given) -> AttemptRow:
    """Send a code and hear that it is out."""
    attempt = begun(payment, TransType.QUICK_PAY_SEND_MSG, **given)
    done = payment.end(attempt, ProcessStatus.GW_SUCCESS, YES, LATER)
    payment.code_sent(
        done, by=by, phone="138****8000", until=LATER + timedelta(minutes=5), now=LATER
    )
    return done


def staged(payment: Payment) -> Change:
    change = Change(uuid4())
    payment.stage(change)
    return change
