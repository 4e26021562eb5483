"""What the commands that set up, look and repair have in common; no command itself.

Each opens a visit, does one thing and shows it: a table for people, one line of JSON
with `--json`. A refusal is one line and status 2 (`cli/main.py`). Secrets come from a
file or from standard input, never from the arguments: those are in the list of
processes and in the shell's history for everybody.
"""

import sys
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from paycore.kernel.errors import BadRequest

if TYPE_CHECKING:
    from paycore.cli.visit import Visit

T = TypeVar("T")

Database = Annotated[
    str | None,
    typer.Option(
        help="Else DATABASE_URL, where a password belongs.", show_default=False
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="One line of JSON.")]
Limit = Annotated[int, typer.Option(min=1, max=10_000, help="Rows at most.")]

NARROWEST = 160
"""Letters in a line of a file or pipe, which has no width of its own."""


def group(what: str) -> typer.Typer:
    """A group of commands; `what` is its line of help."""
    return typer.Typer(no_args_is_help=True, add_completion=False, help=what)


def examples(*lines: str) -> str:
    """The end of a command's help: how it is called."""
    return "\n\n".join(("Examples:", *lines))


def run(
    database: str | None, work: "Callable[[Visit], Coroutine[object, object, T]]"
) -> T:
    """Do one piece of work on a visit."""
    import asyncio

    from paycore.cli.visit import visit

    async def visiting() -> T:
        async with visit(database) as open_now:
            return await work(open_now)

    return asyncio.run(visiting())


def say(document: object, text: str, *, as_json: bool) -> None:
    """Show what was done: a sentence, or its JSON."""
    import msgspec

    typer.echo(msgspec.json.encode(document).decode() if as_json else text)


def show(
    name: str,
    rows: Sequence[Mapping[str, object]],
    *,
    as_json: bool,
    hide: Iterable[str] = (),
) -> None:
    """Show rows: a table without the hidden columns, or JSON under a name."""
    if as_json:
        say({name: rows}, "", as_json=True)
        return
    print_table(name, rows, hide=hide)


def print_table(
    title: str, rows: Sequence[Mapping[str, object]], *, hide: Iterable[str] = ()
) -> None:
    """Print rows of the same columns, if there are any; no cell is cut off."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    if not rows:
        typer.echo(f"There are no {title}.")
        return
    columns = [name for name in rows[0] if name not in set(hide)]
    table = Table(title=title, title_justify="left")
    for name in columns:
        table.add_column(escape(name.replace("_", " ")), overflow="fold")
    for row in rows:
        table.add_row(*(escape(cell(row[name])) for name in columns))
    console = Console()
    if not console.is_terminal:
        console.width = max(console.width, NARROWEST)
    console.print(table)


def cell(value: object) -> str:
    """A value as a table shows it."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case datetime():
            return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"
        case str():
            return value
        case list() | tuple():
            return ", ".join(map(str, value))
        case _:
            return str(value)


@contextmanager
def progress(units: Mapping[str, str]) -> Iterator[Callable[[str, int], None]]:
    """Says on standard error how far each of some works is, in its own unit."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f} {task.fields[unit]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        tasks = {
            what: shown.add_task(what, total=None, unit=unit, visible=False)
            for what, unit in units.items()
        }

        def told(what: str, done: int) -> None:
            shown.update(tasks[what], advance=done, visible=True)

        yield told


def secret_in(file: Path) -> str:
    """What a file holds, or standard input for "-", without the line's end."""
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadRequest(f"{file} cannot be read.") from error
    if not text.strip():
        raise BadRequest(f"{file} is empty.")
    return text.strip()


def object_in(file: Path) -> dict[str, object]:
    """The JSON object in a file or on standard input; nothing of it is repeated."""
    import msgspec

    try:
        return msgspec.json.decode(secret_in(file), type=dict[str, object])
    except msgspec.MsgspecError:
        raise BadRequest(f"{file} holds no JSON object.") from None


def moment(text: str | None) -> datetime | None:
    """A moment as people write it: a date, or RFC 3339; without a zone it is UTC."""
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
        # Years begin at 1 and end at 9999, in UTC too.
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise BadRequest(
            "A time is 2026-11-22 or 2026-11-22T08:00:00+08:00; without a zone UTC."
        ) from None


def the_day(text: str) -> date:
    """A day as people write it."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadRequest("A day is written 2026-11-28.") from None
