"""Partitions by the month of the payment's number: made ahead, beside payments.

Each month of each table is a transaction of its own, so that what is in the way of one
is in the way of no other. It is made as a table by itself and then attached: that locks
the default partition alone, for some milliseconds, and nobody is waited for who will
not be through in a moment. Rows of the month that lie in the default partition (of a
clock that was ahead, or of a month that was not made in time) move in with it.
What could not be made is told, and made another time: until then the default partition
takes its rows.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, cast

import asyncpg

from paycore.kernel import db

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    from paycore.kernel.db import Connection, Pool

    Asked = Connection | Pool | PoolConnectionProxy[asyncpg.Record]

MONTHS_AHEAD = 3
"""This month and two more: so long something may be in the way."""

CLOSE = 2
"""A month that begins next, or has begun, must not be missing."""

LOCK_MS = 50
"""How long a table's lock is waited for: payments that come meanwhile wait too."""

TURN_MS = 1000
"""How long another node that makes them is waited for; payments do not wait here."""

STATEMENT_MS = 2000
"""What one statement may take under a lock; there are two such, and the journal's
callers wait for five seconds."""

MOVED_AT_MOST = 10_000
"""Rows that move beside payments: more would take too long under the lock."""

LONG_AGO_S = 1
"""Who has had a table for so long will not be through with it in a moment."""

LOCKED = "55P03"
"""SQLSTATE of a lock that did not come in time."""

_GIVEN_UP = "57014"
"""SQLSTATE of a statement that took too long."""

_NAMED = re.compile(r"[a-z_][a-z0-9_]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long payments may be made to wait."""

    statement_ms: int
    """What one statement may take; 0: as long as it likes."""
    rows: int | None
    """How many rows may move at once; None: all, and those of months that are over."""


BESIDE = Pace(statement_ms=STATEMENT_MS, rows=MOVED_AT_MOST)
"""While they go on."""

ALONE = Pace(statement_ms=0, rows=None)
"""No node runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """A month of a table: payments whose numbers begin with its `yyMM`."""

    table: str
    name: str
    until: str
    ahead: int
    """Months from now: 0 has begun, and what is less is over."""
    other: str
    """The table's default partition."""

    @property
    def partition(self) -> str:
        """As it is called."""
        return f"{self.table}_p{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A month that is there now."""

    month: Month
    moved: int
    """Rows of it that lay in the default partition."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """A month that could not be made."""

    month: Month
    why: str


@dataclass(slots=True)
class Report:
    """What came of one going through."""

    made: list[Made] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)


class _InTheWay(Exception):
    """Not now. Says who, in words."""


class _NotOurTurn(_InTheWay):
    """Nor any other month."""


# --- what lacks -----------------------------------------------------------------------

# A database may hold tables of others', by their months or by whatever else.
_OURS = """
parent.relnamespace = current_schema()::regnamespace AND pg_get_partkeydef(parent.oid)
    = 'RANGE (pay_order_no)'
"""

_WHICH_LACK = f"""
SELECT parent.relname AS table_name, other.relname AS other, month.name
FROM pg_partitioned_table p
JOIN pg_class parent ON parent.oid = p.partrelid
JOIN pg_class other ON other.oid = p.partdefid
CROSS JOIN unnest($1::text[]) AS month(name)
WHERE {_OURS} AND NOT EXISTS (
    SELECT FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = parent.oid
      AND c.relname = parent.relname || '_p' || month.name)
ORDER BY month.name, parent.relname
"""  # noqa: S608 words of ours


async def missing(
    asked: "Asked",
    today: date,
    months: int,
    *,
    within_s: float | None = None,
) -> list[Month]:
    """What lacks for this month and the next ones, so many in all; nearest first."""
    names = [_named(today, ahead) for ahead in range(months)]
    rows: Sequence[asyncpg.Record] = await asked.fetch(
        _WHICH_LACK, names, timeout=within_s
    )
    return [
        Month(
            table=row["table_name"],
            name=row["name"],
            until=_named(today, names.index(row["name"]) + 1),
            ahead=names.index(row["name"]),
            other=row["other"],
        )
        for row in rows
    ]


def _named(today: date, ahead: int) -> str:
    """How numbers of a month begin."""
    at = today.year * 12 + today.month - 1 + ahead
    return f"{at // 12 % 100:02d}{at % 12 + 1:02d}"


_WHICH_TABLES = f"""
SELECT parent.relname AS table_name, other.relname AS other
FROM pg_partitioned_table p
JOIN pg_class parent ON parent.oid = p.partrelid
JOIN pg_class other ON other.oid = p.partdefid
WHERE {_OURS}
ORDER BY parent.relname
"""  # noqa: S608 words of ours

_WHICH_MONTHS_LIE_THERE = r"""
SELECT DISTINCT left(pay_order_no, 4) AS name FROM {other}
WHERE pay_order_no < $1 AND pay_order_no ~ '^[0-9]{{2}}(0[1-9]|1[0-2])'
ORDER BY name
"""


async def _over(connection: "Connection", today: date) -> list[Month]:
    """The months before this one that have rows in a default partition: reads them
    all.
    """
    found = []
    for table, other in await connection.fetch(_WHICH_TABLES):
        assert _NAMED.fullmatch(other), other
        sql = _WHICH_MONTHS_LIE_THERE.format(other=other)
        for (name,) in await connection.fetch(sql, _named(today, 0)):
            year, of_year = int(name[:2]), int(name[2:])
            ahead = (year - today.year % 100) * 12 + of_year - today.month
            until = _named(today, ahead + 1)
            found.append(
                Month(table=table, name=name, until=until, ahead=ahead, other=other)
            )
    return found


# --- making ---------------------------------------------------------------------------

_TURN = "SELECT pg_advisory_xact_lock($1)"

_IS_IT_THERE = "SELECT to_regclass($1) IS NOT NULL"

_HOW_MANY_LIE_THERE = """
SELECT count(*) FROM (
    SELECT FROM {other} WHERE pay_order_no >= $1 AND pay_order_no < $2 LIMIT $3
) AS few
"""

WHO_HAS_IT_FOR_LONG = """
SELECT coalesce(min(a.application_name), '')
FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE l.relation = $1::text::regclass AND l.granted AND a.pid <> pg_backend_pid()
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND a.xact_start < clock_timestamp() - make_interval(secs => $2)
HAVING count(*) > 0
"""

_MAKE = "CREATE TABLE {partition} (LIKE {table} INCLUDING ALL)"

_ATTACH = """
ALTER TABLE {table} ATTACH PARTITION {partition}
    FOR VALUES FROM ('{name}') TO ('{until}')
"""

# The guards of the default partition keep every row where it is; the lock is ours.
_MOVE = """
WITH moved AS (
    DELETE FROM {other} WHERE pay_order_no >= $1 AND pay_order_no < $2 RETURNING *
), put AS (
    INSERT INTO {partition} SELECT * FROM moved RETURNING 1
)
SELECT count(*) FROM put
"""


async def ensure(pool: "Pool", today: date, pace: Pace = BESIDE) -> Report:
    """Have partitions for this month and the next ones; harmless to repeat.

    Raises only where the database is away; what is in the way of a month is told.
    """
    report = Report()
    async with pool.acquire() as lent:
        connection = cast("Connection", lent)
        todo = await missing(connection, today, MONTHS_AHEAD)
        if pace.rows is None:
            todo = [*await _over(connection, today), *todo]
        for place, month in enumerate(todo):
            try:
                made = await _make(connection, month, pace)
            except _NotOurTurn as turn:
                report.left += [Left(month=one, why=str(turn)) for one in todo[place:]]
                break
            except _InTheWay as somebody:
                report.left.append(Left(month=month, why=str(somebody)))
            except asyncpg.PostgresError as error:
                report.left.append(Left(month=month, why=_in_words(error)))
            else:
                report.made += [made] if made is not None else []
    return report


async def _make(connection: "Connection", month: Month, pace: Pace) -> Made | None:
    """One transaction; None where another node was faster."""
    for name in (month.table, month.partition, month.other):
        assert _NAMED.fullmatch(name), name
    async with connection.transaction():
        await _take_turn(connection)
        if await connection.fetchval(_IS_IT_THERE, month.partition):
            return None
        await connection.execute(f"SET LOCAL lock_timeout = {LOCK_MS}")
        await connection.execute(f"SET LOCAL statement_timeout = {pace.statement_ms}")
        # Whoever pays this month may be writing to the default partition just now.
        if await _lying(connection, month, pace) or month.ahead <= 0:
            return Made(month=month, moved=await _with_rows(connection, month))
        await _refuse_if_held(connection, month.other)
        await connection.execute(_in(month, _MAKE))
        await connection.execute(_in(month, _ATTACH))
        return Made(month=month, moved=0)


async def _take_turn(connection: "Connection") -> None:
    """One process at a time; an audit has it as well, so that it sees one schema."""
    await connection.execute(f"SET LOCAL lock_timeout = {TURN_MS}")
    try:
        await connection.execute(_TURN, db.PARTITIONS_LOCK)
    except asyncpg.LockNotAvailableError as error:
        raise _NotOurTurn("an audit runs, or another makes partitions") from error


async def _lying(connection: "Connection", month: Month, pace: Pace) -> int:
    """How many of the month's rows lie in the default partition, counted no further
    than may move.
    """
    limit = None if pace.rows is None else pace.rows + 1
    sql = _in(month, _HOW_MANY_LIE_THERE)
    rows: int = await connection.fetchval(sql, month.name, month.until, limit)
    if limit is not None and rows == limit:
        raise _InTheWay(f"more than {pace.rows} rows lie in {month.other}")
    return rows


async def _with_rows(connection: "Connection", month: Month) -> int:
    """Nobody uses the table meanwhile: what lies in the default partition moves with
    its month, and nobody writes there any more who looked before; how many rows.
    """
    await _refuse_if_held(connection, month.table)
    await connection.execute(_in(month, "LOCK TABLE ONLY {table}"))
    await connection.execute(_in(month, _MAKE))
    await connection.execute(_in(month, "ALTER TABLE {other} DISABLE TRIGGER USER"))
    moved: int = await connection.fetchval(_in(month, _MOVE), month.name, month.until)
    await connection.execute(_in(month, "ALTER TABLE {other} ENABLE TRIGGER USER"))
    await connection.execute(_in(month, _ATTACH))
    return moved


async def _refuse_if_held(connection: "Connection", table: str) -> None:
    """Whoever waits for a lock has everybody wait behind him."""
    who = await connection.fetchval(WHO_HAS_IT_FOR_LONG, table, LONG_AGO_S)
    if who is not None:
        raise _InTheWay(f"{who or 'a session'} has had {table} for long")


def _in(month: Month, sql: str) -> str:
    """The statement about a month; its names are ours."""
    return sql.format(
        table=month.table,
        partition=month.partition,
        other=month.other,
        name=month.name,
        until=month.until,
    )


def _in_words(error: asyncpg.PostgresError) -> str:
    """What was in the way, by its class: the database's own words may quote values.

    Raises the error again where nobody could be asked.
    """
    if error.sqlstate == LOCKED:
        return "the table was in use"
    if error.sqlstate == _GIVEN_UP:
        return "it took too long"
    if db.away(error):
        raise error
    return f"{type(error).__name__} ({error.sqlstate})"
