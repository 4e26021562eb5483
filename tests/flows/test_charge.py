"""Taking the money: what each answer of a bank leads to, and that it is taken once."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from facts import (
    BANKS_OF_LINE,
    QUICK_BANKS,
    agreed,
    events,
    paid_once,
    told_once,
    took_nothing,
)
from inside import coupon_is, fresh_coupon, rows
from refunding import cases, has_case
from stack import SHOP, TICKETS, Payer, Stack, key

from paycore.core.rows import AttemptRow
from paycore.gateway.rows import MessageRow

BOTH_WAYS = pytest.mark.parametrize("line", [SHOP, TICKETS])
MONEY = ("bank.quick_*.confirm", "bank.deduct_*.deduct")
"""What takes the money of a line's payments, by line."""

ACCEPTANCE_WINDOW_S = 10


@pytest.fixture(scope="module")
def brisk(running: Stack) -> Iterator[Callable[..., Payer]]:
    """Payers at a node that waits a second for money: for what no bank answers."""
    node = running.start_node(money_timeout_s=1, enquiry_timeout_s=1)
    place = len(running.nodes) - 1

    def payer(line: int = SHOP, **card: object) -> Payer:
        return running.payer(line, node=place, **card)

    yield payer
    node.stop()


def opened(payer: Payer, **changes: object) -> str:
    """The number of an order whose code is out."""
    answer = payer.open(**changes)
    assert "DOING" == answer.json()["biz_status"], answer.text
    return answer.json()["pay_order_no"]


# --- a definite no --------------------------------------------------------------------


@BOTH_WAYS
def test_a_refusal_of_the_payer_is_final(stack: Stack, line: int):
    """F31: FAIL, the coupon is free again, the line is told, nothing was taken."""
    payer = stack.payer(line)
    coupon_no = fresh_coupon(stack, line=line)
    no = opened(payer, coupon_no=coupon_no)
    stack.fault(MONEY[line], "decline:INSUFFICIENT_FUNDS", count=1)

    result = payer.confirm(no).json()

    said = (result["biz_status"], result["resp_code"])
    assert ("FAIL", "INSUFFICIENT_FUNDS") == said
    assert ("AVAILABLE", None) == coupon_is(stack, coupon_no, line)
    took_nothing(payer, no)
    assert "payment.failed" == told_once(payer, no)
    assert 409 == payer.confirm(no).status_code


@pytest.mark.parametrize("fault", ["decline:MAINTENANCE", "refuse_connection"])
def test_a_deduct_goes_on_to_the_next_channel(stack: Stack, fault: str):
    """F27, F31: where provably nothing was taken, another deduct bank takes it."""
    payer = stack.payer(TICKETS)
    no = opened(payer)
    stack.fault("bank.deduct_a.deduct", fault)

    result = payer.confirm(no).json()

    assert "SUCCESS" == result["biz_status"]
    paid_once(payer, no, at=("deduct_b",))


def test_a_deduct_that_no_channel_can_do_fails(stack: Stack):
    """F31: every deduct bank is in maintenance: a definite end, coupon free."""
    payer = stack.payer(TICKETS)
    coupon_no = fresh_coupon(stack, line=TICKETS)
    no = opened(payer, coupon_no=coupon_no)
    stack.fault("bank.deduct_*.deduct", "decline:MAINTENANCE")

    result = payer.confirm(no).json()

    assert ("FAIL", "MAINTENANCE") == (result["biz_status"], result["resp_code"])
    legs = [row for row in rows(stack, AttemptRow, no) if row.trans_type == "DEDUCT"]
    assert {"deduct_a", "deduct_b"} == {leg.channel for leg in legs}
    assert ("AVAILABLE", None) == coupon_is(stack, coupon_no, TICKETS)
    took_nothing(payer, no)


@BOTH_WAYS
def test_what_never_left_may_be_tried_again(stack: Stack, line: int):
    """F27: no connection, so nothing was asked: DOING, and the same code pays later."""
    payer = stack.payer(line)
    coupon_no = fresh_coupon(stack, line=line)
    no = opened(payer, coupon_no=coupon_no)
    stack.fault(MONEY[line], "refuse_connection")

    first = payer.confirm(no).json()

    assert ("DOING", "NOT_CHARGED") == (first["biz_status"], first["resp_code"])
    assert ("AVAILABLE", None) == coupon_is(stack, coupon_no, line)
    stack.no_faults()
    assert "SUCCESS" == payer.confirm(no).json()["biz_status"]
    paid_once(payer, no, at=BANKS_OF_LINE[line])
    assert ("USED", no) == coupon_is(stack, coupon_no, line)


def test_a_confirm_that_the_bank_cannot_do_goes_nowhere_else(stack: Stack):
    """9.2, 9.7: a quick confirm neither routes nor converts; maintenance is its end."""
    payer = stack.payer()
    no = opened(payer)
    stack.fault("bank.quick_*.confirm", "decline:MAINTENANCE", count=1)

    result = payer.confirm(no).json()

    assert "FAIL" == result["biz_status"]
    assert "QUICK_PAY" == payer.get(no)["pay_type"]
    took_nothing(payer, no)


# --- no trustworthy answer ------------------------------------------------------------


@BOTH_WAYS
@pytest.mark.parametrize(
    "fault", ["timeout_after", "garbage", "bad_signature", "slow:2", "drip:30"]
)
def test_a_charge_without_an_answer_is_found_and_counted_once(
    stack: Stack, brisk, line: int, fault: str
):
    """F28, F30, F36: DOING, no other leg; the enquiry finds it: SUCCESS, once."""
    payer = brisk(line)
    coupon_no = fresh_coupon(stack, line=line)
    no = opened(payer, coupon_no=coupon_no)
    stack.fault(MONEY[line], fault, count=1)

    first = payer.confirm(no).json()

    assert ("DOING", "CONFIRMING") == (first["biz_status"], first["resp_code"])
    assert "SUCCESS" == payer.until(no)["biz_status"]
    paid_once(payer, no, at=BANKS_OF_LINE[line])
    assert ("USED", no) == coupon_is(stack, coupon_no, line)
    assert 1 == events(payer, no).count("CHARGE_BEGUN")


def test_while_unknown_nothing_else_may_happen(stack: Stack, brisk):
    """I2, I11, F37: no second confirm, new code or close; the coupon stays locked."""
    payer = brisk()
    coupon_no = fresh_coupon(stack)
    no = opened(payer, coupon_no=coupon_no)
    stack.fault("bank.quick_*.confirm", "timeout_after", count=1)
    stack.fault("bank.*.enquire", "http_500")
    payer.confirm(no)

    answers = [
        payer.confirm(no),
        payer.api.post(f"/v1/quick-payments/{no}/codes", headers=key()),
        payer.api.post(f"/v1/payments/{no}/close", headers=key()),
    ]

    assert [409, 409, 409] == [answer.status_code for answer in answers]
    assert "DOING" == payer.get(no)["biz_status"]
    assert ("LOCKED", no) == coupon_is(stack, coupon_no)
    stack.no_faults()
    assert "SUCCESS" == payer.until(no)["biz_status"]
    paid_once(payer, no, at=QUICK_BANKS)


@pytest.mark.long
def test_a_charge_that_never_happened_fails_only_after_the_window(stack: Stack, brisk):
    """F29: "not found" is no answer before the acceptance window, then it is FAIL, and
    the coupon is free.
    """
    payers = [brisk(line) for line in (SHOP, TICKETS)]
    stack.fault("bank.*.confirm", "timeout_before", count=1)
    stack.fault("bank.*.deduct", "timeout_before", count=1)
    began, coupons, numbers = time.monotonic(), [], []
    for line, payer in enumerate(payers):
        coupons.append(fresh_coupon(stack, line=line))
        numbers.append(opened(payer, coupon_no=coupons[-1]))
    with ThreadPoolExecutor() as pool:
        answers = list(pool.map(lambda p, no: p.confirm(no), payers, numbers))

    assert {"DOING"} == {answer.json()["biz_status"] for answer in answers}
    while time.monotonic() < began + ACCEPTANCE_WINDOW_S - 1:
        assert ["DOING"] * 2 == [
            p.get(no)["biz_status"] for p, no in zip(payers, numbers, strict=True)
        ]
        time.sleep(1)
    for line, (payer, no) in enumerate(zip(payers, numbers, strict=True)):
        order = payer.until(no, within_s=60)
        assert ("FAIL", "NOT_TAKEN") == (order["biz_status"], order["resp_code"])
        assert ("AVAILABLE", None) == coupon_is(stack, coupons[line], line)
        took_nothing(payer, no)
        assert "payment.failed" == told_once(payer, no)


@BOTH_WAYS
def test_another_amount_is_no_success(stack: Stack, brisk, line: int):
    """F32, I4: a yes to other money than ours is the exception desk's, until the bank
    tells the truth.
    """
    payer = brisk(line)
    no = opened(payer)
    stack.fault(MONEY[line], "wrong_amount", count=1)
    stack.fault("bank.*.enquire", "wrong_amount")

    assert "DOING" == payer.confirm(no).json()["biz_status"]

    assert "DOING" == payer.until(no, within_s=2)["biz_status"]
    has_case(stack, no, "CHANNEL_ALARM")
    stack.no_faults()
    assert "SUCCESS" == payer.until(no)["biz_status"]
    paid_once(payer, no, at=BANKS_OF_LINE[line])


def test_an_unmapped_code_is_not_a_no(stack: Stack, brisk):
    """F30: a refusal that nobody has read is unknown, never a FAIL by guess."""
    payer = brisk()
    no = opened(payer)
    stack.fault("bank.quick_*.confirm", "decline:NEW_AND_STRANGE", count=1)

    assert "DOING" == payer.confirm(no).json()["biz_status"]

    assert "DOING" == payer.until(no, within_s=3)["biz_status"]
    took_nothing(payer, no)


# --- later, and by the other door -----------------------------------------------------


@BOTH_WAYS
def test_a_callback_ends_what_is_processing(stack: Stack, payer: Payer, line: int):
    """The bank says "later" and then says yes by callback; nobody else could tell."""
    payer = stack.payer(line)
    no = opened(payer)
    stack.fault(MONEY[line], "processing:1", count=1)
    stack.fault("bank.*.enquire", "http_500")

    assert "DOING" == payer.confirm(no).json()["biz_status"]

    assert "SUCCESS" == payer.until(no)["biz_status"]
    paid_once(payer, no, at=BANKS_OF_LINE[line])


@BOTH_WAYS
def test_what_is_processing_may_still_be_refused(stack: Stack, brisk, line: int):
    """A late refusal is as final as one at once."""
    payer = brisk(line)
    no = opened(payer)
    stack.fault(MONEY[line], "processing:1", count=1)
    stack.fault(MONEY[line], "decline:OVER_LIMIT", count=1)

    assert "DOING" == payer.confirm(no).json()["biz_status"]

    order = payer.until(no)
    assert ("FAIL", "OVER_LIMIT") == (order["biz_status"], order["resp_code"])
    took_nothing(payer, no)


@BOTH_WAYS
@pytest.mark.parametrize("fault", ["duplicate_callback:10", "callback_before_answer"])
def test_callbacks_that_repeat_or_run_ahead_have_one_effect(
    stack: Stack, line: int, fault: str
):
    """F59, F60: ten copies, or one before the answer: one posting and one notice."""
    payer = stack.payer(line)
    no = opened(payer)
    stack.fault(MONEY[line], fault, count=1)

    result = payer.confirm(no).json()

    assert "SUCCESS" == result["biz_status"]
    paid_once(payer, no, at=BANKS_OF_LINE[line])
    assert set() == cases(stack, no)


def test_a_forged_callback_is_kept_and_changes_nothing(payer: Payer):
    """F62: a message that nobody signed is refused, and kept for people to look at."""
    no = opened(payer)
    forged = {
        "request_id": f"{no}01",
        "pay_order_no": no,
        "merchant": "paycore_quick_a",
        "status": "SUCCESS",
        "code": "OK",
        "message": "paid, believe me",
        "kind": "charge",
        "operation": "confirm",
        "amount": 1250,
        "currency": "CNY",
    }

    answer = payer.api.post("/callbacks/quick_a/main", json=forged)

    assert 400 == answer.status_code
    assert "DOING" == payer.get(no)["biz_status"]
    took_nothing(payer, no)
    kept = [m.verdict for m in rows(payer.stack, MessageRow, no)]
    assert 1 == kept.count("REFUSED")


def test_a_quick_channel_that_is_gone_takes_its_agreement_with_it(stack: Stack):
    """Without a live agreement at the place of the send nothing is asked for."""
    payer = stack.payer(agreements=agreed("quick_a", "deduct_a"))
    no = opened(payer)
    code = payer.codes()[-1]
    assert 204 == payer.api.delete(f"/v1/cards/{payer.card_id}").status_code

    result = payer.confirm(no, code).json()

    assert "FAIL" == result["biz_status"]
    took_nothing(payer, no)
