"""`make races`: rounds of races for money, and 0 overshoot by the banks' own record.

Progress goes to standard error; standard output ends with one line of JSON. A seed
draws the same mix of strikes again.
"""

import argparse
import json
import secrets
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

sys.path.insert(0, str(Path(__file__).parents[1] / "flows"))
sys.path.insert(0, str(Path(__file__).parent))

from racing import Races
from stack import stacked


def main() -> int:
    """Race; 1 where anything overshot."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--rounds", type=int, default=1000)
    asked.add_argument("--at-once", type=int, default=100, help="refunds of a race")
    asked.add_argument("--seed", type=int, default=secrets.randbelow(2**32))
    given = asked.parse_args()
    console = Console(stderr=True)
    console.print(f"seed {given.seed}")
    bar = Progress(
        *Progress.get_default_columns()[:2],
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
    )
    began = time.monotonic()
    # At its end the auditor looks at all of it, and what it finds is raised.
    with stacked(log_level="error") as stack, bar:
        stack.start_node()
        task = bar.add_task("rounds", total=given.rounds)
        races = Races(stack, given.seed, at_once=given.at_once)
        races.run(given.rounds, lambda done: bar.update(task, completed=done))
    for line in races.shown:
        console.print(line, markup=False)
    for end, times in sorted(races.won.items()):
        console.print(f"{times:6d}  {end}", markup=False)
    result = {
        "rounds": races.rounds,
        "overshoots": races.overshoots,
        "refunds_at_once": given.at_once,
        "seed": given.seed,
        "seconds": round(time.monotonic() - began, 1),
    }
    sys.stdout.write(json.dumps(result) + "\n")
    return int(races.overshoots > 0)


if __name__ == "__main__":
    sys.exit(main())
