"""Coupons: lock (锁定), use (核销), unlock (解锁); the only door in.

The three are staged into the payment's own changes, so a coupon is used in the commit
in which its order succeeds, and is never locked by two orders because a row has one
holder. What a crash leaves locked is found by `sweep`, which asks what became of the
order and does the one right thing: a coupon of an undecided order stays locked.

Where coupons live in a system of the user's own (`foreign`), an order keeps a hold on
one instead: its lock is a foreign call of the chain's, and its end is owed (`owed`).
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from msgspec.structs import replace

from paycore.coupon import foreign, hold, rules
from paycore.coupon.foreign import DIFFERS, Answer, No, Unknown, elsewhere
from paycore.coupon.foreign import lock as ask_lock
from paycore.coupon.owed import claim
from paycore.coupon.rows import CouponRow, CouponStatus, HoldRow, HoldStatus
from paycore.kernel.errors import BadRequest, CouponRefused
from paycore.kernel.ids import letters
from paycore.kernel.journal import Change, Insert
from paycore.kernel.money import exponent
from paycore.kernel.node import Node
from paycore.kernel.partner import Sign
from paycore.kernel.terms import BizLineId, BizStatus, CouponNo, PayOrderNo

__all__ = [
    "DIFFERS",
    "GUARD",
    "Answer",
    "No",
    "Unknown",
    "ask_lock",
    "claim",
    "elsewhere",
    "end_hold",
    "free",
    "hold_of",
    "issue",
    "lock",
    "lock_if_free",
    "name",
    "stage_ask",
    "stage_locked",
    "sweep",
    "usable",
    "use",
    "worth",
]

MOST_AT_ONCE = 10_000
NUMBER_LETTERS = 16

GUARD = "coupon"
"""The guard by which a change is refused whose coupon is another's."""

HELD = "coupon_hold"
"""The guard of what becomes of an order's hold on a coupon that lives elsewhere."""

LOCK_CHECK = timedelta(minutes=2)
"""Longer than a payment needs from lock to result, so that the sweeper finds only
what stayed behind, and short enough that a payer gets his coupon back."""

ORPHAN_AGE = timedelta(minutes=10)
"""A lock whose order does not exist after so long never had one: a lock is committed
together with what its order does."""

StatusOf = Callable[[PayOrderNo], Awaitable[BizStatus | None]]
"""What became of an order; None where there is none."""


async def issue(
    node: Node,
    biz_line: BizLineId,
    *,
    count: int,
    amount: int,
    currency: str,
    valid_until: datetime | None = None,
) -> list[CouponNo]:
    """Make so many coupons of a line; their numbers cannot be guessed."""
    if not 1 <= count <= MOST_AT_ONCE or amount < 1:
        raise BadRequest(f"1 to {MOST_AT_ONCE} coupons of at least 1 minor unit.")
    if exponent(currency) is None:
        raise BadRequest("The currency is an ISO 4217 code.", field="currency")
    if valid_until is not None and valid_until <= node.now():
        raise BadRequest("They would have expired already.", field="valid_until")
    change = node.change()
    numbers = [CouponNo(letters(node.ids, NUMBER_LETTERS)) for _ in range(count)]
    for coupon_no in numbers:
        change.insert(
            CouponRow(
                biz_line=biz_line,
                coupon_no=coupon_no,
                amount=amount,
                currency=currency,
                valid_until=valid_until,
            )
        )
    refused = await node.journal.commit(change)
    assert refused is None, "eighty random bits met twice"
    return numbers


async def usable(
    node: Node, biz_line: BizLineId, coupon_no: CouponNo, *, amount: int, currency: str
) -> CouponRow:
    """The coupon, if an order of this amount could lock it now."""
    row = await node.journal.load(CouponRow, biz_line, coupon_no)
    if row is None or row.status is not CouponStatus.AVAILABLE:
        raise CouponRefused
    if not rules.valid(row, node.now()):
        raise CouponRefused("The coupon has expired.", "优惠券已过期")
    if not rules.fits(row, amount=amount, currency=currency):
        raise CouponRefused(
            "The coupon does not fit the order's amount or currency.",
            "优惠券与订单金额或币种不符",
        )
    return row


def lock(
    node: Node,
    change: Change,
    biz_line: BizLineId,
    coupon_no: CouponNo,
    pay_order_no: PayOrderNo,
) -> None:
    """Stage the lock; refused (guard "coupon") where it is not free or not valid."""
    now = node.now()
    change.amend(
        CouponRow,
        (biz_line, coupon_no),
        lambda row: rules.locked(row, pay_order_no, now, now + LOCK_CHECK),
        guard=GUARD,
    )


async def lock_if_free(
    node: Node,
    change: Change,
    biz_line: BizLineId,
    coupon_no: CouponNo,
    pay_order_no: PayOrderNo,
) -> None:
    """Stage the lock of an order that may have paid already: it is refused by none who
    has the coupon instead, for that is told when the order ends. One that lives
    elsewhere is as the order's hold says, which a restore has put in doubt.
    """
    if await hold_of(node, change, pay_order_no) is not None:
        return
    if await node.journal.load(CouponRow, biz_line, coupon_no) is None:
        return  # it lived elsewhere, and that system is named no more
    now = node.now()

    def locked(row: CouponRow) -> CouponRow:
        return rules.locked(row, pay_order_no, now, now + LOCK_CHECK) or row

    change.amend(CouponRow, (biz_line, coupon_no), locked, guard=GUARD)


def use(
    node: Node,
    change: Change,
    biz_line: BizLineId,
    coupon_no: CouponNo,
    pay_order_no: PayOrderNo,
) -> None:
    """Stage the use; refused (guard "coupon") only where another holds or used it."""
    now = node.now()
    change.amend(
        CouponRow,
        (biz_line, coupon_no),
        lambda row: rules.used(row, pay_order_no, now),
        guard=GUARD,
    )


def free(
    node: Node,
    change: Change,
    biz_line: BizLineId,
    coupon_no: CouponNo,
    pay_order_no: PayOrderNo,
) -> None:
    """Stage the unlock; a coupon that is not this order's stays as it is."""
    change.amend(
        CouponRow,
        (biz_line, coupon_no),
        lambda row: rules.freed(row, pay_order_no),
        guard=GUARD,
    )


async def sweep(node: Node, status_of: StatusOf, *, limit: int = 100) -> int:
    """Look at locks that stayed behind, at most so many; how many were claimed."""
    rows = await node.journal.due(
        CouponRow,
        limit,
        now=node.now(),
        over=node.over_by(),
        epoch=node.epoch,
        live=node.heartbeat.live,
        lease_until=node.lease_until(),
    )
    await asyncio.gather(*(_settle(node, row, status_of) for row in rows))
    return len(rows)


async def _settle(node: Node, row: CouponRow, status_of: StatusOf) -> None:
    """Do with one lock what its order's result asks for.

    A refusal means that the payment itself was faster: nothing is left to do.
    """
    order = row.holder
    assert order is not None, "only a lock is ever due"
    place = (row.biz_line, row.coupon_no)
    change = node.change()
    match await status_of(order):
        case BizStatus.SUCCESS:
            use(node, change, *place, order)
        case BizStatus.FAIL | BizStatus.CLOSED:
            free(node, change, *place, order)
        case None if _orphan(node, row):
            free(node, change, *place, order)
        case BizStatus.DOING | None:
            later = rules.looked_at_again(row, node.now() + LOCK_CHECK)
            change.update(later, version=row.version, guard=GUARD)
    await node.journal.commit(change)


def _orphan(node: Node, row: CouponRow) -> bool:
    """Whether the lock is too old for an order that does not exist."""
    return row.locked_at is not None and row.locked_at + ORPHAN_AGE <= node.now()


# Coupons that live in a system of the user's own


async def worth(
    node: Node,
    biz_line: BizLineId,
    coupon_no: CouponNo,
    *,
    amount: int,
    currency: str,
    sign: Sign,
) -> int:
    """What the coupon pays of an order of this amount, wherever it lives."""
    if elsewhere(node):
        return await foreign.worth(
            node, biz_line, coupon_no, amount=amount, currency=currency, sign=sign
        )
    row = await usable(node, biz_line, coupon_no, amount=amount, currency=currency)
    return row.amount


def name(
    node: Node,
    change: Change,
    *,
    pay_order_no: PayOrderNo,
    biz_line: BizLineId,
    coupon_no: CouponNo,
    amount: int,
    currency: str,
) -> None:
    """Stage that a new order names a coupon, if coupons live elsewhere: from then on it
    is known where this order's coupon does.
    """
    if elsewhere(node):
        change.insert(
            HoldRow(
                pay_order_no=pay_order_no,
                biz_line=biz_line,
                coupon_no=coupon_no,
                amount=amount,
                currency=currency,
            )
        )


async def hold_of(
    node: Node, change: Change, pay_order_no: PayOrderNo
) -> HoldRow | None:
    """The order's hold, staged or stored; None where its coupon is a row of ours, which
    it is without a look while no other system is named.
    """
    if not elsewhere(node):
        return None
    staged = [one.row for one in change.inserts if isinstance(one.row, HoldRow)]
    return staged[0] if staged else await node.journal.load(HoldRow, pay_order_no)


def stage_ask(change: Change, held: HoldRow) -> None:
    """Stage the intent: its lock is about to be asked for."""
    for at, one in enumerate(change.inserts):
        if one.row is held:
            asked = replace(held, status=HoldStatus.ASKED)
            change.inserts[at] = Insert(one.guard, asked)
            return
    change.amend(HoldRow, held.key(), hold.asked, guard=HELD)


def stage_locked(change: Change, held: HoldRow) -> None:
    """Stage that the other side gave the lock."""
    change.amend(HoldRow, held.key(), hold.locked, guard=HELD)


def end_hold(node: Node, change: Change, held: HoldRow, *, paid: bool) -> None:
    """Stage what the order's end owes, in the place of what is staged of its hold."""
    now, end = node.now(), hold.used if paid else hold.freed
    if end(held, now) is held:
        return
    change.amends = [one for one in change.amends if one.guard != HELD]
    change.amend(HoldRow, held.key(), lambda row: end(row, now), guard=HELD)
