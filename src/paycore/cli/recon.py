"""`paycore recon`: have a statement, compare it, and see what differs.

Nodes do it by themselves once a day; this is for who wants to see, or cannot wait.
"""

from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated

import typer

from paycore.cli.command import (
    AsJson,
    Database,
    Limit,
    examples,
    group,
    print_table,
    progress,
    run,
    say,
    show,
    the_day,
)
from paycore.kernel.errors import BadRequest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from paycore.cli.visit import Visit
    from paycore.recon.report import Report
    from paycore.recon.rows import Difference, Statement
    from paycore.recon.service import Outcome

app = group("Compare our books with the channels' statements (docs/reconciliation.md).")

NOT_YET = 1
DIFFERS = 1

_UNITS = MappingProxyType(
    {"fetching": "octets", "comparing": "octets", "telling": "cases"}
)
"""Of each of its works, in which it is told how far it is."""

Channel = Annotated[str, typer.Option(help="The channel's name.")]
AnyChannel = Annotated[str | None, typer.Option(help="Only this channel's.")]
Account = Annotated[str, typer.Option(help="Our account there.")]
Day = Annotated[str, typer.Argument(help="As 2026-11-28, by the channel's clock.")]


@app.command(
    "run", epilog=examples("paycore recon run --channel quick_a --day 2026-11-28")
)
def run_(
    *,
    channel: Channel,
    account: Account = "main",
    day: Annotated[str, typer.Option(help="As 2026-11-28, by the channel's clock.")],
    anew: Annotated[
        bool,
        typer.Option("--anew", help="Ask the channel again for what is here already."),
    ] = False,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Fetch one day's statement unless it is here, compare it, and open cases.

    May be run again at any time: the same day gives the same differences, and none is
    told twice. Exit status 1 where the statement is not there yet, or no good.
    """
    from paycore.cli.visit import demand_keys, dsn_of
    from paycore.recon import service

    demand_keys()
    dsn, wanted = dsn_of(database), the_day(day)

    async def work(visit: "Visit") -> "Outcome":
        from paycore.kernel.errors import Unavailable

        with progress(_UNITS) as told:
            try:
                return await service.run(
                    visit.node, dsn, (channel, account), wanted, anew=anew, told=told
                )
            except service.Busy as busy:
                raise Unavailable(f"{busy}: try again later.") from busy

    outcome = run(database, work)
    statement = outcome.statement
    document = {**_line(statement), "cases": outcome.cases}
    say(document, _sentence(outcome), as_json=as_json)
    if statement.figures is None:
        raise typer.Exit(NOT_YET)


@app.command("list", epilog=examples("paycore recon list --channel quick_a"))
def list_(
    *,
    channel: AnyChannel = None,
    account: Annotated[str | None, typer.Option(help="Only this account's.")] = None,
    limit: Limit = 100,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """List statements and what they came to, the newest day first."""
    from paycore.recon import queries

    found = run(
        database,
        lambda visit: queries.days(
            visit.pool, channel=channel, account=account, limit=limit
        ),
    )
    show("statements", [_line(one) for one in found], as_json=as_json)


@app.command(
    "show",
    epilog=examples(
        "paycore recon show 2026-11-28",
        "paycore recon show 2026-11-28 --csv day.csv --html day.html",
    ),
)
def show_(
    day: Day,
    *,
    csv: Annotated[
        Path | None,
        typer.Option(help="Write every difference there.", show_default=False),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(help="Write the page there.", show_default=False),
    ] = None,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Show one day: a row an account, and what differs by kind.

    Exit status 1 where a difference stands.
    """
    from paycore.recon import report as reports

    wanted = the_day(day).isoformat()
    found, differences = run(database, lambda visit: _read(visit, wanted))
    if csv is not None:
        _write(csv, reports.csv_lines(differences))
    if html is not None:
        from paycore.recon import page

        _write(html, page.html(found, differences))
    if as_json:
        say(found.document(), "", as_json=True)
    else:
        print_table(f"statements of {wanted}", list(reports.rows(found)))
        typer.echo(_of_day(found))
    if found.whole.count:
        raise typer.Exit(DIFFERS)


@app.command(epilog=examples("paycore recon terms quick_a --charge 3800"))
def terms(
    channel: Annotated[str, typer.Argument(help="The channel's name.")],
    *,
    account: Account = "main",
    charge: Annotated[
        int | None,
        typer.Option(
            min=0, max=1_000_000, help="Millionths of a charge: 3800 is 0.38 %."
        ),
    ] = None,
    refund: Annotated[
        int, typer.Option(min=0, max=1_000_000, help="Millionths of a refund.")
    ] = 0,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Say what a channel may keep, or with --charge put it down; else no fee is judged.

    It holds for what is compared from then on.
    """
    from paycore.kernel.errors import DataNotExist
    from paycore.recon import service
    from paycore.recon.rows import TermsRow

    async def work(visit: "Visit") -> TermsRow:
        key = (channel, account)
        if charge is not None:
            await service.agree(visit.node, key, charge_rate=charge, refund_rate=refund)
        row = await visit.node.journal.load(TermsRow, *key)
        if row is None:
            raise DataNotExist("No terms are known of this account.")
        return row

    row = run(database, work)
    document = {
        "channel": row.channel,
        "account": row.account,
        "charge_rate": row.charge_rate,
        "refund_rate": row.refund_rate,
    }
    said = (
        f"{channel}/{account} may keep {row.charge_rate:,} millionths of a charge,"
        f" {row.refund_rate:,} of a refund"
    )
    say(document, said, as_json=as_json)


async def _read(visit: "Visit", day: str) -> "tuple[Report, list[Difference]]":
    from paycore.recon import queries, service
    from paycore.recon.report import Report

    statements = await service.statements_of(visit.pool, day)
    found = Report(day=day, statements=statements)
    differences = []
    async for one in queries.differences(visit.pool, day):
        found.add(one)
        differences.append(one)
    return found, differences


def _line(statement: "Statement") -> dict[str, object]:
    figures = statement.figures
    return {
        "channel": statement.channel,
        "account": statement.account,
        "day": statement.day,
        "state": statement.state,
        "lines": figures.lines if figures else None,
        "matched": figures.matched if figures else None,
        "pooled": figures.pooled if figures else None,
        "differences": sum(figures.differences.values()) if figures else None,
        "said": statement.said,
        "reconciled_at": statement.reconciled_at,
    }


def _sentence(outcome: "Outcome") -> str:
    statement, figures = outcome.statement, outcome.statement.figures
    if figures is None:
        return f"{statement.name}: {statement.said}"
    return (
        f"{statement.name}: {figures.matched:,} of {figures.lines:,} lines agree,"
        f" {sum(figures.differences.values()):,} differ, {figures.pooled:,} of ours"
        f" wait for the next days; {outcome.cases:,} new cases"
    )


def _of_day(found: "Report") -> str:
    whole = found.whole
    said = (
        f"{found.matched:,} of {found.lines:,} lines agree;"
        f" {whole.count.total():,} differences stand, {whole.healed:,} have healed"
    )
    return f"{said}. `paycore desk list` has their cases." if whole.count else said


def _write(file: Path, pieces: "Iterator[str]") -> None:
    try:
        with file.open("w", encoding="utf-8", newline="") as written:
            written.writelines(pieces)
    except OSError as error:
        raise BadRequest(f"{file} cannot be written: {error.strerror}.") from error
