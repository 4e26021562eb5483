"""`paycore desk`: cases that wait for a person, and what is done about them.

What is done is one of few cures (`paycore/cures/table.py`): previewed, approved by a
second person where it is about much, and executed once. Names are those that are given
with `--by`: whoever may run this command must be trusted to give his own.
"""

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
    from datetime import datetime

    from paycore.cli.visit import Visit
    from paycore.cures.service import History
    from paycore.desk.rows import CaseRow, CureRow
    from paycore.kernel.journal import Row

app = group("Cases that wait for a person (docs/desk.md).")

Case = Annotated[str, typer.Argument(help="As `paycore desk list` gives it.")]
Number = Annotated[int, typer.Argument(help="As `paycore desk preview` gave it.")]
By = Annotated[str, typer.Option(help="Your name: it is kept with what you do.")]
Why = Annotated[str, typer.Option(help="The reason: it is kept for good.")]


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

    async def load(visit: "Visit") -> list[dict[str, object]]:
        rows = await queries.cases(
            visit.pool,
            status=None if every else "OPEN",
            kind=kind,
            pay_order_no=order,
            limit=limit,
        )
        return [_shown(row, visit.node.now()) for row in rows]

    shown = run(database, load)
    show("cases", shown, as_json=as_json, hide=["evidence", "closed_at"])


@app.command("show", epilog=examples("paycore desk show CASE_ID"))
def show_(
    case_id: Case,
    *,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Show one case: its evidence, masked, and all that was done about it."""
    from paycore.cures import service

    async def load(visit: "Visit") -> "tuple[History, datetime]":
        return await service.history(visit.node, case_id), visit.node.now()

    history, now = run(database, load)
    found = _shown(history.case, now)
    lines = [f"{name}: {cell(value)}" for name, value in found.items()]
    lines += [
        f"{cell(step.at)} {step.what} by {step.who}: {step.why}"
        + (f" ({step.said})" if step.said else "")
        for step in history.steps
    ]
    done = {
        "cures": [_cure(one) for one in history.cures],
        "steps": [_plain(one) for one in history.steps],
    }
    say({**found, **done}, "\n".join(lines), as_json=as_json)


@app.command(epilog=examples('paycore desk take CASE_ID --by anna --why "my shift"'))
def take(
    case_id: Case,
    *,
    by: By,
    why: Why,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Make a case yours."""
    from paycore.cures import service

    async def work(visit: "Visit") -> "tuple[CaseRow, datetime]":
        row = await service.take(visit.node, case_id, who=by, why=why)
        return row, visit.node.now()

    row, now = run(database, work)
    say(_shown(row, now), f"{row.case_id} is {row.owner}'s", as_json=as_json)


@app.command(
    epilog=examples(
        'paycore desk preview CASE_ID REFUND --by anna --why "charged twice"'
    )
)
def preview(
    case_id: Case,
    cure: Annotated[str, typer.Argument(help="One that `desk show` suggests.")],
    *,
    by: By,
    why: Why,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Say what a cure would do; it is kept, and nothing is done."""
    from paycore.cures import service
    from paycore.cures.table import Cure
    from paycore.kernel.errors import BadRequest

    if cure not in list(Cure):
        raise BadRequest(f"A cure is one of {', '.join(Cure)}.")

    async def work(visit: "Visit") -> "CureRow":
        await _knowing(visit)
        return await service.preview(
            visit.node, visit.pool, case_id, Cure(cure), who=by, why=why
        )

    row = run(database, work)
    text = f"{row.number}: {row.does}"
    if row.needs_second:
        text += "\nA second person must approve it (`paycore desk approve`)."
    say(_cure(row), text, as_json=as_json)


@app.command(
    epilog=examples('paycore desk approve CASE_ID 3 --by bert --why "seen the slip"')
)
def approve(
    case_id: Case,
    number: Number,
    *,
    by: By,
    why: Why,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Approve what somebody else has previewed."""
    from paycore.cures import service

    row = run(
        database,
        lambda visit: service.approve(visit.node, case_id, number, who=by, why=why),
    )
    say(_cure(row), f"approved by {row.approved_by}", as_json=as_json)


@app.command(epilog=examples("paycore desk execute CASE_ID 3 --by anna"))
def execute(
    case_id: Case,
    number: Number,
    *,
    by: By,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Do what was previewed, once; refused where it does not hold any more."""
    from paycore.cli.visit import demand_keys
    from paycore.cures import service

    demand_keys()

    async def work(visit: "Visit") -> "CureRow":
        await _knowing(visit)
        return await service.execute(visit.node, visit.pool, case_id, number, who=by)

    row = run(database, work)
    say(_cure(row), f"{row.status}: {row.result}", as_json=as_json)


async def _knowing(visit: "Visit") -> None:
    """A visit knows nothing of what is set up, and a cure asks."""
    from paycore.worker import loop

    await loop.refresh(visit.node)


def _shown(row: "CaseRow", now: "datetime") -> dict[str, object]:
    import msgspec

    from paycore.cures.table import suggested

    found = _plain(row)
    del found["version"]
    found["evidence"] = msgspec.json.decode(row.evidence)
    found["age_s"] = int(((row.closed_at or now) - row.opened_at).total_seconds())
    found["suggested"] = list(suggested(row.kind))
    return found


def _cure(row: "CureRow") -> dict[str, object]:
    found = _plain(row)
    del found["seen"], found["version"]
    return found


def _plain(row: "Row") -> dict[str, object]:
    import msgspec

    return msgspec.structs.asdict(row)
