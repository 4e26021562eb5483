"""What a simulated node serves over HTTP: the handlers of production, one request each.

Business lines' payments go by core's use cases (`api`). A checkout's pages are forms,
redirects and addresses, and an operator's acts are entered in a log by their handler:
here it is the API's own application that answers, without a socket.
"""

import asyncio
import warnings
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import unquote

import msgspec
from litestar import Litestar
from litestar.datastructures import State
from litestar.types import ASGIApp, Message, Scope

from paycore.api import checkout_pages, checkouts
from paycore.api.application import EXCEPTION_HANDLERS
from paycore.api.console import channels
from paycore.api.door import Door
from paycore.api.metrics import Metrics
from paycore.core.queries import Pool
from paycore.kernel.node import Node

HOST = "paycore.sim"

HANDLERS = (
    checkouts.create_checkout,
    checkouts.get_checkout,
    checkout_pages.show,
    checkout_pages.act,
    checkout_pages.go_back,
    channels.open_window,
    channels.end_window,
    channels.switch_channel,
)
"""What is asked for in a run; the rest of the API would only take its time to make."""

NO_POOL = cast("Pool", None)
NO_METRICS = cast("Metrics", None)
"""Of what is asked for here nothing reads by SQL, and nothing is counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request as it leaves whoever sends it."""

    method: str
    target: str
    """Path and query."""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    address: str = "198.51.100.1"


@dataclass(slots=True, kw_only=True)
class Served:
    """The answer, as it is put together."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    async def send(self, message: Message) -> None:
        """Take in a piece of it."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {
                name.decode("latin-1").lower(): value.decode("latin-1")
                for name, value in message["headers"]
            }
        elif message["type"] == "http.response.body":
            self.body += message["body"]

    @property
    def code(self) -> str:
        """Of a problem document; else nothing."""
        if "problem+json" not in self.headers.get("content-type", ""):
            return ""
        said = msgspec.json.decode(self.body, type=dict[str, Any])
        return str(said["code"])

    @property
    def retry_after_s(self) -> int | None:
        """When it may be tried again, where it says so."""
        said = self.headers.get("retry-after")
        return None if said is None else int(said)


class Surface:
    """One node's application, made when it is first asked for anything."""

    def __init__(self, node: Node) -> None:
        door = Door(node=node, pool=NO_POOL, metrics=NO_METRICS, ready=_ready)
        with warnings.catch_warnings():
            # How parameters are declared is the API's affair, and no run's.
            warnings.simplefilter("ignore", DeprecationWarning)
            self.app: ASGIApp = Litestar(
                HANDLERS,
                openapi_config=None,
                exception_handlers={**EXCEPTION_HANDLERS},
                state=State({"door": door}),
                logging_config=None,
                debug=False,
            )


async def _ready() -> dict[str, bool]:
    return {}


async def serve(node: Node, asked: Asked) -> Served:
    """Answer one request as the node's API does."""
    surface = node.state(Surface, lambda: Surface(node))
    served = Served()
    scope = cast("Scope", _scope(asked))
    await surface.app(scope, _received(asked.body), served.send)
    return served


def _scope(asked: Asked) -> dict[str, Any]:
    path, _, query = asked.target.partition("?")
    headers = {"host": HOST, **asked.headers}
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": asked.method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [
            (name.lower().encode("latin-1"), value.encode("latin-1"))
            for name, value in headers.items()
        ],
        "client": (asked.address, 40_000),
        "server": (HOST, 80),
        "state": {},
        "extensions": {},
    }


def _received(body: bytes) -> Callable[[], Awaitable[Any]]:
    """The body in one piece, and then nothing more."""
    pieces = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> object:
        if pieces:
            return pieces.pop()
        return await asyncio.get_running_loop().create_future()

    return receive
