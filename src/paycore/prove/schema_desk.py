"""What the migrations say of the desk beyond keys, for the journal in memory: cures,
steps, and what they have go back.
"""

from collections.abc import Sequence
from typing import Any

from paycore.core.rows import RefundRow
from paycore.desk.rows import CaseRow, CureRow, CureStatus, StepRow
from paycore.kernel.journal import Row
from paycore.kernel.journal_memory import Check, MemoryStore, Unique
from paycore.kernel.terms import RefundKind, RefundStatus
from paycore.prove.schema_checks import one_of

_AGREED = (
    *("cure", "amount", "currency", "seen", "needs_second"),
    *("proposed_by", "why", "proposed_at"),
)
_OVER = (CureStatus.DONE, CureStatus.FAILED)


def _returned(row: Any) -> tuple[str, str, bool] | None:
    """By itself or by a person: of one request, once; and once what is beyond it."""
    if row.kind is RefundKind.ASKED or row.status is RefundStatus.FAIL:
        return None
    more = row.case_id.partition(":")[0] in ("RECON_DUPLICATE_LINE", "RECON_AMOUNT")
    return row.pay_order_no, row.original_request_no, more


def _running(row: Any) -> str | None:
    return row.case_id if row.status is CureStatus.EXECUTED else None


UNIQUE: Sequence[Unique] = (
    (RefundRow, "refund_returned", _returned),
    (CureRow, "desk_cure_running", _running),
)


def agreed_on(store: MemoryStore, refund: Any) -> bool:
    """What `refund_born` asks of a return: a cure of so much, executed, or about to be
    as two people, or one where it is little, have agreed.
    """
    return any(
        (row.cure, row.amount, row.currency)
        == ("REFUND", refund.amount, refund.currency)
        and (row.status is CureStatus.EXECUTED or _may_be(row))
        for row in store.within(CureRow, refund.case_id)
    )


def _may_be(row: CureRow) -> bool:
    approved = row.approved_by is not None or not row.needs_second
    return row.status is CureStatus.PREVIEWED and approved


def _cure(_: MemoryStore, old: Any, new: Any) -> bool:
    """The table's CHECKs."""
    waits = new.status is CureStatus.PREVIEWED
    return (
        bool(new.why.strip(" ") and new.proposed_by)
        and new.approved_by != new.proposed_by
        and (waits or not new.needs_second or new.approved_by is not None)
        and waits == (new.executed_by is None)
        and (new.status in _OVER) == (new.ended_at is not None)
    )


def _cure_guard(_: MemoryStore, old: Any, new: Any) -> bool:
    """The trigger `desk_cure_guard`."""
    if old is None:
        return True
    back = old.status is CureStatus.EXECUTED and new.status is CureStatus.PREVIEWED
    another = old.approved_by not in (None, new.approved_by)
    same = all(getattr(old, name) == getattr(new, name) for name in _AGREED)
    return old.status not in _OVER and not back and not another and same


def _step(_: MemoryStore, old: Any, new: Any) -> bool:
    """`keep_guard`, and the table's CHECK."""
    return old is None and bool(new.who and new.why.strip(" "))


CHECKS: tuple[tuple[type[Row], tuple[Check, ...]], ...] = (
    (CaseRow, (one_of(status=("OPEN", "CLOSED")),)),
    (CureRow, (one_of(status=CureStatus), _cure, _cure_guard)),
    (StepRow, (_step,)),
)
