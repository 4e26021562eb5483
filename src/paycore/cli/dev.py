"""`paycore dev`: all of it on this machine, on loopback, with a sandbox."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from paycore.dev.stack import Ground, Summary


MOST = 10_000_000
"""Finished payments to begin with: what the console is measured with."""


def dev(
    port: Annotated[int, typer.Option(help="Of the API; 0 takes a free one.")] = 8000,
    sandbox_port: Annotated[
        int, typer.Option(help="Of the sandbox's control; 0 takes a free one.")
    ] = 9100,
    data: Annotated[
        Path, typer.Option(help="Folder of the database and the sandbox's record.")
    ] = Path(".paycore/dev"),
    *,
    channels: Annotated[
        str,
        typer.Option(
            help="Providers beside the sandbox's own banks and carriers:"
            " unionpay,huifu,stripe,aliyun,tencent,smpp. They have a line of their own."
        ),
    ] = "",
    history: Annotated[
        int,
        typer.Option(
            min=0,
            max=MOST,
            help="So many finished payments, of the last thirty days, in a folder that"
            " is new: something to look at. 100000 take about a minute.",
        ),
    ] = 0,
    as_json: Annotated[
        bool, typer.Option("--json", help="One line of JSON when all is ready.")
    ] = False,
) -> None:
    """Start database, sandbox and node, seed them, and run until Ctrl-C."""
    import signal

    import uvloop

    from paycore.dev import vendors
    from paycore.dev.processes import free_port
    from paycore.dev.stack import ground
    from paycore.kernel import log

    log.configure(level="warning" if not as_json else "info", style="console")
    signal.signal(signal.SIGTERM, _as_interrupt)
    try:
        port = port or free_port()
        with ground(
            data,
            sandbox_port=sandbox_port,
            vendors=vendors.named(channels),
            api_port=port,
        ) as on:
            if history:
                _fill(on, history)
            uvloop.run(_run(on, port=port, as_json=as_json))
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


def _fill(on: "Ground", history: int) -> None:
    """A month, with its progress on standard error; a folder that has one is left."""
    from rich.console import Console
    from rich.progress import Progress

    from paycore.bench.month.fill import fill

    with Progress(console=Console(stderr=True), transient=True) as progress:
        tasks = {}

        def told(what: str, more: int, of: int) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(f"a month: {what}", total=of)
            progress.advance(tasks[what], more)

        filled = fill(on, history, told)
    if not filled:
        typer.echo(
            f"paycore: somebody has paid in {on.data} before: it is left as it is,"
            " --history is for a new folder (--data)",
            err=True,
        )


async def _run(on: "Ground", *, port: int, as_json: bool) -> None:
    from msgspec.structs import replace

    from paycore.cli.serve import until_told_to_stop
    from paycore.dev import checkout
    from paycore.dev.stack import running

    async with running(on, port=port) as (_, summary):
        said = replace(summary, checkout=await checkout.page(summary))
        _say(said, as_json=as_json)
        await until_told_to_stop()


def _as_interrupt(_signal: int, _frame: object) -> None:
    """SIGTERM before the node runs ends the start in order, as Ctrl-C does."""
    raise KeyboardInterrupt


def _say(summary: "Summary", *, as_json: bool) -> None:
    if as_json:
        import msgspec

        typer.echo(msgspec.json.encode(summary).decode())
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(title="paycore dev", show_header=False, title_justify="left")
    table.add_column()
    table.add_column(overflow="fold")  # a key that is cut off is of no use
    for name, value in (
        ("API", summary.api),
        ("documentation", summary.docs),
        ("console", summary.console),
        ("sandbox control", summary.sandbox),
        ("business line", summary.biz_line),
        ("API key", summary.api_key),
        ("card", summary.card_id),
        ("coupon", summary.coupon_no),
        ("phone", summary.phone),
        ("a page to pay on", summary.checkout),
    ):
        table.add_row(name, value)
    for line in summary.lines:
        if line.biz_line != summary.biz_line:
            means = f"API key {line.api_key}, card {line.card_id}, phone {line.phone}"
            table.add_row(f"line {line.biz_line}", means)
    for one in summary.console_operators:
        login = f"password {one.password}, secret of the codes {one.totp_secret}"
        table.add_row(f"log in as {one.name}", login)
    console = Console()
    console.print(table)
    console.print("\n[bold]Pay once[/bold] (the code is in what the sandbox texted):")
    console.print(_examples(summary), soft_wrap=True, highlight=False, markup=False)
    console.print("\nCtrl-C stops all of it.")


def _examples(summary: "Summary") -> str:
    """Three calls that take one payment, and one that makes a page to pay on."""
    auth = f"-H 'Authorization: Bearer {summary.api_key}'"
    phone = summary.phone.replace("+", "%2B")
    return f"""
curl -s {summary.api}/v1/quick-payments {auth} -H "Idempotency-Key: $(uuidgen)" \\
  -d '{{"out_biz_no": "order-1", "amount": 1250, "currency": "CNY",
       "card_id": "{summary.card_id}", "subject": "Two cups of tea"}}'

curl -s '{summary.sandbox}/control/sms?phone={phone}'

curl -s {summary.api}/v1/quick-payments/PAY_ORDER_NO/confirm {auth} \\
  -H "Idempotency-Key: $(uuidgen)" -d '{{"sms_verify_code": "CODE"}}'

curl -s {summary.api}/v1/checkouts {auth} -H "Idempotency-Key: $(uuidgen)" \\
  -d '{{"out_biz_no": "order-2", "amount": 1250, "currency": "CNY",
       "card_ids": ["{summary.card_id}"], "subject": "Two cups of tea",
       "return_url": "{summary.api}/docs"}}'   # open the url of its answer
"""
