"""Money that came when it must not: it goes back by itself, once, and is told of."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from bank import Bank
from facts import agreed
from inside import coupon_is, fresh_coupon, inside, rows
from refunding import WITHIN_S
from stack import Payer, Stack, key, stacked

from paycore.accounting.rows import EntryRow
from paycore.core.rows import PaymentRow, RefundRow, RefundTransitionRow
from paycore.desk.rows import CaseRow
from paycore.kernel.journal import ChangeRejected


@pytest.fixture
def payer(stack: Stack) -> Payer:
    """A payer whose quick bank is quick_a, and whose deduct bank deduct_a."""
    return stack.payer(agreements=agreed("quick_a", "deduct_a"))


@pytest.fixture
def bank(stack: Stack) -> Bank:
    """The quick bank."""
    return Bank(stack, "quick_a")


def closed(payer: Payer, **changes: object) -> tuple[str, str]:
    """A payment that was closed, and the code that its bank had sent."""
    no = payer.open(**changes).json()["pay_order_no"]
    code = payer.codes()[-1]
    answer = payer.api.post(f"/v1/payments/{no}/close", headers=key())
    assert "CLOSED" == answer.json()["biz_status"]
    return no, code


def charge_unasked(payer: Payer, bank: Bank, no: str, code: str) -> None:
    """The bank takes the money without our confirm, and tells us."""
    payer.stack.fault(f"bank.{bank.name}.confirm", "duplicate_callback:1", count=1)
    bank.confirm(payer, no, f"{no}01", code)


def late(payer: Payer, no: str, *, within_s: float = WITHIN_S) -> RefundRow:
    """The refund of late money once it is final, or as it is when the time is up."""
    deadline = time.monotonic() + within_s
    while True:
        found = [row for row in rows(payer.stack, RefundRow, no) if row.case_id]
        over = time.monotonic() > deadline
        if (found and found[0].status.final) or over:
            assert 1 == len(found), found
            return found[0]
        time.sleep(0.1)


def cases(stack: Stack, no: str) -> dict[str, str]:
    """What the desk has of a payment, and whether it is open."""
    found = inside(stack, lambda node: node.journal.every(CaseRow))
    return {case.kind: case.status for case in found if case.pay_order_no == no}


def left(stack: Stack, no: str) -> Counter[str]:
    """What each bank has of a payment's money once refunds are taken off."""
    kept: Counter[str] = Counter()
    for move in stack.charges(no):
        sign = 1 if move["kind"] == "charge" else -1
        kept[move["bank"]] += sign * move["amount"]
    return kept


def booked(stack: Stack, no: str) -> dict[str, int]:
    """What stands in the books of a payment, by account."""
    sums: Counter[str] = Counter()
    for entry in rows(stack, EntryRow, no):
        sums[entry.account] += entry.amount if entry.side == "DEBIT" else -entry.amount
    return {account: amount for account, amount in sums.items() if amount}


def told(stack: Stack, no: str, *, wanted: int) -> dict[str, dict[str, object]]:
    """The data of the notices about a payment, by type, once so many have come."""
    deadline = time.monotonic() + 60
    while True:
        found = {notice["id"]: notice for notice in stack.notices(no)}
        if len(found) >= wanted or time.monotonic() > deadline:
            break
        time.sleep(0.1)
    assert all(notice["verified"] for notice in found.values())
    types = Counter(notice["type"] for notice in found.values())
    assert {1} == set(types.values()), types
    return {one["type"]: one["payload"]["data"] for one in found.values()}


def test_money_after_a_close_goes_back(stack: Stack, payer: Payer, bank: Bank):
    """F38: the order stays CLOSED; all of the money goes back by the leg that took it,
    in the books, on the desk and in the line's ears.
    """
    coupon_no = fresh_coupon(stack, amount=250)
    no, code = closed(payer, coupon_no=coupon_no)

    charge_unasked(payer, bank, no, code)

    refund = late(payer, no)
    assert ("SUCCESS", f"{no}M01", 1000) == (
        *(refund.status, refund.refund_no),
        refund.money_amount,
    )
    assert "CLOSED" == payer.get(no)["biz_status"]
    assert {"quick_a": 0} == left(stack, no)
    assert {} == booked(stack, no)
    assert {"CHARGED_WITHOUT_CONFIRM": "CLOSED"} == cases(stack, no)
    assert ("AVAILABLE", None) == coupon_is(stack, coupon_no)
    notices = told(stack, no, wanted=2)
    assert {"payment.closed", "refund.late_payment"} == set(notices)
    read = payer.api.get(f"/v1/refunds/{no}M01").json()
    assert read == notices["refund.late_payment"]
    said = (read["kind"], read["out_refund_no"], read["amount"], read["biz_status"])
    assert ("LATE_MONEY", None, 1000, "SUCCESS") == said


def test_late_money_is_told_a_hundred_times_and_goes_back_once(
    stack: Stack, payer: Payer, bank: Bank
):
    """F38, F60: a storm of callbacks: one case, one refund, one posting, one notice."""
    no, code = closed(payer)
    charge_unasked(payer, bank, no, code)

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: bank.call_back(payer, no), range(100)))

    assert {200, 503} >= {answer.status_code for answer in answers}
    assert "SUCCESS" == late(payer, no).status
    assert 200 == bank.call_back(payer, no).status_code
    assert 2 == len(stack.charges(no)), stack.charges(no)
    assert {"quick_a": 0} == left(stack, no)
    told(stack, no, wanted=2)


def test_the_abandoned_banks_money_goes_back_and_no_deduct_follows(
    stack: Stack, payer: Payer, bank: Bank
):
    """F19: nothing was deducted yet, so nothing is; once the money is back the line may
    close, and nobody has paid.
    """
    stack.fault("bank.quick_a.send_code", "garbage", count=1)
    no = payer.open().json()["pay_order_no"]
    texts = stack.sms(payer.phone)
    (bank_code,) = [t["code"] for t in texts if t["carrier"] == "quick_a"]
    (our_code,) = [t["code"] for t in texts if t["carrier"] != "quick_a"]

    charge_unasked(payer, bank, no, bank_code)

    assert "SUCCESS" == late(payer, no).status
    assert 409 == payer.confirm(no, our_code).status_code
    resent = payer.api.post(f"/v1/quick-payments/{no}/codes", headers=key())
    assert 409 == resent.status_code
    answer = payer.api.post(f"/v1/payments/{no}/close", headers=key())
    assert "CLOSED" == answer.json()["biz_status"]
    assert {"quick_a": 0} == left(stack, no)
    assert {"payment.closed", "refund.late_payment"} == set(told(stack, no, wanted=2))


def test_both_banks_took_it_and_one_gives_it_back(
    stack: Stack, payer: Payer, bank: Bank
):
    """F19, I1: the deduct's result is unknown when the abandoned bank charges: the
    order is paid by the deduct, exactly the other charge goes back.
    """
    stack.fault("bank.quick_a.send_code", "garbage", count=1)
    no = payer.open().json()["pay_order_no"]
    texts = stack.sms(payer.phone)
    (bank_code,) = [t["code"] for t in texts if t["carrier"] == "quick_a"]
    (our_code,) = [t["code"] for t in texts if t["carrier"] != "quick_a"]
    stack.fault("bank.deduct_a.deduct", "garbage", count=1)
    assert "DOING" == payer.confirm(no, our_code).json()["biz_status"]

    charge_unasked(payer, bank, no, bank_code)

    assert "SUCCESS" == payer.until(no, within_s=60)["biz_status"]
    assert "SUCCESS" == late(payer, no).status
    assert {"quick_a": 0, "deduct_a": 1250} == left(stack, no)
    assert "CLOSED" == cases(stack, no)["CHARGED_WITHOUT_CONFIRM"]
    expected = {"channel_receivable:deduct_a:main": 1250}
    owed = {f"merchant_pending:{payer.stack.lines[0].biz_line}": -1250}
    assert {**expected, **owed} == booked(stack, no)
    assert 0 == payer.get(no)["refunded_amount"]
    asked = {"pay_order_no": no, "out_refund_no": f"r-{no}", "amount": 1250}
    assert 201 == payer.api.post("/v1/refunds", json=asked, headers=key()).status_code


def test_money_of_an_order_about_to_close_goes_back_before_it_closes(
    stack: Stack, payer: Payer, bank: Bank
):
    """F38: asked before the close, the bank says that it has it: not closed over it;
    it goes back, and then the order may close.
    """
    no = payer.open().json()["pay_order_no"]
    code = payer.codes()[-1]
    bank.confirm(payer, no, f"{no}01", code, tells=False)

    answer = payer.api.post(f"/v1/payments/{no}/close", headers=key())

    assert "DOING" == answer.json()["biz_status"]
    assert "SUCCESS" == late(payer, no).status
    assert 409 == payer.confirm(no, code).status_code
    answer = payer.api.post(f"/v1/payments/{no}/close", headers=key())
    assert "CLOSED" == answer.json()["biz_status"]
    assert {"quick_a": 0} == left(stack, no)


@pytest.mark.long
def test_late_money_whose_refund_is_unknown_is_asked_after(
    stack: Stack, payer: Payer, bank: Bank
):
    """F38, F47: given back, its answer lost: enquired, never sent twice."""
    no, code = closed(payer)
    stack.fault("bank.quick_a.refund", "timeout_after", count=1)

    charge_unasked(payer, bank, no, code)

    assert "SUCCESS" == late(payer, no, within_s=60).status
    assert {"quick_a": 0} == left(stack, no)
    assert 2 == len(stack.charges(no))
    steps = [row.event for row in rows(stack, RefundTransitionRow, no)]
    assert ["LATE_MONEY_CAME", "REFUND_BEGUN"] == steps[:2]
    assert "REFUND_SENT_AGAIN" not in steps


def test_late_money_that_the_bank_keeps_is_a_persons(
    stack: Stack, payer: Payer, bank: Bank
):
    """F38, refused: the case stays open and says so; nobody is told that money
    went back, and we still owe it to the payer.
    """
    no, code = closed(payer)
    stack.fault("bank.quick_a.refund", "decline:CARD_LOST", count=1)

    charge_unasked(payer, bank, no, code)

    assert "FAIL" == late(payer, no).status
    assert {"CHARGED_WITHOUT_CONFIRM": "OPEN"} == cases(stack, no)
    line = stack.lines[0].biz_line
    owed = {"channel_receivable:quick_a:main": 1250, f"payer_pending:{line}": -1250}
    assert owed == booked(stack, no)
    assert {"payment.closed"} == set(told(stack, no, wanted=1))


def test_late_money_of_a_leg_that_had_ended_goes_back(
    stack: Stack, payer: Payer, bank: Bank
):
    """F34, I1: a wrong code, so nothing was taken; then the bank takes it by itself: no
    second confirm under that number, which would pay the order with money given back.
    """
    no = payer.open().json()["pay_order_no"]
    code = payer.codes()[-1]
    assert "WRONG" == payer.confirm(no, "000000").json()["verify_status"]

    charge_unasked(payer, bank, no, code)

    assert "SUCCESS" == late(payer, no).status
    assert {"LATE_MONEY": "CLOSED"} == cases(stack, no)
    assert 409 == payer.confirm(no, code).status_code
    answer = payer.api.post(f"/v1/payments/{no}/close", headers=key())
    assert "CLOSED" == answer.json()["biz_status"]
    assert {"quick_a": 0} == left(stack, no)


@pytest.mark.parametrize("said", [{"amount": 1}, {"currency": "USD"}])
def test_another_amount_than_was_asked_for_is_a_persons(
    stack: Stack, payer: Payer, bank: Bank, said: dict[str, object]
):
    """F32: what we never asked for is nothing to give back by ourselves."""
    no, _ = closed(payer)

    assert 200 == bank.call_back(payer, no, **said).status_code

    assert {"CHARGED_WITHOUT_CONFIRM": "OPEN"} == cases(stack, no)
    assert [] == rows(stack, RefundRow, no)


def test_a_word_about_the_wrong_kind_of_call_gives_nothing_back(
    stack: Stack, payer: Payer, bank: Bank
):
    """F62: a paid quick payment, and its bank speaks of a deduct of the same number."""
    no = payer.open().json()["pay_order_no"]
    payer.confirm(no)

    bank.call_back(payer, no, operation="deduct")

    assert [] == rows(stack, RefundRow, no)
    assert {"quick_a": 1250} == left(stack, no)


def test_the_database_keeps_late_money_to_what_was_taken(
    stack: Stack, payer: Payer, bank: Bank
):
    """I12, by constraint: no other amount, no second one, none of a leg that paid."""
    no = payer.open().json()["pay_order_no"]
    payer.confirm(no)
    late_no, code = closed(payer)
    charge_unasked(payer, bank, late_no, code)
    good = late(payer, late_no)

    async def tries(node, **changes):
        change = node.change()
        fresh = {"status": "DOING", "finished_at": None, "next_check_at": node.now()}
        given = {f: getattr(good, f) for f in good.__struct_fields__}
        change.append(RefundRow(**{**given, **fresh, **changes}))
        try:
            await node.journal.commit(change)
        except ChangeRejected as error:
            return error.sqlstate
        return "written"

    paid = {
        "pay_order_no": no,
        "refund_no": f"{no}M01",
        "original_request_no": f"{no}01",
    }
    more = {"refund_no": f"{late_no}M02", "original_request_no": f"{late_no}02"}
    renamed = {"refund_no": f"{late_no}M02"}
    refused = [
        inside(stack, lambda node, one=one: tries(node, **one))
        for one in (paid, more, renamed, {})
    ]

    assert ["23514", "23514", "23514", "23505"] == refused


@pytest.mark.long
def test_where_a_person_gives_it_back_nothing_goes_by_itself():
    """A deployment may say that late money waits for a person."""
    with stacked(return_late_money=False) as stack:
        payer = stack.payer(agreements=agreed("quick_a", "deduct_a"))
        bank = Bank(stack, "quick_a")
        no, code = closed(payer)

        charge_unasked(payer, bank, no, code)

        _has_a_case(stack, no)
        assert [] == rows(stack, RefundRow, no)
        assert {"quick_a": 1250} == left(stack, no)

        _closes_for_the_desk(stack, payer, bank)


def _has_a_case(stack: Stack, no: str) -> None:
    """Once the bank has told us, which it does by itself."""
    deadline = time.monotonic() + 60
    while not cases(stack, no) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert {"CHARGED_WITHOUT_CONFIRM": "OPEN"} == cases(stack, no)


def _closes_for_the_desk(stack: Stack, payer: Payer, bank: Bank) -> None:
    """Of an open order that nothing will go back of by itself: nothing begins any more,
    but it closes, and only then may a person give its money back.
    """
    no = payer.open().json()["pay_order_no"]
    code = payer.codes()[-1]
    charge_unasked(payer, bank, no, code)
    _has_a_case(stack, no)
    assert "BIZ_CHECK_ERROR" == payer.confirm(no, code).json()["code"]
    row = inside(stack, lambda node: node.journal.load(PaymentRow, no))
    assert ("DOING", "LATE_MONEY_AT_DESK") == (row.biz_status, row.held)
    assert row.next_check_at <= row.expires_at

    payer.api.post(f"/v1/payments/{no}/close", headers=key())

    assert "CLOSED" == payer.get(no)["biz_status"]
    assert {"CHARGED_WITHOUT_CONFIRM": "OPEN"} == cases(stack, no)
    assert {"quick_a": 1250} == left(stack, no)


def test_an_order_held_for_late_money_closes_in_its_time(
    stack: Stack, payer: Payer, bank: Bank
):
    """Nothing keeps it open once the money is back: it is looked at when it expires."""
    no = payer.open().json()["pay_order_no"]
    charge_unasked(payer, bank, no, payer.codes()[-1])

    assert "SUCCESS" == late(payer, no).status
    row = inside(stack, lambda node: node.journal.load(PaymentRow, no))
    assert "LATE_MONEY_RETURNED" == row.held
    assert row.next_check_at is not None
    assert row.next_check_at <= row.expires_at
