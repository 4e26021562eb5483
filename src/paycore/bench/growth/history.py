"""How finished payments lie in the past: evenly over months, up to a moment. Pure."""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

from paycore.bench.growth.fillings import second_of

MONTHS = 12
"""The running one among them: a year is what accounts and people ask about."""

KEPT_WHOLE = 500_000
"""Of so many, the newest, everything is kept; of the others what retention leaves:
no messages, no decisions, no steps, no answers, no ids of changes."""


@dataclass(frozen=True, slots=True)
class Month:
    """The payments of one month."""

    first_day: date
    payments: range

    @property
    def name(self) -> str:
        """As partitions are called by it."""
        return f"{self.first_day:%y%m}"


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """So many payments, up to a moment."""

    payments: int
    until: datetime
    months: int = MONTHS
    kept_whole: int = KEPT_WHOLE

    @property
    def first_day(self) -> date:
        """Of the oldest month."""
        return _month(self.until.date(), 1 - self.months)

    @property
    def newest(self) -> range:
        """Those of which everything is kept."""
        return range(max(0, self.payments - self.kept_whole), self.payments)

    def seconds(self, payments: range) -> list[int]:
        """The second in which each of these was made."""
        first = self._starts(self.first_day)
        span, parts = second_of(self.until) - first, 2 * self.payments
        return [first + (2 * nth + 1) * span // parts for nth in payments]

    def by_month(self) -> Iterator[Month]:
        """The months in order, with their payments."""
        everything = range(self.payments)
        day, first = self.first_day, 0
        for _ in range(self.months):
            after = _month(day, 1)
            end = bisect_left(everything, self._starts(after), key=self._second)
            yield Month(day, range(first, end))
            day, first = after, end

    def _second(self, nth: int) -> int:
        (second,) = self.seconds(range(nth, nth + 1))
        return second

    def _starts(self, day: date) -> int:
        return second_of(
            datetime(day.year, day.month, day.day, tzinfo=self.until.tzinfo)
        )


def _month(day: date, later: int) -> date:
    """The first day of a month, so many months later."""
    months = day.year * 12 + day.month - 1 + later
    return date(months // 12, months % 12 + 1, 1)
