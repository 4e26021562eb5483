"""What people ask of the exception desk."""

from collections.abc import Sequence

import msgspec

from paycore.desk.rows import CaseRow, StepRow
from paycore.kernel.db import Pool

CASES = """
SELECT * FROM desk_case
WHERE ($1::text IS NULL OR status = $1)
  AND ($2::text IS NULL OR kind = $2)
  AND ($3::text IS NULL OR pay_order_no = $3)
  AND ($5::text IS NULL OR owner = $5)
  AND ($6::text IS NULL OR (opened_at, case_id) >
        (SELECT opened_at, case_id FROM desk_case WHERE case_id = $6))
ORDER BY opened_at, case_id
LIMIT $4
"""


async def cases(
    pool: Pool,
    *,
    status: str | None = None,
    kind: str | None = None,
    pay_order_no: str | None = None,
    owner: str | None = None,
    after: str | None = None,
    limit: int,
) -> list[CaseRow]:
    """Cases, the oldest first: it has waited longest; after a case, if one is given."""
    records = await pool.fetch(
        CASES, *(status, kind, pay_order_no, limit, owner, after)
    )
    return [msgspec.convert(dict(record), CaseRow) for record in records]


STEPS = "SELECT * FROM desk_step WHERE case_id = ANY($1::text[]) ORDER BY at, seq"


async def steps(pool: Pool, case_ids: Sequence[str]) -> list[StepRow]:
    """All that was done about some cases, the oldest first."""
    records = await pool.fetch(STEPS, list(case_ids))
    return [msgspec.convert(dict(record), StepRow) for record in records]


KNOWN = "SELECT case_id FROM desk_case WHERE case_id = ANY($1::text[])"


async def known(pool: Pool, ids: Sequence[str]) -> set[str]:
    """Which of these cases there are."""
    return {row["case_id"] for row in await pool.fetch(KNOWN, list(ids))}
