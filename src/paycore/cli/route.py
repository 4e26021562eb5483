"""`paycore route`: ask the router without making a payment, and see why."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from paycore.kernel.node import Node
    from paycore.router.question import Question
    from paycore.router.rules import Decision

app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.callback()
def _route() -> None:
    """Ask the router, and see why."""


@app.command("try")
def try_out(
    line: Annotated[str, typer.Option(help="The business line.")],
    amount: Annotated[int, typer.Option(min=1, help="In minor units.")],
    currency: Annotated[str, typer.Option(help="ISO 4217.")],
    card: Annotated[str, typer.Option(help="The card's id.")],
    *,
    trans_type: Annotated[
        str, typer.Option(help="QUICK_PAY_SEND_MSG, SMS_VERIFY or DEDUCT.")
    ] = "QUICK_PAY_SEND_MSG",
    named: Annotated[
        str | None, typer.Option(help="Only this channel, such as sms_centre.")
    ] = None,
    database: Annotated[
        str | None, typer.Option(help="Else DATABASE_URL.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One line of JSON.")] = False,
) -> None:
    """Say where a payment would go now, and of every candidate why or why not."""
    import asyncio

    from paycore.cli.visit import has_keys, visiting
    from paycore.kernel.errors import Refusal
    from paycore.router import service as router

    async def decide() -> "Decision":
        async with visiting(database) as node:
            question = await _question(
                node,
                line=line,
                amount=amount,
                currency=currency,
                card=card,
                trans_type=trans_type,
                named=named,
            )
            return await router.explain(node, question)

    try:
        decision = asyncio.run(decide())
    except Refusal as refusal:
        typer.echo(f"paycore: {refusal.en}", err=True)
        raise typer.Exit(2) from refusal
    typer.echo(_json(decision)) if as_json else _table(decision)
    if not has_keys():
        typer.echo("Without the key ring, channels' accounts were not asked.", err=True)
    raise typer.Exit(0 if decision.route else 1)


async def _question(
    node: "Node",
    *,
    line: str,
    amount: int,
    currency: str,
    card: str,
    trans_type: str,
    named: str | None,
) -> "Question":
    """The question core would ask, but for breakers: those are each node's own."""
    from paycore.cards import service as cards
    from paycore.cli.visit import has_keys
    from paycore.gateway import service as gateway
    from paycore.gateway.call import Operation
    from paycore.kernel.errors import BadRequest
    from paycore.kernel.ids import pay_order_no
    from paycore.kernel.terms import SMS_CENTRE, BizLineId, CardId, PayType, TransType
    from paycore.router import service as router
    from paycore.router.question import AgreementLimits, Question

    asked = {
        TransType.QUICK_PAY_SEND_MSG: (Operation.SEND_CODE, PayType.QUICK_PAY),
        TransType.SMS_VERIFY: (Operation.VERIFY_CODE, PayType.QUICK_PAY),
        TransType.DEDUCT: (Operation.DEDUCT, PayType.DEDUCT),
    }
    if trans_type not in asked:
        raise BadRequest(
            "The router is asked for QUICK_PAY_SEND_MSG, SMS_VERIFY, DEDUCT."
        )
    kind, now = TransType(trans_type), node.now()
    operation, pay_type = asked[kind]
    row = await cards.card_of(node, BizLineId(line), CardId(card))
    agreements = await cards.agreements(node, row.card_id, pay_type, now)
    await gateway.refresh(node)
    keys = has_keys()
    return Question(
        pay_order_no=pay_order_no(node.ids, now),
        biz_line=row.biz_line,
        trans_type=kind,
        amount=amount,
        currency=currency,
        card_id=row.card_id,
        bank=row.bank,
        card_kind=row.card_kind,
        now=now,
        agreements=None
        if named == SMS_CENTRE
        else {
            (one.channel, one.account): AgreementLimits(
                single_limit=one.single_limit, daily_limit=one.daily_limit
            )
            for one in agreements
        },
        broken=gateway.broken(node, operation) if keys else frozenset(),
        capable=gateway.capable(node, operation)
        if keys
        else await router.channels(node, kind),
        named=named,
    )


def _json(decision: "Decision") -> str:
    import msgspec

    found = {
        "chosen": decision.route.inst_trans_id if decision.route else None,
        "cause": decision.cause,
        "draw": decision.draw,
        "candidates": [
            {name: getattr(one, name) for name in one.__struct_fields__}
            for one in decision.candidates
        ],
    }
    return msgspec.json.encode(found).decode()


def _table(decision: "Decision") -> None:
    """Print the candidates, the chosen one first, then the kept, then the dropped."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    chosen = decision.route.inst_trans_id if decision.route else None
    table = Table("candidate", "verdict", "why", title=f"{decision.cause}: {chosen}")
    for one in sorted(
        decision.candidates, key=lambda c: (c.inst_trans_id != chosen, not c.kept)
    ):
        if one.inst_trans_id == chosen:
            verdict = "[bold green]chosen[/]"
        elif one.kept:
            verdict = "kept"
        else:
            verdict = f"[red]dropped[/]: {one.stage}"
        name = f"{one.inst_trans_id} ({one.channel}/{one.account})"
        table.add_row(escape(name), verdict, escape(one.why))
    console = Console()
    console.print(table)
    if decision.draw.of:
        console.print(f"Drawn by weight: {decision.draw.number} of {decision.draw.of}.")
