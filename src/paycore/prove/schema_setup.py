"""What the migrations say beyond keys of what is set up and worked by the day, for the
journal in memory: chart and rules, cards, lines, routes, operators, jobs, restores.
"""

import re
from collections.abc import Sequence
from typing import Any

from paycore.accounting import rows as accounting
from paycore.cards.rows import AgreementRow, BinRow
from paycore.core.restored import Restored, RestoredRow, RestoreRow
from paycore.kernel.jobs import JobRow
from paycore.kernel.journal import Row
from paycore.kernel.journal_memory import Check, MemoryStore, Unique
from paycore.kernel.terms import PayType
from paycore.lines.rows import BizLineRow
from paycore.operators.roles import Role
from paycore.operators.rows import (
    ActRow,
    EntryRow,
    HeadRow,
    OperatorRow,
    SessionRow,
)
from paycore.prove.schema_checks import kept, one_of, refers
from paycore.recon.rows import TermsRow
from paycore.router.rows import RuleRow, TransTypeRow, VersionRow, WindowRow
from paycore.sms.rows import CarrierRow

_ACCOUNT = re.compile(r"[a-z_]+(:\{[a-z_]+\})*|\{(debit|credit)\}")
_PREFIX = re.compile(r"[0-9]{4,10}")
_NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")

_POSTED = (
    *("PAYMENT", "REFUND", "LATE_MONEY", "LATE_REFUND", "SETTLEMENT"),
    *("SETTLED_REFUND", "FEE", "LONG", "SHORT", "ADJUSTMENT"),
)
_MILLION = 1_000_000


def _live_name(row: Any) -> str | None:
    return row.name if row.revoked_at is None else None


UNIQUE: Sequence[Unique] = (
    (OperatorRow, "operators_operator_live", _live_name),
    (
        ActRow,
        "operators_act_case_id_seq_key",
        lambda row: (row.case_id, row.seq),  # type: ignore[attr-defined]
    ),
)


def _account(_: MemoryStore, old: Any, new: Any) -> bool:
    """The table's CHECKs but for its closed set."""
    named = _ACCOUNT.fullmatch(new.account) is not None
    any_ = new.account in ("{debit}", "{credit}")
    return bool(named and (new.category == "ANY") == any_)


def _rule(_: MemoryStore, old: Any, new: Any) -> bool:
    return bool(new.line >= 1 and new.debit != new.credit)


def _adjustment(_: MemoryStore, old: Any, new: Any) -> bool:
    second = new.approved_by
    return bool(
        1 <= len(new.made_by) <= 64
        and (second is None or (1 <= len(second) <= 64 and second != new.made_by))
        and 1 <= len(new.why) <= 500
    )


def _bin(_: MemoryStore, old: Any, new: Any) -> bool:
    return _PREFIX.fullmatch(new.prefix) is not None


def _terms(_: MemoryStore, old: Any, new: Any) -> bool:
    rates = (new.charge_rate, new.refund_rate)
    return bool(min(rates) >= 0 and max(rates) <= _MILLION)


def _trans_type(_: MemoryStore, old: Any, new: Any) -> bool:
    return bool(
        new.weight >= 0
        and new.single_min >= 1
        and (new.single_max is None or new.single_max >= new.single_min)
        and (new.daily_limit is None or new.daily_limit >= 0)
    )


def _window(_: MemoryStore, old: Any, new: Any) -> bool:
    return bool(new.ends_at >= new.starts_at)


def _carrier(_: MemoryStore, old: Any, new: Any) -> bool:
    return (new.price or 0) >= 0 and (new.spend_per_day or 0) >= 0


def _operator(_: MemoryStore, old: Any, new: Any) -> bool:
    """The table's CHECKs, and `operators_operator_guard`."""
    digest = new.digest is None or len(new.digest) == 32
    fits = _NAME.fullmatch(new.name) is not None and digest
    if old is None or not fits:
        return fits
    made = ("name", "role", "digest", "created_at")
    same = all(getattr(old, name) == getattr(new, name) for name in made)
    return old.revoked_at is None and same


def _act(_: MemoryStore, old: Any, new: Any) -> bool:
    return new.entry is not None


def _head(_: MemoryStore, old: Any, new: Any) -> bool:
    """`operators_head_guard`."""
    return bool(old is None or new.seq == old.seq + 1)


def _entered(store: MemoryStore, old: Any, new: Any) -> bool:
    """The foreign key of an entry; the command line is no operator."""
    return new.operator_id is None or _of_an_operator(store, old, new)


_of_an_operator = refers(OperatorRow, "operator_id")


def _job(_: MemoryStore, old: Any, new: Any) -> bool:
    over = new.finished_at is not None
    return bool(over == (new.next_check_at is None) and new.took_ms >= 0)


def _restored(_: MemoryStore, old: Any, new: Any) -> bool:
    lost = (new.lost_refunds, new.lost_refunded)
    return bool(min(lost) >= 0 and (lost[0] == 0) == (lost[1] == 0))


_CATEGORIES = ("ASSET", "LIABILITY", "COST", "SUSPENSE", "ANY")
_PARTS = ("amount", "payable_amount", "coupon_amount")

CHECKS: tuple[tuple[type[Row], tuple[Check, ...]], ...] = (
    (accounting.AccountRow, (one_of(category=_CATEGORIES), _account)),
    (accounting.RuleRow, (one_of(kind=_POSTED, part=_PARTS), _rule)),
    (accounting.AdjustmentRow, (_adjustment, kept)),
    (AgreementRow, (one_of(pay_type=PayType, status=("ACTIVE", "REVOKED")),)),
    (BinRow, (one_of(card_kind=("DEBIT", "CREDIT")), _bin)),
    (BizLineRow, (one_of(language=("zh", "en")),)),
    (TermsRow, (_terms,)),
    (TransTypeRow, (_trans_type,)),
    (RuleRow, (one_of(effect=("DROP", "PREFER")),)),
    (WindowRow, (_window,)),
    (VersionRow, (kept,)),
    (CarrierRow, (_carrier,)),
    (OperatorRow, (one_of(role=Role), _operator)),
    (ActRow, (_act, kept)),
    (EntryRow, (kept,)),
    (HeadRow, (_head,)),
    (JobRow, (_job,)),
    (RestoredRow, (one_of(state=Restored), _restored)),
)

AFTER: tuple[tuple[type[Row], tuple[Check, ...]], ...] = (
    (accounting.RuleRow, (refers(accounting.AccountRow, "debit", "credit"),)),
    (ActRow, (_of_an_operator,)),
    (EntryRow, (_entered,)),
    (SessionRow, (_of_an_operator,)),
    (RestoredRow, (refers(RestoreRow, "since"),)),
)
