"""The order as outsiders see it: the same document in the API's answers, in lists and
in notices (`data`). Built here because notices are written where the status is.
"""

from datetime import datetime, timedelta
from math import ceil

import msgspec

from paycore.core.rows import PaymentRow
from paycore.kernel.terms import (
    BizStatus,
    CodeSender,
    PayOrderNo,
    PayType,
    VerifyStatus,
)


class Code(msgspec.Struct, frozen=True, kw_only=True):
    """The code in force: who sent it, whereto, how long it is good."""

    sent_by: CodeSender
    phone: str | None
    expires_at: datetime | None
    resend_after_s: int
    """Seconds until another may be asked for; 0 is now."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """A payment order (design of the API: docs/walk.md)."""

    pay_order_no: PayOrderNo
    out_biz_no: str
    biz_order_no: str
    amount: int
    payable_amount: int
    refunded_amount: int = 0
    """Of the amount: what was given back by now."""
    currency: str
    pay_type: PayType
    biz_status: BizStatus
    verify_status: VerifyStatus
    code: Code | None
    resp_code: str
    resp_msg: str
    created_at: datetime
    expires_at: datetime
    finished_at: datetime | None


class ConfirmResult(msgspec.Struct, frozen=True, kw_only=True):
    """The article's seven fields, and the tries left (null: the bank counts)."""

    biz_order_no: str
    pay_order_no: PayOrderNo
    out_biz_no: str
    biz_status: BizStatus
    verify_status: VerifyStatus
    resp_code: str
    resp_msg: str
    tries_left: int | None


def order_of(
    row: PaymentRow, *, now: datetime, code_gap_s: int, refunded: int = 0
) -> Order:
    """The order as of now."""
    return Order(
        pay_order_no=row.pay_order_no,
        out_biz_no=row.out_biz_no,
        biz_order_no=row.biz_order_no or row.out_biz_no,
        amount=row.amount,
        payable_amount=row.payable_amount,
        refunded_amount=refunded,
        currency=row.currency,
        pay_type=row.pay_type,
        biz_status=row.biz_status,
        verify_status=row.verify_status,
        code=_code(row, now, code_gap_s),
        resp_code=row.resp_code,
        resp_msg=row.resp_msg,
        created_at=row.created_at,
        expires_at=row.expires_at,
        finished_at=row.finished_at,
    )


def confirm_result_of(row: PaymentRow, *, tries_left: int | None) -> ConfirmResult:
    """What a confirm answers."""
    return ConfirmResult(
        biz_order_no=row.biz_order_no or row.out_biz_no,
        pay_order_no=row.pay_order_no,
        out_biz_no=row.out_biz_no,
        biz_status=row.biz_status,
        verify_status=row.verify_status,
        resp_code=row.resp_code,
        resp_msg=row.resp_msg,
        tries_left=tries_left,
    )


def resend_after_s(row: PaymentRow, *, now: datetime, code_gap_s: int) -> int:
    """Seconds until the payer may ask for another code."""
    if row.code_sent_at is None:
        return 0
    left = row.code_sent_at + timedelta(seconds=code_gap_s) - now
    return max(0, ceil(left.total_seconds()))


def _code(row: PaymentRow, now: datetime, code_gap_s: int) -> Code | None:
    if row.code_by is None or row.biz_status.final:
        return None
    return Code(
        sent_by=row.code_by,
        phone=row.code_phone,
        expires_at=row.code_expires_at,
        resend_after_s=resend_after_s(row, now=now, code_gap_s=code_gap_s),
    )
