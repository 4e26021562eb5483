"""Coupons of a system of the user's own: it is told of the uses and unlocks that it has
not acknowledged.
"""

from paycore.coupon import service as coupon
from paycore.kernel.node import Node
from paycore.notify import webhook

SET = 200
SETS_A_TICK = 10


async def tick(node: Node) -> int:
    """Tell what is due; how much that was."""
    if node.heartbeat.leaving:
        coupon.drain(node)
    if node.heartbeat.leaving or not node.lease_holds(0):
        return 0
    told = 0
    for _ in range(SETS_A_TICK):
        claimed = await coupon.claim(node, SET, webhook.headers)
        told += claimed
        if claimed < SET:
            break
    return told
