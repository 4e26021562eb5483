"""A node for one command: it reads and commits, and has no life of its own.

Without an epoch it holds no lease, sends nothing and does none of the work that waits.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from paycore.kernel import config, config_keys, db, log
from paycore.kernel.clock import SystemClock
from paycore.kernel.crypto import KeyRing
from paycore.kernel.errors import Misconfigured
from paycore.kernel.ids import SystemIds
from paycore.kernel.journal_postgres import PostgresJournal
from paycore.kernel.node import Node
from paycore.kernel.transport import HttpTransport

KEY_RING = f"{config_keys.PREFIX}KEY_RING"

POOL_SIZE = 2
"""A command asks one thing after the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """What a command works with: a node, and connections for what people ask."""

    node: Node
    pool: db.Pool


def has_keys() -> bool:
    """Whether the environment can open what is sealed in the database."""
    return KEY_RING in os.environ or config.FILE in os.environ


def demand_keys() -> None:
    """Refuse to seal with a key that was made up for this command alone."""
    if not has_keys():
        raise Misconfigured(
            f"this needs the nodes' keys: set {KEY_RING} and the others "
            "(docs/operate.md), as for `paycore serve`"
        )


def dsn_of(database: str | None) -> str:
    """Which database: the option's, else the environment's."""
    dsn = database or os.environ.get("DATABASE_URL")
    if not dsn:
        raise Misconfigured("which database? Set DATABASE_URL or give --database")
    return dsn


@asynccontextmanager
async def visiting(database: str | None) -> AsyncIterator[Node]:
    """Open a node on a database for as long as a command runs."""
    async with visit(database) as open_now:
        yield open_now.node


@asynccontextmanager
async def visit(database: str | None) -> AsyncIterator[Visit]:
    """Open a node and a pool on a database, or say in one line why not.

    Keys that the environment has not are made up: what they would open stays shut.
    """
    dsn = dsn_of(database)
    log.configure(level="error", style="console")
    settings = config.load(environment())
    if missing := await db.pending(dsn):
        raise Misconfigured(
            f"the database lacks {', '.join(missing)}: run `paycore migrate` first"
        )
    journal = await PostgresJournal.open(dsn)
    transport = HttpTransport()
    pool = await db.pool(dsn, size=POOL_SIZE)
    try:
        node = Node(
            settings=settings,
            journal=journal,
            clock=SystemClock(await journal.database_now()),
            ids=SystemIds(),
            transport=transport,
            key_ring=KeyRing(settings.ring_keys),
        )
        yield Visit(node=node, pool=pool)
    except db.AWAY as error:
        said = type(error).__name__
        raise db.DatabaseUnavailableError(
            f"the database gave no answer: {said}"
        ) from error
    finally:
        await transport.close()
        await journal.close()
        await pool.close()


def environment() -> dict[str, str]:
    """What a visit is told: keys that are not given are made up."""
    if has_keys():
        return dict(os.environ)
    made_up = {
        f"{config_keys.PREFIX}{name.upper()}": value
        for name, value in config_keys.fresh_keys().items()
    }
    return {**made_up, **os.environ}
