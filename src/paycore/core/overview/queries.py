"""How payments went, by the minute in which they were opened: read-only SQL.

A payment's number begins with its minute, so some minutes are a range of the primary
keys, and nothing else is read.
"""

import msgspec

from paycore.core.overview.minutes import Leg, Paid
from paycore.kernel.db import Pool

__all__ = ["Pool", "legs", "opened", "paid"]

PAID = """
SELECT left(pay_order_no, 10) AS minute, currency, biz_status,
       converted_at IS NOT NULL AS converted, count(*) AS payments,
       sum(amount)::bigint AS amount
FROM payment
WHERE pay_order_no >= $1 AND pay_order_no < $2
GROUP BY 1, 2, 3, 4
"""

# One row a card, by its key, whatever the planner thinks of the table of cards.
LEGS = """
SELECT minute, channel, account, trans_type, bank, sum(tried)::bigint AS tried,
       sum(succeeded)::bigint AS succeeded
FROM (
    SELECT left(a.pay_order_no, 10) AS minute, channel, account, trans_type, card_id,
           count(*) AS tried,
           count(*) FILTER (WHERE process_status = 'GW_SUCCESS') AS succeeded
    FROM attempt a JOIN payment p USING (pay_order_no)
    WHERE a.pay_order_no >= $1 AND a.pay_order_no < $2
      AND p.pay_order_no >= $1 AND p.pay_order_no < $2
      AND process_status IN ('GW_SUCCESS', 'GW_FAIL')
    GROUP BY 1, 2, 3, 4, 5
) legs
CROSS JOIN LATERAL (SELECT bank FROM cards_card WHERE card_id = legs.card_id LIMIT 1) c
GROUP BY 1, 2, 3, 4, 5
"""

OPENED = "SELECT count(*) FROM payment WHERE pay_order_no >= $1 AND pay_order_no < $2"


async def paid(pool: Pool, first: str, last: str) -> list[Paid]:
    """What became of the payments from a number on and before another, by minute."""
    records = await pool.fetch(PAID, first, last)
    return [msgspec.convert(dict(record), Paid) for record in records]


async def legs(pool: Pool, first: str, last: str) -> list[Leg]:
    """Their attempts that have ended, by minute, place, type and bank."""
    records = await pool.fetch(LEGS, first, last)
    return [msgspec.convert(dict(record), Leg) for record in records]


async def opened(pool: Pool, first: str, last: str) -> int:
    """How many payments have numbers from one on and before another."""
    number: int = await pool.fetchval(OPENED, first, last)
    return number
