"""What a meter is: a thing that is counted, and an example of when to look at it."""

from dataclasses import dataclass
from enum import StrEnum

Labels = tuple[str, ...]


class Kind(StrEnum):
    """How Prometheus reads it."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """An example of when a person should look."""

    name: str
    when: str
    """A PromQL expression."""
    lasting: str
    """For how long it must hold."""
    page: bool
    """Whether to wake somebody."""
    says: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """One thing that is counted."""

    name: str
    kind: Kind
    unit: str
    labels: Labels = ()
    meaning: str
    alert: Alert
    buckets: tuple[float, ...] = ()
