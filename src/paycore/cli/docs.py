"""`paycore docs`: the pages that are drawn from code, so that they cannot be wrong.

Each page is a function without arguments that gives Markdown; a test compares what it
gives with what is in docs/. Nothing here reads a database or a setting.
"""

import ast
import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module, resources
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from paycore.gateway.channel import Channel
    from paycore.kernel.errors import Refusal
    from paycore.kernel.journal import Row

app = typer.Typer(no_args_is_help=True, add_completion=False)

_TYPES = "text|bigint|boolean|bytea|timestamptz|uuid|jsonb"
"""Of columns; the journal knows no others."""

MADE = "*Made from the code by `make generate`; do not edit.*"


@app.callback()
def _docs() -> None:
    """The generated pages."""


@app.command()
def generate(
    folder: Annotated[Path, typer.Option(help="Where the pages are.")] = Path("docs"),
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; 1 if a page is stale.")
    ] = False,
) -> None:
    """Write the generated pages anew, and name those that changed."""
    made = {name: page() for name, page in PAGES.items()}
    stale = [name for name, text in made.items() if _stored(folder / name) != text]
    if not check:
        for name, text in made.items():
            (folder / name).write_text(text, encoding="utf-8")
    for name in stale:
        typer.echo(name)
    if check and stale:
        raise typer.Exit(1)


def _stored(file: Path) -> str | None:
    return file.read_text(encoding="utf-8") if file.exists() else None


# --- Markdown -------------------------------------------------------------------------


def _page(title: str, *parts: str) -> str:
    return "\n\n".join((f"# {title}", MADE, *parts)) + "\n"


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(value: object) -> str:
    return " ".join(str(value).replace("|", "\\|").split())


def _code(value: object) -> str:
    return f"`{value}`" if value not in (None, "") else ""


def _first(text: str | None) -> str:
    """The first sentence of a docstring, as it may stand in a cell."""
    return (inspect.cleandoc(text or "").split("\n\n")[0]).replace("\n", " ")


# --- states.md ------------------------------------------------------------------------


def states() -> str:
    """The transition table, the conversions, and the outcome table."""
    from paycore.core.conversion import CONVERSIONS
    from paycore.core.states import TRANSITIONS, Event
    from paycore.kernel.outcome import TABLE
    from paycore.kernel.terms import BizStatus

    notes = _attribute_notes(Event)
    return _page(
        "States",
        "With this page you can say what may happen to a payment in each status, who "
        "is told, and what may follow each outcome of a call.",
        _diagram(),
        "## Transitions",
        "No other event moves a payment, and the database refuses what is not here.",
        _table(
            ("from", "event", "to", "who is told", "meaning"),
            [
                (
                    _code(row.source),
                    _code(row.event),
                    _code(row.target),
                    ", ".join(sorted(row.told)),
                    notes.get(row.event.name, ""),
                )
                for row in TRANSITIONS
            ],
        ),
        "Final: " + ", ".join(_code(s) for s in BizStatus if s.final) + ".",
        "## Conversions",
        "While a code is being sent, and never once money was asked for.",
        _table(
            ("from", "to"),
            [(_code(row.source), _code(row.target)) for row in CONVERSIONS],
        ),
        "## Outcomes",
        "What one call came to, whom a refusal blames, and what may follow.",
        _table(
            ("outcome", "blame", "when sending a code", "when taking money"),
            [
                (
                    _code(outcome),
                    blame or "",
                    _code(row.sending_code),
                    _code(row.taking_money),
                )
                for (outcome, blame), row in TABLE.items()
            ],
        ),
    )


def _diagram() -> str:
    from paycore.core.states import TRANSITIONS
    from paycore.kernel.terms import BizStatus

    arrows = [f"    {r.source} --> {r.target}: {r.event}" for r in TRANSITIONS]
    ends = [f"    {status} --> [*]" for status in BizStatus if status.final]
    lines = ["stateDiagram-v2", f"    [*] --> {BizStatus.DOING}", *arrows, *ends]
    return "\n".join(("```mermaid", *lines, "```"))


# --- errors.md ------------------------------------------------------------------------


def errors() -> str:
    """Every refusal: code, status, and both messages."""
    return _page(
        "Refusals",
        "With this page you can tell every refusal of the API by its `code`, and "
        "whether the same call may be made again.",
        "A refusal changed nothing and is not kept under an idempotency key.\n"
        "It is a problem document (RFC 9457) with `type`, `title`, `status`, `detail` "
        "and `code`; the language follows `Accept-Language`.\n"
        "What a bank answered is never a refusal: it is in the order's `biz_status`, "
        "`resp_code` and `resp_msg`.",
        _table(
            ("code", "status", "again?", "meaning", "en", "zh"),
            [
                (
                    _code(kind.code),
                    kind.status,
                    "yes" if kind.retryable else "no",
                    _first(kind.__doc__),
                    kind.default_en,
                    kind.default_zh,
                )
                for kind in _refusals()
            ],
        ),
        "## The three checks of a confirm",
        "In this order, with the code of the refusal that carries each.",
        _table(("code", "en", "zh"), _checks()),
    )


def _refusals() -> list[type["Refusal"]]:
    """All kinds but the root, by status and then in the order of the tree."""
    from paycore.kernel.errors import Refusal

    def below(kind: type[Refusal]) -> Iterator[type[Refusal]]:
        for child in kind.__subclasses__():
            yield child
            yield from below(child)

    kinds = [kind for kind in below(Refusal) if kind.__module__ == Refusal.__module__]
    return sorted(kinds, key=lambda kind: kind.status)


def _checks() -> list[tuple[str, str, str]]:
    from paycore.kernel import errors as tree

    return [
        (_code(tree.BizCheckError.code), *tree.PAYMENT_FINISHED),
        (_code(tree.DataNotExist.code), *tree.NO_QUICK_PAY_DETAIL),
        (_code(tree.BizCheckError.code), *tree.CODE_NOT_SENT),
    ]


# --- settings.md ----------------------------------------------------------------------


def settings() -> str:
    """Every setting, as the code reads it."""
    from paycore.kernel import config

    return _page(
        "Settings",
        "With this page you can set up a node.",
        "The environment wins over the TOML file that `PAYCORE_SETTINGS_FILE` names, "
        "where the names are those of the first column.\n"
        "What is wrong or unknown is refused by its name before anything starts.\n"
        "Channels, routes and API keys are in the database, not here.",
        _table(
            ("name", "variable", "must be", "default", "what it is"),
            [
                (
                    _code(one.name),
                    _code(one.variable),
                    one.form,
                    _code(one.default) if one.default != "required" else "required",
                    one.description + (" Secret." if one.secret else ""),
                )
                for one in config.describe()
            ],
        ),
    )


# --- channels.md ----------------------------------------------------------------------


def channels() -> str:
    """Every channel file of this package, by its declaration block."""
    from paycore.gateway import channels as ours
    from paycore.gateway.registry import Registry

    registry = Registry()
    found = [registry.find(code) for code in registry.codes()]
    return _page(
        "Channels",
        "With this page you can see what each channel can do, what its account needs, "
        "and what its codes mean to us.",
        "Each is one file in `src/paycore/gateway/channels/`.\n"
        "A code that is not listed is `UNKNOWN`: it is asked after, never guessed.",
        *(
            _channel(channel)
            for channel in found
            if channel is not None
            and type(channel).__module__.startswith(f"{ours.__name__}.")
        ),
    )


def _channel(channel: "Channel") -> str:
    window = channel.acceptance_window.total_seconds()
    facts = (
        ("can", ", ".join(_code(one) for one in sorted(channel.capabilities))),
        ("account needs", ", ".join(map(_code, channel.Config.__struct_fields__))),
        ("of these secret", ", ".join(map(_code, channel.secret_fields)) or "none"),
        ('"not found" is final after', f"{window:g} s"),
        (
            "a confirm carries the request number of its send",
            "yes" if channel.confirm_inherits_request_no else "no",
        ),
    )
    codes = [
        (_code(code), _code(outcome), blame or "")
        for code, (outcome, blame) in channel.errors.items()
    ]
    parts = [f"## {channel.title} (`{channel.code}`)", _table(("", ""), facts)]
    if codes:
        parts.append(_table(("their code", "outcome", "blame"), codes))
    return "\n\n".join(parts)


# --- schema.md ------------------------------------------------------------------------


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
    return _page(
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
        "## Triggers",
        _table(
            ("trigger", "table", "file"),
            [
                (_code(found[1]), _code(found[2]), one.file)
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
    notes = _attribute_notes(row) if row is not None else {}
    columns = [
        (
            _code(column),
            kind,
            "" if "NOT NULL" in rest else "yes",
            notes.get(column, ""),
        )
        for column, kind, rest in _columns(made.sql)
    ]
    parts = [
        f"## {name}",
        "\n".join(filter(None, (made.comment, _row_note(row), _parted(made.sql)))),
        _table(("column", "type", "null?", "note"), columns),
    ]
    refused = _refused_by(name, made.sql, statements)
    if refused:
        parts.append("\n".join(f"- {line}" for line in refused))
    return "\n\n".join(parts)


def _row_note(row: type["Row"] | None) -> str:
    if row is None:
        return ""
    place = row.__module__.removeprefix("paycore.")
    return f"Row `{row.__name__}` of `{place}`: {_first(row.__doc__)}"


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


def _refused_by(name: str, sql: str, statements: Sequence[_Statement]) -> list[str]:
    """Keys, checks and indexes, each as it is written."""
    body = [line.strip().rstrip(",") for line in sql.splitlines()]
    lines = [_code(line) for line in body if line.startswith(("CHECK", "PRIMARY KEY"))]
    for one in statements:
        found = re.match(rf"CREATE (?:UNIQUE )?INDEX \w+ ON {name}\b", one.sql)
        if found is not None:
            why = f": {one.comment}" if one.comment else ""
            lines.append(_code(" ".join(one.sql.split())) + why)
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
        "kernel.node",
    ):
        import_module(f"paycore.{module}")
    return [
        row
        for row in Row.__subclasses__()
        if row.__module__.startswith("paycore.") and hasattr(row, "__table__")
    ]


def _attribute_notes(kind: type) -> Mapping[str, str]:
    """What stands in a string below a field of a class."""
    tree = ast.parse(inspect.getsource(kind)).body[0]
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
                notes[name] = _first(text)
    return notes


# --- metrics.md, alerts.yml -----------------------------------------------------------


def metrics() -> str:
    """Every metric, with when it should worry somebody."""
    from paycore.api.alerts import COLUMNS, overview

    return _page(
        "Metrics",
        "With this page you can read what a node tells Prometheus at `/metrics`, and "
        "say when to look; the alerts stand ready in `deploy/alerts.yml`.",
        "No metric has a label that names a payment, a card or a person.",
        _table(COLUMNS, list(overview())),
    )


def alerts() -> str:
    """The example alerts as Prometheus takes them."""
    from paycore.api.alerts import rules

    return rules()


# --- audit.md -------------------------------------------------------------------------


def audit() -> str:
    """Every invariant, and what shows it."""
    from paycore.audit import page

    return _page(*page.WORDS, _table(page.COLUMNS, list(page.overview())))


PAGES: Mapping[str, Callable[[], str]] = MappingProxyType(
    {
        "states.md": states,
        "errors.md": errors,
        "settings.md": settings,
        "schema.md": schema,
        "channels.md": channels,
        "metrics.md": metrics,
        "audit.md": audit,
        "../deploy/alerts.yml": alerts,
    }
)
"""Each page's file and what makes it."""
