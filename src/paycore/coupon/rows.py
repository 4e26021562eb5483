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
