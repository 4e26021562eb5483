"""The only source of time.

Wall time is the database's, read once at start and at every heartbeat, carried on by
this machine's monotonic clock in between, and never runs backwards (I27): an expired
code stays expired whatever the machine's own clock does. Where the database's clock
falls back, ours goes on at half its pace until it is right again. Sleeping and
time-outs are here too, so that a simulator can replace all of time at once.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from typing import Protocol, TypeVar

T = TypeVar("T")

LEAP = timedelta(seconds=1)
"""A correction by more is no drift; the first word of the database is one as well."""

KEPT_S = 6 * 3600.0
"""For how long a leap is known: longer than any lease lasts."""


class Clock(Protocol):
    """What a node knows of time."""

    def now(self) -> datetime:
        """Wall time in UTC, monotonic, anchored to the database's clock."""

    def monotonic(self) -> float:
        """Seconds since some moment; for leases and durations."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""

    def timeout(self, seconds: float) -> AbstractAsyncContextManager[object]:
        """Cancel the body after so many seconds with TimeoutError."""

    async def within(self, seconds: float, question: Awaitable[T]) -> T:
        """What came of a question to a pool, or TimeoutError when the time is over.

        A pool takes a connection back once its question is over, and a question that is
        cancelled is over when the server has heard of that: a server that hears nothing
        keeps whoever waits, whatever `timeout` is around him. So here nobody waits for
        it.
        """

    def anchor(self, database_now: datetime) -> None:
        """Take the database's word on what time it is."""

    def steady_s(self) -> float:
        """For how long time has gone on without leaping ahead: what a wall clock says
        has passed may not have, unless it has been steady since.
        """

    def leapt(self, within_s: float) -> timedelta:
        """How far time went ahead of its own pace in the last so many seconds: what
        the wall clock says less this has passed for everybody.
        """


class SystemClock:
    """The clock of a node.

    `monotonic` is this machine's monotonic clock; a simulator, whose machines are made
    up, gives one of its own, and the event loop's time with it.
    """

    def __init__(
        self,
        database_now: datetime,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._monotonic = monotonic
        self._anchor = database_now
        self._anchored_at = self._said_at = monotonic()
        self._last = database_now
        self._leapt_at = float("-inf")
        self._leaps: deque[tuple[float, timedelta]] = deque()

    def now(self) -> datetime:
        """Wall time in UTC; equal or later than what was said before.

        A clock that was ahead does not stand still until the right time has come: what
        is due would wait as long. It goes on at half its pace meanwhile.
        """
        moment = self._monotonic()
        now = self._anchor + timedelta(seconds=moment - self._anchored_at)
        if now < self._last:
            now = self._last + timedelta(seconds=(moment - self._said_at) / 2)
        self._last, self._said_at = now, moment
        return now

    def monotonic(self) -> float:
        """This machine's monotonic clock, in seconds."""
        return self._monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait on the event loop."""
        await asyncio.sleep(seconds)

    def timeout(self, seconds: float) -> AbstractAsyncContextManager[object]:
        """`asyncio.timeout`."""
        return asyncio.timeout(seconds)

    def anchor(self, database_now: datetime) -> None:
        """Follow the database's clock; `now` still never runs backwards."""
        ahead = database_now - self.now()
        if ahead > LEAP:
            self._leapt_at = self._said_at
        if ahead > timedelta(0):
            self._leaps.append((self._said_at, ahead))
        while self._leaps and self._leaps[0][0] < self._said_at - KEPT_S:
            self._leaps.popleft()
        self._anchor = database_now
        self._anchored_at = self._monotonic()

    async def within(self, seconds: float, question: Awaitable[T]) -> T:
        """What came of it, or TimeoutError when the time is over."""
        task = asyncio.ensure_future(question)
        task.add_done_callback(_heard)
        try:
            await asyncio.wait((task,), timeout=seconds)
        finally:
            task.cancel()
        if not task.done():
            raise TimeoutError
        return task.result()

    def steady_s(self) -> float:
        """Since the last leap ahead; of a clock that began right, for ever."""
        return self._monotonic() - self._leapt_at

    def leapt(self, within_s: float) -> timedelta:
        """The sum of all corrections ahead, the small ones too: many are a leap."""
        since = self._monotonic() - within_s
        return sum((by for at, by in self._leaps if at > since), timedelta(0))


def machine_now() -> datetime:
    """This machine's own wall clock: only to say how far it is off."""
    return datetime.now(UTC)


def start_of_day(now: datetime) -> datetime:
    """Midnight UTC: the day by which daily limits are counted."""
    return now.replace(hour=0, minute=0, second=0, microsecond=0)


def utc_from_unix(seconds: float) -> datetime:
    """A moment a stranger gave us as Unix seconds."""
    return datetime.fromtimestamp(seconds, UTC)


def _heard(task: "asyncio.Future[T]") -> None:
    """What comes of it when nobody waits any more is nobody's bug."""
    if not task.cancelled():
        task.exception()
