"""The real streams: kernel/stream.py's promise, kept with asyncio."""

import asyncio
import ssl
from contextlib import suppress

from paycore.kernel.http import NotSent
from paycore.kernel.stream import Place, Stream, StreamLost

CLOSE_WITHIN_S = 0.5
"""For a goodbye that the other side does not read; then the connection is cut."""


class Streams:
    """Connects, and knows what is open. Use it inside the running event loop."""

    def __init__(self) -> None:
        self._open: set[_TcpStream] = set()
        self._trust: ssl.SSLContext | None = None

    async def connect(self, place: Place) -> Stream | NotSent:
        """A connection, or why there is none: then nothing left but a handshake."""
        try:
            async with asyncio.timeout(place.connect_timeout_s):
                reader, writer = await asyncio.open_connection(
                    place.host, place.port, ssl=self._tls() if place.tls else None
                )
        except TimeoutError:
            return NotSent(reason="connect time-out")
        except (OSError, ValueError) as error:
            return NotSent(reason=type(error).__name__)
        stream = _TcpStream(reader, writer, self._open)
        self._open.add(stream)
        return stream

    async def close(self) -> None:
        """Hang up whatever is still open."""
        await asyncio.gather(*(stream.close() for stream in tuple(self._open)))

    def _tls(self) -> ssl.SSLContext:
        """Made on first use: reading the machine's certificates takes a while."""
        if self._trust is None:
            self._trust = ssl.create_default_context()
        return self._trust


class _TcpStream:
    """One connection."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        among: "set[_TcpStream]",
    ) -> None:
        self._reader, self._writer, self._among = reader, writer, among

    async def read(self, octets: int) -> bytes:
        """Exactly so many octets."""
        try:
            return await self._reader.readexactly(octets)
        except (asyncio.IncompleteReadError, OSError) as error:
            raise StreamLost(type(error).__name__) from None

    async def write(self, octets: bytes) -> None:
        """Have them sent."""
        if self._writer.is_closing():
            raise StreamLost("closed")
        try:
            self._writer.write(octets)
            await self._writer.drain()
        except (OSError, RuntimeError) as error:
            raise StreamLost(type(error).__name__) from None

    async def close(self) -> None:
        """Hang up."""
        self._among.discard(self)
        self._writer.close()
        try:
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(CLOSE_WITHIN_S):
                    await self._writer.wait_closed()
        finally:
            # Whoever waits may be told not to: what waits to be sent must not stay.
            self._writer.transport.abort()
