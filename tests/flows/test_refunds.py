"""Money that goes back: whole, in parts, many at once, and whatever a bank answers."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from bank import Bank
from facts import DEDUCT_BANKS, QUICK_BANKS
from inside import fresh_coupon, rows
from refunding import (
    asked,
    cases,
    given_back,
    got,
    has_case,
    history,
    paid,
    refund,
    told,
    total,
    until,
)
from sql import ask
from stack import SHOP, TICKETS, Payer, Stack, key

from paycore.accounting.rows import EntryRow
from paycore.core.rows import RefundRow
from paycore.gateway.rows import MessageRow

BOTH_WAYS = pytest.mark.parametrize("line", [SHOP, TICKETS])
BANKS = {SHOP: QUICK_BANKS, TICKETS: DEDUCT_BANKS}
REFUND, ENQUIRE = "bank.*.refund", "bank.*.enquire"


@pytest.fixture(scope="module")
def brisk(running: Stack) -> Iterator[Callable[..., Payer]]:
    """Payers at a node that waits a second for money: for what no bank answers."""
    node = running.start_node(money_timeout_s=1, enquiry_timeout_s=1)
    place = len(running.nodes) - 1

    def payer(line: int = SHOP, **card: object) -> Payer:
        return running.payer(line, node=place, **card)

    yield payer
    node.stop()


# --- a yes ----------------------------------------------------------------------------


@BOTH_WAYS
def test_a_full_refund_goes_back_where_it_came_from(stack: Stack, line: int):
    """All of it, by the leg that was charged: 201 with SUCCESS, once at the bank, with
    its posting, its notice and the order that says so.
    """
    payer = stack.payer(line)
    no = paid(payer)

    answer = refund(payer, no, 100, reason="returned")

    assert 201 == answer.status_code, answer.text
    said = answer.json()
    assert ("SUCCESS", "REFUNDED") == (said["biz_status"], said["resp_code"])
    assert (100, 100, 0) == (
        *(said["amount"], said["money_amount"]),
        said["coupon_amount"],
    )
    assert ("returned", f"{no}R01") == (said["reason"], said["refund_no"])
    assert [100] == given_back(payer, no)
    assert got(payer, said["refund_no"]) == said
    assert 100 == payer.get(no)["refunded_amount"]
    assert ["refund.succeeded"] == told(payer, said["refund_no"])
    sides = {
        (entry.account.split(":")[0], entry.side): entry.amount
        for entry in rows(stack, EntryRow, no)
        if entry.kind == "REFUND" and entry.fact == said["refund_no"]
    }
    assert {
        ("merchant_pending", "DEBIT"): 100,
        ("channel_receivable", "CREDIT"): 100,
    } == sides
    assert 409 == refund(payer, no, 1).status_code


def test_a_coupon_has_its_share_and_the_last_takes_the_rest(stack: Stack):
    """An order of 1000 with a coupon of 333, in three parts: what goes to the card is
    the order's proportion each time, and in the end all of both.
    """
    payer = stack.payer()
    no = paid(payer, amount=1000, coupon_no=fresh_coupon(stack, amount=333))

    parts = [refund(payer, no, amount).json() for amount in (100, 500, 400)]

    assert [66, 334, 267] == [part["money_amount"] for part in parts]
    assert [34, 166, 133] == [part["coupon_amount"] for part in parts]
    assert [66, 267, 334] == given_back(payer, no)
    assert (1000, 667, 1000, 667) == total(payer, no)
    cost = [
        entry.amount if entry.side == "DEBIT" else -entry.amount
        for entry in rows(stack, EntryRow, no)
        if entry.account == "marketing_cost"
    ]
    assert 0 == sum(cost)


def test_a_part_of_which_nothing_would_go_back_is_refused(stack: Stack):
    """Where the coupon paid nearly all there is nothing to send for a small part."""
    payer = stack.payer()
    no = paid(payer, amount=1000, coupon_no=fresh_coupon(stack, amount=999))

    small = refund(payer, no, 999)

    assert (409, "BIZ_CHECK_ERROR") == (small.status_code, small.json()["code"])
    assert 1 == refund(payer, no, 1000).json()["money_amount"]


def test_many_parts_and_nothing_beyond_them(payer: Payer):
    """Ten of ten, at once; then there is nothing left, not even one unit."""
    no = paid(payer)
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: refund(payer, no, 10), range(10)))

    assert {201} == {answer.status_code for answer in answers}
    assert 10 == len({answer.json()["refund_no"] for answer in answers})
    assert [10] * 10 == given_back(payer, no)
    more = refund(payer, no, 1)
    assert (409, "REFUND_EXCEEDS") == (more.status_code, more.json()["code"])
    assert 100 == payer.get(no)["refunded_amount"]


def test_of_a_hundred_that_exceed_together_one_succeeds(payer: Payer):
    """A hundred refunds of 60 on a payment of 100, at once: one, here and at the bank;
    the others are told that it is more than what is left (I12).
    """
    no = paid(payer)
    with ThreadPoolExecutor(100) as pool:
        answers = list(pool.map(lambda _: refund(payer, no, 60), range(100)))

    good = [answer for answer in answers if answer.status_code == 201]
    others = [answer for answer in answers if answer.status_code != 201]
    assert 1 == len(good)
    assert {(409, "REFUND_EXCEEDS")} == {
        (answer.status_code, answer.json()["code"]) for answer in others
    }
    assert "SUCCESS" == good[0].json()["biz_status"]
    assert [60] == given_back(payer, no)
    assert (60, 60, 60, 60) == total(payer, no)
    assert 1 == len(rows(payer.stack, RefundRow, no))
    assert [40] == [refund(payer, no, 40).json()["amount"]]


# --- a no, before or at the bank ------------------------------------------------------


def test_only_what_was_paid_is_refunded(payer: Payer, converted_payer: Payer):
    """An open order, another line's, and none at all."""
    no = payer.open().json()["pay_order_no"]
    theirs = paid(converted_payer)

    assert (409, "BIZ_CHECK_ERROR") == (
        refund(payer, no, 1).status_code,
        refund(payer, no, 1).json()["code"],
    )
    assert 404 == refund(payer, theirs, 1).status_code
    assert 404 == refund(payer, "9" * 26, 1).status_code
    for wrong in (0, -1, 10**12 + 1, 1.5, "1", None):
        assert 400 == refund(payer, theirs, wrong).status_code


def test_what_the_bank_refuses_is_free_again(stack: Stack):
    """A definite no: FAIL, told, nothing posted, and the same money may be refunded
    under a new number of the line's.
    """
    payer = stack.payer()
    no = paid(payer)
    stack.fault(REFUND, "decline:MAINTENANCE", count=1)

    first = refund(payer, no, 100).json()

    assert ("FAIL", "MAINTENANCE") == (first["biz_status"], first["resp_code"])
    assert [] == given_back(payer, no)
    assert (0, 0, 0, 0) == total(payer, no)
    assert 0 == payer.get(no)["refunded_amount"]
    assert ["refund.failed"] == told(payer, first["refund_no"])
    second = refund(payer, no, 100).json()
    assert ("SUCCESS", f"{no}R02") == (second["biz_status"], second["refund_no"])


# --- repeats --------------------------------------------------------------------------


def test_the_lines_own_number_is_one_refund(payer: Payer):
    """The same content under another key is the same refund, other content a clash,
    also when there is nothing left to refund.
    """
    no = paid(payer)
    body = asked(no, 100)
    first = payer.api.post("/v1/refunds", json=body, headers=key())
    same = payer.api.post("/v1/refunds", json=body, headers=key())
    other = payer.api.post("/v1/refunds", json={**body, "amount": 1}, headers=key())

    assert (201, 200) == (first.status_code, same.status_code)
    assert first.json() == same.json()
    assert (409, "DUPLICATE") == (other.status_code, other.json()["code"])
    assert [100] == given_back(payer, no)


def test_fifty_with_one_number_are_one_refund(payer: Payer):
    """Fifty keys, one number of the line's: one refund, one answer."""
    no = paid(payer)
    body = asked(no, 30)
    with ThreadPoolExecutor(50) as pool:
        answers = list(
            pool.map(
                lambda _: payer.api.post("/v1/refunds", json=body, headers=key()),
                range(50),
            )
        )

    assert {f"{no}R01"} == {answer.json()["refund_no"] for answer in answers}
    assert [30] == given_back(payer, no)


def test_refunds_are_found(payer: Payer):
    """By payment, by the line's number, by status, newest first, page by page."""
    no = paid(payer)
    made = [refund(payer, no, amount).json() for amount in (10, 20, 30)]

    def search(**query: object):
        return payer.api.get("/v1/refunds", params=query).json()

    assert made[::-1] == search(pay_order_no=no)["items"]
    assert [made[1]] == search(out_refund_no=made[1]["out_refund_no"])["items"]
    assert [] == search(pay_order_no=no, biz_status="FAIL")["items"]
    page = search(pay_order_no=no, limit=2)
    assert made[:0:-1] == page["items"]
    rest = search(pay_order_no=no, limit=2, cursor=page["next"])
    assert ([made[0]], None) == (rest["items"], rest["next"])
    (order,) = payer.api.get(
        "/v1/payments", params={"out_biz_no": payer.get(no)["out_biz_no"]}
    ).json()["items"]
    assert 60 == order["refunded_amount"]
    kinds = [
        item["title"]
        for item in payer.api.get(f"/v1/payments/{no}/timeline").json()["items"]
        if item["kind"] == "refund"
    ]
    assert ["REFUND_BEGUN", "REFUNDED"] * 3 == kinds


# --- no trustworthy answer ------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        "timeout_after",
        "garbage",
        "bad_signature",
        pytest.param("http_500", marks=pytest.mark.long),
        "slow:2",
    ],
)
def test_a_refund_without_an_answer_is_found_and_counted_once(
    stack: Stack, brisk, fault: str
):
    """DOING with its money reserved, then asked after under its own number: once."""
    payer = brisk()
    no = paid(payer)
    stack.fault(REFUND, fault, count=1)

    first = refund(payer, no, 60).json()

    assert ("DOING", "REFUNDING") == (first["biz_status"], first["resp_code"])
    assert "REFUND_EXCEEDS" == refund(payer, no, 60).json()["code"]
    assert "SUCCESS" == until(payer, first["refund_no"])["biz_status"]
    assert [60] == given_back(payer, no)
    assert ["refund.succeeded"] == told(payer, first["refund_no"])
    assert {f"{no}R01"} == {row.refund_no for row in rows(stack, RefundRow, no)}


@pytest.mark.long
def test_a_refund_that_never_got_there_is_sent_again_under_its_number(
    stack: Stack, brisk
):
    """Not found is no answer before the window; after it the same number is sent once
    more, and no other.
    """
    payer = brisk()
    no = paid(payer)
    stack.fault(REFUND, "timeout_before", count=1)

    first = refund(payer, no, 100).json()

    assert "DOING" == first["biz_status"]
    assert "SUCCESS" == until(payer, first["refund_no"])["biz_status"]
    assert [100] == given_back(payer, no)
    assert [
        *("REFUND_BEGUN", "REFUND_UNKNOWN", "REFUND_NOT_FOUND"),
        *("REFUND_SENT_AGAIN", "REFUNDED"),
    ] == history(payer, no)
    sent = [
        row
        for row in rows(stack, MessageRow, no)
        if (row.direction, row.operation) == ("OUT", "refund")
    ]
    assert 2 == len(sent)
    assert all(f'"request_id":"{no}R01"' in row.body for row in sent)


def test_what_never_left_is_sent_without_asking(stack: Stack, brisk):
    """No connection: DOING, and the same number goes out once there is one."""
    payer = brisk()
    no = paid(payer)
    bank = stack.charges(no)[0]["bank"]
    stack.fault(f"bank.{bank}.refund", "refuse_connection")

    first = refund(payer, no, 100).json()

    assert ("DOING", "REFUNDING") == (first["biz_status"], first["resp_code"])
    stack.no_faults()
    assert "SUCCESS" == until(payer, first["refund_no"])["biz_status"]
    assert [100] == given_back(payer, no)
    assert "REFUND_NOT_SENT" == history(payer, no)[1]
    assert "REFUND_NOT_FOUND" not in history(payer, no)


def test_while_unknown_the_money_stays_reserved(stack: Stack, brisk):
    """Nobody can tell: the reservation stands, and no enquiry makes a guess."""
    payer = brisk()
    no = paid(payer)
    stack.fault(REFUND, "timeout_after", count=1)
    stack.fault(ENQUIRE, "http_500")

    first = refund(payer, no, 100).json()
    time.sleep(3)

    assert "DOING" == got(payer, first["refund_no"])["biz_status"]
    assert (100, 100, 0, 0) == total(payer, no)
    assert 409 == refund(payer, no, 1).status_code
    stack.no_faults()
    assert "SUCCESS" == until(payer, first["refund_no"])["biz_status"]


def test_another_amount_is_no_refund(stack: Stack, brisk):
    """A yes to other money than ours is the desk's, until the bank tells the truth."""
    payer = brisk()
    no = paid(payer)
    stack.fault(REFUND, "wrong_amount", count=1)
    stack.fault(ENQUIRE, "wrong_amount")

    first = refund(payer, no, 100).json()

    assert "DOING" == first["biz_status"]
    assert "DOING" == until(payer, first["refund_no"], within_s=2)["biz_status"]
    has_case(stack, no, "CHANNEL_ALARM")
    no_after_it = _refused(stack, payer, no, first["refund_no"])
    assert "DOING" == no_after_it["biz_status"]
    assert 409 == refund(payer, no, 1).status_code
    stack.no_faults()
    assert "SUCCESS" == until(payer, first["refund_no"])["biz_status"]
    assert [100] == given_back(payer, no)


def _refused(stack: Stack, payer: Payer, no: str, refund_no: str) -> dict[str, object]:
    """The refund after its bank has called to say no."""
    bank = Bank(stack, stack.charges(no)[0]["bank"])
    about = {"operation": "refund", "kind": "refund", "request_id": refund_no}
    answer = bank.call_back(payer, no, status="FAIL", code="OVER_LIMIT", **about)
    assert 200 == answer.status_code
    return got(payer, refund_no)


# --- later, and by the other door -----------------------------------------------------


@pytest.mark.parametrize("end", ["SUCCESS", "FAIL"])
def test_a_callback_ends_what_is_processing(stack: Stack, brisk, end: str):
    """The bank says "later", then yes or no by callback; nobody else could tell."""
    payer = brisk()
    no = paid(payer)
    stack.fault(REFUND, "processing:1", count=1)
    if end == "FAIL":
        stack.fault(REFUND, "decline:OVER_LIMIT", count=1)
    stack.fault(ENQUIRE, "http_500")

    first = refund(payer, no, 100).json()

    assert "DOING" == first["biz_status"]
    assert end == until(payer, first["refund_no"])["biz_status"]
    assert ([100] if end == "SUCCESS" else []) == given_back(payer, no)


@pytest.mark.parametrize("fault", ["duplicate_callback:10", "callback_before_answer"])
def test_callbacks_that_repeat_or_run_ahead_have_one_effect(stack: Stack, fault: str):
    """Ten copies, or one before the answer: one posting and one notice."""
    payer = stack.payer()
    no = paid(payer)
    stack.fault(REFUND, fault, count=1)

    said = refund(payer, no, 100).json()

    assert "SUCCESS" == said["biz_status"]
    assert ["refund.succeeded"] == told(payer, said["refund_no"])
    assert (100, 100, 100, 100) == total(payer, no)
    assert set() == cases(stack, no)


def test_a_word_that_contradicts_the_last_is_a_persons(stack: Stack):
    """The bank says no to what it had paid: nothing is taken back, the desk has it."""
    payer = stack.payer()
    no = paid(payer)
    said = refund(payer, no, 100).json()

    assert said == _refused(stack, payer, no, said["refund_no"])
    assert {"REFUND_CONTRADICTION"} == cases(stack, no)


def test_a_callback_about_nobodys_refund_changes_nothing(stack: Stack):
    """A number that was never given out, or a refund at another bank: refused."""
    payer = stack.payer()
    no = paid(payer)
    said = refund(payer, no, 40).json()
    here = stack.charges(no)[0]["bank"]
    other = next(bank for bank in QUICK_BANKS if bank != here)
    about = {"operation": "refund", "kind": "refund", "amount": 60}

    lost = Bank(stack, here).call_back(payer, no, request_id=f"{no}R02", **about)
    wrong = Bank(stack, other).call_back(
        payer, no, request_id=said["refund_no"], **about
    )

    assert [400, 400] == [lost.status_code, wrong.status_code]
    assert (40, 40, 40, 40) == total(payer, no)
    assert 1 == len(rows(stack, RefundRow, no))


def test_one_transaction_wrote_all_of_an_end(payer: Payer):
    """Status, total, history, posting and the kept answer are one commit, in which the
    notice is too until it is delivered.
    """
    no = paid(payer)
    refund(payer, no, 100)
    wrote = {
        table: ask(
            payer.stack,
            f"SELECT max(xmin::text::bigint) FROM {table} WHERE pay_order_no = $1",
            no,
        )[0][0]
        for table in (
            *("refund", "refund_total", "refund_transition", "accounting_posting"),
            *("accounting_entry", "gateway_message", "idempotency_key"),
        )
    }

    assert 1 == len(set(wrote.values())), wrote
