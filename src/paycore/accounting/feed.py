"""The feed (凭证推送): each posting, told to the user's own ledger until it says so.

A posting to be told is staged in the commit of the posting, so that neither can be
there without the other. It is sent at least once, under an id that is the same at every
try, so that the other side books it once; and those of one payment one after the other,
each after the last one was acknowledged. Nothing is ever given up: a ledger that is
away is asked by one posting at a time, and a person is told when it has been for long.
docs/contracts/ledger.openapi.json is what the other side has to do.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

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
from paycore.kernel.http import Answered, HttpResult, NotSent
from paycore.kernel.node import Node
from paycore.kernel.partner import FIRST_WAIT_S, Partner, Sign, each, next_try, post
from paycore.kernel.terms import PayOrderNo

Ours = dict[tuple[object, ...], FeedRow]
"""What was claimed of one payment, by its key."""

TIMEOUT_S = 15.0

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
    if not node.settings.ledger_url:
        return 0
    rows = await node.state(Line).due(node, FeedRow, limit)
    by_payment: dict[PayOrderNo, Ours] = {}
    for row in rows:
        by_payment.setdefault(row.pay_order_no, {})[row.key()] = row
    await each(by_payment.values(), partial(_tell, node, sign))
    return len(rows)


async def _tell(node: Node, sign: Sign, ours: Ours) -> None:
    """Send what is ours of one payment, in order, as far as it goes."""
    no = next(iter(ours.values())).pay_order_no
    postings, entries, feed = await asyncio.gather(
        node.journal.within(PostingRow, no),
        node.journal.within(EntryRow, no),
        node.journal.within(FeedRow, no),
    )
    by_key = {posting.key(): posting for posting in postings}
    for row in _in_order(feed):
        if row.status is FeedStatus.ACKNOWLEDGED:
            continue
        mine, posting = ours.pop(row.key(), None), by_key.get(row.key())
        if mine is None or posting is None:
            # Another node has the one that comes first, or it waits.
            again_at = row.next_check_at
        else:
            body = document(posting, entries)
            again_at = await _conclude(node, mine, await _send(node, body, mine, sign))
        if again_at is not None:
            await _put_back(node, ours.values(), again_at)
            return


def _in_order(rows: Sequence[FeedRow]) -> list[FeedRow]:
    return sorted(rows, key=lambda row: (row.booked_at, row.kind, row.fact))


async def _send(node: Node, body: bytes, row: FeedRow, sign: Sign) -> str | None:
    """One try: None where it was acknowledged, else why not, in our own words."""
    line, settings = node.state(Line), node.settings
    if line.shut(node):
        return "the ledger is away"
    result = await post(
        *(node, settings.ledger_url, settings.ledger_key),
        id_=row.posting_id,
        body=body,
        sign=sign,
        timeout_s=TIMEOUT_S,
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


async def _conclude(node: Node, row: FeedRow, said: str | None) -> datetime | None:
    """Write down what a try came to; when it is sent again, if it is, and until when
    the next of the payment waits.
    """
    after = _after(row, said, node.now())
    change = node.change()
    change.update(after, version=row.version)
    try:
        refused = await node.journal.commit(change)
        if said is not None:
            await _alarm(node, after)
    except Unavailable:
        _log.warning("feed_result_not_written", posting_id=row.posting_id)
        return row.next_check_at
    return row.next_check_at if refused is not None else after.next_check_at


def _after(row: FeedRow, said: str | None, now: datetime) -> FeedRow:
    """A row after a try: acknowledged (None), or to be sent again, and why."""
    free = replace(row, lease_epoch=None, lease_until=None, tries=row.tries + 1)
    if said is not None:
        return replace(free, last_result=said, next_check_at=next_try(row.tries, now))
    return replace(
        free,
        status=FeedStatus.ACKNOWLEDGED,
        last_result="",
        acknowledged_at=now,
        next_check_at=None,
    )


async def _put_back(node: Node, rows: Iterable[FeedRow], until: datetime) -> None:
    """They may not go yet: what comes before them goes first, and not before then."""
    soon = node.now() + timedelta(seconds=FIRST_WAIT_S)
    await asyncio.gather(*(_wait(node, row, max(soon, until)) for row in rows))


async def _wait(node: Node, row: FeedRow, until: datetime) -> None:
    change = node.change()
    change.update(
        replace(row, lease_epoch=None, lease_until=None, next_check_at=until),
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
