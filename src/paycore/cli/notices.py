"""`paycore notices`: look at notices, and send them again with the same webhook-id."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from paycore.cli.command import (
    AsJson,
    Database,
    Limit,
    examples,
    group,
    moment,
    run,
    say,
    show,
)

if TYPE_CHECKING:
    from paycore.cli.visit import Visit

app = group("Look at notices, and send them again.")


@app.command("list", epilog=examples("paycore notices list --status PARKED"))
def list_(
    *,
    line: Annotated[str | None, typer.Option(help="Only this business line's.")] = None,
    status: Annotated[
        str | None, typer.Option(help="PENDING, DELIVERED or PARKED.")
    ] = None,
    order: Annotated[
        str | None, typer.Option(help="Only this payment's, by its number.")
    ] = None,
    limit: Limit = 50,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """List notices: tries, the last result, and when the next try is due."""
    import msgspec

    from paycore.kernel.errors import BadRequest
    from paycore.notify import queries
    from paycore.notify.rows import NoticeStatus

    if status is not None and status not in list(NoticeStatus):
        raise BadRequest("A notice is PENDING, DELIVERED or PARKED.")
    rows = run(
        database,
        lambda visit: queries.notices(
            visit.pool, biz_line=line, status=status, pay_order_no=order, limit=limit
        ),
    )
    show("notices", [msgspec.structs.asdict(row) for row in rows], as_json=as_json)


@app.command(
    epilog=examples(
        "paycore notices replay msg_…",
        "paycore notices replay --since 2026-11-22T08:00:00Z --line shop",
    )
)
def replay(
    notice_id: Annotated[
        str | None, typer.Argument(help="One notice, msg_…", show_default=False)
    ] = None,
    *,
    since: Annotated[
        str | None, typer.Option(help="Instead, all that were made then or later.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="And before then.")] = None,
    line: Annotated[str | None, typer.Option(help="Only this business line's.")] = None,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Send a notice again, or all of a time; receivers know a repeat by its id."""
    from paycore.cli.visit import demand_keys
    from paycore.kernel.errors import BadRequest

    demand_keys()
    if (notice_id is None) == (since is None):
        raise BadRequest("Give one notice's id, or --since.")
    if notice_id is not None:
        run(database, lambda visit: _one(visit, notice_id))
        count = 1
    else:
        first, last = moment(since), moment(until)
        assert first is not None
        count = run(database, lambda visit: _range(visit, line, first, last))
    say({"replayed": count}, f"{count} on their way", as_json=as_json)


async def _one(visit: "Visit", notice_id: str) -> None:
    """Look up whose notice it is: the outbox is ordered by payment."""
    from paycore.kernel.errors import DataNotExist
    from paycore.kernel.terms import PayOrderNo
    from paycore.notify import queries
    from paycore.notify import service as notify

    found = await queries.notices(visit.pool, notice_id=notice_id, limit=1)
    if not found:
        raise DataNotExist("There is no notice with that id.")
    await notify.replay(visit.node, PayOrderNo(found[0].pay_order_no), notice_id)


async def _range(
    visit: "Visit", line: str | None, since: datetime, until: datetime | None
) -> int:
    """Until now, where no end was given."""
    from paycore.kernel.terms import BizLineId
    from paycore.notify import queries
    from paycore.notify import service as notify

    wanted = queries.Wanted(
        since=since,
        until=until or visit.node.now(),
        biz_line=None if line is None else BizLineId(line),
    )
    return await notify.replay_range(visit.node, visit.pool, wanted)
