"""`paycore doctor`: looks at everything that is set up, and says what is wrong.

From the ground up: where the database is away nothing else can be looked at. It reads
and asks, and changes nothing.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import typer

from paycore.cli.command import AsJson, Database, print_table, say
from paycore.kernel.errors import Misconfigured

if TYPE_CHECKING:
    from paycore.cli.checks import Finding
    from paycore.cli.visit import Visit

Told = Callable[[str], None]


def doctor(*, database: Database = None, as_json: AsJson = False) -> None:
    """Look at everything; exit status 1 if anything is wrong."""
    import asyncio

    found = asyncio.run(_look(database))
    rows = [
        {"check": one.check, "state": one.state, "what": one.what, "do": one.do}
        for one in found
    ]
    wrong = sum(one.state == "WRONG" for one in found)
    if as_json:
        say({"wrong": wrong, "findings": rows}, "", as_json=True)
    else:
        print_table("paycore doctor", rows)
        typer.echo(f"{wrong} wrong" if wrong else "Nothing is wrong.")
    raise typer.Exit(1 if wrong else 0)


async def _look(database: str | None) -> "list[Finding]":
    """The ground first; what stands on it only where there is some."""
    from rich.console import Console
    from rich.progress import Progress

    from paycore.cli import visit as visits

    dsn = visits.dsn_of(database)
    found = await _ground(dsn)
    settings, usable = _settings()
    found += settings
    if not usable or any(one.state == "WRONG" for one in found if one.check in _BASE):
        return found
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("looking", total=None)
        async with visits.visit(dsn) as open_now:
            found += await _partitions(open_now)
            found += await _standing(
                open_now, lambda name: progress.update(task, description=name)
            )
    return found


_BASE = frozenset({"database", "migrations"})


async def _standing(visit: "Visit", told: Told) -> "list[Finding]":
    from paycore.cli import checks
    from paycore.cli.visit import has_keys

    found: list[Finding] = []
    todo = checks.WITHOUT_KEYS + (checks.WITH_KEYS if has_keys() else ())
    for name, check in todo:
        told(name)
        found += await check(visit)
    return found


async def _ground(dsn: str) -> "list[Finding]":
    """The server, and the schema on it."""
    from paycore.cli.checks import GOOD, WRONG, Finding
    from paycore.kernel import db

    try:
        missing = await db.pending(dsn)
    except db.DatabaseUnavailableError as error:
        do = "start it, or set DATABASE_URL to where it is"
        return [Finding(check="database", state=WRONG, what=str(error), do=do)]
    except db.DatabaseRefusedError as error:
        do = "use a server and a schema that fit (docs/operate.md)"
        return [Finding(check="database", state=WRONG, what=str(error), do=do)]
    found = [Finding(check="database", state=GOOD, what="answers, and keeps commits")]
    if missing:
        what = f"lacks {', '.join(missing)}"
        do = "`paycore migrate`"
        return [*found, Finding(check="migrations", state=WRONG, what=what, do=do)]
    return [*found, Finding(check="migrations", state=GOOD, what="all are applied")]


def _settings() -> "tuple[list[Finding], bool]":
    """What this environment would tell a node; whether a visit could begin with it."""
    import os

    from paycore.cli.checks import GOOD, NOTE, WRONG, Finding
    from paycore.cli.visit import environment
    from paycore.kernel import config

    try:
        settings = config.load(os.environ)
    except Misconfigured as error:
        do = "docs/settings.md; the keys are `paycore keys`, once for all nodes"
        wrong = Finding(check="settings", state=WRONG, what=str(error), do=do)
        return [wrong], _valid(environment())
    found = [Finding(check="settings", state=GOOD, what="a node would take them")]
    if not settings.public_url:
        what = "no PAYCORE_PUBLIC_URL: channels cannot call back"
        found.append(Finding(check="settings", state=NOTE, what=what, do="set it"))
    if settings.allow_private_endpoints:
        what = "PAYCORE_ALLOW_PRIVATE_ENDPOINTS is on: notices may go to our neighbours"
        do = "leave it out, but for development"
        found.append(Finding(check="settings", state=NOTE, what=what, do=do))
    return found, True


def _valid(environ: dict[str, str]) -> bool:
    from paycore.kernel import config

    try:
        config.load(environ)
    except Misconfigured:
        return False
    return True


async def _partitions(visit: "Visit") -> "list[Finding]":
    from paycore.cli.checks import GOOD, WRONG, Finding
    from paycore.kernel import partitions

    today = visit.node.now().date()
    missing = await partitions.missing(visit.pool, today, partitions.CLOSE)
    if missing:
        what = f"lacking: {', '.join(sorted(month.partition for month in missing))}"
        do = (
            "start a node: it makes them, or its log says what is in the way "
            "(months_missing); until then the default one is used (docs/operate.md)"
        )
        return [Finding(check="partitions", state=WRONG, what=what, do=do)]
    what = "there for this month and the next"
    return [Finding(check="partitions", state=GOOD, what=what)]
