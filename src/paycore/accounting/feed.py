"""The feed (凭证推送): each posting, told to the user's own ledger until it says so.

A posting to be told is staged in the commit of the posting, so that neither can be
there without the other. It is sent at least once, under an id that is the same at every
try, so that the other side books it once; and those of one payment one after the other,
each after the last one was acknowledged. Nothing is ever given up: a ledger that is
away is asked by one posting at a time, and a person is told when it has been for long.
docs/contracts/ledger.openapi.json is what the other side has to do.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
from msgspec.structs import replace

from paycore.accounting.rows import (
    EntryRow,
    FeedRow,
    FeedStatus,
    PostingRow,
    posting_id,
)
from paycore.desk import service as desk
from paycore.kernel import log
from paycore.kernel.errors import Unavailable
from paycore.kernel.http import Answered, HttpRequest, HttpResult, NotSent
from paycore.kernel.node import Node
from paycore.kernel.partner import Partner
from paycore.kernel.terms import PayOrderNo

Sign = Callable[[Sequence[bytes], str, datetime, bytes], Mapping[str, str]]
"""Headers by keys, id, time and body: as notices are signed."""

TIMEOUT_S = 15.0
LEASE = timedelta(seconds=120)
"""For what one claim may take: a few postings of a payment, one after the other."""

AT_ONCE = 16

FIRST_WAIT_S = 2
LONGEST_WAIT_S = 300
"""Between tries of one posting, each wait twice the one before."""

CASE = "LEDGER_BEHIND"

_log = log.get(__name__)


@dataclass(slots=True)
class Line(Partner):
    """How the ledger was when this node last asked it."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A line of it."""

    line: int
    account: str
    side: str
    amount: int


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A posting on the wire."""

    posting_id: str
    kind: str
    pay_order_no: str | None
    fact: str
    currency: str
    amount: int
    booked_at: datetime
    entries: list[Entry]


def document(posting: PostingRow, entries: Sequence[EntryRow]) -> bytes:
    """A posting as it is sent: the same octets at every try."""
    of_payment = not posting.pay_order_no.startswith("-")
    return msgspec.json.encode(
        Document(
            posting_id=posting_id(posting.pay_order_no, posting.kind, posting.fact),
            kind=posting.kind,
            pay_order_no=posting.pay_order_no if of_payment else None,
            fact=posting.fact,
            currency=posting.currency,
            amount=posting.amount,
            booked_at=posting.at,
            entries=[
                Entry(
                    line=entry.line,
                    account=entry.account,
                    side=entry.side,
                    amount=entry.amount,
                )
                for entry in entries
                if (entry.kind, entry.fact) == (posting.kind, posting.fact)
            ],
        )
    )


async def claim(node: Node, limit: int, sign: Sign) -> int:
    """Send what is due, so many at most; how many postings that was."""
    line = node.state(Line)
    now = node.now()
    if not node.settings.ledger_url or line.stopping or line.shut(node):
        return 0
    rows = await node.journal.due(
        FeedRow,
        1 if line.failures else limit,
        now=now,
        epoch=node.epoch,
        live=node.heartbeat.live,
        lease_until=now + LEASE,
    )
    by_payment: dict[PayOrderNo, list[FeedRow]] = {}
    for row in rows:
        by_payment.setdefault(row.pay_order_no, []).append(row)
    places = asyncio.Semaphore(AT_ONCE)

    async def one(no: PayOrderNo, ours: list[FeedRow]) -> None:
        async with places:
            await _tell(node, no, {row.key(): row for row in ours}, sign)

    await asyncio.gather(*(one(no, ours) for no, ours in by_payment.items()))
    return len(rows)


def drain(node: Node) -> None:
    """Before the node stops: take nothing new; leases end with the node's life."""
    node.state(Line).stopping = True


async def _tell(
    node: Node, no: PayOrderNo, ours: dict[tuple[object, ...], FeedRow], sign: Sign
) -> None:
    """Send what is ours of one payment, in order, as far as it goes."""
    postings = {row.key(): row for row in await node.journal.within(PostingRow, no)}
    entries = await node.journal.within(EntryRow, no)
    for row in _in_order(await node.journal.within(FeedRow, no)):
        if row.status is FeedStatus.ACKNOWLEDGED:
            continue
        mine, posting = ours.pop(row.key(), None), postings.get(row.key())
        if mine is None or posting is None:
            break  # another node has the one that comes first, or it waits
        said = await _send(node, document(posting, entries), mine, sign)
        if not await _conclude(node, mine, said):
            break
    await asyncio.gather(*(_put_back(node, row) for row in ours.values()))


def _in_order(rows: Sequence[FeedRow]) -> list[FeedRow]:
    return sorted(rows, key=lambda row: (row.booked_at, row.kind, row.fact))


async def _send(node: Node, body: bytes, row: FeedRow, sign: Sign) -> str | None:
    """One try: None where it was acknowledged, else why not, in our own words."""
    line = node.state(Line)
    if line.failures and line.shut(node):
        return "the ledger is away"
    signed = sign([node.settings.ledger_key], row.posting_id, node.now(), body)
    result = await node.transport.send(
        HttpRequest(
            url=node.settings.ledger_url,
            headers={
                "content-type": "application/json",
                "user-agent": "paycore",
                **signed,
            },
            body=body,
            timeout_s=TIMEOUT_S,
            connect_timeout_s=node.settings.connect_timeout_s,
        )
    )
    said = _said(result)
    # What it refuses is that posting's: only who is away or broken is left alone.
    refused = isinstance(result, Answered) and 400 <= result.status < 500
    line.ended(node, well=said is None or refused)
    return said


def _said(result: HttpResult) -> str | None:
    match result:
        case Answered(status=status):
            return None if 200 <= status < 300 else f"HTTP {status}"
        case NotSent():
            return "NOT_SENT"
        case _:
            return "NO_ANSWER"


async def _conclude(node: Node, row: FeedRow, said: str | None) -> bool:
    """Write down what a try came to; whether the next of the payment may go."""
    now = node.now()
    free = replace(row, lease_epoch=None, lease_until=None, tries=row.tries + 1)
    if said is None:
        after = replace(
            free,
            status=FeedStatus.ACKNOWLEDGED,
            last_result="",
            acknowledged_at=now,
            next_check_at=None,
        )
    else:
        wait_s = min(FIRST_WAIT_S << min(row.tries, 10), LONGEST_WAIT_S)
        again_at = now + timedelta(seconds=wait_s)
        after = replace(free, last_result=said, next_check_at=again_at)
        await _alarm(node, after)
    change = node.change()
    change.update(after, version=row.version)
    try:
        refused = await node.journal.commit(change)
    except Unavailable:
        _log.warning("feed_result_not_written", posting_id=row.posting_id)
        return False
    return said is None and refused is None


async def _put_back(node: Node, row: FeedRow) -> None:
    """It may not go yet: what comes before it goes first."""
    later = node.now() + timedelta(seconds=FIRST_WAIT_S)
    change = node.change()
    change.update(
        replace(row, lease_epoch=None, lease_until=None, next_check_at=later),
        version=row.version,
    )
    await node.journal.commit(change)


async def _alarm(node: Node, row: FeedRow) -> None:
    """A case that a posting has waited for too long, unless one is open."""
    now = node.now()
    if now - row.booked_at < timedelta(seconds=node.settings.ledger_alarm_s):
        return
    change = node.change()
    await desk.open_case(
        node,
        change,
        kind=CASE,
        pay_order_no=None,
        about=f"{now:%Y-%m-%d}",
        evidence={
            "posting_id": row.posting_id,
            "booked_at": row.booked_at,
            "tries": row.tries,
            "last_result": row.last_result,
            "cure": "See that the ledger answers (docs/accounting.md): postings go on"
            " being sent, and nothing is lost.",
        },
        again=True,
    )
    if not change.empty:
        await node.journal.commit(change)
