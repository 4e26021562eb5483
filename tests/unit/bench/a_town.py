"""A small town in which everybody agrees: four orders, their banks, books and callers.

PAID by quick pay with a coupon, DEDUCTED in dollars after a conversion, REFUSED and
LEFT. Tests change one thing in it, and see whether that is found.
"""

from datetime import UTC, datetime, timedelta

import msgspec
from msgspec.structs import replace

from paycore.bench.client import post
from paycore.bench.drills.kill.compare import TYPES, Facts, Theirs
from paycore.bench.drills.kill.heard import Said
from paycore.bench.drills.kill.queries import (
    Balance,
    Case,
    Coupon,
    Entry,
    Leg,
    Notice,
    Ours,
    Posting,
)
from paycore.bench.oracle import Came, Move
from paycore.core.order import confirm_result_of, order_of
from paycore.core.rows import PaymentRow
from paycore.kernel.terms import (
    BizLineId,
    BizStatus,
    CardId,
    CouponNo,
    PayOrderNo,
    PayType,
)
from paycore.notify import webhook

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
PAID, DEDUCTED, REFUSED, LEFT = (
    PayOrderNo(f"26050112000000000000000{n:03d}") for n in range(4)
)
COUPON, FREE = CouponNo("C1"), CouponNo("C2")


def payment(no: PayOrderNo, status: BizStatus, **given) -> PaymentRow:
    """An order that has ended."""
    return PaymentRow(
        **{
            "pay_order_no": no,
            "biz_line": BizLineId("shop"),
            "out_biz_no": f"o-{no}",
            "biz_order_no": None,
            "amount": 1000,
            "coupon_no": None,
            "coupon_amount": 0,
            "payable_amount": 1000,
            "currency": "CNY",
            "card_id": CardId("card_1"),
            "subject": "Tea",
            "biz_status": status,
            "created_at": NOW,
            "expires_at": NOW + timedelta(minutes=1),
            "finished_at": NOW + timedelta(seconds=5),
            "next_check_at": None,
            "resp_code": str(status),
            **given,
        }
    )


def leg(no: str, seq: int, kind: str, status: str, channel: str, **given) -> Leg:
    """An attempt; a confirm carries the number of its send."""
    return Leg(
        **{
            "pay_order_no": no,
            "seq": seq,
            "trans_type": kind,
            "process_status": status,
            "channel": channel,
            "account": "main",
            "request_no": f"{no}01" if kind.startswith("QUICK") else f"{no}{seq:02d}",
            "amount": 1000,
            "currency": "CNY",
            **given,
        }
    )


def notice(row: PaymentRow) -> Notice:
    """What the line is told of an order's end."""
    kind = dict(TYPES)[row.biz_status]
    order = order_of(row, now=NOW, code_gap_s=0)
    return Notice(
        pay_order_no=row.pay_order_no,
        notice_id=f"msg_{row.pay_order_no}",
        type=kind,
        status="DELIVERED",
        body=webhook.body(kind, NOW, msgspec.json.encode(order)),
    )


def came(of: Notice, **given) -> Came:
    """The notice as it arrived."""
    return Came(
        **{
            "id": of.notice_id,
            "type": of.type,
            "pay_order_no": of.pay_order_no,
            "payload": of.body.decode(),
            "verified": True,
            **given,
        }
    )


def entry(no: str, account: str, side: str, amount: int, currency: str) -> Entry:
    """A line of the one posting of a payment."""
    return Entry(
        pay_order_no=no,
        kind="PAYMENT",
        account=account,
        side=side,
        amount=amount,
        currency=currency,
    )


PAYMENTS = [
    payment(
        PAID,
        BizStatus.SUCCESS,
        coupon_no=COUPON,
        coupon_amount=300,
        payable_amount=700,
    ),
    payment(
        DEDUCTED,
        BizStatus.SUCCESS,
        currency="USD",
        pay_type=PayType.DEDUCT,
        converted_at=NOW,
        convert_cause="CHANNEL_DOWN",
    ),
    payment(
        REFUSED, BizStatus.FAIL, coupon_no=FREE, coupon_amount=1, payable_amount=999
    ),
    payment(LEFT, BizStatus.CLOSED),
]
LEGS = [
    leg(PAID, 1, "QUICK_PAY_SEND_MSG", "GW_SUCCESS", "quick_a"),
    leg(PAID, 2, "QUICK_PAY_CONFIRM", "GW_FAIL", "quick_a", amount=700),
    leg(PAID, 3, "QUICK_PAY_CONFIRM", "GW_SUCCESS", "quick_a", amount=700),
    leg(DEDUCTED, 1, "QUICK_PAY_SEND_MSG", "GW_FAIL", "quick_b", currency="USD"),
    leg(DEDUCTED, 4, "DEDUCT", "GW_FAIL", "deduct_a", currency="USD"),
    leg(DEDUCTED, 5, "DEDUCT", "GW_SUCCESS", "deduct_b", currency="USD"),
    leg(REFUSED, 1, "QUICK_PAY_SEND_MSG", "GW_SUCCESS", "quick_a"),
    leg(REFUSED, 2, "QUICK_PAY_CONFIRM", "GW_FAIL", "quick_a", amount=999),
]
MOVES = [
    Move(
        bank="quick_a",
        kind="charge",
        request_id=f"{PAID}01",
        pay_order_no=PAID,
        amount=700,
        currency="CNY",
    ),
    Move(
        bank="deduct_b",
        kind="charge",
        request_id=f"{DEDUCTED}05",
        pay_order_no=DEDUCTED,
        amount=1000,
        currency="USD",
    ),
]
ENTRIES = [
    entry(PAID, "channel_receivable:quick_a:main", "DEBIT", 700, "CNY"),
    entry(PAID, "marketing_cost", "DEBIT", 300, "CNY"),
    entry(PAID, "merchant_pending:shop", "CREDIT", 1000, "CNY"),
    entry(DEDUCTED, "channel_receivable:deduct_b:main", "DEBIT", 1000, "USD"),
    entry(DEDUCTED, "merchant_pending:shop", "CREDIT", 1000, "USD"),
]
NOTICES = [notice(row) for row in PAYMENTS]


def facts() -> Facts:
    """What everybody says."""
    return Facts(
        Ours(
            payments=list(PAYMENTS),
            legs=list(LEGS),
            postings=[
                Posting(pay_order_no=no, kind="PAYMENT", currency=currency, amount=1000)
                for no, currency in ((PAID, "CNY"), (DEDUCTED, "USD"))
            ],
            entries=list(ENTRIES),
            balances=[
                Balance(account=e.account, currency=e.currency, amount=e.signed)
                for e in ENTRIES
            ],
            coupons=[
                Coupon(biz_line="shop", coupon_no=COUPON, status="USED", holder=PAID),
                Coupon(
                    biz_line="shop", coupon_no=FREE, status="AVAILABLE", holder=None
                ),
            ],
            notices=list(NOTICES),
            cases=[Case(kind="CHANNEL_ALARM", pay_order_no=PAID, status="OPEN")],
        ),
        Theirs(moves=list(MOVES), came=[came(each) for each in NOTICES]),
        issued={("shop", COUPON), ("shop", FREE)},
    )


def of(no: PayOrderNo) -> PaymentRow:
    """An order of the town."""
    return next(row for row in PAYMENTS if row.pay_order_no == no)


def order_said(row: PaymentRow, *, key: str | None = "k1", status: int = 200) -> Said:
    """An answer with the order as it stands."""
    body = msgspec.json.encode(order_of(row, now=NOW, code_gap_s=0))
    return _said(f"/v1/payments/{row.pay_order_no}", key, status, body)


def opening_said(row: PaymentRow, *, key: str = "k0") -> Said:
    """The answer to the opening of an order, as it was told then."""
    fresh = replace(
        row, biz_status=BizStatus.DOING, finished_at=None, resp_code="CODE_SENT"
    )
    order = {
        "out_biz_no": row.out_biz_no,
        "amount": row.amount,
        "currency": row.currency,
        "card_id": row.card_id,
    }
    path = "/v1/quick-payments"
    request = post(path, api_key="sk", key=key, body=msgspec.json.encode(order))
    said = order_said(fresh, key=key, status=201)
    return replace(said, path=path, request=request)


def result_said(row: PaymentRow, *, key: str = "k2") -> Said:
    """An answer to a confirm."""
    body = msgspec.json.encode(confirm_result_of(row, tries_left=None))
    path = f"/v1/quick-payments/{row.pay_order_no}/confirm"
    return _said(path, key, 200, body)


def _said(path: str, key: str | None, status: int, body: bytes) -> Said:
    return Said(
        at=NOW.timestamp(),
        asked_at=NOW.timestamp(),
        path=path,
        key=key,
        request=f"{path} under {key}".encode(),
        status=status,
        body=body,
    )


def changed(rows: list, place: int, **changes) -> None:
    """Change one row of a list of rows."""
    rows[place] = replace(rows[place], **changes)
