"""How far the payments of a restore are."""

from collections.abc import Sequence

from paycore.core.restored import RestoreRow
from paycore.kernel.db import Pool
from paycore.kernel.terms import PayOrderNo

__all__ = ["Pool", "unclear", "unheld"]

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


UNHELD = """
SELECT EXISTS (
    SELECT FROM payment p
    WHERE p.next_check_at IS NOT NULL AND p.biz_status = 'DOING' AND p.created_at < $1
      AND NOT EXISTS (
          SELECT FROM restored_payment r
          WHERE r.pay_order_no = p.pay_order_no
            AND (r.since = $2 OR r.state <> 'CLEAR')))
"""


async def unheld(pool: Pool, run: RestoreRow) -> bool:
    """Whether a run broke off before it had held all that was open."""
    return bool(await pool.fetchval(UNHELD, run.begun_at, run.since))
