"""Deduct as a product: under the mandate, with nobody present, from channel to channel
only where it is sure that the last one took nothing.
"""

import time
from collections.abc import Callable, Iterator

import pytest
from facts import (
    DEDUCT_BANKS,
    agreed,
    cause_of_conversion,
    events,
    paid_once,
    told_once,
    took_nothing,
)
from inside import changed, coupon_is, fresh_coupon
from sql import ask
from stack import SHOP, Payer, Stack, key

from paycore.lines.rows import BizLineRow


@pytest.fixture(scope="module")
def brisk(running: Stack) -> Iterator[Callable[..., Payer]]:
    """Payers at a node that waits two seconds for money: for what no bank answers."""
    node = running.start_node(money_timeout_s=2)
    place = len(running.nodes) - 1
    yield lambda **card: running.payer(SHOP, node=place, **card)
    node.stop()


def tried(payer: Payer, no: str) -> list[str]:
    """The channels that were asked for the money, in order."""
    found = ask(
        payer.stack,
        "SELECT channel FROM attempt WHERE pay_order_no = $1 ORDER BY seq",
        no,
    )
    return [row["channel"] for row in found]


def routed(payer: Payer):
    """Ask for a deduction whose router looks up what is left of a limit; the answer. On
    a busy machine the figure may not come in the third of a second that is given to it:
    then another one is asked for.
    """
    deadline = time.monotonic() + 60
    while (answer := payer.deduct()).json()["resp_code"] == "ROUTE_ERROR":
        assert time.monotonic() < deadline, answer.text
    return answer


def ended(payer: Payer, answer, *, biz_status: str, resp_code: str) -> str:
    """Its end, told once; the number."""
    no = answer.json()["pay_order_no"]
    order = payer.until(no, within_s=60)
    assert (biz_status, resp_code) == (order["biz_status"], order["resp_code"]), order
    told_once(payer, no)
    return no


# --- what it is -----------------------------------------------------------------------


def test_a_deduction_takes_the_money_with_nobody_present(payer: Payer):
    """One order, one charge, one notice; no code was sent, and none was asked for."""
    answer = payer.deduct()

    order = answer.json()
    assert 201 == answer.status_code, order
    assert ("DEDUCT", "SUCCESS", "SUCCESS", "NOT_VERIFIED", None) == (
        order["pay_type"],
        order["biz_status"],
        order["resp_code"],
        order["verify_status"],
        order["code"],
    )
    no = order["pay_order_no"]
    assert order == payer.get(no)
    assert ["CHARGE_BEGUN", "PAID"] == events(payer, no)
    assert [] == payer.codes()
    paid_once(payer, no, at=DEDUCT_BANKS)


def test_a_deduction_uses_its_coupon(payer: Payer):
    """The bank takes what the coupon leaves to be paid."""
    coupon_no = fresh_coupon(payer.stack)
    order = payer.deduct(coupon_no=coupon_no).json()

    assert order["payable_amount"] < order["amount"]
    paid_once(payer, order["pay_order_no"], at=DEDUCT_BANKS)
    assert ("USED", order["pay_order_no"]) == coupon_is(payer.stack, coupon_no)


def test_a_number_names_one_order_of_one_kind(payer: Payer):
    """The same words are the same deduction; as a quick payment they are another."""
    body = payer.order()

    def post(path: str, **changes: object):
        return payer.api.post(path, json={**body, **changes}, headers=key())

    first, same = post("/v1/deductions"), post("/v1/deductions")
    other = post("/v1/deductions", amount=7)
    quick = post("/v1/quick-payments")

    assert (201, 200) == (first.status_code, same.status_code)
    assert first.json()["pay_order_no"] == same.json()["pay_order_no"]
    assert [(409, "DUPLICATE")] * 2 == [
        (answer.status_code, answer.json()["code"]) for answer in (other, quick)
    ]


def test_a_card_without_a_mandate_is_refused_whole(stack: Stack):
    """No mandate, no order: nothing is on record."""
    payer = stack.payer(agreements=agreed("quick_a"))
    body = payer.order()
    answer = payer.api.post("/v1/deductions", json=body, headers=key())

    assert (409, "BIZ_CHECK_ERROR") == (answer.status_code, answer.json()["code"])
    found = payer.api.get("/v1/payments", params={"out_biz_no": body["out_biz_no"]})
    assert [] == found.json()["items"]


def test_a_deduction_has_no_code(payer: Payer):
    """There is none to be sent again, and none to be typed."""
    no = payer.deduct().json()["pay_order_no"]
    again = payer.api.post(f"/v1/quick-payments/{no}/codes", headers=key())

    assert [404, 409] == [again.status_code, payer.confirm(no, "123456").status_code]
    assert [] == payer.codes()


def test_the_limits_of_the_mandate_hold(stack: Stack):
    """I29: what a mandate has no room for is not asked of its channel; what was paid
    keeps its share of the day.
    """
    small = stack.payer(agreements=agreed("deduct_a", single_limit=1000))
    daily = stack.payer(agreements=agreed("deduct_a", daily_limit=2000))
    paid = routed(daily).json()["pay_order_no"]
    daily.until(paid)

    for payer in (small, daily):
        no = ended(payer, routed(payer), biz_status="FAIL", resp_code="ROUTE_NONE")
        took_nothing(payer, no)
    paid_once(daily, paid, at=DEDUCT_BANKS)


# --- from channel to channel ----------------------------------------------------------


def test_a_channels_refusal_leads_to_the_next(stack: Stack, payer: Payer):
    """Refused by the channel, for the channel: the other takes it, by its own route
    decision and its own attempt.
    """
    stack.fault("bank.deduct_*.deduct", "decline:MAINTENANCE", count=1)
    no = ended(payer, payer.deduct(), biz_status="SUCCESS", resp_code="SUCCESS")

    assert ["CHARGE_BEGUN", "NOT_CHARGED", "CHARGE_BEGUN", "PAID"] == events(payer, no)
    assert set(DEDUCT_BANKS) == set(tried(payer, no))
    decided = ask(
        stack, "SELECT chosen FROM router_decision WHERE pay_order_no = $1", no
    )
    assert {f"{bank}.deduct" for bank in DEDUCT_BANKS} == {r["chosen"] for r in decided}
    paid_once(payer, no, at=DEDUCT_BANKS)


def test_a_channel_that_cannot_be_reached_is_passed_over(stack: Stack):
    """Never left us: the other takes it."""
    payer = stack.payer()
    stack.fault("bank.deduct_a.deduct", "refuse_connection")
    for _ in range(4):
        paid_once(payer, payer.deduct().json()["pay_order_no"], at=("deduct_b",))


def test_where_every_channel_refuses_the_order_fails(stack: Stack):
    """The last refusal is its answer; nothing was taken, and the coupon is free."""
    payer, coupon_no = stack.payer(), fresh_coupon(stack)
    stack.fault("bank.deduct_*.deduct", "decline:MAINTENANCE")
    answer = payer.deduct(coupon_no=coupon_no)

    assert 201 == answer.status_code
    no = ended(payer, answer, biz_status="FAIL", resp_code="MAINTENANCE")
    assert 2 == len(tried(payer, no))
    took_nothing(payer, no)
    assert ("AVAILABLE", None) == coupon_is(stack, coupon_no)


@pytest.mark.parametrize("code", ["INSUFFICIENT_FUNDS", "CARD_LOST", "OVER_LIMIT"])
def test_a_payers_refusal_ends_it(stack: Stack, code: str):
    """Refused for the payer or the card: no other channel is asked."""
    payer = stack.payer()
    stack.fault("bank.deduct_*.deduct", f"decline:{code}", count=1)
    no = ended(payer, payer.deduct(), biz_status="FAIL", resp_code=code)

    assert 1 == len(tried(payer, no))
    took_nothing(payer, no)


@pytest.mark.parametrize(
    "fault",
    ["timeout_after", "garbage", pytest.param("http_500", marks=pytest.mark.long)],
)
def test_after_an_unknown_answer_only_the_same_channel_is_asked(
    stack: Stack, brisk, fault: str
):
    """I2: 202 and DOING, one leg for ever; what the bank did is its end."""
    payer = brisk()
    stack.fault("bank.deduct_*.deduct", fault, count=1)
    answer = payer.deduct()

    order = answer.json()
    assert (202, "DOING", "CONFIRMING") == (
        answer.status_code,
        order["biz_status"],
        order["resp_code"],
    )
    order = payer.until(order["pay_order_no"], within_s=60)
    no = order["pay_order_no"]
    assert 1 == len(tried(payer, no))
    if stack.charges(no):
        paid_once(payer, no, at=DEDUCT_BANKS)
    else:
        assert ("FAIL", "NOT_TAKEN") == (order["biz_status"], order["resp_code"])


def test_what_is_processed_late_is_told_by_notice(stack: Stack, brisk):
    """PENDING is DOING; the bank's own word ends it."""
    payer = brisk()
    stack.fault("bank.deduct_*.deduct", "processing:2", count=1)
    answer = payer.deduct()

    assert 202 == answer.status_code
    no = ended(payer, answer, biz_status="SUCCESS", resp_code="SUCCESS")
    paid_once(payer, no, at=DEDUCT_BANKS)
    assert 1 == len(tried(payer, no))


def test_no_more_channels_are_tried_than_may_be(stack: Stack):
    """The cap is a setting: with one try, the first refusal is the end."""
    node = stack.start_node(deduct_tries=1)
    payer = stack.payer(node=len(stack.nodes) - 1)
    stack.fault("bank.deduct_*.deduct", "decline:MAINTENANCE", count=1)
    answer = payer.deduct()

    no = ended(payer, answer, biz_status="FAIL", resp_code="MAINTENANCE")
    assert 1 == len(tried(payer, no))
    node.stop()


# --- deduct sold as quick pay ---------------------------------------------------------


def test_a_line_that_deducts_converts_as_it_opens(stack: Stack):
    """Our code, a deduct bank, no quick bank asked; the cause says whose choice it
    was.
    """
    payer, line = stack.payer(), stack.lines[SHOP].biz_line
    with changed(stack, BizLineRow, line, always_converted=True):
        order = payer.open().json()
        no = order["pay_order_no"]

        assert ("DEDUCT", "sms_centre") == (
            order["pay_type"],
            order["code"]["sent_by"],
        )
        assert "LINE_DEDUCTS" == cause_of_conversion(payer, no)
        assert ["sms_centre"] == tried(payer, no)
        assert "SUCCESS" == payer.confirm(no).json()["biz_status"]
        paid_once(payer, no, at=DEDUCT_BANKS)


def test_a_line_that_deducts_fails_where_it_cannot(stack: Stack):
    """Without a mandate there is nothing to sell: an honest failure, and no text."""
    payer = stack.payer(agreements=agreed("quick_a"))
    line = stack.lines[SHOP].biz_line
    with changed(stack, BizLineRow, line, always_converted=True):
        order = payer.open().json()

        assert ("FAIL", "LINE_DEDUCTS") == (order["biz_status"], order["resp_code"])
        assert [] == payer.codes()
