"""The real door to the network: kernel/http.py's promise, kept with aiohttp.

What decides between NOT_SENT and UNKNOWN is where a call broke. Looking up the name,
connecting and shaking hands come before the first byte of a request: broken there,
nothing left. Everything later is "no answer", a connection that the other side closed
while it lay idle too: whether our bytes crossed its goodbye cannot be known here.

Who asks for it is connected to public addresses only (kernel/addresses.py), through
connections of their own: one that a channel opened to a machine inside is not theirs.

Nothing is repeated, redirected, unpacked or remembered, and no settings of the
machine (proxies, netrc) are obeyed: a channel's address is what the account says.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from yarl import URL

from paycore.kernel.addresses import (
    AddressRefused,
    LookUp,
    Outside,
    SystemNames,
    is_address,
    outside_socket,
)
from paycore.kernel.http import (
    ADDRESS_REFUSED,
    TOO_LATE,
    Answered,
    HttpRequest,
    HttpResult,
    NoAnswer,
    NotSent,
)
from paycore.kernel.stream import Place, Stream
from paycore.kernel.tcp import Streams

IDLE_S = 4.0
"""How long an unused connection is kept: less than the shortest time after which
servers commonly hang up (5 s), so that it is we who do, and no call meets it."""

NAMES_KEPT_S = 10
"""How long a looked-up name is believed; a channel that moves is followed soon."""

Take = Callable[[bytes], Awaitable[None]]

# The signature covers the body, so what is sent is what the channel put together.
NOT_ADDED = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")


class HttpTransport:
    """What a node sends through. Make it inside the running event loop.

    `look_up` is how names become addresses where only public ones will do; the
    machine's own way if none is given.
    """

    def __init__(self, look_up: LookUp | None = None) -> None:
        self._names = SystemNames()
        self._look_up = look_up or self._names.look_up
        # No limit of connections: the payments in flight are limited at the API's
        # door, and a call that waited in a queue here would lose its time-out there.
        self._anywhere = _session(
            aiohttp.TCPConnector(
                limit=0, keepalive_timeout=IDLE_S, ttl_dns_cache=NAMES_KEPT_S
            )
        )
        # What is remembered of names here are addresses that were judged.
        self._outside = _session(
            aiohttp.TCPConnector(
                limit=0,
                keepalive_timeout=IDLE_S,
                ttl_dns_cache=NAMES_KEPT_S,
                resolver=Outside(self._look_up),
                socket_factory=outside_socket,
            )
        )
        self._streams = Streams()

    async def send(self, request: HttpRequest) -> HttpResult:
        """Send once. Never raises for what the network did."""
        return await self._send(request, None)

    async def receive(self, request: HttpRequest, take: Take) -> HttpResult:
        """Send once, and give a 200's body away as it comes."""
        return await self._send(request, take)

    async def _send(self, request: HttpRequest, take: Take | None) -> HttpResult:
        if request.may_leave is None or not request.body:
            return await self._tried(request, request.body, take)
        body = _Body(request.body, request.may_leave)
        result = await self._tried(request, body, take)
        return TOO_LATE if body.was_kept else result

    async def _tried(
        self, request: HttpRequest, body: "bytes | _Body", take: Take | None
    ) -> HttpResult:
        try:
            async with asyncio.timeout(request.timeout_s):
                return await self._call(request, body, take)
        except aiohttp.ConnectionTimeoutError:
            return NotSent(reason="connect time-out")
        except (aiohttp.ClientConnectorError, aiohttp.InvalidURL) as error:
            return NotSent(reason=_why_not_connected(error))
        except aiohttp.NonHttpUrlClientError:
            return NotSent(reason="not an HTTP address")
        except TimeoutError:
            return NoAnswer(reason="time-out")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return NoAnswer(reason=type(error).__name__)

    async def _call(
        self, request: HttpRequest, sent: "bytes | _Body", take: Take | None
    ) -> HttpResult:
        """The call itself, bounded by the caller; `connect` includes the name."""
        session = self._outside if request.public_only else self._anywhere
        answer = await session.request(
            request.method,
            URL(request.url, encoded=True),
            data=sent,
            headers=request.headers,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(connect=request.connect_timeout_s),
        )
        try:
            if take is None or answer.status != 200:
                body = await _whole_body(answer.content, request.most_octets)
            else:
                body = await _given(answer.content, take, request.most_octets)
        finally:
            # Where all of it was read, the connection is back in the pool already.
            answer.close()
        if body is None:
            return NoAnswer(reason="answer too long")
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return Answered(status=answer.status, headers=headers, body=body)

    async def connect(self, place: Place) -> Stream | NotSent:
        """A connection to keep open; `close` ends it too."""
        return await self._streams.connect(place)

    async def look_up(self, host: str, *, within_s: float) -> Sequence[str]:
        """The addresses that a name has just now; an address has itself."""
        if is_address(host):
            return (host,)
        try:
            async with asyncio.timeout(within_s):
                return await self._look_up(host)
        except (OSError, TimeoutError):
            return ()

    async def close(self) -> None:
        """Let go of the connections."""
        await self._streams.close()
        await self._anywhere.close()
        await self._outside.close()
        self._names.close()


class _Body(aiohttp.BytesPayload):
    """A body that is kept back where it may not leave any more.

    The client holds a request's head until its body is written, so this is asked before
    the first byte of all; and of a head alone nobody could act on anything.
    """

    def __init__(self, octets: bytes, may_leave: Callable[[], bool]) -> None:
        super().__init__(octets)
        self._may_leave = may_leave
        self.was_kept = False

    async def write_with_length(
        self, writer: AbstractStreamWriter, content_length: int | None
    ) -> None:
        """Write it, or break the request off."""
        if not self._may_leave():
            self.was_kept = True
            raise _Kept
        await super().write_with_length(writer, content_length)


class _Kept(Exception):
    """Nothing of the request has left."""


def _session(connector: aiohttp.TCPConnector) -> aiohttp.ClientSession:
    """Connections, and nothing that adds to what is sent or does it again."""
    session = aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        skip_auto_headers=NOT_ADDED,
        timeout=aiohttp.ClientTimeout(total=None),
    )
    # The client would by itself repeat a GET on a connection that broke.
    session._retry_connection = False  # noqa: SLF001
    return session


def _why_not_connected(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorError) and isinstance(
        error.os_error, AddressRefused
    ):
        return ADDRESS_REFUSED
    return type(error).__name__


async def _whole_body(content: aiohttp.StreamReader, most: int) -> bytes | None:
    """The body to its end, or None where it is longer than anyone needs."""
    body = await content.readany()
    if content.at_eof():
        return body if len(body) <= most else None
    pieces, size = [body], len(body)
    while size <= most:
        piece = await content.readany()
        if not piece:
            return b"".join(pieces)
        pieces.append(piece)
        size += len(piece)
    return None


async def _given(content: aiohttp.StreamReader, take: Take, most: int) -> bytes | None:
    """Nothing is left of it, or None where it was longer than was to be taken."""
    size = 0
    while piece := await content.readany():
        size += len(piece)
        if size > most:
            return None
        await take(piece)
    return b""
