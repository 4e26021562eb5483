"""A node for one command: it reads and commits, and has no life of its own.

Without an epoch it holds no lease, sends nothing and does none of the work that waits.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from paycore.kernel import config, log
from paycore.kernel.clock import SystemClock
from paycore.kernel.crypto import KeyRing
from paycore.kernel.errors import Misconfigured
from paycore.kernel.ids import SystemIds
from paycore.kernel.journal_postgres import PostgresJournal
from paycore.kernel.node import Node
from paycore.kernel.transport import HttpTransport

KEY_RING = f"{config.PREFIX}KEY_RING"


def has_keys() -> bool:
    """Whether the environment can open what is sealed in the database."""
    return KEY_RING in os.environ or config.FILE in os.environ


@asynccontextmanager
async def visiting(database: str | None) -> AsyncIterator[Node]:
    """Open a node on a database for as long as a command runs.

    Keys that the environment has not are made up: what they would open stays shut.
    """
    dsn = database or os.environ.get("DATABASE_URL")
    if not dsn:
        raise Misconfigured("which database? Set DATABASE_URL or give --database")
    log.configure(level="error", style="console")
    settings = config.load(_environment())
    journal = await PostgresJournal.open(dsn)
    transport = HttpTransport()
    try:
        yield Node(
            settings=settings,
            journal=journal,
            clock=SystemClock(await journal.database_now()),
            ids=SystemIds(),
            transport=transport,
            key_ring=KeyRing(settings.ring_keys),
        )
    finally:
        await transport.close()
        await journal.close()


def _environment() -> dict[str, str]:
    if has_keys():
        return dict(os.environ)
    made_up = {
        f"{config.PREFIX}{name.upper()}": value
        for name, value in config.fresh_keys().items()
    }
    return {**made_up, **os.environ}
