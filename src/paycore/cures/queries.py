"""What the cures and those who look at them ask: read-only SQL."""

from collections.abc import Mapping

import msgspec

from paycore.desk.rows import CaseRow
from paycore.kernel.db import Pool

__all__ = ["Pool", "healed", "lies_with"]

HEALED = """
SELECT count(*) FROM recon_difference
WHERE channel = $1 AND account = $2 AND 'RECON_' || kind = $3 AND fact = $4
  AND healed_at IS NOT NULL
"""


async def healed(pool: Pool, case: CaseRow) -> bool:
    """Whether the difference that a case tells of is none any more."""
    said = _evidence(case)
    place = f"{said.get('channel')}/{said.get('account')}:"
    _, found, fact = case.case_id.partition(f":{place}")
    if not found or not case.kind.startswith("RECON_"):
        return False
    key = (said["channel"], said["account"], case.kind, fact)
    return bool(await pool.fetchval(HEALED, *key))


def lies_with(case: CaseRow) -> str | None:
    """Where the postings of a case of no payment lie: with those of its day."""
    day = _evidence(case).get("day")
    return day.replace("-", "")[2:] if isinstance(day, str) else None


def _evidence(case: CaseRow) -> Mapping[str, object]:
    return msgspec.json.decode(case.evidence, type=dict[str, object])
