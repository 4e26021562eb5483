"""The sandbox's own HTTP/1.1 server: small, fast, and able to misbehave on purpose.

A framework cannot send an answer a byte at a time, hold a call for ever or shut one
listener among many with all its connections; a bank that fails must. It is not a
server for the open internet: loopback, no TLS, bodies of at most 64 KiB.
"""

import asyncio
import socket
import sys
import traceback
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from types import MappingProxyType
from typing import Final, cast

import httptools

MAX_BODY: Final = 64 * 1024
MAX_MESSAGE: Final = MAX_BODY + 16 * 1024
# Nobody waits longer than this for an answer that never comes.
HOLD_S: Final = 120.0
# Requests of one connection that wait while one is being answered.
_MAX_PIPELINED: Final = 16

_REASONS: Final = MappingProxyType(
    {
        200: b"OK",
        201: b"Created",
        204: b"No Content",
        302: b"Found",
        400: b"Bad Request",
        401: b"Unauthorized",
        402: b"Payment Required",
        404: b"Not Found",
        405: b"Method Not Allowed",
        409: b"Conflict",
        413: b"Content Too Large",
        500: b"Internal Server Error",
    }
)
_JSON: Final = "application/json"

Headers = Iterable[tuple[str, str]]


def head(status: int, headers: Headers, length: int | None, content_type: str) -> bytes:
    """Status line and headers; without a length the body is chunked."""
    reason = _REASONS.get(status, b"-").decode()
    lines = [f"HTTP/1.1 {status} {reason}\r\nContent-Type: {content_type}\r\n"]
    lines += [f"{name}: {value}\r\n" for name, value in headers]
    if length is None:
        lines.append("Transfer-Encoding: chunked\r\n\r\n")
    else:
        lines.append(f"Content-Length: {length}\r\n\r\n")
    return "".join(lines).encode("latin-1", "replace")


class Exchange:
    """One request, and the ways to answer it; exactly one of them is used."""

    __slots__ = ("_connection", "body", "headers", "keep_alive", "method", "url")

    def __init__(self, connection: "Connection") -> None:
        self._connection = connection
        self.method = ""
        self.url = b""
        self.headers: dict[bytes, bytes] = {}
        self.body = b""
        self.keep_alive = True

    @property
    def path(self) -> str:
        """The path without the query, as it was sent."""
        return self.url.partition(b"?")[0].decode("latin-1")

    @property
    def query(self) -> str:
        """What stands behind the question mark, as it was sent."""
        return self.url.partition(b"?")[2].decode("latin-1")

    def answer(
        self,
        status: int,
        body: bytes,
        headers: Headers = (),
        *,
        content_type: str = _JSON,
    ) -> None:
        """Answer at once."""
        top = head(status, headers, len(body), content_type)
        self._connection.write(top + body)

    async def trickle(
        self,
        status: int,
        body: bytes,
        headers: Headers = (),
        *,
        seconds: float,
        content_type: str = _JSON,
    ) -> None:
        """Answer a byte a second for so many seconds, then the rest at once."""
        message = head(status, headers, len(body), content_type) + body
        sent = 0
        while sent < min(int(seconds), len(message)):
            self._connection.write(message[sent : sent + 1])
            sent += 1
            if await self._connection.gone(within_s=1.0):
                return
        self._connection.write(message[sent:])

    async def stream(
        self, chunks: AsyncIterator[bytes], *, content_type: str = _JSON
    ) -> None:
        """Answer 200 with a body of unknown length, no faster than it is read."""
        self._connection.write(head(200, (), None, content_type))
        async for chunk in chunks:
            if chunk:
                self._connection.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
                await self._connection.drained()
        self._connection.write(b"0\r\n\r\n")

    async def hold(self) -> None:
        """Never answer: wait until the caller leaves, then close."""
        await self._connection.gone(within_s=HOLD_S)
        self._connection.abort()

    async def pause(self, seconds: float) -> None:
        """Let time pass, or less where the caller leaves."""
        await self._connection.gone(within_s=seconds)


Handler = Callable[[Exchange], Awaitable[None]]


class Connection(asyncio.Protocol):
    """One caller's connection: parses requests, answers them one after the other."""

    def __init__(self, listener: "Listener") -> None:
        self._listener = listener
        self._loop = listener.loop
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._exchange = Exchange(self)
        self._body: list[bytes] = []
        self._size = 0
        self._queue: deque[Exchange] = deque()
        self._task: asyncio.Task[None] | None = None
        self._gone: asyncio.Future[None] | None = None
        self._resumed: asyncio.Future[None] | None = None
        self._closed = False

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A caller is here."""
        # uvloop's transports are no subclass of asyncio's.
        self._transport = cast("asyncio.Transport", transport)
        self._listener.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """The caller has left: wake whoever waits for that."""
        self._closed = True
        self._listener.connections.discard(self)
        for waiter in (self._gone, self._resumed):
            if waiter is not None and not waiter.done():
                waiter.set_result(None)

    def data_received(self, data: bytes) -> None:
        """Bytes of one or more requests, or of a part of one."""
        self._size += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._reject(400)
            return
        if self._size > MAX_MESSAGE:
            self._reject(413)

    def pause_writing(self) -> None:
        """The caller reads too slowly."""
        self._resumed = self._loop.create_future()

    def resume_writing(self) -> None:
        """The caller has caught up."""
        if self._resumed is not None and not self._resumed.done():
            self._resumed.set_result(None)
        self._resumed = None

    # What the parser calls.

    def on_message_begin(self) -> None:
        """A request begins."""
        self._exchange = Exchange(self)
        self._body = []

    def on_url(self, url: bytes) -> None:
        """A part of the URL."""
        self._exchange.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header; of one that comes twice the last counts."""
        self._exchange.headers[name.lower()] = value

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """A request is there in full: queue it."""
        exchange = self._exchange
        exchange.method = self._parser.get_method().decode("latin-1")
        exchange.keep_alive = self._parser.should_keep_alive()
        exchange.body = b"".join(self._body)
        self._size = 0
        if len(exchange.body) > MAX_BODY or len(self._queue) >= _MAX_PIPELINED:
            self._reject(413)
            return
        self._queue.append(exchange)
        if self._task is None and not self._closed:
            self._task = self._loop.create_task(self._answer_all())

    # What answers use.

    def write(self, data: bytes) -> None:
        """Send, unless the caller has left."""
        if not self._closed and self._transport is not None:
            self._transport.write(data)

    async def drained(self) -> None:
        """Wait while the caller reads slower than we write."""
        if self._resumed is not None and not self._closed:
            await self._resumed

    async def gone(self, *, within_s: float) -> bool:
        """Wait until the caller leaves, at most so long; say whether he left."""
        if not self._closed:
            if self._gone is None:
                self._gone = self._loop.create_future()
            await asyncio.wait({self._gone}, timeout=within_s)
        return self._closed

    def abort(self) -> None:
        """Close at once, with a reset, and forget what was not sent."""
        self._closed = True
        self._queue.clear()
        if self._transport is not None:
            self._transport.abort()

    def _reject(self, status: int) -> None:
        self.write(head(status, (("Connection", "close"),), 0, _JSON))
        self._closed = True
        if self._transport is not None:
            self._transport.close()

    async def _answer_all(self) -> None:
        while self._queue and not self._closed:
            exchange = self._queue.popleft()
            try:
                await self._listener.handler(exchange)
            except Exception:  # noqa: BLE001  one broken call must not end the bank
                traceback.print_exc(file=sys.stderr)
                self.abort()
            if not exchange.keep_alive and self._transport is not None:
                self._closed = True
                self._transport.close()
        self._task = None


class Listener:
    """One address that can be shut and opened again and stays the same.

    A second socket is bound to the port and never listens: while the listener is
    shut, callers are refused, yet the port cannot go to somebody else.
    """

    def __init__(self, port: int, handler: Handler) -> None:
        self.handler = handler
        self.loop = asyncio.get_running_loop()
        self.connections: set[Connection] = set()
        self._server: asyncio.Server | None = None
        self._reservation = bound_to(port)
        self.port: int = self._reservation.getsockname()[1]

    @property
    def url(self) -> str:
        """Where callers find it."""
        return f"http://127.0.0.1:{self.port}"

    async def open(self) -> None:
        """Listen, if it does not."""
        if self._server is None:
            self._server = await self.loop.create_server(
                lambda: Connection(self), sock=bound_to(self.port), backlog=1024
            )

    async def shut(self) -> None:
        """Refuse new callers and cut off those who are there, if it listens."""
        if self._server is None:
            return
        server, self._server = self._server, None
        server.close()
        for connection in list(self.connections):
            connection.abort()
        await server.wait_closed()

    async def close(self) -> None:
        """Shut for good and give the port back."""
        await self.shut()
        self._reservation.close()


def bound_to(port: int) -> socket.socket:
    """A socket at a port of this machine, 0 for any; raises OSError."""
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(("127.0.0.1", port))
    except OSError:
        bound.close()
        raise
    return bound


def listener_near(port: int, handler: Handler) -> Listener:
    """A listener at `port`, or where that is taken (or 0) at any free one."""
    try:
        return Listener(port, handler)
    except OSError:
        return Listener(0, handler)
