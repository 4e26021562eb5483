"""Jobs by the day: one row a job and day.

A row is claimed like a payment that is due, so that each job runs once a day however
many nodes there are, and goes on at another node if its own dies. Who runs them is
`paycore.worker.daily`.
"""

from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True, kw_only=True)
class JobLine:
    """A job as people see it: its newest day, what came of it, and when it is next."""

    job: str
    day: str | None
    last_run_at: datetime | None
    finished_at: datetime | None
    took_s: float | None
    tries: int
    result: str
    node: str
    hour: int
    """From which hour of the day on (UTC); -1: never by itself."""
    next_run_at: datetime | None
    """When a node looks at it next; None where none ever does by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRan:
    """What came of running a job at once."""

    day: str
    done: bool
    said: str
