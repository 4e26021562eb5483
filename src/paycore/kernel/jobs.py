"""Jobs by the day: one row a job and day.

A row is claimed like a payment that is due, so that each job runs once a day however
many nodes there are, and goes on at another node if its own dies. Who runs them is
`paycore.worker.daily`.
"""

from datetime import datetime

from paycore.kernel.journal import Row, table


@table("job", key=("job", "day"), claimed=True)
class JobRow(Row, frozen=True, kw_only=True):
    """One job of one day (UTC)."""

    job: str
    day: str
    """As 2026-11-22."""
    version: int = 1
    tries: int = 0
    """Times that it failed."""
    result: str = ""
    """What came of it, or why it has to go on later."""
    node: str = ""
    """The name of the node that was at it last."""
    took_ms: int = 0
    """How long it was worked at, all claims together."""
    begun_at: datetime | None = None
    finished_at: datetime | None = None
    next_check_at: datetime | None
    lease_epoch: int | None = None
    lease_until: datetime | None = None
