"""What people ask of routes: windows, limits of the day, versions of the rules."""

from dataclasses import dataclass
from datetime import datetime

import msgspec

from paycore.kernel.db import Pool
from paycore.router.publishing import Rule
from paycore.router.rows import WindowRow

__all__ = [
    "Pool",
    "Type",
    "Used",
    "VersionLine",
    "Window",
    "rules",
    "types",
    "used",
    "versions",
    "windows",
]

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


RULES = """
SELECT rule_id, title, condition, effect, channel, account, enabled
FROM router_rule ORDER BY rule_id
"""

TYPES = """
SELECT inst_trans_id, channel, account, trans_type, currencies, priority, weight,
       single_min, single_max, daily_limit, condition, enabled
FROM router_trans_type ORDER BY inst_trans_id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Type:
    """A transaction type as a list shows it."""

    inst_trans_id: str
    channel: str
    account: str
    trans_type: str
    currencies: list[str]
    priority: int
    weight: int
    single_min: int
    single_max: int | None
    daily_limit: int | None
    condition: str | None
    enabled: bool


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


async def rules(pool: Pool) -> list[Rule]:
    """The rules as they stand, by name: as many as people wrote."""
    return [Rule(**dict(row)) for row in await pool.fetch(RULES)]


async def types(pool: Pool) -> list[Type]:
    """The transaction types, by name: a few an account."""
    rows = [dict(row) for row in await pool.fetch(TYPES)]
    for row in rows:
        row["currencies"] = msgspec.json.decode(row["currencies"])
    return [Type(**row) for row in rows]
