"""Long work that operators began: how far it is."""

import hashlib
from datetime import UTC, datetime

from litestar import Response, get

from paycore.api.acting import Doing
from paycore.api.answers import found
from paycore.api.auth import operator_of
from paycore.api.console.notices_schema import ConsoleWork
from paycore.api.contract import Call
from paycore.api.door import Plain, door_of, read
from paycore.kernel.errors import DataNotExist
from paycore.kernel.node import Node
from paycore.operators import works
from paycore.operators.roles import May
from paycore.operators.works import Work

_ID_OCTETS = 16


@get(
    "/v1/console/works/{work_id:str}",
    opt={
        "call": Call(
            name="getWork",
            summary="Long work that an operator began, and how far it is",
            gives=((200, ConsoleWork),),
            refuses=(DataNotExist,),
            may=May.READ,
        )
    },
)
async def get_work(request: Plain, work_id: str) -> Response[bytes]:
    """How far it is."""
    await operator_of(request)
    door = door_of(request)
    return found(shown(door.node, await read(door, works.one(door.node, work_id))))


def fresh(doing: Doing, since: datetime, *, total: int | None) -> Work:
    """The row of work that is begun under a key: under the same key it is the same, but
    for a key that was used anew when its answer was kept no longer.
    """
    now = doing.door.node.now()
    act = doing.claim().scope + since.astimezone(UTC).isoformat().encode()
    return Work(
        work_id=f"wk_{hashlib.sha256(act).digest()[:_ID_OCTETS].hex()}",
        kind=doing.act,
        begun_by=doing.operator.name,
        begun_at=now,
        told_at=now,
        total=total,
    )


def shown(node: Node, row: Work) -> ConsoleWork:
    """How far it is, as whoever asks is told."""
    return ConsoleWork(
        work_id=row.work_id,
        kind=row.kind,
        begun_by=row.begun_by,
        begun_at=row.begun_at,
        told_at=row.told_at,
        ended_at=row.ended_at,
        state=works.state(node, row),
        done=row.done,
        total=row.total,
        said=row.said,
    )
