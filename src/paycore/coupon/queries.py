"""What people ask of coupons, and of those that live in a system of the user's own."""

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
