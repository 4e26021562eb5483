"""What the cures and those who look at them ask: read-only SQL."""

from collections.abc import Mapping

import msgspec

from paycore.desk.rows import CaseRow
from paycore.kernel.db import Pool

__all__ = ["Pool", "day_of", "healed", "moved_there", "reference_of"]

HEALED = """
SELECT count(*) FROM recon_difference
WHERE channel = $1 AND account = $2 AND 'RECON_' || kind = $3
  AND fact IN ($4, regexp_replace($4, '~[0-9]+$', ''))
  AND CASE returned WHEN 0 THEN fact ELSE fact || '~' || returned + 1 END = $4
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


def day_of(case: CaseRow) -> str | None:
    """Of which statement's day a case is, where it is of one."""
    day = _evidence(case).get("day")
    return day if isinstance(day, str) else None


def moved_there(case: CaseRow) -> int | None:
    """How much their line says that moved; None where it says nothing of that."""
    theirs = _evidence(case).get("theirs")
    if not isinstance(theirs, dict) or theirs.get("moved") is not True:
        return None
    amount = theirs.get("amount")
    return amount if isinstance(amount, int) else None


def reference_of(case: CaseRow) -> str | None:
    """The channel's own number of the money that a case is about: a second charge has
    its own. One that was masked in the evidence is none.
    """
    told = _evidence(case).get("channel_ref")
    return told if isinstance(told, str) and told and "*" not in told else None


def _evidence(case: CaseRow) -> Mapping[str, object]:
    return msgspec.json.decode(case.evidence, type=dict[str, object])
