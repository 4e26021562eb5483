"""A lean HTTP/1.1 client for load: one connection, one call at a time, kept alive.

The driver shares the machine with what it measures, so it must cost little. It is not
a client for anything else: no redirects, no TLS, no retries, loopback only.
"""

import asyncio
from dataclasses import dataclass
from typing import Self, cast
from urllib.parse import urlsplit

import httptools


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer."""

    status: int
    body: bytes


class Connection(asyncio.Protocol):
    """A kept-alive connection. Make it with `open`."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[Answer] | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._body: list[bytes] = []

    @classmethod
    async def open(cls, url: str) -> Self:
        """Connect to the host and port of a URL."""
        place = urlsplit(url)
        assert place.hostname is not None, url
        assert place.port is not None, url
        loop = asyncio.get_running_loop()
        _, protocol = await loop.create_connection(cls, place.hostname, place.port)
        return protocol

    async def call(self, request: bytes) -> Answer:
        """Send a whole request and give the whole answer."""
        assert self._answer is None, "one call at a time"
        if self._transport is None or not self.usable:
            raise ConnectionError("the node hung up")
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        try:
            return await self._answer
        finally:
            self._answer = None

    @property
    def usable(self) -> bool:
        """Whether another call may be made."""
        return self._transport is not None and not self._transport.is_closing()

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()

    # --- what asyncio calls ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The node is there."""
        # uvloop's transports are no subclass of asyncio's.
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """The node is gone; who waits must know."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionError("the node hung up"))

    def data_received(self, data: bytes) -> None:
        """A part of an answer."""
        self._parser.feed_data(data)

    # --- what the parser calls ---

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """The answer is there; the next one begins with a parser of its own."""
        answer = Answer(self._parser.get_status_code(), b"".join(self._body))
        if not self._parser.should_keep_alive():
            self.close()  # the node said so, and will
        self._body = []
        self._parser = httptools.HttpResponseParser(self)
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(answer)


def get(path: str) -> bytes:
    """The bytes of a GET that anybody may make."""
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode("ascii")


def post(path: str, *, api_key: str, key: str, body: bytes) -> bytes:
    """The bytes of a POST under an idempotency key."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Authorization: Bearer {api_key}\r\nIdempotency-Key: {key}\r\n"
        "Content-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode("ascii") + body
