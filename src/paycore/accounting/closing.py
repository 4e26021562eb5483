"""The cut-off (日切): what was on each account at the end of a day, kept for good.

What is kept is what the balances came to, less what has a time after the day's end: so
it costs by what was booked since, and not by all history; one snapshot, so that nothing
is counted half. A posting that is committed after its day was cut off stays out of it,
and is in the next one, as `late`. A day that is kept is kept: again changes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import msgspec

from paycore.accounting import queries
from paycore.accounting.queries import Busy, Connection, DayBalance, seated

__all__ = [
    "Busy",
    "Connection",
    "DayBalance",
    "cut_off",
    "ends_of",
    "next_day",
    "seated",
    "tell_from",
    "tell_what_lacks",
]

MARGIN = timedelta(minutes=10)
"""After the last end of a day before it is cut off: what has a time of that day is
committed by then, unless a database was away."""

MOST_DAYS = 31
"""So many days are made up for by themselves; the first one of all is yesterday."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """When a day ends: by a channel's clock, and for what is of no channel by UTC's."""

    ends_at: datetime
    channels: Mapping[str, datetime]

    @property
    def last(self) -> datetime:
        """When it is over everywhere."""
        return max((self.ends_at, *self.channels.values()))


def ends_of(day: date, channels: Mapping[str, datetime]) -> Ends:
    """A day's ends, given the channels'."""
    after = datetime.combine(day, time(), tzinfo=UTC) + timedelta(days=1)
    return Ends(ends_at=after, channels=channels)


async def next_day(connection: "Connection", now: datetime) -> date:
    """The next day to be cut off, whether or not it is over."""
    newest = await connection.fetchval(queries.NEWEST_DAY)
    if newest is None:
        return now.date() - timedelta(days=1)
    oldest = now.date() - timedelta(days=MOST_DAYS)
    return max(date.fromisoformat(newest) + timedelta(days=1), oldest)


async def cut_off(
    connection: "Connection",
    day: date,
    ends: Ends,
    now: datetime,
    *,
    fed_from: datetime | None = None,
) -> bool:
    """Keep a day's balances; False where it is not over yet, or is kept already.

    `fed_from`: from when on all that was booked has been put into the feed.
    """
    if now < ends.last + MARGIN:
        return False
    name = day.isoformat()
    channels = msgspec.json.encode(ends.channels).decode()
    kept = (name, ends.ends_at, channels, now, fed_from)
    async with connection.transaction(isolation="repeatable_read"):
        if await connection.fetchval(queries.IS_IT_KEPT, name):
            return False
        await connection.execute(queries.KEEP_DAY, *kept)
        first = await connection.fetchval(queries.WHAT_ENDS_FIRST, name)
        await connection.execute(queries.KEEP_BALANCES, name, first)
    return True


async def tell_from(connection: "Connection", now: datetime) -> datetime | None:
    """From when on a ledger of the user's own is to have all; None: it was never told
    anything, and what was booked before it is none of its business.
    """
    since: datetime | None = await connection.fetchval(queries.TELL_FROM, now)
    return since


async def tell_what_lacks(
    connection: "Connection", now: datetime, since: datetime
) -> int:
    """Have it told what was booked since then and was not to be told by mistake."""
    return len(await connection.fetch(queries.TELL_WHAT_LACKS, now, since))
