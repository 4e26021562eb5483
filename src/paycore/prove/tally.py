"""What many runs came to: by fault, by invariant, and as one line of JSON."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter
from typing import Final

import msgspec
from rich.table import Table

from paycore.prove.kinds import KINDS
from paycore.prove.plan import Plan
from paycore.prove.run import Outcome

MOST_FAILED = 3
"""Failing runs that are told and made smaller: the first ones."""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A run as it is kept, and how long it was waited for."""

    outcome: Outcome
    wall_s: float


_LINE: Final = msgspec.json.Decoder(Line)


def _lasting(plan: Plan) -> Plan:
    """A plan without the address of a server that is another at each sitting."""
    return plan if plan.postgres is None else replace(plan, postgres="")


@dataclass(slots=True, kw_only=True)
class Tally:
    """The sums."""

    seconds: float = 0.0
    """Of the clock on the wall, over all sittings."""
    looked_at: float = field(default_factory=perf_counter)
    seeds: int = 0
    payments: int = 0
    virtual_s: float = 0.0
    cpu_s: float = 0.0
    hits: Counter[str] = field(default_factory=Counter)
    runs: Counter[str] = field(default_factory=Counter)
    """By kind of fault: the runs in which it struck."""
    trial_balance: int = 0
    """What was left over of debits and credits, over all runs."""
    checked: Counter[str] = field(default_factory=Counter)
    broken: Counter[str] = field(default_factory=Counter)
    failed: list[Outcome] = field(default_factory=list)

    def resume(self, file: Path, plans: Sequence[Plan]) -> set[Plan]:
        """Take in what earlier sittings wrote down of these plans; which those are."""
        if not file.exists():
            return set()
        lines = file.read_bytes().split(b"\n")
        wanted = set(map(_lasting, plans))
        kept = [_LINE.decode(line) for line in lines if line.endswith(b"}")]
        done = [line for line in kept if _lasting(line.outcome.plan) in wanted]
        for line in done:
            self.seconds += line.wall_s
            self._take(line.outcome)
        self.looked_at = perf_counter()
        made = {_lasting(line.outcome.plan) for line in done}
        return {plan for plan in plans if _lasting(plan) in made}

    def add(self, outcome: Outcome) -> bytes:
        """Take one run in; the line to keep of it."""
        now = perf_counter()
        wall_s, self.looked_at = now - self.looked_at, now
        self.seconds += wall_s
        self._take(outcome)
        return msgspec.json.encode(Line(outcome=outcome, wall_s=wall_s)) + b"\n"

    def _take(self, outcome: Outcome) -> None:
        self.seeds += 1
        self.payments += outcome.payments
        self.virtual_s += outcome.virtual_s
        self.cpu_s += outcome.cpu_s
        self.trial_balance += outcome.trial_balance
        self.hits.update(outcome.hits)
        self.runs.update(outcome.hits.keys())
        self.checked.update(outcome.checked)
        self.broken.update(one.invariant for one in outcome.violations)
        if outcome.violations and len(self.failed) < MOST_FAILED:
            self.failed.append(outcome)

    def document(self) -> dict[str, object]:
        """The last line."""
        return {
            "seeds": self.seeds,
            "payments": self.payments,
            "faults_exercised": len(self.hits),
            "strikes": sum(self.hits.values()),
            "checks": sum(self.checked.values()),
            "violations": sum(self.broken.values()),
            "trial_balance": self.trial_balance,
            "seconds": round(self.seconds, 1),
            "times_real_time": round(self.virtual_s / max(self.seconds, 0.001)),
            "payments_per_cpu_s": round(self.payments / max(self.cpu_s, 0.001)),
        }

    def details(self, day: str) -> dict[str, object]:
        """For docs/proof.md: what the last line leaves out."""
        return {
            "day": day,
            **self.document(),
            "hits": dict(sorted(self.hits.items())),
            "runs": dict(sorted(self.runs.items())),
            "checked": dict(sorted(self.checked.items())),
            "broken": dict(sorted(self.broken.items())),
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
