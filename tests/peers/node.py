"""A node in memory with the real network, for adapters that are tried alone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from paycore.kernel.clock import SystemClock
from paycore.kernel.config import Settings
from paycore.kernel.crypto import KeyRing
from paycore.kernel.ids import SystemIds
from paycore.kernel.journal_memory import MemoryJournal, MemoryStore
from paycore.kernel.node import Node
from paycore.kernel.transport import HttpTransport


@asynccontextmanager
async def living() -> AsyncIterator[Node]:
    """One, as long as the block lasts."""
    settings, clock = Settings.for_dev(), SystemClock(datetime.now(UTC))
    node = Node(
        settings=settings,
        journal=MemoryJournal(MemoryStore(), clock),
        clock=clock,
        ids=SystemIds(),
        transport=HttpTransport(),
        key_ring=KeyRing(settings.ring_keys),
    )
    try:
        yield node
    finally:
        await node.transport.close()
        await asyncio.sleep(0)
