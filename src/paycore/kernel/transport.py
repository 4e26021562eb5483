"""The real door to the network: kernel/http.py's promise, kept with aiohttp.

What decides between NOT_SENT and UNKNOWN is where a call broke. Looking up the name,
connecting and shaking hands come before the first byte of a request: broken there,
nothing left. Everything later is "no answer", a connection that the other side closed
while it lay idle too: whether our bytes crossed its goodbye cannot be known here.

Nothing is repeated, redirected, unpacked or remembered, and no settings of the
machine (proxies, netrc) are obeyed: a channel's address is what the account says.
"""

import asyncio

import aiohttp
from yarl import URL

from paycore.kernel.http import (
    MAX_REPLY_OCTETS,
    Answered,
    HttpRequest,
    HttpResult,
    NoAnswer,
    NotSent,
)

IDLE_S = 4.0
"""How long an unused connection is kept: less than the shortest time after which
servers commonly hang up (5 s), so that it is we who do, and no call meets it."""

NAMES_KEPT_S = 10
"""How long a looked-up name is believed; a channel that moves is followed soon."""

# The signature covers the body, so what is sent is what the channel put together.
NOT_ADDED = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")


class HttpTransport:
    """What a node sends through. Make it inside the running event loop."""

    def __init__(self) -> None:
        # No limit of connections: the payments in flight are limited at the API's
        # door, and a call that waited in a queue here would lose its time-out there.
        connector = aiohttp.TCPConnector(
            limit=0, keepalive_timeout=IDLE_S, ttl_dns_cache=NAMES_KEPT_S
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=NOT_ADDED,
            timeout=aiohttp.ClientTimeout(total=None),
        )
        # The client would by itself repeat a GET on a connection that broke.
        self._session._retry_connection = False  # noqa: SLF001

    async def send(self, request: HttpRequest) -> HttpResult:
        """Send once. Never raises for what the network did."""
        try:
            async with asyncio.timeout(request.timeout_s):
                return await self._call(request)
        except aiohttp.ConnectionTimeoutError:
            return NotSent(reason="connect time-out")
        except (aiohttp.ClientConnectorError, aiohttp.InvalidURL) as error:
            return NotSent(reason=type(error).__name__)
        except aiohttp.NonHttpUrlClientError:
            return NotSent(reason="not an HTTP address")
        except TimeoutError:
            return NoAnswer(reason="time-out")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return NoAnswer(reason=type(error).__name__)

    async def _call(self, request: HttpRequest) -> HttpResult:
        """The call itself, bounded by the caller; `connect` includes the name."""
        answer = await self._session.request(
            request.method,
            URL(request.url, encoded=True),
            data=request.body,
            headers=request.headers,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(connect=request.connect_timeout_s),
        )
        try:
            body = await _whole_body(answer.content)
        finally:
            # Where all of it was read, the connection is back in the pool already.
            answer.close()
        if body is None:
            return NoAnswer(reason="answer too long")
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return Answered(status=answer.status, headers=headers, body=body)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._session.close()


async def _whole_body(content: aiohttp.StreamReader) -> bytes | None:
    """The body to its end, or None where it is longer than anyone needs."""
    body = await content.readany()
    if content.at_eof():
        return body if len(body) <= MAX_REPLY_OCTETS else None
    pieces, size = [body], len(body)
    while size <= MAX_REPLY_OCTETS:
        piece = await content.readany()
        if not piece:
            return b"".join(pieces)
        pieces.append(piece)
        size += len(piece)
    return None
