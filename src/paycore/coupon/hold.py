"""What may become of an order's hold on a coupon that lives elsewhere: pure.

A hold goes one way. It is asked for once and kept until the order has ended; then it is
used or given back, once, and the number of the order is spent. So no unlock can ever
meet a later lock of the same order, however late either arrives.
"""

from datetime import datetime

from msgspec.structs import replace

from paycore.coupon.rows import HoldRow, HoldStatus
from paycore.kernel.partner import next_try


def asked(row: HoldRow) -> HoldRow | None:
    """About to be asked for, perhaps not for the first time."""
    if row.status not in (HoldStatus.NAMED, HoldStatus.ASKED):
        return None
    return replace(row, status=HoldStatus.ASKED)


def locked(row: HoldRow) -> HoldRow | None:
    """The other side says that this order has it."""
    if row.status not in (HoldStatus.ASKED, HoldStatus.LOCKED):
        return None
    return replace(row, status=HoldStatus.LOCKED)


def used(row: HoldRow, now: datetime) -> HoldRow:
    """The order succeeded: whatever is known of the lock, the use is owed."""
    if row.status in (HoldStatus.USING, HoldStatus.USED):
        return row
    return _owed(row, HoldStatus.USING, now)


def freed(row: HoldRow, now: datetime) -> HoldRow:
    """The order ended without money: what was ever asked for is given back, for a lock
    that nobody answered, and even one that was refused, may be there all the same.
    """
    if row.status not in (HoldStatus.ASKED, HoldStatus.LOCKED):
        return row
    return _owed(row, HoldStatus.FREEING, now)


def _owed(row: HoldRow, status: HoldStatus, now: datetime) -> HoldRow:
    return replace(row, status=status, owed_at=now, next_check_at=now)


def told(row: HoldRow, said: str | None, now: datetime) -> HoldRow:
    """After a try: acknowledged (None), or to be told again, and why."""
    free = replace(row, lease_epoch=None, lease_until=None, tries=row.tries + 1)
    if said is not None:
        again_at = next_try(row.tries, now)
        return replace(free, last_result=said, next_check_at=again_at)
    using = row.status is HoldStatus.USING
    return replace(
        free,
        status=HoldStatus.USED if using else HoldStatus.FREED,
        last_result="",
        acknowledged_at=now,
        next_check_at=None,
    )
