"""A node without a life of its own, as commands have one: it takes no payments."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from paycore.kernel.clock import SystemClock
from paycore.kernel.config import Settings
from paycore.kernel.crypto import KeyRing
from paycore.kernel.ids import SystemIds
from paycore.kernel.journal_postgres import PostgresJournal
from paycore.kernel.node import Node
from paycore.kernel.transport import HttpTransport


@asynccontextmanager
async def visiting(dsn: str, settings: Settings) -> AsyncIterator[Node]:
    """One on a database, for as long as the block."""
    journal = await PostgresJournal.open(dsn)
    node = Node(
        settings=settings,
        journal=journal,
        clock=SystemClock(await journal.database_now()),
        ids=SystemIds(),
        transport=HttpTransport(),
        key_ring=KeyRing(settings.ring_keys),
    )
    try:
        yield node
    finally:
        await node.transport.close()
        await journal.close()
