"""Days cut off: whose end is when, what is in them, and that they stay."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from ledger_books import pay

from paycore.accounting import closing, queries
from paycore.audit.questions import ledger
from paycore.kernel import db

DAY = date(2026, 3, 1)
NEXT = DAY + timedelta(days=1)
SHANGHAI = timezone(timedelta(hours=8))


def ends(day, **channels):
    """The ends of a day, given those of channels."""
    return closing.ends_of(day, channels)


def shanghai(day):
    """The end of a day there: 16:00 UTC."""
    after = day + timedelta(days=1)
    return datetime(after.year, after.month, after.day, tzinfo=SHANGHAI)


def at(day, hour, minute=0):
    """A moment of a day, in UTC."""
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC)


async def cut(dsn, day, now=None, **channels):
    """Cut a day off, a few hours after it is over."""
    async with closing.seated(dsn) as connection:
        return await closing.cut_off(
            connection,
            day,
            ends(day, **channels),
            now or at(day, 3) + timedelta(days=1),
        )


async def of_day(pool, day):
    """What stands on each account at the end of a day, and what was late."""
    found = await queries.day_balances(pool, day.isoformat())
    return {row.account: (row.opening, row.movement, row.late) for row in found}


@pytest.fixture
async def books(node, pool):
    """Books with nothing in them."""
    yield node
    async with pool.acquire() as connection:
        await connection.execute("SET session_replication_role = replica")
        for table in ("accounting_day_balance", "accounting_day", "accounting_balance"):
            await connection.execute(f"DELETE FROM {table}")
        for table in ("accounting_entry", "accounting_posting"):
            await connection.execute(f"DELETE FROM {table}")
        await connection.execute("RESET session_replication_role")


async def test_what_is_after_the_end_is_of_the_next_day(books, dsn, pool):
    """By its time, though both are there when the day is cut off; each adds up."""
    await pay(books, at(DAY, 23, 59), amount=100)
    await pay(books, at(NEXT, 0), amount=7)

    assert await cut(dsn, DAY)
    assert await cut(dsn, NEXT)
    assert {
        "channel_receivable:quick_a:main": (0, 100, 0),
        "merchant_pending:shop": (0, -100, 0),
    } == await of_day(pool, DAY)
    assert {
        "channel_receivable:quick_a:main": (100, 7, 0),
        "merchant_pending:shop": (-100, -7, 0),
    } == await of_day(pool, NEXT)


async def test_a_channels_day_ends_by_its_own_clock(books, dsn, pool):
    """17:00 in London is the next day in Shanghai, for a bank of Shanghai alone."""
    await pay(books, at(DAY, 17), amount=100, channel="quick_a")
    await pay(books, at(DAY, 17), amount=7, channel="deduct_a")

    await cut(dsn, DAY, quick_a=shanghai(DAY))
    assert {
        "channel_receivable:deduct_a:main": (0, 7, 0),
        "channel_receivable:quick_a:main": (0, 0, 0),
        "merchant_pending:shop": (0, -7, 0),
    } == await of_day(pool, DAY)


async def test_what_comes_late_is_of_the_next_day_and_said_so(books, dsn, pool):
    """A kept day stays as it is; the next one has what it lacks."""
    await pay(books, at(DAY, 12), amount=100)
    await cut(dsn, DAY)
    await pay(books, at(DAY, 23, 59), amount=30)
    await pay(books, at(NEXT, 12), amount=7)

    assert not await cut(dsn, DAY)
    assert await cut(dsn, NEXT)
    before = await of_day(pool, DAY)
    after = await of_day(pool, NEXT)
    assert (0, 100, 0) == before["channel_receivable:quick_a:main"]
    assert (100, 37, 30) == after["channel_receivable:quick_a:main"]
    assert await _nothing_wrong(pool)


async def test_a_day_that_is_not_over_everywhere_is_not_cut_off(books, dsn):
    """Nor before all that was on its way is there."""
    behind = ends(DAY).ends_at + timedelta(hours=5)

    assert not await cut(dsn, DAY, at(DAY, 23))
    assert not await cut(dsn, DAY, at(NEXT, 0, 9))
    assert not await cut(dsn, DAY, at(NEXT, 3), quick_a=behind)
    assert await cut(dsn, DAY, at(NEXT, 0, 10))


async def test_days_are_made_up_for_one_after_the_other(books, dsn):
    """The first one of all is yesterday; then none is left out."""
    now = at(NEXT, 3)
    async with closing.seated(dsn) as connection:
        first = await closing.next_day(connection, now)
        await closing.cut_off(connection, first, ends(first), now)
        later = now + timedelta(days=3)

        assert first == DAY
        assert NEXT == await closing.next_day(connection, later)


async def test_a_kept_day_cannot_be_changed(books, dsn, pool):
    """Not by us either."""
    await pay(books, at(DAY, 12))
    await cut(dsn, DAY)

    for sql in (
        "UPDATE accounting_day_balance SET amount = 0",
        "DELETE FROM accounting_day",
        "DELETE FROM accounting_day_balance",
    ):
        with pytest.raises(db.AWAY, match="kept as they are"):
            await pool.execute(sql)


async def test_an_audit_sees_a_day_that_is_not_its_entries(books, dsn, pool):
    """Made up without the books, and still adding up to nothing."""
    await pay(books, at(DAY, 12), amount=100)
    await cut(dsn, DAY)
    await cut(dsn, NEXT)
    assert await _nothing_wrong(pool)
    async with pool.acquire() as connection:
        await connection.execute("SET session_replication_role = replica")
        await connection.execute(
            "UPDATE accounting_day_balance SET amount = amount * 2 WHERE day = $1",
            DAY.isoformat(),
        )
        await connection.execute("RESET session_replication_role")

    assert not await _nothing_wrong(pool)


async def _nothing_wrong(pool):
    asked = (ledger.DOES_A_DAY_NOT_ADD_UP, ledger.IS_A_DAY_NOT_THE_SUM_OF_ITS_ENTRIES)
    found = [row for sql in asked for row in await pool.fetch(sql)]
    return not any(row["wrong"] for row in found)
