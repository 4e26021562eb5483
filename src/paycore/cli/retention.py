"""`paycore retention`: what is old, and with `--apply` the taking away of it.

Nodes do it by themselves once a day; this is for who wants to see, or cannot wait.
Without `--apply` it looks and changes nothing.
"""

from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from paycore.cli.command import AsJson, Database, print_table, run, say

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from paycore.cli.visit import Visit
    from paycore.retention.service import Line, Report

LATER = 1


def retention(
    *,
    apply: Annotated[
        bool,
        typer.Option(
            "--apply",
            help="Take away what is old, for good. Needs the nodes' settings: they say"
            " what is old.",
        ),
    ] = False,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Say how long each table's rows are kept and what is older (docs/retention.md).

    Nothing goes of a payment that is open or has an open case. Payments go on
    meanwhile. With --apply exit status 1 where something has to go on later.
    """
    from paycore.cli.visit import demand_keys, dsn_of

    if apply:
        # Their environment has the limits too: others' would take away too much.
        demand_keys()
        dsn = dsn_of(database)
        report = run(database, lambda visit: _remove(visit, dsn))
    else:
        report = run(database, _plan)
    if as_json:
        say(report.document(), "", as_json=True)
    else:
        _show(report)
    if not report.done:
        raise typer.Exit(LATER)


async def _plan(visit: "Visit") -> "Report":
    from paycore.retention import service

    with _told() as told:
        return await service.plan(visit.node, visit.pool, told)


async def _remove(visit: "Visit", dsn: str) -> "Report":
    from paycore.kernel.errors import Unavailable
    from paycore.retention import service

    with _told() as told:
        try:
            return await service.remove(visit.node, dsn, told=told)
        except service.Busy as busy:
            raise Unavailable(f"{busy}: try again later.") from busy


@contextmanager
def _told() -> "Iterator[Callable[[str], None]]":
    """Says on standard error how far it is."""
    from rich.console import Console
    from rich.progress import Progress

    from paycore.retention.catalogue import RULES

    tables = {rule.table for rule in RULES}
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("looking", total=len(tables))

        def told(what: str) -> None:
            progress.update(task, description=what, advance=int(what in tables))

        yield told


def _show(report: "Report") -> None:
    rows = [_row(line, applied=report.applied) for line in report.lines]
    print_table(f"As of {report.at:%F %T}Z", rows)
    for line in report.lines:
        if line.postponed or line.left:
            typer.echo(f"{line.table}: {line.postponed or line.left}")
    typer.echo(_summary(report))


def _row(line: "Line", *, applied: bool) -> dict[str, object]:
    shown: dict[str, object] = {
        "table": line.table,
        "kept_days": f"{line.kept_days:,}",
        "by": line.setting or "",
    }
    if applied:
        shown["removed_rows"] = f"{line.removed_rows:,}"
        shown["disk_freed"] = _octets(line.freed_octets)
        shown["free_inside"] = _octets(line.reusable_octets)
    else:
        shown["oldest"] = line.oldest
        shown["old_rows"] = f"{line.past_rows:,}"
        shown["octets"] = _octets(line.past_octets)
    return {**shown, "payments_held": f"{line.held_payments:,}"}


def _octets(number: int) -> str:
    from rich.filesize import decimal

    return decimal(number)


def _summary(report: "Report") -> str:
    if report.applied:
        return (
            f"{report.total('removed_rows'):,} rows removed;"
            f" {_octets(report.total('freed_octets'))} of disk freed,"
            f" {_octets(report.total('reusable_octets'))} free inside of tables."
        )
    old = report.total("past_rows")
    if not old:
        return "Nothing is old."
    return (
        f"{old:,} rows are old, {_octets(report.total('past_octets'))}:"
        " `paycore retention --apply` takes them away, and so do the nodes, a month of"
        " each table a day."
    )
