"""How calls to an account went lately, and the breaker that follows from it.

One breaker an account and operation, so that a bank whose code sending is down may
still be asked what became of a payment. It opens where enough calls of the window
failed, lets nothing through for a while, then one call as a probe: its result closes
the breaker or opens it again.

A failure is a call without a trustworthy answer. A refusal is an answer: a bank that
declines is well. Pure: time is a parameter, in seconds of a monotonic clock.
"""

from collections import deque
from dataclasses import dataclass, field
from enum import Enum, auto

from paycore.gateway.call import Operation
from paycore.kernel.config import Settings

AccountKey = tuple[str, str]
"""(channel, account)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """When a breaker opens, and for how long."""

    calls: int
    failure_percent: int
    window_s: float
    half_open_s: float


class Admission(Enum):
    """Whether a call may be made now."""

    REFUSED = auto()
    ADMITTED = auto()
    PROBE = auto()
    """The one call that tries an open breaker: to be recorded, or released."""


@dataclass(slots=True)
class Second:
    """The calls that ended in one second."""

    second: int
    calls: int = 0
    failures: int = 0


@dataclass(slots=True)
class Breaker:
    """The window and the breaker of one account and operation."""

    limits: Limits
    _window: deque[Second] = field(default_factory=deque)
    _calls: int = 0
    _failures: int = 0
    _opened_at: float | None = None
    _probing: bool = False

    def open(self, now: float) -> bool:
        """Whether a call made now would be refused; asking changes nothing."""
        if self._opened_at is None:
            return False
        return self._probing or now < self._opened_at + self.limits.half_open_s

    def figures(self, now: float) -> tuple[int, int]:
        """Calls of the window and failures among them; asking changes nothing."""
        since = now - self.limits.window_s
        seen = [bucket for bucket in self._window if bucket.second > since]
        return sum(one.calls for one in seen), sum(one.failures for one in seen)

    @property
    def tripped(self) -> bool:
        """Whether it opened and has not closed since: a probe may be let through."""
        return self._opened_at is not None

    def admit(self, now: float) -> Admission:
        """Ask directly before a call, and record how it ended."""
        if self._opened_at is None:
            return Admission.ADMITTED
        if self.open(now):
            return Admission.REFUSED
        self._probing = True
        return Admission.PROBE

    def record(self, now: float, admission: Admission, *, failed: bool) -> None:
        """Count a call that ended."""
        if admission is Admission.PROBE:
            self._probing = False
            self._forget()
            self._opened_at = now if failed else None
            return
        if self._opened_at is not None:
            return  # it began before the breaker opened, and decides nothing now
        self._count(now, failed=failed)
        if failed and self._too_many_failures():
            self._opened_at = now

    def release(self, admission: Admission) -> None:
        """Give a probe back that came to nothing: the next call is the probe."""
        if admission is Admission.PROBE:
            self._probing = False

    def _too_many_failures(self) -> bool:
        share = self._failures * 100
        limits = self.limits
        return (
            self._calls >= limits.calls
            and share >= limits.failure_percent * self._calls
        )

    def _count(self, now: float, *, failed: bool) -> None:
        """One bucket a second: the window costs the same at any rate of calls."""
        if not self._window or self._window[-1].second != int(now):
            self._window.append(Second(int(now)))
        bucket = self._window[-1]
        bucket.calls += 1
        bucket.failures += failed
        self._calls += 1
        self._failures += failed
        while self._window[0].second <= now - self.limits.window_s:
            past = self._window.popleft()
            self._calls -= past.calls
            self._failures -= past.failures

    def _forget(self) -> None:
        self._window.clear()
        self._calls = self._failures = 0


class Health:
    """The breakers of one node, made as accounts are called."""

    def __init__(self, settings: Settings) -> None:
        self._limits = Limits(
            calls=settings.breaker_calls,
            failure_percent=settings.breaker_failure_percent,
            window_s=settings.breaker_window_s,
            half_open_s=settings.breaker_half_open_s,
        )
        self._breakers: dict[tuple[AccountKey, Operation], Breaker] = {}

    def breaker(self, account: AccountKey, operation: Operation) -> Breaker:
        """The breaker of an account and operation."""
        found = self._breakers.get((account, operation))
        if found is None:
            found = self._breakers[account, operation] = Breaker(self._limits)
        return found

    def standing(self, account: AccountKey, operation: Operation) -> Breaker | None:
        """The same, where there was a call; looking makes none."""
        return self._breakers.get((account, operation))

    def opened(self, now: float) -> list[tuple[str, ...]]:
        """Every breaker that would refuse a call now."""
        return [
            (*account, of)
            for (account, of), breaker in self._breakers.items()
            if breaker.open(now)
        ]

    def broken(self, operation: Operation, now: float) -> frozenset[AccountKey]:
        """Accounts that would refuse this operation now."""
        return frozenset(
            account
            for (account, of), breaker in self._breakers.items()
            if of is operation and breaker.open(now)
        )
