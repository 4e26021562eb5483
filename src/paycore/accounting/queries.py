"""SQL over the books, for people and for the cut-off.

Balances are kept a row a node slot; here they are summed.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from paycore.kernel import db
from paycore.kernel.db import Pool
from paycore.kernel.ids import numbered_at
from paycore.kernel.terms import PayOrderNo

if TYPE_CHECKING:
    from paycore.kernel.db import Connection
else:
    Connection = object

__all__ = ["Connection", "Pool"]

LEDGER_LOCK = db.MIGRATION_LOCK + 9
"""Whoever holds it cuts days off; there is never a second one."""


class Busy(Exception):
    """Somebody else is at it: not now."""


@asynccontextmanager
async def seated(dsn: str) -> AsyncIterator["Connection"]:
    """Take the turn to cut off; Busy where another has it."""
    busy = Busy("the books are being cut off already")
    async with db.turn(dsn, LEDGER_LOCK, busy) as connection:
        yield connection


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """What stands on an account: debits minus credits."""

    account: str
    currency: str
    amount: int


async def balances(pool: Pool, *, account: str | None = None) -> list[Balance]:
    """What stands on each account, or on one, in each currency."""
    rows = await pool.fetch(
        """
        SELECT account, currency, sum(amount)::bigint AS amount
        FROM accounting_balance
        WHERE $1::text IS NULL OR account = $1
        GROUP BY account, currency
        ORDER BY account, currency
        """,
        account,
    )
    return [Balance(**row) for row in rows]


class TrialBalance(msgspec.Struct, frozen=True, kw_only=True):
    """All balances of a currency: debit balances must equal credit balances."""

    currency: str
    debit: int
    credit: int

    @property
    def balanced(self) -> bool:
        """Whether the books of this currency add up."""
        return self.debit == self.credit


async def trial_balance(pool: Pool) -> list[TrialBalance]:
    """Whether the books add up, currency by currency."""
    rows = await pool.fetch(
        """
        WITH balance AS (
            SELECT account, currency, sum(amount)::bigint AS amount
            FROM accounting_balance
            GROUP BY account, currency
        )
        SELECT currency,
               coalesce(sum(amount) FILTER (WHERE amount > 0), 0)::bigint AS debit,
               coalesce(-sum(amount) FILTER (WHERE amount < 0), 0)::bigint AS credit
        FROM balance
        GROUP BY currency
        ORDER BY currency
        """
    )
    return [TrialBalance(**row) for row in rows]


async def differing_balances(pool: Pool) -> list[Balance]:
    """Where a balance differs from the sum of its entries, and by how much."""
    rows = await pool.fetch(
        """
        WITH posted AS (
            SELECT e.account, p.currency,
                   sum(CASE e.side WHEN 'DEBIT' THEN e.amount ELSE -e.amount END)
                       AS amount
            FROM accounting_entry e
            JOIN accounting_posting p USING (pay_order_no, kind, fact)
            GROUP BY e.account, p.currency
        ), kept AS (
            SELECT account, currency, sum(amount) AS amount
            FROM accounting_balance
            GROUP BY account, currency
        )
        SELECT account, currency,
               (coalesce(kept.amount, 0) - coalesce(posted.amount, 0))::bigint
                   AS amount
        FROM posted FULL JOIN kept USING (account, currency)
        WHERE coalesce(kept.amount, 0) <> coalesce(posted.amount, 0)
        ORDER BY account, currency
        """
    )
    return [Balance(**row) for row in rows]


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a payment's postings, with its posting's date and currency."""

    kind: str
    fact: str
    line: int
    account: str
    side: str
    amount: int
    currency: str
    at: datetime


async def entries(pool: Pool, pay_order_no: PayOrderNo) -> list[Entry]:
    """What was posted for this payment, in order."""
    rows = await pool.fetch(
        """
        SELECT e.kind, e.fact, e.line, e.account, e.side, e.amount, p.currency, p.at
        FROM accounting_entry e
        JOIN accounting_posting p USING (pay_order_no, kind, fact)
        WHERE e.pay_order_no = $1 AND p.pay_order_no = $1
        ORDER BY p.at, e.kind, e.fact, e.line
        """,
        pay_order_no,
    )
    return [Entry(**row) for row in rows]


# --- for the console ------------------------------------------------------------------

SCAN = 10_000
"""So many postings one page looks at, at most: the next one goes on from there."""

_END = """
SELECT pay_order_no, kind, fact, at FROM accounting_posting
WHERE (pay_order_no, kind, fact) < ($1, $2, $3) AND pay_order_no <= $1
ORDER BY pay_order_no DESC, kind DESC, fact DESC
OFFSET $4 LIMIT 1
"""
_POSTINGS = """
SELECT p.pay_order_no, p.kind, p.fact, p.currency, p.at, e.line, e.account, e.side,
       e.amount
FROM (
    SELECT * FROM accounting_posting p
    WHERE (pay_order_no, kind, fact) < ($1, $2, $3) AND pay_order_no <= $1
      AND (pay_order_no, kind, fact) >= ($4, $5, $6) AND pay_order_no >= $4
      AND ($7::timestamptz IS NULL OR at >= $7)
      AND ($8::timestamptz IS NULL OR at < $8)
      AND ($9::text IS NULL OR EXISTS (
          SELECT FROM accounting_entry x
          WHERE (x.pay_order_no, x.kind, x.fact) = (p.pay_order_no, p.kind, p.fact)
            AND x.account = $9))
    ORDER BY pay_order_no DESC, kind DESC, fact DESC
    LIMIT $10
) p
JOIN accounting_entry e USING (pay_order_no, kind, fact)
ORDER BY p.pay_order_no DESC, p.kind DESC, p.fact DESC, e.line
"""
Place = tuple[str, str, str]
"""A posting's payment, kind and fact."""

_BEHIND_ALL: Place = ("~", "~", "~")
_BEFORE_ALL: Place = ("", "", "")
_NUMBERED_WITHIN = timedelta(hours=1)
"""So far nodes' clocks may be apart."""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a posting."""

    pay_order_no: str
    kind: str
    fact: str
    line: int
    account: str
    side: str
    amount: int
    currency: str
    at: datetime


def _place_of(one: Line) -> Place:
    return one.pay_order_no, one.kind, one.fact


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Whole postings, line by line. `before`: where the next page goes on; None: there
    is nothing behind it.
    """

    lines: list[Line]
    before: Place | None
    searched_from: datetime | None
    """Where not all were looked at: back to this posting's time."""


async def page(
    pool: Pool,
    *,
    begins: datetime | None,
    ends: datetime | None,
    account: str | None,
    before: Place | None,
    limit: int,
    scan: int = SCAN,
) -> Page:
    """Postings from a time on and before another, those of the newest payments first;
    `limit` counts postings. One may be of a payment of long ago, so its own time is no
    range of them.
    """
    first = before or _BEHIND_ALL
    if begins is None and ends is None and account is None:
        scan = limit + 1  # the page is full by then, or there is nothing behind it
    if ends is not None:
        first = min(first, (numbered_at(ends, _NUMBERED_WITHIN), "~", "~"))
    end = await pool.fetchrow(_END, *first, scan)
    last = _BEFORE_ALL if end is None else (end[0], end[1], end[2])
    rows = await pool.fetch(_POSTINGS, *first, *last, begins, ends, account, limit + 1)
    lines = [Line(**row) for row in rows]
    places = list(dict.fromkeys(map(_place_of, lines)))
    if len(places) > limit:
        shown = set(places[:limit])
        kept = [one for one in lines if _place_of(one) in shown]
        return Page(lines=kept, before=places[limit - 1], searched_from=None)
    if end is None:
        return Page(lines=lines, before=None, searched_from=None)
    return Page(lines=lines, before=last, searched_from=end["at"])


# --- the feed -------------------------------------------------------------------------

# From when on all postings are to be in the feed: from the last day on of which they
# surely are, or else from the first one that was to be told. No row, no ledger.
TELL_FROM = """
SELECT greatest(since, $1::timestamptz - interval '31 days')
FROM (SELECT coalesce(
          (SELECT max(ends_at) - interval '1 day' FROM accounting_day
           WHERE fed_from IS NOT NULL),
          (SELECT min(booked_at) FROM accounting_feed)) AS since) AS begun
WHERE since IS NOT NULL
"""

# What a node did not know was to be told: as where the ledger was named a moment ago.
TELL_WHAT_LACKS = """
INSERT INTO accounting_feed
    (pay_order_no, kind, fact, version, status, tries, last_result, booked_at,
     next_check_at)
SELECT pay_order_no, kind, fact, 1, 'PENDING', 0, '', at, $1
FROM accounting_posting p
WHERE at >= $2 AND at < $1::timestamptz - interval '10 minutes'
  AND NOT EXISTS (
      SELECT FROM accounting_feed f
      WHERE (f.pay_order_no, f.kind, f.fact) = (p.pay_order_no, p.kind, p.fact)
        AND f.booked_at >= $2)
ON CONFLICT (pay_order_no, kind, fact) DO NOTHING
RETURNING 1
"""

# --- days -----------------------------------------------------------------------------

NEWEST_DAY = "SELECT max(day) FROM accounting_day"
IS_IT_KEPT = "SELECT true FROM accounting_day WHERE day = $1"
KEEP_DAY = """
INSERT INTO accounting_day (day, ends_at, channels, cut_at, fed_from)
VALUES ($1, $2, $3::jsonb, $4, $5)
"""

# The end of a day, or of the one before it, that comes first. Asked for by itself: as a
# part of what follows the planner would not know how little is after it.
WHAT_ENDS_FIRST = """
SELECT min(least(d.ends_at, c.ends_at))
FROM accounting_day d
LEFT JOIN LATERAL (
    SELECT min(value::timestamptz) AS ends_at FROM jsonb_each_text(d.channels)
) c ON true
WHERE d.day = $1
   OR d.day = (SELECT max(day) FROM accounting_day WHERE day < $1)
"""

# By the end of a day, and where there is one by that of the day before: what stands on
# an account less what has a time after it. A posting is of the channel that it names;
# what of the day before was not in what is kept of it came late.
KEEP_BALANCES = """
WITH days AS (
    SELECT day, ends_at, channels FROM accounting_day
    WHERE day = $1::text
       OR day = (SELECT max(day) FROM accounting_day WHERE day < $1::text)
), recent AS MATERIALIZED (
    SELECT p.at, p.currency, e.account,
           CASE e.side WHEN 'DEBIT' THEN e.amount ELSE -e.amount END AS amount,
           max(split_part(e.account, ':', 2))
               FILTER (WHERE e.account LIKE '%:%:%')
               OVER (PARTITION BY pay_order_no, kind, fact) AS channel
    FROM accounting_posting p
    JOIN accounting_entry e USING (pay_order_no, kind, fact)
    WHERE p.at >= $2
), after AS (
    SELECT d.day, r.account, r.currency, sum(r.amount) AS amount
    FROM days d
    JOIN recent r
      ON r.at >= coalesce((d.channels ->> r.channel)::timestamptz, d.ends_at)
    GROUP BY 1, 2, 3
), now AS (
    SELECT account, currency, sum(amount) AS amount
    FROM accounting_balance GROUP BY account, currency
)
INSERT INTO accounting_day_balance (day, account, currency, amount, late)
SELECT $1::text, now.account, now.currency, now.amount - coalesce(a.amount, 0),
       CASE WHEN b.day IS NULL THEN 0
            ELSE now.amount - coalesce(z.amount, 0) - coalesce(k.amount, 0) END
FROM now
LEFT JOIN after a ON a.day = $1::text AND (a.account, a.currency)
                                        = (now.account, now.currency)
LEFT JOIN days b ON b.day < $1::text
LEFT JOIN after z ON z.day = b.day AND (z.account, z.currency)
                                     = (now.account, now.currency)
LEFT JOIN accounting_day_balance k ON k.day = b.day AND (k.account, k.currency)
                                                      = (now.account, now.currency)
"""


class DayBalance(msgspec.Struct, frozen=True, kw_only=True):
    """What was on an account at the end of a day, and at that of the day before."""

    account: str
    currency: str
    opening: int
    movement: int
    debit: int
    """What stands at the end, where it is the debits that are more."""
    credit: int
    late: int
    """What of the movement has a time before the day."""


async def day_balances(pool: Pool, day: str) -> list[DayBalance]:
    """The trial balance of a day that was cut off; nothing where it was not."""
    rows = await pool.fetch(
        """
        SELECT d.account, d.currency, coalesce(b.amount, 0) AS opening,
               d.amount - coalesce(b.amount, 0) AS movement,
               greatest(d.amount, 0) AS debit, greatest(-d.amount, 0) AS credit,
               d.late
        FROM accounting_day_balance d
        LEFT JOIN accounting_day_balance b
               ON b.day = (SELECT max(day) FROM accounting_day WHERE day < $1)
              AND (b.account, b.currency) = (d.account, d.currency)
        WHERE d.day = $1
        ORDER BY d.currency, d.account
        """,
        day,
    )
    return [DayBalance(**row) for row in rows]


async def of_day(pool: Pool, day: str | None) -> list[DayBalance] | None:
    """The trial balance of a day, or of now; None where the day was not cut off."""
    if day is None:
        return [
            DayBalance(
                account=row.account,
                currency=row.currency,
                opening=0,
                movement=row.amount,
                debit=max(row.amount, 0),
                credit=max(-row.amount, 0),
                late=0,
            )
            for row in await balances(pool)
        ]
    if not await is_cut_off(pool, day):
        return None
    return await day_balances(pool, day)


async def is_cut_off(pool: Pool, day: str) -> bool:
    """Whether a day's balances are kept: there may be none."""
    return bool(await pool.fetchval(IS_IT_KEPT, day))


# --- export ---------------------------------------------------------------------------


class Posted(msgspec.Struct, frozen=True, kw_only=True):
    """A posting with its lines."""

    pay_order_no: str
    kind: str
    fact: str
    currency: str
    at: datetime
    lines: list[tuple[str, int]]
    """Account, and what was added to it: debits minus credits."""


EXPORTED = """
SELECT p.pay_order_no, p.kind, p.fact, p.currency, p.at, e.account,
       CASE e.side WHEN 'DEBIT' THEN e.amount ELSE -e.amount END AS amount
FROM accounting_posting p
JOIN accounting_entry e USING (pay_order_no, kind, fact)
WHERE ($1::timestamptz IS NULL OR p.at >= $1)
  AND ($2::timestamptz IS NULL OR p.at < $2)
  AND ($3::text IS NULL OR EXISTS (
      SELECT FROM accounting_entry x
      WHERE (x.pay_order_no, x.kind, x.fact) = (p.pay_order_no, p.kind, p.fact)
        AND starts_with(x.account, $3)))
ORDER BY p.at, p.pay_order_no, p.kind, p.fact, e.line
"""


async def exported(
    pool: Pool, begins: datetime | None, ends: datetime | None, account: str | None
) -> AsyncIterator[Posted]:
    """Postings from a time on and before another, oldest first, of whatever size."""
    async with pool.acquire() as connection, connection.transaction(readonly=True):
        posted: Posted | None = None
        async for row in connection.cursor(EXPORTED, begins, ends, account):
            key = (row["pay_order_no"], row["kind"], row["fact"])
            if posted and key != (posted.pay_order_no, posted.kind, posted.fact):
                yield posted
                posted = None
            if posted is None:
                posted = Posted(
                    pay_order_no=row["pay_order_no"],
                    kind=row["kind"],
                    fact=row["fact"],
                    currency=row["currency"],
                    at=row["at"],
                    lines=[],
                )
            posted.lines.append((row["account"], row["amount"]))
        if posted is not None:
            yield posted


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """A posting rule, with the titles of its accounts."""

    kind: str
    line: int
    debit: str
    credit: str
    part: str
    debit_title: str
    credit_title: str


async def rules(pool: Pool) -> list[Rule]:
    """The posting rules as they stand."""
    rows = await pool.fetch(
        """
        SELECT r.kind, r.line, r.debit, r.credit, r.part,
               d.title AS debit_title, c.title AS credit_title
        FROM accounting_rule r
        JOIN accounting_account d ON d.account = r.debit
        JOIN accounting_account c ON c.account = r.credit
        ORDER BY r.kind, r.line
        """
    )
    return [Rule(**row) for row in rows]
