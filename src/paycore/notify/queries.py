"""What people ask of notices."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from uuid import UUID

import msgspec

from paycore.kernel.db import Pool
from paycore.kernel.ids import EVER, FOR_EVER, numbered_at
from paycore.kernel.terms import BizLineId
from paycore.notify.rows import NoticeRow

__all__ = [
    "EndpointLine",
    "Looked",
    "Notice",
    "NoticeLine",
    "Page",
    "Pool",
    "Wanted",
    "count",
    "endpoints",
    "made",
    "notices",
    "one",
    "page",
    "standing",
]


Notice = NoticeRow


class NoticeLine(msgspec.Struct, frozen=True, kw_only=True):
    """A notice as a list shows it: never what it says."""

    pay_order_no: str
    notice_id: str
    biz_line: str
    endpoint_id: str | None
    type: str
    status: str
    tries: int
    last_result: str
    created_at: datetime
    delivered_at: datetime | None
    next_check_at: datetime | None


NOTICES = """
SELECT pay_order_no, notice_id, biz_line, endpoint_id, type, status, tries, last_result,
       created_at, delivered_at, next_check_at
FROM notify_notice
WHERE ($1::text IS NULL OR biz_line = $1)
  AND ($2::text IS NULL OR status = $2)
  AND ($3::text IS NULL OR pay_order_no = $3)
  AND ($4::text IS NULL OR notice_id = $4)
  AND ($5::timestamptz IS NULL OR created_at >= $5)
ORDER BY pay_order_no DESC, notice_id
LIMIT $6
"""


async def notices(
    pool: Pool,
    *,
    biz_line: str | None = None,
    status: str | None = None,
    pay_order_no: str | None = None,
    notice_id: str | None = None,
    since: datetime | None = None,
    limit: int,
) -> list[NoticeLine]:
    """Notices of the newest payments first."""
    records = await pool.fetch(
        NOTICES, biz_line, status, pay_order_no, notice_id, since, limit
    )
    return [NoticeLine(**dict(record)) for record in records]


# A notice is made after its payment's number, which begins with its time: the months
# after `until` are left out.
MADE = """
SELECT * FROM notify_notice
WHERE created_at >= $1 AND created_at < $2
  AND ($3::text IS NULL OR biz_line = $3)
  AND ($8::text IS NULL OR type = $8)
  AND ($9::text IS NULL OR endpoint_id = $9)
  AND pay_order_no < $4
  AND (pay_order_no, notice_id) > ($5, $6)
ORDER BY pay_order_no, notice_id
LIMIT $7
"""

NUMBERED_WITHIN = timedelta(hours=1)
"""So far nodes' clocks may be apart."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Notices that were made from `since` until before `until`."""

    since: datetime
    until: datetime
    biz_line: BizLineId | None = None
    type: str | None = None
    endpoint_id: str | None = None


async def made(
    pool: Pool, wanted: Wanted, *, after: tuple[str, str], limit: int
) -> list[NoticeRow]:
    """The next whole notices of a time, ordered by payment and id."""
    records = await pool.fetch(
        MADE,
        *(wanted.since, wanted.until, wanted.biz_line),
        *(numbered_at(wanted.until, NUMBERED_WITHIN), *after, limit),
        *(wanted.type, wanted.endpoint_id),
    )
    return [msgspec.convert(dict(record), NoticeRow) for record in records]


COUNT = """
SELECT count(*) FILTER (WHERE ($3::text IS NULL OR biz_line = $3)
                          AND ($4::text IS NULL OR type = $4)
                          AND ($5::text IS NULL OR endpoint_id = $5)) AS number,
       count(*) AS looked
FROM (
    SELECT biz_line, type, endpoint_id FROM notify_notice
    WHERE created_at >= $1 AND created_at < $2 AND pay_order_no < $6
    LIMIT $7
) AS looked_at
"""

COUNTED = 100_000
"""So many notices are looked at to be counted, at most."""


async def count(pool: Pool, wanted: Wanted) -> tuple[int, bool]:
    """How many notices of a time there are, and whether there may be more: then not all
    were looked at.
    """
    row = await pool.fetchrow(
        COUNT,
        *(wanted.since, wanted.until, wanted.biz_line),
        *(wanted.type, wanted.endpoint_id),
        *(numbered_at(wanted.until, NUMBERED_WITHIN), COUNTED),
    )
    assert row is not None, "an aggregate has a row"
    return row["number"], row["looked"] == COUNTED


# --- for the console ------------------------------------------------------------------

SCAN = 20_000
"""So many notices one page looks at, at most: the next one goes on from there."""

_LINE = """
pay_order_no, notice_id, biz_line, endpoint_id, type, status, tries, last_result,
created_at, delivered_at, next_check_at
"""
# A range of the primary key, or of the few that an index of their own has.
_END = """
SELECT pay_order_no, notice_id, created_at FROM notify_notice
WHERE {condition} AND (pay_order_no, notice_id) < ($1, $2) AND pay_order_no <= $1
ORDER BY pay_order_no DESC, notice_id DESC
OFFSET $3 LIMIT 1
"""
_FOUND = """
SELECT {line} FROM notify_notice
WHERE {condition} AND (pay_order_no, notice_id) < ($1, $2) AND pay_order_no <= $1
  AND (pay_order_no, notice_id) >= ($4, $5) AND pay_order_no >= $4
  AND ($6::text IS NULL OR pay_order_no = $6)
  AND ($7::text IS NULL OR status = $7)
  AND ($8::text IS NULL OR endpoint_id = $8)
  AND ($9::text IS NULL OR type = $9)
  AND ($10::timestamptz IS NULL OR created_at >= $10)
  AND ($11::timestamptz IS NULL OR created_at < $11)
ORDER BY pay_order_no DESC, notice_id DESC
LIMIT $3
"""
_CONDITION = MappingProxyType(
    {"PENDING": "next_check_at IS NOT NULL", "PARKED": "status = 'PARKED'"}
)
_BEHIND_ALL = ("~", "~")
_BEFORE_ALL = ("", "")

ONE = """
SELECT * FROM notify_notice
WHERE created_at >= $1 AND created_at < $2 AND notice_id = $3
LIMIT 1
"""
_AWAY = (timedelta(minutes=10), timedelta(hours=2))
"""How far a notice's own time may be from that in its id: two clocks of one machine."""

ENDPOINTS = """
SELECT endpoint_id, biz_line, url, enabled, disabled_reason FROM notify_endpoint
WHERE ($1::text IS NULL OR endpoint_id > $1)
ORDER BY endpoint_id
LIMIT $2
"""


class Looked(msgspec.Struct, frozen=True, kw_only=True):
    """Which notices a list is to have."""

    state: str | None = None
    endpoint_id: str | None = None
    type: str | None = None
    pay_order_no: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def all(self) -> bool:
        """Whether none is left out."""
        return self == Looked()


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Some notices. `before`: where the next page goes on; None: there is nothing
    behind it.
    """

    lines: Sequence[NoticeLine]
    before: tuple[str, str] | None
    searched_from: datetime | None
    """Where not all were looked at: back to this notice's time."""


async def page(
    pool: Pool,
    looked: Looked,
    *,
    before: tuple[str, str] | None,
    limit: int,
    scan: int = SCAN,
) -> Page:
    """Notices of the newest payments first, before one if it is given.

    A notice may be of a payment of long ago, so its own time is no range of them.
    """
    condition = _CONDITION.get(looked.state or "", "true")
    if looked.all:
        scan = limit + 1  # the page is full by then, or there is nothing behind it
    begins = before or _BEHIND_ALL
    if looked.until is not None:
        begins = min(begins, (numbered_at(looked.until, NUMBERED_WITHIN), "~"))
    if looked.pay_order_no is not None:
        begins = min(begins, (looked.pay_order_no, "~"))
    end = await pool.fetchrow(_END.format(condition=condition), *begins, scan)
    ends = _BEFORE_ALL if end is None else (end["pay_order_no"], end["notice_id"])
    records = await pool.fetch(
        _FOUND.format(condition=condition, line=_LINE),
        *(*begins, limit + 1, *ends),
        *(looked.pay_order_no, looked.state, looked.endpoint_id, looked.type),
        *(looked.since, looked.until),
    )
    lines = [NoticeLine(**dict(record)) for record in records[:limit]]
    if len(records) > limit:
        last = lines[-1]
        after = (last.pay_order_no, last.notice_id)
        return Page(lines=lines, before=after, searched_from=None)
    if end is None or looked.pay_order_no is not None:
        return Page(lines=lines, before=None, searched_from=None)
    return Page(lines=lines, before=ends, searched_from=end["created_at"])


async def one(pool: Pool, notice_id: str) -> NoticeRow | None:
    """A notice by its id alone: this has the time at which it was made."""
    made_at = _time_in(notice_id)
    if made_at is None:
        return None
    for away in _AWAY:
        record = await pool.fetchrow(ONE, made_at - away, made_at + away, notice_id)
        if record is not None:
            return msgspec.convert(dict(record), NoticeRow)
    return None


def _time_in(notice_id: str) -> datetime | None:
    try:
        made = UUID(notice_id.removeprefix("msg_"))
        made_at = datetime.fromtimestamp((made.int >> 80) / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return made_at if EVER < made_at < FOR_EVER else None


class EndpointLine(msgspec.Struct, frozen=True, kw_only=True):
    """An end point as a list shows it: never its secrets."""

    endpoint_id: str
    biz_line: str
    url: str
    enabled: bool
    disabled_reason: str | None


async def endpoints(pool: Pool, *, after: str | None, limit: int) -> list[EndpointLine]:
    """End points by id; after one, if it is given."""
    records = await pool.fetch(ENDPOINTS, after, limit)
    return [EndpointLine(**dict(record)) for record in records]


STANDING = """
SELECT biz_line, status, count(*) AS number
FROM notify_notice
GROUP BY 1, 2
"""


async def standing(pool: Pool) -> dict[tuple[str, str], int]:
    """How many notices of each line stand where: by line and status."""
    records = await pool.fetch(STANDING)
    return {(row["biz_line"], row["status"]): row["number"] for row in records}
