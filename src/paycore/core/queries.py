"""What people ask of payments: read-only SQL, off the payment's path."""

from datetime import datetime, timedelta

import msgspec

from paycore.core.rows import PaymentRow
from paycore.kernel.db import Pool
from paycore.kernel.ids import numbered_at
from paycore.kernel.terms import BizLineId, BizStatus, PayOrderNo

__all__ = [
    "Found",
    "Pool",
    "ended_since",
    "find",
    "open_before",
    "overdue",
    "search",
]

NUMBERED_WITHIN = timedelta(hours=1)
"""A payment's number is made about when it is created."""

SMALLEST, LARGEST = "", "~"
"""Before all numbers, and behind them."""


def numbered(since: datetime | None, until: datetime | None) -> tuple[str, str]:
    """The number from which, and the one before which, payments of a time are."""
    return (
        numbered_at(since, -NUMBERED_WITHIN) if since is not None else SMALLEST,
        numbered_at(until, NUMBERED_WITHIN) if until is not None else LARGEST,
    )


# Newest first, by number: it begins with the payment's time, so the page is a range of
# the index (biz_line, pay_order_no), whatever the filters leave of it, and a time is a
# range of its own.
PAYMENTS_OF_LINE = """
SELECT payment.*
FROM payment
WHERE biz_line = $1
  AND ($2::text IS NULL OR pay_order_no = (
        SELECT pay_order_no FROM payment_out_biz_no
        WHERE biz_line = $1 AND out_biz_no = $2))
  AND ($3::text IS NULL OR biz_status = $3)
  AND ($4::timestamptz IS NULL OR created_at >= $4)
  AND ($5::timestamptz IS NULL OR created_at < $5)
  AND pay_order_no >= $6 AND pay_order_no < $7
ORDER BY pay_order_no DESC
LIMIT $8
"""


async def search(
    pool: Pool,
    biz_line: BizLineId,
    *,
    out_biz_no: str | None = None,
    biz_status: BizStatus | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    before: str | None = None,
    limit: int = 50,
) -> list[PaymentRow]:
    """A line's payments, newest first, before a payment's number if one is given."""
    first, last = numbered(since, until)
    records = await pool.fetch(
        PAYMENTS_OF_LINE,
        *(biz_line, out_biz_no, biz_status, since, until),
        *(first, last if before is None else min(before, last), limit),
    )
    return [msgspec.convert(dict(record), PaymentRow) for record in records]


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A payment of any line as a list shows it."""

    pay_order_no: str
    biz_line: str
    out_biz_no: str
    amount: int
    payable_amount: int
    currency: str
    pay_type: str
    convert_cause: str | None
    biz_status: str
    resp_code: str
    held: str | None
    card_tail: str | None
    phone_masked: str | None
    created_at: datetime
    finished_at: datetime | None


# Newest first, by number: of a time only its months are read. Numbers of a line's own
# number are an array, which the planner takes as keys; an IN (SELECT …) beside an OR it
# would compare with every payment.
PAYMENTS = """
SELECT pay_order_no, p.biz_line, out_biz_no, amount, payable_amount, currency, pay_type,
       convert_cause, biz_status, resp_code, held, tail AS card_tail, phone_masked,
       p.created_at, finished_at
FROM payment p LEFT JOIN cards_card c USING (card_id)
WHERE ($1::text IS NULL OR p.biz_line = $1)
  AND ($2::text IS NULL OR pay_order_no = ANY(ARRAY(
        SELECT pay_order_no FROM payment_out_biz_no WHERE out_biz_no = $2)))
  AND ($3::text IS NULL OR tail = $3)
  AND ($4::text IS NULL OR right(phone_masked, 4) = $4)
  AND ($5::text IS NULL OR biz_status = $5)
  AND ($6::timestamptz IS NULL OR p.created_at >= $6)
  AND ($7::timestamptz IS NULL OR p.created_at < $7)
  AND pay_order_no >= $8 AND pay_order_no < $9
ORDER BY pay_order_no DESC
LIMIT $10
"""


async def find(
    pool: Pool,
    *,
    biz_line: str | None = None,
    out_biz_no: str | None = None,
    card_tail: str | None = None,
    phone_tail: str | None = None,
    status: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int,
) -> list[Found]:
    """Payments of all lines by what a person knows of them, newest first."""
    records = await pool.fetch(
        PAYMENTS,
        *(biz_line, out_biz_no, card_tail, phone_tail, status),
        *(since, until, *numbered(since, until), limit),
    )
    return [Found(**dict(record)) for record in records]


OVERDUE = "SELECT count(*), min(next_check_at) FROM payment WHERE next_check_at < $1"


async def overdue(pool: Pool, before: datetime) -> tuple[int, datetime | None]:
    """Payments that should have been looked at before a moment, and the first such."""
    row = await pool.fetchrow(OVERDUE, before)
    assert row is not None, "a count gives one row"
    return row[0], row[1]


# By what is due: an open payment always has a next look, and few have one.
OPEN_BEFORE = """
SELECT pay_order_no FROM payment
WHERE next_check_at IS NOT NULL AND biz_status = 'DOING' AND created_at < $1
  AND pay_order_no > $2
ORDER BY pay_order_no
LIMIT $3
"""


async def open_before(
    pool: Pool, before: datetime, *, after: str, limit: int
) -> list[PayOrderNo]:
    """Payments that are open and were opened before a moment, by number."""
    rows = await pool.fetch(OPEN_BEFORE, before, after, limit)
    return [row["pay_order_no"] for row in rows]


# A range of the numbers: what ended since then was opened at most so long before.
ENDED_SINCE = """
SELECT pay_order_no FROM payment
WHERE pay_order_no > $1 AND biz_status <> 'DOING' AND finished_at >= $2
  AND created_at < $3
UNION
SELECT pay_order_no FROM refund WHERE pay_order_no > $1 AND finished_at >= $2
ORDER BY pay_order_no
LIMIT $4
"""


async def ended_since(
    pool: Pool, since: datetime, before: datetime, *, after: str, limit: int
) -> list[PayOrderNo]:
    """Payments that ended, or had a refund that ended, since a moment, by number."""
    rows = await pool.fetch(ENDED_SINCE, after, since, before, limit)
    return [row["pay_order_no"] for row in rows]
