"""Suspense (挂账): what a channel and we differ about is parked, and settled once.

A difference is parked with the case that tells it, under the case's own id: the posting
(DISCREPANCY) is there once because the case is. It is settled by one ADJUSTMENT under
the same id, which takes exactly as much out of suspense again.
"""

from dataclasses import dataclass
from datetime import datetime

from msgspec.structs import replace

from paycore.accounting import chart
from paycore.accounting.chart import Account, Fact, Kind
from paycore.accounting.rows import EntryRow, PostingRow
from paycore.accounting.service import post_lines
from paycore.kernel.journal import Change
from paycore.kernel.node import Node
from paycore.kernel.terms import BizLineId, PayOrderNo

__all__ = ["Account", "Parked", "park", "parked", "settle"]

NOBODY = BizLineId("")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parked:
    """What stands in suspense for one case."""

    no: PayOrderNo
    """The payment, or the beginning of a number: where its postings lie."""
    case_id: str
    channel: str
    account: str
    amount: int
    currency: str
    surplus: bool
    """Whether the channel has more than our books say; else it has less."""


def park(node: Node, change: Change, what: Parked, *, at: datetime) -> None:
    """Stage it into suspense."""
    _post(node, change, Kind.DISCREPANCY, what, _fact(what), at=at)


def settle(
    node: Node,
    change: Change,
    what: Parked,
    *,
    to: Account,
    biz_line: BizLineId = NOBODY,
    at: datetime,
) -> None:
    """Stage it out of suspense again, to where it belongs; to the channel's own account
    is as if it had never been parked.
    """
    fact = replace(_fact(what), biz_line=biz_line)
    fact = replace(fact, other=fact.named(to))
    _post(node, change, Kind.ADJUSTMENT, what, fact, at=at)


async def parked(node: Node, no: PayOrderNo, case_id: str) -> Parked | None:
    """What stands in suspense for a case by now."""
    posted = await node.journal.load(PostingRow, no, Kind.DISCREPANCY, case_id)
    if posted is None or await _settled(node, no, case_id):
        return None
    lines = [
        line
        for line in await node.journal.within(EntryRow, no)
        if (line.kind, line.fact) == (Kind.DISCREPANCY, case_id)
    ]
    (suspense,) = (line for line in lines if line.account == Account.SUSPENSE)
    (other,) = (line for line in lines if line.account != Account.SUSPENSE)
    _, channel, account = other.account.split(":", 2)
    return Parked(
        no=no,
        case_id=case_id,
        channel=channel,
        account=account,
        amount=posted.amount,
        currency=posted.currency,
        surplus=suspense.side == chart.Side.CREDIT,
    )


async def _settled(node: Node, no: PayOrderNo, case_id: str) -> bool:
    key = (no, Kind.ADJUSTMENT, case_id)
    return await node.journal.load(PostingRow, *key) is not None


def _fact(what: Parked) -> Fact:
    return Fact(
        channel=what.channel,
        account=what.account,
        biz_line=NOBODY,
        amount=what.amount,
        payable_amount=what.amount,
        coupon_amount=0,
    )


def _post(
    node: Node, change: Change, kind: Kind, what: Parked, fact: Fact, *, at: datetime
) -> None:
    posting = chart.lines(kind, fact)
    post_lines(
        *(node, change, kind, posting if what.surplus else chart.turned(posting)),
        no=what.no,
        of=what.case_id,
        currency=what.currency,
        at=at,
    )
