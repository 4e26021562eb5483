"""What is kept of a run: its figures, the day, the command, the machine, the rounds.

docs/benchmarks.md is drawn from it (tests/bench/page.py), and a later run is compared
with it (`compare.py`). The line of JSON has the figures only: who reads that has just
seen the rest.
"""

import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from paycore.bench import cpu, report
from paycore.bench.contenders import BARE, DURABLE, OURS
from paycore.bench.load import Level
from paycore.bench.run import Figures, Plan
from paycore.kernel.clock import machine_now


def details(figures: Figures, plan: Plan) -> dict[str, object]:
    """All that a run came to."""
    who = ((OURS, figures.ours), (BARE, figures.bare), (DURABLE, figures.durable))
    return {
        **header(plan.command),
        "postgres": figures.yardstick.postgres,
        **report.document(figures),
        "rounds": {name: _round(levels) for name, levels in who if levels},
    }


def header(command: str) -> dict[str, object]:
    """When, how and where it ran."""
    return {
        "day": f"{machine_now():%Y-%m-%d}",
        "command": command,
        "cores": os.cpu_count() or 1,
        "python": platform.python_version(),
        "system": platform.system(),
    }


def keep(file: Path, found: Mapping[str, object]) -> None:
    """Write it where it is looked for; what is there already gives way."""
    file.parent.mkdir(parents=True, exist_ok=True)
    kept = msgspec.json.format(msgspec.json.encode(found), indent=1)
    file.write_bytes(kept + b"\n")


def _round(levels: Sequence[Level]) -> dict[str, list[float]]:
    """By round: so far apart are windows that measure the same."""
    found = {"per_s": [round(each.per_s, 1) for each in levels]}
    if cpu.known():
        found["node_us"] = [
            round(each.cpu_s["node"] / max(1, each.payments) * 1_000_000)
            for each in levels
        ]
    return found
