"""For every CHECK, trigger, foreign key and unique index of a declared table a row that
it refuses, and nothing else does.

Each entry is the name of what refuses, the rows that stand before (both databases take
them, one after the other), and the row that is refused: new, or over the one that
stands under its key.
"""

from datetime import UTC, datetime
from uuid import UUID

from msgspec.structs import replace
from schema_rows import (
    CARD,
    CASE,
    CURE,
    EXECUTED,
    HOUR,
    LATE_CASE,
    LEG,
    NO,
    NOW,
    OPEN,
    OVER,
    RETURN,
    SHARED,
)
from schema_violations_setup import LINE, OTHERS

from paycore.accounting import rows as accounting
from paycore.core.rows import (
    IdempotencyRow,
    OutRefundNoRow,
    RefundTotalRow,
    RefundTransitionRow,
    TrailRow,
    TransitionRow,
)
from paycore.coupon.rows import CouponRow, CouponStatus, HoldRow, HoldStatus
from paycore.gateway.rows import MessageRow
from paycore.kernel.journal import LimitCounter
from paycore.kernel.terms import (
    BizStatus,
    CouponNo,
    Json,
    PayOrderNo,
    PayType,
    ProcessStatus,
    RefundKind,
    RefundNo,
    RefundStatus,
    TransType,
)
from paycore.notify.rows import NoticeRow, NoticeStatus
from paycore.router.rows import DecisionRow
from paycore.sms.rows import CodeRow, CodeStatus

AN_ID = UUID(int=7)
LATER = datetime(2026, 5, 5, 9, tzinfo=UTC)

# --- the payment and what hangs on it -------------------------------------------------

DEDUCT = replace(OPEN, pay_type=PayType.DEDUCT)
PAID = replace(OVER, biz_status=BizStatus.SUCCESS, last_event="PAID")
CHARGED = replace(LEG, process_status=ProcessStatus.GW_SUCCESS)
CALLED = replace(LEG, process_status=ProcessStatus.GW_DOING, finished_at=None)
TOLD = TransitionRow(
    pay_order_no=NO,
    seq=1,
    from_status=BizStatus.DOING,
    event="CODE_SENT",
    to_status=BizStatus.DOING,
    cause="",
    attempt_seq=None,
    at=NOW,
)
TRAIL = TrailRow(pay_order_no=NO, change_id=AN_ID, at=NOW, epoch=1, steps=Json("[]"))
KEY = IdempotencyRow(
    scope=b"scope",
    fingerprint=b"",
    pay_order_no=None,
    created_at=NOW,
    expires_at=NOW,
    lease_epoch=None,
    lease_until=None,
)
COUPON = CouponRow(
    biz_line=LINE, coupon_no=CouponNo(f"C{SHARED}"), amount=500, currency="CNY"
)
USED = replace(COUPON, status=CouponStatus.USED, holder=NO, used_at=NOW)
HOLD = HoldRow(
    pay_order_no=NO,
    biz_line=LINE,
    coupon_no=CouponNo("C"),
    amount=500,
    currency="CNY",
)
USING = replace(HOLD, status=HoldStatus.USING, owed_at=NOW, next_check_at=NOW)
FREED = replace(HOLD, status=HoldStatus.FREED, owed_at=NOW, acknowledged_at=NOW)
CODE = CodeRow(
    pay_order_no=NO,
    seq=1,
    digest=b"digest",
    amount=500,
    currency="CNY",
    card_id=CARD,
    phone_hash=b"phone",
    created_at=NOW,
    expires_at=NOW + HOUR,
)
GOOD = replace(CODE, status=CodeStatus.ACTIVE)
VOID = replace(CODE, status=CodeStatus.VOID)
NEXT = replace(CODE, seq=2)
MESSAGE = MessageRow(
    pay_order_no=NO,
    message_id=AN_ID,
    attempt_seq=1,
    direction="OUT",
    operation="",
    channel="quick_a",
    account="main",
    at=NOW,
    verdict="",
    body="",
)
DECISION = DecisionRow(
    pay_order_no=NO,
    decision_id=AN_ID,
    at=NOW,
    trans_type=TransType.DEDUCT,
    chosen=None,
    cause="ROUTE_NONE",
    question=Json("{}"),
    candidates=Json("[]"),
)
NOTICE = NoticeRow(
    pay_order_no=NO,
    notice_id="n",
    biz_line=LINE,
    endpoint_id=None,
    type="payment.success",
    body=b"{}",
    created_at=NOW,
    next_check_at=NOW,
)
DELIVERED = replace(NOTICE, status=NoticeStatus.DELIVERED, next_check_at=None)
POSTING = accounting.PostingRow(
    pay_order_no=NO, kind="PAYMENT", currency="CNY", amount=500, at=NOW
)
ENTRY = accounting.EntryRow(
    pay_order_no=NO, kind="PAYMENT", line=1, account="a", side="DEBIT", amount=500
)
FEED = accounting.FeedRow(
    pay_order_no=NO, kind="PAYMENT", fact="", booked_at=NOW, next_check_at=NOW
)
FED = replace(
    *(FEED,),
    status=accounting.FeedStatus.ACKNOWLEDGED,
    acknowledged_at=NOW,
    next_check_at=None,
)

PAYMENTS = [
    *[
        ("payment_amount_check", (), replace(OPEN, amount=sum_, payable_amount=sum_))
        for sum_ in (10**12 + 1, 2 * 10**12)
    ],
    ("payment_biz_status_check", (), replace(OVER, biz_status="ELSE")),
    ("payment_check", (), replace(OPEN, payable_amount=499)),
    ("payment_check1", (), replace(OPEN, coupon_no="C")),
    ("payment_check2", (), replace(OPEN, next_check_at=None)),
    ("payment_check3", (), replace(OPEN, finished_at=NOW)),
    (
        *("payment_converted_to_deduct", ()),
        replace(OPEN, converted_at=NOW, convert_cause="so"),
    ),
    ("payment_converted_with_cause", (), replace(DEDUCT, converted_at=NOW)),
    ("payment_converted_with_cause", (), replace(DEDUCT, convert_cause="so")),
    (
        "payment_pay_order_no_check",
        (),
        replace(OPEN, pay_order_no=PayOrderNo(f"{NO}XYZ")),
    ),
    ("payment_pay_type_check", (), replace(OPEN, pay_type="ELSE")),
    ("payment_verify_status_check", (), replace(OPEN, verify_status="ELSE")),
    (
        *("payment_conversion_guard", (DEDUCT,)),
        replace(DEDUCT, converted_at=NOW, convert_cause="so"),
    ),
    ("payment_guard", (OVER,), replace(OVER, resp_code="else")),
    ("payment_guard", (OPEN,), replace(PAID, last_event="CODE_SENT")),
    ("payment_guard", (OPEN,), replace(OPEN, card_id="else")),
    (
        *("payment_guard", (OPEN, CALLED)),
        replace(DEDUCT, converted_at=NOW, convert_cause="so"),
    ),
    ("attempt_amount_check", (), replace(LEG, amount=0)),
    ("attempt_check", (), replace(LEG, finished_at=None)),
    ("attempt_check", (), replace(CALLED, finished_at=NOW)),
    ("attempt_process_status_check", (), replace(LEG, process_status="ELSE")),
    ("attempt_seq_check", (), replace(LEG, seq=0)),
    ("attempt_seq_check", (), replace(LEG, seq=100)),
    ("attempt_trans_type_check", (), replace(LEG, trans_type="ELSE")),
    ("attempt_guard", (LEG,), replace(LEG, resp_code="else")),
    ("attempt_guard", (CALLED,), replace(CALLED, amount=499)),
    ("attempt_one_money_leg", (CHARGED,), replace(CALLED, seq=2)),
    ("transition_from_status_check", (), replace(TOLD, from_status=BizStatus.FAIL)),
    ("transition_to_status_check", (), replace(TOLD, to_status="ELSE")),
    ("transition_kept", (TOLD,), replace(TOLD, cause="else")),
    ("trail_kept", (TRAIL,), replace(TRAIL, epoch=2)),
    ("idempotency_key_check", (), replace(KEY, status=200)),
    ("coupon_amount_check", (), replace(COUPON, amount=0)),
    ("coupon_check", (), replace(COUPON, holder=NO)),
    ("coupon_check1", (), replace(COUPON, used_at=NOW)),
    ("coupon_check2", (), replace(COUPON, next_check_at=NOW)),
    ("coupon_status_check", (), replace(COUPON, status="ELSE", holder=NO)),
    ("coupon_final", (USED,), replace(USED, used_at=LATER)),
    ("coupon_hold_amount_check", (), replace(HOLD, amount=0)),
    ("coupon_hold_check", (), replace(HOLD, next_check_at=NOW)),
    ("coupon_hold_check1", (), replace(HOLD, owed_at=NOW)),
    ("coupon_hold_check2", (), replace(HOLD, acknowledged_at=NOW)),
    ("coupon_hold_status_check", (), replace(HOLD, status="ELSE", owed_at=NOW)),
    ("coupon_hold_final", (FREED,), replace(FREED, tries=1)),
    (
        *("coupon_hold_final", (USING,)),
        replace(USING, status=HoldStatus.FREEING),
    ),
    ("sms_code_check", (), replace(CODE, status=CodeStatus.PASSED)),
    ("sms_code_status_check", (), replace(CODE, status="ELSE")),
    ("sms_code_tries_check", (), replace(CODE, tries=-1)),
    ("sms_code_bound", (CODE,), replace(CODE, expires_at=LATER)),
    ("sms_code_final", (VOID,), replace(VOID, status=CodeStatus.LOCKED)),
    ("sms_code_final", (GOOD,), CODE),
    ("sms_code_one_good_inserted", (GOOD,), replace(GOOD, seq=2)),
    ("sms_code_one_good_updated", (GOOD, NEXT), replace(GOOD, seq=2)),
    ("gateway_message_direction_check", (), replace(MESSAGE, direction="ELSE")),
    ("gateway_message_kept", (MESSAGE,), replace(MESSAGE, body="else")),
    ("router_decision_check", (), replace(DECISION, cause="ROUTED")),
    ("router_decision_kept", (DECISION,), replace(DECISION, at=LATER)),
    ("notify_notice_check", (), replace(NOTICE, next_check_at=None)),
    ("notify_notice_status_check", (), replace(DELIVERED, status="ELSE")),
    ("notify_notice_final", (DELIVERED,), replace(DELIVERED, tries=1)),
    ("notify_notice_final", (DELIVERED,), NOTICE),
    ("accounting_posting_amount_check", (), replace(POSTING, amount=0)),
    ("accounting_posting_kept", (POSTING,), replace(POSTING, at=LATER)),
    ("accounting_entry_amount_check", (), replace(ENTRY, amount=0)),
    ("accounting_entry_side_check", (), replace(ENTRY, side="ELSE")),
    ("accounting_entry_kept", (ENTRY,), replace(ENTRY, account="else")),
    ("accounting_feed_check", (), replace(FEED, next_check_at=None)),
    ("accounting_feed_check1", (), replace(FEED, acknowledged_at=NOW)),
    (
        *("accounting_feed_status_check", ()),
        replace(FEED, status="ELSE", next_check_at=None),
    ),
    ("accounting_feed_final", (FED,), replace(FED, tries=1)),
    (
        "limit_counter_used_check",
        (),
        LimitCounter(counter="q", used=-1, expires_at=NOW),
    ),
]

# --- refunds --------------------------------------------------------------------------

ASKED = replace(
    *(RETURN,),
    refund_no=RefundNo(f"{NO}R01"),
    kind=RefundKind.ASKED,
    out_refund_no="mine",
    case_id=None,
)
TOTAL = RefundTotalRow(
    pay_order_no=NO,
    amount=500,
    payable_amount=500,
    taken_amount=500,
    taken_money=500,
)
LATE = replace(RETURN, refund_no=RefundNo(f"{NO}M01"), kind=RefundKind.LATE_MONEY)
PAID_FOR = (PAID, CHARGED, TOTAL)
WITH_CASE = (OVER, LEG, LATE_CASE)
AGREED = (OVER, LEG, EXECUTED)
REFUND_TOLD = RefundTransitionRow(
    pay_order_no=NO,
    refund_no=ASKED.refund_no,
    seq=1,
    from_status=RefundStatus.DOING,
    event="REFUND_BEGUN",
    to_status=RefundStatus.DOING,
    cause="",
    at=NOW,
)
REFUND_NAMED = OutRefundNoRow(
    biz_line=LINE,
    out_refund_no=f"mine-{SHARED}",
    pay_order_no=NO,
    refund_no=ASKED.refund_no,
    content=b"",
)

REFUNDS = [
    ("refund_check", PAID_FOR, replace(ASKED, amount=499)),
    *[
        ("refund_check1", PAID_FOR, row)
        for row in (
            replace(ASKED, refund_no=RefundNo(f"{NO}Rxx")),
            replace(ASKED, refund_no=RefundNo(f"{NO}R1")),
            replace(ASKED, refund_no=RefundNo("ELSER01")),
            replace(ASKED, out_refund_no=None),
            replace(ASKED, case_id=CASE),
        )
    ],
    *[
        ("refund_check1", WITH_CASE, row)
        for row in (
            replace(LATE, refund_no=RefundNo(f"{NO}M02")),
            replace(LATE, out_refund_no="mine"),
            replace(LATE, kind="ELSE"),
        )
    ],
    ("refund_check2", PAID_FOR, replace(ASKED, next_check_at=None)),
    ("refund_check3", PAID_FOR, replace(ASKED, finished_at=NOW)),
    ("refund_sends_check", PAID_FOR, replace(ASKED, sends=-1)),
    (
        *("refund_status_check", PAID_FOR),
        replace(ASKED, status="ELSE", next_check_at=None, finished_at=NOW),
    ),
    *[
        ("refund_born", standing, row)
        for standing, row in (
            ((OVER, LEG), LATE),
            ((OVER, LATE_CASE), LATE),
            ((OVER, CHARGED, LATE_CASE), LATE),
            ((OVER, CALLED, LATE_CASE), LATE),
            ((OVER, replace(LEG, amount=499), LATE_CASE), LATE),
            ((OVER, LEG, CURE), RETURN),
            ((OPEN, LEG, EXECUTED), RETURN),
            ((PAID, LEG, TOTAL), ASKED),
            ((PAID, CHARGED, TOTAL), replace(ASKED, currency="USD")),
        )
    ],
    ("refund_guard", (*AGREED, RETURN), replace(RETURN, channel="quick_b")),
    (
        *("refund_guard", (*AGREED, RETURN)),
        replace(
            *(RETURN,),
            status=RefundStatus.SUCCESS,
            last_event="REFUND_BEGUN",
            finished_at=NOW,
            next_check_at=None,
        ),
    ),
    ("refund_reserved", (PAID, CHARGED), ASKED),
    (
        "refund_reserved",
        (PAID, CHARGED, replace(TOTAL, taken_money=499, taken_amount=499)),
        ASKED,
    ),
    ("refund_returned", (*AGREED, LATE_CASE, LATE), RETURN),
    ("refund_total_check", (PAID,), replace(TOTAL, done_amount=501)),
    ("refund_total_check1", (PAID,), replace(TOTAL, done_money=501)),
    ("refund_total_check2", (PAID,), replace(TOTAL, taken_money=499)),
    ("refund_total_refunds_check", (PAID,), replace(TOTAL, refunds=100)),
    ("refund_total_guard", (OVER,), TOTAL),
    ("refund_total_guard", (PAID,), replace(TOTAL, amount=501)),
    ("refund_total_guard", (PAID, replace(TOTAL, refunds=1)), TOTAL),
    (
        *("refund_total_reserved", (PAID, CHARGED, TOTAL, ASKED)),
        replace(TOTAL, taken_amount=0, taken_money=0),
    ),
    (
        *("refund_transition_from_status_check", ()),
        replace(REFUND_TOLD, from_status=RefundStatus.FAIL),
    ),
    ("refund_transition_to_status_check", (), replace(REFUND_TOLD, to_status="ELSE")),
    ("refund_transition_kept", (REFUND_TOLD,), replace(REFUND_TOLD, cause="else")),
    (
        *("refund_out_refund_no_kept", (REFUND_NAMED,)),
        replace(REFUND_NAMED, content=b"else"),
    ),
]

VIOLATIONS = PAYMENTS + REFUNDS + OTHERS
