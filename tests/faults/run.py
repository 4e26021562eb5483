"""Run the directed tests of the fault matrix and write docs/faults.md anew.

    python tests/faults/run.py            all of them
    python tests/faults/run.py F33 F40    those of some rows
    python tests/faults/run.py --page     none: only draw the page anew

The last line is one of JSON: faults held, failed, and not held by any test.
"""

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from matrix import FAULTS
from page import FAILED, PAGE, PASSED, digest, outcome, place, render, store, stored


class Recorder:
    """What became of each test; of a test with parameters, the worst."""

    def __init__(self) -> None:
        self.seen: dict[str, set[str]] = defaultdict(set)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a phase of a test: a failed set-up fails it too."""
        if report.when == "call" or report.outcome != PASSED:
            self.seen[report.nodeid.partition("[")[0]].add(report.outcome)

    def results(self) -> dict[str, dict[str, str]]:
        """By test, with the day and the text that it was of."""
        day = f"{datetime.now(UTC):%Y-%m-%d}"
        return {
            node: {
                "result": PASSED if outcomes == {PASSED} else FAILED,
                "day": day,
                "digest": digest(node),
            }
            for node, outcomes in self.seen.items()
        }


def arguments(given: Sequence[str]) -> argparse.Namespace:
    """What is asked for; a row that is not in the matrix is exit code 2."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rows", nargs="*", metavar="F33", help="only these rows")
    parser.add_argument("--page", action="store_true", help="run none: draw the page")
    asked = parser.parse_args(given)
    known = {fault.number for fault in FAULTS}
    if unknown := [row for row in asked.rows if row not in known]:
        parser.error(f"no such row: {' '.join(unknown)} (see tests/faults/matrix.toml)")
    if asked.page and asked.rows:
        parser.error("--page runs no row")
    return asked


def strike(rows: Sequence[str]) -> None:
    """Run the tests of these rows, or of all if none is named, and keep the results."""
    struck = [fault for fault in FAULTS if not rows or fault.number in rows]
    nodes = sorted({node for fault in struck for node in fault.nodes}, key=place)
    recorder = Recorder()
    pytest.main(["-q", "-n", "2", "--dist", "loadfile", *nodes], plugins=[recorder])
    listed = {node for fault in FAULTS for node in fault.nodes}
    known = {**stored(), **recorder.results()}
    store({node: known[node] for node in sorted(known) if node in listed})


def main(given: Sequence[str]) -> int:
    """Run, write, say."""
    asked = arguments(given)
    if not asked.page:
        strike(asked.rows)
    results = stored()
    PAGE.write_text(render(results), encoding="utf-8")
    said = [outcome(fault, results).partition(" ")[0] for fault in FAULTS]
    counts = {
        "faults": len(FAULTS),
        PASSED: said.count(PASSED),
        FAILED: said.count(FAILED),
        "not_run": said.count("not"),
        "no_test": said.count(""),
    }
    print(json.dumps(counts))  # noqa: T201 the last line is what programs read
    return 1 if counts[FAILED] or counts["not_run"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
