"""Coupons: lock (锁定), use (核销), unlock (解锁); the only door in.

The three are staged into the payment's own changes, so a coupon is used in the commit
in which its order succeeds, and is never locked by two orders because a row has one
holder. What a crash leaves locked is found by `sweep`, which asks what became of the
order and does the one right thing: a coupon of an undecided order stays locked.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from paycore.coupon import rules
from paycore.coupon.rows import CouponRow, CouponStatus
from paycore.kernel.errors import BadRequest, CouponRefused
from paycore.kernel.ids import letters
from paycore.kernel.journal import Change
from paycore.kernel.money import exponent
from paycore.kernel.node import Node
from paycore.kernel.terms import BizLineId, BizStatus, CouponNo, PayOrderNo

MOST_AT_ONCE = 10_000
NUMBER_LETTERS = 16

GUARD = "coupon"
"""The guard by which a change is refused whose coupon is another's."""

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
