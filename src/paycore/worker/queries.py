"""What people ask of jobs by the day."""

from collections.abc import Sequence

from paycore.kernel.db import Pool
from paycore.kernel.jobs import JobRow

__all__ = ["Pool", "newest"]

NEWEST = """
SELECT DISTINCT ON (job)
       job, day, version, tries, result, node, took_ms, begun_at, finished_at,
       next_check_at, lease_epoch, lease_until
FROM job
WHERE job = ANY($1::text[])
ORDER BY job, day DESC
"""


async def newest(pool: Pool, names: Sequence[str]) -> dict[str, JobRow]:
    """The newest day's row of each job that ever had one."""
    rows = await pool.fetch(NEWEST, list(names))
    return {row["job"]: JobRow(**dict(row)) for row in rows}
