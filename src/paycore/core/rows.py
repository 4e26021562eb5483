"""The typed rows of the payment core: payment, attempt, transition, trail, keys; and
those of its refunds.
"""

from datetime import datetime
from uuid import UUID

from paycore.kernel.journal import Row, table
from paycore.kernel.outcome import Blame, Outcome
from paycore.kernel.terms import (
    AttemptId,
    BizLineId,
    BizStatus,
    CardId,
    CodeSender,
    CouponNo,
    Json,
    PayOrderNo,
    PayType,
    ProcessStatus,
    RefundKind,
    RefundNo,
    RefundStatus,
    TransType,
    VerifyStatus,
)


@table("payment", key="pay_order_no", partition="pay_order_no", claimed=True)
class PaymentRow(Row, frozen=True, kw_only=True):
    """The payment: the article's ActivePayOrder and CardPayOrder in one row."""

    pay_order_no: PayOrderNo
    version: int = 1
    biz_line: BizLineId
    out_biz_no: str
    biz_order_no: str | None
    amount: int
    coupon_no: CouponNo | None
    coupon_amount: int
    payable_amount: int
    currency: str
    card_id: CardId
    subject: str
    pay_type: PayType = PayType.QUICK_PAY
    convert_cause: str | None = None
    converted_at: datetime | None = None
    biz_status: BizStatus = BizStatus.DOING
    verify_status: VerifyStatus = VerifyStatus.NOT_VERIFIED
    pass_until: datetime | None = None
    """A PASS of our own code stays good so long, should the charge not have begun."""
    step: str = ""
    """The command that runs, or ran last."""
    last_event: str = "OPENED"
    events: int = 0
    """Transitions so far: the sequence number of the last one."""
    attempts: int = 0
    """Attempts so far: the sequence number of the last one."""
    code_by: CodeSender | None = None
    code_seq: int | None = None
    """The send attempt whose code is in force."""
    code_phone: str | None = None
    code_expires_at: datetime | None = None
    code_sent_at: datetime | None = None
    wrong_tries: int = 0
    resp_code: str = ""
    resp_msg: str = ""
    created_at: datetime
    expires_at: datetime
    finished_at: datetime | None = None
    held: str | None = None
    """A contradiction about money that a person must look at: until then no money leg
    begins and nothing closes."""
    checks: int = 0
    """Enquiries so far in the present wait: the rung of the ladder."""
    next_check_at: datetime | None
    lease_epoch: int | None = None
    lease_until: datetime | None = None


@table("payment_out_biz_no", key=("biz_line", "out_biz_no"))
class OutBizNoRow(Row, frozen=True, kw_only=True):
    """Lasting uniqueness of the business line's own number."""

    biz_line: BizLineId
    out_biz_no: str
    pay_order_no: PayOrderNo
    content: bytes
    """Fingerprint of the request's content, to tell a repeat from a clash."""


@table(
    "attempt",
    key=("pay_order_no", "seq"),
    owner="pay_order_no",
    partition="pay_order_no",
    versioned=True,
)
class AttemptRow(Row, frozen=True, kw_only=True):
    """One call to the gateway (the article's CardPayDetail)."""

    pay_order_no: PayOrderNo
    seq: int
    version: int = 1
    trans_type: TransType
    process_status: ProcessStatus = ProcessStatus.INIT
    channel: str
    account: str
    inst_trans_id: str
    request_no: AttemptId
    """The request number at the channel: the attempt that opened the order there."""
    amount: int
    currency: str
    outcome: Outcome | None = None
    blame: Blame | None = None
    channel_ref: str | None = None
    channel_token: str | None = None
    resp_code: str = ""
    resp_msg: str = ""
    reserved: Json | None = None
    """Limit counters that hold this amount: a JSON list of
    [counter, amount, expires_at]."""
    created_at: datetime
    quiet_from: datetime
    """From then on surely nobody is still sending this attempt's request."""
    finished_at: datetime | None = None
    enquiries: int = 0


@table(
    "transition",
    key=("pay_order_no", "seq"),
    owner="pay_order_no",
    partition="pay_order_no",
)
class TransitionRow(Row, frozen=True, kw_only=True):
    """One applied row of the transition table; append-only."""

    pay_order_no: PayOrderNo
    seq: int
    from_status: BizStatus
    event: str
    to_status: BizStatus
    cause: str
    attempt_seq: int | None
    at: datetime


@table(
    "trail",
    key=("pay_order_no", "change_id"),
    owner="pay_order_no",
    partition="pay_order_no",
)
class TrailRow(Row, frozen=True, kw_only=True):
    """The commands that ran up to one commit; append-only, for the timeline."""

    pay_order_no: PayOrderNo
    change_id: UUID
    at: datetime
    epoch: int
    steps: Json
    """[{"at", "command", "result", "note"}]"""


@table("idempotency_key", key="scope", versioned=True)
class IdempotencyRow(Row, frozen=True, kw_only=True):
    """One idempotency key of one caller on one path, and the answer kept for it."""

    scope: bytes
    """SHA-256 over business line, API key, method and path, key."""
    version: int = 1
    fingerprint: bytes
    """Keyed hash over the canonical body: what was sent cannot be found from it."""
    pay_order_no: PayOrderNo | None
    status: int | None = None
    """HTTP status of the first completed answer; None while in flight."""
    body: bytes | None = None
    created_at: datetime
    expires_at: datetime
    lease_epoch: int | None
    lease_until: datetime | None


@table(
    "refund",
    key=("pay_order_no", "refund_no"),
    owner="pay_order_no",
    partition="pay_order_no",
    claimed=True,
)
class RefundRow(Row, frozen=True, kw_only=True):
    """A refund, by the leg that was charged: an aggregate of its own."""

    pay_order_no: PayOrderNo
    refund_no: RefundNo
    """The request number at the channel, at every send."""
    version: int = 1
    biz_line: BizLineId
    kind: RefundKind = RefundKind.ASKED
    out_refund_no: str | None
    """The line's own number; of what it did not ask for, none."""
    case_id: str | None = None
    """Of late money, and of a return: the case on the desk that tells of it."""
    amount: int
    """Of the order's amount; what goes to the card is the money part."""
    money_amount: int
    coupon_amount: int
    """The coupon's share, which goes back to nobody."""
    currency: str
    reason: str | None
    channel: str
    account: str
    inst_trans_id: str
    original_request_no: AttemptId
    """The number at the channel of the money that goes back."""
    original_channel_ref: str | None = None
    """The channel's own number of it, where it told one: some give back by no other."""
    status: RefundStatus = RefundStatus.DOING
    last_event: str = "OPENED"
    events: int = 0
    """Transitions so far: the sequence number of the last one."""
    sends: int = 0
    """Calls that left us, or may have."""
    outcome: Outcome | None = None
    """What was said last; empty while it is being sent."""
    other_money: bool = False
    """The channel has said yes to another amount or currency: of this number no later
    no is the last word."""
    channel_ref: str | None = None
    resp_code: str = ""
    resp_msg: str = ""
    created_at: datetime
    order_at: datetime | None = None
    """Its moment at the channel, which is part of its name at some: of the first call
    that left us, or may have. Empty where the version before sent it: `created_at`.
    """
    quiet_from: datetime
    """From then on surely nobody is still sending it."""
    finished_at: datetime | None = None
    checks: int = 0
    """Looks so far in the present wait: the rung of the ladder."""
    next_check_at: datetime | None
    lease_epoch: int | None = None
    lease_until: datetime | None = None


@table("refund_total", key="pay_order_no", partition="pay_order_no", versioned=True)
class RefundTotalRow(Row, frozen=True, kw_only=True):
    """What is refunded of a payment, done and in flight; made with its first refund."""

    pay_order_no: PayOrderNo
    version: int = 1
    amount: int
    """What the order costs: no more is ever given back."""
    payable_amount: int
    """What was taken from the card."""
    refunds: int = 0
    """Refunds so far, whatever became of them: the number of the last one."""
    taken_amount: int = 0
    """Of the order's amount: refunds that are done, and in flight."""
    taken_money: int = 0
    done_amount: int = 0
    done_money: int = 0


@table("refund_out_refund_no", key=("biz_line", "out_refund_no"))
class OutRefundNoRow(Row, frozen=True, kw_only=True):
    """Lasting uniqueness of the business line's own number of a refund."""

    biz_line: BizLineId
    out_refund_no: str
    pay_order_no: PayOrderNo
    refund_no: RefundNo
    content: bytes
    """Fingerprint of the request's content, to tell a repeat from a clash."""


@table(
    "refund_transition",
    key=("pay_order_no", "refund_no", "seq"),
    owner="pay_order_no",
    partition="pay_order_no",
)
class RefundTransitionRow(Row, frozen=True, kw_only=True):
    """One applied row of the refunds' transition table; append-only."""

    pay_order_no: PayOrderNo
    refund_no: RefundNo
    seq: int
    from_status: RefundStatus
    event: str
    to_status: RefundStatus
    cause: str
    at: datetime
