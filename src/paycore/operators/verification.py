"""Whether the log of operators is whole: every entry hashed anew, in its order.

What is cut off together with the end of the chain leaves no trace in the database:
whoever wants to know that too keeps the last hash elsewhere, and asks for it later.
"""

from dataclasses import dataclass

from paycore.kernel.errors import TooMany
from paycore.kernel.node import Node
from paycore.operators import queries
from paycore.operators.chain import NOTHING, hash_of
from paycore.operators.log import Log

PAGE = 200
"""Hashed at once, in a few milliseconds: payments wait for no more."""

AGAIN_AFTER_S = 5


@dataclass(slots=True)
class _Walk:
    """One at a time in each node: any operator may ask for it, as often as he likes."""

    is_on: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What was found."""

    entries: int
    broken_at: int | None
    """The first entry that is not as it was written, or is not there."""
    head: str
    """The last hash, in hex: what is worth keeping elsewhere."""

    @property
    def intact(self) -> bool:
        """Nothing is broken."""
        return self.broken_at is None


async def verify(
    node: Node, pool: queries.Pool, *, kept: str | None = None
) -> Verified:
    """Walk the chain to where it ended when this began; `kept`, in hex, is a last hash
    of earlier, which must still be in it. TooMany while another walks.
    """
    walk = node.state(_Walk)
    if walk.is_on:
        raise TooMany(retry_after_s=AGAIN_AFTER_S)
    walk.is_on = True
    try:
        return await _walked(node, pool, kept)
    finally:
        walk.is_on = False


async def _walked(node: Node, pool: queries.Pool, kept: str | None) -> Verified:
    head = (await Log.of(node)).head
    seq, last, met = 0, NOTHING, kept is None or kept == NOTHING.hex()
    broken: int | None = None
    while broken is None and seq < head.seq:
        page = await queries.chain(pool, after=seq, limit=PAGE)
        for entry in page[: head.seq - seq]:
            linked = (entry.seq, entry.previous) == (seq + 1, last)
            if not linked or entry.hash != hash_of(entry):
                broken = seq + 1
                break
            seq, last = entry.seq, entry.hash
            met = met or last.hex() == kept
        if not page:
            broken = seq + 1
    if broken is None and (last != head.hash or not met):
        broken = seq + 1
    return Verified(entries=seq, broken_at=broken, head=head.hash.hex())
