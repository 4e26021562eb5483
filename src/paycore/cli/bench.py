"""`paycore bench`: whole payments a second, everything on this machine."""

from typing import TYPE_CHECKING, Annotated

import typer

from paycore.cli.growth import growth

if TYPE_CHECKING:
    from paycore.bench.run import Figures

MOST_AT_ONCE = 512

WHOLE, WHOLE_S = "1,16,64,128,256", 10
QUICK, QUICK_S = "16,64,128", 5

TABLE_LETTERS = 96
"""A file is no terminal, and its table need not wrap at eighty."""


app = typer.Typer(invoke_without_command=True, add_completion=False)
app.command()(growth)


@app.callback()
def bench(
    context: typer.Context,
    seconds: Annotated[
        int | None, typer.Option(min=1, max=300, help="Length of each window.")
    ] = None,
    concurrency: Annotated[
        str | None, typer.Option(help="Payers at once, separated by commas.")
    ] = None,
    rounds: Annotated[
        int, typer.Option(min=1, max=20, help="In turn with the bare path.")
    ] = 2,
    processes: Annotated[
        int, typer.Option(min=0, max=16, help="Nodes; 0: one a core.")
    ] = 0,
    *,
    converted: Annotated[
        bool | None,
        typer.Option("--converted/--no-converted", help="Converted payments too."),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Less of everything: under three minutes.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Nothing but the line of JSON.")
    ] = False,
) -> None:
    """Start all of it in a temporary folder, load it, and print what it did."""
    if context.invoked_subcommand is not None:
        return
    import msgspec
    from rich.console import Console
    from rich.progress import Progress

    from paycore.bench import report
    from paycore.bench import run as runs
    from paycore.bench.payer import WrongAnswer
    from paycore.kernel import log

    log.configure(level="warning", style="console")
    plan = runs.Plan(
        concurrency=_concurrencies(concurrency or (QUICK if quick else WHOLE)),
        seconds=seconds or (QUICK_S if quick else WHOLE_S),
        converted=not quick if converted is None else converted,
        rounds=rounds,
        processes=processes or runs.processes(),
    )
    try:
        with Progress(console=Console(stderr=True), transient=True) as progress:
            figures = runs.run(plan, progress)
    except* WrongAnswer as wrong:
        typer.echo(f"paycore: {wrong.exceptions[0]}", err=True)
        raise typer.Exit(1) from None
    if not as_json:
        _show(figures)
    typer.echo(msgspec.json.encode(report.document(figures)).decode())


def _concurrencies(given: str) -> list[int]:
    try:
        found = [int(part) for part in given.split(",")]
    except ValueError:
        raise typer.BadParameter("numbers, separated by commas") from None
    if not all(1 <= each <= MOST_AT_ONCE for each in found):
        raise typer.BadParameter(f"1 to {MOST_AT_ONCE} payers at once")
    return found


def _show(figures: "Figures") -> None:
    from rich.console import Console

    from paycore.bench import report

    console = Console()
    console.width = max(console.width, TABLE_LETTERS)
    console.print(*report.tables(figures))
    console.print(report.summary(figures), highlight=False, soft_wrap=True)
