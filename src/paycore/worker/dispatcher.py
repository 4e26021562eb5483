"""The dispatcher: notices that are due, claimed in sets and handed to their lanes.

A tick claims and starts; the tries run on by themselves and are bounded by `notify`.
What belongs to an end point that is down leaves again at once, so a set is never
filled by it for longer than a commit takes.
"""

from paycore.kernel.node import Node
from paycore.notify import service as notify
from paycore.worker.sets import in_sets


async def tick(node: Node) -> int:
    """Claim what is due; how many notices that was."""
    return await in_sets(node, notify.claim)


async def drain(node: Node, seconds: float) -> None:
    """Before the node stops."""
    await notify.drain(node, seconds)
