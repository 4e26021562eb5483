"""Carries the banks' callbacks to the merchants' `notify_url`.

Best effort, as with real banks: what a kill interrupts is not taken up again, and a
merchant who never answers is given up after the last retry. He can enquire.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector
from msgspec import Struct

from paycore.sandbox.dialect import Wire

RETRY_AFTER_S: Final = (1, 2, 4, 8, 16)
# How long an answer that is preceded by its callback waits for it.
EARLY_S: Final = 3.0
_TIMEOUT: Final = ClientTimeout(total=5, sock_connect=1)
_AT_ONCE: Final = 64
_HEARD: Final = 256


class Parcel(Struct, frozen=True, kw_only=True):
    """One message until it is acknowledged; signed anew whenever it is sent."""

    url: str
    make: Callable[[], Wire]
    ends: Callable[[int, bytes], bool]
    """Whether this answer is what the sender waits for."""
    again: int = len(RETRY_AFTER_S)
    """How often it is sent once more."""


class Courier:
    """Sends callbacks and keeps sending until they are acknowledged."""

    def __init__(self) -> None:
        self._session: ClientSession | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def tell(self, parcel: Parcel, *, times: int, after_ms: int = 0) -> None:
        """Send a message so many times at once; do not wait."""
        for _ in range(times):
            self._start(parcel, after_ms)

    async def tell_first(self, parcel: Parcel, *, times: int) -> None:
        """The same, but wait (not for ever) until they are delivered."""
        tasks = {self._start(parcel, 0) for _ in range(times)}
        await asyncio.wait(tasks, timeout=EARLY_S)

    def _start(self, parcel: Parcel, after_ms: int) -> asyncio.Task[None]:
        task = asyncio.create_task(self._deliver(parcel, after_ms))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _deliver(self, parcel: Parcel, after_ms: int) -> None:
        for wait_s in (after_ms / 1000, *RETRY_AFTER_S[: parcel.again]):
            await asyncio.sleep(wait_s)
            if await self._post(parcel):
                return

    async def _post(self, parcel: Parcel) -> bool:
        wire = parcel.make()
        headers = {**dict(wire.headers), "Content-Type": wire.content_type}
        session = self._open_session()
        try:
            async with session.post(
                parcel.url, data=wire.body, headers=headers, allow_redirects=False
            ) as response:
                said = await response.content.read(_HEARD)
                return parcel.ends(response.status, said)
        except (ClientError, TimeoutError, ValueError):
            return False

    def _open_session(self) -> ClientSession:
        if self._session is None:
            self._session = ClientSession(
                timeout=_TIMEOUT, connector=TCPConnector(limit=_AT_ONCE)
            )
        return self._session

    async def close(self) -> None:
        """Give up what is under way."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
