"""A connection and its reader, with patience cut down to a fraction of a second."""

import asyncio
import logging
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
import uvicorn
import uvloop
from uvicorn.server import ServerState

from paycore.api import wire
from paycore.api.room import Room
from paycore.kernel.meters import Tally

PATIENCE_S = 0.2
WITHIN_S = 30.0
"""For what surely comes, however busy the machine is."""
SMALL = 4096
"""Of the system's buffers, so that an answer lies in ours."""


def answering(octets: int):
    """An application whose answer is so long."""

    async def app(_scope, _receive, send):
        size = (b"content-length", b"%d" % octets)
        start = {"type": "http.response.start", "status": 200, "headers": [size]}
        await send(start)
        await send({"type": "http.response.body", "body": b"a" * octets})

    return app


@asynccontextmanager
async def asked(
    octets: int, request: bytes, room: Room
) -> AsyncIterator[socket.socket]:
    """A connection that has sent something to who answers with so many octets; both
    ends of it are gone after.
    """
    loop = asyncio.get_running_loop()
    config = uvicorn.Config(
        answering(octets), ws="none", lifespan="off", log_config=None, access_log=False
    )
    state = ServerState()

    def made() -> wire.Wire:
        return wire.Wire(room=room, config=config, server_state=state, app_state={})

    with socket.create_server(("127.0.0.1", 0)) as door, socket.socket() as taker:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL)
        taker.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
        taker.setblocking(False)
        server = await loop.create_server(made, sock=door)
        await loop.sock_connect(taker, door.getsockname())
        await loop.sock_sendall(taker, request)
        yield taker
        taker.close()
        await asyncio.sleep(PATIENCE_S / 4)
        async with asyncio.timeout(WITHIN_S):
            while state.connections:  # noqa: ASYNC110 - the server's own
                await asyncio.sleep(0.01)
        server.close()


async def taken(octets: int, line: bytes, *, wait_s: float) -> int:
    """How much comes of an answer, a little at a time, before the end."""
    room = Room(9, Tally())
    came = 0
    async with asked(octets, b"GET / HTTP/1.1\r\n" + line + b"\r\n\r\n", room) as taker:
        began = time.monotonic()
        with suppress(ConnectionError):
            while came < octets and time.monotonic() - began < WITHIN_S:
                await asyncio.sleep(wait_s)
                piece = await asyncio.get_running_loop().sock_recv(taker, SMALL)
                if not piece:
                    break
                came += len(piece)

    assert 0 == room.held
    return came


@pytest.mark.parametrize(
    ("octets", "line"),
    [(300_000, b"X: y"), (40_000, b"Connection: close")],
    ids=["more to come", "closing"],
)
async def test_who_takes_nothing_is_cut_off(monkeypatch, octets, line):
    """Whether the application still writes or the connection only waits for its end."""
    monkeypatch.setattr(wire, "WITHIN_S", PATIENCE_S)
    came = await taken(octets, line, wait_s=3 * PATIENCE_S)

    assert came < octets


@pytest.mark.parametrize(
    ("octets", "line"),
    [(300_000, b"X: y"), (40_000, b"Connection: close")],
    ids=["more to come", "closing"],
)
async def test_who_takes_it_in_time_gets_all(monkeypatch, octets, line):
    """A slow reader is a reader."""
    monkeypatch.setattr(wire, "WITHIN_S", WITHIN_S)
    came = await taken(octets, line, wait_s=0.01)

    assert came >= octets


def test_who_leaves_his_answers_alarms_nobody(caplog):
    """Hung up on in the middle of the first of three answers: nothing of it is logged
    as an error, for a stranger can do that as often as he likes.
    """

    async def left() -> None:
        three = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 3
        async with asked(300_000, three, Room(9, Tally())) as taker:
            await asyncio.sleep(PATIENCE_S)
            taker.close()
            await asyncio.sleep(PATIENCE_S)

    uvloop.run(left())

    assert [] == [one.message for one in caplog.records if one.levelno >= logging.ERROR]
