"""What every handler is given: the node, and the pool that people's reads go by."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, cast

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.datastructures import State

from paycore.api.metrics import Metrics
from paycore.core.queries import Pool
from paycore.kernel.node import Node

Plain = Request[object, object, State]
Connection = ASGIConnection[Any, object, object, State]


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """One node's API: handlers keep nothing else."""

    node: Node
    pool: Pool
    metrics: Metrics
    ready: Callable[[], Awaitable[dict[str, bool]]]
    """What the node needs to take payments, each with whether it has it."""


def door_of(connection: Connection) -> Door:
    """The door of the application that a request came to."""
    return cast("Door", connection.app.state.door)
