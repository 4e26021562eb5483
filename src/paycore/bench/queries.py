"""What the benchmark asks the database: what a window cost, how long the banks took.

And on somebody's server: whether databases can be made there, and their making.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from paycore.kernel import db

_SERVER = """
SELECT current_user::text, rolcreatedb OR rolsuper,
       current_setting('max_connections')::int
       - current_setting('superuser_reserved_connections')::int
       - (SELECT sum(numbackends)::int FROM pg_stat_database),
       ARRAY(SELECT datname::text FROM pg_database
             WHERE starts_with(datname, 'paycore_bench_') ORDER BY 1)
FROM pg_roles WHERE rolname = current_user
"""
_VERSION = "SELECT current_setting('server_version')"
_WAL = "SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn"
_BANKS_TIME = """
SELECT pay_order_no, operation, elapsed_ms FROM gateway_message
WHERE direction = 'IN' AND elapsed_ms IS NOT NULL AND pay_order_no >= $1
"""


async def wal_octets(dsn: str) -> int:
    """How much was ever written to the write-ahead log."""
    connection = await db.connect(dsn)
    try:
        written: Decimal = await connection.fetchval(_WAL)
    finally:
        await connection.close()
    return int(written)


async def channel_ms(dsn: str, numbers: Iterable[str]) -> Mapping[tuple[str, str], int]:
    """How long the bank took for each call of these payments, by operation."""
    connection = await db.connect(dsn)
    try:
        found = await connection.fetch(_BANKS_TIME, min(numbers, default=""))
    finally:
        await connection.close()
    return {(no, operation): ms for no, operation, ms in found}


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """What must be known of a server before it is used."""

    role: str
    may_create: bool
    free_connections: int
    left: list[str]
    """Databases of other runs, which may have died or may be at work."""


async def server(dsn: str) -> Server:
    """Look at a server."""
    connection = await db.connect(dsn)
    try:
        row = await connection.fetchrow(_SERVER)
    finally:
        await connection.close()
    assert row is not None, "whoever has connected is a role"
    role, may_create, free, left = row
    return Server(role=role, may_create=may_create, free_connections=free, left=left)


async def version(dsn: str) -> str:
    """The server's version, as it writes it."""
    connection = await db.connect(dsn)
    try:
        found: str = await connection.fetchval(_VERSION)
    finally:
        await connection.close()
    return found


async def create_database(dsn: str, name: str) -> None:
    """Make an empty one, sorted as those of our own servers are."""
    await _say(
        dsn, f"CREATE DATABASE \"{name}\" TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'"
    )


async def drop_database(dsn: str, name: str) -> None:
    """Drop one, whoever is still connected to it."""
    await _say(dsn, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


async def _say(dsn: str, statement: str) -> None:
    """One statement; raises DatabaseUnavailableError where the server refuses it."""
    connection = await db.connect(dsn)
    try:
        await connection.execute(statement)
    except db.AWAY as error:
        raise db.DatabaseUnavailableError(str(error)) from error
    finally:
        await connection.close()
