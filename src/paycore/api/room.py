"""How many connections a node holds: a stranger opens as many as he is let."""

from paycore.kernel.meters import CONNECTIONS_REFUSED, Tally
from paycore.kernel.node import Node


class Room:
    """A node's connections: how many it holds, and how many at most."""

    def __init__(self, at_most: int, tally: Tally) -> None:
        self.held = 0
        self._at_most = at_most
        self._tally = tally

    def enter(self) -> bool:
        """One more; False, and counted, where there is no room for it."""
        self.held += 1
        if self.held <= self._at_most:
            return True
        self._tally.count(CONNECTIONS_REFUSED)
        return False

    def leave(self) -> None:
        """One fewer, whether there was room for it or not."""
        self.held -= 1


def room_of(node: Node) -> Room:
    """The node's one room."""
    return node.state(Room, lambda: Room(node.settings.connections, node.state(Tally)))
