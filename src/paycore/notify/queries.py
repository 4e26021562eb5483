"""What people ask of notices."""

from datetime import datetime, timedelta

import msgspec

from paycore.kernel.db import Pool
from paycore.kernel.ids import numbered_at
from paycore.kernel.terms import BizLineId
from paycore.notify.rows import NoticeRow

__all__ = ["NoticeLine", "Pool", "made", "notices", "standing"]


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
  AND pay_order_no < $4
  AND (pay_order_no, notice_id) > ($5, $6)
ORDER BY pay_order_no, notice_id
LIMIT $7
"""

NUMBERED_WITHIN = timedelta(hours=1)
"""So far nodes' clocks may be apart."""


async def made(
    pool: Pool,
    biz_line: BizLineId | None,
    since: datetime,
    until: datetime,
    *,
    after: tuple[str, str],
    limit: int,
) -> list[NoticeRow]:
    """The next whole notices of a time, ordered by payment and id."""
    last = numbered_at(until, NUMBERED_WITHIN)
    records = await pool.fetch(MADE, since, until, biz_line, last, *after, limit)
    return [msgspec.convert(dict(record), NoticeRow) for record in records]


STANDING = """
SELECT biz_line, status, count(*) AS number
FROM notify_notice
GROUP BY 1, 2
"""


async def standing(pool: Pool) -> dict[tuple[str, str], int]:
    """How many notices of each line stand where: by line and status."""
    records = await pool.fetch(STANDING)
    return {(row["biz_line"], row["status"]): row["number"] for row in records}
