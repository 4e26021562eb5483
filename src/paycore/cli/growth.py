"""`paycore bench growth`: what millions of finished payments cost the next ones."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from paycore.bench.growth.report import Document
    from paycore.bench.growth.run import Figures, Plan

MOST = 100_000_000

TABLE_LETTERS = 110


def growth(
    history: Annotated[
        str,
        typer.Option(
            help="Finished payments in the tables, separated by commas: each is"
            " measured in turn with none."
        ),
    ] = "1000000",
    kept_whole: Annotated[
        int,
        typer.Option(
            min=1,
            help="So many of them at least, the newest, have their messages, decisions,"
            " steps and codes: as many whole months.",
        ),
    ] = 500_000,
    seconds: Annotated[
        int, typer.Option(min=1, max=300, help="Length of each window.")
    ] = 10,
    rounds: Annotated[
        int, typer.Option(min=1, max=50, help="Windows of each, in turn.")
    ] = 6,
    processes: Annotated[
        int, typer.Option(min=0, max=16, help="Nodes; 0: one a core.")
    ] = 0,
    *,
    audit: Annotated[
        bool,
        typer.Option("--audit/--no-audit", help="At the end audit all that was made."),
    ] = True,
    keep_results: Annotated[
        Path | None,
        typer.Option(help="Write the figures there, as JSON.", show_default=False),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Nothing but the line of JSON.")
    ] = False,
) -> None:
    """Fill databases with finished payments, and measure the next ones beside none.

    Everything is in a temporary folder (TMPDIR says where) and needs some 4 kB a
    finished payment, and 7 kB more of those that are whole; whether the disk has that
    is looked at first. Exit status 1 where an audit finds anything.
    """
    from paycore.bench.growth import report
    from paycore.bench.growth.run import Plan
    from paycore.bench.run import processes as one_a_core

    plan = Plan(
        histories=_histories(history),
        kept_whole=kept_whole,
        seconds=seconds,
        rounds=rounds,
        processes=processes or one_a_core(),
        audits=audit,
    )
    said = _measured(plan, keep_results)
    if not as_json:
        _show(said)
    typer.echo(report.line(said))
    if not said.holds:
        raise typer.Exit(1)


def _histories(given: str) -> list[int]:
    try:
        found = sorted({int(part) for part in given.split(",")} - {0})
    except ValueError:
        raise _refused("numbers, separated by commas") from None
    if not found or not all(1 <= each <= MOST for each in found):
        raise _refused(f"1 to {MOST:,} payments each; none is measured anyway")
    return found


def _refused(why: str) -> typer.BadParameter:
    return typer.BadParameter(why, param_hint="--history")


def _measured(plan: "Plan", keep_results: Path | None) -> "Document":
    from rich.console import Console
    from rich.progress import Progress

    from paycore.bench.growth import report
    from paycore.bench.growth import run as runs
    from paycore.bench.payer import WrongAnswer
    from paycore.kernel import log

    def so_far(figures: "Figures") -> None:
        if keep_results is not None:
            report.keep(keep_results, report.document(figures))

    log.configure(level="warning", style="console")
    try:
        with Progress(console=Console(stderr=True), transient=True) as progress:
            return report.document(runs.run(plan, progress, so_far))
    except* WrongAnswer as wrong:
        typer.echo(f"paycore: {wrong.exceptions[0]}", err=True)
        raise typer.Exit(1) from None


def _show(said: "Document") -> None:
    from rich.console import Console

    from paycore.bench.growth import sheets

    console = Console()
    if not console.is_terminal:
        console.width = max(console.width, TABLE_LETTERS)
    console.print(*(sheet.drawn() for sheet in sheets.sheets(said)))
    console.print(sheets.summary(said), highlight=False, soft_wrap=True)
