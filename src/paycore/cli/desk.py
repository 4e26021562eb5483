"""`paycore desk`: cases that wait for a person. It shows them and decides nothing."""

from typing import TYPE_CHECKING, Annotated

import typer

from paycore.cli.command import (
    AsJson,
    Database,
    Limit,
    cell,
    examples,
    group,
    run,
    say,
    show,
)

if TYPE_CHECKING:
    from paycore.cli.visit import Visit
    from paycore.desk.rows import CaseRow

app = group("Cases that wait for a person.")


@app.command(
    "list", epilog=examples("paycore desk list", "paycore desk list --all --json")
)
def list_(
    *,
    every: Annotated[bool, typer.Option("--all", help="Closed ones too.")] = False,
    kind: Annotated[str | None, typer.Option(help="Only this kind.")] = None,
    order: Annotated[
        str | None, typer.Option(help="Only this payment's, by its number.")
    ] = None,
    limit: Limit = 100,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """List open cases, the oldest first; docs/operate.md says what to do with each."""
    from paycore.desk import queries

    rows = run(
        database,
        lambda visit: queries.cases(
            visit.pool,
            status=None if every else "OPEN",
            kind=kind,
            pay_order_no=order,
            limit=limit,
        ),
    )
    show("cases", [_shown(row) for row in rows], as_json=as_json, hide=["evidence"])


@app.command("show", epilog=examples("paycore desk show CASE_ID"))
def show_(
    case_id: Annotated[str, typer.Argument(help="As `paycore desk list` gives it.")],
    *,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Show one case with its evidence, masked."""
    from paycore.desk.rows import CaseRow
    from paycore.kernel.errors import DataNotExist

    async def load(visit: "Visit") -> CaseRow:
        row = await visit.node.journal.load(CaseRow, case_id)
        if row is None:
            raise DataNotExist("There is no such case.")
        return row

    found = _shown(run(database, load))
    lines = [f"{name}: {cell(value)}" for name, value in found.items()]
    say(found, "\n".join(lines), as_json=as_json)


def _shown(row: "CaseRow") -> dict[str, object]:
    import msgspec

    found = msgspec.structs.asdict(row)
    del found["version"]
    found["evidence"] = msgspec.json.decode(row.evidence)
    return found
