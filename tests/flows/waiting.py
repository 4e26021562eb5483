"""Waiting for what comes in a moment; on a busy machine, in a while."""

import time
from collections.abc import Callable
from typing import TypeVar

WITHIN_S = 60.0
"""Only what never comes is waited for so long."""

T = TypeVar("T")


def until(look: Callable[[], T], what: object = "it has not come") -> T:
    """The first that is something of what a look gives."""
    deadline = time.monotonic() + WITHIN_S
    while not (found := look()):
        assert time.monotonic() < deadline, what
        time.sleep(0.05)
    return found
