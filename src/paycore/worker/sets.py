"""What is due and has only to be claimed: in sets, until there is no more of it."""

from collections.abc import Awaitable, Callable

from paycore.kernel.node import Node

SET = 200
SETS_A_TICK = 10

Claim = Callable[[Node, int], Awaitable[int]]
"""Deals with what is due, so much at most; how much that was."""


async def in_sets(node: Node, claim: Claim) -> int:
    """Claim what is due; how much that was."""
    total = 0
    for _ in range(SETS_A_TICK):
        # Whose life is in doubt has an old view of who lives, and would take from them.
        if node.heartbeat.leaving or not node.lease_holds(0):
            break
        claimed = await claim(node, SET)
        total += claimed
        if claimed < SET:
            break
    return total
