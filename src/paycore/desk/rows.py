"""What the exception desk keeps: its cases."""

from datetime import datetime
from enum import StrEnum

from paycore.kernel.journal import Row, table
from paycore.kernel.terms import Json, PayOrderNo

NOBODY = "operations"
"""Who has a case that nobody has taken."""


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
    owner: str = NOBODY
    status: str = "OPEN"
    closed_at: datetime | None = None


class CureStatus(StrEnum):
    """How far a cure is."""

    PREVIEWED = "PREVIEWED"
    """Somebody has seen what it will do, and wants it."""
    EXECUTED = "EXECUTED"
    """It is under way: what comes of it is to come."""
    DONE = "DONE"
    FAILED = "FAILED"
    """It was tried, and the case waits for another."""


@table("desk_cure", key=("case_id", "number"), owner="case_id", versioned=True)
class CureRow(Row, frozen=True, kw_only=True):
    """One cure of a case: previewed, perhaps approved, executed once."""

    case_id: str
    number: int
    version: int = 1
    cure: str
    amount: int | None
    currency: str | None
    does: str
    """What it will do, in words."""
    does_zh: str | None = None
    """The same in Chinese; of what an older version previewed there is none."""
    seen: bytes
    """Fingerprint of what the preview was made from: should that be another by the
    time it is executed, it is not."""
    needs_second: bool
    status: CureStatus = CureStatus.PREVIEWED
    proposed_by: str
    why: str
    proposed_at: datetime
    approved_by: str | None = None
    approved_at: datetime | None = None
    executed_by: str | None = None
    executed_at: datetime | None = None
    result: str = ""
    ended_at: datetime | None = None


@table("desk_step", key=("case_id", "seq"), owner="case_id")
class StepRow(Row, frozen=True, kw_only=True):
    """What somebody did about a case; append-only and without a gap."""

    case_id: str
    seq: int
    """Of the case: the version that it was done to."""
    at: datetime
    who: str
    what: str
    why: str
    cure_number: int | None = None
    said: str = ""
