"""Our door to providers: takes what they tell of their own accord, as the API does."""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from dataclasses import dataclass

from paycore.gateway import receipts
from paycore.gateway import service as gateway
from paycore.kernel.node import Node

WITHIN_S = 60.0


def reserved() -> socket.socket:
    """A port that stays ours while nobody listens there."""
    return _bound(0)


def _bound(port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    bound.bind(("127.0.0.1", port))
    return bound


@dataclass(frozen=True, slots=True, kw_only=True)
class Came:
    """A message as it came, and how it was answered."""

    path: str
    headers: dict[str, str]
    body: bytes
    status: int


class Door:
    """Listens as long as a test runs; what earlier tests are told comes here as well,
    so each waits for what is its own.
    """

    def __init__(self, node: Node, port: int) -> None:
        self.node, self.url = node, f"http://127.0.0.1:{port}"
        self.came: list[Came] = []
        self.answering = 0
        """Of what came and is not among them yet."""
        self._port = port
        self._news = asyncio.Event()
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, sock=_bound(self._port))

    async def close(self) -> None:
        """Listen no more."""
        assert self._server is not None
        self._server.close()
        # Whoever was let in just now begins to be served.
        await asyncio.sleep(0)

    async def until(self, is_it: Callable[[Came], bool]) -> Came:
        """Wait for a message that came or will come."""
        async with asyncio.timeout(WITHIN_S):
            while True:
                found = next(filter(is_it, self.came), None)
                if found is not None:
                    return found
                self._news.clear()
                await self._news.wait()

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            await self._talk(reader, writer)
        finally:
            # A test that ends cuts off whoever is being served.
            writer.close()

    async def _talk(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = dict(line.split(": ", 1) for line in head[1:] if line)
            length = {name.lower(): value for name, value in headers.items()}
            body = await reader.readexactly(int(length["content-length"]))
            path = head[0].split()[1]
            self.answering += 1
            try:
                status, said = await self._answer(path, headers, body)
                came = Came(path=path, headers=headers, body=body, status=status)
                self.came.append(came)
            finally:
                self.answering -= 1
            self._news.set()
            told = f"HTTP/1.1 {status} -\r\nContent-Length: {len(said)}\r\n"
            writer.write(f"{told}Connection: close\r\n\r\n".encode() + said)
            await writer.drain()

    async def _answer(
        self, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, bytes]:
        """By its path: /callbacks/{channel}/{account}, /receipts/{carrier}/{token}."""
        _, kind, whose, which = path.split("/")
        if kind == "receipts":
            return await receipts.receive(self.node, whose, which, headers, body)
        received = await gateway.callback(self.node, whose, which, path, headers, body)
        return received.accept(received.callback is not None)
