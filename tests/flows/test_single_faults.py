"""Faults that need nothing but the one thing that is wrong: a coupon, a rule, a row."""

import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import asyncpg
import httpx2 as httpx
import pytest
from bank import Bank
from facts import BANKS_OF_LINE, QUICK_BANKS, agreed, paid_once, took_nothing
from inside import coupon_is, fresh_coupon, inside, rows, taken_up
from refunding import given_back, got, paid, refund, until
from sql import ask, failing, session
from stack import PATIENCE_S, SHOP, TICKETS, Payer, Stack, stacked

from paycore.core.rows import PaymentRow
from paycore.gateway.rows import MessageRow
from paycore.kernel.errors import BadRequest, BizCheckError
from paycore.kernel.node import Node
from paycore.notify.delivery import TIMEOUT_S
from paycore.notify.rows import NoticeRow
from paycore.router import service as router
from paycore.router.rows import RuleRow

pytestmark = pytest.mark.long

BOTH_WAYS = pytest.mark.parametrize("line", [SHOP, TICKETS])
MONEY = ("bank.quick_*.confirm", "bank.deduct_*.deduct")


@pytest.fixture(scope="module")
def own(running: Stack) -> Iterator[Stack]:
    """A stack of our own: its set-up and its rows may be broken."""
    with stacked(money_timeout_s=2, enquiry_timeout_s=1) as stack:
        yield stack


# --- F50: a coupon that is another order's --------------------------------------------


@BOTH_WAYS
def test_a_coupon_in_other_hands_stops_before_the_money(stack: Stack, line: int):
    """F50: another order has locked it and its fate is unknown: nothing is charged
    here, by either way, and the other order keeps its coupon.
    """
    coupon_no = fresh_coupon(stack, line=line)
    payers = first, second = stack.payer(line), stack.payer(line)
    numbers = [p.open(coupon_no=coupon_no).json()["pay_order_no"] for p in payers]
    stack.fault(MONEY[line], "garbage", count=1)
    stack.fault("bank.*.enquire", "http_500")
    assert "DOING" == first.confirm(numbers[0]).json()["biz_status"]
    assert ("LOCKED", numbers[0]) == coupon_is(stack, coupon_no, line)

    answer = second.confirm(numbers[1])

    said = answer.json()
    assert "COUPON" in {said.get("code"), said.get("resp_code")}, answer.text
    took_nothing(second, numbers[1])
    assert ("LOCKED", numbers[0]) == coupon_is(stack, coupon_no, line)
    stack.no_faults()
    assert "SUCCESS" == first.until(numbers[0])["biz_status"]
    paid_once(first, numbers[0], at=BANKS_OF_LINE[line])
    assert ("USED", numbers[0]) == coupon_is(stack, coupon_no, line)
    refused = second.open(coupon_no=coupon_no)
    assert (409, "COUPON") == (refused.status_code, refused.json()["code"])


# --- F25: a key that was used ---------------------------------------------------------


def test_a_used_key_with_another_code_has_no_effect(converted_payer: Payer):
    """F25: the same key, another body: 422, nothing compared and nothing charged; the
    kept answer stands under its own body.
    """
    payer, one = converted_payer, {"Idempotency-Key": uuid4().hex}
    no = payer.open().json()["pay_order_no"]
    code = payer.codes()[-1]
    wrong = f"{(int(code) + 1) % 10**6:06}"
    first = payer.confirm(no, wrong, **one)
    assert "WRONG" == first.json()["verify_status"], first.text

    answer = payer.confirm(no, code, **one)

    said = (answer.status_code, answer.json()["code"])
    assert (422, "idempotency_conflict") == said
    took_nothing(payer, no)
    assert first.content == payer.confirm(no, wrong, **one).content
    assert "SUCCESS" == payer.confirm(no, code).json()["biz_status"]
    paid_once(payer, no, at=BANKS_OF_LINE[TICKETS])


# --- F59-F62: callbacks ---------------------------------------------------------------


@BOTH_WAYS
def test_a_callback_while_our_commit_waits_has_one_effect(stack: Stack, line: int):
    """F60: the answer is here and cannot be written yet; callbacks come meanwhile, ten
    at once: all wait for the same row, one of them is the effect.
    """
    payer = stack.payer(line)
    no = payer.open().json()["pay_order_no"]
    stack.fault(MONEY[line], "callback_before_answer", count=1)
    stack.fault(MONEY[line], "duplicate_callback:10", count=1)
    with session(stack) as other, ThreadPoolExecutor(1) as pool:
        other.run("BEGIN")
        other.run("LOCK TABLE accounting_posting IN EXCLUSIVE MODE")
        confirming = pool.submit(payer.confirm, no)
        _until_charged(stack, no)
        time.sleep(1)
        assert 1 == len(stack.charges(no))
        assert "DOING" == payer.get(no)["biz_status"]
        other.run("ROLLBACK")
        result = confirming.result()

    assert "SUCCESS" == result.json()["biz_status"], result.text
    paid_once(payer, no, at=BANKS_OF_LINE[line])


def _until_charged(stack: Stack, no: str) -> None:
    deadline = time.monotonic() + 60
    while not stack.charges(no):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_callback_that_is_too_old_is_refused(stack: Stack):
    """F62: rightly signed an hour ago and sent again now: refused, and kept."""
    payer = stack.payer(agreements=agreed("quick_a", "deduct_a"))
    no = payer.open().json()["pay_order_no"]
    bank = Bank(stack, "quick_a")

    answer = replayed(bank, payer, no, age_s=3600)

    assert 400 == answer.status_code
    assert "DOING" == payer.get(no)["biz_status"]
    took_nothing(payer, no)
    kept = [m.verdict for m in rows(stack, MessageRow, no) if m.direction == "CALLBACK"]
    assert ["REFUSED"] == kept
    assert "SUCCESS" == payer.confirm(no).json()["biz_status"]
    paid_once(payer, no, at=QUICK_BANKS)


def replayed(bank: Bank, payer: Payer, no: str, *, age_s: int) -> httpx.Response:
    """A yes that the bank signed some time ago."""
    path, stamp = f"/callbacks/{bank.name}/main", str(int(time.time()) - age_s)
    octets = json.dumps(
        {
            "request_id": f"{no}01",
            "pay_order_no": no,
            "merchant": bank._merchant,
            "status": "SUCCESS",
            "code": "OK",
            "message": "",
            "bank_ref": "10000000000000000001",
            "amount": payer.get(no)["payable_amount"],
            "currency": "CNY",
            "at": "2026-11-22T00:00:00Z",
            "kind": "charge",
            "operation": "confirm",
        }
    ).encode()
    signed = b"\n".join((stamp.encode(), path.encode(), octets))
    headers = {
        "X-Merchant": bank._merchant,
        "X-Timestamp": stamp,
        "X-Signature": hmac.new(bank._key, signed, hashlib.sha256).hexdigest(),
    }
    return httpx.post(
        str(payer.api.base_url).rstrip("/") + path,
        content=octets,
        headers=headers,
        timeout=PATIENCE_S,
    )


# --- F55: an end point that answers too late ------------------------------------------


def test_a_yes_that_comes_too_late_is_none(stack: Stack, payer: Payer):
    """F55: the end point says 200 after a minute: that try has failed when its time is
    up, and the notice comes again under the same id.
    """
    stack.fault("biz.notice", "slow:60", count=1)
    no = payer.open().json()["pay_order_no"]
    began = time.monotonic()
    payer.confirm(no)

    while not (told := rows(stack, NoticeRow, no))[0].tries:
        assert time.monotonic() < began + TIMEOUT_S + 30
        time.sleep(0.3)
    assert time.monotonic() > began + TIMEOUT_S - 1
    (notice,) = told
    assert "DELIVERED" != notice.status
    while rows(stack, NoticeRow, no)[0].status != "DELIVERED":
        assert time.monotonic() < began + 2 * TIMEOUT_S + 60
        time.sleep(0.3)

    came = stack.notices(no)
    assert {notice.notice_id} == {each["id"] for each in came}
    assert all(each["verified"] for each in came)
    paid_once(payer, no, at=QUICK_BANKS)


# --- F73: the router's rules ----------------------------------------------------------


def rule(**changes: object) -> RuleRow:
    """A rule that keeps payments from quick_a, but for what is changed."""
    given = {
        "rule_id": "struck",
        "title": "not there",
        "condition": "amount > 1",
        "effect": "DROP",
        "channel": "quick_a",
        "account": None,
        **changes,
    }
    return RuleRow(**given)


@pytest.mark.parametrize(
    "condition",
    ["", "amount >", "nonsense == 1", "amount", "'a' < 1", "amount / 0 > 1 ||"],
)
def test_a_broken_rule_is_refused_and_nothing_changes(own: Stack, condition: str):
    """F73: refused with a reason as it is saved; payments go on by what was good."""
    with pytest.raises(BadRequest) as refused:
        inside(own, lambda node: router.save_rule(node, rule(condition=condition)))

    assert "condition" in str(refused.value).lower() or refused.value.field
    assert [] == inside(own, lambda node: node.journal.every(RuleRow))
    pays(own)


def test_rules_that_contradict_are_refused(own: Stack):
    """F73: the opposite of a rule that is in force is refused by that rule's name."""

    async def both(node: Node) -> None:
        await router.save_rule(node, rule(rule_id="one", effect="DROP"))
        with pytest.raises(BizCheckError, match="one"):
            await router.save_rule(node, rule(rule_id="other", effect="PREFER"))
        await router.switch_rule(node, "one", enabled=False)

    inside(own, both)
    taken_up(own)
    pays(own)


def test_a_rule_that_breaks_in_the_database_keeps_the_last_good(own: Stack):
    """F73: somebody writes past the check: that table is not taken, payments go on."""
    ask(
        own,
        "INSERT INTO router_rule (rule_id, version, title, condition, effect, channel, "
        "enabled) VALUES ('by hand', 1, 'x', 'nonsense ==', 'DROP', 'quick_a', true)",
    )
    try:
        taken_up(own)
        pays(own)
    finally:
        ask(own, "DELETE FROM router_rule WHERE rule_id = 'by hand'")


def test_an_emptied_table_keeps_the_last_good(own: Stack):
    """F73: all transaction types are gone by accident: the node goes by the last ones
    that it read.
    """
    ask(own, "CREATE TABLE aside AS SELECT * FROM router_trans_type")
    ask(own, "DELETE FROM router_trans_type")
    try:
        taken_up(own)
        pays(own)
    finally:
        ask(own, "INSERT INTO router_trans_type SELECT * FROM aside")
        ask(own, "DROP TABLE aside")


def pays(stack: Stack) -> None:
    """A quick payment goes as always."""
    payer = stack.payer()
    order = payer.open().json()
    no = order["pay_order_no"]
    assert "QUICK_PAY" == order["pay_type"], order
    assert "SUCCESS" == payer.pays(no)["biz_status"]
    paid_once(payer, no, at=QUICK_BANKS)


# --- F75: a payment that no look can bear ---------------------------------------------


def test_a_poisonous_payment_is_parked_and_the_others_flow(own: Stack):
    """F75: every look at it fails by a bug: it waits longer each time, after a few a
    person has it, and whatever else is due has its look meanwhile.
    """
    poison, well = own.payer(), own.payer()
    bad, good = (p.open().json()["pay_order_no"] for p in (poison, well))
    own.fault("bank.*.confirm", "timeout_after", count=2)
    own.fault("bank.*.enquire", "http_500")
    wrong = f"NEW.pay_order_no = '{bad}'"
    for payer, no in ((poison, bad), (well, good)):
        assert "DOING" == payer.confirm(no).json()["biz_status"]

    with failing(own, "gateway_message", sqlstate="23514", when=wrong, on="INSERT"):
        own.no_faults()
        assert "SUCCESS" == well.until(good, within_s=60)["biz_status"]
        deadline = time.monotonic() + 60
        while "LOOK_FAILED" not in kinds(own, bad):
            assert time.monotonic() < deadline
            time.sleep(0.2)
        parked = stored(own, bad)
        assert "DOING" == parked.biz_status
        assert parked.checks >= 3
        pays(own)

    # Cured: the next look finds the truth.
    assert "SUCCESS" == poison.until(bad, within_s=60)["biz_status"]
    paid_once(poison, bad, at=QUICK_BANKS)


def test_a_poisonous_refund_is_parked_and_the_others_flow(own: Stack):
    """F75: the same of a refund: a person has it, others go back meanwhile, and once it
    is cured the next look finds what the bank did.
    """
    poison, well = own.payer(), own.payer()
    bad, good = paid(poison), paid(well)
    own.fault("bank.*.refund", "garbage", count=2)
    parked, flows = refund(poison, bad, 60).json(), refund(well, good, 60).json()
    assert ["DOING", "DOING"] == [parked["biz_status"], flows["biz_status"]]
    wrong = f"NEW.pay_order_no = '{bad}'"

    with failing(own, "gateway_message", sqlstate="23514", when=wrong, on="INSERT"):
        assert "SUCCESS" == until(well, flows["refund_no"])["biz_status"]
        deadline = time.monotonic() + 60
        while "LOOK_FAILED" not in kinds(own, bad):
            assert time.monotonic() < deadline
            time.sleep(0.2)
        assert "DOING" == got(poison, parked["refund_no"])["biz_status"]

    assert "SUCCESS" == until(poison, parked["refund_no"], within_s=60)["biz_status"]
    assert [60] == given_back(poison, bad)


def kinds(stack: Stack, no: str) -> set[str]:
    """What the desk has of a payment."""
    found = ask(stack, "SELECT kind FROM desk_case WHERE pay_order_no = $1", no)
    return {kind for (kind,) in found}


def stored(stack: Stack, no: str) -> PaymentRow:
    """The payment as it stands in the database."""
    return inside(stack, lambda node: node.journal.load(PaymentRow, no))


# --- F23: what was ordered changes after the code was sent ----------------------------


@BOTH_WAYS
@pytest.mark.parametrize("what", ["amount", "card_id", "coupon_no"])
def test_what_was_ordered_cannot_change_under_its_code(
    stack: Stack, line: int, what: str
):
    """F23: the same order with another content is refused, whoever writes a row is
    refused by the table, and the code pays what it was sent for.
    """
    payer = stack.payer(line)
    coupon = fresh_coupon(stack, line=line)
    order = {"out_biz_no": f"f23-{uuid4().hex}", "amount": 1250}
    no = payer.open(**order).json()["pay_order_no"]
    other = {
        "amount": 1251,
        "card_id": stack.payer(line).card_id,
        "coupon_no": coupon,
    }[what]

    again = payer.open(**{**order, what: other})

    assert 409 == again.status_code, again.text
    with pytest.raises(asyncpg.CheckViolationError, match="cannot change"):
        ask(stack, f"UPDATE payment SET {what} = $2 WHERE pay_order_no = $1", no, other)
    assert ("AVAILABLE", None) == coupon_is(stack, coupon, line)
    assert "SUCCESS" == payer.confirm(no).json()["biz_status"]
    paid_once(payer, no, at=BANKS_OF_LINE[line])
    assert 1250 == payer.get(no)["amount"]
