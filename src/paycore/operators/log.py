"""The log of operators: every act is entered in the very change that does it.

Whoever does something takes the end of the chain first (`Log`), looks at who acts and
at what is acted on after that, and stages the entry beside the rest: the chain's end is
the guard. Whoever was faster refuses the whole change, and it is staged anew. Since
revoking is an act too, nothing is done by somebody who was revoked meanwhile.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from paycore.kernel.errors import InFlight
from paycore.kernel.journal import NOT_NEW, Change, ChangeRejected
from paycore.kernel.mask import mask_text
from paycore.kernel.node import Node
from paycore.operators.chain import NOTHING, hash_of
from paycore.operators.rows import CHAIN, EntryRow, HeadRow

MOST_REASON = 200
TIMES_TO_TRY = 10
"""A node's own acts wait for one another: only other nodes are met here."""

T = TypeVar("T")
_NOTHING: Mapping[str, object] = MappingProxyType({})


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """Who does something."""

    operator_id: str | None
    name: str
    role: str


COMMAND_LINE = Actor(operator_id=None, name="paycore", role="command line")
"""Whoever may run `paycore`."""


class Deed(msgspec.Struct, frozen=True, kw_only=True):
    """What is done, as the log will tell it: texts are masked, secrets are not told."""

    act: str
    subject: str = ""
    why: str = ""
    detail: Mapping[str, object] = _NOTHING


@dataclass(slots=True)
class _Turn:
    """One act at a time in each node: they would refuse one another."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(frozen=True, slots=True)
class Log:
    """The end of the chain, as it was loaded before anything else was looked at."""

    head: HeadRow

    @classmethod
    async def of(cls, node: Node) -> "Log":
        """The end as of now."""
        head = await node.journal.load(HeadRow, CHAIN)
        return cls(head or HeadRow(chain=CHAIN, version=0, seq=0, hash=NOTHING))

    def enter(self, node: Node, change: Change, by: Actor, deed: Deed) -> int:
        """Stage one entry, refused where somebody else has entered something since;
        its number.
        """
        entry = EntryRow(
            seq=self.head.seq + 1,
            at=node.now(),
            operator_id=by.operator_id,
            operator=by.name,
            role=by.role,
            act=deed.act,
            subject=mask_text(deed.subject),
            why=mask_text(deed.why),
            detail=_told(deed.detail),
            previous=self.head.hash,
            hash=b"",
        )
        entry = replace(entry, hash=hash_of(entry))
        change.insert(entry)
        end = replace(self.head, seq=entry.seq, hash=entry.hash)
        if self.head.seq:
            change.update(end, version=self.head.version)
        else:
            change.insert(replace(end, version=1))
        return entry.seq


@asynccontextmanager
async def turn(node: Node) -> AsyncIterator[None]:
    """This node's turn to act."""
    async with node.state(_Turn).lock:
        yield


async def enacted(node: Node, stage: Callable[[Change, Log], Awaitable[T]]) -> T:
    """Stage and commit one change, anew where anything that it was made from has moved;
    what `stage` gave. It may give without staging anything; what it raises stands.
    """
    async with turn(node):
        for _ in range(TIMES_TO_TRY):
            log, change = await Log.of(node), node.change()
            given = await stage(change, log)
            if change.empty or await _committed(node, change):
                return given
    raise InFlight(retry_after_s=1)


async def _committed(node: Node, change: Change) -> bool:
    """Whether it was written: whoever has a unique place already refuses it too."""
    try:
        return await node.journal.commit(change) is None
    except ChangeRejected as error:
        if error.sqlstate != NOT_NEW:
            raise
        return False


def _told(detail: Mapping[str, object]) -> str:
    return msgspec.json.encode(_masked(detail), order="sorted").decode()


def _masked(value: object) -> object:
    match value:
        case str():
            return mask_text(value)
        case Mapping():
            return {str(name): _masked(one) for name, one in value.items()}
        case list() | tuple():
            return [_masked(one) for one in value]
        case _:
            return value
