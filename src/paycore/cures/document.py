"""A case and its cures as operators see them over the API.

A case's id has colons, slashes and whatever a bank wrote; in a path it stands as
`case_ref`, which has none of them.
"""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime

import msgspec

from paycore.cures.service import History
from paycore.cures.table import suggested
from paycore.desk.rows import CaseRow, CureRow
from paycore.kernel.errors import DataNotExist


class DeskCase(msgspec.Struct, frozen=True, kw_only=True):
    """A case that waits, or waited, for a person."""

    case_ref: str
    """The case as it stands in a path."""
    case_id: str
    kind: str
    pay_order_no: str | None
    attempt_seq: int | None
    amount: int | None
    currency: str | None
    status: str
    owner: str
    opened_at: datetime
    closed_at: datetime | None
    suggested: list[str]
    """Cures that suit its kind, the best first."""


class DeskCure(msgspec.Struct, frozen=True, kw_only=True):
    """A cure: what it would do or did, who wanted, approved and executed it."""

    case_ref: str
    pay_order_no: str | None
    number: int
    cure: str
    amount: int | None
    currency: str | None
    does: str
    does_zh: str | None
    """The same in Chinese; null where an older version previewed it."""
    needs_second: bool
    status: str
    proposed_by: str
    why: str
    proposed_at: datetime
    approved_by: str | None
    approved_at: datetime | None
    executed_by: str | None
    executed_at: datetime | None
    result: str
    ended_at: datetime | None


class DeskStep(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody did about a case."""

    seq: int
    at: datetime
    who: str
    what: str
    why: str
    cure_number: int | None
    said: str


class DeskCaseDetails(DeskCase, frozen=True, kw_only=True):
    """A case with its evidence, masked, and all that was done about it."""

    evidence: dict[str, object]
    cures: list[DeskCure]
    steps: list[DeskStep]


def ref_of(case_id: str) -> str:
    """A case as it stands in a path."""
    return urlsafe_b64encode(case_id.encode()).decode().rstrip("=")


def id_of(case_ref: str) -> str:
    """A case's id out of a path; what cannot be one names nothing."""
    try:
        case_id = urlsafe_b64decode(case_ref + "=" * (-len(case_ref) % 4)).decode()
    except (binascii.Error, ValueError):
        case_id = ""
    # One way to write each: a key is of a path.
    if not (case_id.isprintable() and case_id and ref_of(case_id) == case_ref):
        raise DataNotExist("There is no such case.", "差错不存在")
    return case_id


def case_of(row: CaseRow) -> DeskCase:
    """A case as of now."""
    shown = msgspec.structs.asdict(row)
    more = {"case_ref": ref_of(row.case_id), "suggested": suggested(row.kind)}
    return msgspec.convert({**shown, **more}, DeskCase)


def cure_of(row: CureRow, no: str | None) -> DeskCure:
    """A cure as of now, of a case that is about a payment, or about none."""
    shown = msgspec.structs.asdict(row)
    more = {"case_ref": ref_of(row.case_id), "pay_order_no": no}
    return msgspec.convert({**shown, **more}, DeskCure)


def given(row: CaseRow | CureRow, no: str | None) -> DeskCase | DeskCure:
    """What an act gave: the case, or its cure."""
    return case_of(row) if isinstance(row, CaseRow) else cure_of(row, no)


def details_of(history: History) -> DeskCaseDetails:
    """A case with all that was done about it."""
    row = history.case
    steps = [msgspec.structs.asdict(one) for one in history.steps]
    return DeskCaseDetails(
        **msgspec.structs.asdict(case_of(row)),
        evidence=msgspec.json.decode(row.evidence, type=dict[str, object]),
        cures=[cure_of(one, row.pay_order_no) for one in history.cures],
        steps=[msgspec.convert(one, DeskStep) for one in steps],
    )
