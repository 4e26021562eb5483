"""The shapes of the console's calls about lines, jobs, invariants and the system."""

from datetime import date, datetime
from typing import Annotated

from msgspec import Meta, field

from paycore.api.console.books_schema import Day
from paycore.api.console.schema import Why
from paycore.api.schema import Answer, Shape
from paycore.kernel.errors import BadRequest


class MakeKey(Shape, frozen=True, kw_only=True):
    """What another key of a line takes."""

    label: Annotated[str, Meta(max_length=64, description="at most 64 characters")] = ""
    why: Why


class RunJob(Shape, frozen=True, kw_only=True):
    """What running a job at once takes."""

    day: Day | None = None
    why: Why

    def named(self) -> date | None:
        """The day; BadRequest for what no calendar has."""
        if self.day is None:
            return None
        try:
            return date.fromisoformat(self.day)
        except ValueError:
            raise BadRequest("day: a day: 2026-11-28.", field="day") from None


class ConsoleLine(Answer, frozen=True, kw_only=True):
    """A business line."""

    biz_line: str
    title: str
    language: str
    currencies: list[str]
    enabled: bool
    always_converted: bool


class ConsoleLines(Answer, frozen=True, kw_only=True):
    """A page of lines, by name."""

    items: list[ConsoleLine]
    next: str | None


class ConsoleKey(Answer, frozen=True, kw_only=True):
    """A line's API key, of which only a hash is kept."""

    key_id: str
    label: str
    created_at: datetime
    disabled_at: datetime | None


class ConsoleKeys(Answer, frozen=True, kw_only=True):
    """A page of a line's keys, by id."""

    items: list[ConsoleKey]
    next: str | None


class KeyMade(Answer, frozen=True, kw_only=True):
    """A key, which is shown this once."""

    key_id: str
    api_key: str

    def __repr__(self) -> str:
        return "KeyMade(...)"


class KeyRevoked(Answer, frozen=True, kw_only=True):
    """A key that is good for nothing."""

    key_id: str
    disabled_at: datetime


class ConsoleJob(Answer, frozen=True, kw_only=True):
    """A job by the day: its newest day, what came of it, and when it is next."""

    job: str
    day: str | None
    last_run_at: datetime | None
    finished_at: datetime | None
    took_s: float | None
    tries: int
    result: str
    node: str
    hour: int
    next_run_at: datetime | None


class ConsoleJobs(Answer, frozen=True, kw_only=True):
    """Every job."""

    items: list[ConsoleJob]
    next: str | None


class WorkBegun(Answer, frozen=True, kw_only=True):
    """Long work that goes on: `GET /v1/console/works/{work_id}` tells how far it is."""

    work_id: str


class ConsoleInvariant(Answer, frozen=True, kw_only=True):
    """What must always hold, and what the last audit said of it."""

    id: str
    says: str
    state: str
    """HOLDS, VIOLATED, UNANSWERED, NOT_ASKED, or ELSEWHERE: rows do not show it."""
    found: int
    at: datetime | None
    otherwise: str


class ConsoleInvariants(Answer, frozen=True, kw_only=True):
    """Every invariant."""

    items: list[ConsoleInvariant]
    next: str | None
    window_s: float
    """How far back an audit that is begun here looks at every payment; at open ones it
    always looks."""


class SystemNode(Answer, frozen=True, kw_only=True):
    """A life of a node."""

    node: str
    life: int
    slot: int
    since: datetime
    beat_at: datetime
    died_at: datetime | None


class SystemDatabase(Answer, frozen=True, kw_only=True):
    """The database."""

    version: str
    size: int
    """Octets."""
    migrations: list[str]


class SystemSetting(Answer, frozen=True, kw_only=True):
    """A setting of the node that answers."""

    name: str
    value: str
    """Of a secret, `***`."""
    source: str = field(name="from")
    """default, or given."""


class ConsoleSystem(Answer, frozen=True, kw_only=True):
    """What runs here."""

    version: str
    node: str
    """Which node answered."""
    nodes: list[SystemNode]
    database: SystemDatabase
    settings: list[SystemSetting]
