"""Passwords: hashed by argon2id, in threads of their own, few at a time.

Hashing takes tens of milliseconds and tens of megabytes on purpose: never on the event
loop, in threads that give way to all else in the node, and what more people ask for at
once than have room is refused before anything is read or written of it, not queued.
"""

import asyncio
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from paycore.kernel.errors import TooMany
from paycore.kernel.node import Node

THREADS = 2
MOST_AT_ONCE = 16
"""Log-ins at once in one node, those that are hashed among them."""
LESS_URGENT = 5
"""By so much of `nice`: where both want a processor, payments have most of it."""


class Hasher:
    """One node's threads, and a hash that nobody's password has."""

    def __init__(self) -> None:
        # One lane a hash: more of them would be threads that nobody has counted.
        self._argon = PasswordHasher(parallelism=1)
        self._threads = ThreadPoolExecutor(
            THREADS, thread_name_prefix="passwords", initializer=_give_way
        )
        self._inside = 0
        self._nobodys = ""

    @contextmanager
    def room(self) -> Iterator[None]:
        """Room for one who logs in, or TooMany: taken before anything else of it."""
        if self._inside >= MOST_AT_ONCE:
            raise TooMany(retry_after_s=1)
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1

    async def hashed(self, password: str) -> str:
        """What is kept of a password; for who has room."""
        return await self._apart(password, None)

    async def matches(self, kept: str | None, password: str) -> bool:
        """Whether it is the password of which this is kept; it takes as long where
        nothing is (None), and is no. For who has room.
        """
        if not self._nobodys:
            self._nobodys = await self.hashed("")
        said = await self._apart(password, kept or self._nobodys)
        return bool(said) and kept is not None

    async def _apart(self, password: str, kept: str | None) -> str:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._work, password, kept)

    def _work(self, password: str, kept: str | None) -> str:
        """The hash of a password, or the one that it matches; empty: it does not."""
        if kept is None:
            return self._argon.hash(password)
        try:
            self._argon.verify(kept, password)
        except (VerificationError, InvalidHashError):
            return ""
        return kept


def _give_way() -> None:
    """Make this thread less urgent, where a thread can be."""
    if sys.platform == "linux":
        os.nice(LESS_URGENT)


def hasher_of(node: Node) -> Hasher:
    """The node's one hasher."""
    return node.state(Hasher)
