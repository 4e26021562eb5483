"""A node that posts and tells, on a clock that can leap."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from msgspec.structs import replace

from paycore.accounting.rows import FeedRow
from paycore.kernel.clock import SystemClock
from paycore.kernel.config import Settings
from paycore.kernel.crypto import KeyRing
from paycore.kernel.ids import SystemIds
from paycore.kernel.journal import Row
from paycore.kernel.journal_postgres import PostgresJournal
from paycore.kernel.lives import Lives
from paycore.kernel.node import Heartbeat, Node
from paycore.kernel.terms import Epoch
from paycore.kernel.transport import HttpTransport
from paycore.worker import bookkeeper

SECRET = "cGF5Y29yZSBsZWRnZXIgdGVzdCBrZXkgMzIgb2N0ISE="


class LeapingClock(SystemClock):
    """The real clock, which can be put forward."""

    ahead = timedelta(0)

    def now(self):
        """Wall time, and the leaps."""
        return super().now() + self.ahead

    def monotonic(self):
        """Seconds, and the leaps."""
        return super().monotonic() + self.ahead.total_seconds()


async def living(dsn: str, epoch: int = 1, **settings: object) -> Node:
    """A node that works."""
    journal = await PostgresJournal.open(dsn)
    # On a busy machine it takes long to connect.
    made = Settings.for_dev(**{"connect_timeout_s": 10, **settings})
    return Node(
        settings=made,
        journal=journal,
        clock=LeapingClock(await journal.database_now()),
        ids=SystemIds(),
        transport=HttpTransport(),
        key_ring=KeyRing(made.ring_keys),
        heartbeat=Heartbeat(
            epoch=Epoch(epoch),
            slot=epoch,
            live=Lives((Epoch(1), Epoch(2)), newest=Epoch(99)),
            good_until=float("inf"),
        ),
    )


@contextmanager
def hasty(node: Node, coupon_timeout_s: float = 1) -> Iterator[None]:
    """The node waits only so long for the system of its coupons, in the block: for what
    is not answered at all.
    """
    before = node.settings
    node.settings = replace(before, coupon_timeout_s=coupon_timeout_s)
    yield
    node.settings = before


async def buried(node: Node) -> None:
    """It works no more."""
    await node.transport.close()
    await node.journal.close()


async def held_by_the_dead(dsn: str, kind: type[Row], **settings: object) -> list[str]:
    """A node takes what is due in hand, and dies with it; of which orders that was."""
    dead = await living(dsn, 99, **settings)
    claimed = await dead.journal.due(
        kind,
        10,
        now=dead.now() + timedelta(seconds=1),
        over=None,
        epoch=dead.epoch,
        live=Lives.of(1, 2, 99),
        lease_until=dead.now() + timedelta(hours=1),
    )
    await buried(dead)
    return [row.pay_order_no for row in claimed]


async def told_all(node: Node, most: int = 200) -> None:
    """Put the clock forward until nothing is left to be told."""
    for _ in range(most):
        await bookkeeper.tick(node)
        left = await node.journal.every(FeedRow)
        if all(row.next_check_at is None for row in left):
            return
        node.clock.ahead += timedelta(seconds=30)
    left = [row for row in left if row.next_check_at is not None]
    raise AssertionError(left)
