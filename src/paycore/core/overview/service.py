"""How payments go, as one node knows it: each minute is read until all in it ended.

A look reads the newest minutes. What else a node does not know yet, the day that it
has just been started on, it reads from the newest to the oldest, some minutes a look
and no longer than `ENOUGH_S`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import msgspec

from paycore.core.ask import operation_of
from paycore.core.overview import queries
from paycore.core.overview.minutes import (
    HOUR_MINUTES,
    MINUTE,
    Minute,
    OfBank,
    OfDay,
    OfMinute,
    OfPlace,
    Rescued,
    day_of,
    hour_until,
    minute_of,
    name_of,
    of_banks,
    of_day,
    of_minute,
    of_places,
    runs,
    stale,
)
from paycore.core.overview.queries import Pool
from paycore.kernel.ids import numbered_at
from paycore.kernel.node import Node
from paycore.kernel.terms import TransType

ENOUGH_S = 0.2
"""So long a look goes on reading minutes; the newest ones it always reads."""
SPEED_OVER = timedelta(seconds=10)
"""Over so long payments a second are counted."""


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """How payments go."""

    at: datetime
    payments_per_s: float
    """Opened, over the last ten seconds."""
    minutes: list[OfMinute]
    """The last sixty, the oldest first, by when payments were opened."""
    today: OfDay
    by_channel: list[OfPlace]
    by_bank: list[OfBank]
    rescued: Rescued


@dataclass(slots=True)
class Known:
    """What a node remembers: minutes since the day's beginning."""

    minutes: dict[datetime, Minute] = field(default_factory=dict)


async def overview(node: Node, pool: Pool) -> Overview:
    """As of now."""
    known, now = node.state(Known), node.now()
    hour, day = hour_until(now), day_of(now)
    oldest = min(day, hour[0])
    _forget(known, oldest, hour[0])
    await _read(node, pool, known, oldest=oldest, now=now)
    since = _counted_since(known, day, now)
    last_hour = [known.minutes[one] for one in hour if one in known.minutes]
    today, rescued = of_day(
        since, (part for at, part in known.minutes.items() if at >= since)
    )
    return Overview(
        at=now,
        payments_per_s=await _speed(pool, now),
        minutes=[of_minute(one, known.minutes.get(one)) for one in hour],
        today=today,
        by_channel=of_places(last_hour, {one: operation_of(one) for one in TransType}),
        by_bank=of_banks(last_hour),
        rescued=rescued,
    )


def _forget(known: Known, oldest: datetime, hour: datetime) -> None:
    """What is of another day, and of an earlier hour where attempts went."""
    known.minutes = {
        at: part
        if at >= hour or not part.legs
        else msgspec.structs.replace(part, legs=())
        for at, part in known.minutes.items()
        if at >= oldest
    }


async def _read(
    node: Node, pool: Pool, known: Known, *, oldest: datetime, now: datetime
) -> None:
    """The newest minutes, and others for so long as a look may take."""
    begun = node.clock.monotonic()
    for first, end in runs(_stale(known, oldest, now)):
        if node.clock.monotonic() - begun > ENOUGH_S:
            break
        await _read_run(pool, known, first, end, now=now)


def _stale(known: Known, oldest: datetime, now: datetime) -> Iterable[datetime]:
    at = minute_of(now)
    while at >= oldest:
        if stale(known.minutes.get(at), at, now):
            yield at
        at -= MINUTE


async def _read_run(
    pool: Pool, known: Known, first: datetime, end: datetime, *, now: datetime
) -> None:
    bounds = (name_of(first), name_of(end))
    paid = await queries.paid(pool, *bounds)
    recent = end > minute_of(now) - MINUTE * HOUR_MINUTES
    legs = await queries.legs(pool, *bounds) if recent else []
    at = first
    while at < end:
        name = name_of(at)
        known.minutes[at] = Minute(
            read_at=now,
            paid=[part for part in paid if part.minute == name],
            legs=[leg for leg in legs if leg.minute == name],
        )
        at += MINUTE


def _counted_since(known: Known, day: datetime, now: datetime) -> datetime:
    """From when on every minute is known: the day's beginning, sooner or later."""
    at = minute_of(now)
    while at - MINUTE >= day and at - MINUTE in known.minutes:
        at -= MINUTE
    return at


async def _speed(pool: Pool, now: datetime) -> float:
    bounds = (numbered_at(now, -SPEED_OVER), numbered_at(now, timedelta(0)))
    return await queries.opened(pool, *bounds) / SPEED_OVER.total_seconds()
