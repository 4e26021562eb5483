"""Jobs by the day, for people: how each stands, and one of them run at once."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from paycore.kernel.errors import BadRequest
from paycore.kernel.jobs import JobLine, JobRan, JobRow
from paycore.kernel.node import Node
from paycore.worker import daily, queries
from paycore.worker.daily import Job


async def listed(node: Node, pool: queries.Pool, jobs: Sequence[Job]) -> list[JobLine]:
    """Every job, in the order in which a day has them."""
    newest = await queries.newest(pool, [job.name for job in jobs])
    return [_line(job, newest.get(job.name), node.now()) for job in jobs]


def refuse(node: Node, jobs: Sequence[Job], name: str, day: date | None) -> Job:
    """The job of a name; BadRequest where there is none, or none of that day."""
    job = next((job for job in jobs if job.name == name), None)
    if job is None:
        raise BadRequest("There is no such job.", "任务不存在", field="job")
    if day is None:
        return job
    if job.of_day is None:
        raise BadRequest(
            "This job is the same on every day: leave the day away.",
            "该任务不区分日期,请不填日期",
            field="day",
        )
    if day > node.now().date() + timedelta(days=1):
        raise BadRequest(
            "This day has not begun anywhere.", "该日尚未开始", field="day"
        )
    return job


async def run(node: Node, jobs: Sequence[Job], name: str, day: date | None) -> JobRan:
    """Run a job now, once, whatever its hour; of a day that is named, only that."""
    job = refuse(node, jobs, name, day)
    if day is not None:
        assert job.of_day is not None, "else it was refused"
        ran = await job.of_day(node, day)
        return JobRan(day=f"{day}", done=ran.done, said=ran.said)
    row = await daily.at_once(node, job)
    return JobRan(day=row.day, done=row.finished_at is not None, said=row.result)


def _line(job: Job, row: JobRow | None, now: datetime) -> JobLine:
    return JobLine(
        job=job.name,
        day=row.day if row else None,
        last_run_at=row.begun_at if row else None,
        finished_at=row.finished_at if row else None,
        took_s=round(row.took_ms / 1000, 1) if row else None,
        tries=row.tries if row else 0,
        result=row.result if row else "",
        node=row.node if row else "",
        hour=job.hour,
        next_run_at=_next(job, row, now),
    )


def _next(job: Job, row: JobRow | None, now: datetime) -> datetime | None:
    if row is not None and row.next_check_at is not None:
        return row.next_check_at
    if job.hour < 0:
        return None
    today = datetime(now.year, now.month, now.day, job.hour, tzinfo=UTC)
    done_today = row is not None and row.day >= f"{now:%Y-%m-%d}"
    return today + timedelta(days=1) if done_today else today
