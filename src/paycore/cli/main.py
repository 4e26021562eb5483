"""`paycore`: finds the command's file, and says bad news in one line.

Only the file of the command that was called is imported: start-up counts. A file
exposes `app` (a group of commands) or a function of its own name, and imports what it
needs inside of it.
"""

import importlib
import importlib.util
import sys
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

import typer

from paycore.kernel.errors import Misconfigured, Refusal

COMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "serve": "Run a node: the API, the workers, or both.",
        "dev": "Run all of it on this machine, with a sandbox.",
        "demo": "Eleven payments from end to end, shown and compared with the banks.",
        "bench": "Measure whole payments a second.",
        "prove": "Simulate payments under faults, from seeds.",
        "explore": "Try every order of events in which one payment can go.",
        "drill": "Break something on purpose, and see what holds.",
        "migrate": "Bring the database's schema up to date.",
        "keys": "Make a fresh set of keys.",
        "audit": "Ask whether all that must hold does; exit status 1 if not.",
        "retention": "Say what is old, and with --apply take it away.",
        "doctor": "Look at everything that is set up, and say what is wrong.",
        "lines": "Business lines.",
        "apikeys": "API keys of business lines.",
        "endpoints": "Where business lines get their notices.",
        "channel": "Begin a channel of your own.",
        "channels": "Accounts at channels, and carriers.",
        "routes": "Transaction types, rules, and who may use which account.",
        "route": "Ask the router, and see why.",
        "cards": "The table of BINs that cards are told by.",
        "coupons": "Issue coupons, and see what became of them.",
        "payments": "Look at payments, and find them.",
        "refunds": "Look at refunds.",
        "notices": "Look at notices, and send them again.",
        "recon": "Compare our books with the channels' statements.",
        "recover": "After a restore: ask every channel what the backup forgot.",
        "jobs": "Jobs by the day: when each ran, and run one now.",
        "ledger": "The books: trial balances, export, adjustments.",
        "desk": "Cases that wait for a person, and what is done about them.",
        "operators": "Who works at the desk over the API, and their tokens.",
        "keyring": "The keys that sealed values are under, and their rotation.",
        "docs": "The generated pages.",
        "version": "Say which version this is.",
    }
)
"""Each command is a file of its name in this folder; here is its line of help."""


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command that was named, or list them all."""
    given = list(sys.argv[1:] if argv is None else argv)
    called = [given[0]] if given and given[0] in COMMANDS else COMMANDS
    try:
        _app(name for name in called if _exists(name))(args=given, prog_name="paycore")
    except Misconfigured as error:
        typer.echo(f"paycore: {error}", err=True)
        raise SystemExit(1) from error
    except Refusal as refusal:
        typer.echo(f"paycore: {refusal.en}", err=True)
        raise SystemExit(1 if refusal.retryable else 2) from refusal


def _app(names: Iterable[str]) -> typer.Typer:
    """Mount these commands, importing their files."""
    app = typer.Typer(
        help="A self-hosted payment core.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,  # it shows local variables, secrets with them
    )
    app.callback()(_paycore)
    for name in names:
        module = importlib.import_module(f"paycore.cli.{name}")
        if isinstance(group := getattr(module, "app", None), typer.Typer):
            app.add_typer(group, name=name, help=COMMANDS[name])
        else:
            app.command(name, help=COMMANDS[name])(getattr(module, name))
    return app


def _paycore() -> None:
    """Make typer keep the command's name even where only one is mounted."""


def _exists(name: str) -> bool:
    return importlib.util.find_spec(f"paycore.cli.{name}") is not None
