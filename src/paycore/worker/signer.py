"""Claims agreements that are due and gives each its look (core/agreements/recover.py):
signings without an answer, revocations that the bank has not acknowledged. Bounded.
"""

import asyncio

import structlog

from paycore.core.agreements import recover
from paycore.core.agreements.recover import Due
from paycore.kernel.errors import Unavailable
from paycore.kernel.node import Node

AT_ONCE = 16
"""Looks in one turn; nobody waits at a counter for one."""

log = structlog.get_logger(__name__)


async def tick(node: Node) -> int:
    """Claim what is due and look at it; how many were claimed."""
    if node.heartbeat.leaving or not node.lease_holds(0):
        return 0
    claimed = await recover.claim(node, AT_ONCE)
    await asyncio.gather(*(_look(node, due) for due in claimed))
    return len(claimed)


async def _look(node: Node, due: Due) -> None:
    """One agreement's look; its failure is its own, the others go on."""
    about = {"signing_no": due.signing_no, "epoch": node.epoch}
    try:
        await recover.look(node, due)
    except Unavailable:
        log.warning("agreement_look_postponed", **about)
    except Exception:
        # Its lease ends by itself, and it comes round again.
        log.exception("agreement_look_failed", **about)
