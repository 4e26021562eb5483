"""Money and messages that do not fit: kept, shown to a person, believed by nobody."""

import time

import httpx2 as httpx
import pytest
from bank import Bank
from facts import QUICK_BANKS, agreed, paid_once, told_once, took_nothing
from inside import inside, rows
from stack import PATIENCE_S, Payer, Stack, key

from paycore.desk.rows import CaseRow
from paycore.gateway.rows import MessageRow

CLOSED = "payment.closed"


@pytest.fixture
def payer(stack: Stack) -> Payer:
    """A payer whose quick bank is quick_a."""
    return stack.payer(agreements=agreed("quick_a", "deduct_a"))


@pytest.fixture
def bank(stack: Stack) -> Bank:
    """The quick bank."""
    return Bank(stack, "quick_a")


def cases(stack: Stack, no: str, *, within_s: float = 60) -> set[str]:
    """What the exception desk has of a payment, waiting for a first case."""
    deadline = time.monotonic() + within_s
    while True:
        found = inside(stack, lambda node: node.journal.every(CaseRow))
        kinds = {case.kind for case in found if case.pay_order_no == no}
        if kinds or time.monotonic() > deadline:
            return kinds
        time.sleep(0.1)


def charges(stack: Stack, no: str) -> list[dict[str, object]]:
    """What banks took, whatever has gone back since."""
    return [move for move in stack.charges(no) if move["kind"] == "charge"]


def test_money_after_a_close_is_a_persons(stack: Stack, payer: Payer, bank: Bank):
    """F38, 9.12: the order stays CLOSED, and the desk has the money that came late."""
    no = payer.open().json()["pay_order_no"]
    code = payer.codes()[-1]
    payer.api.post(f"/v1/payments/{no}/close", headers=key())
    stack.fault("bank.quick_a.confirm", "duplicate_callback:1")

    bank.confirm(payer, no, f"{no}01", code)

    assert {"CHARGED_WITHOUT_CONFIRM"} == cases(stack, no)
    assert "CLOSED" == payer.get(no)["biz_status"]
    assert 1 == len(charges(stack, no))
    deadline = time.monotonic() + 60
    while not (closed := [n for n in stack.notices(no) if n["type"] == CLOSED]):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert 1 == len({notice["id"] for notice in closed})


def test_money_of_the_abandoned_bank_stops_the_deduct(
    stack: Stack, payer: Payer, bank: Bank
):
    """F19, I1: converted, and then the bank charges by itself: no deduct follows."""
    stack.fault("bank.quick_a.send_code", "garbage", count=1)
    no = payer.open().json()["pay_order_no"]
    texts = stack.sms(payer.phone)
    (bank_code,) = [t["code"] for t in texts if t["carrier"] == "quick_a"]
    (our_code,) = [t["code"] for t in texts if t["carrier"] != "quick_a"]
    stack.fault("bank.quick_a.confirm", "duplicate_callback:1")

    bank.confirm(payer, no, f"{no}01", bank_code)

    assert {"CHARGED_WITHOUT_CONFIRM"} == cases(stack, no)
    assert 409 == payer.confirm(no, our_code).status_code
    assert ["quick_a"] == [charge["bank"] for charge in charges(stack, no)]


def test_money_after_a_refusal_is_a_persons(stack: Stack, payer: Payer, bank: Bank):
    """F34, I5: first a no, then a yes: the order stays FAIL, the desk has both."""
    no = payer.open().json()["pay_order_no"]
    stack.fault("bank.quick_a.confirm", "decline:INSUFFICIENT_FUNDS", count=1)
    payer.confirm(no)

    answer = bank.call_back(payer, no)

    assert (200, "OK") == (answer.status_code, answer.text)
    assert {"LATE_MONEY"} == cases(stack, no)
    assert "FAIL" == payer.get(no)["biz_status"]
    assert "payment.failed" == told_once(payer, no)


def test_a_no_after_a_yes_is_a_persons(stack: Stack, payer: Payer, bank: Bank):
    """F34: first a yes, then a no: the order stays SUCCESS, the desk has both."""
    no = payer.open().json()["pay_order_no"]
    payer.confirm(no)

    answer = bank.call_back(payer, no, status="FAIL", code="CARD_LOST", amount=None)

    assert 200 == answer.status_code
    assert {"CONTRADICTION"} == cases(stack, no)
    paid_once(payer, no, at=QUICK_BANKS)


def test_what_comes_out_of_order_is_ignored(payer: Payer, bank: Bank):
    """F61: "processing" after the final answer changes nothing and disturbs nobody."""
    no = payer.open().json()["pay_order_no"]
    payer.confirm(no)

    answer = bank.call_back(payer, no, status="PROCESSING", amount=None)

    assert 200 == answer.status_code
    assert set() == cases(payer.stack, no, within_s=0.2)
    paid_once(payer, no, at=QUICK_BANKS)


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": 1},
        {"amount": 1251},
        {"amount": None},
        {"currency": "USD"},
        {"currency": None},
    ],
)
def test_a_callback_about_other_money_pays_nothing(
    stack: Stack, payer: Payer, bank: Bank, changes: dict[str, object]
):
    """F32, I30: right signature, known leg, other money: an alarm, and no SUCCESS."""
    no = payer.open().json()["pay_order_no"]
    stack.fault("bank.quick_a.confirm", "timeout_before", count=1)
    stack.fault("bank.*.enquire", "http_500")
    payer.api.timeout = httpx.Timeout(PATIENCE_S, read=0.5)
    with pytest.raises(httpx.ReadTimeout):
        payer.confirm(no)
    payer.api.timeout = PATIENCE_S
    stack.has_struck()

    bank.call_back(payer, no, **changes)

    assert {"CHANNEL_ALARM"} == cases(stack, no)
    assert "DOING" == payer.get(no)["biz_status"]
    took_nothing(payer, no)


@pytest.mark.parametrize(
    "changes",
    [
        {"merchant": "somebody_else"},
        {"pay_order_no": "261122144223748D4X2MS9DH33"},
        {"request_id": "nothing of ours"},
        {"operation": "deduct"},
        {"operation": "refund"},
    ],
)
def test_a_callback_about_something_else_pays_nothing(
    payer: Payer, bank: Bank, changes: dict[str, object]
):
    """F62, I30: signed, but not of this leg, order or merchant: no state changes."""
    no = payer.open().json()["pay_order_no"]

    bank.call_back(payer, no, **changes)

    assert "DOING" == payer.get(no)["biz_status"]
    took_nothing(payer, no)


def test_another_banks_word_is_not_taken(stack: Stack, payer: Payer):
    """F62: quick_b signs rightly for itself, and says that quick_a was paid."""
    no = payer.open().json()["pay_order_no"]

    answer = Bank(stack, "quick_b").call_back(payer, no)

    assert 400 == answer.status_code
    assert "DOING" == payer.get(no)["biz_status"]
    kept = [m for m in rows(stack, MessageRow, no) if m.direction == "CALLBACK"]
    assert ["quick_b"] == [message.channel for message in kept]
