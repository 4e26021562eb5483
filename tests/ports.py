"""Ports that stay free between the moment in which they are chosen and their use."""

import random
import socket

FIRST, LAST = 20_000, 32_000
"""Below those that the system gives away by itself: to whoever connects, and to whoever
listens at any port. One of those is soon somebody else's on a busy machine.
"""

ROW = 32
"""As many as a sandbox has, and more."""


def free_row() -> int:
    """The first of so many ports in a row; another worker's row is another's."""
    for _ in range(1000):
        first = random.SystemRandom().randrange(FIRST, LAST, ROW)
        if all(map(_is_free, range(first, first + ROW))):
            return first
    raise AssertionError("no ports in a row are free")


def _is_free(port: int) -> bool:
    with socket.socket() as bound:
        try:
            bound.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
