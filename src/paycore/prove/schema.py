"""What the migrations say beyond keys, for the journal in memory.

The unique indexes, foreign keys, checks and triggers of `paycore/migrations`, in
Python: what the database would refuse, the simulated one refuses too, with the same
class. tests/prove/test_whole_schema.py gives each of them to both, and knows when a
migration has one more. What a payment is written with is here, the rest beside it.
"""

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from paycore.accounting.rows import EntryRow, FeedRow, FeedStatus, PostingRow
from paycore.core.rows import (
    AttemptRow,
    IdempotencyRow,
    OutRefundNoRow,
    PaymentRow,
    RefundRow,
    RefundTotalRow,
    RefundTransitionRow,
    TrailRow,
    TransitionRow,
)
from paycore.core.states import REFUND_TRANSITIONS, TRANSITIONS
from paycore.coupon.rows import CouponRow, CouponStatus, HoldRow, HoldStatus
from paycore.desk.rows import CaseRow
from paycore.gateway.rows import MessageRow
from paycore.kernel.journal import LimitCounter, Row
from paycore.kernel.journal_memory import Check, MemoryStore, Unique
from paycore.kernel.node import NodeRow
from paycore.kernel.terms import (
    BizStatus,
    PayType,
    ProcessStatus,
    RefundKind,
    RefundStatus,
    TransType,
    VerifyStatus,
)
from paycore.notify.rows import NoticeRow, NoticeStatus
from paycore.prove import (
    schema_agreements,
    schema_checkout,
    schema_desk,
    schema_setup,
)
from paycore.prove.schema_checks import kept, one_of
from paycore.router.rows import DecisionRow
from paycore.sms.rows import CodeRow, CodeStatus

_NOT_A_LEG = frozenset({ProcessStatus.ROUTE_FAIL, ProcessStatus.GW_FAIL})


def _money_leg(row: Any) -> str | None:
    if not row.trans_type.moves_money or row.process_status in _NOT_A_LEG:
        return None
    return str(row.pay_order_no)


UNIQUE: Sequence[Unique] = (
    (AttemptRow, "attempt_one_money_leg", _money_leg),
    *schema_desk.UNIQUE,
    *schema_setup.UNIQUE,
    (
        NodeRow,
        "node_slot_alive",
        lambda row: row.slot if row.died_at is None else None,  # type: ignore[attr-defined]
    ),
)

_RULES = frozenset((row.source, row.event.value, row.target) for row in TRANSITIONS)

_REFUND_RULES = frozenset(
    (row.source, row.event.value, row.target) for row in REFUND_TRANSITIONS
)

_ORDERED = (
    "biz_line",
    "out_biz_no",
    "amount",
    "payable_amount",
    "currency",
    "card_id",
    "coupon_no",
    "created_at",
    "expires_at",
)
_SENT = ("trans_type", "channel", "account", "request_no", "amount", "currency")
_REFUNDED = (
    *("biz_line", "kind", "out_refund_no", "case_id"),
    *("amount", "money_amount", "currency"),
    *("channel", "account", "original_request_no", "created_at"),
)
_BOUND = (
    *("digest", "amount", "currency", "card_id", "phone_hash"),
    *("created_at", "expires_at"),
)

_CODE_MOVES = frozenset(
    {
        (CodeStatus.PENDING, CodeStatus.ACTIVE),
        (CodeStatus.PENDING, CodeStatus.VOID),
        (CodeStatus.ACTIVE, CodeStatus.PASSED),
        (CodeStatus.ACTIVE, CodeStatus.VOID),
        (CodeStatus.ACTIVE, CodeStatus.LOCKED),
        (CodeStatus.PASSED, CodeStatus.VOID),
        (CodeStatus.PASSED, CodeStatus.LOCKED),
    }
)


def _same(old: Row, new: Row, names: Sequence[str]) -> bool:
    return all(getattr(old, name) == getattr(new, name) for name in names)


def _payment(_: MemoryStore, old: Any, new: Any) -> bool:
    """The table's CHECKs."""
    doing = new.biz_status is BizStatus.DOING
    converted = new.converted_at is not None and new.convert_cause is not None
    return (
        1 <= new.amount <= 10**12
        and new.coupon_amount >= 0
        and new.payable_amount == new.amount - new.coupon_amount
        and new.payable_amount >= 1
        and (new.coupon_no is None) == (new.coupon_amount == 0)
        and doing == (new.next_check_at is not None)
        and doing == (new.finished_at is None)
        and (new.pay_type is PayType.DEDUCT or not converted)
        and (new.converted_at is None) == (new.convert_cause is None)
        and 1 <= len(new.pay_order_no) <= 28
    )


def _payment_guard(store: MemoryStore, old: Any, new: Any) -> bool:
    """The trigger of the same name."""
    if old is None:
        return True
    if old.biz_status is not BizStatus.DOING:
        return False
    moved = (old.biz_status, new.last_event, new.biz_status)
    if new.biz_status is not old.biz_status and moved not in _RULES:
        return False
    converts = new.pay_type is not old.pay_type
    if converts != (new.converted_at != old.converted_at):
        return False
    if new.pay_type is not old.pay_type and (
        old.pay_type is not PayType.QUICK_PAY
        or any(
            row.trans_type.moves_money
            and row.process_status is not ProcessStatus.ROUTE_FAIL
            for row in store.within(AttemptRow, old.pay_order_no)
        )
    ):
        return False
    return _same(old, new, _ORDERED)


def _attempt(_: MemoryStore, old: Any, new: Any) -> bool:
    """The table's CHECKs and `attempt_guard`."""
    fits = bool(
        1 <= new.seq <= 99
        and new.amount >= 1
        and new.process_status.open == (new.finished_at is None)
    )
    if old is None or not fits:
        return fits
    return bool(old.process_status.open and _same(old, new, _SENT))


def _transition(_: MemoryStore, old: Any, new: Any) -> bool:
    return old is None and new.from_status is BizStatus.DOING


def _key(_: MemoryStore, old: Any, new: Any) -> bool:
    return (new.status is None) == (new.body is None)


def _coupon(_: MemoryStore, old: Any, new: Any) -> bool:
    """The table's CHECKs and `coupon_final`."""
    fits = (
        new.amount >= 1
        and (new.status is CouponStatus.AVAILABLE) == (new.holder is None)
        and (new.status is CouponStatus.USED) == (new.used_at is not None)
        and (new.status is CouponStatus.LOCKED) == (new.next_check_at is not None)
    )
    if old is None or old.status is not CouponStatus.USED:
        return fits
    return fits and _same(
        old, new, ("status", "holder", "amount", "currency", "used_at")
    )


def _hold(_: MemoryStore, old: Any, new: Any) -> bool:
    """The table's CHECKs and `coupon_hold_final`."""
    ended = new.status in (HoldStatus.USED, HoldStatus.FREED)
    fits = (
        new.amount >= 1
        and new.status.owed == (new.next_check_at is not None)
        and (new.status.owed or ended) == (new.owed_at is not None)
        and ended == (new.acknowledged_at is not None)
    )
    if old is None:
        return bool(fits)
    return bool(fits and new.status in _HOLD_GOES_TO.get(old.status, tuple(HoldStatus)))


_HOLD_GOES_TO: Mapping[HoldStatus, tuple[HoldStatus, ...]] = MappingProxyType(
    {
        HoldStatus.USING: (HoldStatus.USING, HoldStatus.USED),
        HoldStatus.FREEING: (HoldStatus.FREEING, HoldStatus.FREED),
        HoldStatus.USED: (),
        HoldStatus.FREED: (),
    }
)


def _code(_: MemoryStore, old: Any, new: Any) -> bool:
    """The table's CHECKs, `sms_code_final` and `sms_code_bound`."""
    if new.tries < 0 or (new.status is CodeStatus.PASSED and new.passed_at is None):
        return False
    if old is not None and not _same(old, new, _BOUND):
        return False
    moved = old is not None and old.status is not new.status
    return not moved or (old.status, new.status) in _CODE_MOVES


def _one_good(store: MemoryStore, old: Any, new: Any) -> bool:
    """The triggers `sms_code_one_good`."""
    good = (CodeStatus.ACTIVE, CodeStatus.PASSED)
    if new.status not in good or (old is not None and old.status is new.status):
        return True
    return not any(
        row.seq != new.seq and row.status in good
        for row in store.within(CodeRow, new.pay_order_no)
    )


def _notice(_: MemoryStore, old: Any, new: Any) -> bool:
    """The table's CHECKs and `notify_notice_final`."""
    if (new.status is NoticeStatus.PENDING) != (new.next_check_at is not None):
        return False
    if old is None or old.status is not NoticeStatus.DELIVERED:
        return True
    again = new.status is NoticeStatus.PENDING and new.body == old.body
    return bool(again and new.replayed_at != old.replayed_at)


def _feed(_: MemoryStore, old: Any, new: Any) -> bool:
    """The table's CHECKs and `accounting_feed_final`."""
    waits = new.status is FeedStatus.PENDING
    fits = waits == (new.next_check_at is not None)
    fits = fits and waits == (new.acknowledged_at is None)
    return fits and (old is None or old.status is FeedStatus.PENDING)


def _posting(_: MemoryStore, old: Any, new: Any) -> bool:
    return old is None and new.amount >= 1


def _decision(_: MemoryStore, old: Any, new: Any) -> bool:
    return old is None and (new.cause == "ROUTED") == (new.chosen is not None)


def _refund(_: MemoryStore, old: Any, new: Any) -> bool:
    """The table's CHECKs and `refund_guard`."""
    doing = new.status is RefundStatus.DOING
    fits = bool(
        new.money_amount >= 1
        and new.coupon_amount >= 0
        and new.amount == new.money_amount + new.coupon_amount
        and new.sends >= 0
        and _refund_named(new)
        and doing == (new.next_check_at is not None)
        and doing == (new.finished_at is None)
    )
    if old is None or not fits:
        return fits
    moved = (old.status, new.last_event, new.status)
    return (
        old.status is RefundStatus.DOING
        and (new.status is old.status or moved in _REFUND_RULES)
        and _same(old, new, _REFUNDED)
    )


_OURS = re.compile(r"[0-9A-Z]{1,28}R[0-9]{2}")


def _refund_named(new: Any) -> bool:
    """The CHECK of a refund's kind: whose number it has, and what goes with it."""
    ours = (
        _OURS.fullmatch(new.refund_no) is not None
        and new.refund_no[:-2] == f"{new.pay_order_no}R"
    )
    if new.kind is RefundKind.ASKED:
        return ours and new.out_refund_no is not None and new.case_id is None
    if new.kind is RefundKind.RETURN:
        named = new.out_refund_no is None and new.case_id is not None
        return ours and named and new.coupon_amount == 0
    of, seq = new.pay_order_no, new.original_request_no[-2:]
    return (
        new.kind is RefundKind.LATE_MONEY
        and (new.refund_no, new.original_request_no) == (f"{of}M{seq}", f"{of}{seq}")
        and new.out_refund_no is None
        and new.case_id is not None
        and new.coupon_amount == 0
    )


def _refund_transition(_: MemoryStore, old: Any, new: Any) -> bool:
    return old is None and new.from_status is RefundStatus.DOING


def _refund_born(store: MemoryStore, old: Any, new: Any) -> bool:
    """The trigger of the same name."""
    if old is not None:
        return True
    payment = store.load(PaymentRow, new.pay_order_no)
    at = (new.channel, new.account, new.original_request_no)
    legs = [
        row
        for row in store.within(AttemptRow, new.pay_order_no)
        if (row.channel, row.account, row.request_no) == at
    ]
    if (
        new.status is not RefundStatus.DOING
        or payment is None
        or (payment.biz_line, payment.currency) != (new.biz_line, new.currency)
    ):
        return False
    if new.kind is RefundKind.ASKED:
        success = payment.biz_status is BizStatus.SUCCESS
        return success and any(map(_paid, legs))
    if new.kind is RefundKind.RETURN:
        over = payment.biz_status.final and bool(legs)
        return over and schema_desk.agreed_on(store, new)
    if store.load(CaseRow, new.case_id) is None:
        return False
    return any(row.amount == new.money_amount for row in legs) and not any(
        row.process_status.open or _paid(row)
        for row in legs
        if row.trans_type.moves_money
    )


def _paid(row: AttemptRow) -> bool:
    return row.trans_type.moves_money and row.process_status is ProcessStatus.GW_SUCCESS


def _refund_total(_: MemoryStore, old: Any, new: Any) -> bool:
    """The table's CHECKs."""
    coupon = new.taken_amount - new.taken_money
    return bool(
        0 <= new.done_amount <= new.taken_amount <= new.amount
        and 0 <= new.done_money <= new.taken_money <= new.payable_amount
        and 0 <= coupon <= new.amount - new.payable_amount
        and 0 <= new.refunds <= 99
    )


def _refund_total_guard(store: MemoryStore, old: Any, new: Any) -> bool:
    """The trigger of the same name."""
    if old is not None:
        return _same(old, new, ("amount", "payable_amount")) and all(
            getattr(new, name) >= getattr(old, name)
            for name in ("refunds", "done_amount", "done_money")
        )
    payment = store.load(PaymentRow, new.pay_order_no)
    return (
        payment is not None
        and payment.biz_status is BizStatus.SUCCESS
        and _same(payment, new, ("amount", "payable_amount"))
    )


def _refund_reserved(store: MemoryStore, old: Any, new: Any) -> bool:
    """The triggers of the same name, and `refund_total_reserved`."""
    if old is None if isinstance(new, RefundTotalRow) else new.kind != RefundKind.ASKED:
        return True
    total = store.load(RefundTotalRow, new.pay_order_no)
    held = [
        row
        for row in store.within(RefundRow, new.pay_order_no)
        if row.kind is RefundKind.ASKED and row.status is not RefundStatus.FAIL
    ]
    return (
        total is not None
        and sum(row.amount for row in held) <= total.taken_amount
        and sum(row.money_amount for row in held) <= total.taken_money
    )


def _counter(_: MemoryStore, old: Any, new: Any) -> bool:
    return bool(new.used >= 0)


_PAYMENT_WORDS = one_of(
    biz_status=BizStatus, pay_type=PayType, verify_status=VerifyStatus
)
_ATTEMPT_WORDS = one_of(trans_type=TransType, process_status=ProcessStatus)

CHECKS: Mapping[type[Row], Sequence[Check]] = MappingProxyType(
    {
        PaymentRow: (_PAYMENT_WORDS, _payment, _payment_guard),
        AttemptRow: (_ATTEMPT_WORDS, _attempt),
        TransitionRow: (one_of(to_status=BizStatus), _transition),
        TrailRow: (kept,),
        IdempotencyRow: (_key,),
        CouponRow: (one_of(status=CouponStatus), _coupon),
        HoldRow: (one_of(status=HoldStatus), _hold),
        CodeRow: (one_of(status=CodeStatus), _code),
        NoticeRow: (one_of(status=NoticeStatus), _notice),
        PostingRow: (_posting,),
        FeedRow: (one_of(status=FeedStatus), _feed),
        EntryRow: (one_of(side=("DEBIT", "CREDIT")), _posting),
        MessageRow: (one_of(direction=("OUT", "IN", "CALLBACK", "RECEIPT")), kept),
        DecisionRow: (_decision,),
        LimitCounter: (_counter,),
        RefundRow: (one_of(status=RefundStatus), _refund, _refund_born),
        RefundTotalRow: (_refund_total, _refund_total_guard),
        RefundTransitionRow: (one_of(to_status=RefundStatus), _refund_transition),
        OutRefundNoRow: (kept,),
        **dict(schema_agreements.CHECKS),
        **dict(schema_desk.CHECKS),
        **dict(schema_setup.CHECKS),
        **dict(schema_checkout.CHECKS),
    }
)

AFTER: Mapping[type[Row], Sequence[Check]] = MappingProxyType(
    {
        CodeRow: (_one_good,),
        RefundRow: (_refund_reserved,),
        RefundTotalRow: (_refund_reserved,),
        **dict(schema_setup.AFTER),
    }
)


def empty_store() -> MemoryStore:
    """A database as the migrations leave it, but for the chart and the posting rules:
    simulated nodes go by those of `accounting/chart.py`, and read none.
    """
    return MemoryStore(unique=UNIQUE, checks=CHECKS, after=AFTER)
