"""Quick pay becomes deduct where, and only where, its code cannot be sent."""

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from facts import (
    DEDUCT_BANKS,
    QUICK_BANKS,
    agreed,
    cause_of_conversion,
    events,
    paid_once,
    told_once,
    took_nothing,
)
from inside import changed, rows
from stack import TICKETS, Payer, Stack, key

from paycore.gateway.rows import AccountRow
from paycore.router.rows import DecisionRow, TransTypeRow

SILENT = ("timeout_before", "timeout_after", "drip:30", "slow:1.5")
"""Faults that take all the time that there is."""
ONE_EACH = agreed("quick_a", "deduct_a")
"""A card that can be paid with at one quick bank and one deduct bank."""


@pytest.fixture(scope="module")
def brisk(running: Stack) -> Iterator[Callable[..., Payer]]:
    """Payers at a node that waits a second for a quick bank: for what none answers."""
    node = running.start_node(send_code_timeout_s=1)
    place = len(running.nodes) - 1

    def payer(line: int = 0, **card: object) -> Payer:
        return running.payer(line, node=place, **card)

    yield payer
    node.stop()


def is_converted(payer: Payer, answer, *, cause: str) -> str:
    """The order is DOING by deduct, with one code of the SMS centre; its number."""
    order = answer.json()
    assert 201 == answer.status_code, order
    assert ("DEDUCT", "DOING") == (order["pay_type"], order["biz_status"]), order
    assert "sms_centre" == order["code"]["sent_by"]
    no = order["pay_order_no"]
    assert cause == cause_of_conversion(payer, no)
    ours = [t for t in payer.stack.sms(payer.phone) if t["carrier"] in ("a", "b")]
    assert 1 == len(ours)
    return no


def pays_by_deduct(payer: Payer, no: str) -> None:
    """The newest code pays, at a deduct bank, once."""
    assert "SUCCESS" == payer.pays(no)["biz_status"]
    paid_once(payer, no, at=DEDUCT_BANKS)


# --- what converts --------------------------------------------------------------------


def test_a_line_without_a_quick_channel_converts(converted_payer: Payer):
    """F01: the router knows no quick channel; the payer sees one order and one code."""
    answer = converted_payer.open()

    no = is_converted(converted_payer, answer, cause="ROUTE_NONE")
    pays_by_deduct(converted_payer, no)
    assert ["CONVERTED", "CODE_SENT", "CODE_PASSED", "CHARGE_BEGUN", "PAID"] == events(
        converted_payer, no
    )


def test_a_quick_account_that_is_switched_off_converts(stack: Stack, brisk):
    """F01, I21: a disabled account is not chosen any more."""
    payer = brisk(agreements=ONE_EACH)
    with changed(stack, AccountRow, "quick_a", "main", enabled=False):
        no = is_converted(payer, payer.open(), cause="ROUTE_NONE")
        pays_by_deduct(payer, no)


def test_a_quick_account_in_maintenance_converts(stack: Stack, brisk):
    """F01: within its announced window a channel is not chosen."""
    now = datetime.now(UTC)
    window = {
        "from": (now - timedelta(hours=1)).isoformat(),
        "to": (now + timedelta(hours=1)).isoformat(),
    }
    payer = brisk(agreements=ONE_EACH)
    name = "quick_a.quick_pay_send_msg"
    with changed(stack, TransTypeRow, name, maintenance=json.dumps([window])):
        pays_by_deduct(payer, is_converted(payer, payer.open(), cause="ROUTE_NONE"))


@pytest.mark.parametrize("limit", ["single_limit", "daily_limit"])
def test_over_the_limit_of_the_quick_agreement_converts(stack: Stack, limit: str):
    """F01, I21: a route that has no room for the amount is no route."""
    card = [*agreed("quick_a", **{limit: 1000}), *agreed("deduct_a")]
    payer, answer = routed(lambda: stack.payer(agreements=card))

    pays_by_deduct(payer, is_converted(payer, answer, cause="ROUTE_NONE"))


def routed(payer_of: Callable[[], Payer]):
    """Open a payment whose router looks up what is left of a limit; its payer and the
    answer. On a busy machine the figure may not come in the third of a second that is
    given to it: that payment is none of ours, and another one is opened.
    """
    deadline = time.monotonic() + 60
    while True:
        payer = payer_of()
        answer = payer.open()
        no = answer.json()["pay_order_no"]
        causes = {row.cause for row in rows(payer.stack, DecisionRow, no)}
        if "ROUTE_ERROR" not in causes:
            return payer, answer
        assert time.monotonic() < deadline, answer.text


def test_the_days_room_of_a_failed_payment_is_given_back(stack: Stack):
    """I29: a definite failure frees its share of the day's limit; a success keeps."""
    card = [*agreed("quick_a", daily_limit=2000), *agreed("deduct_a")]
    payer = stack.payer(agreements=card)
    stack.fault("bank.quick_a.confirm", "decline:INSUFFICIENT_FUNDS", count=1)
    failed = routed(lambda: payer)[1].json()["pay_order_no"]
    assert "FAIL" == payer.pays(failed)["biz_status"]

    paid = routed(lambda: payer)[1].json()
    assert "QUICK_PAY" == paid["pay_type"]
    payer.pays(paid["pay_order_no"])

    paid_once(payer, paid["pay_order_no"], at=QUICK_BANKS)
    assert "DEDUCT" == payer.open().json()["pay_type"]


@pytest.mark.parametrize(
    ("fault", "cause", "asked"),
    [
        ("http_500", "CHANNEL_UNKNOWN", 1),  # F05
        ("garbage", "CHANNEL_UNKNOWN", 1),  # F05
        ("bad_signature", "CHANNEL_UNKNOWN", 1),  # F05
        ("timeout_before", "CHANNEL_UNKNOWN", 1),  # F04
        ("timeout_after", "CHANNEL_UNKNOWN", 1),  # F04
        ("drip:30", "CHANNEL_UNKNOWN", 1),  # F04, F36
        ("decline:A_CODE_NOBODY_KNOWS", "CHANNEL_UNKNOWN", 1),  # F05
        ("decline:MAINTENANCE", "CHANNEL_REFUSED", 2),  # F07
        ("refuse_connection", "CHANNEL_DOWN", 2),  # F03
    ],
)
def test_a_send_that_fails_converts(
    stack: Stack, brisk, fault: str, cause: str, asked: int
):
    """F03-F05, F07: no money moves by sending a code, so whatever fails converts; one
    more quick bank is asked only where the first surely sent none.
    """
    stack.fault("bank.quick_*.send_code", fault)
    payer = brisk() if fault in SILENT else stack.payer()

    answer = payer.open()

    no = is_converted(payer, answer, cause=cause)
    routes = quick_banks_asked(payer, no)
    assert asked == len(routes) == len(set(routes))
    stack.no_faults()
    pays_by_deduct(payer, no)


def quick_banks_asked(payer: Payer, no: str) -> list[str]:
    """The quick banks that a code was asked of, by the timeline."""
    items = payer.api.get(f"/v1/payments/{no}/timeline").json()["items"]
    titles = [item["title"] for item in items if item["kind"] == "message"]
    prefix = "OUT send_code quick_"
    return [title for title in titles if title.startswith(prefix)]


@pytest.mark.parametrize("fault", ["refuse_connection", "decline:MAINTENANCE"])
def test_the_other_quick_bank_comes_before_a_conversion(stack: Stack, fault: str):
    """Where the first quick bank surely sent no code, the second one sends it."""
    stack.fault("bank.quick_a.send_code", fault)
    payer = stack.payer()

    orders = [payer.open().json() for _ in range(4)]

    assert {"QUICK_PAY"} == {order["pay_type"] for order in orders}
    no = orders[-1]["pay_order_no"]
    payer.pays(no)
    paid_once(payer, no, at=("quick_b",))


@pytest.mark.parametrize("fault", ["timeout_after", "garbage", "slow:1.5"])
def test_the_code_of_the_abandoned_bank_is_refused(stack: Stack, brisk, fault: str):
    """F04, F18, I9: the bank's code came too late; it never authorises a deduct."""
    stack.fault("bank.quick_*.send_code", fault, count=1)
    payer = brisk() if fault in SILENT else stack.payer()
    no = is_converted(payer, payer.open(), cause="CHANNEL_UNKNOWN")
    texts = stack.sms(payer.phone)
    (bank_code,) = [t["code"] for t in texts if t["carrier"] in QUICK_BANKS]
    (our_code,) = [t["code"] for t in texts if t["carrier"] not in QUICK_BANKS]

    refused = payer.confirm(no, bank_code).json()

    assert ("DOING", "WRONG") == (refused["biz_status"], refused["verify_status"])
    took_nothing(payer, no)
    assert "SUCCESS" == payer.pays(no, our_code)["biz_status"]
    paid_once(payer, no, at=DEDUCT_BANKS)


def test_an_open_breaker_converts_at_once(stack: Stack):
    """F08: a bank that failed lately is not asked, and the payer does not wait."""
    node = stack.start_node(breaker_calls=2, breaker_half_open_s=60)
    payer = stack.payer(node=len(stack.nodes) - 1, agreements=ONE_EACH)
    stack.fault("bank.quick_a.send_code", "http_500")
    for _ in range(2):
        assert "DEDUCT" == payer.open().json()["pay_type"]

    order = payer.open().json()

    assert "DEDUCT" == order["pay_type"]
    (fault,) = stack.control.get("/control/faults").json()
    assert 2 == fault["hits"]
    node.stop()


# --- what does not --------------------------------------------------------------------


@pytest.mark.parametrize(
    "code", ["CARD_LOST", "WRONG_PHONE", "BLACKLISTED", "OVER_LIMIT"]
)
def test_a_refusal_of_payer_or_card_does_not_convert(stack: Stack, payer: Payer, code):
    """F06: a deduct would fail for the same reason, so the order FAILs."""
    stack.fault("bank.quick_*.send_code", f"decline:{code}")

    answer = payer.open()

    fails_honestly(payer, answer, code)


def fails_honestly(payer: Payer, answer, code: str) -> None:
    """201 FAIL as quick pay; no text, no money, one notice."""
    order = answer.json()
    assert 201 == answer.status_code
    assert ("QUICK_PAY", "FAIL") == (order["pay_type"], order["biz_status"]), order
    assert (None, code) == (order["code"], order["resp_code"])
    assert [] == payer.codes()
    took_nothing(payer, order["pay_order_no"])
    assert "payment.failed" == told_once(payer, order["pay_order_no"])


YESTERDAY = (datetime.now(UTC) - timedelta(days=1)).isoformat()
LAST_WEEK = (datetime.now(UTC) - timedelta(days=7)).isoformat()
TOMORROW = (datetime.now(UTC) + timedelta(days=1)).isoformat()


@pytest.mark.parametrize(
    "mandate",
    [
        [],
        agreed("deduct_a", starts_at=LAST_WEEK, ends_at=YESTERDAY),
        agreed("deduct_a", starts_at=TOMORROW),
        agreed("deduct_a", single_limit=1249),
        agreed("deduct_a", daily_limit=1249),
    ],
    ids=["none", "ended", "not begun", "single limit", "daily limit"],
)
def test_without_a_mandate_that_is_good_nothing_converts(stack: Stack, payer, mandate):
    """F09: no live deduct mandate for this amount, so no conversion and no text."""
    stack.fault("bank.quick_a.send_code", "http_500")
    payer = stack.payer(agreements=[*agreed("quick_a"), *mandate])

    fails_honestly(payer, payer.open(), "CHANNEL_UNKNOWN")


def test_without_a_deduct_channel_nothing_converts(stack: Stack):
    """F10: where no deduct channel routes now, no code is sent for one."""
    payer = stack.payer(agreements=ONE_EACH)
    stack.fault("bank.quick_a.send_code", "http_500")
    with changed(stack, AccountRow, "deduct_a", "main", enabled=False):
        answer = payer.open()

    fails_honestly(payer, answer, "CHANNEL_UNKNOWN")


def test_after_a_confirm_was_sent_nothing_converts(stack: Stack):
    """I3: once money was asked for, a failed resend leaves the old code in force."""
    payer = stack.payer()
    no = payer.open().json()["pay_order_no"]
    good = payer.codes()[-1]
    stack.fault("bank.quick_*.confirm", "decline:CODE_WRONG", count=1)
    assert "WRONG" == payer.confirm(no).json()["verify_status"]
    stack.fault("bank.quick_*.send_code", "http_500")

    answer = payer.api.post(f"/v1/quick-payments/{no}/codes", headers=key())

    order = answer.json()
    assert 200 == answer.status_code, order
    assert ("QUICK_PAY", "RESEND_FAILED") == (order["pay_type"], order["resp_code"])
    stack.no_faults()
    assert "SUCCESS" == payer.pays(no, good)["biz_status"]
    paid_once(payer, no, at=QUICK_BANKS)


def test_a_client_cannot_ask_for_a_deduct(payer: Payer):
    """9.2: the method is nobody's to choose; the field is refused and not repeated."""
    answer = payer.open(pay_type="DEDUCT")

    assert 400 == answer.status_code
    assert "pay_type" not in answer.text
    assert [] == payer.codes()


# --- our own code ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault", ["refuse_connection", "http_500", "timeout_before", "decline:BUSY"]
)
def test_the_second_carrier_sends_where_the_first_cannot(stack: Stack, brisk, fault):
    """F11: one code is out and it is good, by whichever carrier."""
    stack.fault("carrier.a.send", fault)
    payer = brisk(TICKETS)

    order = payer.open().json()

    assert "DOING" == order["biz_status"], order
    assert ["b"] == [text["carrier"] for text in stack.sms(payer.phone)]
    pays_by_deduct(payer, order["pay_order_no"])


def test_a_carrier_that_acted_in_silence_makes_no_second_code(stack: Stack, brisk):
    """9.10: its time-out sends the same code through the next one, not another code."""
    stack.fault("carrier.a.send", "timeout_after")
    payer = brisk(TICKETS)

    order = payer.open().json()

    assert 1 == len(set(payer.codes()))
    assert 2 == len(payer.codes())
    pays_by_deduct(payer, order["pay_order_no"])


@pytest.mark.parametrize("fault", ["refuse_connection", "http_500", "decline:BUSY"])
def test_without_any_carrier_the_order_fails(stack: Stack, brisk, fault: str):
    """F12: no code can be sent at all: FAIL, nothing moved, the line is told."""
    stack.fault("carrier.*.send", fault)
    payer = brisk()
    stack.fault("bank.quick_*.send_code", "http_500")

    order = payer.open().json()

    assert ("FAIL", "SEND_FAILED") == (order["biz_status"], order["resp_code"])
    assert [] == payer.codes()
    took_nothing(payer, order["pay_order_no"])
    assert "payment.failed" == told_once(payer, order["pay_order_no"])
