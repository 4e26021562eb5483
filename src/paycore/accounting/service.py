"""Posting (记账): the only door into accounting.

A posting is staged into the change that makes its fact true, so that neither can be
there without the other. It is keyed by the fact and its kind: a second one for the
same fact is a bug that the database refuses.
"""

from datetime import datetime

from paycore.accounting import chart
from paycore.accounting.chart import Fact, Kind, Line
from paycore.accounting.rows import BalanceRow, EntryRow, PostingRow
from paycore.kernel.journal import Change
from paycore.kernel.node import Node
from paycore.kernel.terms import BizLineId, PayOrderNo, RefundNo


def post_payment(
    node: Node,
    change: Change,
    *,
    pay_order_no: PayOrderNo,
    channel: str,
    account: str,
    amount: int,
    coupon_amount: int,
    payable_amount: int,
    currency: str,
    biz_line: BizLineId,
    at: datetime,
) -> None:
    """Stage the posting of a payment that succeeded at this channel's account."""
    fact = Fact(
        channel=channel,
        account=account,
        biz_line=biz_line,
        amount=amount,
        payable_amount=payable_amount,
        coupon_amount=coupon_amount,
    )
    _post(node, change, Kind.PAYMENT, fact, no=pay_order_no, currency=currency, at=at)


def post_refund(
    node: Node,
    change: Change,
    *,
    pay_order_no: PayOrderNo,
    refund_no: RefundNo,
    channel: str,
    account: str,
    amount: int,
    coupon_amount: int,
    money_amount: int,
    currency: str,
    biz_line: BizLineId,
    at: datetime,
) -> None:
    """Stage the posting of a refund that this channel's account gave back."""
    fact = Fact(
        channel=channel,
        account=account,
        biz_line=biz_line,
        amount=amount,
        payable_amount=money_amount,
        coupon_amount=coupon_amount,
    )
    _post(
        node,
        change,
        Kind.REFUND,
        fact,
        no=pay_order_no,
        of=refund_no,
        currency=currency,
        at=at,
    )


def post_late(
    node: Node,
    change: Change,
    *,
    pay_order_no: PayOrderNo,
    refund_no: RefundNo,
    channel: str,
    account: str,
    amount: int,
    currency: str,
    biz_line: BizLineId,
    at: datetime,
    returned: bool,
) -> None:
    """Stage the posting of late money that came, or that went back by this refund."""
    fact = Fact(
        channel=channel,
        account=account,
        biz_line=biz_line,
        amount=amount,
        payable_amount=amount,
        coupon_amount=0,
    )
    kind = Kind.LATE_REFUND if returned else Kind.LATE_MONEY
    _post(
        node,
        change,
        kind,
        fact,
        no=pay_order_no,
        of=refund_no,
        currency=currency,
        at=at,
    )


def _post(
    node: Node,
    change: Change,
    kind: Kind,
    fact: Fact,
    *,
    no: PayOrderNo,
    of: str = "",
    currency: str,
    at: datetime,
) -> None:
    """Stage the posting of a fact, by its rule."""
    posting = chart.lines(kind, fact)
    post_lines(node, change, kind, posting, no=no, of=of, currency=currency, at=at)


def post_lines(
    node: Node,
    change: Change,
    kind: Kind,
    posting: tuple[Line, ...],
    *,
    no: PayOrderNo,
    of: str = "",
    currency: str,
    at: datetime,
) -> None:
    """Stage a posting, its entries and what they add to this node's balances."""
    change.append(
        PostingRow(
            pay_order_no=no,
            kind=kind,
            fact=of,
            currency=currency,
            amount=chart.total(posting),
            at=at,
        )
    )
    for number, line in enumerate(posting, 1):
        change.append(
            EntryRow(
                pay_order_no=no,
                kind=kind,
                fact=of,
                line=number,
                account=line.account,
                side=line.side,
                amount=line.amount,
            )
        )
        change.add(
            BalanceRow(
                account=line.account,
                currency=currency,
                slot=node.heartbeat.slot,
                amount=line.signed,
            )
        )
