"""A node's time: it follows the database's clock, and no late answer holds it back."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from paycore.kernel.clock import SystemClock
from paycore.kernel.config import Settings
from paycore.kernel.crypto import KeyRing
from paycore.kernel.ids import SystemIds
from paycore.kernel.journal_memory import MemoryJournal
from paycore.kernel.node import Node
from paycore.worker import heartbeat

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
EARLY = datetime.min.replace(tzinfo=UTC)
CLOSE = timedelta(milliseconds=50)


class LateJournal(MemoryJournal):
    """Its answers about the time come late, as they do to a node that is busy."""

    late_s = 0.0

    async def database_now(self) -> datetime:
        """The time when it was asked."""
        now = await super().database_now()
        await asyncio.sleep(self.late_s)
        return now


@pytest.fixture
def truth():
    """The database's clock."""
    return SystemClock(NOON)


@pytest.fixture
def node(truth):
    """A node that has not begun."""
    settings = Settings.for_dev()
    return Node(
        settings=settings,
        journal=LateJournal(truth.now),
        clock=SystemClock(EARLY),
        ids=SystemIds(),
        transport=None,
        key_ring=KeyRing(settings.ring_keys),
    )


async def test_a_late_answer_does_not_hold_the_clock_back(node, truth):
    """Among nodes of different load a moment of one is not the future of another."""
    await heartbeat.begin(node)
    node.journal.late_s = 0.3
    for _ in range(2):
        await heartbeat.beat(node)

    assert abs(node.now() - truth.now()) < CLOSE


async def test_a_clock_that_began_late_catches_up(node, truth):
    """The first answer was late; the first one that is not puts it right."""
    node.journal.late_s = 0.3
    await heartbeat.begin(node)
    assert truth.now() - node.now() > timedelta(seconds=0.25)

    node.journal.late_s = 0.0
    await heartbeat.beat(node)

    assert abs(node.now() - truth.now()) < CLOSE


async def test_a_clock_that_runs_ahead_waits(node, truth):
    """Where ours is surely ahead the database is right; and it never runs backwards."""
    await heartbeat.begin(node)
    node.clock.anchor(truth.now() + timedelta(seconds=0.2))
    ahead = node.now()
    await heartbeat.beat(node)

    assert ahead <= node.now() <= ahead + CLOSE
    await asyncio.sleep(0.3)
    assert abs(node.now() - truth.now()) < CLOSE
