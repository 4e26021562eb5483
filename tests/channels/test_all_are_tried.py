"""Every channel and carrier that is shipped is in its suite: a new file without is not
believed to be good because nothing says otherwise.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

from paycore.gateway import registry as channels
from paycore.sms import registry as carriers

HERE = Path(__file__).parent


def suites(base: str, attribute: str) -> Iterator[str]:
    """What the tests' classes of a suite name in an attribute; the suites themselves,
    which name nothing, aside.
    """
    found = [
        node
        for file in sorted(HERE.glob("*.py"))
        for node in ast.parse(file.read_text("utf-8")).body
        if isinstance(node, ast.ClassDef)
    ]
    kinds = {base}
    while more := {node.name for node in found if kinds & names_of(node.bases)} - kinds:
        kinds |= more
    for node in found:
        if node.name not in kinds or not node.name.startswith("Test"):
            continue
        for line in node.body:
            if isinstance(line, ast.Assign) and attribute in names_of(line.targets):
                yield from names_of([line.value])


def names_of(nodes: list[ast.expr]) -> set[str]:
    """The plain names among expressions."""
    return {node.id for node in nodes if isinstance(node, ast.Name)}


def test_every_channel_is_in_the_suite() -> None:
    """By a class `Test…` of the contract that names it as its driver."""
    tried = set(suites("ChannelContract", "driver"))

    assert {kind.__name__ for kind in channels.shipped()} <= tried


def test_every_carrier_is_in_the_suite() -> None:
    """By a class `Test…` of the contract whose bench names it as its driver."""
    benches = set(suites("CarrierContract", "bench_of"))
    tried = {
        name
        for file in sorted(HERE.glob("test_*.py"))
        for node in ast.parse(file.read_text("utf-8")).body
        if isinstance(node, ast.ClassDef) and node.name in benches
        for line in node.body
        if isinstance(line, ast.Assign) and "driver" in names_of(line.targets)
        for name in names_of([line.value])
    }

    assert {kind.__name__ for kind in carriers.shipped()} <= tried


def test_a_class_without_a_suite_is_noticed() -> None:
    """Or this file would only look as if it looked."""
    assert "UnionPay" in set(suites("ChannelContract", "driver"))
    assert not set(suites("NoSuchContract", "driver"))
