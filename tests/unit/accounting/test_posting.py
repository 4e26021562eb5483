"""What a posting stages, row by row."""

from datetime import UTC, datetime
from types import SimpleNamespace
from uuid import UUID

import pytest

from paycore.accounting import service
from paycore.accounting.rows import BalanceRow, EntryRow, PostingRow
from paycore.kernel.journal import Change
from paycore.kernel.terms import BizLineId, PayOrderNo

NOW = datetime(2026, 5, 1, tzinfo=UTC)
NO = PayOrderNo("260501120000000" + "0" * 11)

RECEIVABLE, COST, PENDING = (
    "channel_receivable:quick_a:m1",
    "marketing_cost",
    "merchant_pending:shop",
)


@pytest.mark.parametrize(
    ("coupon", "lines"),
    [
        (0, [(RECEIVABLE, "DEBIT", 1000), (PENDING, "CREDIT", 1000)]),
        (
            100,
            [
                (RECEIVABLE, "DEBIT", 900),
                (COST, "DEBIT", 100),
                (PENDING, "CREDIT", 1000),
            ],
        ),
    ],
)
def test_a_posting_is_staged_whole(coupon, lines):
    """The posting, an entry a line, and each line once in this node's balances."""
    node = SimpleNamespace(
        heartbeat=SimpleNamespace(slot=7),
        settings=SimpleNamespace(ledger_url=""),
        state=lambda kind: kind(),
    )
    change = Change(UUID(int=1))
    service.post_payment(
        node,
        change,
        pay_order_no=NO,
        channel="quick_a",
        account="m1",
        amount=1000,
        coupon_amount=coupon,
        payable_amount=1000 - coupon,
        currency="EUR",
        biz_line=BizLineId("shop"),
        at=NOW,
    )

    assert [
        PostingRow(
            pay_order_no=NO, kind="PAYMENT", currency="EUR", amount=1000, at=NOW
        ),
        *(
            EntryRow(
                pay_order_no=NO,
                kind="PAYMENT",
                line=number,
                account=account,
                side=side,
                amount=amount,
            )
            for number, (account, side, amount) in enumerate(lines, 1)
        ),
    ] == change.appends
    assert [
        BalanceRow(
            account=account,
            currency="EUR",
            slot=7,
            amount=amount if side == "DEBIT" else -amount,
        )
        for account, side, amount in lines
    ] == change.additions
