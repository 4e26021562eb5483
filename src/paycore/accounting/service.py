"""Posting (记账): the only door into accounting.

The rules are read from the database when a node starts, and kept.

A posting is staged into the change that makes its fact true, so that neither can be
there without the other. It is keyed by the fact and its kind: a second one for the
same fact is a bug that the database refuses.
"""

import re
from dataclasses import dataclass, field
from datetime import datetime

from paycore.accounting import chart
from paycore.accounting.chart import Fact, Kind, Rules
from paycore.accounting.feed import claim
from paycore.accounting.rows import (
    AccountRow,
    AdjustmentRow,
    BalanceRow,
    EntryRow,
    FeedRow,
    PostingRow,
    RuleRow,
)
from paycore.kernel.errors import BadRequest, Duplicate, Misconfigured
from paycore.kernel.journal import Change
from paycore.kernel.node import Node
from paycore.kernel.terms import BizLineId, PayOrderNo, RefundNo

__all__ = [
    "NO_PAYMENT",
    "adjust",
    "claim",
    "of_no_payment",
    "post_aside",
    "post_late",
    "post_payment",
    "post_refund",
    "read",
]

NO_PAYMENT = "-"
"""Begins the number of what is of no payment: its day follows."""

NAME = re.compile(r"[a-z_]+(:[A-Za-z0-9_.-]{1,64}){0,2}")
"""An account's full name."""


def of_no_payment(day: str) -> PayOrderNo:
    """Where what is of no payment lies: with the rest of its day (2026-11-28)."""
    return PayOrderNo(NO_PAYMENT + day)


@dataclass(slots=True)
class Books:
    """What this node posts by."""

    rules: Rules = field(default_factory=lambda: chart.RULES)


async def read(node: Node) -> None:
    """Take the rules from the database; Misconfigured where they are no good."""
    accounts = {row.account for row in await node.journal.every(AccountRow)}
    rows = await node.journal.every(RuleRow)
    try:
        rules = chart.checked(
            ((row.kind, row.debit, row.credit, row.part) for row in rows), accounts
        )
    except ValueError as error:
        raise Misconfigured(f"the posting rules are no good: {error}") from error
    node.state(Books).rules = rules


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
    post_aside(
        node,
        change,
        Kind.LATE_REFUND if returned else Kind.LATE_MONEY,
        of=refund_no,
        channel=channel,
        account=account,
        amount=amount,
        currency=currency,
        at=at,
        pay_order_no=pay_order_no,
        biz_line=biz_line,
    )


def post_aside(
    node: Node,
    change: Change,
    kind: Kind,
    *,
    of: str,
    channel: str,
    account: str,
    amount: int,
    currency: str,
    at: datetime,
    day: str = "",
    pay_order_no: PayOrderNo | None = None,
    biz_line: str = "",
    debit: str = "",
    credit: str = "",
    once: bool = False,
) -> None:
    """Stage what is posted beside the payments' path, of a payment or else of a `day`.

    `once`: nothing else in the change guards the fact, which is its kind and what it is
    `of`: a change that stages it again is refused.
    """
    fact = Fact(
        channel=channel,
        account=account,
        biz_line=biz_line,
        amount=amount,
        payable_amount=amount,
        debit=debit,
        credit=credit,
    )
    no = pay_order_no or of_no_payment(day)
    _post(node, change, kind, fact, no=no, of=of, currency=currency, at=at, once=once)


async def adjust(
    node: Node,
    adjustment_no: str,
    *,
    debit: str,
    credit: str,
    amount: int,
    currency: str,
    made_by: str,
    why: str,
    approved_by: str | None = None,
) -> None:
    """Post an adjustment (调账) by hand; the number is given once, for ever."""
    await _demand_accounts(node, debit, credit)
    if any(name.startswith(PARKED) for name in (debit, credit)):
        raise BadRequest("What is parked leaves suspense by its case: `paycore desk`.")
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,64}", adjustment_no):
        raise BadRequest("A number is 1 to 64 of A-Za-z0-9._-.", field="number")
    if not 1 <= amount <= MOST or not re.fullmatch(r"[A-Z]{3}", currency):
        raise BadRequest("An amount is 1 to 10^12 minor units of a currency.")
    if approved_by is not None and not 1 <= len(approved_by) <= 64:
        raise BadRequest("Say who has approved it (64 characters at most).")
    if approved_by == made_by:
        raise BadRequest("Who approves is another person than who makes it.")
    if not (1 <= len(made_by) <= 64 and 1 <= len(why) <= 500):
        raise BadRequest("Say who (64 characters at most) and why (500 at most).")
    fact = Fact(amount=amount, payable_amount=amount, debit=debit, credit=credit)
    change, now = node.change(), node.now()
    change.insert(
        AdjustmentRow(
            adjustment_no=adjustment_no,
            made_by=made_by,
            approved_by=approved_by,
            why=why,
            at=now,
        )
    )
    _post(
        *(node, change, Kind.ADJUSTMENT, fact),
        no=of_no_payment(f"{now:%Y-%m-%d}"),
        of=adjustment_no,
        currency=currency,
        at=now,
        once=True,
    )
    if await node.journal.commit(change) is not None:
        raise Duplicate


MOST = 10**12

PARKED = "suspense_"
"""How the accounts begin that hold what cases are about."""


async def _demand_accounts(node: Node, debit: str, credit: str) -> None:
    """Refuse names that the chart has not."""
    if debit == credit:
        raise BadRequest("An adjustment is from one account to another.")
    rows = await node.journal.every(AccountRow)
    roots = {
        (row.account.split(":")[0], row.account.count(":"))
        for row in rows
        if row.category != "ANY"
    }
    for name in (debit, credit):
        root = (name.split(":")[0], name.count(":"))
        if not NAME.fullmatch(name) or root not in roots:
            raise BadRequest("The chart has no such account: `paycore ledger chart`.")


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
    once: bool = False,
) -> None:
    """Stage the posting, its entries and what they add to this node's balances, and
    where the user has a ledger of his own, that he is to have it.
    """
    posting = chart.lines(kind, fact, node.state(Books).rules)
    row = PostingRow(
        pay_order_no=no,
        kind=kind,
        fact=of,
        currency=currency,
        amount=chart.total(posting),
        at=at,
    )
    if once:
        change.insert(row)
    else:
        change.append(row)
    if node.settings.ledger_url:
        change.append(
            FeedRow(pay_order_no=no, kind=kind, fact=of, booked_at=at, next_check_at=at)
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
