"""The fault matrix as a value: read from matrix.toml, which says what it is."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Fault:
    """One row: its number, what strikes, its tests as pytest names them, what lacks."""

    number: str
    strikes: str
    nodes: tuple[str, ...] = ()
    later: str = ""

    @property
    def tests(self) -> tuple[str, ...]:
        """The names of its tests, without their files."""
        return tuple(node.partition("::")[2] for node in self.nodes)


def _node(named: str) -> str:
    file, _, name = named.partition(".")
    return f"tests/flows/test_{file}.py::test_{name}"


def _read() -> tuple[Fault, ...]:
    text = Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
    return tuple(
        Fault(
            number=number,
            strikes=row["strikes"],
            nodes=tuple(map(_node, row.get("tests", ()))),
            later=row.get("later", ""),
        )
        for number, row in tomllib.loads(text).items()
    )


FAULTS = _read()
