"""What waits, asked of the database at a scrape: all nodes are told the same; and what
runs, for people.

Read-only SQL over what is not final only, so it costs by the backlog and not by the
history; when the jobs by the day last came to their end; and what lacks of the months.
"""

from dataclasses import dataclass
from datetime import datetime

from paycore.core.looks.queries import UNKNOWN_LEG
from paycore.core.refunds.queries import UNKNOWN
from paycore.kernel import partitions
from paycore.kernel.db import Pool, away

__all__ = ["Backlog", "Pool", "System", "away", "backlog", "system"]

_UNKNOWN = f"""
SELECT count(*) AS number,
       coalesce(extract(epoch FROM clock_timestamp() - min(created_at)), 0)::float8
         AS age_s
FROM (
    SELECT attempt.created_at
    FROM payment JOIN attempt USING (pay_order_no)
    WHERE payment.next_check_at IS NOT NULL AND {UNKNOWN_LEG}
    UNION ALL
    SELECT created_at FROM refund WHERE {UNKNOWN}
) AS legs
"""  # noqa: S608 - texts of ours
_DUE = """
SELECT count(*) AS number,
       coalesce(extract(epoch FROM clock_timestamp() - min(next_check_at)), 0)
         ::float8 AS age_s
FROM (
    SELECT next_check_at, lease_until FROM payment WHERE next_check_at IS NOT NULL
    UNION ALL
    SELECT next_check_at, lease_until FROM refund WHERE next_check_at IS NOT NULL
) AS open
WHERE next_check_at <= clock_timestamp()
  AND (lease_until IS NULL OR lease_until <= clock_timestamp())
"""
_NOTICES = """
SELECT count(*) AS number,
       coalesce(extract(epoch FROM clock_timestamp() - min(created_at)), 0)
         ::float8 AS age_s
FROM notify_notice
WHERE next_check_at IS NOT NULL
"""
_POSTINGS = """
SELECT count(*) AS number,
       coalesce(extract(epoch FROM clock_timestamp() - min(booked_at)), 0)
         ::float8 AS age_s
FROM accounting_feed
WHERE next_check_at IS NOT NULL
"""
_COUPONS = """
SELECT count(*) AS number,
       coalesce(extract(epoch FROM clock_timestamp() - min(owed_at)), 0)
         ::float8 AS age_s
FROM coupon_hold
WHERE next_check_at IS NOT NULL
"""
_CASES = """
SELECT kind, count(*) AS number FROM desk_case WHERE status = 'OPEN' GROUP BY kind
"""
# A row a job and day: few.
_JOBS = """
SELECT job, extract(epoch FROM max(finished_at))::float8 AS at
FROM job WHERE finished_at IS NOT NULL GROUP BY job
"""
_TODAY = "SELECT (clock_timestamp() AT TIME ZONE 'UTC')::date"


@dataclass(frozen=True, slots=True)
class Waiting:
    """So many, and how old the oldest is; for what is due: by how much it is late."""

    number: int
    age_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """What waits for whom."""

    unknown_legs: Waiting
    due: Waiting
    notices: Waiting
    postings: Waiting
    """That a ledger of the user's own has not acknowledged."""
    coupons: Waiting
    """Uses and unlocks that a coupon system of the user's own has not acknowledged."""
    cases: dict[str, int]
    jobs: dict[str, float]
    """By job: when it last came to its end, in Unix time."""
    partitions_missing: int
    """Of this month and the next."""


async def backlog(pool: Pool, *, within_s: float) -> Backlog:
    """What waits now; raises what the driver raises where the database is away."""
    async with pool.acquire(timeout=within_s) as connection:

        async def waiting(query: str) -> Waiting:
            row = await connection.fetchrow(query, timeout=within_s)
            assert row is not None, "an aggregate has a row"
            return Waiting(row["number"], row["age_s"])

        cases = await connection.fetch(_CASES, timeout=within_s)
        jobs = await connection.fetch(_JOBS, timeout=within_s)
        today = await connection.fetchval(_TODAY, timeout=within_s)
        missing = await partitions.missing(
            connection, today, partitions.CLOSE, within_s=within_s
        )
        return Backlog(
            unknown_legs=await waiting(_UNKNOWN),
            due=await waiting(_DUE),
            notices=await waiting(_NOTICES),
            postings=await waiting(_POSTINGS),
            coupons=await waiting(_COUPONS),
            cases={row["kind"]: row["number"] for row in cases},
            jobs={row["job"]: row["at"] for row in jobs},
            partitions_missing=len(missing),
        )


# Those who live first: each command is a life too, and they would hide a node of old.
LIVES = """
SELECT epoch, name, slot, started_at, beat_at, died_at FROM node
ORDER BY died_at IS NULL DESC, epoch DESC
LIMIT 100
"""
DATABASE = """
SELECT current_setting('server_version') AS version,
       pg_database_size(current_database()) AS size
"""
MIGRATIONS = "SELECT name FROM schema_migration ORDER BY name"


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """A life of a node, as it last wrote it down."""

    epoch: int
    name: str
    slot: int
    started_at: datetime
    beat_at: datetime
    died_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """What runs."""

    lives: list[Life]
    """The newest hundred."""
    version: str
    size: int
    migrations: list[str]


async def system(pool: Pool) -> System:
    """Lives of nodes, and the database."""
    database = await pool.fetchrow(DATABASE)
    assert database is not None, "it has a version"
    return System(
        lives=[Life(**dict(row)) for row in await pool.fetch(LIVES)],
        version=database["version"],
        size=database["size"],
        migrations=[row["name"] for row in await pool.fetch(MIGRATIONS)],
    )
