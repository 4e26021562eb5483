"""`paycore bench schemes`: what each provider's way of signing costs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from paycore.bench.schemes.payments import Pair, Plan
    from paycore.bench.schemes.run import Costs

ROUNDS = 20
SECONDS, PAYMENT_ROUNDS = 10, 3

TABLE_LETTERS = 110


def schemes(
    rounds: Annotated[
        int, typer.Option(min=1, max=40, help="Of all calls, in turn.")
    ] = ROUNDS,
    seconds: Annotated[
        int, typer.Option(min=1, max=300, help="Length of each window of payments.")
    ] = SECONDS,
    payment_rounds: Annotated[
        int, typer.Option(min=1, max=20, help="Windows of each way to pay, in turn.")
    ] = PAYMENT_ROUNDS,
    processes: Annotated[
        int, typer.Option(min=0, max=16, help="Nodes; 0: one a core.")
    ] = 0,
    *,
    payments: Annotated[
        bool,
        typer.Option("--payments/--no-payments", help="Whole payments, too."),
    ] = True,
    keep_results: Annotated[
        Path | None,
        typer.Option(help="Write the figures there, as JSON.", show_default=False),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Nothing but the line of JSON.")
    ] = False,
) -> None:
    """Processor time of each call to each channel and carrier; and whole payments at
    UnionPay and Huifu, beside the sandbox's own banks.
    """
    import msgspec

    from paycore.bench import kept
    from paycore.bench.run import processes as one_a_core
    from paycore.bench.schemes import report
    from paycore.bench.schemes.payments import Plan

    processes = processes or one_a_core()
    plan = Plan(seconds=seconds, rounds=payment_rounds, processes=processes)
    costs, pairs = _measured(rounds, plan if payments else None)
    if not as_json:
        _show(costs, pairs)
    if keep_results is not None:
        command = f"paycore bench schemes --rounds {rounds}" + (
            f" --seconds {seconds} --payment-rounds {payment_rounds}"
            f" --processes {processes}"
            if payments
            else " --no-payments"
        )
        found = {**kept.header(command), **report.details(costs, pairs)}
        kept.keep(keep_results, found)
    typer.echo(msgspec.json.encode(report.document(costs, pairs)).decode())


def _measured(rounds: int, plan: "Plan | None") -> "tuple[Costs, list[Pair]]":
    from rich.console import Console
    from rich.progress import Progress

    from paycore.bench.payer import WrongAnswer
    from paycore.bench.schemes import payments, run
    from paycore.kernel import log

    log.configure(level="warning", style="console")
    try:
        with Progress(console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task("calls", total=rounds)
            costs = run.measure(rounds, lambda: progress.advance(task))
            progress.remove_task(task)
            return costs, payments.measure(plan, progress) if plan else []
    except* WrongAnswer as wrong:
        typer.echo(f"paycore: {wrong.exceptions[0]}", err=True)
        raise typer.Exit(1) from None


def _show(costs: "Costs", pairs: "list[Pair]") -> None:
    from rich.console import Console

    from paycore.bench.schemes import report

    console = Console()
    if not console.is_terminal:
        console.width = max(console.width, TABLE_LETTERS)
    console.print(*report.tables(costs, pairs))
