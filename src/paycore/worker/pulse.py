"""How late the event loop is: a wait of known length, measured.

What keeps the process busy (a long computation, a full processor) makes every wait in
it late, and so is seen here before callers see it.
"""

from paycore.kernel.meters import LOOP_LAG, Tally
from paycore.kernel.node import Node

WAIT_S = 0.25


async def tick(node: Node) -> None:
    """Wait, and count by how much it was too long."""
    began = node.clock.monotonic()
    await node.clock.sleep(WAIT_S)
    late = node.clock.monotonic() - began - WAIT_S
    node.state(Tally).observe(LOOP_LAG, max(0.0, late))
