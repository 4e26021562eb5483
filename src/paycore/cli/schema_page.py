"""docs/schema.md: every table, as the migrations make it and as its rows say of it; no
command itself.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module, resources
from typing import TYPE_CHECKING

from paycore.cli.markdown import a_page, a_table, as_code, first_sentence, notes_of

if TYPE_CHECKING:
    from paycore.kernel.journal import Row

_TYPES = "text|bigint|boolean|bytea|timestamptz|uuid|jsonb"
"""Of columns; the journal knows no others."""


@dataclass(frozen=True, slots=True)
class _Statement:
    """One statement of a migration, with the comment that stands above it."""

    file: str
    comment: str
    sql: str


def schema() -> str:
    """Every table: what the migrations make and what the rows say of it."""
    statements = list(_statements())
    rows = {row.__table__.name: row for row in _row_types()}
    return a_page(
        "Schema",
        "With this page you can read the database.",
        "Tables are made by the numbered files in `src/paycore/migrations/`; the rows "
        "are declared in `rows.py` of the package named.\n"
        "Partitioned tables are split by ranges of `pay_order_no`.",
        *(
            _schema_table(found[1], one, rows.get(found[1]), statements)
            for one in statements
            if (found := re.match(r"CREATE TABLE (\w+)", one.sql))
        ),
        "## Views",
        a_table(
            ("view", "what it shows", "file"),
            [
                (as_code(found[1]), one.comment, one.file)
                for one in statements
                if (found := re.match(r"CREATE VIEW (\w+)", one.sql))
            ],
        ),
        "## Triggers",
        a_table(
            ("trigger", "table", "file"),
            [
                (as_code(found[1]), as_code(found[2]), one.file)
                for one in statements
                if (
                    found := re.match(
                        r"CREATE (?:CONSTRAINT )?TRIGGER (\w+).*?\bON (\w+)",
                        one.sql,
                        re.DOTALL,
                    )
                )
            ],
        ),
    )


def _schema_table(
    name: str,
    made: _Statement,
    row: type["Row"] | None,
    statements: Sequence[_Statement],
) -> str:
    notes = notes_of(row) if row is not None else {}
    changes = [one.sql for one in statements if _is_about(name, one.sql)]
    columns = [
        (
            as_code(column),
            kind,
            "" if "NOT NULL" in rest else "yes",
            notes.get(column, ""),
        )
        for column, kind, rest in (*_columns(made.sql), *_added(changes))
    ]
    parts = [
        f"## {name}",
        "\n".join(filter(None, (made.comment, _row_note(row), _parted(made.sql)))),
        a_table(("column", "type", "null?", "note"), columns),
    ]
    refused = _refused_by(name, made.sql, statements, changes)
    if refused:
        parts.append("\n".join(f"- {line}" for line in refused))
    return "\n\n".join(parts)


def _row_note(row: type["Row"] | None) -> str:
    if row is None:
        return ""
    place = row.__module__.removeprefix("paycore.")
    return f"Row `{row.__name__}` of `{place}`: {first_sentence(row.__doc__)}"


def _parted(sql: str) -> str:
    return "Partitioned." if "PARTITION BY RANGE" in sql else ""


def _columns(sql: str) -> Iterator[tuple[str, str, str]]:
    """Name, type and the rest of each column; constraints are not columns."""
    body = sql[sql.index("(") + 1 : sql.rindex(")")]
    for line in body.splitlines():
        found = re.match(rf"\s+([a-z_0-9]+)\s+({_TYPES})\b(.*)", line)
        if found is not None:
            rest = found[3] if "PRIMARY KEY" not in found[3] else "NOT NULL"
            yield found[1], found[2], rest


def _is_about(name: str, sql: str) -> bool:
    return re.match(rf"ALTER TABLE {name} ", sql) is not None


def _added(changes: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """The columns that a table got later."""
    for sql in changes:
        found = re.search(rf" ADD COLUMN ([a-z_0-9]+)\s+({_TYPES})\b(.*)", sql)
        if found is not None:
            yield found[1], found[2], found[3]


def _refused_by(
    name: str, sql: str, statements: Sequence[_Statement], changes: Sequence[str]
) -> list[str]:
    """Keys, checks and indexes, each as it is written; of keys the last one."""
    body = [line.strip().rstrip(",") for line in sql.splitlines()]
    keys = [
        found[1] for c in changes if (found := re.search("ADD (PRIMARY KEY.*);", c))
    ]
    lines = [
        as_code(line)
        for line in body
        if line.startswith("CHECK") or (line.startswith("PRIMARY KEY") and not keys)
    ]
    lines += [as_code(key) for key in keys[-1:]]
    for one in statements:
        found = re.match(rf"CREATE (?:UNIQUE )?INDEX \w+ ON {name}\b", one.sql)
        if found is not None:
            why = f": {one.comment}" if one.comment else ""
            lines.append(as_code(" ".join(one.sql.split())) + why)
    return lines


def _statements() -> Iterator[_Statement]:
    """The statements of all migrations, in order."""
    folder = resources.files("paycore.migrations")
    files = sorted(f.name for f in folder.iterdir() if f.name.endswith(".sql"))
    for file in files:
        text = (folder / file).read_text(encoding="utf-8")
        for piece in _split(text):
            comment = [x[2:].strip() for x in piece.splitlines() if x.startswith("--")]
            body = [x for x in piece.splitlines() if not x.startswith("--")]
            sql = "\n".join(body).strip()
            yield _Statement(file, " ".join(comment), sql)


def _split(text: str) -> Iterator[str]:
    """Cut at every semicolon that ends a line, but not within a function's body."""
    piece: list[str] = []
    quoted = False
    for line in text.splitlines():
        if not line.strip() and not quoted and not "".join(piece).strip():
            continue
        if not line.strip() and not quoted and all(x.startswith("--") for x in piece):
            piece = []  # a comment that stands alone is the file's, not a statement's
            continue
        piece.append(line)
        quoted ^= line.count("$$") % 2 == 1
        ends = line.split("--")[0].rstrip().endswith(";")
        if ends and not quoted:
            yield "\n".join(piece)
            piece = []


def _row_types() -> list[type["Row"]]:
    """Every declared row of the package."""
    from paycore.kernel.journal import Row

    root = resources.files("paycore")
    for module in (
        *(f"{p.name}.rows" for p in root.iterdir() if (p / "rows.py").is_file()),
        "core.agreements.rows",
        "core.restored",
        "kernel.node",
        "kernel.jobs",
    ):
        import_module(f"paycore.{module}")
    return [
        row
        for row in Row.__subclasses__()
        if row.__module__.startswith("paycore.") and hasattr(row, "__table__")
    ]
