"""A system of the user's own that is called until it acknowledges, as a node found it.

One that is away or broken is left alone for a while, and then asked by one at a time
whether it is back.
"""

from dataclasses import dataclass

from paycore.kernel.node import Node

LONGEST_SHUT_S = 60.0
"""How long a node waits at most before it asks one again that was away."""


@dataclass(slots=True)
class Partner:
    """How it was when this node last asked it."""

    failures: int = 0
    """In a row."""
    shut_until: float = 0.0
    stopping: bool = False

    def ended(self, node: Node, *, well: bool) -> None:
        """One try more; those that set out together count once."""
        now = node.clock.monotonic()
        if well:
            self.failures, self.shut_until = 0, 0.0
        elif now >= self.shut_until:
            self.failures += 1
            wait_s = 1 << min(self.failures, 10)
            self.shut_until = now + min(wait_s, LONGEST_SHUT_S)

    def shut(self, node: Node) -> bool:
        """Whether it is left alone just now."""
        return node.clock.monotonic() < self.shut_until
