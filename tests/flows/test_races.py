"""Many at once: one order, one text, one charge, one lock, whoever comes first."""

import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from facts import BANKS_OF_LINE, paid_once, took_nothing
from inside import coupon_is, fresh_coupon, rows
from stack import SHOP, TICKETS, Payer, Stack, stacked

from paycore.sms.rows import CodeRow

pytestmark = pytest.mark.long

MANY = 50
BOTH_WAYS = pytest.mark.parametrize("line", [SHOP, TICKETS])


@pytest.fixture(scope="module")
def running() -> Iterator[Stack]:
    """A stack of our own, whose node lives long without a beat: it is never so busy
    with fifty at once that it doubts its life.
    """
    with stacked(lease_s=60) as stack:
        yield stack


def at_once(act: Callable, *items: object) -> list:
    """What `act` gives for each item, all begun at the same time."""
    with ThreadPoolExecutor(len(items)) as pool:
        return list(pool.map(act, items))


def header() -> dict[str, str]:
    """A fresh idempotency key."""
    return {"Idempotency-Key": uuid.uuid4().hex}


def confirm_with(payer: Payer, no: str, code: str, headers: dict[str, str]):
    """A confirm under a given key; the answer."""
    return payer.api.post(
        f"/v1/quick-payments/{no}/confirm",
        json={"sms_verify_code": code},
        headers=headers,
    )


def test_many_payments_at_once_are_each_paid_once(stack: Stack):
    """Payments do not get into each other's way: each one has its own charge."""
    payers = [stack.payer(n % 2) for n in range(MANY)]

    def pay(payer: Payer) -> str:
        no = payer.open().json()["pay_order_no"]
        assert "SUCCESS" == payer.pays(no)["biz_status"]
        return no

    numbers = at_once(pay, *payers)

    assert MANY == len(set(numbers))
    for n, (payer, no) in enumerate(zip(payers, numbers, strict=True)):
        paid_once(payer, no, at=BANKS_OF_LINE[n % 2])


@BOTH_WAYS
def test_many_confirms_of_one_payment_charge_once(stack: Stack, line: int):
    """F24, I1: fifty confirms with the right code, one money leg; others are refused
    or hear the same.
    """
    payer = stack.payer(line)
    no = payer.open().json()["pay_order_no"]
    code = payer.codes()[-1]

    answers = at_once(lambda _: payer.confirm(no, code), *range(MANY))

    assert {200, 409} >= {answer.status_code for answer in answers}
    paid = [answer.json() for answer in answers if answer.status_code == 200]
    assert {"SUCCESS"} == {result["biz_status"] for result in paid}
    paid_once(payer, no, at=BANKS_OF_LINE[line])


@BOTH_WAYS
def test_many_sends_of_one_number_are_one_order(stack: Stack, line: int):
    """F16: a double click, fifty times: one order, one text; all hear of that order."""
    payer = stack.payer(line)
    body = payer.order()

    answers = at_once(
        lambda _: payer.api.post("/v1/quick-payments", json=body, headers=header()),
        *range(MANY),
    )

    statuses = Counter(answer.status_code for answer in answers)
    assert 1 == statuses[201], statuses
    assert {200, 201} >= set(statuses), statuses
    assert 1 == len({answer.json()["pay_order_no"] for answer in answers})
    assert 1 == len(payer.codes())


def test_one_number_with_other_content_is_refused(payer: Payer):
    """One number for fifty amounts at once: one order, the rest are refused."""
    body = payer.order()

    answers = at_once(
        lambda n: payer.api.post(
            "/v1/quick-payments", json={**body, "amount": 1000 + n}, headers=header()
        ),
        *range(MANY),
    )

    statuses = Counter(answer.status_code for answer in answers)
    assert {201: 1, 409: MANY - 1} == statuses
    refused = [answer.json()["code"] for answer in answers if answer.is_error]
    assert {"DUPLICATE"} == set(refused)
    assert 1 == len(payer.codes())


def test_many_orders_for_one_coupon_lock_it_once(stack: Stack):
    """F52, I10: a hundred orders confirm with one coupon: one pays with it, none of the
    others is charged.
    """
    coupon_no = fresh_coupon(stack, amount=250)
    payers = [stack.payer() for _ in range(20)]
    orders = [
        (payer, payer.open(coupon_no=coupon_no).json()["pay_order_no"])
        for payer in payers
        for _ in range(5)
    ]
    codes = {payer.phone: payer.codes() for payer in payers}
    wanted = [
        (payer, no, codes[payer.phone][n % 5]) for n, (payer, no) in enumerate(orders)
    ]

    answers = at_once(lambda one: one[0].confirm(one[1], one[2]), *wanted)

    paid = [
        no
        for (_, no), answer in zip(orders, answers, strict=True)
        if answer.status_code == 200 and answer.json()["biz_status"] == "SUCCESS"
    ]
    assert 1 == len(paid), Counter(answer.text for answer in answers)
    assert ("USED", paid[0]) == coupon_is(stack, coupon_no)
    for payer, no in orders:
        if no == paid[0]:
            paid_once(payer, no, at=BANKS_OF_LINE[SHOP])
        else:
            took_nothing(payer, no)


def test_many_guesses_are_five_comparisons(converted_payer: Payer):
    """F20, F21, I8: of a hundred guesses at most five are compared; then LOCKED."""
    payer = converted_payer
    no = payer.open().json()["pay_order_no"]
    right = int(payer.codes()[-1])
    guesses = [f"{(right + n) % 1_000_000:06d}" for n in range(1, 101)]

    answers = at_once(lambda code: payer.confirm(no, code), *guesses)

    assert {200, 409} >= {answer.status_code for answer in answers}
    compared = [a.json() for a in answers if a.status_code == 200]
    wrong = [one for one in compared if one["verify_status"] == "WRONG"]
    assert len(wrong) <= 5
    for guess in guesses[:5]:
        payer.confirm(no, guess)
    (row,) = rows(payer.stack, CodeRow, no)
    assert 5 == row.tries
    assert "LOCKED" == payer.confirm(no, f"{right:06d}").json()["verify_status"]
    took_nothing(payer, no)


# --- one key --------------------------------------------------------------------------


@BOTH_WAYS
def test_one_key_many_times_at_once_is_one_effect(stack: Stack, line: int):
    """K13: fifty confirms under one key: one effect; all others 409, or its replay."""
    payer = stack.payer(line)
    no = payer.open().json()["pay_order_no"]
    code, headers = payer.codes()[-1], header()

    answers = at_once(lambda _: confirm_with(payer, no, code, headers), *range(MANY))

    kept = {answer.content for answer in answers if answer.status_code == 200}
    assert 1 == len(kept)
    refused = [answer for answer in answers if answer.status_code != 200]
    assert {"idempotency_in_flight"} >= {answer.json()["code"] for answer in refused}
    assert all("Retry-After" in answer.headers for answer in refused)
    replayed = confirm_with(payer, no, code, headers)
    assert "true" == replayed.headers["Idempotent-Replayed"]
    assert kept == {replayed.content}
    paid_once(payer, no, at=BANKS_OF_LINE[line])


def test_one_key_opens_one_order(payer: Payer):
    """K13: fifty sends under one key: one order, one text, byte-equal answers."""
    body, headers = payer.order(), header()

    answers = at_once(
        lambda _: payer.api.post("/v1/quick-payments", json=body, headers=headers),
        *range(MANY),
    )

    assert {201, 409} >= {answer.status_code for answer in answers}
    assert 1 == len({a.content for a in answers if a.status_code == 201})
    assert 1 == len(payer.codes())


def test_one_key_with_many_bodies_is_one_effect(converted_payer: Payer):
    """K14: fifty codes under one key: one is compared, the rest 409 or 422."""
    payer = converted_payer
    no = payer.open().json()["pay_order_no"]
    right, headers = int(payer.codes()[-1]), header()
    guesses = [f"{(right + n) % 1_000_000:06d}" for n in range(1, MANY + 1)]

    answers = at_once(lambda code: confirm_with(payer, no, code, headers), *guesses)

    statuses = Counter(answer.status_code for answer in answers)
    assert 1 == statuses[200], statuses
    assert {200, 409, 422} >= set(statuses)
    (row,) = rows(payer.stack, CodeRow, no)
    assert 1 == row.tries


def test_a_replay_says_what_was_said(converted_payer: Payer):
    """K06, K07: WRONG stays WRONG under its key, and SUCCESS stays SUCCESS."""
    payer = converted_payer
    no = payer.open().json()["pay_order_no"]
    code = payer.codes()[-1]
    other = f"{(int(code) + 1) % 1_000_000:06d}"
    wrong_key, right_key = header(), header()
    wrong = confirm_with(payer, no, other, wrong_key)
    right = confirm_with(payer, no, code, right_key)

    again = [
        confirm_with(payer, no, other, wrong_key),
        confirm_with(payer, no, code, right_key),
    ]

    assert [wrong.content, right.content] == [answer.content for answer in again]
    assert ["WRONG", "PASS"] == [a.json()["verify_status"] for a in again]
    assert {"true"} == {a.headers["Idempotent-Replayed"] for a in again}
    paid_once(payer, no, at=BANKS_OF_LINE[TICKETS])


def test_a_replay_of_doing_is_doing(stack: Stack, payer: Payer):
    """K08: the first answer was DOING; under its key it stays so for ever."""
    no = payer.open().json()["pay_order_no"]
    code, headers = payer.codes()[-1], header()
    stack.fault("bank.quick_*.confirm", "garbage", count=1)
    first = confirm_with(payer, no, code, headers)
    assert "DOING" == first.json()["biz_status"]
    assert "SUCCESS" == payer.until(no)["biz_status"]

    assert first.content == confirm_with(payer, no, code, headers).content
    paid_once(payer, no, at=BANKS_OF_LINE[SHOP])


def test_a_key_knows_its_body(converted_payer: Payer):
    """K09, K10: other white space is the same request, another code is a conflict."""
    payer = converted_payer
    no = payer.open().json()["pay_order_no"]
    code, headers = payer.codes()[-1], header()
    path = f"/v1/quick-payments/{no}/confirm"
    json_type = {**headers, "Content-Type": "application/json"}
    first = confirm_with(payer, no, code, headers)

    spaced = payer.api.post(
        path, content=f' {{ "sms_verify_code" :\n"{code}" }} ', headers=json_type
    )
    conflict = confirm_with(payer, no, "000000", headers)

    assert first.content == spaced.content
    assert (422, "idempotency_conflict") == (
        conflict.status_code,
        conflict.json()["code"],
    )
    assert first.content == confirm_with(payer, no, code, headers).content
    paid_once(payer, no, at=BANKS_OF_LINE[TICKETS])
