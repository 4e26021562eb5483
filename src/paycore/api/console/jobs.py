"""Jobs by the day: how each stands, and one run at once."""

from datetime import datetime

import msgspec
from litestar import Response, get, post
from litestar.types import ASGIApp

from paycore.api.acting import Told, begun, doing_of
from paycore.api.answers import found
from paycore.api.auth import operator_of
from paycore.api.console.setup_schema import (
    ConsoleJob,
    ConsoleJobs,
    RunJob,
    WorkBegun,
)
from paycore.api.console.works import fresh
from paycore.api.contract import Call
from paycore.api.decode import Shape
from paycore.api.door import Door, Jobs, Plain, door_of, read
from paycore.kernel.errors import BadRequest, DataNotExist, TooMany
from paycore.operators import works
from paycore.operators.roles import May
from paycore.operators.works import Came, Tell

_RUN = Shape(RunJob)


@get(
    "/v1/console/jobs",
    opt={
        "call": Call(
            name="listJobs",
            summary="Jobs by the day: the last run, what came of it, and the next",
            gives=((200, ConsoleJobs),),
            may=May.READ,
        )
    },
)
async def list_jobs(request: Plain) -> Response[bytes]:
    """Every job, in the order in which a day has them."""
    await operator_of(request)
    door = door_of(request)
    items = [
        msgspec.convert(line, ConsoleJob, from_attributes=True)
        for line in await read(door, _jobs(door).listed())
    ]
    return found(ConsoleJobs(items=items, next=None))


@post(
    "/v1/console/jobs/{job:str}/runs",
    opt={
        "call": Call(
            name="runJob",
            summary="Run a job now, once, whatever its hour, or the work of one day",
            takes=RunJob,
            gives=((201, WorkBegun),),
            refuses=(BadRequest, DataNotExist, TooMany),
            keyed=True,
            may=May.ACT,
        )
    },
)
async def run_job(request: Plain, job: str) -> ASGIApp:
    """Begin with a job; it goes on after the answer."""
    doing = await doing_of(request)
    asked = _RUN.decode(doing.body)
    jobs, day = _jobs(doing.door), asked.named()

    async def refuse() -> None:
        jobs.refuse(job, day)

    async def run(_: Tell) -> Came:
        ran = await jobs.run(job, day)
        return Came(said=ran.said, failed=not ran.done)

    async def work(since: datetime) -> Told:
        row = await works.begin(doing.door.node, fresh(doing, since, total=None), run)
        return Told.made(WorkBegun(work_id=row.work_id))

    deed = doing.deed(job, asked.why, day=asked.day)
    return await begun(request, doing, deed, work, refuse=refuse)


def _jobs(door: Door) -> Jobs:
    assert door.jobs is not None, "a node has its jobs"
    return door.jobs
