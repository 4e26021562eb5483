"""What people ask of payments: read-only SQL, off the payment's path."""

from datetime import datetime

import msgspec

from paycore.core.rows import PaymentRow
from paycore.kernel.db import Pool
from paycore.kernel.terms import BizLineId, BizStatus

__all__ = ["Pool", "search"]

# Newest first, by number: it begins with the payment's time, so the page is a range of
# the index (biz_line, pay_order_no), whatever the filters leave of it.
PAYMENTS_OF_LINE = """
SELECT payment.*
FROM payment
WHERE biz_line = $1
  AND ($2::text IS NULL OR pay_order_no = (
        SELECT pay_order_no FROM payment_out_biz_no
        WHERE biz_line = $1 AND out_biz_no = $2))
  AND ($3::text IS NULL OR biz_status = $3)
  AND ($4::timestamptz IS NULL OR created_at >= $4)
  AND ($5::timestamptz IS NULL OR created_at < $5)
  AND ($6::text IS NULL OR pay_order_no < $6)
ORDER BY pay_order_no DESC
LIMIT $7
"""


async def search(
    pool: Pool,
    biz_line: BizLineId,
    *,
    out_biz_no: str | None = None,
    biz_status: BizStatus | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    before: str | None = None,
    limit: int = 50,
) -> list[PaymentRow]:
    """A line's payments, newest first, before a payment's number if one is given."""
    records = await pool.fetch(
        PAYMENTS_OF_LINE, biz_line, out_biz_no, biz_status, since, until, before, limit
    )
    return [msgspec.convert(dict(record), PaymentRow) for record in records]
