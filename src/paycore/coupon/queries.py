"""What people ask of coupons."""

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
