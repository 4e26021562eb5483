"""`paycore drill`: break something on purpose, under load, and see what holds.

Each drill is a file of `paycore.bench.drills`; it says on standard error how far it
is, prints a table, and ends with one line of JSON. Exit code 1: something that must
hold does not.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.progress import Progress

app = typer.Typer(no_args_is_help=True, add_completion=False)

TABLE_LETTERS = 96

AsJson = Annotated[bool, typer.Option("--json", help="Nothing but the line of JSON.")]

F = TypeVar("F")


@app.callback()
def _drill() -> None:
    """Break something on purpose, under load, and see what holds."""


@app.command()
def conversion(
    payments: Annotated[
        int, typer.Option(min=40, max=100_000, help="Payments that must convert.")
    ] = 2000,
    *,
    as_json: AsJson = False,
) -> None:
    """Quick pay is down: every payment must succeed all the same, unnoticed."""
    from paycore.bench.drills import conversion as drill

    show(
        lambda progress: drill.run(payments, progress),
        table=drill.table,
        document=drill.document,
        as_json=as_json,
    )


@app.command()
def restart(
    payers: Annotated[int, typer.Option(min=2, max=256, help="Payers at once.")] = 16,
    *,
    as_json: AsJson = False,
) -> None:
    """Two nodes are restarted in turn, one is killed, then PostgreSQL: under load."""
    from paycore.bench.drills import restart as drill

    show(
        lambda progress: drill.run(payers, progress),
        table=drill.table,
        document=drill.document,
        as_json=as_json,
    )


@app.command()
def notices(
    count: Annotated[
        int, typer.Option("--notices", min=2000, max=1_000_000, help="Notices.")
    ] = 100_000,
    per_s: Annotated[
        int, typer.Option(min=20, max=5000, help="Notices a second.")
    ] = 400,
    *,
    as_json: AsJson = False,
) -> None:
    """Twenty end points, three of them no good: none waits for another's, none lost."""
    from paycore.bench.drills import notices as drill

    show(
        lambda progress: drill.run(count, per_s, progress),
        table=drill.table,
        document=drill.document,
        as_json=as_json,
    )


@app.command()
def kill(
    kills: Annotated[
        int, typer.Option(min=1, max=100_000, help="So many kill -9s in all.")
    ] = 500,
    seed: Annotated[
        int | None, typer.Option(help="Draws the same again; any, if none is given.")
    ] = None,
    payers: Annotated[int, typer.Option(min=2, max=256, help="Payers at once.")] = 24,
    state: Annotated[Path, typer.Option(help="Where the rounds are on record.")] = Path(
        ".paycore/kill/rounds.jsonl"
    ),
    *,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with what is on record there.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Nodes, database and network die at random under load; nothing told is lost."""
    from paycore.bench.drills.kill import run as drill

    asked = drill.Asked(
        kills=kills, seed=seed, payers=payers, state=state, resume=resume
    )
    show(
        lambda progress: drill.run(asked, progress),
        table=drill.table,
        document=drill.document,
        as_json=as_json,
    )


def show(
    run: "Callable[[Progress], F]",
    *,
    table: "Callable[[F], RenderableType]",
    document: Callable[[F], Mapping[str, object]],
    as_json: bool,
) -> None:
    """Run a drill and tell; its document's `holds` is the exit code."""
    import msgspec
    from rich.console import Console
    from rich.progress import Progress

    from paycore.kernel import log

    log.configure(level="warning", style="console")
    with Progress(console=Console(stderr=True), transient=True) as progress:
        figures = run(progress)
    said = document(figures)
    if not as_json:
        console = Console()
        console.width = max(console.width, TABLE_LETTERS)
        console.print(table(figures))
    typer.echo(msgspec.json.encode(said).decode())
    if not said["holds"]:
        raise typer.Exit(1)
