"""What the exception desk keeps: its cases."""

from datetime import datetime

from paycore.kernel.journal import Row, table
from paycore.kernel.terms import Json, PayOrderNo


@table("desk_case", key="case_id", versioned=True)
class CaseRow(Row, frozen=True, kw_only=True):
    """Something that contradicts or ran out of schedule, waiting for a person."""

    case_id: str
    """What it is about, or letters of chance: the same thing is one case."""
    version: int = 1
    kind: str
    pay_order_no: PayOrderNo | None
    attempt_seq: int | None
    amount: int | None
    currency: str | None
    evidence: Json
    opened_at: datetime
    owner: str = "operations"
    status: str = "OPEN"
