"""The day's statements and their reconciliation.

Two jobs of `worker/daily.py`: one asks for the statements until they are there, the
other compares what is there. What is waited for is looked at again a minute later; each
statement has its own pace of being asked for.
"""

from collections.abc import Sequence
from datetime import date
from functools import partial

from paycore.gateway import fetching
from paycore.kernel.node import Node
from paycore.recon import service as recon
from paycore.recon.service import Busy
from paycore.worker.daily import Job, Ran

STATEMENTS = "statements"
RECONCILIATION = "reconciliation"


def jobs(dsn: str, hour: int) -> tuple[Job, ...]:
    """The two jobs, for a database."""

    async def collect(node: Node) -> Ran:
        try:
            waiting = await recon.collect(node, dsn)
        except Busy as busy:
            return Ran(done=False, said=str(busy))
        late = [one.name for one in waiting if one.state != "KEPT"]
        return Ran(done=not late, said=_said("fetched", late))

    async def reconcile(node: Node) -> Ran:
        try:
            outcomes, waiting = await recon.reconcile(node, dsn)
        except Busy as busy:
            return Ran(done=False, said=str(busy))
        cases = sum(outcome.cases for outcome in outcomes)
        said = f"{len(outcomes)} statements reconciled, {cases} cases"
        late = [one.name for one in waiting]
        return Ran(done=not late, said=_said(said, late))

    async def of_day(node: Node, day: date, *, anew: bool) -> Ran:
        return await _of_day(node, dsn, day, anew=anew)

    return (
        Job(
            name=STATEMENTS,
            hour=hour,
            work=collect,
            of_day=partial(of_day, anew=True),
        ),
        Job(
            name=RECONCILIATION,
            hour=hour,
            work=reconcile,
            of_day=partial(of_day, anew=False),
        ),
    )


async def _of_day(node: Node, dsn: str, day: date, *, anew: bool) -> Ran:
    """One day of every account, asked for anew or as it is here, and compared."""
    outcomes = []
    for key in fetching.with_statements(node):
        try:
            outcomes.append(await recon.run(node, dsn, key, day, anew=anew))
        except Busy as busy:
            return Ran(done=False, said=str(busy))
    late = [one.statement.name for one in outcomes if one.statement.figures is None]
    cases = sum(outcome.cases for outcome in outcomes)
    said = f"{len(outcomes) - len(late)} statements reconciled, {cases} cases"
    return Ran(done=True, said=_said(said, late))


def _said(done: str, late: Sequence[str]) -> str:
    return f"{done}; waiting for {', '.join(late)}" if late else done
