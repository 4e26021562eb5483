"""What people ask of carriers; credentials are never read here."""

from dataclasses import dataclass
from datetime import datetime

from paycore.kernel.db import Pool

__all__ = ["CarrierLine", "Pool", "carriers"]

# The counter's name is made by sms/budget.py.
CARRIERS = """
SELECT c.carrier, c.driver, c.enabled, c.priority, c.price, c.spend_per_day,
       coalesce(l.used, 0) AS spent
FROM sms_carrier c
LEFT JOIN limit_counter l ON l.counter = 'text.spend:' || c.carrier || ':' || $1
WHERE ($2::text IS NULL OR (c.priority, c.carrier) >
        (SELECT priority, carrier FROM sms_carrier WHERE carrier = $2))
ORDER BY c.priority, c.carrier
LIMIT $3
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class CarrierLine:
    """A carrier as a list shows it; prices in millionths."""

    carrier: str
    driver: str
    enabled: bool
    priority: int
    price: int | None
    spend_per_day: int | None
    spent: int
    """Today (UTC), where it is limited."""


async def carriers(
    pool: Pool, now: datetime, *, after: str | None, limit: int
) -> list[CarrierLine]:
    """Carriers in the order in which they are tried; after one, if it is given."""
    rows = await pool.fetch(CARRIERS, f"{now:%Y%m%d}", after, limit)
    return [CarrierLine(**dict(row)) for row in rows]
