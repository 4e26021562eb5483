"""What the simulator says of how things stand in the end."""

import asyncio
from datetime import timedelta

import pytest
from msgspec.structs import replace

from paycore.kernel.journal import Change
from paycore.notify.rows import NoticeRow, NoticeStatus
from paycore.prove import verdict
from paycore.prove.plan import Plan
from paycore.prove.world import World

OVERDUE_S = verdict.OVERDUE.total_seconds()
LEASE_S = 60.0


@pytest.fixture(scope="module")
def calm():
    """A world after a quiet run of three nodes."""
    world = World(Plan(seed=1, payments=2, nodes=3, only=()))
    world.run()
    assert [] == world.oracle.violations
    return world


ALIVE, DEAD, NOBODY = "alive", "dead", "nobody"


@pytest.mark.parametrize(
    ("holder", "due_s", "lease_s", "late"),
    [
        (NOBODY, OVERDUE_S - 1, None, False),
        (NOBODY, OVERDUE_S + 1, None, True),
        (ALIVE, 3 * OVERDUE_S, -1.0, False),
        (ALIVE, OVERDUE_S + 1, 1.0, False),
        (ALIVE, OVERDUE_S + LEASE_S, OVERDUE_S - 1, False),
        (ALIVE, OVERDUE_S + LEASE_S, OVERDUE_S + 1, True),
        (DEAD, OVERDUE_S - 1, -1.0, False),
        (DEAD, OVERDUE_S + 1, -1.0, True),
    ],
)
def test_a_notice_is_late_a_minute_after_anybody_may_have_it(
    calm, holder, due_s, lease_s, late
):
    """I16: it is due, and nobody who lives has it, or his lease was over so long ago:
    where he could not give it back, nobody else may send it before.
    """
    world, now = calm, calm.database_now()
    row = world.base.every(NoticeRow)[0]
    alive = world.nodes[0].node.epoch
    stands = replace(
        row,
        status=NoticeStatus.PENDING,
        delivered_at=None,
        replayed_at=now,
        next_check_at=now - timedelta(seconds=due_s),
        lease_epoch={ALIVE: alive, DEAD: alive + 1000, NOBODY: None}[holder],
        lease_until=None if lease_s is None else now - timedelta(seconds=lease_s),
    )
    change = Change(world.nodes[0].node.ids.uuid())
    change.update(stands, version=row.version)
    assert world.base.commit(change) is None
    world.oracle.violations.clear()

    asyncio.run(verdict.judge(world, []))
    said = [one.what for one in world.oracle.violations]
    assert (["a notice that nobody sends"] if late else []) == said
