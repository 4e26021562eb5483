"""Passages that broke off in a node that lives: their leases are given back and not
waited for, and what a channel had answered by then is written down.

A passage may end without its last commit: the database was away, or there is a bug. Its
node goes on living, so nobody else could take the payment until the lease itself is
over. Here the node says that it has let go, as soon as it can be written. What stands
is found by the next look, a rung of the ladder later; what fails look after look is put
before a person, and the others go on (F75).
"""

from collections.abc import Awaitable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, cast

from msgspec.structs import replace

from paycore.core.chain import GuardRefused, Run
from paycore.core.payment import wait_at
from paycore.core.rows import IdempotencyRow, PaymentRow, RefundRow
from paycore.coupon import service as coupon
from paycore.desk import service as desk
from paycore.kernel.errors import Unavailable
from paycore.kernel.journal import Change, KeyOf, Row
from paycore.kernel.log import get
from paycore.kernel.node import Node
from paycore.kernel.terms import Epoch

TIMES_TO_TRY = 5
"""How often an answer is absorbed anew because somebody else was first."""

ON_RECORD = "message"
"""The guard by which an answer is written down once."""

LOOKS_BEFORE_A_PERSON = 3
"""A bug that lets a look fail does so again; a few rungs tell it from bad luck."""

Looked = PaymentRow | RefundRow
"""What workers look at."""

log = get(__name__)


class Absorb(Protocol):
    """How a passage of this kind is begun anew over what stands, its answer written."""

    def __call__(self, refused: Run, *, coupon_gone: bool) -> Awaitable[Run]:
        """The new passage, not yet committed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """A payment, or a refund, as it was left: which leases of it are the broken
    passage's own.
    """

    kind: type[Row]
    id: KeyOf
    epoch: Epoch
    leases: frozenset[datetime]
    key: IdempotencyRow | None = None
    """The idempotency key that the passage held, as it held it."""
    heard: Run | None = None
    """The passage, where a channel's answer was not on record when it broke off."""
    absorb: Absorb
    """How that answer is written down."""
    failed: str = ""
    """What was raised, where that was no matter of the database's being away."""


@dataclass(slots=True)
class Abandoned:
    """What this node has let go of and could not yet say so."""

    left: list[Left] = field(default_factory=list)


def leave(node: Node, run: Run, absorb: Absorb) -> None:
    """A caller's passage broke off; its commit may be on record or not."""
    kind, id_ = run.leased
    _leave(
        node,
        Left(
            kind=kind,
            id=id_,
            epoch=node.epoch,
            leases=frozenset(run.leases),
            key=run.key.row if run.key is not None else None,
            heard=_unwritten(run),
            absorb=absorb,
        ),
    )


def leave_look(
    node: Node, row: Looked, run: Run | None, error: Exception, absorb: Absorb
) -> None:
    """A worker's look at what it had claimed broke off. One that was refused because
    somebody else was first has not failed: but what it has heard nobody may hear again.
    """
    came_second, heard = isinstance(error, GuardRefused), _unwritten(run)
    if came_second and heard is None:
        return
    leases = {row.lease_until, *(run.leases if run is not None else ())}
    _leave(
        node,
        Left(
            kind=type(row),
            id=row.key(),
            epoch=node.epoch,
            leases=frozenset(lease for lease in leases if lease is not None),
            heard=heard,
            absorb=absorb,
            failed=""
            if came_second or isinstance(error, Unavailable)
            else type(error).__name__,
        ),
    )


def _unwritten(run: Run | None) -> Run | None:
    """The passage, where it has heard what no commit took."""
    return run if run is not None and run.last is not None else None


def _leave(node: Node, left: Left) -> None:
    if left.leases:
        node.state(Abandoned).left.append(left)


async def give_back(node: Node) -> None:
    """Say what was let go; what the database does not take now is said again later.

    A refusal means that the payment is in other hands by now, or was never in ours.
    """
    held = node.state(Abandoned)
    while held.left:
        left = held.left[0]
        try:
            await _say(node, left)
        except Unavailable:
            if left.heard is not None or max(left.leases) > node.now():
                return
        except Exception:
            # A bug: it would stand in the way of all others, for ever.
            held.left.pop(0)
            raise
        held.left.pop(0)


async def _say(node: Node, left: Left) -> None:
    if left.heard is not None:
        try:
            await _write_down(node, left.heard, left.absorb)
        except Unavailable:
            raise
        except Exception:
            # The next look asks again; what else is to be said is said all the same.
            log.exception("answer_not_written", pay_order_no=left.id[0])
    await node.journal.commit(await _change(node, left))
    if left.key is not None:
        # A change of its own: others may have the payment, and the key is still ours.
        await node.journal.commit(_key_freed(node, left.key))


def _key_freed(node: Node, held: IdempotencyRow) -> Change:
    """Free the key, where it is as the passage held it: its caller may have come again
    meanwhile, and another passage of this very node have it.
    """
    change = node.change()

    def free(row: IdempotencyRow) -> IdempotencyRow | None:
        lease = (row.lease_epoch, row.lease_until)
        ours = row.status is None and lease == (held.lease_epoch, held.lease_until)
        return replace(row, lease_epoch=None, lease_until=None) if ours else None

    change.amend(IdempotencyRow, (held.scope,), free)
    return change


async def _write_down(node: Node, heard: Run, absorb: Absorb) -> None:
    """What a channel had answered and, for all that we know, no commit took.

    By the common door, over what stands by now: a callback or another node may have
    been faster, and may have heard something else. The message is what tells: where it
    is on record its change was durable after all.
    """
    assert heard.last is not None, "or there is nothing to write down"
    message, coupon_gone = heard.last.answer.message, False
    for _ in range(TIMES_TO_TRY):
        run = await absorb(heard, coupon_gone=coupon_gone)
        run.key = None
        run.change.appends.remove(message)
        run.change.insert(message, guard=ON_RECORD)
        run.release()
        try:
            await run.commit()
        except GuardRefused as error:
            if error.refused.guard == ON_RECORD:
                return
            coupon_gone = error.refused.guard == coupon.GUARD
        else:
            return
    raise Unavailable


async def _change(node: Node, left: Left) -> Change:
    now, change = node.now(), node.change()

    def free(row: Looked) -> Looked | None:
        if row.lease_epoch != left.epoch or row.lease_until not in left.leases:
            return None
        return replace(
            row,
            lease_epoch=None,
            lease_until=None,
            checks=row.checks + 1,
            next_check_at=now + wait_at(row.checks),
        )

    change.amend(left.kind, left.id, free)  # type: ignore[arg-type]
    if left.failed:
        await _perhaps_tell(node, change, left)
    return change


async def _perhaps_tell(node: Node, change: Change, left: Left) -> None:
    """Open a case once the looks have failed often enough."""
    row = cast("Looked | None", await node.journal.load(left.kind, *left.id))
    if row is None or row.checks + 1 < LOOKS_BEFORE_A_PERSON:
        return
    amount, step, about = _facts(row)
    await desk.open_case(
        node,
        change,
        kind="LOOK_FAILED",
        pay_order_no=row.pay_order_no,
        amount=amount,
        currency=row.currency,
        evidence={"error": left.failed, "looks": row.checks + 1, "step": step},
        about=about,
    )


def _facts(row: Looked) -> tuple[int, str, str]:
    """The money in question, where it stands, and which refund it is, if it is one."""
    if isinstance(row, RefundRow):
        return row.money_amount, row.last_event, row.refund_no
    return row.payable_amount, row.step, ""
