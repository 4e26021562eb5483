"""A load balancer as small as it can be: who is ready is asked, in turn.

It does what any real one does: asks every node's /readyz several times a second, sends
the next call to the next node that said yes, keeps connections alive, and leaves one
whose node says `Connection: close`. It never repeats a call: what fails, the caller
sees.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import perf_counter

from paycore.bench.client import Answer, Connection

ASKED_EVERY_S = 0.2
READY_WITHIN_S = 1.0

_READYZ = b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"


@dataclass(slots=True, kw_only=True)
class Backend:
    """One node, as the balancer sees it."""

    url: str
    ready: bool = False
    ready_since: float = 0.0
    free: list[Connection] = field(default_factory=list)

    def turn(self, *, ready: bool) -> None:
        """What it said last."""
        if ready and not self.ready:
            self.ready_since = perf_counter()
        self.ready = ready

    async def connection(self) -> Connection:
        """One that is kept alive, or a new one."""
        while self.free:
            kept = self.free.pop()
            if kept.usable:
                return kept
        return await Connection.open(self.url)

    async def ask(self) -> bool:
        """Whether it can take payments."""
        try:
            async with asyncio.timeout(READY_WITHIN_S):
                connection = await Connection.open(self.url)
                return (await connection.call(_READYZ)).status == 200
        except (OSError, TimeoutError):
            return False


@dataclass(slots=True, kw_only=True)
class Balancer:
    """Sends each call to the next node that is ready."""

    backends: Sequence[Backend]
    _next: int = 0

    async def watch(self) -> None:
        """Ask each node, over and over, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for backend in self.backends:
                group.create_task(_watch(backend))

    async def call(self, request: bytes, *, within_s: float) -> Answer:
        """One try at one node; raises OSError or TimeoutError where it fails."""
        backend = self._choose()
        async with asyncio.timeout(within_s):
            connection = await backend.connection()
            try:
                answer = await connection.call(request)
            except BaseException:
                connection.close()
                raise
        if connection.usable:
            backend.free.append(connection)
        return answer

    def _choose(self) -> Backend:
        for _ in self.backends:
            self._next = (self._next + 1) % len(self.backends)
            if self.backends[self._next].ready:
                return self.backends[self._next]
        raise ConnectionError("no node is ready")


async def _watch(backend: Backend) -> None:
    while True:
        backend.turn(ready=await backend.ask())
        await asyncio.sleep(ASKED_EVERY_S)
