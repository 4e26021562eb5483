"""HTTP/1.1 as it comes in, with bounds: how long a head may be and how long a request
may take; and what is not HTTP is refused in our form, where the refusal belongs.

Uvicorn parses and writes. It knows no bounds by itself: a stranger could send a head
for ever, a byte an hour. And it would answer what comes behind a request before the
request itself, whose caller would take that for his answer.
This is not where a body's size is looked at: the application does, before it reads.
"""

import asyncio

import msgspec
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from paycore.api.contract import PROBLEM_MEDIA
from paycore.api.schema import Problem
from paycore.kernel.errors import BadRequest

MAX_HEAD_OCTETS = 32 * 1024
"""Request line and headers together; ours need some hundred octets."""
WITHIN_S = 15.0
"""From a request's first octet, or from connecting, to its last."""


VERSIONS = frozenset({"1.0", "1.1"})


class RefusedError(Exception):
    """Raised in a callback of the parser: it stops there."""


class Wire(HttpToolsProtocol):
    """One connection."""

    _head = 0
    """Octets of the head that is being read; after it, none are counted."""
    _reading = False
    """Whether a request has begun and not ended."""
    _deadline: asyncio.TimerHandle | None = None
    _cycles: tuple[RequestResponseCycle, ...] = ()
    """The requests whose head was read and whose answer was not finished, in order."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Whoever connects says something soon."""
        super().connection_made(transport)  # type: ignore[arg-type]
        self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is expected any more."""
        self._relax()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser, unless what came before was its end."""
        if self.transport.is_closing():
            return
        super().data_received(data)
        if self._reading and self._head:
            self._count(len(data), strict=False)

    def on_message_begin(self) -> None:
        """The first octet of a request."""
        self._head, self._reading = 1, True
        self._expect()
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Count it."""
        self._count(len(url), strict=True)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count it."""
        self._count(len(name) + len(value), strict=True)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is over: its body is the application's to measure."""
        if self.parser.get_http_version() not in VERSIONS:
            raise RefusedError
        self._head = 0
        super().on_headers_complete()
        self._cycles = (*self._unanswered(), self.cycle)

    def on_message_complete(self) -> None:
        """The request is whole: from now on the time is ours."""
        self._reading = False
        self._relax()
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, after the answers to what came before it."""
        self._end_with(400, "This is not HTTP as we read it.")

    def _count(self, octets: int, *, strict: bool) -> None:
        self._head += octets
        if self._head <= MAX_HEAD_OCTETS:
            return
        if strict:
            raise RefusedError
        self._end_with(400, "The head of the request is too long.")

    def _expect(self) -> None:
        self._relax()
        self._deadline = self.loop.call_later(WITHIN_S, self._too_slow)

    def _relax(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self) -> None:
        """A connection without a word is closed without one."""
        if self._reading:
            self._end_with(408, "The request did not come to its end in time.")
        else:
            self.transport.close()

    def _end_with(self, status: int, words: str) -> None:
        """The last answer of this connection, or none where others are still due."""
        self._relax()
        unanswered = self._unanswered()
        due = [cycle for cycle in unanswered if not cycle.more_body]
        if due:
            # Somebody's request is being worked on: the last answer is to it.
            due[-1].keep_alive = False
            self.transport.pause_reading()
            return
        for cycle in unanswered:
            # The application waits for the rest of a body that will not come.
            cycle.disconnected = True
            cycle.message_event.set()
        self.transport.write(_answer(status, words))
        self.transport.close()

    def _unanswered(self) -> tuple[RequestResponseCycle, ...]:
        return tuple(one for one in self._cycles if not one.response_complete)


def _answer(status: int, words: str) -> bytes:
    problem = Problem(
        type=f"/docs/errors#{BadRequest.code}",
        title=BadRequest.default_en,
        status=status,
        detail=words,
        code=BadRequest.code,
    )
    body = msgspec.json.encode(problem)
    head = b"%bcontent-type: %b\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
    return head % (STATUS_LINE[status], PROBLEM_MEDIA.encode(), len(body)) + body
