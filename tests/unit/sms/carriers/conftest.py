"""What the tests of carrier files share: a provider on loopback, and a node."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from paycore.kernel.clock import SystemClock
from paycore.kernel.config import Settings
from paycore.kernel.crypto import KeyRing
from paycore.kernel.ids import SystemIds
from paycore.kernel.journal_postgres import PostgresJournal
from paycore.kernel.node import Node
from paycore.kernel.transport import HttpTransport

sys.path.insert(0, str(Path(__file__).parent))  # for what these tests have in common

from text_provider import Provider


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    """A provider that answers what it is told to."""
    made = Provider()
    await made.open()
    yield made
    await made.close()


@pytest.fixture
async def node(dsn: str) -> AsyncIterator[Node]:
    """A node that lives."""
    journal = await PostgresJournal.open(dsn)
    settings = Settings.for_dev(sms_timeout_s=20.0)
    made = Node(
        settings=settings,
        journal=journal,
        clock=SystemClock(await journal.database_now()),
        ids=SystemIds(),
        transport=HttpTransport(),
        key_ring=KeyRing(settings.ring_keys),
    )
    made.heartbeat.good_until = made.clock.monotonic() + 3600
    yield made
    await made.transport.close()
    await journal.close()
    await asyncio.sleep(0)
