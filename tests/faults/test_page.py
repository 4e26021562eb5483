"""docs/faults.md cannot say what is not so."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from matrix import FAULTS, Fault
from page import NOT_YET, PAGE, STALE, digest, functions, outcome, render, seal, stored

ROWS = [f"F{number:02}" for number in range(1, 76)]

BEFORE_THE_MATRIX = {"test_notices.py", "test_notice_lanes.py"}
"""Their promises are the notices' own and name no row."""


def _id(fault: Fault) -> str:
    return fault.number


def test_every_row_is_there_once():
    """No fault of the reference is left out, and none stands twice."""
    assert ROWS == [fault.number for fault in FAULTS]
    said = re.findall(r"^\| (F\d\d) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert ROWS == said


@pytest.mark.parametrize("fault", FAULTS, ids=_id)
def test_a_row_has_its_tests_or_says_why_not(fault: Fault):
    """A test that is named exists and names the row in its promise."""
    assert fault.tests or fault.later
    for node in fault.nodes:
        assert digest(node), node
        file, _, name = node.partition("::")
        promise = ast.get_docstring(ast.parse(functions(file)[name]).body[0]) or ""
        excused = file.rpartition("/")[2] in BEFORE_THE_MATRIX
        assert excused or fault.number in _rows_in(promise), node


def _rows_in(promise: str) -> set[str]:
    """Rows named by themselves or within a span such as F03-F05."""
    rows = set()
    for first, last in re.findall(r"\bF(\d\d)(?:-F(\d\d))?\b", promise):
        rows |= {f"F{n:02}" for n in range(int(first), int(last or first) + 1)}
    return rows


def test_the_page_is_that_of_the_last_run():
    """What stands there is what a run wrote of the tests as they are: else
    `make faults`, or `make faults FAULTS=--page` to have it say what is not run.
    """
    assert render(stored()) == PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--help",), 0, "only these rows"),
        (("F33", "F99", "f40"), 2, "no such row: F99 f40"),
        (("--rows",), 2, "--rows"),
        (("--page", "F33"), 2, "--page runs no row"),
    ],
    ids=str,
)
def test_what_cannot_be_asked_runs_nothing(words, code, said):
    """A row that is not there is named, and no word means all of them."""
    ran = subprocess.run(
        [sys.executable, Path(__file__).with_name("run.py"), *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert code == ran.returncode
    assert said in (ran.stderr if code else ran.stdout)


def test_a_result_is_of_the_text_that_ran():
    """A test that was changed since its run has no result any more; nor has a row
    without one of its tests.
    """
    fault = next(fault for fault in FAULTS if len(fault.tests) > 1)
    ran = {
        node: {"result": "passed", "day": "2026-01-02", "digest": digest(node)}
        for node in fault.nodes
    }
    assert "passed 2026-01-02" == outcome(fault, ran)
    first = fault.nodes[0]
    changed = {**ran, first: {**ran[first], "digest": "another"}}
    assert STALE == outcome(fault, changed)
    failed = {**ran, first: {**ran[first], "result": "failed"}}
    assert "failed 2026-01-02" == outcome(fault, failed)
    del ran[first]
    assert NOT_YET == outcome(fault, ran)


def test_a_result_that_was_written_by_hand_does_not_fit():
    """The seal is over every result: another word is another seal."""
    results = {"a": {"result": "failed", "day": "2026-01-02", "digest": "x"}}
    by_hand = {"a": {**results["a"], "result": "passed"}}

    assert seal(results) != seal(by_hand)
