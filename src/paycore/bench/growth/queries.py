"""What the growth benchmark asks of a database, and how it fills one.

Filling is COPY, binary, and each table is written in one transaction that empties it
first: so the rows are frozen as they come, as in a table that was vacuumed long ago,
and a server with `wal_level=minimal` need not log what it can write anew. What stood
in the table is read before and written back behind the history, for it is newer.
"""
# ruff: noqa: S608 - tables are named by the catalogue and by us, never by a request

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import date, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING

import msgspec

from paycore.bench.growth.pattern import HEADER, TRAILER, Column
from paycore.kernel import db

if TYPE_CHECKING:
    from paycore.kernel.db import Connection, Pool
else:
    Connection = Pool = object

__all__ = [
    "Connection",
    "Pool",
    "Sample",
    "Size",
    "add_to_balances",
    "columns",
    "connect",
    "ensure_months",
    "grow_old",
    "part_of",
    "pool",
    "rewrite",
    "rows_of",
    "samples",
    "sizes",
    "statements",
    "unfinished",
    "watch",
    "without_partitions",
]

_PAYMENTS_ROWS: Mapping[str, str] = MappingProxyType(
    {
        "coupon": "SELECT * FROM coupon WHERE holder = $1",
        # Its changes are told by its steps, and by its notice's acknowledgement.
        "journal_change": (
            "SELECT change_id AS id, at FROM trail WHERE pay_order_no = $1"
            " UNION ALL SELECT gen_random_uuid(), delivered_at FROM notify_notice"
            " WHERE pay_order_no = $1"
        ),
    }
)

_COLUMNS = """
SELECT a.attname AS name, format_type(a.atttypid, NULL) AS kind,
       coalesce(a.attnum = ANY(k.conkey), false) AS in_key
FROM pg_attribute a
LEFT JOIN pg_constraint k ON k.conrelid = a.attrelid AND k.contype = 'p'
WHERE a.attrelid = $1::text::regclass AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
"""

_WITHOUT_PARTITIONS = """
SELECT name FROM unnest($1::text[]) AS u(name)
WHERE EXISTS (SELECT FROM pg_class WHERE oid = name::regclass AND relkind = 'r')
"""

_BALANCES = """
INSERT INTO accounting_balance AS b (account, currency, slot, amount)
SELECT e.account, p.currency, 0,
       sum(CASE e.side WHEN 'DEBIT' THEN e.amount ELSE -e.amount END * n.copies)
FROM unnest($1::text[], $2::bigint[]) AS n(pay_order_no, copies)
JOIN accounting_posting p USING (pay_order_no)
JOIN accounting_entry e USING (pay_order_no, kind, fact)
GROUP BY e.account, p.currency
ON CONFLICT (account, currency, slot) DO UPDATE SET amount = b.amount + excluded.amount
"""

BORN_OPEN = "refund"
"""Tables whose rows may come in only as they began: their triggers are not asked."""

_UNASKED = "SET LOCAL session_replication_role = replica"

_UNFINISHED = """
SELECT (SELECT count(*) FROM payment WHERE next_check_at IS NOT NULL)
     + (SELECT count(*) FROM refund WHERE status = 'DOING')
     + (SELECT count(*) FROM notify_notice WHERE next_check_at IS NOT NULL)
"""

# Of parents too: nobody's autovacuum analyzes those, so nor do we.
_TABLES = """
SELECT format('%I', relname) FROM pg_class
WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1
"""

_SIZES = """
SELECT coalesce(pg_partition_root(t.oid), t.oid)::regclass::text AS "table",
       NULL AS index, sum(pg_table_size(t.oid))::bigint AS octets
FROM pg_class t
WHERE t.relkind = 'r' AND t.relnamespace = 'public'::regnamespace
GROUP BY 1
UNION ALL
SELECT coalesce(pg_partition_root(t.oid), t.oid)::regclass::text,
       coalesce(pg_partition_root(i.oid), i.oid)::regclass::text,
       sum(pg_relation_size(i.oid))::bigint
FROM pg_index x
JOIN pg_class t ON t.oid = x.indrelid AND t.relkind = 'r'
JOIN pg_class i ON i.oid = x.indexrelid
WHERE t.relnamespace = 'public'::regnamespace
GROUP BY 1, 2
ORDER BY 1, 2 NULLS FIRST
"""

_WATCH = (
    "ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'",
    "ALTER SYSTEM SET pg_stat_statements.max = 10000",
)

_STATEMENTS = """
SELECT query, sum(calls)::bigint, sum(shared_blks_hit + shared_blks_read)::bigint
FROM pg_stat_statements
WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
GROUP BY query
"""

_SPAN = "SELECT min(created_at), max(created_at) FROM payment"

_SAMPLE = """
SELECT p.pay_order_no, p.biz_line, p.out_biz_no, p.created_at, c.tail,
       right(c.phone_masked, 4) AS phone_tail, coalesce(went.channel, '') AS channel,
       coalesce(went.channel_ref, '') AS channel_ref
FROM payment p JOIN cards_card c USING (card_id)
LEFT JOIN LATERAL (
    SELECT channel, channel_ref FROM attempt a WHERE a.pay_order_no = p.pay_order_no
    ORDER BY channel_ref IS NULL, seq DESC LIMIT 1
) went ON true
WHERE p.pay_order_no >= $1
ORDER BY p.pay_order_no
LIMIT 1
"""


async def connect(dsn: str) -> "Connection":
    """One connection."""
    return await db.connect(dsn)


async def pool(dsn: str) -> "Pool":
    """Connections for what people ask, one thing after the other."""
    return await db.pool(dsn, size=2)


# --- filling --------------------------------------------------------------------------


async def columns(connection: "Connection", table: str) -> list[Column]:
    """A table's columns in order."""
    found = await connection.fetch(_COLUMNS, table)
    return [Column(**row) for row in found]


async def rows_of(connection: "Connection", table: str, pay_order_no: str) -> bytes:
    """A payment's rows in a table, as COPY gives them."""
    everything = f"SELECT * FROM {table} WHERE pay_order_no = $1"
    query = _PAYMENTS_ROWS.get(table, everything)
    return await _copied(connection, query, pay_order_no)


async def _copied(connection: "Connection", query: str, *values: str) -> bytes:
    made = bytearray()

    async def take(octets: bytes) -> None:
        made.extend(octets)

    await connection.copy_from_query(query, *values, output=take, format="binary")
    return bytes(made[len(HEADER) : -len(TRAILER)])


async def ensure_months(connection: "Connection", first: date, months: int) -> None:
    """Partitions for so many months."""
    await connection.execute("SELECT ensure_partitions($1, $2)", first, months)


async def without_partitions(
    connection: "Connection", tables: Sequence[str]
) -> list[str]:
    """Those of the tables that are one for all times."""
    return [row[0] for row in await connection.fetch(_WITHOUT_PARTITIONS, tables)]


def part_of(table: str, month: str) -> str:
    """A table's partition of a month (yyMM)."""
    return f"{table}_p{month}"


async def rewrite(dsn: str, table: str, rows: AsyncIterator[bytes]) -> None:
    """Write a table or partition anew: these rows, then what stood in it."""
    connection = await connect(dsn)
    try:
        async with connection.transaction():
            stood = await _copied(connection, f"SELECT * FROM {table}")
            await connection.execute(f"TRUNCATE {table}")
            if table.startswith(BORN_OPEN):
                await connection.execute(_UNASKED)
            await connection.copy_to_table(
                table, source=_whole(rows, stood), format="binary", freeze=True
            )
    finally:
        await connection.close()


async def _whole(rows: AsyncIterator[bytes], stood: bytes) -> AsyncIterator[bytes]:
    yield HEADER
    async for some in rows:
        yield some
    yield stood
    yield TRAILER


async def add_to_balances(connection: "Connection", copies: Mapping[str, int]) -> None:
    """What so many copies of each payment have posted."""
    await connection.execute(_BALANCES, list(copies), list(copies.values()))


async def unfinished(connection: "Connection") -> int:
    """Payments and notices that wait for something."""
    found: int = await connection.fetchval(_UNFINISHED)
    return found


async def grow_old(connection: "Connection") -> None:
    """Vacuum and analyze what autovacuum would have, and write all of it to disk."""
    tables: Sequence[str] = [row[0] for row in await connection.fetch(_TABLES)]
    await connection.execute(f"VACUUM (ANALYZE) {', '.join(tables)}")
    await connection.execute("CHECKPOINT")


# --- looking --------------------------------------------------------------------------


async def watch(connection: "Connection") -> None:
    """Have statements counted from the server's next start on."""
    for setting in _WATCH:
        await connection.execute(setting)
    await connection.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")


async def statements(asked: "Connection | Pool") -> dict[str, tuple[int, int]]:
    """Of each statement: how often it was run, and how many blocks it touched."""
    found = await asked.fetch(_STATEMENTS)
    return {query: (calls, blocks) for query, calls, blocks in found}


class Size(msgspec.Struct, frozen=True, kw_only=True):
    """What a table or one of its indexes takes, all partitions together."""

    table: str
    index: str | None
    octets: int


async def sizes(connection: "Connection") -> list[Size]:
    """Of every table of ours, each with its indexes behind it."""
    return [Size(**row) for row in await connection.fetch(_SIZES)]


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """A payment that people ask about."""

    pay_order_no: str
    biz_line: str
    out_biz_no: str
    created_at: datetime
    tail: str
    phone_tail: str
    channel: str
    """Where it went last."""
    channel_ref: str
    """Its number there; empty: it has none."""


async def samples(pool: "Pool", count: int) -> list[Sample]:
    """So many payments from all over the time in which there are any."""
    span = await pool.fetchrow(_SPAN)
    assert span is not None, "an aggregate has a row"
    first, last = span
    made = []
    for nth in range(count):
        moment: datetime = first + (last - first) * nth / count
        row = await pool.fetchrow(_SAMPLE, f"{moment:%y%m%d%H%M%S}")
        assert row is not None, "the last one is later"
        made.append(Sample(**row))
    return made
