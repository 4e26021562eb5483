"""What must be true of a payment, whatever happened on the way: asked of everybody."""

import time
from datetime import UTC, datetime

from inside import rows
from stack import Payer, Stack

from paycore.accounting.rows import EntryRow, PostingRow
from paycore.core.rows import TransitionRow
from paycore.notify.rows import NoticeRow, NoticeStatus

QUICK_BANKS = ("quick_a", "quick_b")
DEDUCT_BANKS = ("deduct_a", "deduct_b")
TOLD_WITHIN_S = 60.0
"""Longer than a dead node keeps a notice in its hands."""
NEAR_S = 60
"""Whatever is counted by the hour takes less, on a busy machine too."""
BANKS_OF_LINE = (QUICK_BANKS, DEDUCT_BANKS)
"""Where the money of a seeded line is taken while all goes well."""


def within_an_hour() -> None:
    """Wait for the next hour of the clock where this one is nearly over: what is kept
    by the hour is counted anew then.
    """
    now = datetime.now(UTC)
    left_s = 3600 - 60 * now.minute - now.second
    if left_s < NEAR_S:
        time.sleep(left_s + 1)


def agreed(*banks: str, **terms: object) -> list[dict[str, object]]:
    """Agreements at these banks only, on these terms."""
    return [
        {
            "pay_type": "QUICK_PAY" if bank.startswith("quick") else "DEDUCT",
            "channel": bank,
            "account": "main",
            "token": f"token-{bank}",
            **terms,
        }
        for bank in banks
    ]


def paid_once(payer: Payer, pay_order_no: str, *, at: tuple[str, ...]) -> None:
    """SUCCESS, one charge of the right amount at one of these banks, one posting of
    it, one notice: neither more nor less.
    """
    stack, order = payer.stack, payer.get(pay_order_no)
    assert "SUCCESS" == order["biz_status"], order
    charges = stack.charges(pay_order_no)
    assert 1 == len(charges), charges
    charge = charges[0]
    said = (charge["kind"], charge["amount"], charge["currency"])
    assert ("charge", order["payable_amount"], order["currency"]) == said
    assert charge["bank"] in at
    assert charge["request_id"].startswith(pay_order_no)
    postings = rows(stack, PostingRow, pay_order_no)
    assert 1 == len(postings), postings
    posting = postings[0]
    sides = {"DEBIT": 0, "CREDIT": 0}
    for entry in rows(stack, EntryRow, pay_order_no):
        sides[entry.side] += entry.amount
    assert {posting.amount} == set(sides.values())
    assert "payment.succeeded" == told_once(payer, pay_order_no)


def took_nothing(payer: Payer, pay_order_no: str) -> None:
    """No bank moved money, and nothing was posted."""
    assert [] == payer.stack.charges(pay_order_no)
    assert [] == rows(payer.stack, PostingRow, pay_order_no)


def told_once(payer: Payer, pay_order_no: str) -> str:
    """The type of the one notice, verified, whose data is what the API says; a node
    that died with it in its hands may have it delivered again, under the same id.
    """
    notices = payer.stack.notices(pay_order_no, within_s=TOLD_WITHIN_S)
    assert 1 == len({notice["id"] for notice in notices}), notices
    notice = notices[0]
    assert notice["verified"]
    assert payer.get(pay_order_no) == notice["payload"]["data"]
    return notice["type"]


def delivered(stack: Stack, pay_order_no: str) -> str:
    """The payment's one notice, once it is written down that it arrived. Its line has
    it a moment earlier, in which nobody may send it again.
    """
    deadline = time.monotonic() + TOLD_WITHIN_S
    while True:
        notices = rows(stack, NoticeRow, pay_order_no)
        if [NoticeStatus.DELIVERED] == [notice.status for notice in notices]:
            return notices[0].notice_id
        assert time.monotonic() < deadline, notices
        time.sleep(0.05)


def events(payer: Payer, pay_order_no: str) -> list[str]:
    """The payment's transitions, in order."""
    found = rows(payer.stack, TransitionRow, pay_order_no)
    return [row.event for row in sorted(found, key=lambda row: row.seq)]


def cause_of_conversion(payer: Payer, pay_order_no: str) -> str:
    """Why it was converted; there is one conversion."""
    (row,) = [
        row
        for row in rows(payer.stack, TransitionRow, pay_order_no)
        if row.event == "CONVERTED"
    ]
    return row.cause
