"""What every handler is given: the node, and the pool that people's reads go by."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.datastructures import State

from paycore.api.metrics import Metrics
from paycore.core.queries import Pool
from paycore.kernel.errors import Unavailable
from paycore.kernel.node import Node

Plain = Request[object, object, State]
Connection = ASGIConnection[Any, object, object, State]

AWAY = frozenset({"08", "53", "57"})
"""Classes of SQLSTATE: connection lost, resources spent, server shutting down."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """One node's API: handlers keep nothing else."""

    node: Node
    pool: Pool
    metrics: Metrics
    ready: Callable[[], Awaitable[dict[str, bool]]]
    """What the node needs to take payments, each with whether it has it."""


async def read(query: Awaitable[T]) -> T:
    """What a query for people found; Unavailable where its database is away.

    The driver is the kernel's alone: its errors are known here by their SQLSTATE.
    """
    try:
        return await query
    except OSError as error:
        raise Unavailable from error
    except Exception as error:
        if str(getattr(error, "sqlstate", ""))[:2] in AWAY:
            raise Unavailable from error
        raise


def door_of(connection: Connection) -> Door:
    """The door of the application that a request came to."""
    return cast("Door", connection.app.state.door)
