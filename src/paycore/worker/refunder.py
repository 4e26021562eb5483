"""Claims refunds that are due and gives each its look (core/refunds/recover.py): what
never left is sent, anything else asked after. Bounded: so many at once.
"""

import asyncio
from dataclasses import dataclass, field

import structlog

from paycore.core.refunds import recover
from paycore.core.refunds.recover import Due
from paycore.kernel.errors import Unavailable
from paycore.kernel.node import Node

AT_ONCE = 32
"""Looks in flight; nobody waits at a counter for a refund."""

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Looks:
    """The looks in flight in this node."""

    tasks: set[asyncio.Task[None]] = field(default_factory=set)


async def tick(node: Node) -> int:
    """Claim what is due, as far as there is room; how many were claimed."""
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
    """One refund's look; its failure is its own, the others go on (F75)."""
    about = {"refund_no": due.refund_no, "epoch": node.epoch}
    try:
        await recover.look(node, due)
    except Unavailable:
        log.warning("refund_look_postponed", **about)
    except Exception:
        # It comes round a rung later, and after a few of them a person is told.
        log.exception("refund_look_failed", **about)


async def drain(node: Node, seconds: float) -> None:
    """Let the looks in flight come to their end."""
    tasks = node.state(Looks).tasks
    if tasks:
        await asyncio.wait(tasks, timeout=seconds)
