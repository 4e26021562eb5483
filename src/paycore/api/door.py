"""What every handler is given: the node, and the pool that people's reads go by."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeVar, cast

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.datastructures import State
from litestar.exceptions.http_exceptions import RequestEntityTooLarge

from paycore.api.decode import MAX_BODY_OCTETS
from paycore.api.metrics import Metrics
from paycore.api.queries import away
from paycore.core.queries import Pool
from paycore.kernel.errors import BadRequest, Unavailable
from paycore.kernel.jobs import JobLine, JobRan
from paycore.kernel.node import Node

Plain = Request[object, object, State]
Connection = ASGIConnection[Any, object, object, State]

READ_WITHIN_S = 5.0
"""For a connection of the pool and the answer on it."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Jobs:
    """Jobs by the day, of which the API knows no more than this."""

    listed: Callable[[], Awaitable[Sequence[JobLine]]]
    refuse: Callable[[str, date | None], object]
    """Raises where there is no such job, or none of that day."""
    run: Callable[[str, date | None], Awaitable[JobRan]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """One node's API: handlers keep nothing else."""

    node: Node
    pool: Pool
    metrics: Metrics
    ready: Callable[[], Awaitable[dict[str, bool]]]
    """What the node needs to take payments, each with whether it has it."""
    jobs: Jobs | None = None
    """None where nobody is asked for them."""


async def read(
    door: Door, query: Awaitable[T], *, within_s: float = READ_WITHIN_S
) -> T:
    """What a query for people found; Unavailable where its database is away, or has
    no connection or no answer for it in time: nobody waits for ever.
    """
    try:
        return await door.node.clock.within(within_s, query)
    except Exception as error:
        if away(error):
            raise Unavailable from error
        raise


async def body_of(request: Plain) -> bytes:
    """The whole body; a caller who left before its end is nobody's fault but his.

    Read as it comes, which is in one piece nearly always: the framework's own way, by a
    stream, costs more than all that is then done with so small a body.
    """
    body, more = b"", True
    while more:
        event = await request.receive()
        if event["type"] != "http.request":
            raise BadRequest
        body += event["body"]
        if len(body) > MAX_BODY_OCTETS:
            raise RequestEntityTooLarge
        more = event["more_body"]
    return body


def door_of(connection: Connection) -> Door:
    """The door of the application that a request came to."""
    return cast("Door", connection.app.state.door)
