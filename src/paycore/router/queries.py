"""What people ask of routes: windows, limits of the day, versions of the rules."""

from dataclasses import dataclass
from datetime import datetime

from paycore.kernel.db import Pool
from paycore.router.rows import WindowRow

__all__ = ["Pool", "Used", "VersionLine", "Window", "used", "versions", "windows"]

Window = WindowRow

WINDOWS = """
SELECT * FROM router_window
WHERE ends_at > greatest($1, starts_at)
ORDER BY starts_at, window_id
"""

# The counter's name is made by router/rules.py.
USED = """
SELECT t.channel, t.account, t.inst_trans_id, c.currency, t.daily_limit,
       coalesce(l.used, 0) AS used
FROM router_trans_type t
CROSS JOIN LATERAL jsonb_array_elements_text(t.currencies) AS c(currency)
LEFT JOIN limit_counter l
       ON l.counter = 'route:' || t.inst_trans_id || ':' || c.currency || ':' || $1
WHERE t.daily_limit IS NOT NULL
ORDER BY t.inst_trans_id, c.currency
"""

VERSIONS = """
SELECT number, published_at, published_by, why,
       jsonb_array_length(rules) AS rules
FROM router_version
WHERE ($1::bigint IS NULL OR number < $1)
ORDER BY number DESC
LIMIT $2
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """What is used of a transaction type's limit of the day, in one currency."""

    channel: str
    account: str
    inst_trans_id: str
    currency: str
    daily_limit: int
    used: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionLine:
    """A version of the rules as a list shows it."""

    number: int
    published_at: datetime
    published_by: str
    why: str
    rules: int


async def windows(pool: Pool, now: datetime) -> list[Window]:
    """Windows that are not over, in their order."""
    return [WindowRow(**dict(row)) for row in await pool.fetch(WINDOWS, now)]


async def used(pool: Pool, now: datetime) -> list[Used]:
    """What is used of every limit of this day (UTC)."""
    rows = await pool.fetch(USED, f"{now:%Y%m%d}")
    return [Used(**dict(row)) for row in rows]


async def versions(pool: Pool, *, before: int | None, limit: int) -> list[VersionLine]:
    """Versions of the rules, the newest first; before one, if it is given."""
    rows = await pool.fetch(VERSIONS, before, limit)
    return [VersionLine(**dict(row)) for row in rows]
