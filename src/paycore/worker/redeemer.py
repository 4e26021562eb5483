"""Coupons of a system of the user's own: it is told of the uses and unlocks that it has
not acknowledged.
"""

from functools import partial

from paycore.coupon import service as coupon
from paycore.kernel.node import Node
from paycore.notify import webhook
from paycore.worker.sets import in_sets


async def tick(node: Node) -> int:
    """Tell what is due; how much that was."""
    return await in_sets(node, partial(coupon.claim, sign=webhook.headers))
