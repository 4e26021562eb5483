"""What people ask of business lines and their keys; no digest is read here."""

from dataclasses import dataclass
from datetime import datetime

import msgspec

from paycore.kernel.db import Pool

__all__ = ["KeyLine", "LineLine", "Pool", "is_there", "keys", "lines"]

LINES = """
SELECT biz_line, title, language, currencies, enabled, always_converted
FROM lines_biz_line
WHERE ($1::text IS NULL OR biz_line > $1)
ORDER BY biz_line
LIMIT $2
"""

IS_THERE = "SELECT true FROM lines_biz_line WHERE biz_line = $1"

KEYS = """
SELECT key_id, label, created_at, disabled_at
FROM lines_api_key
WHERE biz_line = $1 AND ($2::text IS NULL OR key_id > $2)
ORDER BY key_id
LIMIT $3
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineLine:
    """A business line as a list shows it."""

    biz_line: str
    title: str
    language: str
    currencies: list[str]
    enabled: bool
    always_converted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyLine:
    """A key as a list shows it."""

    key_id: str
    label: str
    created_at: datetime
    disabled_at: datetime | None


async def lines(pool: Pool, *, after: str | None, limit: int) -> list[LineLine]:
    """Lines by name; after one, if it is given."""
    rows = [dict(row) for row in await pool.fetch(LINES, after, limit)]
    for row in rows:
        row["currencies"] = msgspec.json.decode(row["currencies"])
    return [LineLine(**row) for row in rows]


async def keys(
    pool: Pool, biz_line: str, *, after: str | None, limit: int
) -> list[KeyLine]:
    """A line's keys by id; after one, if it is given."""
    rows = await pool.fetch(KEYS, biz_line, after, limit)
    return [KeyLine(**dict(row)) for row in rows]


async def is_there(pool: Pool, biz_line: str) -> bool:
    """Whether there is a line of that name."""
    return bool(await pool.fetchval(IS_THERE, biz_line))
