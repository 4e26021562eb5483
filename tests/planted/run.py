"""`make planted`: plant every bug in a copy of the code, and simulate until found.

    python tests/planted/run.py            all of them
    python tests/planted/run.py 01 07      some
    python tests/planted/run.py --seeds 50 --payments 40

Progress and a table go to standard error; standard output ends with one line of JSON.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TimeElapsedColumn
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent))

from planting import HERE, Outgrown, Planted, by_number, copy_source, plant, planted

RESULTS = HERE / "results.json"
"""What became of each, by name: docs/proof.md is drawn from it."""

SEEDS = 200
PAYMENTS = 40
AT_ONCE = 2
BASELINE_SEEDS = 20
"""In so many first seeds the code as it stands must find nothing, or what is found in
a patched copy says nothing about the patch.
"""

Tell = Callable[[int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one bug."""

    seeds: int
    """How many were run, the one that found it included."""
    invariant: str = ""
    what: str = ""
    failed: str = ""
    """Why it could not be planted or run at all."""


def hunt(
    bug: Planted | None, *, seeds: int, payments: int, tell: Tell = lambda _: None
) -> Outcome:
    """Plant it in a copy (None: nothing) and run seeds until something is found.

    What the code as it stands finds in the same run is not the bug's doing: then the
    hunt goes on with the next seed.
    """
    given = {
        "payments": payments,
        "always": bug.faults if bug is not None else (),
        "tell": tell,
    }
    with tempfile.TemporaryDirectory(prefix="planted-") as folder:
        root = Path(folder).resolve()
        for kind in ("plain", "patched"):
            copy_source(root / kind)
        try:
            if bug is not None:
                plant(bug, root / "patched")
        except Outgrown as error:
            return Outcome(seeds=0, failed=str(error))
        outcome = Outcome(seeds=0)
        while outcome.seeds < seeds:
            first, patched = outcome.seeds + 1, root / "patched"
            outcome = _listen(patched, first, seeds, **given)
            if bug is None or not outcome.invariant:
                break
            at = outcome.seeds
            plain = _listen(root / "plain", at, at, **given)
            if not plain.invariant and not plain.failed:
                break
            outcome = Outcome(seeds=at)
    return outcome


def _listen(
    root: Path,
    first: int,
    last: int,
    *,
    payments: int,
    always: tuple[str, ...],
    tell: Tell,
) -> Outcome:
    """Hunt in a process of its own, and read what it says, a line a seed."""
    command = [sys.executable, str(HERE / "hunt.py"), str(root), str(first), str(last)]
    command += [str(payments), *([",".join(always)] if always else [])]
    environment = {**os.environ, "PYTHONPATH": str(root / "src")}
    outcome = Outcome(seeds=first - 1)
    with (root / "errors").open("w+", encoding="utf-8") as errors:
        with subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True
        ) as hunting:
            assert hunting.stdout is not None
            for line in hunting.stdout:
                said = json.loads(line)
                tell(said["seed"])
                outcome = Outcome(seeds=said["seed"], **(said["found"] or {}))
        if hunting.returncode:
            errors.seek(0)
            return Outcome(seeds=outcome.seeds, failed=errors.read()[-400:])
    return outcome


def _every_one(bugs: list[Planted], given: argparse.Namespace) -> dict[str, Outcome]:
    """Two at a time, with a bar that counts the bugs."""
    bar = Progress(
        *Progress.get_default_columns()[:2],
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
    )
    outcomes: dict[str, Outcome] = {}

    def one(bug: Planted) -> None:
        row = bar.add_task(bug.name, total=given.seeds)
        outcomes[bug.name] = hunt(
            bug,
            seeds=given.seeds,
            payments=given.payments,
            tell=lambda ran: bar.update(row, completed=ran),
        )
        bar.remove_task(row)
        bar.advance(whole)

    with bar, ThreadPoolExecutor(AT_ONCE) as pool:
        whole = bar.add_task("planted", total=len(bugs))
        list(pool.map(one, bugs))
    return outcomes


def _show(bugs: list[Planted], outcomes: dict[str, Outcome]) -> None:
    """A row a bug."""
    table = Table("bug", "seeds", "found as", "what")
    for bug in bugs:
        outcome = outcomes[bug.name]
        found = outcome.invariant or ("cannot run" if outcome.failed else "SURVIVES")
        seeds = str(outcome.seeds)
        table.add_row(bug.name, seeds, found, outcome.what or outcome.failed)
    Console(stderr=True, width=130).print(table)


def _keep(outcomes: dict[str, Outcome]) -> None:
    """Remember what became of each; of one that is gone nothing is kept."""
    there = {bug.name for bug in planted()}
    known = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
    day = f"{datetime.now(UTC):%Y-%m-%d}"
    for name, outcome in outcomes.items():
        known[name] = {
            "found": bool(outcome.invariant),
            "seed": outcome.seeds if outcome.invariant else None,
            "seeds": outcome.seeds,
            "invariant": outcome.invariant,
            "what": outcome.what or outcome.failed,
            "day": day,
        }
    kept = {name: known[name] for name in sorted(known, key=by_number) if name in there}
    RESULTS.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


def main() -> int:
    """Plant, hunt, say; 1 where one survives or cannot be planted any more."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("bugs", nargs="*")
    asked.add_argument("--seeds", type=int, default=SEEDS)
    asked.add_argument("--payments", type=int, default=PAYMENTS)
    asked.add_argument("--no-baseline", action="store_true")
    given = asked.parse_args()
    bugs = [one for one in planted() if not given.bugs or one.number in given.bugs]
    began = time.monotonic()
    if not given.no_baseline:
        plain = hunt(None, seeds=BASELINE_SEEDS, payments=given.payments)
        if plain.invariant or plain.failed:
            sys.stderr.write(f"the code as it stands is not clean: {plain}\n")
            return 1
    outcomes = _every_one(bugs, given)
    _show(bugs, outcomes)
    _keep(outcomes)
    found = [one.seeds for one in outcomes.values() if one.invariant]
    result = {
        "planted": len(bugs),
        "found": len(found),
        "median_seeds": statistics.median(found) if found else None,
        "survivors": len(bugs) - len(found),
        "seconds": round(time.monotonic() - began),
    }
    sys.stdout.write(json.dumps(result) + "\n")
    return int(len(found) < len(bugs))


if __name__ == "__main__":
    sys.exit(main())
