"""HTTP/1.1 as it comes in, with bounds: how long a head may be, how long a request may
take and how long an answer may lie there untaken; how many requests a connection may
send ahead, and how many connections a node holds. What is not HTTP is refused in our
form, where the refusal belongs; what comes after the head is never read as part of it.

Uvicorn parses and writes. It knows no bounds by itself: a stranger could send a head
for ever, a byte an hour, or read none of what he asked for. And it would answer what
comes behind a request before the request itself, whose caller would take that for his
answer.
This is not where a body's size is looked at: the application does, before it reads.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from paycore.api.contract import KEY_HEADER, PAYER_HEADER, PROBLEM_MEDIA
from paycore.api.room import Room
from paycore.api.schema import Problem
from paycore.kernel.errors import BadRequest, Refusal, Unavailable

MAX_HEAD_OCTETS = 32 * 1024
"""Request line and headers together; ours need some hundred octets."""
LINE_OCTETS = 32
"""Of a request line without its URL there are fewer: method, version, spaces."""
FIELD_OCTETS = 4
"""Of a header field without its name and value: a colon, a space, an end of line."""
WITHIN_S = 15.0
"""From a request's first octet, or from connecting, to its last; and for taking some of
what lies there to be read.
"""
MAX_AHEAD = 32
"""Requests on one connection that were sent and are not answered; callers send one."""

VERSIONS = frozenset({"1.0", "1.1"})
ONCE = frozenset(
    name.lower().encode()
    for name in (
        *("Host", "Authorization", KEY_HEADER, PAYER_HEADER, "Content-Type"),
        *("Cookie", "Origin", "Sec-Fetch-Site"),
    )
)
"""Headers that are there once at most: a proxy in front may read the other one."""

NO_HTTP = "This is not HTTP as we read it."
TOO_LONG = "The head of the request is too long."


class RefusedError(Exception):
    """Raised in a callback of the parser: it stops there."""


class Wire(HttpToolsProtocol):
    """One connection."""

    _reading = False
    """Whether a request has begun and not ended."""
    _headed = False
    """Whether the head of the newest request was read to its end."""
    _heard = False
    """Whether what came last began a request, ended a head or was of a body."""
    _loose = 0
    """Octets since then: of a head, a trailer or a chunk's line without end."""
    _stuck = False
    """Whether there was something to be taken when it was last looked at."""
    _words = NO_HTTP
    """Why a request is refused."""
    _deadline: asyncio.TimerHandle | None = None
    """For the end of what has begun; none while nothing has, or an answer is due."""
    _look: asyncio.TimerHandle | None = None
    _cycles: tuple[RequestResponseCycle, ...] = ()
    """The requests whose head was read and whose answer was not finished, in order."""

    def __init__(self, *, room: Room, **uvicorns: Any) -> None:
        super().__init__(**uvicorns)
        self._room = room

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Whoever connects says something soon, if there is room for him."""
        super().connection_made(transport)  # type: ignore[arg-type]
        self._look = self.loop.call_later(WITHIN_S, self._look_after)
        if not self._room.enter():
            self._end_with(
                503, "This node holds all the connections it can.", Unavailable
            )

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is expected any more, and nothing can be answered."""
        self._room.leave()
        self._relax()
        if self._look is not None:
            self._look.cancel()
        self._give_up()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser, unless what came before was its end."""
        if self.transport.is_closing():
            return
        self._heard = False
        super().data_received(data)
        if self._reading and not self._heard:
            self._loose += len(data)
            if self._loose > MAX_HEAD_OCTETS:
                self._end_with(400, TOO_LONG)
                return
        if self._deadline is None and (self._reading or self._idle()):
            # Idle too: empty lines are octets, and end uvicorn's own patience.
            self._expect()

    def resume_writing(self) -> None:
        """Somebody takes what he asked for."""
        self._stuck = False
        super().resume_writing()

    def on_message_begin(self) -> None:
        """The first octet of a request."""
        self._heard, self._loose = True, 0
        self._relax()
        self._reading, self._headed = True, False
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head is over: its body is the application's to measure."""
        self._heard, self._loose = True, 0
        if self.parser.get_http_version() not in VERSIONS:
            raise RefusedError
        self._examine(self.headers)
        unanswered = self._unanswered()
        if len(unanswered) >= MAX_AHEAD:
            raise RefusedError
        super().on_headers_complete()
        self._headed = True
        self._cycles = (*unanswered, self.cycle)
        # Trailers of a chunked body are no headers: nobody will look at these.
        self.headers = []

    def on_body(self, body: bytes) -> None:
        """Some of a body."""
        self._heard, self._loose = True, 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole: from now on the time is ours."""
        self._reading = False
        self._relax()
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, after the answers to what came before it."""
        self._end_with(400, self._words)

    def _examine(self, headers: Sequence[tuple[bytes, bytes]]) -> None:
        """Raise RefusedError where a head is too long or says something twice.

        Its length is that of what was read of it, however it came.
        """
        octets = sum([len(name) + len(value) for name, value in headers])
        octets += len(headers) * FIELD_OCTETS + len(self.url) + LINE_OCTETS
        if octets > MAX_HEAD_OCTETS:
            self._words = TOO_LONG
            raise RefusedError
        names = [name for name, _ in headers]
        if len(set(names)) < len(names) and any(names.count(once) > 1 for once in ONCE):
            self._words = "A header that may be there once is there twice."
            raise RefusedError

    def _idle(self) -> bool:
        """Whether every request that was read has its whole answer."""
        return not self._cycles or self._cycles[-1].response_complete

    def _expect(self) -> None:
        self._relax()
        self._deadline = self.loop.call_later(WITHIN_S, self._too_slow)

    def _relax(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self) -> None:
        """A connection without a word is closed without one."""
        if self.transport.is_closing():
            return
        if self._reading:
            self._end_with(408, "The request did not come to its end in time.")
        else:
            self.transport.close()

    def _look_after(self) -> None:
        """Cut off who took nothing since the last look, though there was something.

        A closing connection too: it would wait for its reader for ever. And close one
        on which nothing was said yet.
        """
        stuck = self.flow.write_paused or self.transport.is_closing()
        if stuck and self._stuck:
            self._give_up()
            self.transport.abort()
            return
        self._stuck = stuck
        if not self._cycles and self._deadline is None:
            self.transport.close()
        self._look = self.loop.call_later(WITHIN_S, self._look_after)

    def _end_with(
        self, status: int, words: str, kind: type[Refusal] = BadRequest
    ) -> None:
        """The last answer of this connection, or none where others are still due."""
        self._relax()
        due = [cycle for cycle in self._unanswered() if not cycle.more_body]
        if due:
            # Somebody's request is being worked on: the last answer is to it.
            due[-1].keep_alive = False
            self.transport.pause_reading()
            return
        # Who was answered before his body ended is not answered again.
        if not (self._reading and self._headed and self._idle()):
            self.transport.write(_answer(status, words, kind))
        # The application may wait for the rest of a body that will not come.
        self._give_up()
        self.transport.close()

    def _give_up(self) -> None:
        """No answer is sent any more: the application's words go nowhere."""
        for cycle in self._unanswered():
            cycle.disconnected = True
            cycle.message_event.set()

    def _unanswered(self) -> tuple[RequestResponseCycle, ...]:
        return tuple([one for one in self._cycles if not one.response_complete])


def _answer(status: int, words: str, kind: type[Refusal]) -> bytes:
    problem = Problem(
        type=f"/docs/errors#{kind.code}",
        title=kind.default_en,
        status=status,
        detail=words,
        code=kind.code,
    )
    body = msgspec.json.encode(problem)
    again = b"retry-after: 1\r\n" if kind is Unavailable else b""
    head = b"%bcontent-type: %b\r\ncontent-length: %d\r\n%bconnection: close\r\n\r\n"
    told = (STATUS_LINE[status], PROBLEM_MEDIA.encode(), len(body), again)
    return head % told + body
