"""Refunds for tests: of a payment of 1000 that cost its payer 900."""

from datetime import timedelta

from a_payment import NO, NOW

from paycore.core.refunds.refund import Refund
from paycore.core.rows import RefundRow, RefundTotalRow
from paycore.kernel.ids import refund_no
from paycore.kernel.terms import AttemptId, BizLineId


def a_row(seq: int = 1, **given) -> RefundRow:
    no = given.get("pay_order_no", NO)
    return RefundRow(
        **{
            "pay_order_no": no,
            "refund_no": refund_no(no, seq),
            "biz_line": BizLineId("shop"),
            "out_refund_no": f"r-{seq}",
            "amount": 100,
            "money_amount": 90,
            "coupon_amount": 10,
            "currency": "CNY",
            "reason": None,
            "channel": "deduct_a",
            "account": "main",
            "inst_trans_id": "deduct_a.deduct",
            "original_request_no": AttemptId(f"{no}01"),
            "created_at": NOW,
            "quiet_from": NOW + timedelta(seconds=40),
            "next_check_at": NOW,
            **given,
        }
    )


def a_total(**given) -> RefundTotalRow:
    return RefundTotalRow(
        **{"pay_order_no": NO, "amount": 1000, "payable_amount": 900, **given}
    )


def begun(seq: int = 1, **given) -> Refund:
    """A refund whose call is about to be made, on record."""
    refund = Refund(a_row(seq, **given), new=True)
    refund.sending(now=NOW)
    refund.stored()
    return refund
