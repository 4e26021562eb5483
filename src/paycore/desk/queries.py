"""What people ask of the exception desk."""

import msgspec

from paycore.desk.rows import CaseRow
from paycore.kernel.db import Pool

CASES = """
SELECT * FROM desk_case
WHERE ($1::text IS NULL OR status = $1)
  AND ($2::text IS NULL OR kind = $2)
  AND ($3::text IS NULL OR pay_order_no = $3)
ORDER BY opened_at, case_id
LIMIT $4
"""


async def cases(
    pool: Pool,
    *,
    status: str | None = None,
    kind: str | None = None,
    pay_order_no: str | None = None,
    limit: int,
) -> list[CaseRow]:
    """Cases, the oldest first: it has waited longest."""
    records = await pool.fetch(CASES, status, kind, pay_order_no, limit)
    return [msgspec.convert(dict(record), CaseRow) for record in records]
