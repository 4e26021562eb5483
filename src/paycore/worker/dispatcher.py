"""The dispatcher: notices that are due, claimed in sets and handed to their lanes.

A tick claims and starts; the tries run on by themselves and are bounded by `notify`.
What belongs to an end point that is down leaves again at once, so a set is never
filled by it for longer than a commit takes.
"""

from paycore.kernel.node import Node
from paycore.notify import service as notify

SET = 200
SETS_A_TICK = 10


async def tick(node: Node) -> int:
    """Claim what is due; how many notices that was."""
    total = 0
    # Whose life is in doubt has an old view of who lives, and would take from them.
    if node.heartbeat.leaving or not node.lease_holds(0):
        return total
    for _ in range(SETS_A_TICK):
        claimed = await notify.claim(node, SET)
        total += claimed
        if claimed < SET:
            break
    return total


async def drain(node: Node, seconds: float) -> None:
    """Before the node stops."""
    await notify.drain(node, seconds)
