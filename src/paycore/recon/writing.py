"""Rows of reconciliation as SQL writes them; what stands is not written otherwise."""

from collections.abc import Iterable
from dataclasses import fields
from datetime import datetime

from paycore.recon.queries import Connection
from paycore.recon.rows import Difference

COLUMNS = tuple(field.name for field in fields(Difference))

KEPT = frozenset({"channel", "account", "kind", "fact", "found_at", "returned"})
"""What a difference keeps that comes again; the rest is as it is now."""

# What was healed and is there again is told again.
DIFFERENCE = f"""
INSERT INTO recon_difference ({", ".join(COLUMNS)})
VALUES ({", ".join(f"${n}" for n in range(1, len(COLUMNS) + 1))})
ON CONFLICT (channel, account, kind, fact) DO UPDATE
SET returned = recon_difference.returned + 1,
    {", ".join(f"{name} = EXCLUDED.{name}" for name in COLUMNS if name not in KEPT)}
WHERE recon_difference.healed_at IS NOT NULL
"""  # noqa: S608 - the columns are a class's own
RECONCILED = """
UPDATE recon_statement
SET state = 'RECONCILED', reconciled_at = $2, figures = $3::jsonb, next_try_at = NULL,
    said = ''
WHERE statement_id = $1
"""
WAS_TOLD = """
UPDATE recon_difference SET told_at = $5
WHERE channel = $1 AND account = $2 AND kind = $3 AND fact = $4 AND told_at IS NULL
"""


def values_of(difference: Difference) -> tuple[object, ...]:
    """In the order of the columns."""
    return tuple(getattr(difference, name) for name in COLUMNS)


async def were_told(
    connection: "Connection", differences: Iterable[Difference], now: datetime
) -> None:
    """The desk has their cases."""
    rows = [(one.channel, one.account, one.kind, one.fact, now) for one in differences]
    await connection.executemany(WAS_TOLD, rows)
