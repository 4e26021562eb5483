"""How the generated pages are written: titles, tables, cells; no command itself."""

import ast
import inspect
from collections.abc import Mapping, Sequence
from textwrap import dedent

MADE = "*Made from the code by `make generate`; do not edit.*"


def a_page(title: str, *parts: str) -> str:
    """A whole page."""
    return "\n\n".join((f"# {title}", MADE, *parts)) + "\n"


def a_table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table; cells may be anything."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(as_cell, line))} |" for line in lines)


def as_cell(value: object) -> str:
    """On one line, and without what would end a cell."""
    return " ".join(str(value).replace("|", "\\|").split())


def as_code(value: object) -> str:
    """In the letters of code; nothing stays nothing."""
    return f"`{value}`" if value not in (None, "") else ""


def first_sentence(text: str | None) -> str:
    """The first sentence of a docstring, as it may stand in a cell."""
    return (inspect.cleandoc(text or "").split("\n\n")[0]).replace("\n", " ")


def notes_of(kind: type) -> Mapping[str, str]:
    """What stands in a string below a field of a class."""
    # A class inside another one is indented.
    tree = ast.parse(dedent(inspect.getsource(kind))).body[0]
    assert isinstance(tree, ast.ClassDef)
    notes: dict[str, str] = {}
    name = ""
    for node in tree.body:
        match node:
            case ast.AnnAssign(target=ast.Name(id=found)):
                name = found
            case ast.Assign(targets=[ast.Name(id=found)]):
                name = found
            case ast.Expr(value=ast.Constant(value=str(text))) if name:
                notes[name] = first_sentence(text)
    return notes
