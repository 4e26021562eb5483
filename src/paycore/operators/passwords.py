"""Passwords: hashed by argon2id, in threads of their own, few at a time.

Hashing takes tens of milliseconds and tens of megabytes on purpose: never on the event
loop, and what more people ask for at once than have room is refused, not queued.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from paycore.kernel.errors import TooMany
from paycore.kernel.node import Node

THREADS = 2
MOST_WAITING = 16
"""Log-ins at once in one node, those that are hashed among them."""


class Hasher:
    """One node's threads, and a hash that nobody's password has."""

    def __init__(self) -> None:
        self._argon = PasswordHasher()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="passwords")
        self._waiting = 0
        self._nobodys = ""

    async def hashed(self, password: str) -> str:
        """What is kept of a password."""
        return await self._apart(password, None)

    async def matches(self, kept: str | None, password: str) -> bool:
        """Whether it is the password of which this is kept; it takes as long where
        nothing is (None), and is no.
        """
        if not self._nobodys:
            self._nobodys = await self.hashed("")
        said = await self._apart(password, kept or self._nobodys)
        return bool(said) and kept is not None

    async def _apart(self, password: str, kept: str | None) -> str:
        if self._waiting >= MOST_WAITING:
            raise TooMany(retry_after_s=1)
        self._waiting += 1
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._threads, self._work, password, kept)
        finally:
            self._waiting -= 1

    def _work(self, password: str, kept: str | None) -> str:
        """The hash of a password, or the one that it matches; empty: it does not."""
        if kept is None:
            return self._argon.hash(password)
        try:
            self._argon.verify(kept, password)
        except (VerificationError, InvalidHashError):
            return ""
        return kept


def hasher_of(node: Node) -> Hasher:
    """The node's one hasher."""
    return node.state(Hasher)
