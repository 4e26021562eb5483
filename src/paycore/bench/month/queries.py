"""What filling a month asks of the database."""

from datetime import datetime
from typing import TYPE_CHECKING

from paycore.bench.growth.queries import connect
from paycore.bench.month.moves import Moved

if TYPE_CHECKING:
    from paycore.kernel.db import Connection
else:
    Connection = object

__all__ = ["Connection", "connect", "moved", "payments"]

_PAYMENTS = "SELECT EXISTS (SELECT FROM payment)"

_MOVED = """
SELECT channel AS bank, 'charge' AS kind, request_no, pay_order_no, amount, currency,
       finished_at AS at, channel_ref
FROM attempt
WHERE process_status = 'GW_SUCCESS' AND finished_at >= $1 AND finished_at < $2
  AND trans_type IN ('QUICK_PAY_CONFIRM', 'DEDUCT') AND NOT pay_order_no = ANY($3)
UNION ALL
SELECT channel, 'refund', refund_no, pay_order_no, money_amount, currency,
       finished_at, channel_ref
FROM refund
WHERE status = 'SUCCESS' AND finished_at >= $1 AND finished_at < $2
  AND NOT pay_order_no = ANY($3)
ORDER BY at
"""


async def payments(connection: "Connection") -> bool:
    """Whether there are any."""
    found: bool = await connection.fetchval(_PAYMENTS)
    return found


async def moved(
    connection: "Connection", since: datetime, until: datetime, but: list[str]
) -> list[Moved]:
    """The money that moved in a time, but for some payments."""
    found = await connection.fetch(_MOVED, since, until, but)
    return [Moved(**dict(row)) for row in found]
