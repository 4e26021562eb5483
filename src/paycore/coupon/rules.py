"""What may become of a coupon: pure.

Each rule looks at the row as it stands, under its lock, and gives the row that shall
stand, or None to refuse. Whether a coupon is still valid is judged when it is locked;
what was locked in time may be used later. A lock belongs to an order, so every step
may be taken twice by the same order.
"""

from datetime import datetime

import msgspec

from paycore.coupon.rows import CouponRow, CouponStatus
from paycore.kernel.terms import PayOrderNo


def valid(row: CouponRow, now: datetime) -> bool:
    """Whether its last day has not passed."""
    return row.valid_until is None or now < row.valid_until


def fits(row: CouponRow, *, amount: int, currency: str) -> bool:
    """Whether something of the order is left to pay, in the same money."""
    return row.currency == currency and row.amount < amount


def locked(
    row: CouponRow, order: PayOrderNo, now: datetime, look_at: datetime
) -> CouponRow | None:
    """Locked for the order: it was free and valid, or is the order's already."""
    if row.status is CouponStatus.LOCKED and row.holder == order:
        return looked_at_again(row, look_at)
    if row.status is not CouponStatus.AVAILABLE or not valid(row, now):
        return None
    return msgspec.structs.replace(
        row,
        status=CouponStatus.LOCKED,
        holder=order,
        locked_at=now,
        next_check_at=look_at,
        lease_epoch=None,
        lease_until=None,
    )


def used(row: CouponRow, order: PayOrderNo, now: datetime) -> CouponRow | None:
    """Used by the order, unless another holds it or used it.

    A free one is taken too: the money has moved at the reduced price, whatever became
    of the lock.
    """
    if row.holder not in (None, order):
        return None
    if row.status is CouponStatus.USED:
        return row
    return msgspec.structs.replace(
        row,
        status=CouponStatus.USED,
        holder=order,
        used_at=now,
        next_check_at=None,
        lease_epoch=None,
        lease_until=None,
    )


def freed(row: CouponRow, order: PayOrderNo) -> CouponRow:
    """Free again if the order had it locked; as it stands otherwise."""
    if row.status is not CouponStatus.LOCKED or row.holder != order:
        return row
    return msgspec.structs.replace(
        row,
        status=CouponStatus.AVAILABLE,
        holder=None,
        locked_at=None,
        next_check_at=None,
        lease_epoch=None,
        lease_until=None,
    )


def looked_at_again(row: CouponRow, look_at: datetime) -> CouponRow:
    """Still locked; the sweeper comes back later."""
    return msgspec.structs.replace(
        row, next_check_at=look_at, lease_epoch=None, lease_until=None
    )
