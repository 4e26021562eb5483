"""What is kept of a coupon: one row, locked by at most one order."""

from datetime import datetime
from enum import StrEnum

from paycore.kernel.journal import Row, table
from paycore.kernel.terms import BizLineId, CouponNo, PayOrderNo


class CouponStatus(StrEnum):
    """AVAILABLE → LOCKED → USED, or back from LOCKED to AVAILABLE."""

    AVAILABLE = "AVAILABLE"
    LOCKED = "LOCKED"
    USED = "USED"


@table("coupon", key=("biz_line", "coupon_no"), claimed=True)
class CouponRow(Row, frozen=True, kw_only=True):
    """A coupon; next_check_at is when the sweeper looks at a lock, None otherwise."""

    biz_line: BizLineId
    coupon_no: CouponNo
    version: int = 1
    amount: int
    currency: str
    status: CouponStatus = CouponStatus.AVAILABLE
    holder: PayOrderNo | None = None
    locked_at: datetime | None = None
    used_at: datetime | None = None
    valid_until: datetime | None = None
    next_check_at: datetime | None = None
    lease_epoch: int | None = None
    lease_until: datetime | None = None


class HoldStatus(StrEnum):
    """NAMED → ASKED → LOCKED, and with the order's end to USED or to FREED.

    A system of the user's own is told of the last two until it acknowledges; so long
    the hold is USING, or FREEING.
    """

    NAMED = "NAMED"
    """The order names it, and no lock was asked for."""
    ASKED = "ASKED"
    """A lock was asked for: whether it is there is not known."""
    LOCKED = "LOCKED"
    USING = "USING"
    USED = "USED"
    FREEING = "FREEING"
    FREED = "FREED"

    @property
    def owed(self) -> bool:
        """Whether the other side has still to acknowledge it."""
        return self in (HoldStatus.USING, HoldStatus.FREEING)


@table("coupon_hold", key="pay_order_no", partition="pay_order_no", claimed=True)
class HoldRow(Row, frozen=True, kw_only=True):
    """What one order has of a coupon that lives in a system of the user's own."""

    pay_order_no: PayOrderNo
    version: int = 1
    biz_line: BizLineId
    coupon_no: CouponNo
    amount: int
    """What the coupon is worth, as the other side said when the order was opened."""
    currency: str
    status: HoldStatus = HoldStatus.NAMED
    tries: int = 0
    last_result: str = ""
    owed_at: datetime | None = None
    acknowledged_at: datetime | None = None
    next_check_at: datetime | None = None
    lease_epoch: int | None = None
    lease_until: datetime | None = None
