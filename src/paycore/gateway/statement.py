"""A channel's statement of a day as values: its lines, and why a file is no good. Pure.

What a channel says of a line is here in our words; whether it agrees with our books is
for reconciliation to say.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, StrEnum
from typing import NamedTuple, Self

from paycore.kernel.mask import mask_text

LONGEST_FAULT = 200
"""Of a line that cannot be read, so much is shown."""


class Trade(StrEnum):
    """Which way the money went."""

    CHARGE = "CHARGE"
    REFUND = "REFUND"


class StatementLine(NamedTuple):
    """One line. A tuple, because there are a million of them.

    What a line that cannot be read does not say is None or empty.
    """

    no: int
    """Its place among the lines, from 1 on."""
    trade: Trade | None
    request_no: str
    """The request number at the channel."""
    pay_order_no: str
    """The merchant's reference, as the channel repeats it."""
    amount: int | None
    """Minor units, never negative: `trade` says which way they went."""
    currency: str
    fee: int | None
    """What the channel keeps of it; None where it does not say."""
    moved: bool
    """Whether it says that money moved."""
    channel_ref: str
    at: datetime | None
    """When, by the channel's clock."""
    fault: str
    """The line itself, masked, where it cannot be read; empty where it can."""

    @classmethod
    def unreadable(cls, no: int, text: str) -> Self:
        """A line of which nothing is known but that it is there."""
        said = mask_text(text)[:LONGEST_FAULT]
        return cls(no, None, "", "", None, "", None, False, "", None, said)


Take = Callable[[bytes], Awaitable[None]]
"""Where the octets of a file go, in the order in which they come."""


class Arrived(Enum):
    """What became of asking for a statement."""

    WHOLE = "all of it came"
    """As far as HTTP can tell: whether it is the whole file its own trailer says."""
    ABSENT = "it is not there yet"
    FAILED = "it did not come"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What became of it, and why."""

    arrived: Arrived
    said: str


class StatementAbsent(Exception):
    """What came is no file yet, but the word that there is none: come back later."""


class StatementBroken(Exception):
    """The file as a whole is no good: cut off, of another day, not its author's."""


async def whole_lines(octets: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same octets, in blocks that end where a line does."""
    rest = b""
    async for piece in octets:
        head, newline, tail = piece.rpartition(b"\n")
        if newline:
            yield rest + head + newline
            rest = tail
        else:
            rest += piece
    if rest:
        yield rest
