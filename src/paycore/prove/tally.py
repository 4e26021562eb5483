"""What many runs came to: by fault, by invariant, and as one line of JSON."""

from collections import Counter
from dataclasses import dataclass, field
from time import perf_counter

from rich.table import Table

from paycore.prove.kinds import KINDS
from paycore.prove.run import Outcome

MOST_FAILED = 3
"""Failing runs that are told and made smaller: the first ones."""


@dataclass(slots=True, kw_only=True)
class Tally:
    """The sums."""

    began: float = field(default_factory=perf_counter)
    seeds: int = 0
    payments: int = 0
    virtual_s: float = 0.0
    cpu_s: float = 0.0
    hits: Counter[str] = field(default_factory=Counter)
    runs: Counter[str] = field(default_factory=Counter)
    """By kind of fault: the runs in which it struck."""
    checked: Counter[str] = field(default_factory=Counter)
    broken: Counter[str] = field(default_factory=Counter)
    failed: list[Outcome] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        """Take one run in."""
        self.seeds += 1
        self.payments += outcome.payments
        self.virtual_s += outcome.virtual_s
        self.cpu_s += outcome.cpu_s
        self.hits.update(outcome.hits)
        self.runs.update(outcome.hits.keys())
        self.checked.update(outcome.checked)
        self.broken.update(one.invariant for one in outcome.violations)
        if outcome.violations and len(self.failed) < MOST_FAILED:
            self.failed.append(outcome)

    def document(self) -> dict[str, object]:
        """The last line."""
        seconds = perf_counter() - self.began
        return {
            "seeds": self.seeds,
            "payments": self.payments,
            "faults_exercised": len(self.hits),
            "strikes": sum(self.hits.values()),
            "checks": sum(self.checked.values()),
            "violations": sum(self.broken.values()),
            "seconds": round(seconds, 1),
            "times_real_time": round(self.virtual_s / max(seconds, 0.001)),
            "payments_per_cpu_s": round(self.payments / max(self.cpu_s, 0.001)),
        }

    def details(self) -> dict[str, object]:
        """For docs/proof.md: what the last line leaves out."""
        return {
            **self.document(),
            "hits": dict(sorted(self.hits.items())),
            "runs": dict(sorted(self.runs.items())),
            "checked": dict(sorted(self.checked.items())),
        }

    def tables(self) -> list[Table]:
        """For a terminal."""
        faults = Table(title="What struck", title_justify="left")
        for name in ("fault", "rows", "strikes", "in runs", "what"):
            number = name in ("strikes", "in runs")
            faults.add_column(name, justify="right" if number else "left")
        for kind in KINDS:
            faults.add_row(
                kind.name,
                " ".join(kind.rows),
                f"{self.hits[kind.name]:,}",
                f"{self.runs[kind.name]:,}",
                kind.what,
            )
        held = Table(title="What held", title_justify="left")
        for name in ("invariant", "looks", "violations"):
            held.add_column(name, justify="left" if name == "invariant" else "right")
        for name in sorted({*self.checked, *self.broken}):
            held.add_row(name, f"{self.checked[name]:,}", f"{self.broken[name]:,}")
        return [faults, held]
