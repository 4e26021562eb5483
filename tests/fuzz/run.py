"""`make fuzz`: tens of thousands of made-up requests against a running stack.

Progress goes to standard error; standard output ends with one line of JSON. A seed
makes the same requests again.
"""

import argparse
import json
import secrets
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

sys.path.insert(0, str(Path(__file__).parents[1] / "flows"))
sys.path.insert(0, str(Path(__file__).parent))

from fuzzing import Fuzz
from stack import stacked


def main() -> int:
    """Fuzz; 1 where anything failed."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--requests", type=int, default=50_000)
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
    with stacked(log_level="error") as stack, bar:
        task = bar.add_task("requests", total=given.requests)
        fuzz = Fuzz(
            stack,
            given.requests,
            given.seed,
            tell=lambda sent: bar.update(task, completed=sent),
        )
        fuzz.run()
    for kind, detail in fuzz.shown.items():
        console.print(f"{kind}\n  {detail}", markup=False)
    answers = {str(status): n for status, n in sorted(fuzz.statuses.items())}
    console.print(f"answers by status: {answers}")
    result = {"requests": fuzz.sent, "failures": fuzz.failures, "seed": given.seed}
    sys.stdout.write(json.dumps(result) + "\n")
    return int(fuzz.failures > 0)


if __name__ == "__main__":
    sys.exit(main())
