"""Months are made ahead, beside payments, and each by itself."""

import asyncio
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import asyncpg
import pytest

from paycore.accounting.rows import PostingRow
from paycore.kernel import db, partitions
from paycore.kernel.journal import Change
from paycore.kernel.journal_postgres import PostgresJournal
from paycore.kernel.partitions import ALONE, BESIDE, MONTHS_AHEAD, Pace, ensure, missing

LETTERS = "ABCDEFGHJKM"
MADE_OF_OLD = "SELECT ensure_partitions($1, 1)"
TABLES = """
SELECT relname FROM pg_class JOIN pg_partitioned_table ON oid = partrelid ORDER BY 1
"""
# What a partition is, but for its own name.
HOW_IT_IS = """
SELECT replace(what, $2, 'p') FROM (
    SELECT pg_get_constraintdef(oid) || conislocal || coninhcount AS what
    FROM pg_constraint WHERE conrelid = $1::text::regclass
    UNION ALL
    SELECT pg_get_indexdef(indexrelid) || (
        SELECT inhparent::regclass FROM pg_inherits WHERE inhrelid = indexrelid)
    FROM pg_index WHERE indrelid = $1::text::regclass
    UNION ALL
    SELECT replace(pg_get_triggerdef(oid), 'public.', '') || tgenabled::text
           || (tgparentid <> 0)
    FROM pg_trigger WHERE tgrelid = $1::text::regclass
    UNION ALL
    SELECT attnum || attname || attislocal || attinhcount || attnotnull
           || attcollation || attstorage::text || coalesce((
               SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef
               WHERE adrelid = attrelid AND adnum = attnum), '')
    FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum > 0
) AS said ORDER BY 1
"""


@pytest.fixture
async def own(cluster):
    """A migrated database of the test's own."""
    name = f"months_{uuid4().hex}"
    connection = await asyncpg.connect(cluster.dsn_of("postgres"))
    await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE paycore_template')
    yield cluster.dsn_of(name)
    await connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    await connection.close()


@pytest.fixture
async def pool(own):
    """As a node has one beside its journal."""
    async with await db.pool(own, size=4) as pool:
        yield pool


@pytest.fixture
async def journal(own):
    """As a node writes."""
    journal = await PostgresJournal.open(own, patience_s=60.0)
    yield journal
    await journal.close()


@pytest.fixture
async def other(own):
    """Somebody else's session."""
    connection = await asyncpg.connect(own)
    yield connection
    await connection.close()


def month(ahead: int) -> date:
    """The first of a month, counted from now."""
    now = datetime.now(UTC)
    at = now.year * 12 + now.month - 1 + ahead
    return date(at // 12, at % 12 + 1, 1)


def number(day: date, n: int = 0) -> str:
    """A payment's number of that day."""
    return f"{day:%y%m%d}101112{n:03d}{LETTERS}"


async def post(journal, no: str) -> None:
    """What is written of a payment."""
    change = Change(uuid4())
    at = datetime.now(UTC)
    change.append(
        PostingRow(pay_order_no=no, kind="PAYMENT", currency="CNY", amount=5, at=at)
    )
    assert await journal.commit(change) is None


async def say(pool, no: str) -> None:
    """As a stranger's message was kept under the number that it named."""
    await pool.execute(
        "INSERT INTO gateway_message VALUES ($1, gen_random_uuid(), 1, 'CALLBACK', '',"
        " 'a', 'main', now(), 'REFUSED', '42 octets', NULL)",
        no,
    )


async def where(pool, table: str, no: str) -> list[str]:
    """The partitions in which a payment's rows lie."""
    rows = await pool.fetch(
        f"SELECT tableoid::regclass::text AS place FROM {table}"
        " WHERE pay_order_no = $1",
        no,
    )
    return [row["place"] for row in rows]


def lacking(months) -> set[str]:
    return {one.partition for one in months}


async def test_the_months_ahead_are_made(pool):
    """Every table has this month and two more; asking again changes nothing."""
    tables = [row[0] for row in await pool.fetch(TABLES)]
    first = await ensure(pool, date(2031, 12, 7))
    again = await ensure(pool, date(2031, 12, 7))

    made = [one.month.partition for one in first.made]
    names = ("3112", "3201", "3202")
    assert [f"{table}_p{name}" for name in names for table in tables] == made
    assert ([], [], []) == (first.left, again.left, again.made)
    assert [] == await missing(pool, date(2031, 12, 7), MONTHS_AHEAD)


async def test_a_month_is_as_the_migrations_make_it(pool):
    """Constraints, indexes, triggers and columns are those of any other partition."""
    mine, of_old = month(5), month(9)
    await pool.execute(MADE_OF_OLD, of_old)
    await ensure(pool, mine)

    for (table,) in await pool.fetch(TABLES):
        names = (f"{table}_p{mine:%y%m}", f"{table}_p{of_old:%y%m}")
        ours, theirs = [await pool.fetch(HOW_IT_IS, name, name) for name in names]
        assert theirs == ours, table


async def test_a_strangers_row_stops_no_month(pool):
    """A row of a month to come moves with it, and nothing else is kept waiting."""
    no = number(month(5))
    await say(pool, no)
    moved = Counter[str]()
    for ahead in range(8):
        report = await ensure(pool, month(ahead))
        moved.update({one.month.partition: one.moved for one in report.made})
        assert [] == report.left

    partition = f"gateway_message_p{month(5):%y%m}"
    assert {partition: 1} == +moved
    assert [partition] == await where(pool, "gateway_message", no)
    with pytest.raises(asyncpg.CheckViolationError, match="kept as they are"):
        await pool.execute("DELETE FROM gateway_message WHERE pay_order_no = $1", no)


async def test_a_month_that_has_begun_is_made_all_the_same(pool, journal):
    """What was paid before it was there moves in, and what is left stays guarded."""
    for ahead in (3, 6, 9):
        day = month(ahead)
        await post(journal, number(day))
        await post(journal, number(month(ahead + 20)))
        report = await ensure(pool, day)

        assert [] == report.left
        moved = {one.month.partition: one.moved for one in report.made if one.moved}
        assert {f"accounting_posting_p{day:%y%m}": 1} == moved
        await post(journal, number(day, 1))
        with pytest.raises(asyncpg.CheckViolationError, match="kept as they are"):
            await pool.execute("DELETE FROM accounting_posting_p_other")
    assert 9 == await pool.fetchval("SELECT count(*) FROM accounting_posting")


async def test_who_pays_meanwhile_notices_nothing(pool, journal):
    """Rows that are written while their month is made are all there, none refused."""
    day, written, over = month(4), [], False

    async def pay() -> None:
        while not over:
            written.append(number(day, len(written)))
            await post(journal, written[-1])

    paying = [asyncio.create_task(pay()) for _ in range(4)]
    await asyncio.sleep(0.2)
    for _ in range(20):
        report = await ensure(pool, day)
        if not await missing(pool, day, MONTHS_AHEAD):
            break
    over = True
    await asyncio.gather(*paying)

    assert [] == report.left
    rows = await pool.fetch(
        "SELECT pay_order_no, tableoid::regclass::text AS place FROM accounting_posting"
    )
    assert {f"accounting_posting_p{day:%y%m}"} == {row["place"] for row in rows}
    assert sorted(written) == sorted(row["pay_order_no"] for row in rows)


async def test_a_long_reader_keeps_nobody_waiting(pool, journal, other, monkeypatch):
    """A dump has a table for hours: no lock is asked for, the other tables get their
    month, and this one gets it once he is gone.
    """
    monkeypatch.setattr(partitions, "LONG_AGO_S", 0)
    async with other.transaction(readonly=True):
        await other.fetch("SELECT count(*) FROM accounting_posting")
        making, posted = asyncio.create_task(ensure(pool, month(1))), 0
        async with asyncio.timeout(60):
            while not making.done():
                thousands, n = divmod(posted, 1000)
                await post(journal, number(month(0) + timedelta(thousands), n))
                posted += 1
                await asyncio.sleep(0.01)
        report = await making

    assert {"accounting_posting"} == {one.month.table for one in report.left}
    assert "for long" in report.left[0].why
    assert 14 == len(report.made)
    assert 1 == len((await ensure(pool, month(1))).made)


async def test_a_lock_that_does_not_come_is_given_up(pool, journal, other):
    """Who came behind it has waited for a moment only."""
    async with other.transaction(readonly=True):
        await other.fetch("SELECT count(*) FROM accounting_posting")
        report = await ensure(pool, month(1))
        async with asyncio.timeout(60):
            await post(journal, number(month(0)))

    assert ["the table was in use"] == [one.why for one in report.left]


async def test_who_writes_a_month_does_not_stop_the_next_one(pool, other):
    """A month to come is attached beside transactions that insert."""
    async with other.transaction():
        await other.execute(
            "INSERT INTO accounting_posting (pay_order_no, kind, currency, amount, at)"
            " VALUES ($1, 'PAYMENT', 'CNY', 1, now())",
            number(month(0)),
        )
        report = await ensure(pool, month(1))

    assert [] == report.left


async def test_nobody_meets_us_in_a_deadlock(pool, other):
    """We hold one table at a time: who has one and comes to another goes on."""
    async with other.transaction():
        await other.execute("SELECT FROM attempt WHERE pay_order_no = 'x' FOR UPDATE")
        making = asyncio.create_task(ensure(pool, month(1)))
        for _ in range(20):
            await asyncio.sleep(0.02)
            await other.execute(
                "INSERT INTO accounting_entry"
                " VALUES ($1, 'PAYMENT', 1, 'a', 'DEBIT', 1, '')"
                " ON CONFLICT DO NOTHING",
                number(month(0)),
            )
        report = await making

    assert {"attempt"} >= {one.month.table for one in report.left}


async def test_what_is_too_much_beside_payments_moves_when_there_are_none(
    pool, journal
):
    """It stands in the way of no other month, and is told by its table."""
    day = month(3)
    for n in range(3):
        await post(journal, number(day, n))
    few = Pace(statement_ms=BESIDE.statement_ms, rows=2)
    report = await ensure(pool, day, few)

    (left,) = report.left
    assert f"accounting_posting_p{day:%y%m}" == left.month.partition
    assert "more than 2 rows lie in accounting_posting_p_other" == left.why
    assert 0 == left.month.ahead
    (made,) = (await ensure(pool, day, ALONE)).made
    assert 3 == made.moved


async def test_months_that_are_over_move_when_there_are_no_payments(pool, journal):
    """Years of a table without a month: each gets its own, across a turn of the year;
    what has no month's number, or one to come, stays.
    """
    days = [month(ahead) for ahead in (-14, -13, -2)]
    for no in (*map(number, days), number(month(30)), "X" * 26):
        await post(journal, no)
    beside, alone = await ensure(pool, month(0)), await ensure(pool, month(0), ALONE)

    assert ([], []) == (beside.made, beside.left)
    assert [f"accounting_posting_p{day:%y%m}" for day in days] == [
        one.month.partition for one in alone.made
    ]
    for day in days:
        (place,) = await where(pool, "accounting_posting", number(day))
        assert f"accounting_posting_p{day:%y%m}" == place
    left = await pool.fetchval("SELECT count(*) FROM accounting_posting_p_other")
    assert 2 == left


async def test_two_nodes_make_each_month_once(pool, monkeypatch):
    """Neither fails, and neither counts what the other has made."""
    # However long one is about a month, the other waits for his turn.
    monkeypatch.setattr(partitions, "TURN_MS", 60_000)
    reports = await asyncio.gather(*(ensure(pool, month(7)) for _ in range(2)))

    made = Counter(one.month.partition for report in reports for one in report.made)
    assert {1} == set(made.values())
    assert [] == [one for report in reports for one in report.left]
    assert [] == await missing(pool, month(7), MONTHS_AHEAD)


async def test_while_an_audit_reads_all_months_wait(pool, other, monkeypatch):
    """It is to see one schema; nobody waits for it month by month."""
    monkeypatch.setattr(partitions, "TURN_MS", 50)
    async with other.transaction():
        await other.execute(
            "SELECT pg_advisory_xact_lock_shared($1)", db.PARTITIONS_LOCK
        )
        async with asyncio.timeout(60):
            report = await ensure(pool, month(7))

    assert [] == report.made
    assert {"an audit runs, or another makes partitions"} == {
        one.why for one in report.left
    }
    assert lacking(await missing(pool, month(7), MONTHS_AHEAD)) == lacking(
        one.month for one in report.left
    )


async def test_other_peoples_tables_are_left_alone(pool):
    """One database may serve several, whose tables have months of their own."""
    await pool.execute('CREATE SCHEMA "Shop"')
    for table, other in (('"Shop"."Orders"', '"Shop"."Rest"'), ("events", "others")):
        await pool.execute(
            f"CREATE TABLE {table} (name text) PARTITION BY RANGE (name)"
        )
        await pool.execute(f"CREATE TABLE {other} PARTITION OF {table} DEFAULT")

    report = await ensure(pool, date(2031, 5, 7), ALONE)

    assert [] == report.left
    assert {table for (table,) in await pool.fetch(TABLES)} - {"Orders", "events"} == {
        one.month.table for one in report.made
    }
