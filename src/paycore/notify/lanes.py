"""One lane an end point: how many of its notices are under way, and which wait.

An end point that answers well gets a wider lane, one that fails or dawdles a narrower
one; after some failures in a row its lane is shut for a while and then tries one notice
at a time. So what a dead end point has waiting costs the others nothing: it takes few
of the places there are, and is sent back to the database in sets.
A lane decides and remembers; it sends nothing. It lives in memory, one a node: losing
it loses nothing.
"""

from collections import deque
from dataclasses import dataclass, field

from paycore.notify.rows import NoticeRow
from paycore.notify.verdict import Fate, Judged

FIRST_WINDOW = 8
"""Before an end point has shown what it can."""

WIDEST_WINDOW = 64
WAITING_A_PLACE = 16
"""Notices that may wait in memory for each place in the window."""

SLOW_S = 3.0
"""An answer that took longer narrows the lane, whatever it said."""

NARROWEST_SLOW = 4
"""A slow end point still takes its notices."""

TRIP = 5
"""Failures in a row that shut the lane: fewer than its first window."""

LATEST_SHARE = 0.2
"""How much the latest try counts in how long one takes."""

FIRST_PAUSE_S = 5.0
LONGEST_PAUSE_S = 300.0


@dataclass(slots=True)
class Lane:
    """What this node knows of one end point's health."""

    waiting: deque[NoticeRow] = field(default_factory=deque)
    in_turn: bool = False
    under_way: int = 0
    window: int = FIRST_WINDOW
    failures: int = 0
    pause_s: float = FIRST_PAUSE_S
    shut_until: float = 0.0
    """On the monotonic clock."""
    took_s: float = 0.0
    """How long a try takes there, smoothed."""

    def shut(self, now: float) -> bool:
        """Whether nothing is to be sent there yet."""
        return now < self.shut_until

    def admits(self, now: float) -> bool:
        """Whether one more notice may wait here."""
        places = self.window * WAITING_A_PLACE
        return not self.shut(now) and len(self.waiting) < places

    @property
    def clears_in_s(self) -> float:
        """How long those who wait here will need, at the pace of late."""
        return len(self.waiting) * self.took_s / self.window

    def ready(self, now: float) -> bool:
        """Whether a waiting notice may set out."""
        free = self.under_way < self.window
        return free and bool(self.waiting) and not self.shut(now)

    def ended(self, judged: Judged, *, took_s: float, now: float) -> None:
        """Learn from one try."""
        self.took_s += (took_s - self.took_s) * LATEST_SHARE
        match judged.fate:
            case Fate.DELIVERED:
                self._went_well(took_s)
            case Fate.FAILED | Fate.GONE:
                self._went_wrong(now)
            case Fate.SLOW_DOWN:
                self._went_wrong(now)
                wait_s = max(judged.retry_after_s, FIRST_PAUSE_S)
                self.shut_until = max(self.shut_until, now + wait_s)
            case Fate.NOWHERE:
                pass

    def _went_well(self, took_s: float) -> None:
        self.failures, self.pause_s = 0, FIRST_PAUSE_S
        if took_s < SLOW_S:
            self.window = min(self.window + 1, WIDEST_WINDOW)
        else:
            self.window = min(self.window, max(self.window // 2, NARROWEST_SLOW))

    def _went_wrong(self, now: float) -> None:
        self.failures += 1
        self.window = max(self.window // 2, 1)
        # What was under way when the lane was shut fails too; that is the same failure.
        if self.failures >= TRIP and not self.shut(now):
            self.window = 1
            self.shut_until = now + self.pause_s
            self.pause_s = min(self.pause_s * 2, LONGEST_PAUSE_S)

    def idle(self, now: float) -> bool:
        """Whether the lane could be forgotten: it says what a fresh one would."""
        return not (self.in_turn or self.under_way or self.failures or self.shut(now))
