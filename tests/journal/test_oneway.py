"""A group in one way to the server: what the steps come to, or nothing at all.

Both ways are asked directly, one after the other, on tables that stand the same before.
"""

import asyncio
import itertools
import random
from contextlib import suppress
from functools import partial
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import asyncpg
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from journal_suite import (
    EMPTY,
    KINDS,
    NOW,
    SOON,
    Balance,
    Claim,
    Coupon,
    Job,
    Leg,
    Line,
    Paper,
    execute,
    inserting,
    new,
    no,
)
from test_groups import fetch
from test_histories import change_of, ops

from paycore.kernel.clock import SystemClock
from paycore.kernel.journal import ChangeRejected, Count, LimitCounter
from paycore.kernel.journal_group import Gathering, Waiting, counted
from paycore.kernel.journal_link import Link
from paycore.kernel.journal_oneway import OneWay, courses_of
from paycore.kernel.journal_postgres import PATIENCE_S, PostgresJournal, connect
from paycore.kernel.journal_routines import Script
from paycore.kernel.journal_sql import Shapes
from paycore.kernel.journal_transaction import Transaction

replace = msgspec.structs.replace
SHAPES = Shapes()
SCRIPT = Script(SHAPES)


@pytest.fixture
async def link(tables):
    """A writer's connection, on empty tables."""
    await execute(tables, EMPTY)
    link = Link(partial(connect, tables))
    await link.ready(PATIENCE_S)
    yield link
    await link.close()


async def in_one_way(link, changes):
    """Whether they were written; also an error leaves nothing behind it."""
    return await OneWay(link, SHAPES, SCRIPT, changes).write(NOW)


async def in_steps(link, changes):
    """What the steps answer to each."""
    try:
        return await Transaction(link, SHAPES, changes).write(NOW)
    except asyncpg.PostgresError:
        await link.execute("ROLLBACK")
        raise


async def told(answer):
    """An answer, or the class of the error that came instead."""
    try:
        return await answer
    except asyncpg.PostgresError as error:
        return error.sqlstate


async def standing(link):
    """All that stands in the tables."""
    found = [await link.fetch(SHAPES.of(kind).every) for kind in (*KINDS, LimitCounter)]
    ids = await link.fetch("SELECT id FROM journal_change ORDER BY id")
    return [[tuple(record) for record in records] for records in (*found, ids)]


# --- both ways ------------------------------------------------------------------------


def found():
    """What the generated changes find: something of most kinds."""
    change = inserting(
        Paper(no=no(0), amount=1),
        Paper(no=no(1), amount=2),
        Claim(biz_line="L", name="0"),
        Job(name="0"),
        Job(name="1"),
    )
    change.count("0", 4, limit=None, expires_at=NOW)
    return change


def a_group(made):
    """The first group of these changes, as the writer takes it."""
    line = Gathering()
    for change in made:
        with suppress(ChangeRejected):
            line.join(Waiting(change))
    return [waiting.change for waiting in line.take()] if line else []


WITH_VERSIONS = (
    "paper",
    "claim",
    "update",
    "repaint",
    "line",
    "add",
    "finish",
    "count",
)
staged = st.lists(
    st.builds(
        lambda op, verb: op._replace(verb=verb), ops, st.sampled_from(WITH_VERSIONS)
    ),
    min_size=1,
    max_size=3,
)


@given(groups=st.lists(st.lists(staged, min_size=1, max_size=5), max_size=4))
@settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
async def test_both_ways_come_to_the_same(tables, link, groups):
    """The same rows where nobody is refused; where somebody is, none of them."""
    await execute(tables, EMPTY)
    await in_steps(link, [found()])
    serial = itertools.count()
    for ops_of in groups:
        group = a_group([change_of(ops_, next(serial), {}) for ops_ in ops_of])
        before = await standing(link)
        written = await told(in_one_way(link, group))
        after = await standing(link)
        if written is True:
            await execute(tables, EMPTY)
            await put_back(link, before)
        answers = await told(in_steps(link, group))

        assert (written is True) == (answers == [None] * len(group))
        assert after == (await standing(link) if written is True else before)


async def put_back(link, before):
    """The tables as they stood."""
    *rows, ids = before
    for kind, records in zip((*KINDS, LimitCounter), rows, strict=True):
        shape = SHAPES.of(kind)
        if records:
            await link.fetch(shape.append, shape.told(shape.rows(records)))
    await link.fetch(
        "INSERT INTO journal_change (id, at) SELECT u, now() FROM unnest($1::uuid[]) u",
        [id_ for (id_,) in ids],
    )


def stale():
    change = new()
    change.update(Paper(no=no("A")), version=2)
    return change


def gone():
    change = new()
    change.update(Paper(no=no("nowhere")), version=1)
    return change


def taken():
    return inserting(Claim(biz_line="L", name="taken"))


def full():
    change = new()
    change.count("c", 4, limit=8, expires_at=SOON)
    return change


def unwilling():
    change = new()
    change.amend(Paper, (no("A"),), lambda _: None)
    return change


def durable():
    change = new()
    change.id = UUID(int=1)
    return change


@pytest.mark.parametrize("bad", [stale, gone, taken, full, unwilling, durable])
async def test_who_is_refused_leaves_nothing_of_anybody(link, bad):
    """One guard in the group does not hold: the steps must judge, on what stood."""
    first = inserting(Paper(no=no("A")), Claim(biz_line="L", name="taken"))
    first.id = UUID(int=1)
    first.count("c", 5, limit=8, expires_at=SOON)
    assert await in_one_way(link, [first])
    before = await standing(link)
    good = inserting(Paper(no=no("B")), Claim(biz_line="L", name="B"))
    good.append(Line(no=no("B"), seq=1))
    good.add(Balance(account="a", slot=0, amount=1))
    good.count("other", 1, limit=8, expires_at=SOON)

    assert not await in_one_way(link, [good, bad()])
    assert before == await standing(link)
    assert await in_one_way(link, [good])


async def test_a_row_without_a_version_is_amended_in_steps(link):
    """What another made of it since it was looked at could not be told."""
    assert await in_one_way(link, [inserting(Coupon(coupon_no="A"))])
    change = new()
    change.amend(Coupon, ("A",), lambda row: replace(row, holder="x"))

    assert not await in_one_way(link, [change])
    assert [None] == await in_steps(link, [change])


async def test_what_is_amended_meanwhile_is_not_amended_blindly(tables, link):
    """A step looks at the row before it is locked; who came between is not undone."""
    assert await in_one_way(link, [inserting(Paper(no=no("A")))])
    change = new()
    change.amend(Paper, (no("A"),), lambda row: replace(row, amount=row.amount + 1))
    whole = OneWay(link, SHAPES, SCRIPT, [change])
    looked = await whole._replaced()
    await execute(tables, "UPDATE t_paper SET amount = 7, version = version + 1")

    async def as_it_was():
        return looked

    whole._replaced = as_it_was
    assert not await whole.write(NOW)
    assert [None] == await in_steps(link, [change])
    assert [8] == [row["amount"] for row in await link.fetch(SHAPES.of(Paper).every)]


async def test_a_new_leg_fits_once_the_one_before_it_is_over(link):
    """Under the index that allows one, in one group and one change."""
    assert await in_one_way(link, [inserting(Leg(no=no("A"), seq=1, open=True))])
    change = new()
    change.update(Leg(no=no("A"), seq=1, open=False), version=1)
    change.append(Leg(no=no("A"), seq=2, open=True))

    assert await in_one_way(link, [change])


WATCHED = ("t_job", "t_leg", "t_line", "t_paper")
WATCH = (
    "CREATE TABLE t_written (n serial, told text); "
    "CREATE FUNCTION t_writes() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
    "INSERT INTO t_written (told) VALUES (TG_OP || ' ' || TG_TABLE_NAME); "
    "RETURN NEW; END $$; "
) + "; ".join(
    f"CREATE TRIGGER t_watch BEFORE INSERT OR UPDATE ON {name} "
    "FOR EACH ROW EXECUTE FUNCTION t_writes()"
    for name in WATCHED
)
UNWATCH = "DROP FUNCTION t_writes CASCADE; DROP TABLE t_written"


async def test_both_ways_meet_the_triggers_in_one_order(tables, link):
    """Updates before appends, in each the tables by their names."""
    rows = Paper(no=no("A")), Leg(no=no("A"), seq=1), Job(name="A")
    assert await in_one_way(link, [inserting(*rows)])
    await execute(tables, WATCH)
    orders = []
    try:
        for write, version in ((in_one_way, 1), (in_steps, 2)):
            change = new()
            for row in rows:
                change.update(row, version=version)
            change.append(Line(no=no("A"), seq=version))
            change.append(Leg(no=no("A"), seq=1 + version))
            assert await write(link, [change]) in (True, [None])
            told = await link.fetch("SELECT told FROM t_written ORDER BY n")
            orders.append([record["told"].partition("_26")[0] for record in told])
            await execute(tables, "TRUNCATE t_written")
    finally:
        await execute(tables, UNWATCH)

    updates = [f"UPDATE {name}" for name in ("t_job", "t_leg", "t_paper")]
    assert [[*updates, "INSERT t_leg", "INSERT t_line"]] * 2 == orders


async def test_the_steps_have_no_statement_for_each_set_of_tables(link):
    """Each is kept by both sides as long as the connection lasts."""

    async def update(*of):
        rows = [one(n=next(serial)) for one in of]
        assert await in_one_way(link, [inserting(*rows)])
        change = new()
        for row in rows:
            change.update(row, version=1)
        assert await in_steps(link, [change]) == [None]
        return len(link._prepared)

    serial = itertools.count(10)
    paper, leg, job = (
        lambda n: Paper(no=no(n)),
        lambda n: Leg(no=no(n), seq=1),
        lambda n: Job(name=f"{n}"),
    )
    alone = [await update(one) for one in (paper, leg, job)]
    sets = [(paper, leg), (leg, job), (paper, job), (paper, leg, job)]

    assert alone[-1:] * 4 == [await update(*of) for of in sets]


async def test_one_statement_is_for_all_groups(link):
    """It grows by what is new, and is not another for each set of steps."""
    script = Script(SHAPES)

    async def text_after(*changes):
        assert await OneWay(link, SHAPES, script, changes).write(NOW)
        return script.text

    paper = await text_after(inserting(Paper(no=no("A"))))
    both = await text_after(inserting(Claim(biz_line="L", name="A")))
    again = inserting(Paper(no=no("B")), Claim(biz_line="L", name="B"))

    assert paper != both == await text_after(again)
    assert both == await text_after(inserting(Paper(no=no("C"))))


# --- counters -------------------------------------------------------------------------


@given(
    stood=st.integers(0, 6),
    counts=st.lists(
        st.tuples(st.integers(-5, 5), st.none() | st.integers(0, 8)), min_size=1
    ),
)
def test_a_course_is_what_counting_comes_to(stood, counts):
    """One after the other or all at once: as much fits, and as much is counted."""
    made = [Count("limit", "c", amount, limit, NOW) for amount, limit in counts]
    row = LimitCounter(counter="c", used=stood, expires_at=NOW)
    for count in made:
        row = row and counted(row, count)
    (course,) = courses_of(made)

    assert (row is not None) == (stood <= course.room)
    if row is not None:
        assert row.used == max(stood + course.rise, course.least)


# --- several nodes --------------------------------------------------------------------

PAPERS = 30


def meeting(dice, node, serial):
    """A change that wants some of few rows of every kind, in any order."""
    change = new()
    for key in dice.sample(range(PAPERS), 4):
        change.amend(
            Paper, (no(f"{key:02}"),), lambda row: replace(row, amount=row.amount + 1)
        )
    change.insert(Claim(biz_line="L", name=f"{serial % 7}-{dice.randrange(10**6)}"))
    change.append(Line(no=no(f"{node}{serial}"), seq=1))
    for key in dice.sample(range(9), 3):
        change.count(f"{key}", 1, limit=None, expires_at=SOON)
        change.add(Balance(account="shared", slot=key, amount=1))
    return change


async def run_node(dsn, node, rounds):
    """Write groups of changes that want what other nodes want; how many both ways."""
    link, dice, ways = Link(partial(connect, dsn)), random.Random(node), [0, 0]
    await link.ready(PATIENCE_S)
    for serial in range(rounds):
        made = [meeting(dice, node, 10 * serial + n) for n in range(5)]
        group = a_group(made)
        written = await in_one_way(link, group)
        ways[written] += 1
        if not written:
            assert [None] * len(group) == await in_steps(link, group)
    await link.close()
    return ways


async def test_groups_of_several_nodes_wait_in_turn(tables, link):
    """Nobody deadlocks, whichever way he writes, and nothing is written by halves."""
    papers = inserting(*(Paper(no=no(f"{n:02}")) for n in range(PAPERS)))
    assert await in_one_way(link, [papers])
    ways = await asyncio.gather(*(run_node(tables, node, 100) for node in "ABC"))
    ((deadlocks,),) = await fetch(
        tables,
        "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()",
    )
    claims = await link.fetch(SHAPES.of(Claim).every)
    amounts = [row["amount"] for row in await link.fetch(SHAPES.of(Paper).every)]
    used = await link.fetch("SELECT sum(used)::int FROM limit_counter")
    added = await link.fetch("SELECT sum(amount)::int FROM t_balance")

    assert deadlocks == 0
    assert all(sum(column) > 0 for column in zip(*ways, strict=True))
    assert 4 * len(claims) == sum(amounts)
    assert 3 * len(claims) == used[0][0] == added[0][0]


# --- who may not ----------------------------------------------------------------------


async def test_without_the_right_to_routines_all_goes_in_steps(tables, link):
    """A server whose master gives TEMP to nobody loses nothing but speed."""
    ((database,),) = await link.fetch("SELECT current_database()")
    await execute(
        tables,
        f'REVOKE TEMP ON DATABASE "{database}" FROM PUBLIC; '
        "DROP ROLE IF EXISTS plain; CREATE ROLE plain LOGIN; "
        "GRANT ALL ON ALL TABLES IN SCHEMA public TO plain",
    )
    parts = urlsplit(tables)
    (host,), (port,) = (parse_qs(parts.query)[name] for name in ("host", "port"))
    dsn = f"postgresql://plain@{parts.path}?host={host}&port={port}"
    journal = await PostgresJournal.open(dsn, clock=SystemClock(NOW))
    try:
        assert not journal._writer.may_define
        assert await journal.commit(inserting(Coupon(coupon_no="A"))) is None
    finally:
        await journal.close()
        await execute(
            tables,
            f'GRANT TEMP ON DATABASE "{database}" TO PUBLIC; '
            "DROP OWNED BY plain; DROP ROLE plain",
        )
