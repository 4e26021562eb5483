"""`make races`: rounds of races for money, and 0 overshoot by the banks' own record.

Progress goes to standard error; standard output ends with one line of JSON. A seed
draws the same mix of strikes again.
"""

import argparse
import json
import secrets
import subprocess
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
    asked.add_argument(
        "--stacks", type=int, default=1, help="so many at a time share the rounds"
    )
    given = asked.parse_args()
    if given.stacks > 1:
        return _shared(given)
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


def _shared(given: argparse.Namespace) -> int:
    """Stacks of their own: a race waits for most of its time. The seed of each is the
    seed times its number.
    """
    began = time.monotonic()
    running = [
        subprocess.Popen(
            [
                *(sys.executable, __file__, "--at-once", str(given.at_once)),
                *("--rounds", str(given.rounds // given.stacks)),
                *("--seed", str(given.seed * number)),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(1, given.stacks + 1)
    ]
    said = [one.communicate()[0].splitlines() for one in running]
    broke = [one for one in running if one.returncode not in (0, 1)]
    ends = [json.loads(lines[-1]) for lines in said if lines]
    result = {
        "rounds": sum(one["rounds"] for one in ends),
        "overshoots": sum(one["overshoots"] for one in ends),
        "refunds_at_once": given.at_once,
        "seed": given.seed,
        "stacks": given.stacks,
        "seconds": round(time.monotonic() - began, 1),
    }
    sys.stdout.write(json.dumps(result) + "\n")
    return int(bool(broke) or result["overshoots"] > 0)


if __name__ == "__main__":
    sys.exit(main())
