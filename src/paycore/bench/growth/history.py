"""How finished payments lie in the past: over months, up to a moment; and what
retention has left of each. Pure.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from types import MappingProxyType

from paycore.bench.growth.fillings import second_of
from paycore.retention.catalogue import RULES, How

MONTHS = 12
"""The running one among them: a year is what accounts and people ask about."""

KEPT_WHOLE = 500_000
"""Of so many at least, the newest, there is all that goes by the month."""

LEAST_DAYS = 30
"""No node can be told to let a month go sooner."""

EVER = (
    *("payment", "payment_out_biz_no", "attempt", "transition", "coupon"),
    *("accounting_posting", "accounting_entry", "notify_notice"),
)
"""Tables in which a finished payment has its rows for good."""

MONTHLY = tuple(rule.table for rule in RULES if rule.how is How.MONTH)
"""Tables that lose a month as a whole."""

BRIEFLY: Mapping[str, timedelta] = MappingProxyType(
    {"journal_change": timedelta(days=7), "idempotency_key": timedelta(hours=24)}
)
"""Tables that lose row by row what is so old."""

GIVEN_BACK = (*("refund", "refund_total", "refund_transition", "refund_out_refund_no"),)
"""And those for good of a payment that was refunded."""

TABLES = (*EVER, *MONTHLY, *BRIEFLY)


@dataclass(frozen=True, slots=True)
class Month:
    """The payments of one month."""

    first_day: date
    payments: range

    @property
    def name(self) -> str:
        """As partitions are called by it."""
        return f"{self.first_day:%y%m}"


@dataclass(frozen=True, slots=True)
class Stretch:
    """Payments one after another that have rows in the same tables."""

    payments: range
    tables: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """So many payments, up to a moment."""

    payments: int
    until: datetime
    months: int = MONTHS
    kept_whole: int = KEPT_WHOLE
    since: datetime | None = None
    """From then on, and not over the whole of its first month."""
    refunded: bool = False
    """Whether some were."""
    place: Callable[[float], float] | None = None
    """Where in the time each lies, by where it stands among all: both from 0 to 1, and
    the later never earlier. None: evenly."""

    @property
    def tables(self) -> Sequence[str]:
        """Where its payments have rows."""
        return (*TABLES, *(GIVEN_BACK if self.refunded else ()))

    @property
    def first_day(self) -> date:
        """Of the oldest month."""
        return _month(self.until.date(), 1 - self.months)

    @property
    def kept_from(self) -> date:
        """The first day of the oldest month that is still whole."""
        newest = self.until.date() - timedelta(days=LEAST_DAYS)
        for month in reversed(list(self.by_month())):
            enough = self.payments - month.payments.start >= self.kept_whole
            if month.first_day <= newest and enough:
                return month.first_day
        return self.first_day

    @property
    def keep_days(self) -> int:
        """What a node is told, for it to have left that month and none before."""
        return max(LEAST_DAYS, (self.until.date() - self.kept_from).days)

    @property
    def newest(self) -> range:
        """Those that lie in whole months."""
        return self._since(self._midnight(self.kept_from))

    def kept(self, table: str) -> range:
        """Those that have their rows in a table."""
        if table in EVER or table in GIVEN_BACK:
            return range(self.payments)
        if table in MONTHLY:
            return self.newest
        return self._since(self.until - BRIEFLY[table])

    def seconds(self, payments: range) -> list[int]:
        """The second in which each of these was made."""
        first = second_of(self.since or self._midnight(self.first_day))
        span, parts = second_of(self.until) - first, 2 * self.payments
        if self.place is None:
            return [first + (2 * nth + 1) * span // parts for nth in payments]
        places = (self.place((2 * nth + 1) / parts) for nth in payments)
        return [first + int(place * span) for place in places]

    def by_month(self) -> Iterator[Month]:
        """The months in order, with their payments."""
        day, first = self.first_day, 0
        for _ in range(self.months):
            after = _month(day, 1)
            end = self._since(self._midnight(after)).start
            yield Month(day, range(first, end))
            day, first = after, end

    def stretches(self, payments: range) -> Iterator[Stretch]:
        """These, in parts that are left alike."""
        begins = {table: self.kept(table).start for table in self.tables}
        inside = {at for at in begins.values() if payments.start < at < payments.stop}
        cuts = sorted({payments.start, payments.stop} | inside)
        for first, end in pairwise(cuts):
            tables = [table for table in self.tables if begins[table] <= first]
            yield Stretch(range(first, end), tables)

    def _since(self, moment: datetime) -> range:
        """Those that were made from a moment on."""
        everything = range(self.payments)
        first = bisect_left(everything, second_of(moment), key=self._second)
        return everything[first:]

    def _second(self, nth: int) -> int:
        (second,) = self.seconds(range(nth, nth + 1))
        return second

    def _midnight(self, day: date) -> datetime:
        return datetime.combine(day, time(), tzinfo=self.until.tzinfo)


def _month(day: date, later: int) -> date:
    """The first day of a month, so many months later."""
    months = day.year * 12 + day.month - 1 + later
    return date(months // 12, months % 12 + 1, 1)
