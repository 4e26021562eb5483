"""What an end point's answer means, and when the next try is: pure.

Only a 2xx is a delivery. A redirect is a failure and is never followed: a notice goes
where the business line said, and nowhere else. 410 says that nobody listens there any
more. Everything else is tried again by the schedule, later where the end point asks
for it.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum

import msgspec

from paycore.kernel.http import (
    ADDRESS_REFUSED,
    Answered,
    HttpResult,
    NoAnswer,
    NotSent,
)

MINUTE_S = 60
HOUR_S = 60 * MINUTE_S

SCHEDULE_S = (
    *(0, 5, 5 * MINUTE_S, 30 * MINUTE_S),
    *(2 * HOUR_S, 5 * HOUR_S, 10 * HOUR_S, 14 * HOUR_S, 20 * HOUR_S, 24 * HOUR_S),
)
"""The wait before each try: Standard Webhooks' own, ten tries in about 75 hours."""

JITTER_PERCENT = 20
"""So that what failed together is not tried again together."""

SLOW_DOWN = frozenset({429, 502, 504})
"""Answers that say: less. The standard asks for a slower pace after them."""

SLOW_DOWN_S = 60
RETRY_AFTER_MOST_S = HOUR_S
"""An end point may not put us off for longer by its own word."""

HORIZON = timedelta(hours=96)
"""A notice that waited so long behind an end point that is down is put before a
person, even where its tries are not used up."""


class Fate(StrEnum):
    """What one try came to."""

    DELIVERED = "DELIVERED"
    FAILED = "FAILED"
    SLOW_DOWN = "SLOW_DOWN"
    GONE = "GONE"
    """Nobody listens there any more."""
    NOWHERE = "NOWHERE"
    """The end point is not there, is switched off, or may not be sent to."""


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """One try, judged; `result` is for people and holds nothing the end point wrote."""

    fate: Fate
    result: str
    retry_after_s: int = 0


def judge(result: HttpResult, now: datetime) -> Judged:
    """What the network's answer to a try means."""
    match result:
        case Answered(status=status, headers=headers):
            asked = retry_after_s(headers.get("retry-after", ""), now)
            return Judged(
                fate=_fate(status), result=f"HTTP {status}", retry_after_s=asked
            )
        case NotSent(reason=reason):
            inside = reason == ADDRESS_REFUSED
            return Judged(
                fate=Fate.FAILED, result="ADDRESS_REFUSED" if inside else "NOT_SENT"
            )
        case NoAnswer():
            return Judged(fate=Fate.FAILED, result="NO_ANSWER")


def _fate(status: int) -> Fate:
    if 200 <= status < 300:
        return Fate.DELIVERED
    if status == 410:
        return Fate.GONE
    return Fate.SLOW_DOWN if status in SLOW_DOWN else Fate.FAILED


def retry_after_s(value: str, now: datetime) -> int:
    """What a Retry-After asks for, in seconds or as a date, within our bounds."""
    if not value:
        return 0
    if value.isascii() and value.isdigit():
        # A number of any length is read no further than it can matter.
        asked = int(value) if len(value) < 10 else RETRY_AFTER_MOST_S
    else:
        asked = _seconds_until(value, now)
    return min(max(asked, 0), RETRY_AFTER_MOST_S)


def _seconds_until(date: str, now: datetime) -> int:
    try:
        moment = parsedate_to_datetime(date)
    except (ValueError, OverflowError):
        return 0
    if moment.tzinfo is None:
        return 0
    return int((moment - now).total_seconds())


def next_try(
    tries: int, judged: Judged, below: Callable[[int], int]
) -> timedelta | None:
    """How long to wait after `tries` tries, or None where the schedule has run out.

    `below` draws the jitter, which only ever adds: nobody is asked sooner than he said.
    """
    if tries >= len(SCHEDULE_S):
        return None
    slow_s = SLOW_DOWN_S if judged.fate is Fate.SLOW_DOWN else 0
    wait_s = max(SCHEDULE_S[tries], slow_s, judged.retry_after_s)
    return spread(timedelta(seconds=wait_s), below)


def spread(wait: timedelta, below: Callable[[int], int]) -> timedelta:
    """A wait, and up to a fifth of it more."""
    widest_ms = wait // timedelta(milliseconds=1) * JITTER_PERCENT // 100
    return wait + timedelta(milliseconds=below(widest_ms + 1))
