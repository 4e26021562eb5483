"""What the migrations say of agreements beyond keys, for the journal in memory."""

from typing import Any

from paycore.cards.rows import CardRow
from paycore.core.agreements.rows import (
    AgreementTransitionRow,
    NumberRow,
    SigningRow,
)
from paycore.core.agreements.states import AGREEMENT_TRANSITIONS, AgreementStatus
from paycore.kernel.journal import Row
from paycore.kernel.journal_memory import Check, MemoryStore
from paycore.kernel.terms import PayType
from paycore.prove.schema_checks import kept, one_of

_RULES = frozenset(
    (row.source, row.event.value, row.target) for row in AGREEMENT_TRANSITIONS
)
_LIVE = (AgreementStatus.PENDING, AgreementStatus.ACTIVE)
_LOOKED_AT = (AgreementStatus.PENDING, AgreementStatus.REVOKING)
_STEPS = ("", "SIGN", "CONFIRM", "REVOKE")
_CARD = ("PENDING", "ACTIVE", "REVOKED", "EXPIRED", "REFUSED")
_AGREED = (
    *("biz_line", "pay_type", "channel", "account", "scope"),
    *("single_limit", "daily_limit", "ends_at", "slot", "created_at"),
)


def _signing(_: MemoryStore, old: Any, new: Any) -> bool:
    """The table's CHECKs."""
    looked = new.next_check_at is not None
    terms = (new.single_limit, new.daily_limit, new.ends_at)
    return (
        (new.status is not AgreementStatus.ACTIVE or new.signed_at is not None)
        and (new.status in _LIVE) == (new.ended_at is None)
        and (new.status not in _LOOKED_AT or looked)
        and not (new.status.final and looked)
        and (new.pay_type is not PayType.DEDUCT or (new.scope and None not in terms))
    )


def _agreement_guard(_: MemoryStore, old: Any, new: Any) -> bool:
    """The trigger of the same name."""
    if old is None:
        return new.status is AgreementStatus.PENDING
    moved = (old.status, new.last_event, new.status)
    return (
        not old.status.final
        and (new.status is old.status or moved in _RULES)
        and all(getattr(old, name) == getattr(new, name) for name in _AGREED)
    )


def _card(_: MemoryStore, old: Any, new: Any) -> bool:
    return len(new.tail) == 4


_WORDS = one_of(pay_type=PayType, status=AgreementStatus, step=_STEPS)

CHECKS: tuple[tuple[type[Row], tuple[Check, ...]], ...] = (
    (SigningRow, (_WORDS, _signing, _agreement_guard)),
    (AgreementTransitionRow, (kept,)),
    (NumberRow, (kept,)),
    (CardRow, (one_of(status=_CARD), _card)),
)
