"""`paycore payments`: look at one, with everything that happened to it, or find some.

Everything is masked as it is in the database; nothing here opens a card.
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
    moment,
    print_table,
    run,
    say,
    show,
)

if TYPE_CHECKING:
    from paycore.cli.visit import Visit
    from paycore.core.rows import AttemptRow, PaymentRow
    from paycore.core.timeline import Item

app = group("Look at payments, and find them.")

_OF_MACHINES = frozenset({"lease_epoch", "lease_until", "version", "events", "step"})
"""Of a payment: what says nothing to a person."""

_ATTEMPT = (
    *("seq", "trans_type", "process_status", "channel", "account", "request_no"),
    *("amount", "currency", "outcome", "blame", "channel_ref", "resp_code", "resp_msg"),
    *("created_at", "finished_at", "enquiries"),
)


@app.command("show", epilog=examples("paycore payments show 261122151800123ABC…"))
def show_(
    number: Annotated[str, typer.Argument(help="The payment's number.")],
    *,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Show a payment, its attempts, and everything that happened, in order."""
    payment, attempts, items = run(database, lambda visit: _load(visit, number))
    document = {
        "payment": _facts(payment),
        "attempts": [_attempt(row) for row in attempts],
        "timeline": items,
    }
    if as_json:
        say(document, "", as_json=True)
        return
    facts = [
        {"what": name, "is": value}
        for name, value in _facts(payment).items()
        if value not in (None, "")
    ]
    print_table(f"payment {number}", facts)
    print_table("attempts", [_attempt(row) for row in attempts])
    print_table("timeline", [_line(item) for item in items])


@app.command(
    epilog=examples(
        "paycore payments find --out-biz-no order-1",
        "paycore payments find --card-tail 3446 --from 2026-11-22",
        "paycore payments find --status DOING --line shop",
    )
)
def find(
    *,
    line: Annotated[str | None, typer.Option(help="Only this business line's.")] = None,
    out_biz_no: Annotated[str | None, typer.Option(help="The line's number.")] = None,
    card_tail: Annotated[str | None, typer.Option(help="Last 4 of the card.")] = None,
    phone_tail: Annotated[str | None, typer.Option(help="Last 4 of the phone.")] = None,
    status: Annotated[
        str | None, typer.Option(help="DOING, SUCCESS, FAIL or CLOSED.")
    ] = None,
    since: Annotated[str | None, typer.Option("--from", help="Made then or later.")] = (
        None
    ),
    until: Annotated[str | None, typer.Option("--to", help="Made before then.")] = None,
    limit: Limit = 50,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Find payments of all lines, newest first."""
    import msgspec

    from paycore.core import queries

    _refuse_bad(status, card_tail, phone_tail)
    first, last = moment(since), moment(until)
    rows = run(
        database,
        lambda visit: queries.find(
            visit.pool,
            biz_line=line,
            out_biz_no=out_biz_no,
            card_tail=card_tail,
            phone_tail=phone_tail,
            status=status,
            since=first,
            until=last,
            limit=limit,
        ),
    )
    found = [msgspec.structs.asdict(row) for row in rows]
    hidden = ("resp_code", "held", "finished_at", "convert_cause")
    show("payments", found, as_json=as_json, hide=hidden)


def _refuse_bad(status: str | None, *tails: str | None) -> None:
    from paycore.kernel.errors import BadRequest
    from paycore.kernel.terms import BizStatus

    if status is not None and status not in list(BizStatus):
        raise BadRequest("A payment is DOING, SUCCESS, FAIL or CLOSED.")
    for tail in tails:
        if tail is not None and not (len(tail) == 4 and tail.isdigit()):
            raise BadRequest("A tail is the last four digits, and no more.")


async def _load(
    visit: "Visit", number: str
) -> "tuple[PaymentRow, list[AttemptRow], list[Item]]":
    """The payment as of now; what hangs on it is read after it."""
    from paycore.checkout import service as checkouts
    from paycore.core.rows import AttemptRow, PaymentRow
    from paycore.kernel.errors import DataNotExist
    from paycore.kernel.terms import PayOrderNo

    no = PayOrderNo(number)
    payment = await visit.node.journal.load(PaymentRow, no)
    if payment is None:
        raise DataNotExist("There is no payment of that number.")
    attempts = await visit.node.journal.within(AttemptRow, no)
    return payment, attempts, await checkouts.timeline(visit.node, payment)


def _facts(row: "PaymentRow") -> dict[str, object]:
    import msgspec

    found = msgspec.structs.asdict(row)
    return {name: found[name] for name in found if name not in _OF_MACHINES}


def _attempt(row: "AttemptRow") -> dict[str, object]:
    return {name: getattr(row, name) for name in _ATTEMPT}


def _line(item: "Item") -> dict[str, object]:
    """One thing that happened, in a line: its longest part is left to `--json`."""
    short = ", ".join(
        f"{name}: {cell(value)}"
        for name, value in item.detail.items()
        if name not in ("candidates", "body") and value not in (None, "")
    )
    return {"at": item.at, "kind": item.kind, "what": item.title, "detail": short}
