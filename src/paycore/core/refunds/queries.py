"""What people ask of refunds: read-only SQL, off the payment's path."""

from collections.abc import Sequence

import msgspec

from paycore.core.rows import RefundRow
from paycore.kernel.db import Pool
from paycore.kernel.terms import BizLineId, PayOrderNo, RefundStatus

__all__ = ["Pool", "find", "refunded", "search"]

# Newest payment first, and of each its newest refund: a range of the index
# (biz_line, pay_order_no, refund_no), whatever the filters leave of it.
REFUNDS_OF_LINE = """
SELECT refund.*
FROM refund
WHERE biz_line = $1 AND kind <> 'RETURN'
  AND ($2::text IS NULL OR pay_order_no = $2)
  AND ($3::text IS NULL OR (pay_order_no, refund_no) = (
        SELECT pay_order_no, refund_no FROM refund_out_refund_no
        WHERE biz_line = $1 AND out_refund_no = $3))
  AND ($4::text IS NULL OR status = $4)
  AND ($5::text IS NULL OR refund_no < $5)
ORDER BY pay_order_no DESC, refund_no DESC
LIMIT $6
"""


async def search(
    pool: Pool,
    biz_line: BizLineId,
    *,
    pay_order_no: str | None = None,
    out_refund_no: str | None = None,
    status: RefundStatus | None = None,
    before: str | None = None,
    limit: int = 50,
) -> list[RefundRow]:
    """A line's refunds, newest first, before a refund's number if one is given."""
    records = await pool.fetch(
        REFUNDS_OF_LINE,
        *(biz_line, pay_order_no, out_refund_no, status, before, limit),
    )
    return [msgspec.convert(dict(record), RefundRow) for record in records]


REFUNDED = """
SELECT pay_order_no, done_amount FROM refund_total
WHERE pay_order_no = ANY($1::text[]) AND done_amount > 0
"""


async def refunded(pool: Pool, numbers: Sequence[PayOrderNo]) -> dict[str, int]:
    """How much was given back of each of these payments, where anything was."""
    records = await pool.fetch(REFUNDED, list(numbers))
    return {record["pay_order_no"]: record["done_amount"] for record in records}


REFUNDS = """
SELECT refund.*
FROM refund
WHERE ($1::text IS NULL OR pay_order_no = $1)
  AND ($2::text IS NULL OR biz_line = $2)
  AND ($3::text IS NULL OR status = $3)
ORDER BY pay_order_no DESC, refund_no DESC
LIMIT $4
"""


async def find(
    pool: Pool,
    *,
    pay_order_no: str | None = None,
    biz_line: str | None = None,
    status: str | None = None,
    limit: int,
) -> list[RefundRow]:
    """Refunds of all lines, newest payment first."""
    records = await pool.fetch(REFUNDS, pay_order_no, biz_line, status, limit)
    return [msgspec.convert(dict(record), RefundRow) for record in records]
