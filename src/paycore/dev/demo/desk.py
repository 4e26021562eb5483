"""People at the exception desk and the books, in this process.

The API has no desk: its callers are business lines. What people do there is what
`paycore jobs`, `desk` and `ledger` do, by the same services; a program of its own for
each step would take longer than the story.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date

import msgspec

from paycore import app as apps
from paycore.accounting import queries as ledger
from paycore.accounting.queries import Balance
from paycore.cures import service as cures
from paycore.cures.table import Cure
from paycore.desk import queries
from paycore.desk.rows import CaseRow, CureRow
from paycore.kernel.config import Settings
from paycore.worker import reconciler

NEVER = -1
MOST_CASES = 100
"""More than a demo opens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """What stands on each account, in each currency."""

    balances: Sequence[Balance]

    @property
    def totals(self) -> dict[str, tuple[int, int]]:
        """All debits and all credits, by currency."""
        found: dict[str, tuple[int, int]] = {}
        for row in self.balances:
            debit, credit = found.get(row.currency, (0, 0))
            sides = (debit + max(row.amount, 0), credit + max(-row.amount, 0))
            found[row.currency] = sides
        return found

    @property
    def unbalanced(self) -> int:
        """In how many currencies debits are not credits."""
        return sum(debit != credit for debit, credit in self.totals.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Where people sit."""

    app: apps.App
    dsn: str

    async def reconcile(self, day: date) -> str:
        """Have every bank's statement of a day and compare it; what came of it."""
        statements, _ = reconciler.jobs(self.dsn, NEVER)
        assert statements.of_day is not None, "statements are by the day"
        ran = await statements.of_day(self.app.node, day)
        return ran.said

    async def cases(self) -> list[CaseRow]:
        """All there were, closed ones too."""
        return await queries.cases(self.app.pool, limit=MOST_CASES)

    async def preview(
        self, case: CaseRow, cure: Cure, *, who: str, why: str
    ) -> CureRow:
        """Say what a cure would do."""
        return await cures.preview(
            self.app.node, self.app.pool, case.case_id, cure, who=who, why=why
        )

    async def approve(self, cure: CureRow, *, who: str, why: str) -> None:
        """A second person's word."""
        named = (cure.case_id, cure.number)
        await cures.approve(self.app.node, *named, who=who, why=why)

    async def execute(self, cure: CureRow, *, who: str) -> CureRow:
        """Do it, once."""
        named = (cure.case_id, cure.number)
        return await cures.execute(self.app.node, self.app.pool, *named, who=who)

    async def books(self) -> Books:
        """What stands in the books."""
        return Books(balances=await ledger.balances(self.app.pool))


@asynccontextmanager
async def desk(dsn: str, settings: Settings) -> AsyncIterator[Desk]:
    """Sit down, until the block ends; no work that waits is done here."""
    own = msgspec.structs.replace(settings, role="api", node_name="desk")
    app = await apps.start(own, dsn)
    try:
        yield Desk(app=app, dsn=dsn)
    finally:
        await apps.stop(app)
