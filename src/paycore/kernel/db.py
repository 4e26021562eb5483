"""Connections to PostgreSQL, and the migrations that shape it.

Every connection is refused unless the server keeps what it has committed: version 15
or newer, `fsync` on, no standby; `synchronous_commit` is set on each.
Who may use them is in the import contracts: the journal writes, `queries.py` files
read for people, and nobody else sees a connection.
"""

import hashlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from importlib import resources
from types import MappingProxyType
from typing import TYPE_CHECKING, Self

import asyncpg
import msgspec

from paycore.kernel.errors import Misconfigured, Unavailable
from paycore.kernel.postgres_programs import OLDEST

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]
    Pool = asyncpg.Pool[asyncpg.Record]
else:
    Connection, Pool = asyncpg.Connection, asyncpg.Pool

SESSION: Mapping[str, str] = MappingProxyType(
    {
        "application_name": "paycore",
        "synchronous_commit": "on",
        "timezone": "UTC",
    }
)
"""What every session of ours sets, whatever the server's or the role's defaults."""

POOLED: Mapping[str, str] = MappingProxyType(
    {**SESSION, "plan_cache_mode": "force_custom_plan"}
)
"""And what people's questions need besides. They leave most of their filters open, and
a plan for any filter reads a whole year for a payment that an index would give: 1,000
ms against 7 with a million payments, from the sixth question of a connection on. The
journal's few statements have connections of their own, and are planned once.
"""

CONNECT_S = 10.0

MIGRATION_LOCK = 0x7061_7963_6F72_65
"""Any number that no other program uses: `paycore` in ASCII."""
PARTITIONS_LOCK = MIGRATION_LOCK + 1

LOCK_MS = 2000
"""How long a migration waits for each table: payments that come meanwhile wait behind
it, and have five seconds. Longer than `deadlock_timeout`, after which an autovacuum
that is in the way breaks off."""
TRIES, BETWEEN_TRIES_S = 30, 1.0
"""How often a migration is tried whose locks were not to be had, a minute and a half in
all; payments go on between two tries."""


class DatabaseUnavailableError(Misconfigured):
    """The server cannot be reached; it may be later."""


class DatabaseRefusedError(Misconfigured):
    """The server is not fit for money, or its schema is not ours."""


async def connect(dsn: str) -> "Connection":
    """Open one connection to a server that is fit."""
    try:
        connection: Connection = await asyncpg.connect(
            dsn, timeout=CONNECT_S, server_settings=dict(SESSION)
        )
    except (*AWAY, *_NO_ADDRESS) as error:
        raise _unavailable(error) from error
    try:
        await refuse_unfit(connection)
    except BaseException:
        await connection.close()
        raise
    return connection


async def pool(
    dsn: str,
    *,
    size: int = 10,
    ready: "Callable[[Connection], Awaitable[None]] | None" = None,
) -> "Pool":
    """Open a pool of at most `size` connections; `ready` sees each new one first."""

    async def init(connection: "Connection") -> None:
        await refuse_unfit(connection)
        if ready is not None:
            await ready(connection)

    try:
        return await asyncpg.create_pool(
            dsn,
            min_size=1,
            max_size=size,
            timeout=CONNECT_S,
            server_settings=dict(POOLED),
            init=init,
        )
    except (*AWAY, *_NO_ADDRESS) as error:
        raise _unavailable(error) from error


GONE_S = 20
"""A machine that vanished is noticed after about so long: then another has the seat."""


@asynccontextmanager
async def seated(dsn: str, lock: int) -> AsyncIterator[Connection | None]:
    """A seat that one process at a time has: a connection that holds an advisory lock,
    or None where another has it.

    It is held by the connection, so that whoever dies gives it up; and by one of its
    own, because a pool of few connections must not lack one for good. Who comes to his
    end gives it up before he goes on: the server notices only later that a connection
    is gone, and whoever asked next would find the seat taken by nobody.
    """
    connection = await connect(dsn)
    try:
        for name in ("tcp_keepalives_idle", "tcp_keepalives_interval"):
            await connection.execute(
                "SELECT set_config($1, $2, false)", name, str(GONE_S // 4)
            )
        await connection.execute(
            "SELECT set_config('tcp_keepalives_count', '3', false)"
        )
        mine = await connection.fetchval("SELECT pg_try_advisory_lock($1)", lock)
        yield connection if mine else None
        if mine:
            with suppress(*AWAY):
                await connection.execute(
                    "SELECT pg_advisory_unlock($1)", lock, timeout=GONE_S
                )
    finally:
        connection.terminate()


@asynccontextmanager
async def turn(dsn: str, lock: int, taken: Exception) -> AsyncIterator[Connection]:
    """The seat of who can do nothing without it: `taken` is raised where another has
    it, and Unavailable where nobody can be asked, or any more.
    """
    try:
        async with seated(dsn, lock) as connection:
            if connection is None:
                raise taken
            yield connection
    except DatabaseUnavailableError as error:
        raise Unavailable from error
    except AWAY as error:
        if away(error):
            raise Unavailable from error
        raise


async def refuse_unfit(connection: "Connection") -> None:
    """Raise unless the server is new enough and keeps what it has committed."""
    row = await connection.fetchrow(
        "SELECT current_setting('server_version_num')::int / 10000,"
        " current_setting('fsync'), current_setting('synchronous_commit'),"
        " pg_is_in_recovery()"
    )
    assert row is not None, "a SELECT without FROM gives one row"
    version, fsync, commits, standby = row
    if version < OLDEST:
        raise DatabaseRefusedError(
            f"the database server is version {version}; {OLDEST} is the oldest we take"
        )
    if standby:
        raise DatabaseRefusedError("the database server is a standby: it cannot write")
    if fsync != "on" or commits != "on":
        raise DatabaseRefusedError(
            f"the database server may lose what it has committed (fsync is {fsync}, "
            f"synchronous_commit is {commits}): set both on"
        )


AWAY = (
    OSError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    # Its connection has broken, and the driver has not noticed yet.
    asyncpg.InternalClientError,
)
"""What is raised where the server cannot be asked."""

_ITS_FAULT = frozenset({"08", "53", "57"})
"""Classes of SQLSTATE: connection lost, resources spent, server shutting down."""


def away(error: BaseException) -> bool:
    """Whether a question failed because nobody could be asked, and not of itself."""
    if isinstance(error, asyncpg.PostgresError):
        return (error.sqlstate or "")[:2] in _ITS_FAULT
    return isinstance(error, AWAY)


_NO_ADDRESS = (ValueError, OverflowError)
"""What the driver raises for an address that it cannot read."""

_IN_THE_WAY = (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError)
"""Somebody has a table, or wants what the migration has and has what it wants."""


def _unavailable(error: BaseException) -> DatabaseUnavailableError:
    """Say what happened in the server's words, which never hold the password.

    Of an address that cannot be read nothing is repeated: any part may be one.
    """
    said = str(error) or type(error).__name__
    if isinstance(error, _NO_ADDRESS):
        said = "its address is not a good postgresql:// URL"
    return DatabaseUnavailableError(f"the database cannot be reached: {said}")


# --- migrations -----------------------------------------------------------------------


class Migration(msgspec.Struct, frozen=True, kw_only=True):
    """One numbered file: what it is called, and what it says."""

    number: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        """By which an applied file is known not to have changed since."""
        return hashlib.sha256(self.sql.encode()).hexdigest()

    @property
    def expands(self) -> bool:
        """Whether nodes of the version before go on beside it, as the file itself says
        in a line that begins with `-- Expands`: it only adds what they do not name.
        """
        return re.search(r"^-- Expands\b", self.sql, re.MULTILINE) is not None

    @classmethod
    def of(cls, name: str, sql: str) -> Self:
        """Take the number from the file's name, `NNNN_name.sql`."""
        found = re.fullmatch(r"(\d{4})_[a-z0-9_]+\.sql", name)
        if found is None:
            raise DatabaseRefusedError(f"{name} is not named NNNN_name.sql")
        return cls(number=int(found[1]), name=name.removesuffix(".sql"), sql=sql)


def migrations() -> list[Migration]:
    """Give the files that this version of paycore comes with, in order."""
    folder = resources.files("paycore") / "migrations"
    found = sorted(
        (
            Migration.of(file.name, file.read_text(encoding="utf-8"))
            for file in folder.iterdir()
            if file.name.endswith(".sql")
        ),
        key=lambda migration: migration.name,
    )
    if len({migration.number for migration in found}) != len(found):
        raise DatabaseRefusedError("two migrations have the same number")
    return found


async def migrate(dsn: str, *, files: Sequence[Migration] | None = None) -> list[str]:
    """Bring the schema up to date; give the names of what was applied.

    One runner at a time: a second one waits, then finds nothing left to do. Where
    nothing is to be done nobody waits: an audit may hold the lock for minutes.
    """
    files = migrations() if files is None else files
    connection = await connect(dsn)
    try:
        if not await _pending(connection, files):
            return []
        await connection.execute("SELECT pg_advisory_lock($1)", MIGRATION_LOCK)
        await connection.execute(_SCHEMA_MIGRATION)
        todo = await _pending(connection, files)
        for migration in todo:
            await _apply(connection, migration)
        return [migration.name for migration in todo]
    finally:
        await connection.close()  # which gives the lock back as well


async def pending(dsn: str, *, files: Sequence[Migration] | None = None) -> list[str]:
    """Name what `migrate` would apply, and change nothing."""
    connection = await connect(dsn)
    try:
        todo = await _pending(connection, migrations() if files is None else files)
        return [migration.name for migration in todo]
    finally:
        await connection.close()


async def newer(pool: "Pool") -> str | None:
    """The newest migration that was applied, that this version does not know, and that
    it cannot live with.
    """
    name: str | None = await pool.fetchval(
        """
        SELECT max(name) FROM schema_migration m
        WHERE number > $1 AND (to_jsonb(m) ->> 'expands') IS DISTINCT FROM 'true'
        """,
        max(migration.number for migration in migrations()),
    )
    return name


_SCHEMA_MIGRATION = """
    CREATE TABLE IF NOT EXISTS schema_migration (
        number     integer PRIMARY KEY,
        name       text NOT NULL,
        sha256     text NOT NULL,
        applied_at timestamptz NOT NULL
    );
    ALTER TABLE schema_migration
        ADD COLUMN IF NOT EXISTS expands boolean NOT NULL DEFAULT false
"""


async def _pending(
    connection: "Connection", files: Sequence[Migration]
) -> list[Migration]:
    """What is not applied yet; raise where the schema is not one of our past."""
    known = {migration.number: migration for migration in files}
    applied: set[int] = set()
    for row in await _applied(connection):
        applied.add(row["number"])
        file = known.get(row["number"])
        if file is None and row["expands"]:
            continue
        if file is None:
            raise DatabaseRefusedError(
                f"the schema has {row['name']}, which this version does not know: "
                "it is of a newer paycore"
            )
        if file.sha256 != row["sha256"]:
            raise DatabaseRefusedError(
                f"{file.name} was changed after it was applied: "
                "write a new migration instead"
            )
    todo = [migration for migration in files if migration.number not in applied]
    if todo and todo[0].number < max(applied & known.keys(), default=0):
        raise DatabaseRefusedError(
            f"{todo[0].name} comes before what is applied already: number it anew"
        )
    return todo


# The column is not there before the first migration of the version that made it.
async def _applied(connection: "Connection") -> Sequence[asyncpg.Record]:
    if await connection.fetchval("SELECT to_regclass('schema_migration')") is None:
        return []
    rows: Sequence[asyncpg.Record] = await connection.fetch(
        """
        SELECT number, name, sha256,
               (to_jsonb(m) ->> 'expands') IS NOT DISTINCT FROM 'true' AS expands
        FROM schema_migration m ORDER BY number
        """
    )
    return rows


async def _apply(connection: "Connection", migration: Migration) -> None:
    """Run one file and record it, or neither; again, where what nodes do meanwhile
    stood in its way.
    """
    for tried in range(1, TRIES + 1):
        try:
            await _once(connection, migration)
        except _IN_THE_WAY as error:
            if tried == TRIES:
                raise DatabaseRefusedError(
                    f"{migration.name} was tried {TRIES} times and changed nothing:"
                    f" {error}; somebody has a table for long: find the oldest"
                    " xact_start in pg_stat_activity, end that session or wait for it,"
                    " and run `paycore migrate` again"
                ) from error
            await connection.execute("SELECT pg_sleep($1)", BETWEEN_TRIES_S)
        else:
            return


async def _once(connection: "Connection", migration: Migration) -> None:
    """No node runs yet whose clock could be asked, so the database's own is."""
    try:
        async with connection.transaction():
            await connection.execute(f"SET LOCAL lock_timeout = {LOCK_MS}")
            await connection.execute(migration.sql)
            await connection.execute(
                "INSERT INTO schema_migration"
                " (number, name, sha256, expands, applied_at)"
                " VALUES ($1, $2, $3, $4, clock_timestamp())",
                *(migration.number, migration.name, migration.sha256),
                migration.expands,
            )
    except _IN_THE_WAY:
        raise
    except asyncpg.PostgresError as error:
        raise DatabaseRefusedError(f"{migration.name} failed: {error}") from error
