"""A server that answers a COMMIT once a standby has it, and the standby is away.

What no standby has is never answered for, whoever cut the wait for it short; and it is
found, once there is an answer.
"""

import asyncio
from contextlib import asynccontextmanager, suppress

import asyncpg
import msgspec
import pytest
from journal_suite import NOW, Coupon, execute, inserting

from paycore.kernel.clock import SystemClock
from paycore.kernel.errors import Unavailable
from paycore.kernel.journal import Refused
from paycore.kernel.journal_link import CONFIRM
from paycore.kernel.journal_postgres import PostgresJournal

PATIENCE_S = 0.5

WAITS = (
    "SELECT count(*)::int FROM pg_stat_activity WHERE wait_event = 'SyncRep' "
    "AND application_name = 'paycore journal'"
)


async def ask(dsn, query):
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def until(said):
    """Ask until it is said, which is soon."""
    for _ in range(6000):
        if await said():
            return
        await asyncio.sleep(0.01)
    raise AssertionError(said)


async def set_names(dsn, names):
    """Say who must have what is committed, and wait until a COMMIT goes by that."""
    await execute(dsn, f"ALTER SYSTEM SET synchronous_standby_names = '{names}'")
    await execute(dsn, "SELECT pg_reload_conf()")
    await until(lambda: commits_wait(dsn, wanted=bool(names)))


async def commits_wait(dsn, *, wanted):
    """Whether they do as wanted, by what the server says that one waits for."""
    connection = await asyncpg.connect(dsn)
    pid = connection.get_server_pid()
    waits = f"SELECT wait_event = 'SyncRep' FROM pg_stat_activity WHERE pid = {pid}"
    confirming = asyncio.create_task(connection.execute(CONFIRM))
    try:
        while not confirming.done():
            if await ask(dsn, waits):
                return wanted
        await confirming
    finally:
        connection.terminate()
        with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            await confirming
    return not wanted


async def works(question, *about):
    """Ask until there is an answer: whoever has little patience has it also with a
    machine that is busy.
    """
    async with asyncio.timeout(60):
        while True:
            with suppress(Unavailable):
                return await question(*about)


@asynccontextmanager
async def nobody_there(dsn):
    """The standby that everything waits for is away."""
    await set_names(dsn, "nobody")
    try:
        yield
    finally:
        await set_names(dsn, "")


@pytest.fixture
async def journal(tables, postgres):
    """A journal of little patience, all of whose connections are open; a coupon."""
    journal = await PostgresJournal.open(
        tables, clock=SystemClock(NOW), patience_s=PATIENCE_S
    )
    stands = inserting(Coupon(coupon_no="stands"))
    assert await works(journal.commit, stands) is None
    loads = (
        works(journal.load, Coupon, "stands"),
        works(journal.every, Coupon),
        works(journal.every, Coupon),
    )
    assert [None] not in await asyncio.gather(*loads)
    yield journal
    await journal.close()


def at_once():
    """What is written in one way to the server."""
    return inserting(Coupon(coupon_no="new"))


def in_steps():
    """What is not: the row it amends has no version."""
    change = at_once()
    change.amend(
        Coupon, ("stands",), lambda row: msgspec.structs.replace(row, holder="x")
    )
    return change


both_ways = pytest.mark.parametrize("made", [at_once, in_steps])


@both_ways
async def test_what_no_standby_has_is_not_answered_for(journal, tables, made):
    """However often it is tried; nobody is shown it, and it is there in the end."""
    change = made()
    async with nobody_there(tables):
        for _ in range(3):
            with pytest.raises(Unavailable):
                await journal.commit(change)
            assert not await works(journal.committed, change.id)
        assert await works(journal.load, Coupon, "new") is None
        assert await ask(tables, WAITS) == 1

    assert await works(journal.commit, change) is None
    assert await works(journal.committed, change.id)
    assert await works(journal.load, Coupon, "new") == Coupon(coupon_no="new")


@both_ways
@pytest.mark.parametrize("end", ["pg_cancel_backend", "pg_terminate_backend"])
async def test_a_wait_that_was_cut_is_no_answer(journal, tables, made, end):
    """Who ends it lets all see the rows; what found them is believed by nobody."""
    change = made()
    async with nobody_there(tables):
        writing = asyncio.create_task(journal.commit(change))
        await until(lambda: ask(tables, WAITS))
        await ask(tables, WAITS.replace("count(*)::int", f"{end}(pid)"))
        with pytest.raises(Unavailable):
            await writing
        with pytest.raises(Unavailable):
            await journal.commit(change)
        shown = "SELECT count(*) = 2 FROM t_coupon"
        await until(lambda: ask(tables, shown))
        with pytest.raises(Unavailable):
            await journal.committed(change.id)

    assert await works(journal.commit, change) is None
    assert await works(journal.committed, change.id)


async def test_what_is_found_is_confirmed(journal, tables):
    """Nobody of the group is admitted, and a ROLLBACK would wait for nothing."""
    found, refused = at_once(), inserting(Coupon(coupon_no="stands"))
    assert await works(journal.commit, found) is None
    async with nobody_there(tables):
        answers = await asyncio.gather(
            *map(journal.commit, (found, refused)), return_exceptions=True
        )
        assert [Unavailable] * 2 == [type(answer) for answer in answers]

    assert await works(journal.commit, found) is None
    assert isinstance(await works(journal.commit, refused), Refused)


@pytest.mark.long
async def test_what_a_server_shows_after_its_death_is_on_the_standby(
    journal, tables, cluster
):
    """A server that comes back shows what it never sent: nobody reads it."""
    async with nobody_there(tables):
        with pytest.raises(Unavailable):
            await journal.commit(at_once())
        await asyncio.to_thread(cluster.kill)
        await asyncio.to_thread(cluster.restart)
        assert await ask(tables, "SELECT count(*) FROM t_coupon") == 2
        for _ in range(3):
            with pytest.raises(Unavailable):
                await journal.load(Coupon, "new")

    assert await works(journal.load, Coupon, "new") == Coupon(coupon_no="new")


async def test_what_a_trigger_says_is_no_matter_of_the_commit(journal, tables):
    """A warning of the user's own costs no connection."""
    await execute(
        tables,
        "CREATE FUNCTION talks() RETURNS trigger LANGUAGE plpgsql AS "
        "$$BEGIN RAISE WARNING 'look at this'; RETURN NEW; END$$",
    )
    await execute(
        tables,
        'CREATE TRIGGER talks BEFORE INSERT ON "t_coupon" '
        "FOR EACH ROW EXECUTE FUNCTION talks()",
    )
    backends = (
        "SELECT array_agg(pid ORDER BY pid)::text FROM pg_stat_activity "
        "WHERE application_name = 'paycore journal'"
    )
    before = await ask(tables, backends)

    assert await journal.commit(at_once()) is None
    assert before == await ask(tables, backends)
