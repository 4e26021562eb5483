"""`paycore jobs`: jobs by the day, when each ran and what came of it; run one now.

Nodes run them by themselves; this is for who wants to see, or cannot wait.
"""

from datetime import date
from typing import TYPE_CHECKING, Annotated

import typer

from paycore.cli.command import (
    AsJson,
    Database,
    examples,
    group,
    run,
    say,
    show,
    the_day,
)

if TYPE_CHECKING:
    from paycore.cli.visit import Visit
    from paycore.worker.daily import Job

app = group("Jobs by the day: each runs once, at one of the nodes (docs/operate.md).")

LATER = 1


@app.command("list", epilog=examples("paycore jobs list --json"))
def list_(*, database: Database = None, as_json: AsJson = False) -> None:
    """List the jobs: the last run, what came of it and where, and the next one.

    The hours are those of the settings that this command is given: the nodes' own.
    """
    rows = run(database, lambda visit: _listed(visit, database))
    show("jobs", rows, as_json=as_json)


@app.command(
    "run",
    epilog=examples(
        "paycore jobs run retention", "paycore jobs run statements --day 2026-11-28"
    ),
)
def run_(
    name: Annotated[str, typer.Argument(help="The job's name, as `jobs list` has it.")],
    *,
    day: Annotated[
        str | None,
        typer.Option(
            help="As 2026-11-28, by the channels' clocks: do that day's statements"
            " instead of what is due.",
            show_default=False,
        ),
    ] = None,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Run a job now, once, whatever its hour; no node begins with it meanwhile.

    Exit status 1 where it did not come to its end: then a node goes on with it, unless
    it was of a day that was named.
    """
    from paycore.cli.visit import demand_keys

    demand_keys()
    wanted = None if day is None else the_day(day)
    document = run(database, lambda visit: _run(visit, database, name, wanted))
    said = f"{name} of {document['day']}: {document['result']}"
    say(document, said, as_json=as_json)
    if not document["done"]:
        raise typer.Exit(LATER)


async def _run(
    visit: "Visit", database: str | None, name: str, day: date | None
) -> dict[str, object]:
    from paycore.worker import looking, loop

    jobs = _jobs(visit, database)
    looking.refuse(visit.node, jobs, name, day)
    await loop.refresh(visit.node)
    ran = await looking.run(visit.node, jobs, name, day)
    return {"job": name, "day": ran.day, "result": ran.said, "done": ran.done}


async def _listed(visit: "Visit", database: str | None) -> list[dict[str, object]]:
    from dataclasses import asdict

    from paycore.worker import looking

    jobs = _jobs(visit, database)
    found = await looking.listed(visit.node, visit.pool, jobs)
    return [asdict(line) for line in found]


def _jobs(visit: "Visit", database: str | None) -> "tuple[Job, ...]":
    from paycore.cli.visit import dsn_of
    from paycore.worker import calendar

    return calendar.jobs(visit.node.settings, dsn_of(database))
