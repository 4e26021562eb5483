"""`paycore route`: ask the router without making a payment, and see why."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
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
    from paycore.core.trial import Supposed, question
    from paycore.gateway import service as gateway
    from paycore.kernel.errors import Refusal
    from paycore.router import service as router

    async def decide() -> "Decision":
        async with visiting(database) as node:
            await gateway.refresh(node)
            about = Supposed(
                biz_line=line,
                amount=amount,
                currency=currency,
                trans_type=trans_type,
                card_id=card,
                named=named,
            )
            asked = await question(node, about, keys=has_keys())
            return await router.explain(node, asked)

    try:
        decision = asyncio.run(decide())
    except Refusal as refusal:
        typer.echo(f"paycore: {refusal.en}", err=True)
        raise typer.Exit(2) from refusal
    typer.echo(_json(decision)) if as_json else _table(decision)
    if not has_keys():
        typer.echo("Without the key ring, channels' accounts were not asked.", err=True)
    raise typer.Exit(0 if decision.route else 1)


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
