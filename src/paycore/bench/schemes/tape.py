"""The network once for real, and from then on from memory.

A call that is made again is answered with what was answered to it the first time, at
once and by nobody: so its processor time is all ours. When it left is written down,
because there its assembling ends and its reading begins.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from time import process_time_ns

from paycore.bench.payer import WrongAnswer
from paycore.kernel.http import Answered, HttpRequest, HttpResult, NotSent, Transport
from paycore.kernel.stream import Place, Stream, StreamLost
from paycore.sms.smpp.pdu import RESPONSE


class Tape:
    """A node's transport. It records until it is wound back."""

    def __init__(self, network: Transport) -> None:
        self._network = network
        self._answers: list[Answered] = []
        self._next: int | None = None
        """Which answer comes next; None while recording."""
        self._spoken: dict[bytes, bytes] = {}
        """What was said over a kept connection, by its command."""
        self.left_ns: int | None = None
        """Processor time when the first octet of the call left."""

    def wind_back(self) -> None:
        """From the beginning, and from memory."""
        self._next, self.left_ns = 0, None

    def leaves(self) -> None:
        """Write down that a call leaves, if it does for the first time."""
        if self.left_ns is None:
            self.left_ns = process_time_ns()

    async def send(self, request: HttpRequest) -> HttpResult:
        """Send once, or answer as it was answered."""
        self.leaves()
        if self._next is not None:
            self._next += 1
            return self._answers[self._next - 1]
        result = await self._network.send(request)
        if not isinstance(result, Answered):
            raise WrongAnswer(f"{request.url.partition('?')[0]} answered {result!r}")
        self._answers.append(result)
        return result

    async def receive(
        self, request: HttpRequest, take: Callable[[bytes], Awaitable[None]]
    ) -> HttpResult:
        """Files are none of the calls that are measured."""
        return await self._network.receive(request, take)

    async def connect(self, place: Place) -> Stream | NotSent:
        """A connection that is listened in to, or one to nobody."""
        if self._next is not None:
            return _Echo(self, self._spoken)
        stream = await self._network.connect(place)
        return stream if isinstance(stream, NotSent) else _Copied(stream, self._spoken)

    async def look_up(self, host: str, *, within_s: float) -> Sequence[str]:
        """As the network has it."""
        return await self._network.look_up(host, within_s=within_s)

    async def close(self) -> None:
        """The network is its owner's to close."""


class _Copied:
    """A connection of which each message that came is kept, the last of a kind."""

    def __init__(self, stream: Stream, spoken: dict[bytes, bytes]) -> None:
        self._stream, self._spoken = stream, spoken
        self._head: bytes | None = None

    async def read(self, octets: int) -> bytes:
        """In turn a head and its body, as whoever speaks SMPP asks for them."""
        came = await self._stream.read(octets)
        if self._head is None:
            self._head = came
        else:
            self._spoken[_command(self._head)] = self._head + came
            self._head = None
        return came

    async def write(self, octets: bytes) -> None:
        """As it is."""
        await self._stream.write(octets)

    async def close(self) -> None:
        """Hang up."""
        await self._stream.close()


class _Echo:
    """A connection to nobody: each question is answered as one of its kind was, under
    its own number.
    """

    def __init__(self, tape: Tape, spoken: Mapping[bytes, bytes]) -> None:
        self._tape, self._spoken = tape, spoken
        self._came = b""
        self._more = asyncio.Event()
        self._over = False

    async def read(self, octets: int) -> bytes:
        """What was answered, when something was asked."""
        while len(self._came) < octets:
            if self._over:
                raise StreamLost("closed")
            self._more.clear()
            await self._more.wait()
        given, self._came = self._came[:octets], self._came[octets:]
        return given

    async def write(self, octets: bytes) -> None:
        """Ask."""
        self._tape.leaves()
        answer = self._spoken.get(_answering(octets))
        if answer is not None:
            number = octets[_NUMBER]
            self._came += answer[: _NUMBER.start] + number + answer[_NUMBER.stop :]
            self._more.set()

    async def close(self) -> None:
        """Whoever reads is told."""
        self._over = True
        self._more.set()


_COMMAND, _NUMBER = slice(4, 8), slice(12, 16)
"""Where a message's head has them."""


def _command(head: bytes) -> bytes:
    return head[_COMMAND]


def _answering(question: bytes) -> bytes:
    """The command by which this one is answered."""
    asked = int.from_bytes(_command(question), "big")
    return (asked | RESPONSE).to_bytes(4, "big")
