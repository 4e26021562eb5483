"""Jobs by the day: each runs once, at one node, and again where it failed.

A job has a row a day (`kernel/jobs.py`), made when the day's hour has come by whoever
is first. It is claimed like a payment that is due; a node that dies with one leaves it
to another. What is not done at the end of a claim is due again a little later.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import structlog
from msgspec.structs import replace

from paycore.kernel.clock import start_of_day
from paycore.kernel.errors import Unavailable
from paycore.kernel.jobs import JobRow
from paycore.kernel.meters import Tally
from paycore.kernel.meters_upkeep import JOB_FAILURES
from paycore.kernel.node import Node

LEASE = timedelta(minutes=15)
"""Of a claim, as long as its node lives: longer than a job is at it at a time."""

GOES_ON = timedelta(minutes=1)
"""After a claim that did not come to the end."""

FIRST_RETRY = timedelta(minutes=5)
LONGEST_RETRY = timedelta(hours=1)
"""After a failure; each wait is twice the one before."""

LONGEST_RESULT = 500
AWAY = "the database was away"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """How far a job came."""

    done: bool
    said: str
    """What came of it, or why it has to go on later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What is to be done once a day."""

    name: str
    hour: int
    """From which hour of the day on (UTC); -1: never by itself."""
    work: Callable[[Node], Awaitable[Ran]]
    """Bounded: it comes back before its lease is over, and may be called again."""
    of_day: Callable[[Node, date], Awaitable[Ran]] | None = None
    """The work of one day that a person names, which is no run of the job's own; None
    where one day's is not to be told from another's.
    """


@dataclass(slots=True)
class Opened:
    """The days whose rows this node knows to be there, by job."""

    days: dict[str, str] = field(default_factory=dict)


async def tick(node: Node, jobs: Sequence[Job]) -> int:
    """Run what is due; how many jobs that was.

    Whose life is in doubt has an old view of who lives, and would take from them.
    """
    if node.heartbeat.leaving or not node.lease_holds(0):
        return 0
    for job in jobs:
        await _open(node, job)
    now = node.now()
    claimed = await node.journal.due(
        JobRow,
        len(jobs),
        now=now,
        over=node.over_by(LEASE),
        epoch=node.epoch,
        live=node.heartbeat.live,
        lease_until=now + LEASE,
    )
    by_name = {job.name: job for job in jobs}
    for row in claimed:
        await _run(node, row, by_name.get(row.job))
    return len(claimed)


async def _open(node: Node, job: Job) -> None:
    """Have the day's row, once its hour has come."""
    now = node.now()
    begins = start_of_day(now) + timedelta(hours=job.hour)
    day = f"{now:%Y-%m-%d}"
    known = node.state(Opened).days
    if now < begins or known.get(job.name) == day:
        return
    change = node.change()
    change.insert(JobRow(job=job.name, day=day, next_check_at=begins))
    await node.journal.commit(change)  # refused: another has made it
    known[job.name] = day


async def at_once(node: Node, job: Job) -> JobRow:
    """Run today's job now, done or not, whatever its hour; how its row stands then.

    Refused while another is at it, and nobody else begins with it meanwhile.
    """
    row = await _taken(node, job, f"{node.now():%Y-%m-%d}")
    await _run(node, row, job)
    standing = await node.journal.load(JobRow, job.name, row.day)
    assert standing is not None, "it was taken"
    return standing


async def _taken(node: Node, job: Job, day: str) -> JobRow:
    """The day's row, ours for a lease. It is not due before that is over, so that a
    lease without a living epoch holds as well: a command has none.
    """
    now = node.now()
    row = await node.journal.load(JobRow, job.name, day)
    change = node.change()
    if row is None:
        row = _mine(node, JobRow(job=job.name, day=day, next_check_at=now))
        change.insert(row)
    elif row.lease_until is not None and not node.lease_is_over(row.lease_until, LEASE):
        raise Unavailable("A node is at this job now: try again later.")
    else:
        row = _mine(node, row)
        change.update(row, version=row.version)
        row = replace(row, version=row.version + 1)
    if await node.journal.commit(change) is not None:
        raise Unavailable("A node has just begun with this job: try again later.")
    return row


def _mine(node: Node, row: JobRow) -> JobRow:
    until = node.now() + LEASE
    return replace(
        row,
        finished_at=None,
        next_check_at=until,
        lease_epoch=node.epoch,
        lease_until=until,
    )


async def _run(node: Node, row: JobRow, job: Job | None) -> None:
    begun = replace(
        row, begun_at=row.begun_at or node.now(), node=node.settings.node_name
    )
    about = {"job": row.job, "day": row.day, "epoch": node.epoch}
    if job is None:
        # Of another version of us: a node of that one will do it.
        await _put_back(node, begun, row.result, node.now() + LONGEST_RETRY)
        return
    started = node.clock.monotonic()
    try:
        ran = await job.work(node)
    except Unavailable:
        # Nobody's failure: it goes on once the database is there again.
        log.warning("job_interrupted", **about)
        await _put_back(node, _took(node, begun, started), AWAY, node.now() + GOES_ON)
        return
    except Exception as error:
        begun = _took(node, begun, started)
        node.state(Tally).count(JOB_FAILURES, row.job)
        log.exception("job_failed", tries=row.tries + 1, **about)
        failed = replace(begun, tries=row.tries + 1)
        # Its name and not its words: they may repeat what stands in a row.
        said = f"failed: {type(error).__name__}"
        await _put_back(node, failed, said, _again_at(node, row.tries))
        return
    begun = _took(node, begun, started)
    if ran.done:
        log.info("job_done", said=ran.said, **about)
        await _end(node, begun, ran.said)
    else:
        log.info("job_postponed", said=ran.said, **about)
        await _put_back(node, begun, ran.said, node.now() + GOES_ON)


def _took(node: Node, row: JobRow, started: float) -> JobRow:
    """With the time of this claim counted in."""
    passed_ms = int((node.clock.monotonic() - started) * 1000)
    return replace(row, took_ms=row.took_ms + max(0, passed_ms))


def _again_at(node: Node, tries: int) -> datetime:
    doubled: timedelta = FIRST_RETRY * (1 << min(tries, 10))
    return node.now() + min(doubled, LONGEST_RETRY)


async def _put_back(node: Node, row: JobRow, said: str, at: datetime) -> None:
    await _write(node, replace(row, result=said[:LONGEST_RESULT], next_check_at=at))


async def _end(node: Node, row: JobRow, said: str) -> None:
    ended = replace(
        row,
        result=said[:LONGEST_RESULT],
        finished_at=node.now(),
        next_check_at=None,
    )
    await _write(node, ended)


async def _write(node: Node, row: JobRow) -> None:
    """Refused where another has taken it over meanwhile: then it is his to end."""
    change = node.change()
    free = replace(row, lease_epoch=None, lease_until=None)
    change.update(free, version=row.version)
    await node.journal.commit(change)
