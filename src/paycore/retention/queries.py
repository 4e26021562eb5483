"""What is old: read-only SQL over every table that goes by its age, and the one turn to
take something away.

Names of tables and columns come from the catalogue and the server's own, values are
parameters.
"""
# ruff: noqa: S608 - what is put together is our own text

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, cast

from paycore.kernel import db
from paycore.kernel.db import Pool
from paycore.retention.catalogue import Rule

if TYPE_CHECKING:
    from paycore.kernel.db import Connection
else:
    Connection = object

__all__ = ["Busy", "Connection", "Month", "Pool", "Seen", "claimed", "lent"]

RETENTION_LOCK = db.MIGRATION_LOCK + 3
"""Whoever holds it takes away; there is never a second one."""

NAMED = re.compile(r"[a-z_][a-z0-9_]*")


class Busy(Exception):
    """Somebody else is at it: not now. Says who, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """One partition."""

    name: str
    before: str | None
    """Payments in it are numbered before; None: what belongs to no month."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The rows of a partition."""

    rows: int
    past_rows: int
    """Of payments all of whose rows are old, and of which nothing is open."""
    past_octets: int
    held_payments: int
    """The other payments that have rows in it."""


@asynccontextmanager
async def claimed(dsn: str) -> "AsyncIterator[Connection]":
    """A connection on which we alone take away; Busy where another does."""
    busy = Busy("a removal of what is old runs already")
    async with db.turn(dsn, RETENTION_LOCK, busy) as connection:
        await connection.execute(ONE_CORE)
        yield connection


@asynccontextmanager
async def lent(pool: Pool) -> "AsyncIterator[Connection]":
    """A connection to look with."""
    async with pool.acquire() as connection:
        yield cast("Connection", connection)


ONE_CORE = "SET max_parallel_workers_per_gather = 0"
"""The others are for payments."""

# The default partition last, which has no bounds: what is in no month.
WHICH_MONTHS = r"""
SELECT c.relname AS name, substring(
           pg_get_expr(c.relpartbound, c.oid) FROM $$ TO \('(\d{4})'\)$$) AS before
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = $1::text::regclass
ORDER BY before NULLS LAST
"""


async def months(connection: "Connection", table: str) -> list[Month]:
    """A table's partitions, the oldest first."""
    rows = await connection.fetch(WHICH_MONTHS, table)
    assert all(NAMED.fullmatch(row["name"]) for row in rows), "we named them"
    return [Month(name=row["name"], before=row["before"]) for row in rows]


# A payment's rows go together, so that what is left of one is never half a story.
WHAT_IS_IN_A_MONTH = """
SELECT coalesce(sum(rows), 0)::bigint AS rows,
       coalesce(sum(rows) FILTER (WHERE past), 0)::bigint AS past_rows,
       coalesce(sum(octets) FILTER (WHERE past), 0)::bigint AS past_octets,
       count(*) FILTER (WHERE NOT past) AS held_payments
FROM (
    SELECT rows, octets, last < $1 AND NOT EXISTS (
        SELECT FROM retention_held h WHERE h.pay_order_no = g.pay_order_no) AS past
    FROM (
        SELECT pay_order_no, count(*) AS rows, sum(pg_column_size(t.*)) AS octets,
               max({since}) AS last
        FROM {partition} AS t
        WHERE pay_order_no < $2
        GROUP BY pay_order_no
    ) AS g
) AS payments
"""


async def look(
    connection: "Connection", rule: Rule, month: Month, until: datetime, before: str
) -> Seen:
    """What is in a partition of payments numbered before, and what of it may go."""
    sql = WHAT_IS_IN_A_MONTH.format(since=rule.since, partition=month.name)
    row = await connection.fetchrow(sql, until, before)
    assert row is not None, "an aggregate has a row"
    return Seen(**dict(row))


# About the oldest: numbers begin with their time, and so do ids of changes.
WHICH_IS_THE_OLDEST = "SELECT t.{since} FROM {table} AS t ORDER BY {walked} LIMIT 1"
WHICH_HAS_ENDED_FIRST = """
SELECT t.{since} FROM {table} AS t
WHERE t.{since} IS NOT NULL ORDER BY t.{since} LIMIT 1
"""


async def oldest(
    connection: "Connection", rule: Rule, walked: str | None
) -> datetime | None:
    """The age of about the oldest row is counted from then; None: there are none."""
    text = WHICH_HAS_ENDED_FIRST if walked is None else WHICH_IS_THE_OLDEST
    sql = text.format(since=rule.since, table=rule.table, walked=walked)
    found: datetime | None = await connection.fetchval(sql)
    return found


HOW_MUCH_IS_OLD = """
SELECT count(*), coalesce(sum(pg_column_size(t.*)), 0)::bigint
FROM {table} AS t
WHERE t.{since} < $1 AND t.{since} < clock_timestamp() AND {only}
"""


async def old_rows(
    connection: "Connection", rule: Rule, until: datetime
) -> tuple[int, int]:
    """How many rows of a table are old, and their octets."""
    sql = HOW_MUCH_IS_OLD.format(table=rule.table, since=rule.since, only=rule.only)
    row = await connection.fetchrow(sql, until)
    assert row is not None, "an aggregate has a row"
    return row[0], row[1]


# A card is over when it was revoked, and one that was to be signed and never was, when
# its signing ended. Its hash is what goes last.
CARDS_THAT_ARE_OVER = """
SELECT card_id, sealed, revoked_at AS over_at FROM cards_card
WHERE sealed <> '' AND revoked_at IS NOT NULL
UNION ALL
SELECT card_id, sealed, revoked_at FROM cards_card
WHERE sealed = '' AND number_hash <> ''
UNION ALL
SELECT c.card_id, c.sealed, s.ended_at FROM cards_card c
JOIN agreement_signing s ON s.card_id = c.card_id AND s.status = c.status
WHERE c.sealed <> '' AND c.status IN ('EXPIRED', 'REFUSED')
"""

# Not of a card that something open was to be paid with. The token stays with what it is
# found by where the agreement may still have to be ended at its bank.
WHICH_CARDS_ARE_OLD = f"""
SELECT * FROM (
    SELECT card_id, sealed, over_at, EXISTS (
        SELECT FROM agreement_signing s
        WHERE s.card_id = c.card_id AND s.status IN ('PENDING', 'REVOKING')) AS untold
    FROM ({CARDS_THAT_ARE_OVER}) AS c
    WHERE over_at < $1 AND NOT EXISTS (
        SELECT FROM retention_held h JOIN payment p USING (pay_order_no)
        WHERE p.card_id COLLATE "C" = c.card_id)
) AS cards
WHERE sealed <> '' OR NOT untold
ORDER BY over_at, card_id
LIMIT $2
"""


async def old_cards(
    connection: "Connection", until: datetime, limit: int
) -> dict[str, bool]:
    """Cards of which something may go, those first that are over the longest, and
    whether the tokens of their agreements are still needed.
    """
    rows = await connection.fetch(WHICH_CARDS_ARE_OLD, until, limit)
    return {row["card_id"]: row["untold"] for row in rows}


WHICH_CARD_WAS_OVER_FIRST = f"SELECT min(over_at) FROM ({CARDS_THAT_ARE_OVER}) AS c"


async def oldest_card(connection: "Connection") -> datetime | None:
    """When the first card was over that is not forgotten yet."""
    found: datetime | None = await connection.fetchval(WHICH_CARD_WAS_OVER_FIRST)
    return found


HOW_MANY_CARDS = f"SELECT count(*) FROM ({WHICH_CARDS_ARE_OLD}) AS old"


async def count_old_cards(connection: "Connection", until: datetime) -> int:
    """How many they are."""
    number: int = await connection.fetchval(HOW_MANY_CARDS, until, None)
    return number


# What a day may take of a table is counted in months that it touched.
WHICH_MONTHS_WERE_TOUCHED = r"""
SELECT DISTINCT partition FROM retention_removal
WHERE table_name = $1 AND begun_at >= $2 AND partition LIKE '%\_p____'
"""

WAS_IT_BEGUN = """
SELECT EXISTS (SELECT FROM retention_removal
               WHERE table_name = $1 AND partition = $2 AND how = 'DELETED')
"""

# Taken out of its table, and not thrown away yet: a node may die between the two.
WHICH_ARE_HALF_GONE = """
SELECT removal_id, partition, before, until FROM retention_removal
WHERE table_name = $1 AND how = 'DROPPED' AND finished_at IS NULL
ORDER BY begun_at
"""


async def touched_since(
    connection: "Connection", table: str, since: datetime
) -> set[str]:
    """The months of a table that something was taken from since."""
    rows = await connection.fetch(WHICH_MONTHS_WERE_TOUCHED, table, since)
    return {row["partition"] for row in rows}


async def was_begun(connection: "Connection", rule: Rule, month: Month) -> bool:
    """Whether single payments of a partition are gone already."""
    begun: bool = await connection.fetchval(WAS_IT_BEGUN, rule.table, month.name)
    return begun
