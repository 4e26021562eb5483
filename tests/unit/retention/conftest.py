"""A database with payments of long ago, and a node that takes away what is old."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from long_ago import Past

from paycore.kernel import db
from paycore.kernel.config import Settings
from paycore.kernel.crypto import KeyRing
from paycore.kernel.ids import SystemIds
from paycore.kernel.journal_postgres import PostgresJournal
from paycore.kernel.node import Node


class FastClock:
    """The database's time, and waits that are over at once."""

    def __init__(self, clock):
        self._clock = clock

    def __getattr__(self, name):
        return getattr(self._clock, name)

    async def sleep(self, _seconds):
        """No time passes."""


@pytest.fixture
async def pool(dsn) -> AsyncIterator[db.Pool]:
    """Connections as a node has them."""
    async with await db.pool(dsn, size=4) as opened:
        yield opened


@pytest.fixture
async def node(dsn) -> AsyncIterator[Node]:
    """A node without a life of its own."""
    from paycore.kernel.clock import SystemClock

    journal = await PostgresJournal.open(dsn)
    settings = Settings.for_dev()
    yield Node(
        settings=settings,
        journal=journal,
        clock=FastClock(SystemClock(await journal.database_now())),
        ids=SystemIds(),
        transport=None,
        key_ring=KeyRing(settings.ring_keys),
    )
    await journal.close()


@pytest.fixture
async def past(node, pool) -> AsyncIterator[Past]:
    """What happened long ago; nothing of it is there for the next test."""
    made = Past(node, pool)
    yield made
    await made.forget()
