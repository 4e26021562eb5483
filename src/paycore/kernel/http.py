"""One door to the network: sends once, and names what happened.

This is the only place that decides between NOT_SENT and UNKNOWN. A connection that
was never made is NOT_SENT; whatever happens after the first byte may have left is
UNKNOWN. Nothing here retries, follows redirects or reads past what was asked for.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

import msgspec

from paycore.kernel.stream import Place, Stream

MAX_REPLY_OCTETS = 1 << 20
"""Longer than any answer of a channel's, and of an end point's."""

CONTENT = MappingProxyType(
    {"content-type": "application/json", "user-agent": "paycore"}
)
"""The headers of what is told to a system of somebody else's, but for who signed it."""

ADDRESS_REFUSED = "address refused"
"""The reason of a `NotSent` whose address is not public, though it had to be."""


class HttpRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be sent; `timeout_s` is hard, for the whole call."""

    method: str = "POST"
    url: str
    headers: Mapping[str, str]
    body: bytes
    timeout_s: float
    connect_timeout_s: float = 1.0
    public_only: bool = False
    """Connect to a public address or not at all: for addresses that others gave us."""
    most_octets: int = MAX_REPLY_OCTETS
    """An answer that is longer is none."""
    may_leave: Callable[[], bool] | None = None
    """Asked directly before the first byte of a request with a body, when the
    connection stands: where it says no, nothing leaves."""

    def __repr__(self) -> str:
        """Where it goes; keys, codes and cards are in headers, body and query."""
        url = self.url.partition("?")[0]
        return f"HttpRequest({self.method} {url}, {len(self.body)} octets)"


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer came; what it is worth is for the caller to find out."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes


class NotSent(msgspec.Struct, frozen=True, kw_only=True):
    """Surely nothing left."""

    reason: str


TOO_LATE = NotSent(reason="too late")
"""What comes of a request that may not leave any more (`HttpRequest.may_leave`)."""


class NoAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Perhaps it arrived and was acted on: unknown."""

    reason: str


HttpResult = Answered | NotSent | NoAnswer


class Transport(Protocol):
    """What a node sends through; the simulator brings its own."""

    async def send(self, request: HttpRequest) -> HttpResult:
        """Send once. Never raises for what the network did."""

    async def receive(
        self, request: HttpRequest, take: Callable[[bytes], Awaitable[None]]
    ) -> HttpResult:
        """Send once, and give the body of a 200 to `take`, piece by piece as it comes:
        it never stands in memory, and the answer's own `body` is empty. What was taken
        is worth nothing where the result is no answer. Other statuses come whole.
        """

    async def connect(self, place: Place) -> Stream | NotSent:
        """A connection to keep open (`kernel/stream.py`), or why there is none."""

    async def look_up(self, host: str, *, within_s: float) -> Sequence[str]:
        """The addresses that a name has just now; none where it is not known."""

    async def close(self) -> None:
        """Let go of the connections."""
