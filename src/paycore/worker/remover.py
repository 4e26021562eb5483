"""The day's removal of what is old, as far as a minute takes it.

A job of `worker/daily.py`: what is left is gone on with a minute later.
"""

from paycore.kernel.meters import Tally
from paycore.kernel.meters_upkeep import RETENTION_ROWS
from paycore.kernel.node import Node
from paycore.retention import service as retention
from paycore.retention.service import Busy
from paycore.worker.daily import Job, Ran

NAME = "retention"

AT_A_TIME_S = 60.0

MONTHS_A_DAY = 1
"""Of each table: whatever a clock or a setting says, there is a day to notice it."""


def job(dsn: str, hour: int) -> Job:
    """The job, for a database."""

    async def work(node: Node) -> Ran:
        try:
            report = await retention.remove(
                node, dsn, months_a_day=MONTHS_A_DAY, within_s=AT_A_TIME_S
            )
        except Busy as busy:
            return Ran(done=False, said=str(busy))
        for line in report.lines:
            if line.removed_rows:
                tally = node.state(Tally)
                tally.count(RETENTION_ROWS, line.table, by=line.removed_rows)
        return Ran(done=report.done, said=report.sentence())

    return Job(name=NAME, hour=hour, work=work)
