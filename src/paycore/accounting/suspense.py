"""Suspense (挂账): what a channel and we differ about is parked, and settled once.

A difference is parked with the case that tells it, under the case's own id: the posting
(LONG where they have moved more than we, SHORT where less) is there once because the
case is. It is settled by one ADJUSTMENT under the same id, which takes exactly as much
out of suspense again.
"""

from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from paycore.accounting.chart import Account, Kind
from paycore.accounting.rows import EntryRow, PostingRow
from paycore.accounting.service import post_aside
from paycore.kernel.journal import Change
from paycore.kernel.node import Node
from paycore.kernel.terms import BizLineId, PayOrderNo

__all__ = ["Account", "Parked", "park", "parked", "settle"]

NOBODY = BizLineId("")

_KINDS = MappingProxyType({True: Kind.LONG, False: Kind.SHORT})
"""By whether it is a surplus."""


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
    post_aside(
        *(node, change, _KINDS[what.surplus]),
        of=what.case_id,
        channel=what.channel,
        account=what.account,
        amount=what.amount,
        currency=what.currency,
        at=at,
        pay_order_no=what.no,
    )


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
    place = {"channel": what.channel, "account": what.account, "biz_line": biz_line}
    of = Account.SUSPENSE_LONG if what.surplus else Account.SUSPENSE_SHORT
    ends = (of.format(**place), to.format(**place))
    debit, credit = ends if what.surplus else reversed(ends)
    post_aside(
        *(node, change, Kind.ADJUSTMENT),
        of=what.case_id,
        channel=what.channel,
        account=what.account,
        amount=what.amount,
        currency=what.currency,
        at=at,
        pay_order_no=what.no,
        debit=debit,
        credit=credit,
    )


async def parked(node: Node, no: PayOrderNo, case_id: str) -> Parked | None:
    """What stands in suspense for a case by now."""
    for surplus, kind in _KINDS.items():
        posted = await node.journal.load(PostingRow, no, kind, case_id)
        if posted is not None and not await _settled(node, no, case_id):
            channel, account = await _of_whom(node, no, kind, case_id)
            return Parked(
                no=no,
                case_id=case_id,
                channel=channel,
                account=account,
                amount=posted.amount,
                currency=posted.currency,
                surplus=surplus,
            )
    return None


async def _of_whom(
    node: Node, no: PayOrderNo, kind: Kind, case_id: str
) -> tuple[str, str]:
    """Whose channel and account it is, as the posting's accounts name them."""
    line = next(
        line
        for line in await node.journal.within(EntryRow, no)
        if (line.kind, line.fact) == (kind, case_id)
    )
    _, channel, account = line.account.split(":", 2)
    return channel, account


async def _settled(node: Node, no: PayOrderNo, case_id: str) -> bool:
    key = (no, Kind.ADJUSTMENT, case_id)
    return await node.journal.load(PostingRow, *key) is not None
