"""A system of the user's own that is told of rows until it acknowledges each.

What is to be told is a row with a lease, written in the commit that owes it; it is
claimed, sent at least once under an id that is the same at every try, and never given
up. A system that is away or broken is left alone for a while, and then asked by one at
a time whether it is back. What it is told, and which answer acknowledges that, is not
known here.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from paycore.kernel.http import CONTENT, HttpRequest, HttpResult
from paycore.kernel.journal import Row
from paycore.kernel.node import Node

T = TypeVar("T")
R = TypeVar("R", bound=Row)

Sign = Callable[[Sequence[bytes], str, datetime, bytes], Mapping[str, str]]
"""Headers by keys, id, time and body: as notices are signed."""

LONGEST_SHUT_S = 60.0
"""How long a node waits at most before it asks one again that was away."""

LEASE = timedelta(seconds=120)
"""For what one claim may take: a set of calls, so many at once."""

AT_ONCE = 16

FIRST_WAIT_S = 2
LONGEST_WAIT_S = 300
"""Between tries of one row, each wait twice the one before."""


@dataclass(slots=True)
class Partner:
    """How it was when this node last asked it."""

    failures: int = 0
    """In a row."""
    shut_until: float = 0.0

    def ended(self, node: Node, *, well: bool) -> None:
        """One try more; those that set out together count once."""
        now = node.clock.monotonic()
        if well:
            self.failures, self.shut_until = 0, 0.0
        elif now >= self.shut_until:
            self.failures += 1
            wait_s = 1 << min(self.failures, 10)
            self.shut_until = now + min(wait_s, LONGEST_SHUT_S)

    def shut(self, node: Node) -> bool:
        """Whether it is left alone just now."""
        return node.clock.monotonic() < self.shut_until

    async def due(self, node: Node, kind: type[R], limit: int) -> list[R]:
        """Claim what it is to be told by now, so much at most; one, if it was away."""
        if self.shut(node):
            return []
        now = node.now()
        return await node.journal.due(
            kind,
            1 if self.failures else limit,
            now=now,
            over=node.over_by(LEASE),
            epoch=node.epoch,
            live=node.heartbeat.live,
            lease_until=now + LEASE,
        )


def next_try(tries: int, now: datetime) -> datetime:
    """When a row is told again that was told so often before this time."""
    wait_s = min(FIRST_WAIT_S << min(tries, 10), LONGEST_WAIT_S)
    return now + timedelta(seconds=wait_s)


async def each(items: Iterable[T], do: Callable[[T], Awaitable[None]]) -> None:
    """Do it with each, so many at once, to the end: whatever becomes of the others."""
    places = asyncio.Semaphore(AT_ONCE)

    async def one(item: T) -> None:
        async with places:
            await do(item)

    ends = await asyncio.gather(*map(one, items), return_exceptions=True)
    for failed in ends:
        if failed is not None:
            raise failed


async def post(
    node: Node,
    url: str,
    key: bytes,
    *,
    id_: str,
    body: bytes,
    sign: Sign,
    timeout_s: float,
) -> HttpResult:
    """Send it once, signed."""
    signed = sign([key], id_, node.now(), body)
    return await node.transport.send(
        HttpRequest(
            url=url,
            headers={**CONTENT, **signed},
            body=body,
            timeout_s=timeout_s,
            connect_timeout_s=node.settings.connect_timeout_s,
        )
    )
