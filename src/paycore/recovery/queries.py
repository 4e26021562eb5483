"""How far the payments of a restore are."""

from collections.abc import Sequence

from paycore.kernel.db import Pool
from paycore.kernel.terms import PayOrderNo

__all__ = ["Pool", "unclear"]

UNCLEAR = """
SELECT pay_order_no FROM restored_payment
WHERE state <> 'CLEAR' AND since = $1 AND pay_order_no > $2
ORDER BY pay_order_no
LIMIT $3
"""


async def unclear(
    pool: Pool, since: str, *, after: str, limit: int
) -> Sequence[PayOrderNo]:
    """Payments that are held, or of which something was found, by number."""
    return [
        row["pay_order_no"] for row in await pool.fetch(UNCLEAR, since, after, limit)
    ]
