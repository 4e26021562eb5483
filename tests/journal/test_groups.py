"""What only the journal on PostgreSQL can promise: groups, and who meets in them."""

import asyncio
import random
from contextlib import suppress

import asyncpg
import msgspec
import pytest
from journal_suite import (
    EMPTY,
    NOW,
    SOON,
    Balance,
    Claim,
    Coupon,
    Leg,
    Line,
    Paper,
    execute,
    inserting,
    new,
    no,
)

from paycore.kernel.clock import SystemClock
from paycore.kernel.journal import ChangeRejected, LimitCounter, Refused
from paycore.kernel.journal_group import MAX_GROUP
from paycore.kernel.journal_postgres import PostgresJournal

replace = msgspec.structs.replace


async def fetch(dsn, query):
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetch(query)
    finally:
        await connection.close()


async def transactions(dsn):
    """How many groups have been written, by the moments they were written at."""
    rows = await fetch(dsn, "SELECT DISTINCT xmin::text FROM journal_change")
    return len(rows)


async def test_the_culprit_stands_alone(postgres, tables):
    """Of a hundred changes at once one is rejected, and all others are written."""
    changes = []
    for n in range(100):
        change = inserting(Paper(no=no(f"{n:03}"), amount=-1 if n == 61 else n))
        change.append(Line(no=no(f"{n:03}"), seq=1))
        change.add(Balance(account="a", slot=0, amount=1))
        changes.append(change)
    answers = await asyncio.gather(
        *map(postgres.commit, changes), return_exceptions=True
    )

    assert [61] == [n for n, answer in enumerate(answers) if answer is not None]
    assert isinstance(answers[61], ChangeRejected)
    assert answers[61].sqlstate == "23514"
    assert 99 == len(await postgres.every(Paper)) == len(await postgres.every(Line))
    assert [99] == [row.amount for row in await postgres.every(Balance)]
    assert not await postgres.committed(changes[61].id)


async def test_a_value_that_the_driver_refuses_is_found_too(postgres):
    """What cannot even be sent is one change's fault, not the connection's."""
    changes = [inserting(Coupon(coupon_no=f"{n}")) for n in range(10)]
    changes[3] = inserting(Paper(no=no("A"), amount="twelve"))
    changes[4] = inserting(Coupon(coupon_no="\ud800"))
    answers = await asyncio.gather(
        *map(postgres.commit, changes), return_exceptions=True
    )

    assert [3, 4] == [n for n, answer in enumerate(answers) if answer is not None]
    assert isinstance(answers[3], ChangeRejected)
    assert len(await postgres.every(Coupon)) == 8


LONG = "".join(f"{n * n:x}" for n in range(1500))
"""More than an index takes, also packed."""


@pytest.mark.parametrize(
    ("row", "sqlstate"),
    [
        (Claim(biz_line="L", name=LONG), "54000"),
        (Paper(no=no("A"), extra="[" * 20_000 + "]" * 20_000), "54001"),
    ],
    ids=["a key too long", "a JSON too deep"],
)
async def test_a_limit_of_the_server_is_one_change_s_fault(postgres, row, sqlstate):
    """Those beside it are written; a caller who tries again ruins no group."""
    changes = [inserting(Coupon(coupon_no=f"{n}")) for n in range(11)]
    changes[6].insert(row)
    answers = await asyncio.gather(
        *map(postgres.commit, changes), return_exceptions=True
    )

    assert [6] == [n for n, answer in enumerate(answers) if answer is not None]
    assert isinstance(answers[6], ChangeRejected)
    assert answers[6].sqlstate == sqlstate
    assert len(await postgres.every(Coupon)) == 10


async def test_a_rejection_quotes_no_value(postgres):
    """What a rejection says may be logged, so it never has the value in it."""
    with pytest.raises(ChangeRejected) as caught:
        await postgres.commit(inserting(Paper(no=no("A"), extra="{6222020000000000")))

    assert "6222" not in str(caught.value)


async def test_many_at_once_are_few_transactions(postgres, tables):
    """Five hundred changes at once are written in one group, a lone one alone."""
    await postgres.commit(inserting(Coupon(coupon_no="alone")))
    changes = [inserting(Coupon(coupon_no=f"{n}")) for n in range(MAX_GROUP)]
    answers = await asyncio.gather(*map(postgres.commit, changes))

    assert [None] * MAX_GROUP == answers
    assert await transactions(tables) == 2
    assert len(await postgres.every(Coupon)) == MAX_GROUP + 1


async def test_a_hot_row_does_not_hold_up_others(postgres, tables):
    """Changes of one row go one a group; the others are written beside them."""
    await postgres.commit(inserting(Coupon(coupon_no="hot")))
    changes = []
    for n in range(300):
        change = inserting(Claim(biz_line="L", name=f"{n}"))
        if n % 30 == 0:
            change.amend(Coupon, ("hot",), lambda row: replace(row, holder="x"))
        changes.append(change)
    answers = await asyncio.gather(*map(postgres.commit, changes))

    assert [None] * 300 == answers
    assert await transactions(tables) == 11


async def test_a_waiter_who_leaves_takes_nobody_along(postgres):
    """Who is cancelled gets no answer; his change and everybody's are written."""
    changes = [inserting(Coupon(coupon_no=f"{n}")) for n in range(20)]
    tasks = [asyncio.create_task(postgres.commit(change)) for change in changes]
    await asyncio.sleep(0)
    for task in tasks[::4]:
        task.cancel()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    await postgres.commit(new())

    assert [n % 4 == 0 for n in range(20)] == [answer is not None for answer in answers]
    assert len(await postgres.every(Coupon)) == 20


async def test_a_reader_who_leaves_takes_nobody_along(postgres):
    """A cancelled read does not cost the others theirs, nor the connection."""
    await postgres.commit(inserting(*(Coupon(coupon_no=f"{n}") for n in range(20))))
    for pause in (0.0, 0.0002, 0.001):
        tasks = [asyncio.create_task(postgres.load(Coupon, f"{n}")) for n in range(20)]
        lone = asyncio.create_task(postgres.every(Coupon))
        await asyncio.sleep(pause)
        for task in (*tasks[::4], lone):
            task.cancel()
        rows = await asyncio.gather(*tasks, return_exceptions=True)
        with suppress(asyncio.CancelledError):
            await lone

        for n, row in enumerate(rows):
            if n % 4 or isinstance(row, Coupon):
                assert row == Coupon(coupon_no=f"{n}")


async def test_a_row_that_was_taken_at_once_by_another_node(postgres, tables):
    """Two nodes want the same new key: one gets it, the other is shown whose it is."""
    other = await PostgresJournal.open(tables, clock=SystemClock(NOW))
    rows = [Claim(biz_line="L", name=f"{n}", by="mine") for n in range(50)]
    theirs = [replace(row, by="theirs") for row in rows]
    answers = await asyncio.gather(
        *(postgres.commit(inserting(row)) for row in rows),
        *(other.commit(inserting(row)) for row in reversed(theirs)),
    )
    await other.close()
    stands = {row.name: row for row in await postgres.every(Claim)}

    assert 50 == len(stands) == sum(answer is None for answer in answers)
    for mine, answer in zip(rows, answers, strict=False):
        expected = Refused("t_claim", stands[mine.name])
        assert answer == (None if stands[mine.name] == mine else expected)


PAPERS, COUPONS = 100, 12


def busy_change(dice, serial, node):
    """A change that wants some of few rows of every kind, in any order."""
    change = new()
    for key in dice.sample(range(PAPERS), 8):
        change.amend(
            Paper, (no(f"{key:02}"),), lambda row: replace(row, amount=row.amount + 1)
        )
    key = dice.randrange(COUPONS)
    change.amend(Coupon, (f"{key:02}",), lambda row: replace(row, holder=node))
    change.insert(Claim(biz_line="L", name=f"{key:02}-{serial % 999:03}"))
    change.append(Leg(no=no(f"{node}{serial}"), seq=1))
    for key in dice.sample(range(COUPONS), 3):
        change.count(f"{key:02}", 1, limit=None, expires_at=SOON)
        change.add(Balance(account="shared", slot=key, amount=1))
    return change


async def run_node(dsn, node, rounds):
    """Write what comes in so many rounds, as a node does; give how many were admitted.

    The changes of a round want the same rows here and there, so it takes some groups.
    """
    journal = await PostgresJournal.open(dsn, clock=SystemClock(NOW))
    dice, admitted = random.Random(node), 0
    try:
        for serial in range(rounds):
            changes = [busy_change(dice, 10 * serial + n, node) for n in range(10)]
            answers = await asyncio.gather(*map(journal.commit, changes))
            admitted += sum(answer is None for answer in answers)
    finally:
        await journal.close()
    return admitted


@pytest.mark.long
async def test_nodes_never_deadlock(postgres, tables):
    """Groups of several nodes over the same rows wait in turn, and lose nothing."""
    papers = [Paper(no=no(f"{n:02}")) for n in range(PAPERS)]
    coupons = [Coupon(coupon_no=f"{n:02}") for n in range(COUPONS)]
    await postgres.commit(inserting(*papers, *coupons))
    before = await transactions(tables)
    # Three, so that two who have half of their locks are woken by the third's commit.
    nodes = (run_node(tables, node, 130) for node in "ABC")
    admitted = sum(await asyncio.gather(*nodes))
    groups = await transactions(tables) - before
    ((deadlocks,),) = await fetch(
        tables,
        "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()",
    )

    assert deadlocks == 0
    assert groups >= 1200
    assert admitted == len(await postgres.every(Claim))
    assert admitted == len(await postgres.every(Leg))
    assert 8 * admitted == sum(row.amount for row in await postgres.every(Paper))
    assert 3 * admitted == sum(row.used for row in await postgres.every(LimitCounter))
    assert 3 * admitted == sum(row.amount for row in await postgres.every(Balance))


@pytest.mark.parametrize("table", ["t_paper", "t_claim", "limit_counter"])
async def test_statements_do_not_read_whole_tables(tables, table):
    """Rows are found by key also while the planner knows nothing of the table."""
    await execute(tables, EMPTY)
    journal = await PostgresJournal.open(tables, clock=SystemClock(NOW))
    numbers = [f"{n:04}" for n in range(1500)]
    for at in range(0, 1500, 300):
        batch = numbers[at : at + 300]
        await asyncio.gather(*(journal.commit(filling(n)) for n in batch))
    await asyncio.gather(*(journal.commit(touching(n)) for n in numbers[1:9]))
    await journal.close()  # a backend tells what it has read when it ends
    before = await tuples_read(tables, table)
    journal = await PostgresJournal.open(tables, clock=SystemClock(NOW))
    changes = [touching(n) for n in numbers[::150]]
    answers = await asyncio.gather(*map(journal.commit, changes))
    await journal.close()
    after = await tuples_read(tables, table)

    assert {None, "t_claim"} == {answer and answer.guard for answer in answers}
    assert after - before <= 60


def filling(number):
    """A change that makes a row in each table."""
    change = inserting(Paper(no=no(number)), Claim(biz_line="L", name=number))
    change.count(number, 1, limit=None, expires_at=SOON)
    return change


def touching(number):
    """A change that finds them again; every other one is refused at its last guard."""
    change = new()
    change.update(Paper(no=no(number)), version=1)
    change.count(number, 1, limit=None, expires_at=SOON)
    if int(number) % 300:
        change.insert(Claim(biz_line="L", name=number))
    return change


JOURNALS = (
    "SELECT FROM pg_stat_activity WHERE application_name = 'paycore journal' "
    "AND datname = current_database()"
)


async def tuples_read(dsn, table):
    """How many rows of a table have been read or fetched so far, once all backends have
    told: they do before the server lists them no more.
    """
    async with asyncio.timeout(60):
        while await fetch(dsn, JOURNALS):  # noqa: ASYNC110 - the server's own
            await asyncio.sleep(0.02)
    ((count,),) = await fetch(
        dsn,
        "SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::int "
        f"FROM pg_stat_user_tables WHERE relname LIKE '{table}%'",
    )
    return count
