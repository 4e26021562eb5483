"""What runs without a caller waits for a database that is away, and not for long."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime

import pytest

from paycore.app import _partitions
from paycore.kernel import db
from paycore.kernel.clock import SystemClock
from paycore.kernel.config import Settings
from paycore.kernel.crypto import KeyRing
from paycore.kernel.errors import Unavailable
from paycore.kernel.ids import SystemIds
from paycore.kernel.journal_memory import MemoryJournal, MemoryStore
from paycore.kernel.node import Node
from paycore.worker import loop

HOUR_S = 3600.0


class QuickClock(SystemClock):
    """Waits for nothing, and knows how long it was to wait."""

    def __init__(self) -> None:
        super().__init__(datetime(2026, 11, 22, tzinfo=UTC))
        self.waits: list[float] = []

    async def sleep(self, seconds: float) -> None:
        """Written down; and over after three."""
        self.waits.append(seconds)
        if len(self.waits) == 3:
            raise asyncio.CancelledError
        await asyncio.sleep(0)


def a_node() -> Node:
    """A node in memory, whose clock waits for nothing."""
    settings, clock = Settings.for_dev(), QuickClock()
    return Node(
        settings=settings,
        journal=MemoryJournal(MemoryStore(), clock),
        clock=clock,
        ids=SystemIds(),
        transport=None,
        key_ring=KeyRing(settings.ring_keys),
    )


async def test_a_turn_that_met_no_database_comes_again_soon():
    """Work of every hour is not put off for an hour because of one bad moment."""
    node, turns = a_node(), []

    async def tick(_node: Node) -> None:
        turns.append(1)
        if len(turns) == 1:
            raise Unavailable

    with suppress(asyncio.CancelledError):
        await loop.turn(node, "hourly", tick, HOUR_S)

    assert [loop.AWAY_S, HOUR_S, HOUR_S] == node.clock.waits


async def test_a_quick_loop_keeps_its_pace_without_a_database():
    """Waiting for it is no reason to be slower than usual."""
    node = a_node()

    async def tick(_node: Node) -> None:
        raise Unavailable

    with suppress(asyncio.CancelledError):
        await loop.turn(node, "quick", tick, 0.2)

    assert [0.2] * 3 == node.clock.waits


async def test_partitions_without_a_database_are_no_bug(dsn: str):
    """It is away, as for every other loop: a warning, and no traceback."""
    pool = await db.pool(dsn, size=1)
    await pool.close()
    ((_, partitions, _),) = _partitions(pool)

    with pytest.raises(Unavailable):
        await partitions(a_node())
