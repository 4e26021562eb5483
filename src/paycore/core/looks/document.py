"""One payment with all that it has, as operators see it: masked, as its rows are."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum

import msgspec

from paycore.accounting.rows import EntryRow, PostingRow
from paycore.cards.rows import CardRow
from paycore.core.payment import Payment
from paycore.core.refunds.document import Refund, refund_of
from paycore.core.rows import AttemptRow, PaymentRow, RefundRow
from paycore.gateway.rows import MessageRow
from paycore.kernel.terms import SMS_CENTRE, BizStatus
from paycore.notify.rows import NoticeRow


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A payment as a list shows it."""

    pay_order_no: str
    biz_line: str
    out_biz_no: str
    biz_order_no: str | None
    amount: int
    payable_amount: int
    currency: str
    pay_type: str
    biz_status: str
    verify_status: str
    converted: bool
    held: str | None
    """What a person must look at before anything goes on."""
    card_tail: str | None
    phone_tail: str | None
    bank: str | None
    channel: str | None
    """Of the newest attempt that went to one."""
    resp_code: str
    created_at: datetime
    finished_at: datetime | None
    unknown_since: datetime | None
    """When its money was asked for, where nobody knows yet what became of that."""


class Whole(Line, frozen=True, kw_only=True):
    """A payment with what a list has no room for."""

    subject: str
    coupon_no: str | None
    coupon_amount: int
    refunded_amount: int
    convert_cause: str | None
    card_id: str
    resp_msg: str
    expires_at: datetime
    next_check_at: datetime | None


class Leg(msgspec.Struct, frozen=True, kw_only=True):
    """One call to the gateway."""

    attempt_no: int
    trans_type: str
    channel: str
    account: str
    process_status: str
    outcome: str | None
    blame: str | None
    request_no: str
    channel_ref: str | None
    amount: int
    currency: str
    resp_code: str
    resp_msg: str
    sent_at: datetime
    answered_at: datetime | None
    took_ms: int | None
    """Of the call; None where its messages are gone, or no answer came."""
    enquiries: int


class Booked(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a posting."""

    at: datetime
    entry: str
    """What was posted."""
    fact: str
    account: str
    side: str
    amount: int
    currency: str


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """A notice to the business line."""

    notice_id: str
    type: str
    state: str
    tries: int
    last_result: str
    created_at: datetime
    next_at: datetime | None
    delivered_at: datetime | None


class CaseOf(msgspec.Struct, frozen=True, kw_only=True):
    """A case at the desk that is about it."""

    case_ref: str
    kind: str
    status: str


class PaymentAct(StrEnum):
    """What an operator can do to a payment by itself."""

    CLOSE = "close"
    ENQUIRE = "enquire"
    NOTICES = "notices"


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """Whether something can be done now, and if not why."""

    act: PaymentAct
    may: bool
    """Whether the role of who asks allows it."""
    allowed: bool
    """Whether the payment's state does."""
    says: str
    says_zh: str


class Details(msgspec.Struct, frozen=True, kw_only=True):
    """One payment with all that it has."""

    payment: Whole
    legs: list[Leg]
    refunds: list[Refund]
    postings: list[Booked]
    notices: list[Told]
    cases: list[CaseOf]
    acts: list[Act]


class Read(msgspec.Struct, frozen=True, kw_only=True):
    """The rows of one payment, of one snapshot."""

    payment: PaymentRow
    card: CardRow | None
    attempts: Sequence[AttemptRow]
    messages: Sequence[MessageRow]
    refunds: Sequence[RefundRow]
    postings: Sequence[PostingRow]
    entries: Sequence[EntryRow]
    notices: Sequence[NoticeRow]
    refunded: int


def details_of(
    rows: Read, *, cases: Sequence[CaseOf], may_act: bool, now: datetime
) -> Details:
    """The document, as of now."""
    return Details(
        payment=_whole(rows, now),
        legs=[_leg(one, rows.messages) for one in rows.attempts],
        refunds=[refund_of(one) for one in rows.refunds],
        postings=list(_booked(rows.postings, rows.entries)),
        notices=[_told(one) for one in rows.notices],
        cases=list(cases),
        acts=acts_of(rows, may_act=may_act, now=now),
    )


def _whole(rows: Read, now: datetime) -> Whole:
    row, card = rows.payment, rows.card
    shown = {name: getattr(row, name) for name in row.__struct_fields__}
    used = [one.channel for one in rows.attempts if one.channel != SMS_CENTRE]
    more: Mapping[str, object] = {
        "converted": row.converted_at is not None,
        "card_tail": None if card is None else card.tail,
        "phone_tail": None if card is None else card.phone_masked[-4:],
        "bank": None if card is None else card.bank,
        "channel": used[-1] if used else None,
        "refunded_amount": rows.refunded,
        "unknown_since": _unknown_since(rows, now),
    }
    return msgspec.convert({**shown, **more}, Whole)


def _unknown_since(rows: Read, now: datetime) -> datetime | None:
    """As lists ask for it (`queries.UNKNOWN_LEG`)."""
    leg = Payment(rows.payment, rows.attempts).money_leg
    if leg is None or rows.payment.next_check_at is None:
        return None
    unknown = leg.outcome is not None or leg.quiet_from < now
    return leg.created_at if unknown else None


def _leg(row: AttemptRow, messages: Sequence[MessageRow]) -> Leg:
    mine = [
        one
        for one in messages
        if one.attempt_seq == row.seq and one.operation != "enquire"
    ]
    out = [one.at for one in mine if one.direction == "OUT"]
    answers = [one for one in mine if one.direction == "IN"]
    return Leg(
        attempt_no=row.seq,
        trans_type=row.trans_type,
        channel=row.channel,
        account=row.account,
        process_status=row.process_status,
        outcome=row.outcome,
        blame=row.blame,
        request_no=row.request_no,
        channel_ref=row.channel_ref,
        amount=row.amount,
        currency=row.currency,
        resp_code=row.resp_code,
        resp_msg=row.resp_msg,
        sent_at=min(out, default=row.created_at),
        answered_at=min((one.at for one in answers), default=row.finished_at),
        took_ms=next((one.elapsed_ms for one in answers), None),
        enquiries=row.enquiries,
    )


def _booked(
    postings: Sequence[PostingRow], entries: Sequence[EntryRow]
) -> Sequence[Booked]:
    of = {(one.kind, one.fact): one for one in postings}
    return [
        Booked(
            at=of[line.kind, line.fact].at,
            entry=line.kind,
            fact=line.fact,
            account=line.account,
            side=line.side,
            amount=line.amount,
            currency=of[line.kind, line.fact].currency,
        )
        for line in entries
    ]


def _told(row: NoticeRow) -> Told:
    return Told(
        notice_id=row.notice_id,
        type=row.type,
        state=row.status,
        tries=row.tries,
        last_result=row.last_result,
        created_at=row.created_at,
        next_at=row.next_check_at,
        delivered_at=row.delivered_at,
    )


# What may be done now


_ENDED = ("The payment has ended.", "支付已结束")
_A_PERSON = ("Its case at the desk comes first.", "需先处理差错")
_BEING_CONFIRMED = (
    "Money was asked for, and the result is not known yet.",
    "已请求扣款,结果尚未确认",
)
_NO_LEG = ("No money was asked for that has no result.", "没有结果未知的扣款")
_AT_WORK = ("Somebody is at work on it just now.", "正在处理中")
_NOTHING_TOLD = ("There is no notice of it yet.", "尚无通知")

Words = tuple[str, str]
"""English and Chinese."""


def acts_of(rows: Read, *, may_act: bool, now: datetime) -> list[Act]:
    """Each act, whether it can be done now, and why it cannot.

    What is said here is of now; whoever acts is refused by the state as it is then.
    """
    payment = Payment(rows.payment, rows.attempts)
    why: Mapping[PaymentAct, Words | None] = {
        PaymentAct.CLOSE: _why_not_close(payment, now),
        PaymentAct.ENQUIRE: why_not_enquire(payment),
        PaymentAct.NOTICES: None if rows.notices else _NOTHING_TOLD,
    }
    return [
        Act(
            act=act,
            may=may_act,
            allowed=words is None,
            says="" if words is None else words[0],
            says_zh="" if words is None else words[1],
        )
        for act, words in why.items()
    ]


def _why_not_close(payment: Payment, now: datetime) -> Words | None:
    row = payment.row
    if row.biz_status.final:
        return _ENDED
    if payment.waits_for_a_person:
        return _A_PERSON
    if payment.money_leg is not None:
        return _BEING_CONFIRMED
    if row.lease_until is not None and row.lease_until > now:
        return _AT_WORK
    return None


def why_not_enquire(payment: Payment) -> Words | None:
    """Why its channel is not to be asked now; None: it can be."""
    if payment.row.biz_status is not BizStatus.DOING:
        return _ENDED
    return _NO_LEG if payment.money_leg is None else None
