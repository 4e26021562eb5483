"""A POST of an operator's: who may, under which key, with what; and one change that
holds what is done, its entry in the log and the answer under the key.

Work that is staged in one change goes through `acted`. Work that has commits of its own
or asks a stranger goes through `begun`: its entry and the key are written before it
begins, the answer when it is over.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Self

import msgspec
from litestar.types import ASGIApp

from paycore.api.answers import encode, kept
from paycore.api.auth import call_of, operator_of
from paycore.api.door import Door, Plain, body_of, door_of
from paycore.api.idempotency import claim_of, key_of
from paycore.core import keys
from paycore.core.keys import KeptAnswer, Key, KeyClaim
from paycore.kernel.errors import InFlight, Refusal, ShownOnce
from paycore.kernel.journal import Change
from paycore.operators import service as operators
from paycore.operators.log import Deed, Log, enacted
from paycore.operators.service import Operator

_OPERATORS = ""
"""In the place of the business line in a key's scope; no line has this name."""


class Doing(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator asks to be done."""

    door: Door
    operator: Operator
    act: str
    """The call's name: what the log calls it."""
    path: str
    key: str
    body: bytes

    def claim(self) -> KeyClaim:
        """Whose key it is, where, and for what content."""
        whose = (_OPERATORS, self.operator.operator_id)
        return claim_of(self.door.node, whose, self.path, self.key, self.body)

    def deed(self, subject: str, why: str = "", **detail: object) -> Deed:
        """How the log tells it; no secret in it."""
        return Deed(act=self.act, subject=subject, why=why, detail=detail)


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it."""

    status: int
    answer: msgspec.Struct
    secret: bool = False
    """It is shown this once and not kept: whoever repeats the key is refused."""

    @classmethod
    def ok(cls, answer: msgspec.Struct) -> Self:
        """200."""
        return cls(status=200, answer=answer)

    @classmethod
    def made(cls, answer: msgspec.Struct, *, secret: bool = False) -> Self:
        """201."""
        return cls(status=201, answer=answer, secret=secret)

    def keep(self, door: Door, key: Key) -> None:
        """Answer a key with it, or with that it was shown."""
        if self.secret:
            key.answer(door.node, ShownOnce.status, b"{}")
        else:
            key.answer(door.node, self.status, encode(self.answer))


async def doing_of(request: Plain) -> Doing:
    """Refuse in this order: no good token or session, not the role for it, no good key;
    only then look at the body.
    """
    return Doing(
        operator=await operator_of(request),
        key=key_of(request),
        act=call_of(request).name,
        path=request.scope["path"],
        door=door_of(request),
        body=await body_of(request),
    )


async def acted(
    request: Plain,
    doing: Doing,
    deed: Deed,
    stage: Callable[[Change], Awaitable[Told]],
) -> ASGIApp:
    """Do it in one change. `stage` loads what it is about and stages it; it is asked
    anew where any of that has moved by the time it is written, and what it raises is
    the answer, with nothing done.
    """
    door, claim = doing.door, doing.claim()

    async def whole(change: Change, log: Log) -> KeptAnswer | Told:
        key = await keys.claimed(door.node, claim)
        if isinstance(key, KeptAnswer):
            return key
        by = await operators.again(door.node, doing.operator)
        told = await stage(change)
        log.enter(door.node, change, by, deed)
        told.keep(door, key)
        key.stage(change)
        return told

    return _answered(request, await enacted(door.node, whole))


async def begun(
    request: Plain,
    doing: Doing,
    deed: Deed,
    work: Callable[[datetime], Awaitable[Told]],
    *,
    refuse: Callable[[], Awaitable[None]],
) -> ASGIApp:
    """Enter it, then do it, then answer. `refuse` raises where it is not to be begun,
    which is asked only under a key that has no answer, and then nothing is entered.
    `work` may be asked again where a node died on the way, under the same key and with
    no second entry: it must do nothing twice, and is told since when the act is, which
    is the same then. What it raises is the answer, and the key is free for another try.
    """
    door, claim = doing.door, doing.claim()

    async def entered(change: Change, log: Log) -> KeptAnswer | Key:
        key = await keys.claimed(door.node, claim)
        if isinstance(key, KeptAnswer):
            return key
        if not key.is_taken_over:
            by = await operators.again(door.node, doing.operator)
            await refuse()
            log.enter(door.node, change, by, deed)
        key.stage(change)
        return key

    key = await enacted(door.node, entered)
    if isinstance(key, KeptAnswer):
        return _answered(request, key)
    key.stored()
    try:
        told = await work(key.row.created_at)
    except Refusal:
        key.let_go()
        await _write(door, key)
        raise
    told.keep(door, key)
    await _write(door, key)
    return _answered(request, told)


async def asked(
    request: Plain, doing: Doing, work: Callable[[], Awaitable[Told]]
) -> ASGIApp:
    """Answer a POST that changes nothing: under its key it is answered once, and the
    log says nothing of it.
    """
    door = doing.door
    key = await keys.claimed(door.node, doing.claim())
    if isinstance(key, KeptAnswer):
        return _answered(request, key)
    told = await work()
    told.keep(door, key)
    await _write(door, key)
    return _answered(request, told)


async def _write(door: Door, key: Key) -> None:
    change = door.node.change()
    key.stage(change)
    if await door.node.journal.commit(change) is not None:
        raise InFlight(retry_after_s=1)  # our lease was over, and another has it


def _answered(request: Plain, said: KeptAnswer | Told) -> ASGIApp:
    if isinstance(said, Told):
        body = encode(said.answer)
        return kept(request, KeptAnswer(status=said.status, body=body))
    if said.status == ShownOnce.status:
        raise ShownOnce
    return kept(request, said)
