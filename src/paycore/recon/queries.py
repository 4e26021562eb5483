"""What people and jobs ask of reconciliation, and the one turn to reconcile."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from paycore.kernel import db
from paycore.kernel.db import Pool
from paycore.kernel.errors import Unavailable
from paycore.recon.match import Kind
from paycore.recon.rows import Difference, Figures, Statement

if TYPE_CHECKING:
    from paycore.kernel.db import Connection
else:
    Connection = object

__all__ = [
    "Busy",
    "Connection",
    "Difference",
    "Pool",
    "Seat",
    "Statement",
    "days",
    "differences",
    "of_day",
]

RECON_LOCK = db.MIGRATION_LOCK + 4
"""Whoever holds it fetches and compares; there is never a second one."""

ONE_CORE = "SET max_parallel_workers_per_gather = 0; SET work_mem = '64MB'"
"""The others are for payments; what is sorted or hashed is a day's."""


class Busy(Exception):
    """Somebody else is at it: not now."""


class Seat:
    """The turn: a connection to write with, and one to read kept files with."""

    def __init__(self, writes: "Connection", reads: "Connection") -> None:
        self.writes, self.reads = writes, reads


@asynccontextmanager
async def seated(dsn: str) -> AsyncIterator[Seat]:
    """Take the turn; Busy where another has it."""
    busy = Busy("a reconciliation runs already")
    async with db.turn(dsn, RECON_LOCK, busy) as writes:
        await writes.execute(ONE_CORE)
        reads = await db.connect(dsn)
        try:
            yield Seat(writes, reads)
        finally:
            reads.terminate()


def away(error: BaseException) -> bool:
    """Whether nobody could be asked: that is no statement's fault."""
    return isinstance(error, Unavailable) or db.away(error)


# --- statements -----------------------------------------------------------------------

STATEMENT = """
SELECT * FROM recon_statement WHERE channel = $1 AND account = $2 AND day = $3
"""
OF_DAY = """
SELECT * FROM recon_statement WHERE day = $1 ORDER BY channel, account
"""
DAYS = """
SELECT * FROM recon_statement
WHERE ($1::text IS NULL OR channel = $1) AND ($2::text IS NULL OR account = $2)
ORDER BY day DESC, channel, account
LIMIT $3
"""
PAGE = """
SELECT * FROM recon_statement
WHERE ($1::text IS NULL OR channel = $1)
  AND ($2::text IS NULL OR day >= $2) AND ($3::text IS NULL OR day <= $3)
  AND ($4::text IS NULL OR day <= $4)
  AND ($4::text IS NULL OR day < $4 OR (channel, account) > ($5, $6))
ORDER BY day DESC, channel, account
LIMIT $7
"""
NEWEST_DAY = """
SELECT max(day) FROM recon_statement
WHERE channel = $1 AND account = $2 AND day < $3
"""
TO_BE_FETCHED = """
SELECT * FROM recon_statement
WHERE state IN ('AWAITED', 'BROKEN') AND next_try_at <= $1 AND day >= $2
ORDER BY day, channel, account
"""
TO_BE_COMPARED = """
SELECT * FROM recon_statement WHERE state = 'KEPT' ORDER BY day, channel, account
"""
WAITING = """
SELECT * FROM recon_statement WHERE state <> 'RECONCILED'
ORDER BY day, channel, account
"""


async def statement(
    connection: "Connection", key: tuple[str, str], day: str
) -> Statement | None:
    """One day of one account."""
    row = await connection.fetchrow(STATEMENT, *key, day)
    return None if row is None else _statement(row)


async def of_day(pool: Pool, day: str) -> list[Statement]:
    """Every account's statement of a day."""
    return [_statement(row) for row in await pool.fetch(OF_DAY, day)]


async def days(
    pool: Pool, *, channel: str | None, account: str | None, limit: int
) -> list[Statement]:
    """Statements, the newest day first."""
    return [_statement(row) for row in await pool.fetch(DAYS, channel, account, limit)]


async def page(
    pool: Pool,
    *,
    channel: str | None,
    since: str | None,
    until: str | None,
    after: tuple[str, str, str] | None,
    limit: int,
) -> list[Statement]:
    """Statements, the newest day first; after a day, channel and account, if given."""
    place = after or (None, None, None)
    rows = await pool.fetch(PAGE, channel, since, until, *place, limit)
    return [_statement(row) for row in rows]


async def the_day(pool: Pool, key: tuple[str, str], day: str) -> Statement | None:
    """One day of one account, for people."""
    row = await pool.fetchrow(STATEMENT, *key, day)
    return None if row is None else _statement(row)


async def newest_day(
    connection: "Connection", key: tuple[str, str], before: str
) -> str | None:
    """The last day that is known of an account; whoever asked ahead does not count."""
    found: str | None = await connection.fetchval(NEWEST_DAY, *key, before)
    return found


async def to_be_fetched(
    connection: "Connection", now: datetime, since: str
) -> list[Statement]:
    """Those that it is time to ask for, the oldest first; older ones nobody awaits."""
    rows = await connection.fetch(TO_BE_FETCHED, now, since)
    return [_statement(row) for row in rows]


async def to_be_compared(connection: "Connection") -> list[Statement]:
    """Those that are here and were not compared, the oldest first."""
    return [_statement(row) for row in await connection.fetch(TO_BE_COMPARED)]


async def waiting(connection: "Connection") -> list[Statement]:
    """Those that are not through."""
    return [_statement(row) for row in await connection.fetch(WAITING)]


def _statement(row: Any) -> Statement:
    found = dict(row)
    if found["figures"] is not None:
        found["figures"] = msgspec.json.decode(found["figures"], type=Figures)
    return Statement(**found)


# --- differences ----------------------------------------------------------------------

DIFFERENCES = """
SELECT * FROM recon_difference
WHERE day = $1 AND ($2::text IS NULL OR channel = $2)
  AND ($3::text IS NULL OR account = $3)
ORDER BY channel, account, kind, line, fact
"""
UNTOLD = """
SELECT * FROM recon_difference
WHERE channel = $1 AND account = $2 AND told_at IS NULL AND healed_at IS NULL
ORDER BY day, kind, fact
LIMIT $3
"""
# The ones of a day are few, and have an index; an account's of all days may be many.
PAGE_OF_DIFFERENCES = """
WITH of_day AS MATERIALIZED (SELECT * FROM recon_difference WHERE day = $3)
SELECT * FROM of_day
WHERE channel = $1 AND account = $2
  AND ($4::text IS NULL OR (kind, fact) > ($4, $5))
ORDER BY kind, fact
LIMIT $6
"""
# Where a statement lacks a line, one side has nothing.
OFF = """
SELECT d.day, d.channel, d.account, coalesce(d.our_currency, d.their_currency) AS unit,
       sum(abs(coalesce(d.their_amount, 0) - coalesce(d.our_amount, 0)))::bigint AS off
FROM recon_difference d
WHERE d.day = ANY($1::text[]) AND d.healed_at IS NULL
GROUP BY 1, 2, 3, 4
"""
HOW_MANY_WERE_TOLD = """
SELECT count(*) FROM recon_difference
WHERE channel = $1 AND account = $2 AND day = $3 AND told_at IS NOT NULL
"""


async def differences(
    pool: Pool, day: str, *, channel: str | None = None, account: str | None = None
) -> AsyncIterator[Difference]:
    """All that was found of a day, healed ones too; read as they are wanted."""
    async with pool.acquire() as connection, connection.transaction():
        async for row in connection.cursor(DIFFERENCES, day, channel, account):
            yield _difference(row)


async def page_of_differences(
    pool: Pool,
    key: tuple[str, str],
    day: str,
    *,
    after: tuple[str, str] | None,
    limit: int,
) -> list[Difference]:
    """What was found of an account's day, healed ones too; after one, if given."""
    rows = await pool.fetch(
        PAGE_OF_DIFFERENCES, *key, day, *(after or (None, None)), limit
    )
    return [_difference(row) for row in rows]


async def off(
    pool: Pool, days: Sequence[str]
) -> dict[tuple[str, str, str], dict[str, int]]:
    """By how much the sides of what stands differ: by day, channel and account, and
    then by currency.
    """
    found: dict[tuple[str, str, str], dict[str, int]] = {}
    for row in await pool.fetch(OFF, list(days)):
        if row["unit"] is not None:
            place = (row["day"], row["channel"], row["account"])
            found.setdefault(place, {})[row["unit"]] = row["off"]
    return found


async def untold(
    connection: "Connection", key: tuple[str, str], limit: int
) -> Sequence[Difference]:
    """Differences that nobody was told of yet."""
    rows = await connection.fetch(UNTOLD, *key, limit)
    return [_difference(row) for row in rows]


async def told_of(connection: "Connection", statement: Statement) -> int:
    """How many of a statement's day the desk has been told."""
    day = (*statement.key, statement.day)
    count: int = await connection.fetchval(HOW_MANY_WERE_TOLD, *day)
    return count


def _difference(row: Any) -> Difference:
    found = dict(row)
    found["kind"] = Kind(found["kind"])
    return Difference(**found)
