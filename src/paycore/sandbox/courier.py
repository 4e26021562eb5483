"""Carries the banks' callbacks to the merchants' `notify_url`.

Best effort, as with real banks: what a kill interrupts is not taken up again, and a
merchant who never answers is given up after the last retry. He can enquire.
"""

import asyncio
from typing import Final
from urllib.parse import urlsplit

import msgspec
from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector

from paycore.sandbox.clock import now_ms
from paycore.sandbox.orders import Order, callback_for
from paycore.sandbox.protocol import Merchant, signed_headers

RETRY_AFTER_S: Final = (1, 2, 4, 8, 16)
# How long an answer that is preceded by its callback waits for it.
EARLY_S: Final = 3.0
_TIMEOUT: Final = ClientTimeout(total=5, sock_connect=1)
_AT_ONCE: Final = 64


class Courier:
    """Sends callbacks and keeps sending until they are acknowledged."""

    def __init__(self) -> None:
        self._session: ClientSession | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def tell(self, merchant: Merchant, order: Order, *, times: int) -> None:
        """Send the result of an order so many times at once; do not wait."""
        for _ in range(times):
            self._start(merchant, order)

    async def tell_first(self, merchant: Merchant, order: Order, *, times: int) -> None:
        """The same, but wait (not for ever) until they are delivered."""
        tasks = {self._start(merchant, order) for _ in range(times)}
        await asyncio.wait(tasks, timeout=EARLY_S)

    def _start(self, merchant: Merchant, order: Order) -> asyncio.Task[None]:
        task = asyncio.create_task(self._deliver(merchant, order))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _deliver(self, merchant: Merchant, order: Order) -> None:
        assert order.notify_url is not None
        body = msgspec.json.encode(callback_for(order))
        for wait_s in (0, *RETRY_AFTER_S):
            await asyncio.sleep(wait_s)
            if await self._post(merchant, order.notify_url, body):
                return

    async def _post(self, merchant: Merchant, url: str, body: bytes) -> bool:
        path = urlsplit(url).path or "/"
        headers = dict(signed_headers(merchant, path, body, now_ms()))
        headers["Content-Type"] = "application/json"
        session = self._open_session()
        try:
            async with session.post(
                url, data=body, headers=headers, allow_redirects=False
            ) as response:
                # Acknowledged means these two letters; a page of HTML does not.
                said = await response.content.read(16)
                return response.status == 200 and said == b"OK"
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
