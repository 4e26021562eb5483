"""docs/faults.md, drawn from the matrix and the results of its last run.

A result counts for the test as it was when it ran: once the test's own text is another,
the page says so instead of repeating it.
"""

import ast
import hashlib
import json
from functools import cache
from pathlib import Path

from matrix import FAULTS, ROOT, Fault

PAGE = ROOT / "docs" / "faults.md"
RESULTS = Path(__file__).with_name("results.json")

PASSED, FAILED = "passed", "failed"
STALE = "not run since the test changed"
NOT_YET = "not yet"

HEAD = """# Faults

This page says which faults can strike a payment, and which test struck with each.
It is made by `make faults`, which runs the tests and writes down what came of them;
nobody writes here by hand.
The tests go over real HTTP to the sandbox's banks and use a real PostgreSQL.
A result is that of the test as it stands: once the test is another, it does not count.

| fault | what strikes | tests | last result |
|---|---|---|---|
"""


@cache
def functions(file: str) -> dict[str, str]:
    """The text of each test of a file, with its decorators."""
    text = (ROOT / file).read_text(encoding="utf-8")
    lines = text.splitlines()
    return {
        node.name: "\n".join(lines[_first(node) - 1 : node.end_lineno])
        for node in ast.parse(text).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def _first(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return min([node.lineno, *(each.lineno for each in node.decorator_list)])


def place(node: str) -> tuple[str, int]:
    """Where a test stands: those of a file run in its order, as they always do."""
    file, _, name = node.partition("::")
    return (file, list(functions(file)).index(name))


def digest(node: str) -> str:
    """Of the test's own text; empty where there is no such test."""
    file, _, name = node.partition("::")
    if not (ROOT / file).exists() or name not in functions(file):
        return ""
    return hashlib.sha256(functions(file)[name].encode()).hexdigest()


def seal(results: dict[str, dict[str, str]]) -> str:
    """Over all results: a line that was changed by hand does not fit any more."""
    text = json.dumps(results, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def stored() -> dict[str, dict[str, str]]:
    """What the last run wrote: by test, its result, its day, the text it was of."""
    if not RESULTS.exists():
        return {}
    read = json.loads(RESULTS.read_text(encoding="utf-8"))
    assert seal(read["results"]) == read["seal"], (
        "results.json was not written by a run"
    )
    results: dict[str, dict[str, str]] = read["results"]
    return results


def store(results: dict[str, dict[str, str]]) -> None:
    """Keep the results, sealed."""
    kept = {"results": results, "seal": seal(results)}
    text = json.dumps(kept, indent=1, sort_keys=True)
    RESULTS.write_text(f"{text}\n", encoding="utf-8")


def render(results: dict[str, dict[str, str]]) -> str:
    """The page."""
    return HEAD + "".join(f"{_row(fault, results)}\n" for fault in FAULTS)


def _row(fault: Fault, results: dict[str, dict[str, str]]) -> str:
    tests = "<br>".join(f"`{name}`" for name in fault.tests) or "–"
    result = outcome(fault, results)
    said = "; ".join(part for part in (result, fault.later) if part)
    return f"| {fault.number} | {fault.strikes} | {tests} | {said} |"


def outcome(fault: Fault, results: dict[str, dict[str, str]]) -> str:
    """Of all tests of a row: the worst, and of the days the oldest."""
    if not fault.tests:
        return "" if fault.later else NOT_YET
    kept = [results.get(node) for node in fault.nodes]
    ran = [each for each in kept if each is not None]
    if len(ran) < len(kept):
        return NOT_YET
    day = min(each["day"] for each in ran)
    if any(each["result"] != PASSED for each in ran):
        return f"{FAILED} {day}"
    if any(
        each["digest"] != digest(node)
        for node, each in zip(fault.nodes, ran, strict=True)
    ):
        return STALE
    return f"{PASSED} {day}"
