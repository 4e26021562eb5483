"""When people pay in the course of a month: by day more than by night, and many just
now. Pure.
"""

from collections.abc import Callable
from math import pi, sin

DAYS = 30
HOUR = 1 / (DAYS * 24)
"""Of a month."""

LAST_HOUR = 1_500
"""So many are in the last hour, where there are twenty times as many in all."""
LEAST_SHARE = 20

NIGHTS = (0.6, DAYS)
MINUTES = ((0.3, 3), (0.25, 11), (0.2, 23))
"""How much more than usual it is at most, and how often."""


def rhythm(payments: int) -> Callable[[float], float]:
    """Where in the month each lies, by where it stands among all: from 0 to 1."""
    busy = min(LAST_HOUR, payments // LEAST_SHARE) / payments

    def place(share: float) -> float:
        if share < 1 - busy:
            return (1 - HOUR) * _waves(share / (1 - busy), (NIGHTS,))
        return 1 - HOUR + HOUR * _waves((share - 1 + busy) / busy, MINUTES)

    return place


def _waves(share: float, waves: tuple[tuple[float, int], ...]) -> float:
    """The same share, earlier or later: what it rises by swings about the usual."""
    return share + sum(
        high * sin(2 * pi * often * share) / (2 * pi * often) for high, often in waves
    )
