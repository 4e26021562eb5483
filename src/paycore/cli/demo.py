"""`paycore demo`: payments from end to end, on real parts, and what became of them.

It needs nothing and leaves nothing: database, sandbox and node are its own. The last
line is JSON; the exit status is 1 where banks and books differ, the trial balance is
not zero, or a case is open.
"""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from paycore.dev.demo.run import Result

API = "http://127.0.0.1:8000"
"""Where `paycore dev` listens, unless it is told otherwise."""


def demo(
    channels: Annotated[
        str,
        typer.Option(
            help="Play over providers' own protocols instead:"
            " unionpay,huifu,stripe and one of aliyun,tencent,smpp."
        ),
    ] = "",
) -> None:
    """Play eleven payments, show each, and compare the banks' word with our books.

    With --channels six, over providers' own protocols, played by the sandbox.
    """
    import signal

    import msgspec
    from rich.console import Console

    from paycore.dev import vendors
    from paycore.dev.demo.outside import DemoBroke
    from paycore.dev.demo.provided import stories_for
    from paycore.dev.demo.run import run
    from paycore.dev.demo.scenes import SCENES
    from paycore.kernel import log

    names = vendors.named(channels)
    scenes = stories_for(names) if names else SCENES
    log.configure(level="error", style="console")
    for sign in (signal.SIGTERM, signal.SIGHUP):
        # What was ignored before us, as nohup does, stays ignored.
        if signal.getsignal(sign) is not signal.SIG_IGN:
            signal.signal(sign, _as_interrupt)
    console = Console()
    try:
        result = run(console, scenes, names)
    except KeyboardInterrupt:
        typer.echo("paycore demo: stopped; nothing of it is left", err=True)
        raise typer.Exit(130) from None
    except DemoBroke as error:
        typer.echo(f"paycore demo: {error}", err=True)
        raise typer.Exit(1) from None
    _say_how_it_went(console, result)
    typer.echo(msgspec.json.encode(result).decode())
    raise typer.Exit(0 if result.good else 1)


def _say_how_it_went(console: "Console", result: "Result") -> None:
    """Counts, and how to go on; called by its path, it is named by its path."""
    import sys
    from pathlib import Path

    called = sys.argv[0] if Path(sys.argv[0]).name == "paycore" else "paycore"
    console.print(
        f"{result.payments} payments: {result.converted} converted, "
        f"{result.recovered} recovered, {result.deducted} deducted, "
        f"{result.refunded} refunded, {result.returned} returned;"
    )
    console.print(
        f"{result.cases - result.open_cases} of {result.cases} cases settled, "
        f"{result.differences} differences"
    )
    console.print()
    console.print(f"[bold]Try it yourself:[/] {called} dev", highlight=False)
    for what, where in (
        ("then open", f"{API}/console/ (it prints who may log in)"),
        ("and", "the page to pay on, whose address it prints"),
        ("or", f"{API}/docs"),
    ):
        console.print(f"[bold]{what:<16}[/] {where}", highlight=False)


def _as_interrupt(_signal: int, _frame: object) -> None:
    """SIGTERM, or the terminal's end, ends the demo in order, as Ctrl-C does.

    What a script starts behind its back (`&`) does not hear Ctrl-C: now it must.
    """
    import signal

    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.raise_signal(signal.SIGINT)
