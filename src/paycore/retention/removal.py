"""Taking away what is old: the only SQL that removes what happened.

Each function is one short transaction, on record in `retention_removal` before anything
goes; without that record, or of a payment that is open or has a case, the database
refuses (`age_guard`). No lock is waited for longer than a payment may wait.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from paycore.kernel import db
from paycore.kernel.partitions import (
    LOCK_MS,
    LOCKED,
    LONG_AGO_S,
    WHO_HAS_IT_FOR_LONG,
)
from paycore.retention.catalogue import Rule
from paycore.retention.queries import (
    NAMED,
    WHICH_ARE_HALF_GONE,
    Busy,
    Connection,
    Month,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """What one step took away."""

    rows: int = 0
    octets: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What one step went through, and what of it went."""

    gone: Gone
    last: object | None
    """Where the next one goes on; None: there is no more."""
    held: int = 0
    """Payments that were gone through and stay."""


BEGIN = """
INSERT INTO retention_removal
    (removal_id, table_name, partition, how, before, until, rows, octets, begun_at)
VALUES ($1, $2, $3, $4, $5, $6, 0, 0, $7)
ON CONFLICT (removal_id) DO UPDATE SET rows = retention_removal.rows
"""
GROW = """
UPDATE retention_removal SET rows = rows + $2, octets = octets + $3
WHERE removal_id = $1
"""
END = "UPDATE retention_removal SET finished_at = $2 WHERE removal_id = $1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What is put on record: the first time anew, then the same row again."""

    id: UUID
    rule: Rule
    how: str
    until: datetime
    at: datetime
    partition: str | None = None
    before: str | None = None

    async def begin(self, connection: "Connection") -> None:
        """In the transaction that takes away, and before it does."""
        named = (self.id, self.rule.table, self.partition, self.how, self.before)
        await connection.execute(BEGIN, *named, self.until, self.at)

    async def grow(self, connection: "Connection", gone: Gone) -> None:
        """So much more."""
        await connection.execute(GROW, self.id, gone.rows, gone.octets)


# --- whole months ---------------------------------------------------------------------

MAY_TABLES_CHANGE = "SELECT pg_try_advisory_xact_lock($1)"

# Meanwhile something may have come that is new: it goes back, to no month.
GIVE_BACK_AND_COUNT = """
WITH back AS (
    INSERT INTO {table} SELECT * FROM {partition}
    WHERE {since} >= $1
       OR pay_order_no IN (SELECT pay_order_no FROM retention_held)
    RETURNING 1
)
SELECT (SELECT count(*) FROM {partition}) - (SELECT count(*) FROM back),
       pg_total_relation_size('{partition}')
"""


async def detach(connection: "Connection", record: Record) -> None:
    """Take a month out of its table; Busy where its locks do not come at once.

    DETACH waits for all who use the table, and whoever comes waits behind it: so it is
    not even tried while somebody has had the table for long, and given up soon.
    (CONCURRENTLY is not for tables with a default partition.)
    """
    assert record.partition is not None, "a month has a name"
    assert NAMED.fullmatch(record.partition), record.partition
    table = record.rule.table
    who = await connection.fetchval(WHO_HAS_IT_FOR_LONG, table, LONG_AGO_S)
    if who is not None:
        raise Busy(f"{who or 'a session'} has read the table for long")
    try:
        async with connection.transaction():
            if not await connection.fetchval(MAY_TABLES_CHANGE, db.PARTITIONS_LOCK):
                raise Busy("an audit runs, or partitions are being made")
            await connection.execute(f"SET LOCAL lock_timeout = {LOCK_MS}")
            await record.begin(connection)
            await connection.execute(
                f"ALTER TABLE {table} DETACH PARTITION {record.partition}"
            )
    except db.AWAY as error:
        if getattr(error, "sqlstate", None) == LOCKED:
            raise Busy("the table was in use") from error
        raise


async def half_gone(connection: "Connection", rule: Rule, at: datetime) -> list[Record]:
    """Months that were taken out of their table and are still there."""
    rows = await connection.fetch(WHICH_ARE_HALF_GONE, rule.table)
    return [
        Record(
            id=row["removal_id"],
            rule=rule,
            how="DROPPED",
            until=row["until"],
            at=at,
            partition=row["partition"],
            before=row["before"],
        )
        for row in rows
    ]


async def drop(connection: "Connection", record: Record, at: datetime) -> Gone:
    """Throw away a month that is out of its table already; nobody else has it."""
    partition = record.partition
    assert partition is not None, "a month has a name"
    assert NAMED.fullmatch(partition), partition
    gone = Gone()
    async with connection.transaction():
        if await connection.fetchval("SELECT to_regclass($1)::text", partition):
            sql = GIVE_BACK_AND_COUNT.format(
                table=record.rule.table, partition=partition, since=record.rule.since
            )
            row = await connection.fetchrow(sql, record.until)
            assert row is not None, "a SELECT without FROM gives one row"
            gone = Gone(rows=row[0], octets=row[1])
            await connection.execute(f"DROP TABLE {partition}")
        await record.grow(connection, gone)
        await connection.execute(END, record.id, at)
    return gone


# --- payment by payment, row by row ---------------------------------------------------

# As queries.WHAT_IS_IN_A_MONTH judges, for the next payments by number.
DELETE_PAYMENTS = """
WITH batch AS MATERIALIZED (
    SELECT pay_order_no, max({since}) AS last FROM {partition}
    WHERE pay_order_no > $1 AND pay_order_no < $2
    GROUP BY pay_order_no ORDER BY pay_order_no LIMIT $3
), past AS MATERIALIZED (
    SELECT pay_order_no FROM batch b
    WHERE last < $4 AND NOT EXISTS (
        SELECT FROM retention_held h WHERE h.pay_order_no = b.pay_order_no)
), gone AS (
    DELETE FROM {partition} AS t
    WHERE t.pay_order_no = ANY(ARRAY(SELECT pay_order_no FROM past))
    RETURNING pg_column_size(t.*) AS octets
)
SELECT (SELECT max(pay_order_no) FROM batch) AS last,
       (SELECT count(*) FROM batch) - (SELECT count(*) FROM past) AS held,
       count(*) AS rows, coalesce(sum(octets), 0)::bigint AS octets
FROM gone
"""

# By ctid: the rows are locked, so they are where they were found. Neither a promise nor
# a limit hangs on the clock of a node: what is still to come by the database's stays.
DELETE_ROWS = """
WITH old AS MATERIALIZED (
    SELECT ctid, t.{walked} AS place FROM {table} AS t
    WHERE t.{walked} >= $1 AND t.{walked} < $2
      AND t.{since} < $3 AND t.{since} < clock_timestamp() AND {only}
    ORDER BY t.{walked} LIMIT $4
    FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM {table} AS t WHERE t.ctid = ANY(ARRAY(SELECT ctid FROM old))
    RETURNING pg_column_size(t.*) AS octets
)
SELECT (SELECT place FROM old ORDER BY place DESC LIMIT 1) AS last, 0::bigint AS held,
       count(*) AS rows, coalesce(sum(octets), 0)::bigint AS octets
FROM gone
"""


async def delete_payments(
    connection: "Connection",
    record: Record,
    month: Month,
    *,
    after: str,
    before: str,
    limit: int,
) -> Batch:
    """The rows of the next payments after a number, as far as they may go."""
    sql = DELETE_PAYMENTS.format(since=record.rule.since, partition=month.name)
    return await _delete(connection, record, sql, after, before, limit, record.until)


async def delete_rows(
    connection: "Connection",
    record: Record,
    *,
    from_: object,
    to: object,
    limit: int,
) -> Batch:
    """The next old rows; what somebody has in hand is left for another time."""
    rule = record.rule
    sql = DELETE_ROWS.format(
        table=rule.table,
        walked=rule.walked or rule.since,
        since=rule.since,
        only=rule.only,
    )
    return await _delete(connection, record, sql, from_, to, record.until, limit)


class _Nothing(Exception):
    """Nothing went, and of that there is no record: undoes the transaction."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        super().__init__()


async def _delete(
    connection: "Connection", record: Record, sql: str, *values: object
) -> Batch:
    """One transaction, or none where nothing goes."""
    try:
        async with connection.transaction():
            return await _put_and_delete(connection, record, sql, *values)
    except _Nothing as nothing:
        return nothing.batch


async def _put_and_delete(
    connection: "Connection", record: Record, sql: str, *values: object
) -> Batch:
    """First the record, then what goes, then how much it was."""
    await record.begin(connection)
    row = await connection.fetchrow(sql, *values)
    assert row is not None, "an aggregate has a row"
    gone = Gone(rows=row["rows"], octets=row["octets"])
    batch = Batch(gone=gone, last=row["last"], held=row["held"])
    if not gone.rows:
        raise _Nothing(batch)
    await record.grow(connection, gone)
    return batch


async def put_on_record(connection: "Connection", record: Record, gone: Gone) -> None:
    """What was taken away otherwise, and is over."""
    async with connection.transaction():
        await record.begin(connection)
        await record.grow(connection, gone)
        await connection.execute(END, record.id, record.at)


async def end(connection: "Connection", record: Record, at: datetime) -> None:
    """Nothing more goes under this record; where it took nothing there is none."""
    await connection.execute(END, record.id, at)
