"""What people ask of refunds: read-only SQL, off the payment's path."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from paycore.core.refunds.document import RefundLine, RefundStep, line_of
from paycore.core.rows import RefundRow, RefundTransitionRow
from paycore.kernel.db import Pool
from paycore.kernel.errors import DataNotExist
from paycore.kernel.terms import BizLineId, PayOrderNo, RefundNo, RefundStatus

__all__ = [
    "UNKNOWN",
    "Asked",
    "Oldest",
    "Page",
    "Pool",
    "find",
    "oldest_unknown",
    "page",
    "refunded",
    "search",
    "steps",
]

UNKNOWN = """
next_check_at IS NOT NULL AND (outcome IS NOT NULL OR quiet_from < clock_timestamp())
"""
"""What makes a refund's result unknown: it is open, and its channel has answered
without a last word, or by now surely nobody is still sending it. The overview counts
by the same words."""

SCAN = 10_000
"""So many refunds one page of operators looks at, at most."""

# Newest payment first, and of each its newest refund: a range of the index
# (biz_line, pay_order_no, refund_no), whatever the filters leave of it.
REFUNDS_OF_LINE = """
SELECT refund.*
FROM refund
WHERE biz_line = $1 AND kind <> 'RETURN'
  AND ($2::text IS NULL OR pay_order_no = $2)
  AND ($3::text IS NULL OR (pay_order_no, refund_no) = (
        SELECT pay_order_no, refund_no FROM refund_out_refund_no
        WHERE biz_line = $1 AND out_refund_no = $3))
  AND ($4::text IS NULL OR status = $4)
  AND ($5::text IS NULL OR refund_no < $5)
ORDER BY pay_order_no DESC, refund_no DESC
LIMIT $6
"""


async def search(
    pool: Pool,
    biz_line: BizLineId,
    *,
    pay_order_no: str | None = None,
    out_refund_no: str | None = None,
    status: RefundStatus | None = None,
    before: str | None = None,
    limit: int = 50,
) -> list[RefundRow]:
    """A line's refunds, newest first, before a refund's number if one is given."""
    records = await pool.fetch(
        REFUNDS_OF_LINE,
        *(biz_line, pay_order_no, out_refund_no, status, before, limit),
    )
    return [msgspec.convert(dict(record), RefundRow) for record in records]


REFUNDED = """
SELECT pay_order_no, done_amount FROM refund_total
WHERE pay_order_no = ANY($1::text[]) AND done_amount > 0
"""


async def refunded(pool: Pool, numbers: Sequence[PayOrderNo]) -> dict[str, int]:
    """How much was given back of each of these payments, where anything was."""
    records = await pool.fetch(REFUNDED, list(numbers))
    return {record["pay_order_no"]: record["done_amount"] for record in records}


REFUNDS = """
SELECT refund.*
FROM refund
WHERE ($1::text IS NULL OR pay_order_no = $1)
  AND ($2::text IS NULL OR biz_line = $2)
  AND ($3::text IS NULL OR status = $3)
ORDER BY pay_order_no DESC, refund_no DESC
LIMIT $4
"""


async def find(
    pool: Pool,
    *,
    pay_order_no: str | None = None,
    biz_line: str | None = None,
    status: str | None = None,
    limit: int,
) -> list[RefundRow]:
    """Refunds of all lines, newest payment first."""
    records = await pool.fetch(REFUNDS, pay_order_no, biz_line, status, limit)
    return [msgspec.convert(dict(record), RefundRow) for record in records]


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What refunds are to be like; None: any."""

    numbers: Sequence[str] | None = None
    """Of these payments."""
    status: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    biz_line: str | None = None
    channel: str | None = None


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Refunds of all lines, newest payment first, and before which number the next page
    goes on; None: there is nothing behind it.
    """

    lines: list[RefundLine]
    before: str | None
    searched_from: datetime | None
    """Where not all were looked at: back to this refund's time."""


# A range of the primary key, or of the few that are open (`refund_due`).
_END = """
SELECT refund_no, created_at FROM refund
WHERE {condition} AND (pay_order_no, refund_no) < ($1, $2) AND pay_order_no <= $1
ORDER BY pay_order_no DESC, refund_no DESC
OFFSET $3 LIMIT 1
"""
_FOUND = """
SELECT * FROM refund
WHERE {condition} AND (pay_order_no, refund_no) < ($1, $2) AND pay_order_no <= $1
  AND (pay_order_no, refund_no) >= (left($5, 26), $5) AND pay_order_no >= left($5, 26)
  AND ($6::text IS NULL OR status = $6)
  AND ($7::timestamptz IS NULL OR created_at >= $7)
  AND ($8::timestamptz IS NULL OR created_at < $8)
  AND ($9::text IS NULL OR biz_line = $9)
  AND ($10::text IS NULL OR channel = $10)
ORDER BY pay_order_no DESC, refund_no DESC
LIMIT $3
"""
_OPEN = "next_check_at IS NOT NULL AND $4::text[] IS NOT DISTINCT FROM $4"
_NAMED = "($4::text[] IS NULL OR pay_order_no = ANY($4))"

_BEHIND_ALL = "~"


async def page(
    pool: Pool, asked: Asked, *, before: str | None, limit: int, scan: int = SCAN
) -> Page:
    """The refunds of some payments, or of all, before a number if one is given.

    A refund may be of a payment of long ago, so its own time is no range of them.
    """
    numbers = asked.numbers
    few = numbers is None and asked.status == RefundStatus.DOING
    condition = _OPEN if few else _NAMED
    last = before or _BEHIND_ALL
    place = (last[:26], last)
    end = await pool.fetchrow(
        _END.format(condition=condition), *place, scan - 1, numbers
    )
    records = await pool.fetch(
        _FOUND.format(condition=condition),
        *(*place, limit + 1, numbers, "" if end is None else end["refund_no"]),
        *(asked.status, asked.since, asked.until, asked.biz_line, asked.channel),
    )
    rows = [msgspec.convert(dict(record), RefundRow) for record in records]
    lines = [line_of(row) for row in rows[:limit]]
    if len(rows) > limit:
        return Page(lines=lines, before=lines[-1].refund_no, searched_from=None)
    if end is None:
        return Page(lines=lines, before=None, searched_from=None)
    return Page(lines=lines, before=end["refund_no"], searched_from=end["created_at"])


Place = tuple[datetime, str]
"""Behind which refund the next page goes on."""


class Oldest(msgspec.Struct, frozen=True, kw_only=True):
    """Refunds without a result, the oldest first; None: there is nothing behind it."""

    lines: list[RefundLine]
    after: Place | None


# Those that are open are few, and have an index of their own (`refund_due`): they are
# read first, so that no filter of a page leads the planner to read the others.
_OLDEST = f"""
WITH open AS MATERIALIZED (
    SELECT * FROM refund WHERE {UNKNOWN}
)
SELECT * FROM open
WHERE ($1::text[] IS NULL OR pay_order_no = ANY($1))
  AND ($2::text IS NULL OR status = $2)
  AND ($3::timestamptz IS NULL OR created_at >= $3)
  AND ($4::timestamptz IS NULL OR created_at < $4)
  AND ($5::text IS NULL OR biz_line = $5)
  AND ($6::text IS NULL OR channel = $6)
  AND ($7::timestamptz IS NULL OR (created_at, refund_no) > ($7, $8::text))
ORDER BY created_at, refund_no
LIMIT $9
"""  # noqa: S608 - a text of ours


async def oldest_unknown(
    pool: Pool, asked: Asked, *, after: Place | None, limit: int
) -> Oldest:
    """Those of some payments, or of all, behind a place if one is given."""
    place = (None, None) if after is None else after
    records = await pool.fetch(
        _OLDEST,
        *(asked.numbers, asked.status, asked.since, asked.until),
        *(asked.biz_line, asked.channel, *place, limit + 1),
    )
    lines = [line_of(msgspec.convert(dict(one), RefundRow)) for one in records[:limit]]
    if len(records) <= limit:
        return Oldest(lines=lines, after=None)
    return Oldest(lines=lines, after=(lines[-1].created_at, lines[-1].refund_no))


ONE = "SELECT * FROM refund WHERE pay_order_no = $1 AND refund_no = $2"
STEPS = """
SELECT * FROM refund_transition WHERE pay_order_no = $1 AND refund_no = $2 ORDER BY seq
"""


async def steps(
    pool: Pool, no: PayOrderNo, number: RefundNo
) -> tuple[RefundLine, list[RefundStep]]:
    """One refund and what happened to it, in order; DataNotExist without one."""
    record = await pool.fetchrow(ONE, no, number)
    if record is None:
        raise DataNotExist
    found = await pool.fetch(STEPS, no, number)
    rows = [msgspec.convert(dict(one), RefundTransitionRow) for one in found]
    return line_of(msgspec.convert(dict(record), RefundRow)), [
        RefundStep(
            at=row.at,
            event=row.event,
            from_status=row.from_status,
            to_status=row.to_status,
            cause=row.cause,
        )
        for row in rows
    ]
