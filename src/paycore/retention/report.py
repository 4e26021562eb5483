"""What is old, and what was taken away: values, and how they read. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(slots=True, kw_only=True)
class Line:
    """One table."""

    table: str
    what: str
    how: str
    kept_days: int
    setting: str | None
    """Which setting says how many days; None: they are given."""
    oldest: datetime | None = None
    """The age of about the oldest row is counted from then."""
    past_rows: int = 0
    """Rows that are past their age and may go."""
    past_octets: int = 0
    """Of these rows, without their indexes."""
    held_payments: int = 0
    """Payments old enough whose rows stay: open, with an open case, or with something
    newer among them."""
    removed_rows: int = 0
    freed_octets: int = 0
    """Disk that the machine has back."""
    reusable_octets: int = 0
    """Of deleted rows: the table's own next rows take their place."""
    postponed: str = ""
    """Why something old is still there, and is gone on with soon."""
    left: str = ""
    """The same, where it is for another day."""

    def document(self) -> dict[str, object]:
        """As JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(slots=True, kw_only=True)
class Report:
    """All tables."""

    at: datetime
    applied: bool
    """Whether anything was taken away, or only looked at."""
    lines: Sequence[Line] = field(default_factory=list)

    @property
    def done(self) -> bool:
        """Whether all that may go today has gone."""
        return not any(line.postponed for line in self.lines)

    def total(self, name: str) -> int:
        """The sum of a number over all tables."""
        return sum(getattr(line, name) for line in self.lines)

    def document(self) -> dict[str, object]:
        """As JSON."""
        return {
            "at": self.at,
            "applied": self.applied,
            "past_rows": self.total("past_rows"),
            "removed_rows": self.total("removed_rows"),
            "freed_octets": self.total("freed_octets"),
            "reusable_octets": self.total("reusable_octets"),
            "tables": [line.document() for line in self.lines],
        }

    def sentence(self) -> str:
        """What came of it, in a few words."""
        said = f"{self.total('removed_rows')} rows removed"
        why = [
            f"{line.table}: {line.postponed or line.left}"
            for line in self.lines
            if line.postponed or line.left
        ]
        return f"{said}; left for later: {'; '.join(why)}" if why else said
