"""`paycore refunds`: look at what goes back. It asks nobody and changes nothing."""

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
    from paycore.core.rows import RefundRow, RefundTransitionRow

app = group("Look at refunds.")

_OF_MACHINES = frozenset({"lease_epoch", "lease_until", "version", "events"})
"""What says nothing to a person."""

_HIDDEN = (
    *("biz_line", "reason", "inst_trans_id", "original_request_no", "channel_ref"),
    *("quiet_from", "checks", "sends", "last_event", "resp_msg", "outcome", "account"),
)
"""In a list; `show` has it."""


@app.command(
    "list",
    epilog=examples(
        "paycore refunds list --order 261122151800123ABC…",
        "paycore refunds list --status DOING --line shop",
    ),
)
def list_(
    *,
    order: Annotated[
        str | None, typer.Option(help="Only this payment's, by its number.")
    ] = None,
    line: Annotated[str | None, typer.Option(help="Only this business line's.")] = None,
    status: Annotated[str | None, typer.Option(help="DOING, SUCCESS or FAIL.")] = None,
    limit: Limit = 50,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """List refunds, those of the newest payments first."""
    from paycore.core.refunds import queries
    from paycore.kernel.errors import BadRequest
    from paycore.kernel.terms import RefundStatus

    if status is not None and status not in list(RefundStatus):
        raise BadRequest("A refund is DOING, SUCCESS or FAIL.")
    rows = run(
        database,
        lambda visit: queries.find(
            visit.pool, pay_order_no=order, biz_line=line, status=status, limit=limit
        ),
    )
    show("refunds", [_facts(row) for row in rows], as_json=as_json, hide=_HIDDEN)


@app.command("show", epilog=examples("paycore refunds show 261122151800123ABC…R01"))
def show_(
    number: Annotated[str, typer.Argument(help="The refund's number.")],
    *,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Show one refund, and what happened to it, in order."""
    row, steps = run(database, lambda visit: _load(visit, number))
    document = {
        **_facts(row),
        "steps": [
            {"at": step.at, "event": step.event, "cause": step.cause} for step in steps
        ],
    }
    lines = [f"{name}: {cell(value)}" for name, value in document.items()]
    say(document, "\n".join(lines), as_json=as_json)


async def _load(
    visit: "Visit", number: str
) -> "tuple[RefundRow, list[RefundTransitionRow]]":
    from paycore.core.rows import RefundRow, RefundTransitionRow
    from paycore.kernel.errors import DataNotExist
    from paycore.kernel.ids import payment_of

    journal, named = visit.node.journal, payment_of(number)
    row = await journal.load(RefundRow, named[0], number) if named else None
    if row is None:
        raise DataNotExist("There is no refund of that number.")
    steps = await journal.within(RefundTransitionRow, row.pay_order_no)
    return row, [step for step in steps if step.refund_no == row.refund_no]


def _facts(row: "RefundRow") -> dict[str, object]:
    import msgspec

    found = msgspec.structs.asdict(row)
    return {name: found[name] for name in found if name not in _OF_MACHINES}
