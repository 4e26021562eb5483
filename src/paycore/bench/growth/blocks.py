"""Which statements touch how much, a payment: whether any of them feels history. Pure.

They are told by what they do to which table. The journal writes rows of several tables
in one statement, in many combinations: those are taken together.
"""

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType

_DOES = re.compile(r'(INSERT INTO|UPDATE|DELETE FROM|FROM) "?([a-z][a-z_]+)"?(?![\w(])')

_VERBS: Mapping[str, str] = MappingProxyType(
    {
        "INSERT INTO": "add",
        "UPDATE": "change",
        "DELETE FROM": "remove",
        "FROM": "read",
    }
)

SEVERAL = "WITH w0 AS ("
"""As the journal begins a statement about several tables."""

LONGEST = 60
"""Letters of a statement that is about no table."""

Touched = Mapping[str, tuple[int, int]]
"""Of each statement: how often it was run, and how many blocks it touched."""


def deed(statement: str) -> str:
    """What a statement does to which table: `change payment, add attempt`."""
    found = _DOES.findall(statement)
    if statement.startswith(SEVERAL):
        return f"{_VERBS[found[0][0]]} rows of several tables"
    done = dict.fromkeys(f"{_VERBS[verb]} {table}" for verb, table in found)
    return ", ".join(done) or " ".join(statement.split())[:LONGEST]


def by_deed(windows: Iterable[Touched], payments: int) -> dict[str, float]:
    """Blocks a payment, by what is done."""
    found: dict[str, float] = {}
    for touched in windows:
        for statement, (_, blocks) in touched.items():
            does = deed(statement)
            found[does] = found.get(does, 0.0) + blocks / payments
    return found


def since(before: Touched, after: Touched) -> Touched:
    """What was touched between two looks."""
    found = {}
    for statement, (calls, blocks) in after.items():
        calls_before, blocks_before = before.get(statement, (0, 0))
        if calls > calls_before:
            found[statement] = (calls - calls_before, blocks - blocks_before)
    return found
