"""What people ask of coupons, and of those that live in a system of the user's own."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from paycore.kernel.db import Pool


class CouponLine(msgspec.Struct, frozen=True, kw_only=True):
    """A coupon as a list shows it."""

    biz_line: str
    coupon_no: str
    amount: int
    currency: str
    status: str
    holder: str | None
    used_at: datetime | None
    valid_until: datetime | None


COUPONS = """
SELECT biz_line, coupon_no, amount, currency, status, holder, used_at, valid_until
FROM coupon
WHERE ($1::text IS NULL OR biz_line = $1) AND ($2::text IS NULL OR status = $2)
ORDER BY biz_line, coupon_no
LIMIT $3
"""


async def coupons(
    pool: Pool, *, biz_line: str | None, status: str | None, limit: int
) -> list[CouponLine]:
    """The coupons of a line, or of all, ordered by number."""
    records = await pool.fetch(COUPONS, biz_line, status, limit)
    return [CouponLine(**dict(record)) for record in records]


class HoldLine(msgspec.Struct, frozen=True, kw_only=True):
    """What one order has of a coupon elsewhere, as a list shows it."""

    pay_order_no: str
    biz_line: str
    coupon_no: str
    amount: int
    currency: str
    status: str
    owed_at: datetime | None
    age_s: int | None
    """For how long its use or its unlock has been owed; None where neither is."""
    tries: int
    last_result: str
    next_check_at: datetime | None
    acknowledged_at: datetime | None


_OF_A_HOLD = """
SELECT pay_order_no, biz_line, coupon_no, amount, currency, status, owed_at,
       CASE WHEN next_check_at IS NOT NULL
           THEN greatest(0, extract(epoch FROM $2 - owed_at))::bigint END AS age_s,
       tries, last_result, next_check_at, acknowledged_at
FROM coupon_hold
"""

HOLDS = f"""{_OF_A_HOLD}
WHERE ($1::text IS NULL OR biz_line = $1)
ORDER BY pay_order_no DESC
LIMIT $3
"""

WHAT_IS_OWED = f"""{_OF_A_HOLD}
WHERE next_check_at IS NOT NULL AND ($1::text IS NULL OR biz_line = $1)
ORDER BY owed_at, pay_order_no
LIMIT $3
"""


async def holds(
    pool: Pool, *, biz_line: str | None, now: datetime, limit: int
) -> list[HoldLine]:
    """The holds of a line, or of all, those of the newest orders first."""
    records = await pool.fetch(HOLDS, biz_line, now, limit)
    return [HoldLine(**dict(record)) for record in records]


async def owed(
    pool: Pool, *, biz_line: str | None, now: datetime, limit: int
) -> list[HoldLine]:
    """Those that the other system has not acknowledged, what is owed longest first."""
    records = await pool.fetch(WHAT_IS_OWED, biz_line, now, limit)
    return [HoldLine(**dict(record)) for record in records]


class Coupon(msgspec.Struct, frozen=True, kw_only=True):
    """A coupon as operators see it: a row of ours, or what an order has of one that
    lives elsewhere.
    """

    biz_line: str
    coupon_no: str
    amount: int
    currency: str
    state: str
    pay_order_no: str | None
    """The order that has it, or had it last where it lives elsewhere."""
    elsewhere: bool
    used_at: datetime | None
    valid_until: datetime | None
    last_result: str


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Coupons, and behind which key the next page goes on; None: that was all."""

    lines: list[Coupon]
    after: tuple[str, str] | None


SCAN = 10_000
"""So many coupons one page looks at, at most."""

_OURS = """
WITH looked_at AS MATERIALIZED (
    SELECT * FROM coupon
    WHERE (biz_line, coupon_no) > ($1, $2) AND {condition}
    ORDER BY biz_line, coupon_no
    LIMIT $3
)
"""
_OUR_END = f"""{_OURS}
SELECT biz_line, coupon_no FROM looked_at OFFSET $3 - 1 LIMIT 1
"""  # noqa: S608 - of texts of ours
_OUR_PAGE = f"""{_OURS}
SELECT biz_line, coupon_no, amount, currency, status AS state, holder AS pay_order_no,
       false AS elsewhere, used_at, valid_until, '' AS last_result
FROM looked_at
WHERE ($4::text IS NULL OR status = $4)
LIMIT $5
"""  # noqa: S608 - of texts of ours
_ANY = "true"
_LOCKED = "next_check_at IS NOT NULL"


async def page(
    pool: Pool,
    *,
    lines: Sequence[str],
    coupon_no: str | None,
    state: str | None,
    after: tuple[str, str] | None,
    limit: int,
    scan: int = SCAN,
) -> Page:
    """Coupons of ours, by line and number: those of a number, those that are locked
    (few), or all, of which one page looks at so many and no more.
    """
    if coupon_no is not None:
        records = await pool.fetch(NUMBERED, list(lines), coupon_no, state, limit)
        return Page(lines=[Coupon(**dict(one)) for one in records], after=None)
    condition = _LOCKED if state == "LOCKED" else _ANY
    so_many = limit + 1 if state is None else scan
    asked = (*(after or ("", "")), so_many)
    records = await pool.fetch(
        _OUR_PAGE.format(condition=condition), *asked, state, limit + 1
    )
    found = [Coupon(**dict(record)) for record in records]
    if len(found) > limit:
        last = found[limit - 1]
        return Page(lines=found[:limit], after=(last.biz_line, last.coupon_no))
    end = await pool.fetchrow(_OUR_END.format(condition=condition), *asked)
    return Page(lines=found, after=None if end is None else tuple(end))


NUMBERED = """
SELECT biz_line, coupon_no, amount, currency, status AS state, holder AS pay_order_no,
       false AS elsewhere, used_at, valid_until, '' AS last_result
FROM coupon
WHERE biz_line = ANY($1::text[]) AND coupon_no = $2
  AND ($3::text IS NULL OR status = $3)
ORDER BY biz_line
LIMIT $4
"""


_HELD = """
SELECT biz_line, coupon_no, amount, currency, status AS state, pay_order_no,
       true AS elsewhere, CASE WHEN status = 'USED' THEN acknowledged_at END AS used_at,
       NULL::timestamptz AS valid_until, last_result
FROM (
    SELECT * FROM coupon_hold
    WHERE pay_order_no < $1 AND ($3::text[] IS NULL OR pay_order_no = ANY($3))
    ORDER BY pay_order_no DESC
    LIMIT $2
) looked_at
WHERE $4::text IS NULL OR status = $4
ORDER BY pay_order_no DESC
LIMIT $5
"""
_HELD_END = """
SELECT pay_order_no FROM coupon_hold
WHERE pay_order_no < $1 AND ($3::text[] IS NULL OR pay_order_no = ANY($3))
ORDER BY pay_order_no DESC
OFFSET $2 - 1 LIMIT 1
"""
_BEHIND_ALL = "~"


async def held(
    pool: Pool,
    *,
    numbers: Sequence[str] | None,
    state: str | None,
    before: str | None,
    limit: int,
    scan: int = SCAN,
) -> Page:
    """What orders have of coupons that live elsewhere, those of the newest first."""
    so_many = limit + 1 if state is None else scan
    asked = (before or _BEHIND_ALL, so_many, numbers)
    records = await pool.fetch(_HELD, *asked, state, limit + 1)
    found = [Coupon(**dict(record)) for record in records]
    if len(found) > limit:
        last = found[limit - 1]
        return Page(lines=found[:limit], after=("", last.pay_order_no or ""))
    end = await pool.fetchval(_HELD_END, *asked)
    return Page(lines=found, after=None if end is None else ("", end))
