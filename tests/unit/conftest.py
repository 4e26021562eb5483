"""A node for the tests of one package; whoever needs another makes his own."""

from collections.abc import AsyncIterator

import pytest

from paycore.kernel.clock import SystemClock
from paycore.kernel.config import Settings
from paycore.kernel.crypto import KeyRing
from paycore.kernel.ids import SystemIds
from paycore.kernel.journal_postgres import PostgresJournal
from paycore.kernel.node import Node
from paycore.kernel.transport import HttpTransport


@pytest.fixture
async def node(dsn: str) -> AsyncIterator[Node]:
    """A node on a real database, with its journal open."""
    journal = await PostgresJournal.open(dsn)
    settings = Settings.for_dev()
    transport = HttpTransport()
    yield Node(
        settings=settings,
        journal=journal,
        clock=SystemClock(await journal.database_now()),
        ids=SystemIds(),
        transport=transport,
        key_ring=KeyRing(settings.ring_keys),
    )
    await transport.close()
    await journal.close()
