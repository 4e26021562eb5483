"""A refund as outsiders see it: the same document in the API's answers, in lists and in
notices (`data`).
"""

from datetime import datetime

import msgspec

from paycore.core.rows import RefundRow
from paycore.kernel.terms import PayOrderNo, RefundKind, RefundNo, RefundStatus


class Refund(msgspec.Struct, frozen=True, kw_only=True):
    """A refund (docs/refunds.md)."""

    refund_no: RefundNo
    pay_order_no: PayOrderNo
    kind: RefundKind
    """LATE_MONEY: nobody asked for it; money came when it must not, and goes back."""
    out_refund_no: str | None
    amount: int
    money_amount: int
    coupon_amount: int
    currency: str
    reason: str | None
    biz_status: RefundStatus
    resp_code: str
    resp_msg: str
    created_at: datetime
    finished_at: datetime | None


class RefundLine(Refund, frozen=True, kw_only=True):
    """A refund as operators see it: whose it is, and how it stands at the channel."""

    biz_line: str
    case_id: str | None
    channel: str
    account: str
    original_request_no: str
    """Of the money that goes back."""
    channel_ref: str | None
    outcome: str | None
    sends: int
    next_check_at: datetime | None


class RefundStep(msgspec.Struct, frozen=True, kw_only=True):
    """What happened to a refund."""

    at: datetime
    event: str
    from_status: str
    to_status: str
    cause: str


def line_of(row: RefundRow) -> RefundLine:
    """The same as of now, for operators."""
    return RefundLine(
        **msgspec.structs.asdict(refund_of(row)),
        biz_line=row.biz_line,
        case_id=row.case_id,
        channel=row.channel,
        account=row.account,
        original_request_no=row.original_request_no,
        channel_ref=row.channel_ref,
        outcome=row.outcome,
        sends=row.sends,
        next_check_at=row.next_check_at,
    )


def refund_of(row: RefundRow) -> Refund:
    """The refund as of now."""
    return Refund(
        refund_no=row.refund_no,
        pay_order_no=row.pay_order_no,
        kind=row.kind,
        out_refund_no=row.out_refund_no,
        amount=row.amount,
        money_amount=row.money_amount,
        coupon_amount=row.coupon_amount,
        currency=row.currency,
        reason=row.reason,
        biz_status=row.status,
        resp_code=row.resp_code,
        resp_msg=row.resp_msg,
        created_at=row.created_at,
        finished_at=row.finished_at,
    )
