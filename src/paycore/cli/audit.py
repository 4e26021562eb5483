"""`paycore audit`: every invariant that rows can show, asked of a live database.

One line an invariant. It reads and changes nothing, and payments go on meanwhile. Exit
status 1: something that must hold does not; 2: the question could not be put, or not
every answer came.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated

import typer

from paycore.cli.command import AsJson, Database, moment, say
from paycore.kernel.errors import BadRequest, Misconfigured, Unavailable

if TYPE_CHECKING:
    from paycore.audit.service import Report, Verdict

BROKEN, UNSURE = 1, 2

EVER = datetime(2000, 1, 1, tzinfo=UTC)

TABLE_LETTERS = 120

_UNITS = MappingProxyType(
    {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
)


def audit(
    *,
    since: Annotated[
        str | None,
        typer.Option(
            help="Only payments from then on: 90m, 24h, 7d, or a time"
            " (2026-11-22, RFC 3339).",
            show_default=False,
        ),
    ] = None,
    only: Annotated[
        str | None,
        typer.Option(help="Only these, for example I1,I4.", show_default=False),
    ] = None,
    bank: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Compare with what the banks charged as well: the sandbox's control"
            " address.",
            show_default=False,
        ),
    ] = None,
    examples: Annotated[
        int, typer.Option(min=0, max=1000, help="Examples of each violation.")
    ] = 3,
    every: Annotated[
        bool,
        typer.Option("--all", help="Also what rows cannot show, and who does."),
    ] = False,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Ask of every payment whether all that must always hold does (docs/audit.md).

    Reads one snapshot of a live database, takes no lock that payments wait for, and
    changes nothing. Exit status 1 where anything is violated, 2 where it is not known.
    """
    import asyncio

    try:
        wanted = _wanted(only)
        report = asyncio.run(_audited(database, since, wanted, bank, examples))
    except (Misconfigured, Unavailable, BadRequest) as error:
        said = error.en if isinstance(error, Unavailable | BadRequest) else str(error)
        typer.echo(f"paycore: {said}", err=True)
        raise typer.Exit(UNSURE) from error
    if as_json:
        say(report.document(), "", as_json=True)
    else:
        _show(report, every=every)
    if report.violations:
        raise typer.Exit(BROKEN)
    if report.unanswered:
        raise typer.Exit(UNSURE)


async def _audited(
    database: str | None,
    since: str | None,
    only: Sequence[str],
    bank: str | None,
    examples: int,
) -> "Report":
    """Audit, and say on standard error how far it is."""
    from dataclasses import replace

    from rich.console import Console
    from rich.progress import Progress

    from paycore.audit import service as auditor
    from paycore.cli.visit import visit

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("connecting", total=auditor.steps(only) + bool(bank))

        def told(question: str) -> None:
            progress.update(task, description=question, advance=1)

        async with visit(database) as on, auditor.lent(on.pool) as connection:
            begins = _begins(on.node.now(), since)
            report = await auditor.audit(
                on.node,
                connection,
                since=begins,
                only=only,
                examples=examples,
                told=told,
            )
            if bank is not None:
                told("what the banks charged")
                compared = await auditor.compare(
                    on.node, connection, bank, since=begins, examples=examples
                )
                report = replace(report, verdicts=(*report.verdicts, compared))
    return report


def _begins(now: datetime, since: str | None) -> datetime | None:
    """The time from which is audited (UTC); an age is counted from the database's."""
    if since is None:
        return None
    begins = _moment(now, since)
    # Numbers of payments begin with their time: nothing could be found from then on.
    if begins is None or begins < EVER:
        raise BadRequest("Nothing is from before 2000: without --since all is audited.")
    if begins > now:
        raise BadRequest("--since is a time to come: nothing is from then on.")
    return begins.astimezone(UTC)


def _moment(now: datetime, since: str) -> datetime | None:
    """What an age or a time means; None where it is before all time."""
    age = re.fullmatch(r"(\d{1,6})([smhdw])", since)
    if age is None:
        return moment(since)
    try:
        return now - timedelta(**{_UNITS[age[2]]: int(age[1])})
    except OverflowError:
        return None


def _wanted(only: str | None) -> tuple[str, ...]:
    """The invariants that were named; who names one that is not is told."""
    from paycore.audit.catalogue import CATALOGUE

    if only is None:
        return ()
    named = tuple(filter(None, (one.strip().upper() for one in only.split(","))))
    unknown = set(named) - {invariant.id for invariant in CATALOGUE}
    if unknown or not named:
        raise BadRequest("--only takes ids from I1 to I30, separated by commas.")
    if unseen := [one.id for one in CATALOGUE if one.id in named and not one.checks]:
        raise BadRequest(
            f"Rows show nothing of {', '.join(unseen)}: --all says who does."
        )
    return named


def _show(report: "Report", *, every: bool) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    scope = "all payments" if report.since is None else f"from {report.since:%F %T}Z"
    table = Table(
        title=f"As of {report.at:%F %T}Z, {scope}", title_justify="left", pad_edge=False
    )
    table.add_column("")
    table.add_column("must hold", overflow="fold")
    table.add_column("rows", justify="right")
    table.add_column("violations", justify="right")
    table.add_column("for example", overflow="fold")
    for verdict in report.verdicts:
        if verdict.shown:
            table.add_row(
                verdict.invariant,
                escape(verdict.holds),
                f"{verdict.looked:,}",
                f"[red]{verdict.violations:,}[/]" if verdict.violations else "0",
                escape("\n".join(_examples(verdict))),
            )
    console = Console()
    if not console.is_terminal:
        console.width = max(console.width, TABLE_LETTERS)
    console.print(table)
    if every:
        for verdict in report.verdicts:
            if verdict.otherwise:
                console.print(escape(f"{verdict.invariant}: {verdict.otherwise}"))
    console.print(_summary(report))


def _examples(verdict: "Verdict") -> list[str]:
    """What breaks it, what could not be asked, and what was not."""
    import msgspec

    return [
        *(
            f"{one.check}: {one.thing} {msgspec.json.encode(one.said).decode()}"
            for one in verdict.examples
        ),
        *(f"not known: {why}" for why in verdict.unanswered),
        *(f"not asked with --since: {name}" for name in verdict.left_out),
    ]


def _summary(report: "Report") -> str:
    rows = sum(verdict.looked for verdict in report.verdicts)
    shown = sum(verdict.shown for verdict in report.verdicts)
    unsure = f", {report.unanswered} not known" if report.unanswered else ""
    return (
        f"{report.violations:,} violations{unsure}: {shown} invariants over {rows:,}"
        f" rows in {report.seconds:.1f} s."
    )
