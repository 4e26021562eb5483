"""A TCP proxy that breaks the network in front of somebody, on demand.

    proxy = await Proxy.open("127.0.0.1", 5432)
    proxy.port                      # connect there instead
    proxy.cut()                     # every connection, at once, as a reset
    await proxy.refuse()            # new ones are refused; `await proxy.heal()` ends it
    proxy.swallow()                 # accepts, and passes nothing until it is healed
    proxy.delay(there_s=0.1, back_s=0.3)
    proxy.lose_answers(2, after=b"COMMIT")   # heard, and what comes back is not
    proxy.strand(1, (b"POST /pay",))         # held up, and overtaken by what follows

What was swallowed, stranded or delayed is late and not lost: as in a network that sends
again, it arrives even where the caller has gone meanwhile. What is cut is gone both
ways.
It knows no protocol: a pattern is looked for in what one read brought.
"""

import asyncio
import os
import socket
import struct
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Self, cast

HOST = "127.0.0.1"

_RESET_AT_ONCE = struct.pack("ii", 1, 0)
"""SO_LINGER of no seconds: closing the socket says reset and not good-bye."""

Passed = Callable[[], None]


class Way(Enum):
    """A direction."""

    THERE = "there"
    """From who connected to whom the proxy stands before."""
    BACK = "back"

    @property
    def other(self) -> "Way":
        """The opposite direction."""
        return Way.BACK if self is Way.THERE else Way.THERE


@dataclass(slots=True, kw_only=True)
class Weather:
    """What the network does now."""

    refusing: bool = False
    delays: dict[Way, float] = field(default_factory=dict)
    losing: int = 0
    """So many answers more will not come back."""
    losing_after: bytes = b""
    stranding: int = 0
    """So many connections more will be held up."""
    stranding_with: Sequence[bytes] = ()


class Proxy:
    """One proxy at a port of loopback. Make it with `open`."""

    def __init__(self, host: str, port: int) -> None:
        self.upstream = (host, port)
        self.port = 0
        self.lost_answers = 0
        """How many answers did not come back so far."""
        self.stranded = 0
        """How many connections were held up so far."""
        self.disturbed = 0
        """How often something was done to it so far that its callers may feel."""
        self.weather = Weather()
        self.passing = asyncio.Event()
        """Cleared while everything is swallowed."""
        self.passing.set()
        self._server: asyncio.Server | None = None
        self._pairs: set[_Pair] = set()
        self._watchers: list[tuple[bytes, Passed]] = []

    @classmethod
    async def open(cls, host: str, port: int, *, at: int = 0) -> Self:
        """Listen at a port, any free one if none is given."""
        proxy = cls(host, port)
        proxy.port = at
        await proxy._listen()
        return proxy

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._accept, HOST, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def _accept(self) -> asyncio.Protocol:
        pair = _Pair(self)
        self._pairs.add(pair)
        return pair.ends[Way.THERE]

    @property
    def passes(self) -> bool:
        """Whether who connects now gets through at all."""
        return self.passing.is_set() and not self.weather.refusing

    @property
    def fair(self) -> bool:
        """Whether all passes, at once and both ways."""
        return self.passing.is_set() and self.weather == Weather()

    # --- what can be done to it -------------------------------------------------------

    def cut(self) -> int:
        """Reset all connections and forget what was under way; how many there were."""
        self.disturbed += 1
        pairs = list(self._pairs)
        for pair in pairs:
            pair.reset()
        return len(pairs)

    async def refuse(self) -> None:
        """Refuse new connections until healed; those that stand go on."""
        self.disturbed += 1
        self.weather.refusing = True
        if self._server is not None:
            self._server.close()
            self._server = None

    def swallow(self) -> None:
        """Accept, and pass nothing either way until healed."""
        self.disturbed += 1
        self.passing.clear()

    def delay(self, *, there_s: float = 0.0, back_s: float = 0.0) -> None:
        """Pass everything so much later, until healed."""
        self.disturbed += 1
        self.weather.delays = {Way.THERE: there_s, Way.BACK: back_s}

    def lose_answers(self, count: int, *, after: bytes = b"") -> None:
        """Reset so many connections where an answer comes back, and lose the answer.

        With `after`, only where what was last passed there holds it.
        """
        self.disturbed += 1
        self.weather.losing, self.weather.losing_after = count, after

    def strand(self, count: int, patterns: Sequence[bytes]) -> None:
        """Hold up so many connections from the moment on at which one of the patterns
        is said there, until healed: what others say meanwhile overtakes it.
        """
        self.disturbed += 1
        self.weather.stranding, self.weather.stranding_with = count, patterns

    def watch(self, pattern: bytes, passed: Passed) -> Passed:
        """Call once, at the moment when something that holds the pattern has gone
        through to the other side; gives what takes the watch back.
        """
        watcher = (pattern, passed)
        self._watchers.append(watcher)

        def forget() -> None:
            if watcher in self._watchers:
                self._watchers.remove(watcher)

        return forget

    async def heal(self) -> None:
        """Pass everything at once again; what was held back goes first."""
        refusing = self.weather.refusing
        self.weather = Weather()
        self.passing.set()
        for pair in list(self._pairs):
            pair.stranded = False
            pair.flush()
        if refusing:
            await self._listen()

    async def close(self) -> None:
        """Stop listening, and cut."""
        await self.refuse()
        self.cut()

    # --- what its pairs ask -----------------------------------------------------------

    def gone(self, pair: "_Pair") -> None:
        """Both ends of a pair are closed."""
        self._pairs.discard(pair)

    def loses(self, asked: bytes) -> bool:
        """Whether the answer to what was last passed there is to be lost."""
        weather = self.weather
        if not weather.losing or weather.losing_after not in asked:
            return False
        weather.losing -= 1
        self.lost_answers += 1
        return True

    def strands(self, said: bytes) -> bool:
        """Whether the connection on which this is said is to be held up."""
        weather = self.weather
        if not weather.stranding:
            return False
        if not any(pattern in said for pattern in weather.stranding_with):
            return False
        weather.stranding -= 1
        self.stranded += 1
        return True

    def told(self, data: bytes) -> None:
        """Something went through to the other side: tell who watches for it."""
        if not self._watchers:
            return
        due = [watcher for watcher in self._watchers if watcher[0] in data]
        self._watchers = [each for each in self._watchers if each not in due]
        for _, passed in due:
            passed()


class _Pair:
    """A connection to the proxy, and its own connection onwards."""

    def __init__(self, proxy: Proxy) -> None:
        self.proxy = proxy
        self.ends = {way: _End(self, way) for way in Way}
        self._queues: dict[Way, deque[tuple[float, bytes]]] = {
            way: deque() for way in Way
        }
        self.stranded = False
        self._asked = b""
        self._connecting: asyncio.Task[None] | None = None
        self._reset = False

    # `way` is where an end's data goes: the end of `THERE` is who connected to us.

    def made(self, way: Way) -> None:
        """An end is connected."""
        if way is Way.THERE:
            self._connecting = asyncio.create_task(self._connect())
        self.flush()

    async def _connect(self) -> None:
        await self.proxy.passing.wait()
        loop = asyncio.get_running_loop()
        try:
            await loop.create_connection(
                lambda: self.ends[Way.BACK], *self.proxy.upstream
            )
        except OSError:
            self.reset()
            return
        if self._reset:
            self.ends[Way.BACK].reset()

    def came(self, way: Way, data: bytes) -> None:
        """An end has said something."""
        if way is Way.BACK and self.proxy.loses(self._asked):
            self.reset()
            return
        if way is Way.THERE and self.proxy.strands(data):
            self.stranded = True
        due = _now() + self.proxy.weather.delays.get(way, 0.0)
        self._queues[way].append((due, data))
        self._flush(way)

    def flush(self) -> None:
        """Pass on what is due."""
        for way in Way:
            self._flush(way)

    def _flush(self, way: Way) -> None:
        target, queue = self.ends[way.other], self._queues[way]
        while queue and self._passing and target.connected:
            due, data = queue[0]
            # Healed: nothing is late any more.
            if due > _now() and self.proxy.weather.delays.get(way):
                asyncio.get_running_loop().call_later(due - _now(), self._flush, way)
                return
            queue.popleft()
            target.write(data)
            if way is Way.THERE:
                self._asked = data
                self.proxy.told(data)
        if not queue and self.ends[way].gone:
            target.finish()

    @property
    def _passing(self) -> bool:
        return self.proxy.passing.is_set() and not self.stranded

    def lost(self, way: Way) -> None:
        """An end has gone; what it said still goes through, and then its good-bye."""
        if way is Way.BACK or self._reset:
            # Nobody is there to hear more: what was on its way back is passed on.
            self._queues[Way.THERE].clear()
        self._flush(way)
        if all(end.gone or not end.ever for end in self.ends.values()):
            self._let_go()

    def reset(self) -> None:
        """Both ends at once, and nothing more goes through."""
        self._reset = True
        for queue in self._queues.values():
            queue.clear()
        for end in self.ends.values():
            end.reset()
        self._let_go()

    def _let_go(self) -> None:
        waiting = self._connecting is not None and not self._connecting.done()
        if waiting and not self._reset and self._queues[Way.THERE]:
            return  # The caller has gone, and what he said is still to be passed on.
        if waiting and self._connecting is not asyncio.current_task():
            cast("asyncio.Task[None]", self._connecting).cancel()
        self.proxy.gone(self)


class _End(asyncio.Protocol):
    """One end of a pair."""

    def __init__(self, pair: _Pair, way: Way) -> None:
        self._pair, self._way = pair, way
        self._transport: asyncio.Transport | None = None
        self.ever = False
        """Whether it was connected at some time."""

    @property
    def connected(self) -> bool:
        """Whether something can be written to it."""
        return self._transport is not None

    @property
    def gone(self) -> bool:
        """Whether it was connected and is no more."""
        return self.ever and self._transport is None

    def write(self, data: bytes) -> None:
        """Say something to who is at this end."""
        if self._transport is not None:
            self._transport.write(data)

    def finish(self) -> None:
        """Say good-bye, after what is still to be written."""
        if self._transport is not None:
            self._transport.close()

    def reset(self) -> None:
        """Hang up as a network does that has lost the connection."""
        if self._transport is None:
            return
        plug = self._transport.get_extra_info("socket")
        if plug is not None and plug.fileno() >= 0:
            with socket.socket(fileno=os.dup(plug.fileno())) as twin:
                twin.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_ONCE)
        self._transport.abort()

    # --- what asyncio calls ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected."""
        # uvloop's transports are no subclass of asyncio's.
        self._transport = cast("asyncio.Transport", transport)
        self.ever = True
        self._pair.made(self._way)

    def data_received(self, data: bytes) -> None:
        """Who is at this end said something."""
        self._pair.came(self._way, data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Who was at this end has gone."""
        self._transport = None
        self._pair.lost(self._way)

    def pause_writing(self) -> None:
        """This end is slow: let the other one wait."""
        self._pair.ends[self._way.other].pause(on=True)

    def resume_writing(self) -> None:
        """It has caught up."""
        self._pair.ends[self._way.other].pause(on=False)

    def pause(self, *, on: bool) -> None:
        """Read no more for a while, or again."""
        if self._transport is None or self._transport.is_closing():
            return
        if on:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()


def _now() -> float:
    return asyncio.get_running_loop().time()
