"""Identifiers and randomness of a simulated node: from its seed."""

import random
from uuid import UUID


class SeededIds:
    """`paycore.kernel.ids.Ids`, the same for the same seed."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng

    def below(self, limit: int) -> int:
        """A number in 0 … limit - 1."""
        return self._rng.randrange(limit)

    def token(self, octets: int) -> bytes:
        """So many bytes."""
        return self._rng.randbytes(octets)

    def uuid(self) -> UUID:
        """A UUID; of no version, as nothing here looks at that."""
        return UUID(int=self._rng.getrandbits(128))
