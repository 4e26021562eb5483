"""The door to the network, against real sockets that misbehave in every way."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from time import monotonic

import pytest

from paycore.kernel.http import (
    MAX_REPLY_OCTETS,
    TOO_LATE,
    Answered,
    HttpRequest,
    HttpResult,
    NoAnswer,
    NotSent,
)
from paycore.kernel.transport import IDLE_S, HttpTransport

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

HEAD = b"HTTP/1.1 200 OK\r\nX-Signature: ab\r\nContent-Length: "


@pytest.fixture
async def transport() -> AsyncIterator[HttpTransport]:
    door = HttpTransport()
    yield door
    await door.close()


WITHIN_S = 30.0
"""For what surely comes, however busy the machine is."""


@contextlib.asynccontextmanager
async def peer(behave: Behaviour) -> AsyncIterator[str]:
    """A server that treats each connection as it is told."""
    serving: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await behave(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(asyncio.ensure_future(serve(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1/deduct"
    finally:
        server.close()
        if serving:
            await asyncio.wait(serving, timeout=0.2)
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)


async def request_of(reader: asyncio.StreamReader) -> bytes:
    """One whole request, as it came over the wire."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1])
        for line in head.lower().split(b"\r\n")
        if line.startswith(b"content-length:")
    )
    return head + await reader.readexactly(length)


def post(url: str, **changes: object) -> HttpRequest:
    fields: dict[str, object] = {
        "url": url,
        "headers": {"X-Merchant": "m1", "Content-Type": "application/json"},
        "body": b'{"amount":1}',
        "timeout_s": WITHIN_S,
    }
    return HttpRequest(**(fields | changes))  # type: ignore[arg-type]


async def answer_with(
    transport: HttpTransport,
    reply: bytes,
    *,
    timeout_s: float = WITHIN_S,
    **asked: object,
) -> HttpResult:
    """What a call comes to where the peer says `reply` and hangs up."""

    async def behave(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await request_of(reader)
        writer.write(reply)
        await writer.drain()

    async with peer(behave) as url:
        return await transport.send(post(url, timeout_s=timeout_s, **asked))


async def test_answer(transport: HttpTransport) -> None:
    """A whole answer comes with its status, lower-case headers and body as sent."""
    result = await answer_with(transport, HEAD + b"2\r\n\r\nhi")

    assert isinstance(result, Answered)
    assert (result.status, result.body) == (200, b"hi")
    assert result.headers["x-signature"] == "ab"


async def test_what_may_not_leave_any_more_stays(transport: HttpTransport) -> None:
    """The door asks when the connection stands: not an octet of the head is sent, nor
    later, and the next request finds a connection that is good.
    """
    came: list[bytes] = []
    gone = asyncio.Event()

    async def behave(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while octets := await reader.read(1 << 16):
            came.append(octets)
            writer.write(HEAD + b"2\r\n\r\nhi")
        gone.set()

    async with peer(behave) as url:
        kept = await transport.send(post(url, may_leave=lambda: False))
        async with asyncio.timeout(WITHIN_S):
            await gone.wait()
        assert (TOO_LATE, []) == (kept, came)
        for _ in range(2):
            result = await transport.send(post(url, may_leave=lambda: True))
            assert isinstance(result, Answered)
        on_the_same = await transport.send(post(url, may_leave=lambda: False))
        again = await transport.send(post(url))

    assert on_the_same == TOO_LATE
    assert isinstance(again, Answered)
    assert 3 == len(came)


async def test_the_last_look_is_behind_the_connecting(transport: HttpTransport) -> None:
    """However long that takes: what is looked at is the moment of the first octet."""
    connected = asyncio.Event()

    async def behave(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await request_of(reader)
        writer.write(HEAD + b"2\r\n\r\nhi")

    asked: list[bool] = []

    def may_leave() -> bool:
        asked.append(connected.is_set())
        return True

    async with peer(behave) as url:
        create = asyncio.get_running_loop().create_connection

        async def slowly(*args: object, **named: object) -> object:
            made = await create(*args, **named)  # type: ignore[arg-type]
            connected.set()
            return made

        asyncio.get_running_loop().create_connection = slowly  # type: ignore[assignment]
        try:
            result = await transport.send(post(url, may_leave=may_leave))
        finally:
            del asyncio.get_running_loop().create_connection

    assert isinstance(result, Answered)
    assert [True] == asked


async def test_sends_what_was_signed(transport: HttpTransport) -> None:
    """The body arrives octet for octet, and no header is added that names us."""
    seen: list[bytes] = []

    async def behave(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while True:
            seen.append(await request_of(reader))
            writer.write(HEAD + b"0\r\n\r\n")

    async with peer(behave) as url:
        await transport.send(post(url))
        await transport.send(post(url, may_leave=lambda: True))

    assert seen[0] == seen[1]
    assert seen[0].endswith(b'\r\n\r\n{"amount":1}')
    assert b"user-agent" not in seen[0].lower()
    assert b"accept-encoding" not in seen[0].lower()


async def test_refused_connection(transport: HttpTransport) -> None:
    """A port nobody listens on: surely nothing left."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{held.getsockname()[1]}/"
        result = await transport.send(post(url))

    assert isinstance(result, NotSent)


async def test_connect_timeout(transport: HttpTransport) -> None:
    """A peer that never takes the connection: nothing left, and soon known."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(address)
        started = monotonic()
        result = await transport.send(
            post(f"http://127.0.0.1:{address[1]}/", connect_timeout_s=0.2, timeout_s=60)
        )
        for filler in fillers:
            filler.close()

    assert isinstance(result, NotSent)
    assert monotonic() - started < 30


@pytest.mark.parametrize(
    "url", ["http://nowhere.invalid/", "ftp://127.0.0.1/", "http:///v1", "nonsense"]
)
async def test_no_such_address(transport: HttpTransport, url: str) -> None:
    """An address that leads nowhere: nothing left."""
    result = await transport.send(post(url))

    assert isinstance(result, NotSent)


async def test_failed_handshake(transport: HttpTransport) -> None:
    """A peer that does not speak TLS where we do: nothing of the request left."""

    async def behave(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with peer(behave) as url:
        result = await transport.send(post(url.replace("http:", "https:")))

    assert isinstance(result, NotSent)


async def test_silence(transport: HttpTransport) -> None:
    """A peer that takes the request and says nothing: unknown at the time-out."""

    async def behave(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await reader.read()

    async with peer(behave) as url:
        started = monotonic()
        result = await transport.send(post(url, timeout_s=0.3))

    assert result == NoAnswer(reason="time-out")
    assert monotonic() - started < 10


async def test_drip(transport: HttpTransport) -> None:
    """An answer byte by byte is cut off at the time-out, however lively (F36)."""

    async def behave(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await request_of(reader)
        for octet in HEAD + b"200\r\n\r\n" + b"x" * 20_000:
            writer.write(bytes([octet]))
            await writer.drain()
            await asyncio.sleep(0.005)

    async with peer(behave) as url:
        started = monotonic()
        result = await transport.send(post(url, timeout_s=0.5))

    assert result == NoAnswer(reason="time-out")
    assert monotonic() - started < 30


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\x00\xff garbage \r\n\r\n", id="garbage status line"),
        pytest.param(b"HTTP/1.1 2", id="half a status line"),
        pytest.param(HEAD + b"90\r\n\r\n{", id="half a body"),
        pytest.param(HEAD + b"many\r\n\r\n{}", id="length that is no number"),
        pytest.param(
            HEAD[:17] + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}", id="broken chunk"
        ),
        pytest.param(HEAD[:17] + b"X: " + b"y" * 20_000, id="endless header"),
    ],
)
async def test_broken_answer(transport: HttpTransport, reply: bytes) -> None:
    """What broke after the request left is unknown, in whichever way it broke."""
    result = await answer_with(transport, reply)

    assert isinstance(result, NoAnswer)


async def test_oversized_body(transport: HttpTransport) -> None:
    """A body longer than the limit is not read to its end."""
    size = MAX_REPLY_OCTETS + 1
    result = await answer_with(transport, HEAD + b"%d\r\n\r\n" % size + b"x" * size)

    assert result == NoAnswer(reason="answer too long")


async def test_largest_body(transport: HttpTransport) -> None:
    """A body of exactly the limit is whole."""
    size = MAX_REPLY_OCTETS
    result = await answer_with(transport, HEAD + b"%d\r\n\r\n" % size + b"x" * size)

    assert isinstance(result, Answered)
    assert len(result.body) == size


async def test_more_is_read_where_more_is_asked_for(transport: HttpTransport) -> None:
    """Who asks for a long answer gets it whole, to the octet he said."""
    size = MAX_REPLY_OCTETS + 1
    head = HEAD + b"%d\r\n\r\n" % size
    result = await answer_with(transport, head + b"x" * size, most_octets=size)

    assert isinstance(result, Answered)
    assert len(result.body) == size


async def test_redirect_is_not_followed(transport: HttpTransport) -> None:
    """A redirect is an answer like any other."""
    result = await answer_with(
        transport,
        b"HTTP/1.1 307 Moved\r\nLocation: http://127.0.0.1:1/\r\n"
        b"Content-Length: 0\r\n\r\n",
    )

    assert isinstance(result, Answered)
    assert result.status == 307


async def test_packed_answer_stays_packed(transport: HttpTransport) -> None:
    """A small packed body cannot grow: it is not unpacked."""
    result = await answer_with(
        transport,
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n"
        b"\x1f\x8b00",
    )

    assert isinstance(result, Answered)
    assert result.body == b"\x1f\x8b00"


async def test_connection_is_used_again(transport: HttpTransport) -> None:
    """Calls to one peer share a connection that is kept open."""
    connections = 0

    async def behave(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        nonlocal connections
        connections += 1
        while True:
            await request_of(reader)
            writer.write(HEAD + b"2\r\n\r\nhi")

    async with peer(behave) as url:
        results = [await transport.send(post(url)) for _ in range(3)]

    assert all(isinstance(result, Answered) for result in results)
    assert connections == 1


async def test_idle_connection_that_was_closed(transport: HttpTransport) -> None:
    """A connection that the peer closed while idle is not used for the next call."""

    async def behave(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await request_of(reader)
        writer.write(HEAD + b"2\r\n\r\nhi")

    async with peer(behave) as url:
        first = await transport.send(post(url))
        for _ in range(10):  # turns in which its end is heard of
            await asyncio.sleep(0.005)
        second = await transport.send(post(url))

    assert isinstance(first, Answered)
    assert isinstance(second, Answered)


@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_idle_connection_that_closes_under_the_call(
    transport: HttpTransport, method: str
) -> None:
    """A kept connection that dies at the next request is unknown, never sent again."""
    requests = 0

    async def behave(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        nonlocal requests
        for reply in (HEAD + b"2\r\n\r\nhi", b""):
            await request_of(reader)
            requests += 1
            writer.write(reply)

    async with peer(behave) as url:
        await transport.send(post(url, method=method))
        result = await transport.send(post(url, method=method))
        await asyncio.sleep(0.05)

    assert isinstance(result, NoAnswer)
    assert requests == 2


def test_we_hang_up_first() -> None:
    """Idle connections are let go before the shortest common patience of servers."""
    assert IDLE_S < 5


async def test_cancelled_call_lets_go(transport: HttpTransport) -> None:
    """A call that is given up closes its connection, so that the peer can tell."""
    came, gone = asyncio.Event(), asyncio.Event()

    async def behave(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await request_of(reader)
        came.set()
        await reader.read()
        gone.set()

    async with peer(behave) as url:
        call = asyncio.create_task(transport.send(post(url, timeout_s=60)))
        async with asyncio.timeout(WITHIN_S):
            await came.wait()
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            await gone.wait()


@pytest.mark.parametrize(
    ("reply", "expected", "came"),
    [
        (HEAD + b"5\r\n\r\nlines", (200, b""), b"lines"),
        (b"HTTP/1.1 404 -\r\nContent-Length: 2\r\n\r\nno", (404, b"no"), b""),
        (HEAD + b"9\r\n\r\nlines", "ClientPayloadError", None),
        (HEAD + b"99\r\n\r\n" + b"x" * 99, "answer too long", None),
    ],
)
async def test_a_body_is_given_away_as_it_comes(
    transport: HttpTransport, reply: bytes, expected: object, came: bytes | None
) -> None:
    """Of a 200, and nothing of it is left; one that was cut or is too long is no
    answer, whatever was taken; another status comes whole.
    """
    taken: list[bytes] = []

    async def take(piece: bytes) -> None:
        taken.append(piece)

    async def behave(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await request_of(reader)
        writer.write(reply)
        await writer.drain()

    async with peer(behave) as url:
        asked = post(url, most_octets=50)
        result = await transport.receive(asked, take)

    if isinstance(result, Answered):
        assert expected == (result.status, result.body)
    else:
        assert NoAnswer(reason=str(expected)) == result
    assert came is None or came == b"".join(taken)
