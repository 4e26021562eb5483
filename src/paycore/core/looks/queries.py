"""Payments as operators look for them: read-only SQL, off the payment's path.

A list is a range of an index, newest first by number. What an index does not know is
looked for in so many of the range (`SCAN`) and no more: then the answer says how far
it came, and the next page goes on from there. Only those whose result is unknown go by
another order, the oldest first: whoever is at them begins with these.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, Protocol, TypeVar

import msgspec

from paycore.accounting.rows import EntryRow, PostingRow
from paycore.cards.rows import CardRow
from paycore.core.looks.document import Line, Read
from paycore.core.looks.numbers import made_at, ours_in
from paycore.core.queries import numbered
from paycore.core.rows import AttemptRow, PaymentRow, RefundRow, RefundTotalRow
from paycore.core.timeline import Item, told
from paycore.gateway.rows import MessageRow
from paycore.kernel.db import Pool
from paycore.kernel.errors import DataNotExist
from paycore.kernel.journal import Row
from paycore.kernel.terms import SMS_CENTRE, BizStatus, PayOrderNo
from paycore.notify.rows import NoticeRow

__all__ = [
    "UNKNOWN_LEG",
    "Asked",
    "Oldest",
    "Page",
    "Pool",
    "named",
    "oldest_unknown",
    "search",
    "timeline",
    "whole",
]

UNKNOWN_LEG = """
    trans_type IN ('QUICK_PAY_CONFIRM', 'DEDUCT')
AND process_status IN ('INIT', 'GW_DOING')
AND (outcome IS NOT NULL OR quiet_from < clock_timestamp())
"""
"""What makes the result of a payment that is open unknown: an attempt that asked for
its money is open, and its channel has answered without a last word, or by now surely
nobody is still sending it. The overview counts by the same words."""

SCAN = 50_000
"""So many payments one page looks at, at most, where they lie side by side."""
SCATTERED = 10_000
"""The same where they do not: a line's, which are one of so many."""
LOOK_UPS = 5_000
"""The same where besides something is looked up for each."""
MOST_NAMED = 1_000
"""So many payments one number means, at most: the newest."""

R = TypeVar("R", bound=Row)


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What payments are to be like; None: no matter."""

    numbers: Sequence[str] | None = None
    tail: str | None = None
    """Of the card or of the phone."""
    biz_line: str | None = None
    biz_status: str | None = None
    pay_type: str | None = None
    converted: bool | None = None
    currency: str | None = None
    amount_from: int | None = None
    amount_to: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    channel: str | None = None
    resp_code: str | None = None


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """What was found, newest first, and before which number the next page goes on."""

    lines: list[Line]
    before: str | None
    """None: there is nothing behind it."""
    searched_from: datetime | None
    """Where it was not looked at all: back to then."""


Place = tuple[datetime, str]
"""Behind which payment the next page goes on: since when its result is unknown, and its
number."""


class Oldest(msgspec.Struct, frozen=True, kw_only=True):
    """Payments whose result is unknown, the oldest first; None: there is nothing behind
    them.
    """

    lines: list[Line]
    after: Place | None


# The range that is looked at: each by an index that knows all of its condition, so that
# it holds what it looks at and nothing else. The lateral parts are one row each, by
# their keys, whatever the planner thinks of their tables.
_END = """
SELECT pay_order_no FROM payment
WHERE pay_order_no >= $1 AND pay_order_no < $2 AND {condition}
ORDER BY pay_order_no DESC
OFFSET $3 LIMIT 1
"""
_FOUND = """
WITH went_there AS MATERIALIZED (
    SELECT pay_order_no FROM attempt
    WHERE pay_order_no >= $1 AND pay_order_no < $2 AND channel = $16
), theirs AS MATERIALIZED (
    SELECT card_id FROM cards_card WHERE tail = $15 OR right(phone_masked, 4) = $15
), found AS (
    SELECT * FROM {source}
    WHERE pay_order_no >= $1 AND pay_order_no < $2 AND {condition}
      AND ($6::text IS NULL OR biz_status = $6)
      AND ($7::text IS NULL OR pay_type = $7)
      AND ($8::bool IS NULL OR (converted_at IS NOT NULL) = $8)
      AND ($9::text IS NULL OR currency = $9)
      AND ($10::bigint IS NULL OR amount >= $10)
      AND ($11::bigint IS NULL OR amount <= $11)
      AND ($12::timestamptz IS NULL OR created_at >= $12)
      AND ($13::timestamptz IS NULL OR created_at < $13)
      AND ($14::text IS NULL OR resp_code = $14)
      AND ($15::text IS NULL OR card_id IN (TABLE theirs))
      AND ($16::text IS NULL OR {there})
    ORDER BY {order}
    LIMIT $3
)
SELECT f.pay_order_no, f.biz_line, f.out_biz_no, f.biz_order_no, f.amount,
       f.payable_amount, f.currency, f.pay_type, f.biz_status, f.verify_status,
       f.converted_at IS NOT NULL AS converted, f.held, c.tail AS card_tail,
       right(c.phone_masked, 4) AS phone_tail, c.bank, last.channel, f.resp_code,
       f.created_at, f.finished_at, unknown.created_at AS unknown_since
FROM found f
LEFT JOIN LATERAL (
    SELECT tail, phone_masked, bank FROM cards_card WHERE card_id = f.card_id LIMIT 1
) c ON true
LEFT JOIN LATERAL (
    SELECT channel FROM attempt
    WHERE pay_order_no = f.pay_order_no AND channel <> '{sms_centre}'
    ORDER BY seq DESC LIMIT 1
) last ON true
LEFT JOIN LATERAL (
    SELECT created_at FROM attempt
    WHERE f.next_check_at IS NOT NULL AND pay_order_no = f.pay_order_no AND {leg}
    LIMIT 1
) unknown ON true
ORDER BY {shown}
"""
_BY_NUMBER = "pay_order_no DESC"
_BY_AGE = "unknown_since, pay_order_no"

# Those that are open are few, and have an index of their own (`payment_due`); a payment
# has one open leg at most, which has another (`attempt_one_money_leg`).
_UNKNOWN = f"""(
    SELECT open.*, leg.created_at AS unknown_since
    FROM payment open CROSS JOIN LATERAL (
        SELECT created_at FROM attempt
        WHERE pay_order_no = open.pay_order_no AND {UNKNOWN_LEG}
        LIMIT 1
    ) leg
    WHERE open.next_check_at IS NOT NULL
) payment"""  # noqa: S608 - a text of ours

_CONDITIONS = MappingProxyType(
    {
        "numbers": """pay_order_no = ANY($5::text[])
            AND ($4::text IS NULL OR biz_line = $4)""",
        "open": "next_check_at IS NOT NULL AND ($4::text IS NULL OR biz_line = $4)",
        "not paid": "biz_line = $4 AND biz_status IN ('FAIL', 'CLOSED')",
        "line": "biz_line = $4",
        "all": "true",
        "unknown": """($4::text IS NULL OR biz_line = $4)
            AND ($5::text[] IS NULL OR pay_order_no = ANY($5))
            AND ($17::timestamptz IS NULL
                 OR (unknown_since, pay_order_no) > ($17, $18::text))""",
    }
)
"""By what each range is kept: its primary key, or one of the indexes of docs/schema.md
(`payment_due`, `payment_not_paid`, `payment_of_line`). Open payments are few.
"""


# Where attempts went: beside payments that lie side by side a range of its own, because
# each key of theirs would be looked for in every month.
_WENT_THERE = MappingProxyType(
    {
        True: "pay_order_no IN (TABLE went_there)",
        False: """(SELECT true FROM attempt a
            WHERE a.pay_order_no = payment.pay_order_no AND channel = $16 LIMIT 1)""",
    }
)


def range_of(asked: Asked) -> str:
    """By which condition the range is read that holds all that is asked for."""
    if asked.numbers is not None:
        return "numbers"
    if asked.biz_status == BizStatus.DOING:
        return "open"
    if asked.biz_line is None:
        return "all"
    not_paid = asked.biz_status in (BizStatus.FAIL, BizStatus.CLOSED)
    return "not paid" if not_paid else "line"


def statement(text: str, kind: str) -> str:
    """The statement over a range; a parameter that it does not use is still typed."""
    condition = _CONDITIONS[kind]
    unused = [
        f"${number}::{form} IS NOT DISTINCT FROM ${number}"
        for number, form in ((4, "text"), (5, "text[]"))
        if f"${number}" not in condition
    ]
    order = _BY_AGE if kind == "unknown" else _BY_NUMBER
    return text.format(
        condition=" AND ".join((condition, *unused)),
        there=_WENT_THERE[kind == "all"],
        sms_centre=SMS_CENTRE,
        leg=UNKNOWN_LEG,
        source=_UNKNOWN if kind == "unknown" else "payment",
        order=order,
        shown=order if kind == "unknown" else f"f.{order}",
    )


def knows_it_all(asked: Asked, kind: str) -> bool:
    """Whether all that is in a range is as asked, but for an hour at its ends."""
    more = (asked.pay_type, asked.converted, asked.currency, asked.amount_from)
    others = (asked.amount_to, asked.resp_code, asked.tail, asked.channel)
    by_status = asked.biz_status is None or kind == "open"
    return kind == "numbers" or (by_status and {*more, *others} == {None})


def scan_of(asked: Asked, kind: str) -> int:
    """How many payments one page looks at, at most."""
    if kind == "all":
        return SCAN
    return SCATTERED if asked.channel is None else LOOK_UPS


async def search(
    pool: Pool,
    asked: Asked,
    *,
    before: str | None,
    limit: int,
    scan: int | None = None,
) -> Page:
    """The newest payments that are as asked, before a number if one is given."""
    kind = range_of(asked)
    scan = scan or scan_of(asked, kind)
    first, last = numbered(asked.since, asked.until)
    last = last if before is None else min(before, last)
    place = (asked.biz_line, asked.numbers)
    end: str | None = None
    if not knows_it_all(asked, kind):
        end = await pool.fetchval(
            statement(_END, kind), *(first, last, scan - 1, *place)
        )
    lines = await _found(pool, kind, asked, (end or first, last, limit + 1))
    if len(lines) > limit:
        before = lines[limit - 1].pay_order_no
        return Page(lines=lines[:limit], before=before, searched_from=None)
    searched_from = None if end is None else made_at(end)
    return Page(lines=lines, before=end, searched_from=searched_from)


async def oldest_unknown(
    pool: Pool, asked: Asked, *, after: Place | None, limit: int
) -> Oldest:
    """The payments whose result is unknown and that are as asked, the oldest first,
    behind a place if one is given: all that are open are looked at, and no others.
    """
    within = (*numbered(asked.since, asked.until), limit + 1)
    place = (None, None) if after is None else after
    lines = await _found(pool, "unknown", asked, within, *place)
    if len(lines) <= limit:
        return Oldest(lines=lines, after=None)
    last = lines[limit - 1]
    assert last.unknown_since is not None, "it was found by it"
    return Oldest(lines=lines[:limit], after=(last.unknown_since, last.pay_order_no))


async def _found(
    pool: Pool, kind: str, asked: Asked, within: tuple[str, str, int], *place: object
) -> list[Line]:
    """The payments of a range that are as asked."""
    records = await pool.fetch(
        statement(_FOUND, kind),
        *(*within, asked.biz_line, asked.numbers),
        *(asked.biz_status, asked.pay_type, asked.converted, asked.currency),
        *(asked.amount_from, asked.amount_to, asked.since, asked.until),
        *(asked.resp_code, asked.tail, asked.channel, *place),
    )
    return [Line(**dict(record)) for record in records]


# A line's numbers by their keys, a channel's by an index that knows of so many pages
# together what may be in them (a bloom filter each): the planner thinks too little of
# it, so that it is not offered to read the whole table.
NAMED_BY_KEY = """
SELECT pay_order_no FROM payment_out_biz_no
WHERE biz_line = ANY($1::text[]) AND out_biz_no = $2
UNION
SELECT pay_order_no FROM refund_out_refund_no
WHERE biz_line = ANY($1::text[]) AND out_refund_no = $2
LIMIT $3
"""
NAMED_BY_BLOOM = """
(SELECT pay_order_no FROM payment WHERE biz_order_no = $1
 ORDER BY pay_order_no DESC LIMIT $2)
UNION ALL
(SELECT pay_order_no FROM payment WHERE coupon_no = $1
 ORDER BY pay_order_no DESC LIMIT $2)
UNION ALL
(SELECT pay_order_no FROM attempt WHERE channel_ref = $1
 ORDER BY pay_order_no DESC LIMIT $2)
UNION ALL
(SELECT pay_order_no FROM refund WHERE channel_ref = $1
 ORDER BY pay_order_no DESC LIMIT $2)
"""
NOT_THE_WHOLE = (
    "SET LOCAL enable_seqscan = off",
    "SET LOCAL max_parallel_workers_per_gather = 0",
    "SET LOCAL enable_indexscan = off",
    "SET LOCAL enable_indexonlyscan = off",
)


async def named(pool: Pool, lines: Sequence[str], asked: str) -> list[str]:
    """The payments that a number means, whoever gave it: we, a line or a channel."""
    ours = ours_in(asked)
    if ours is not None:
        return [ours]
    async with pool.acquire() as connection, connection.transaction(readonly=True):
        found = await connection.fetch(NAMED_BY_KEY, list(lines), asked, MOST_NAMED)
        for setting in NOT_THE_WHOLE:
            await connection.execute(setting)
        found += await connection.fetch(NAMED_BY_BLOOM, asked, MOST_NAMED)
    numbers = {record["pay_order_no"] for record in found}
    return sorted(numbers, reverse=True)[:MOST_NAMED]


async def whole(pool: Pool, no: PayOrderNo) -> Read:
    """All rows of a payment that operators see at once; DataNotExist without one."""
    async with (
        pool.acquire() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        within = _Within(connection)
        found = await within(PaymentRow, no)
        if not found:
            raise DataNotExist
        card = await connection.fetchrow(_CARD, found[0].card_id)
        totals = await within(RefundTotalRow, no)
        return Read(
            payment=found[0],
            card=None if card is None else msgspec.convert(dict(card), CardRow),
            attempts=await within(AttemptRow, no),
            messages=await within(MessageRow, no),
            refunds=await within(RefundRow, no),
            postings=await within(PostingRow, no),
            entries=await within(EntryRow, no),
            notices=await within(NoticeRow, no),
            refunded=sum(total.done_amount for total in totals),
        )


async def timeline(pool: Pool, no: PayOrderNo) -> list[Item]:
    """Everything that happened to a payment, oldest first; DataNotExist without one."""
    async with (
        pool.acquire() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        within = _Within(connection)
        if not await within(PaymentRow, no):
            raise DataNotExist
        return await told(within, no)


_CARD = "SELECT * FROM cards_card WHERE card_id = $1"


class _Asks(Protocol):
    """A connection, the pool's own or one that it lent."""

    async def fetch(self, query: str, /, *args: object) -> list[Any]:
        """The rows of an answer."""


class _Within:
    """Reads the rows that a payment has, one kind after the other: a connection has one
    question at a time.
    """

    def __init__(self, connection: _Asks) -> None:
        self._connection = connection
        self._turn = asyncio.Lock()

    async def __call__(self, kind: type[R], no: PayOrderNo, /) -> list[R]:
        """All of one kind, in the order of their keys."""
        table = kind.__table__
        names = ", ".join(kind.__struct_fields__)
        text = (
            f"SELECT {names} FROM {table.name}"  # noqa: S608 - a row's own names
            f" WHERE pay_order_no = $1 ORDER BY {', '.join(table.key)}"
        )
        async with self._turn:
            records = await self._connection.fetch(text, no)
        return [msgspec.convert(dict(record), kind) for record in records]
