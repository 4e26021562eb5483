"""The door to the database: fit servers only, and one history of the schema."""

import asyncio
import shutil

import asyncpg
import pytest

from paycore.kernel import db
from paycore.kernel.db import DatabaseRefusedError, DatabaseUnavailableError, Migration
from paycore.kernel.postgres import Cluster, fresh_folder

FIRST = Migration.of(
    "0001_first.sql", "CREATE TABLE a (x int); CREATE TABLE b (x int);"
)
SECOND = Migration.of("0002_second.sql", "ALTER TABLE a ADD y int;")
TWO = "CREATE TABLE first (x int); CREATE TABLE second (x int);"
BOTH = Migration.of(
    "0002_both.sql", "ALTER TABLE first ADD y int; ALTER TABLE second ADD y int;"
)

WAITING = """
SELECT count(*) FROM pg_locks
WHERE NOT granted AND mode = 'AccessExclusiveLock'
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


@pytest.fixture
async def empty(cluster):
    """A database with nothing in it."""
    connection = await asyncpg.connect(cluster.dsn_of("postgres"))
    await connection.execute("DROP DATABASE IF EXISTS empty WITH (FORCE)")
    await connection.execute("CREATE DATABASE empty")
    await connection.close()
    return cluster.dsn_of("empty")


async def ask(dsn, question):
    connection = await db.connect(dsn)
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


async def waits_for_a_lock(dsn):
    """Return once somebody waits to have a table alone."""
    connection = await db.connect(dsn)
    try:
        while not await connection.fetchval(WAITING):  # noqa: ASYNC110 it tells nobody
            await asyncio.sleep(0.01)
    finally:
        await connection.close()


@pytest.mark.parametrize(
    ("error", "is_away"),
    [
        (ConnectionRefusedError(), True),
        (TimeoutError(), True),
        (asyncpg.InterfaceError("connection is closed"), True),
        (asyncpg.InternalClientError("cannot switch to state 12"), True),
        (asyncpg.CannotConnectNowError(), True),
        (asyncpg.ConnectionDoesNotExistError(), True),
        (asyncpg.TooManyConnectionsError(), True),
        (asyncpg.UndefinedTableError(), False),
        (asyncpg.CheckViolationError(), False),
        (ValueError(), False),
    ],
    ids=repr,
)
def test_a_server_that_is_away_is_told_from_a_bad_question(error, is_away):
    """By whose fault it is: the first may be asked again, the second is a bug."""
    assert is_away == db.away(error)
    assert not is_away or isinstance(error, db.AWAY)


async def test_sessions_commit_durably_whatever_the_role_says(cluster, empty):
    """synchronous_commit is on in each session of ours, even if the default is off."""
    await ask(empty, "ALTER DATABASE empty SET synchronous_commit = off")

    assert "on" == await ask(empty, "SELECT current_setting('synchronous_commit')")
    assert "paycore" == await ask(empty, "SELECT current_setting('application_name')")


async def test_a_pool_prepares_each_connection(empty):
    """What the journal sets up on a connection is there on every one of the pool."""

    async def ready(connection):
        await connection.execute("SET statement_timeout = '7s'")

    async with await db.pool(empty, size=2, ready=ready) as pool:
        seen = await pool.fetchval("SELECT current_setting('statement_timeout')")

    assert "7s" == seen


@pytest.fixture
def folder():
    made = fresh_folder("paycore-unsafe-")
    yield made
    shutil.rmtree(made, ignore_errors=True)


def test_a_server_that_may_lose_commits_is_refused(folder, monkeypatch):
    """A server with fsync off is refused by that name, not used."""
    monkeypatch.setattr("paycore.kernel.postgres.DURABLE", frozenset())
    with Cluster.start(folder, settings={"fsync": "off"}) as unsafe:
        with pytest.raises(DatabaseRefusedError, match="fsync"):
            asyncio.run(db.connect(unsafe.dsn))
        with pytest.raises(DatabaseRefusedError, match="fsync"):
            asyncio.run(db.pool(unsafe.dsn))


async def test_a_seat_that_was_given_up_is_free(empty):
    """At once, and not when the server has noticed that a connection is gone."""
    other = await db.connect(empty)
    for _ in range(50):
        async with db.seated(empty, 1) as mine, db.seated(empty, 1) as anothers:
            assert mine is not None
            assert anothers is None
        assert await other.fetchval("SELECT pg_try_advisory_lock(1)")
        await other.execute("SELECT pg_advisory_unlock(1)")
    await other.close()


async def test_a_seat_is_given_up_by_who_breaks_off(empty):
    """Whatever he was at: his connection is gone soon, and the seat with it."""
    with pytest.raises(asyncpg.SyntaxOrAccessError):
        async with db.seated(empty, 1) as mine:
            await mine.execute("BEGIN; nonsense")
    async with asyncio.timeout(60):
        while True:
            async with db.seated(empty, 1) as mine:
                if mine is not None:
                    break


async def test_a_server_that_is_not_there_is_not_a_traceback(tmp_path):
    """Nobody listening is said in one sentence, without the password."""
    with pytest.raises(DatabaseUnavailableError) as caught:
        await db.connect(f"postgresql://u:hidden@/x?host={tmp_path}")

    assert "cannot be reached" in str(caught.value)
    assert "hidden" not in str(caught.value)


async def test_migrations_are_applied_once_in_order(empty):
    """Each file runs once, several statements in it included, and is recorded."""
    assert ["0001_first"] == await db.migrate(empty, files=[FIRST])
    assert ["0002_second"] == await db.pending(empty, files=[FIRST, SECOND])
    assert ["0002_second"] == await db.migrate(empty, files=[FIRST, SECOND])
    assert [] == await db.migrate(empty, files=[FIRST, SECOND])
    assert 2 == await ask(empty, "SELECT count(*) FROM schema_migration")


async def test_two_runners_at_once_apply_each_file_once(empty):
    """The second runner waits for the first, then finds nothing to do."""
    slow = Migration.of("0001_slow.sql", "SELECT pg_sleep(0.3); CREATE TABLE s (x int)")

    done = await asyncio.gather(*(db.migrate(empty, files=[slow]) for _ in range(4)))

    assert [[], [], [], ["0001_slow"]] == sorted(done)


async def test_who_has_nothing_to_do_waits_for_nobody(empty):
    """An audit or another runner may hold the lock: who is up to date goes on."""
    await db.migrate(empty, files=[FIRST])
    holder = await db.connect(empty)
    try:
        await holder.execute("SELECT pg_advisory_lock_shared($1)", db.MIGRATION_LOCK)
        async with asyncio.timeout(60):
            assert [] == await db.migrate(empty, files=[FIRST])
    finally:
        await holder.close()


async def test_a_file_whose_locks_cross_a_payments_is_tried_again(empty):
    """The server breaks a circle by failing one of the two: here the migration."""
    await db.migrate(empty, files=[Migration.of("0001_two.sql", TWO)])
    payment = await db.connect(empty)
    try:
        # Never the one that finds the circle.
        await payment.execute("SET deadlock_timeout = '10min'")
        await payment.execute("BEGIN; INSERT INTO second VALUES (1)")
        files = [Migration.of("0001_two.sql", TWO), BOTH]
        running = asyncio.create_task(db.migrate(empty, files=files))
        await waits_for_a_lock(empty)
        await payment.execute("INSERT INTO first VALUES (1); COMMIT")

        assert ["0002_both"] == await running
    finally:
        await payment.close()
    assert 1 == await ask(empty, "SELECT count(*) FROM first WHERE y IS NULL")


async def test_payments_pass_by_a_file_that_waits(empty, monkeypatch):
    """Who wants the table after a migration stands behind it: it lets them go on while
    a reader has the table, and is applied once that has gone.
    """
    monkeypatch.setattr(db, "LOCK_MS", 100)
    monkeypatch.setattr(db, "BETWEEN_TRIES_S", 0.1)
    monkeypatch.setattr(db, "TRIES", 10_000)
    await db.migrate(empty, files=[FIRST])
    reader, payment = await db.connect(empty), await db.connect(empty)
    try:
        await reader.execute("BEGIN; SELECT * FROM a")
        running = asyncio.create_task(db.migrate(empty, files=[FIRST, SECOND]))
        for _ in range(3):
            await waits_for_a_lock(empty)
            async with asyncio.timeout(60):
                await payment.execute("INSERT INTO a VALUES (1)")
        assert not running.done()
        await reader.execute("COMMIT")

        assert ["0002_second"] == await running
    finally:
        await reader.close()
        await payment.close()


async def test_a_file_that_gets_no_lock_says_what_to_do(empty, monkeypatch):
    """It was tried so often; nothing is changed, and it can be run again."""
    monkeypatch.setattr(db, "LOCK_MS", 20)
    monkeypatch.setattr(db, "BETWEEN_TRIES_S", 0.0)
    monkeypatch.setattr(db, "TRIES", 3)
    await db.migrate(empty, files=[FIRST])
    reader = await db.connect(empty)
    try:
        await reader.execute("BEGIN; SELECT * FROM a")
        with pytest.raises(DatabaseRefusedError, match="0002_second was tried 3 times"):
            await db.migrate(empty, files=[FIRST, SECOND])
    finally:
        await reader.close()

    assert ["0002_second"] == await db.migrate(empty, files=[FIRST, SECOND])


async def test_a_failing_file_leaves_nothing(empty):
    """A file is applied whole or not at all, and the ones before it stay."""
    broken = Migration.of("0002_broken.sql", "CREATE TABLE c (x int); SELECT 1/0;")

    with pytest.raises(DatabaseRefusedError, match="0002_broken failed"):
        await db.migrate(empty, files=[FIRST, broken])

    assert "a" == await ask(empty, "SELECT to_regclass('a')::text")
    assert None is await ask(empty, "SELECT to_regclass('c')::text")
    assert ["0002_second"] == await db.migrate(empty, files=[FIRST, SECOND])


async def test_a_changed_file_is_refused(empty):
    """History is not rewritten: a correction is a new migration."""
    await db.migrate(empty, files=[FIRST])
    changed = Migration.of("0001_first.sql", FIRST.sql + " -- changed")

    with pytest.raises(DatabaseRefusedError, match="changed after it was applied"):
        await db.migrate(empty, files=[changed])


async def test_a_schema_of_a_newer_version_is_refused(empty):
    """An old program does not run on a new schema."""
    await db.migrate(empty, files=[FIRST, SECOND])

    with pytest.raises(DatabaseRefusedError, match="newer paycore"):
        await db.migrate(empty, files=[FIRST])


EXPANDING = Migration.of(
    "0002_more.sql", "-- More.\n-- Expands: for whoever asks.\nCREATE TABLE d (y int)"
)


async def test_an_old_version_lives_with_what_only_adds(empty):
    """F71: it starts, has nothing to do there, and says that it is fit."""
    await db.migrate(empty, files=[FIRST, EXPANDING])

    assert [] == await db.migrate(empty, files=[FIRST])
    assert [] == await db.pending(empty, files=[FIRST])


async def test_what_was_applied_before_that_was_asked_adds_nothing(empty):
    """A database that was made by a version which did not ask is read as one."""
    await db.migrate(empty, files=[FIRST, EXPANDING])
    await ask(empty, "ALTER TABLE schema_migration DROP COLUMN expands")

    with pytest.raises(DatabaseRefusedError, match="newer paycore"):
        await db.migrate(empty, files=[FIRST])
    later = Migration.of("0003_later.sql", "SELECT 1")
    assert ["0003_later"] == await db.migrate(empty, files=[FIRST, EXPANDING, later])


async def test_a_file_between_applied_ones_is_refused(empty):
    """Two branches that took the same place are found before they run."""
    await db.migrate(empty, files=[Migration.of("0002_x.sql", "SELECT 1")])

    with pytest.raises(DatabaseRefusedError, match="number it anew"):
        await db.migrate(empty, files=[FIRST, Migration.of("0002_x.sql", "SELECT 1")])


async def test_our_own_files_are_named_and_numbered(dsn):
    """What the package brings is applied by the template, with no gap in numbers."""
    numbers = [migration.number for migration in db.migrations()]

    assert list(range(1, len(numbers) + 1)) == numbers
    assert [] == await db.pending(dsn)


@pytest.mark.parametrize("name", ["first.sql", "1_first.sql", "0001-first.sql"])
def test_a_file_without_a_number_is_refused(name):
    """A file that would be left out in silence is an error."""
    with pytest.raises(DatabaseRefusedError, match="NNNN_name"):
        Migration.of(name, "")


async def test_a_year_of_messages_is_not_read_through(empty):
    """0018 allows them one direction more: while that was proved of every message that
    is kept, no node could send. One that nothing allowed shows that nobody looked.
    """
    files = db.migrations()
    name = "gateway_message_direction_check"
    put = (
        "INSERT INTO gateway_message (pay_order_no, message_id, attempt_seq, direction,"
        " operation, channel, account, at, verdict, body) VALUES"
        " ('{no}', gen_random_uuid(), 1, '{way}', '', '', '', now(), '', '')"
    )
    await db.migrate(empty, files=files[:17])
    await ask(empty, f"ALTER TABLE gateway_message DROP CONSTRAINT {name}")
    await ask(empty, put.format(no="261129000000001A", way="ODD"))
    await ask(
        empty,
        f"ALTER TABLE gateway_message ADD CONSTRAINT {name}"
        " CHECK (direction IN ('OUT', 'IN', 'CALLBACK')) NOT VALID",
    )
    assert "0018_channels" in await db.migrate(empty, files=files)

    await ask(empty, put.format(no="261129000000002A", way="RECEIPT"))
    with pytest.raises(asyncpg.CheckViolationError):
        await ask(empty, put.format(no="261129000000003A", way="ODD"))
