"""Holding what was open in the backup, before anybody may go on with it."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from paycore.core.absorb import with_attempts
from paycore.core.payment import Payment
from paycore.core.restored import RESTORED, Restored, RestoredRow, RestoreRow
from paycore.core.rows import PaymentRow
from paycore.coupon import service as coupon
from paycore.coupon.rows import HoldStatus
from paycore.kernel.errors import BadRequest
from paycore.kernel.journal import Change
from paycore.kernel.node import Node
from paycore.kernel.terms import PayOrderNo

LONGEST = timedelta(days=31)
"""Older gaps are none that a backup leaves, and no channel is asked about so much."""


async def begun(node: Node, since: datetime) -> RestoreRow | None:
    """The run of this moment, where there was one; a refusal where it is none."""
    now = node.now()
    if not now - LONGEST <= since <= now:
        raise BadRequest(
            f"--since is a moment of the last {LONGEST.days} days: that of the backup,"
            " or a little before."
        )
    return await node.journal.load(RestoreRow, _name(since))


async def begin(node: Node, since: datetime) -> RestoreRow:
    """The run of this moment: the one that was begun, or a new one."""
    standing, name = await begun(node, since), _name(since)
    if standing is None:
        row = RestoreRow(since=name, begun_at=node.now())
        change = node.change()
        change.insert(row)
        if await node.journal.commit(change) is None:
            return row
        standing = await node.journal.load(RestoreRow, name)
        assert standing is not None, "it was refused by it"
    return standing


def _name(since: datetime) -> str:
    return since.astimezone(UTC).isoformat()


async def hold(node: Node, run: RestoreRow, numbers: Sequence[PayOrderNo]) -> int:
    """Hold these, as they stand; how many of them were not held before."""
    held = await asyncio.gather(*(_hold(node, run, no) for no in numbers))
    return sum(held)


async def _hold(node: Node, run: RestoreRow, no: PayOrderNo) -> bool:
    """Against whoever changes it in this moment: once more."""
    while True:
        row = await node.journal.load(PaymentRow, no)
        known = await node.journal.load(RestoredRow, no)
        if row is None or row.biz_status.final:
            return False
        if known is not None and known.since == run.since:
            return False
        change = node.change()
        _stage_hold(node, change, run, await with_attempts(node, row), known)
        await _doubt_its_coupon(node, change, no)
        if await node.journal.commit(change) is None:
            return True


def _stage_hold(
    node: Node,
    change: Change,
    run: RestoreRow,
    payment: Payment,
    known: RestoredRow | None,
) -> None:
    """What another contradiction holds stays held by that, and is asked after too."""
    if payment.row.held is None:
        payment.hold(RESTORED)
        payment.release(node.now())
        payment.stage(change)
    fresh = RestoredRow(
        pay_order_no=payment.row.pay_order_no,
        since=run.since,
        # What was found at another moment's asking was found: a person ends that.
        state=Restored.FOUND if _was_found(known) else Restored.HELD,
        held_at=node.now(),
    )
    if known is None:
        change.insert(fresh)
    else:
        again = replace(
            fresh,
            version=known.version,
            lost_refunds=known.lost_refunds,
            lost_refunded=known.lost_refunded,
        )
        change.update(again, version=known.version)


async def _doubt_its_coupon(node: Node, change: Change, no: PayOrderNo) -> None:
    """One that lives elsewhere may have been locked in the time that was lost: then it
    is given back when the order ends without money, and else that does no harm.
    """
    held = await coupon.hold_of(node, change, no)
    if held is not None and held.status is HoldStatus.NAMED:
        coupon.stage_ask(change, held)


def _was_found(known: RestoredRow | None) -> bool:
    return known is not None and known.state is Restored.FOUND


async def settle(
    node: Node, change: Change, restored: RestoredRow, state: Restored
) -> None:
    """Stage how far it is; what is clear goes on as it stood."""
    now = node.now()
    after = replace(restored, state=state, asked_at=now)
    change.update(after, version=restored.version)
    row = await node.journal.load(PaymentRow, restored.pay_order_no)
    if row is None or row.held != RESTORED or state is not Restored.CLEAR:
        return
    if row.biz_status.final:
        return  # a channel's word ended it meanwhile
    payment = await with_attempts(node, row)
    payment.let_go_on(now)
    payment.stage(change)
