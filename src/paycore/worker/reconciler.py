"""The day's statements and their reconciliation.

Two jobs of `worker/daily.py`: one asks for the statements until they are there, the
other compares what is there. What is waited for is looked at again a minute later; each
statement has its own pace of being asked for.
"""

from collections.abc import Sequence

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

    return (
        Job(name=STATEMENTS, hour=hour, work=collect),
        Job(name=RECONCILIATION, hour=hour, work=reconcile),
    )


def _said(done: str, late: Sequence[str]) -> str:
    return f"{done}; waiting for {', '.join(late)}" if late else done
