"""`paycore jobs`: jobs by the day, when each ran and what came of it; run one now.

Nodes run them by themselves; this is for who wants to see, or cannot wait.
"""

from datetime import UTC, date, datetime, timedelta
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
from paycore.kernel.errors import BadRequest

if TYPE_CHECKING:
    from paycore.cli.visit import Visit
    from paycore.kernel.jobs import JobRow
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
    from paycore.worker import daily, loop

    job = next((job for job in _jobs(visit, database) if job.name == name), None)
    if job is None:
        raise BadRequest("There is no such job: `paycore jobs list` has their names.")
    await loop.refresh(visit.node)
    if day is not None:
        return await _of_day(visit, job, day)
    row = await daily.at_once(visit.node, job)
    return {**_last(row), "done": row.finished_at is not None}


async def _of_day(visit: "Visit", job: "Job", day: date) -> dict[str, object]:
    if job.of_day is None:
        raise BadRequest("This job is the same on every day: leave --day away.")
    if day > visit.node.now().date() + timedelta(days=1):
        raise BadRequest("This day has not begun anywhere.")
    ran = await job.of_day(visit.node, day)
    return {"job": job.name, "day": f"{day}", "result": ran.said, "done": ran.done}


async def _listed(visit: "Visit", database: str | None) -> list[dict[str, object]]:
    from paycore.worker import queries

    jobs = _jobs(visit, database)
    newest = await queries.newest(visit.pool, [job.name for job in jobs])
    now = visit.node.now()
    return [_line(job, newest.get(job.name), now) for job in jobs]


def _jobs(visit: "Visit", database: str | None) -> "tuple[Job, ...]":
    from paycore.cli.visit import dsn_of
    from paycore.worker import calendar

    return calendar.jobs(visit.node.settings, dsn_of(database))


def _line(job: "Job", row: "JobRow | None", now: datetime) -> dict[str, object]:
    shown = _nothing(job) if row is None else _last(row)
    return {**shown, "hour": job.hour, "next_run_at": _next(job, row, now)}


def _nothing(job: "Job") -> dict[str, object]:
    empty = dict.fromkeys(("day", "last_run_at", "finished_at", "took_s"))
    return {"job": job.name, **empty, "tries": 0, "result": "", "node": ""}


def _last(row: "JobRow") -> dict[str, object]:
    return {
        "job": row.job,
        "day": row.day,
        "last_run_at": row.begun_at,
        "finished_at": row.finished_at,
        "took_s": round(row.took_ms / 1000, 1),
        "tries": row.tries,
        "result": row.result,
        "node": row.node,
    }


def _next(job: "Job", row: "JobRow | None", now: datetime) -> datetime | None:
    """When a node looks at it next; None where none ever does by itself."""
    if row is not None and row.next_check_at is not None:
        return row.next_check_at
    if job.hour < 0:
        return None
    today = datetime(now.year, now.month, now.day, job.hour, tzinfo=UTC)
    done_today = row is not None and row.day >= f"{now:%Y-%m-%d}"
    return today + timedelta(days=1) if done_today else today
