"""Minutes of payments, and what they come to together. Pure.

A minute is known by how the numbers of its payments begin. It is read again until all
of its payments have ended: often while it is young, more rarely later on.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from paycore.kernel.terms import BizStatus, TransType

MINUTE = timedelta(minutes=1)
HOUR_MINUTES = 60
AT_ONCE = 10
"""So many minutes are read together, at most."""

AGAIN_AFTER: Sequence[tuple[timedelta, timedelta]] = (
    (timedelta(minutes=3), timedelta(0)),
    (timedelta(hours=1), timedelta(seconds=15)),
    (timedelta(days=2), timedelta(minutes=2)),
)
"""Up to which age a minute that has open payments is read again, and how much later."""

YOUNG = AGAIN_AFTER[0][0]
"""So long payments are still written whose numbers are of a minute."""


class Paid(msgspec.Struct, frozen=True, kw_only=True):
    """Payments of one minute that are alike."""

    minute: str
    currency: str
    biz_status: BizStatus
    converted: bool
    payments: int
    amount: int


class Leg(msgspec.Struct, frozen=True, kw_only=True):
    """Attempts of one minute that went to one place with cards of one bank."""

    minute: str
    channel: str
    account: str
    trans_type: TransType
    bank: str
    tried: int
    succeeded: int


class Minute(msgspec.Struct, frozen=True, kw_only=True):
    """One minute as it was read."""

    read_at: datetime
    paid: Sequence[Paid] = ()
    legs: Sequence[Leg] = ()
    """Only of the last hour's."""

    @property
    def settled(self) -> bool:
        """Whether all of its payments have ended."""
        return all(part.biz_status.final for part in self.paid)


def name_of(moment: datetime) -> str:
    """How the numbers of a minute begin."""
    return f"{moment.astimezone(UTC):%y%m%d%H%M}"


def minute_of(moment: datetime) -> datetime:
    """The minute that a moment is in."""
    return moment.astimezone(UTC).replace(second=0, microsecond=0)


def day_of(moment: datetime) -> datetime:
    """The beginning of a moment's day (UTC)."""
    return minute_of(moment).replace(hour=0, minute=0)


def hour_until(moment: datetime) -> list[datetime]:
    """The sixty minutes that end with a moment's, the oldest first."""
    last = minute_of(moment)
    return [last - MINUTE * back for back in reversed(range(HOUR_MINUTES))]


def stale(known: Minute | None, minute: datetime, now: datetime) -> bool:
    """Whether a minute is to be read (again)."""
    if known is None:
        return True
    age = now - minute
    if known.settled and known.read_at - minute > MINUTE + YOUNG:
        return False
    for upto, later in AGAIN_AFTER:
        if age < upto:
            return now - known.read_at >= later
    return False


def runs(minutes: Iterable[datetime]) -> list[tuple[datetime, datetime]]:
    """Minutes in runs that are read together, the newest first: each from its first
    minute on and before the one behind its last.
    """
    made: list[tuple[datetime, datetime]] = []
    for minute in sorted(minutes, reverse=True):
        if made:
            first, end = made[-1]
            if first - MINUTE == minute and end - minute <= MINUTE * AT_ONCE:
                made[-1] = (minute, end)
                continue
        made.append((minute, minute + MINUTE))
    return made


class OfMinute(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the payments that were opened in a minute."""

    at: datetime
    succeeded: int
    failed: int
    converted: int


class Money(msgspec.Struct, frozen=True, kw_only=True):
    """An amount of one currency, in its minor unit."""

    currency: str
    amount: int


class OfDay(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the payments that were opened today (UTC)."""

    since: datetime
    """From when on they are counted: later than the day's beginning only as long as a
    node that has just been started is still counting."""
    succeeded: int
    failed: int
    closed: int
    doing: int
    amounts: list[Money]
    """Of those that succeeded."""


class Rescued(msgspec.Struct, frozen=True, kw_only=True):
    """Payments of today that succeeded because they were converted."""

    payments: int
    amounts: list[Money]


class OfPlace(msgspec.Struct, frozen=True, kw_only=True):
    """Attempts of the last hour that have ended, at one place."""

    channel: str
    account: str
    operation: str
    tried: int
    succeeded: int


class OfBank(msgspec.Struct, frozen=True, kw_only=True):
    """Attempts of the last hour to take money from cards of one bank."""

    bank: str
    tried: int
    succeeded: int


def of_minute(at: datetime, known: Minute | None) -> OfMinute:
    """A minute's line."""
    parts = () if known is None else known.paid
    ended = _by_status(parts)
    return OfMinute(
        at=at,
        succeeded=ended[BizStatus.SUCCESS],
        failed=ended[BizStatus.FAIL],
        converted=sum(part.payments for part in parts if part.converted),
    )


def of_day(since: datetime, minutes: Iterable[Minute]) -> tuple[OfDay, Rescued]:
    """The day's figures, of its minutes."""
    parts = [part for minute in minutes for part in minute.paid]
    ended = _by_status(parts)
    good = [part for part in parts if part.biz_status is BizStatus.SUCCESS]
    saved = [part for part in good if part.converted]
    day = OfDay(
        since=since,
        succeeded=ended[BizStatus.SUCCESS],
        failed=ended[BizStatus.FAIL],
        closed=ended[BizStatus.CLOSED],
        doing=ended[BizStatus.DOING],
        amounts=_sums(good),
    )
    return day, Rescued(
        payments=sum(part.payments for part in saved), amounts=_sums(saved)
    )


def of_places(minutes: Iterable[Minute], named: Mapping[str, str]) -> list[OfPlace]:
    """What became of attempts, by place and operation; `named`: by transaction type."""
    tried, succeeded = Counter[tuple[str, ...]](), Counter[tuple[str, ...]]()
    for leg in _legs(minutes):
        place = (leg.channel, leg.account, named[leg.trans_type])
        tried[place] += leg.tried
        succeeded[place] += leg.succeeded
    return [
        OfPlace(
            **dict(zip(("channel", "account", "operation"), place, strict=True)),
            tried=tried[place],
            succeeded=succeeded[place],
        )
        for place in sorted(tried)
    ]


def of_banks(minutes: Iterable[Minute]) -> list[OfBank]:
    """What became of the attempts to take money, by the cards' banks."""
    tried, succeeded = Counter[str](), Counter[str]()
    for leg in _legs(minutes):
        if leg.trans_type.moves_money:
            tried[leg.bank] += leg.tried
            succeeded[leg.bank] += leg.succeeded
    return [
        OfBank(bank=bank, tried=tried[bank], succeeded=succeeded[bank])
        for bank in sorted(tried)
    ]


def _legs(minutes: Iterable[Minute]) -> Iterable[Leg]:
    return (leg for minute in minutes for leg in minute.legs)


def _by_status(parts: Iterable[Paid]) -> Counter[BizStatus]:
    found = Counter[BizStatus]()
    for part in parts:
        found[part.biz_status] += part.payments
    return found


def _sums(parts: Iterable[Paid]) -> list[Money]:
    found = Counter[str]()
    for part in parts:
        found[part.currency] += part.amount
    return [Money(currency=name, amount=found[name]) for name in sorted(found)]
