"""What people ask of operators and of the log of what they did."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from paycore.kernel.db import Pool
from paycore.operators.rows import EntryRow as Entry
from paycore.operators.rows import WorkRow as Work

OPERATORS = """
SELECT o.operator_id, o.name, o.role, o.created_at, o.revoked_at,
       (SELECT max(s.seen_at) FROM operators_session s
         WHERE s.operator_id = o.operator_id) AS last_seen_at,
       coalesce(l.enrolled_at IS NOT NULL, false) AS enrolled
FROM operators_operator o
LEFT JOIN operators_login l USING (operator_id)
WHERE ($1::text IS NULL OR (o.name, o.operator_id) >
        (SELECT name, operator_id FROM operators_operator WHERE operator_id = $1))
ORDER BY o.name, o.operator_id
LIMIT $2
"""

ENTRIES = """
SELECT * FROM operators_entry
WHERE ($1::bigint IS NULL OR seq < $1)
  AND ($2::text IS NULL OR operator = $2)
  AND ($3::text IS NULL OR act = $3)
  AND ($4::text IS NULL OR subject = $4)
  AND ($5::timestamptz IS NULL OR at >= $5)
  AND ($6::timestamptz IS NULL OR at < $6)
ORDER BY seq DESC
LIMIT $7
"""

# Each subject's by the index of subjects, so many and no more.
ABOUT = """
SELECT e.* FROM unnest($1::text[]) AS s (subject)
CROSS JOIN LATERAL (
    SELECT * FROM operators_entry WHERE subject = s.subject ORDER BY seq DESC LIMIT $2
) e
ORDER BY e.seq DESC
LIMIT $2
"""

NEWEST_WORKS = """
SELECT DISTINCT ON (kind) * FROM operators_work
WHERE kind = ANY($1::text[]) AND ended_at IS NOT NULL AND NOT failed
ORDER BY kind, begun_at DESC
"""

CHAIN = "SELECT * FROM operators_entry WHERE seq > $1 ORDER BY seq LIMIT $2"


__all__ = [
    "Entry",
    "Person",
    "Pool",
    "Wanted",
    "Work",
    "about",
    "chain",
    "entries",
    "newest_works",
    "operators",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """An operator, as people see him."""

    operator_id: str
    name: str
    role: str
    created_at: datetime
    revoked_at: datetime | None
    last_seen_at: datetime | None
    """By a session; a token's use is not written down."""
    enrolled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which entries."""

    operator: str | None = None
    act: str | None = None
    subject: str | None = None
    since: datetime | None = None
    until: datetime | None = None


async def operators(pool: Pool, *, after: str | None, limit: int) -> list[Person]:
    """All there are and were, by name; after one, if it is given."""
    return [Person(**dict(row)) for row in await pool.fetch(OPERATORS, after, limit)]


async def entries(
    pool: Pool, wanted: Wanted, *, before: int | None, limit: int
) -> list[Entry]:
    """Entries of the log, the newest first; before one, if it is given."""
    rows = await pool.fetch(
        ENTRIES,
        *(before, wanted.operator, wanted.act, wanted.subject),
        *(wanted.since, wanted.until, limit),
    )
    return [_entry(row) for row in rows]


async def about(pool: Pool, subjects: Sequence[str], *, limit: int) -> list[Entry]:
    """The newest entries of some subjects, the newest first."""
    rows = await pool.fetch(ABOUT, list(dict.fromkeys(subjects)), limit)
    return [_entry(row) for row in rows]


async def chain(pool: Pool, *, after: int, limit: int) -> list[Entry]:
    """Entries in their order, as they were hashed."""
    return [_entry(row) for row in await pool.fetch(CHAIN, after, limit)]


async def newest_works(pool: Pool, kinds: Sequence[str]) -> list[Work]:
    """The newest of each kind that came to its end."""
    rows = await pool.fetch(NEWEST_WORKS, list(kinds))
    return [msgspec.convert(dict(row), Work) for row in rows]


def _entry(row: object) -> Entry:
    return msgspec.convert(dict(row), Entry)  # type: ignore[call-overload]
