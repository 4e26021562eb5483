"""The sweeper: gives back what a crash left locked.

Bounded a tick, as every job here is. What became of an order it asks core, by the
function it is given; what follows for a coupon is the coupon's own business.
"""

from collections.abc import Awaitable, Callable

from paycore.coupon import service as coupon
from paycore.kernel.node import Node
from paycore.kernel.terms import BizStatus, PayOrderNo

COUPONS_A_TICK = 100


async def tick(
    node: Node, status_of: Callable[[PayOrderNo], Awaitable[BizStatus | None]]
) -> int:
    """Look at coupons whose lock is due; how many there were."""
    return await coupon.sweep(node, status_of, limit=COUPONS_A_TICK)
