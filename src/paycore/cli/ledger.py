"""`paycore ledger`: trial balances, the export, the cut-off, adjustments by hand."""

from typing import TYPE_CHECKING, Annotated

import typer

from paycore.cli.command import (
    AsJson,
    Database,
    examples,
    group,
    moment,
    print_table,
    run,
    say,
    show,
    the_day,
)
from paycore.kernel.errors import BadRequest

if TYPE_CHECKING:
    from paycore.accounting.queries import DayBalance
    from paycore.cli.visit import Visit

app = group("The books: trial balances, export, adjustments (docs/accounting.md).")

UNBALANCED = 1

Currency = Annotated[str, typer.Option(help="As CNY.")]


@app.command(
    "trial-balance",
    epilog=examples(
        "paycore ledger trial-balance", "paycore ledger trial-balance --day 2026-11-28"
    ),
)
def trial_balance(
    *,
    day: Annotated[
        str | None,
        typer.Option(help="A day that was cut off, as 2026-11-28; else as of now."),
    ] = None,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Show what stands on each account; exit status 1 where a currency is not zero."""
    wanted = None if day is None else the_day(day).isoformat()
    found = run(database, lambda visit: _balances(visit, wanted))
    sums: dict[str, int] = {}
    for row in found:
        sums[row.currency] = sums.get(row.currency, 0) + row.debit - row.credit
    rows = [_line(row, of_day=wanted is not None) for row in found]
    if as_json:
        say({"day": wanted, "accounts": rows, "sums": sums}, "", as_json=True)
    else:
        print_table("accounts", rows)
        for currency, total in sorted(sums.items()):
            typer.echo(f"{currency}: debits less credits are {total}")
    if any(sums.values()):
        raise typer.Exit(UNBALANCED)


async def _balances(visit: "Visit", day: str | None) -> "list[DayBalance]":
    """Those of a day, as they are kept; or what stands now."""
    from paycore.accounting import queries
    from paycore.kernel.errors import DataNotExist

    found = await queries.of_day(visit.pool, day)
    if found is None:
        raise DataNotExist("That day was not cut off.", "该日尚未日切")
    return found


def _line(row: "DayBalance", *, of_day: bool) -> dict[str, object]:
    ends = {"debit": row.debit, "credit": row.credit}
    of = {"account": row.account, "currency": row.currency}
    if not of_day:
        return {**of, **ends}
    moved = {"opening": row.opening, "movement": row.movement, "late": row.late}
    return {**of, **moved, **ends}


@app.command("cut-off", epilog=examples("paycore ledger cut-off"))
def cut_off(*, database: Database = None, as_json: AsJson = False) -> None:
    """Do what a node does once a day: settle, and cut off each day that is over.

    May be run again at any time: what is kept is kept.
    """
    from paycore.cli.visit import demand_keys, dsn_of

    demand_keys()
    dsn = dsn_of(database)

    async def work(visit: "Visit") -> str:
        from paycore.accounting import service as accounting
        from paycore.gateway import service as gateway
        from paycore.kernel.errors import Unavailable
        from paycore.worker import bookkeeper

        await accounting.read(visit.node)
        await gateway.refresh(visit.node)
        ran = await bookkeeper.cut_off(visit.node, dsn=dsn)
        if not ran.done and "already" in ran.said:
            raise Unavailable(f"{ran.said}: try again later.")
        return ran.said

    said = run(database, work)
    say({"said": said}, f"{said}.", as_json=as_json)


@app.command("chart", epilog=examples("paycore ledger chart"))
def chart(*, database: Database = None, as_json: AsJson = False) -> None:
    """List the posting rules and the accounts that they move money between."""
    from paycore.accounting import queries

    found = run(database, lambda visit: queries.rules(visit.pool))
    rows = [
        {
            "kind": rule.kind,
            "debit": rule.debit,
            "credit": rule.credit,
            "amount": rule.part,
            "debit_title": rule.debit_title,
            "credit_title": rule.credit_title,
        }
        for rule in found
    ]
    show("rules", rows, as_json=as_json, hide=("debit_title", "credit_title"))


@app.command(
    "adjust",
    epilog=examples(
        "paycore ledger adjust A-7 --debit channel_fee:quick_a:main"
        " --credit available:quick_a:main --amount 500 --currency CNY"
        " --by 'Li Lei' --approved-by 'Han Mei' --why 'fee of November, invoice 118'"
    ),
)
def adjust(
    number: Annotated[str, typer.Argument(help="Yours, and given once for ever.")],
    *,
    debit: Annotated[str, typer.Option(help="The account that gets more.")],
    credit: Annotated[str, typer.Option(help="The account that gets less.")],
    amount: Annotated[int, typer.Option(help="In minor units.")],
    currency: Currency,
    by: Annotated[str, typer.Option(help="Who answers for it.")],
    why: Annotated[str, typer.Option(help="What it is for.")],
    approved_by: Annotated[
        str | None,
        typer.Option(help="Another person, above PAYCORE_DESK_SECOND_ABOVE."),
    ] = None,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Post from one account to another, by hand.

    What is parked in suspense leaves it by its case: `paycore desk`.
    """
    from paycore.cli.visit import demand_keys
    from paycore.cures.table import Cure, limits, needs_second

    demand_keys()  # what a node posts by, and whom it tells, is in its settings

    async def work(visit: "Visit") -> None:
        from paycore.accounting import service as accounting

        above = limits(visit.node.settings.desk_second_above)
        much = needs_second(Cure.ADJUST, amount, currency, above)
        if much and approved_by is None:
            raise BadRequest("So much needs a second person: --approved-by.")
        await accounting.read(visit.node)
        await accounting.adjust(
            visit.node,
            number,
            debit=debit,
            credit=credit,
            amount=amount,
            currency=currency,
            made_by=by,
            approved_by=approved_by,
            why=why,
        )

    run(database, work)
    say({"adjustment_no": number}, "Posted.", as_json=as_json)


@app.command(
    "export",
    epilog=examples(
        "paycore ledger export --from 2026-11-01 --to 2026-12-01 > november.beancount"
    ),
)
def export(
    *,
    from_: Annotated[
        str | None, typer.Option("--from", help="From this time on, as booked.")
    ] = None,
    to: Annotated[str | None, typer.Option("--to", help="Before this time.")] = None,
    account: Annotated[
        str | None,
        typer.Option(help="Only postings with an account that begins so."),
    ] = None,
    format_: Annotated[
        str, typer.Option("--format", help="beancount is the one there is.")
    ] = "beancount",
    database: Database = None,
) -> None:
    """Write postings as a file that other programs read, to standard output.

    Amounts are in the currency's own unit, as people write them.
    """
    if format_ != "beancount":
        raise BadRequest("The format is beancount.")
    begins, ends = moment(from_), moment(to)

    async def work(visit: "Visit") -> None:
        from paycore.accounting import beancount, queries

        writer = beancount.Writer()
        for text in writer.head():
            typer.echo(text)
        async for posted in queries.exported(visit.pool, begins, ends, account):
            for text in writer.posting(posted):
                typer.echo(text)

    run(database, work)
