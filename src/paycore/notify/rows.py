"""What is kept of notices: the end points of business lines, and the outbox."""

from datetime import datetime
from enum import StrEnum

from paycore.kernel.journal import Row, table
from paycore.kernel.terms import BizLineId, PayOrderNo


@table("notify_endpoint", key="endpoint_id", versioned=True)
class EndpointRow(Row, frozen=True, kw_only=True):
    """Where a business line wants its notices."""

    endpoint_id: str
    version: int = 1
    biz_line: BizLineId
    url: str
    secrets: bytes
    """JSON list of `whsec_` secrets, newest first, sealed with the key ring."""
    enabled: bool = True
    disabled_reason: str | None = None


class NoticeStatus(StrEnum):
    """PENDING until delivered, or parked where a person sees it."""

    PENDING = "PENDING"
    DELIVERED = "DELIVERED"
    PARKED = "PARKED"


@table(
    "notify_notice",
    key=("pay_order_no", "notice_id"),
    owner="pay_order_no",
    partition="pay_order_no",
    claimed=True,
)
class NoticeRow(Row, frozen=True, kw_only=True):
    """One event for one end point: the outbox."""

    pay_order_no: PayOrderNo
    notice_id: str
    """The webhook-id: the same at every try."""
    version: int = 1
    biz_line: BizLineId
    endpoint_id: str | None
    """None: the line had no end point; parked from the start."""
    type: str
    body: bytes
    status: NoticeStatus = NoticeStatus.PENDING
    tries: int = 0
    last_result: str = ""
    created_at: datetime
    delivered_at: datetime | None = None
    replayed_at: datetime | None = None
    """When a person had it sent again; from then on it counts as new."""
    next_check_at: datetime | None
    lease_epoch: int | None = None
    lease_until: datetime | None = None
