"""Claims payments that are due and gives each its look: completer, enquirer, closer.

One claim serves all three, because what a due payment needs is told by its state, not
by who asks (core/recover.py). Bounded: so many at once, so many a tick.
"""

import asyncio
from dataclasses import dataclass, field

import structlog

from paycore.core import recover
from paycore.core.recover import Due
from paycore.kernel.errors import Unavailable
from paycore.kernel.node import Node

AT_ONCE = 64
"""Looks in flight; an enquiry may take its whole time-out."""

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Looks:
    """The looks in flight in this node."""

    tasks: set[asyncio.Task[None]] = field(default_factory=set)


async def tick(node: Node) -> int:
    """Claim what is due, as far as there is room; how many were claimed.

    A node whose own life is in doubt claims nothing: its view of who lives is old. Nor
    does one that is leaving: others are there for what is due now.
    """
    looks = node.state(Looks).tasks
    room = AT_ONCE - len(looks)
    if room <= 0 or node.heartbeat.leaving or not node.lease_holds(0):
        return 0
    claimed = await recover.claim(node, room)
    for due in claimed:
        task = asyncio.create_task(_look(node, due))
        looks.add(task)
        task.add_done_callback(looks.discard)
    return len(claimed)


async def _look(node: Node, due: Due) -> None:
    """One payment's look; its failure is its own, the others go on (F75)."""
    try:
        await recover.look(node, due)
    except Unavailable:
        log.warning("look_postponed", pay_order_no=due.pay_order_no, epoch=node.epoch)
    except Exception:
        # It comes round a rung later, and after a few of them a person is told.
        log.exception("look_failed", pay_order_no=due.pay_order_no, epoch=node.epoch)


async def drain(node: Node, seconds: float) -> None:
    """Let the looks in flight come to their end."""
    tasks = node.state(Looks).tasks
    if tasks:
        await asyncio.wait(tasks, timeout=seconds)
