"""Orders that nobody paid: closed by their line, or because their time is over."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from facts import QUICK_BANKS, paid_once, told_once, took_nothing
from inside import answered, coupon_is, fresh_coupon, inside
from stack import SHOP, TICKETS, Payer, Stack, key

from paycore.core import service as core
from paycore.core.service import KeyClaim, OpenRequest
from paycore.kernel.node import Node

BOTH_WAYS = pytest.mark.parametrize("line", [SHOP, TICKETS])


def close(payer: Payer, no: str):
    """Close a payment; the answer."""
    return payer.api.post(f"/v1/payments/{no}/close", headers=key())


@BOTH_WAYS
def test_an_unpaid_order_is_closed_for_good(stack: Stack, line: int):
    """CLOSED, the line is told; afterwards no code pays, and a close says the same."""
    payer = stack.payer(line)
    no = payer.open().json()["pay_order_no"]

    answer = close(payer, no)

    order = answer.json()
    assert (200, "CLOSED") == (answer.status_code, order["biz_status"])
    assert order["finished_at"] is not None
    assert "payment.closed" == told_once(payer, no)
    assert 409 == payer.confirm(no).status_code
    again = payer.api.post(f"/v1/quick-payments/{no}/codes", headers=key())
    assert 409 == again.status_code
    assert order == close(payer, no).json()
    took_nothing(payer, no)
    assert 1 == len(stack.notices(no))


def test_a_paid_order_is_not_closed(payer: Payer):
    """I5: a final status has no exit."""
    no = payer.open().json()["pay_order_no"]
    payer.confirm(no)

    answer = close(payer, no)

    assert (409, "BIZ_CHECK_ERROR") == (answer.status_code, answer.json()["code"])
    paid_once(payer, no, at=QUICK_BANKS)


def test_an_order_stays_open_while_the_bank_cannot_be_asked(payer: Payer):
    """Before a close the bank is asked; without its answer the order is as it was."""
    no = payer.open().json()["pay_order_no"]
    payer.stack.fault("bank.*.enquire", "http_500")

    order = close(payer, no).json()

    assert "DOING" == order["biz_status"]
    payer.stack.no_faults()
    assert "CLOSED" == close(payer, no).json()["biz_status"]


@BOTH_WAYS
def test_an_order_whose_time_is_over_is_closed(stack: Stack, line: int):
    """The closer finds it: CLOSED as EXPIRED, coupon as it was, the line is told."""
    payer = stack.payer(line)
    coupon_no = fresh_coupon(stack, line=line)
    no = inside(stack, lambda node: _short(node, payer, line, coupon_no))

    order = payer.until(no, within_s=60)

    assert ("CLOSED", "EXPIRED") == (order["biz_status"], order["resp_code"])
    assert order["finished_at"] >= order["expires_at"]
    assert "payment.closed" == told_once(payer, no)
    assert ("AVAILABLE", None) == coupon_is(stack, coupon_no, line)
    assert 409 == payer.confirm(no).status_code
    took_nothing(payer, no)


async def _short(
    node: Node, payer: Payer, line: int, coupon_no: str, *, for_s: int = 2
) -> str:
    """Open an order for seconds: the API itself grants no less than a minute."""
    request = OpenRequest(
        biz_line=payer.stack.lines[line].biz_line,
        out_biz_no=node.ids.uuid().hex,
        biz_order_no=None,
        amount=1250,
        currency="CNY",
        card_id=payer.card_id,
        subject="两杯茶",
        coupon_no=coupon_no,
        expires_in_s=for_s,
    )
    claim = KeyClaim(scope=node.ids.uuid().bytes * 2, fingerprint=b"f" * 32)
    opened = []

    def answer_of(view):
        assert "DOING" == view.payment.biz_status
        opened.append(view.payment.pay_order_no)
        return 201, answered(view.payment)

    await core.open_quick_payment(node, request, claim, answer_of)
    return opened[-1]


def test_an_order_does_not_expire_while_its_money_is_unknown(stack: Stack):
    """F37: no close over a leg whose fate is unknown; the truth decides."""
    payer = stack.payer()
    coupon_no = fresh_coupon(stack)
    no = inside(stack, lambda node: _short(node, payer, SHOP, coupon_no, for_s=5))
    stack.fault("bank.quick_*.confirm", "garbage", count=1)
    stack.fault("bank.*.enquire", "http_500")
    assert "DOING" == payer.confirm(no).json()["biz_status"]

    order = payer.until(no, within_s=7)

    assert "DOING" == order["biz_status"]
    stack.no_faults()
    assert "SUCCESS" == payer.until(no, within_s=60)["biz_status"]
    paid_once(payer, no, at=QUICK_BANKS)
    assert ("USED", no) == coupon_is(stack, coupon_no)


@BOTH_WAYS
def test_closing_and_confirming_at_once_has_one_winner(stack: Stack, line: int):
    """F39: whoever commits first wins, the other is refused; the bank agrees."""
    payer = stack.payer(line)
    results = set()
    for _ in range(8):
        no = payer.open().json()["pay_order_no"]
        code = payer.codes()[-1]
        with ThreadPoolExecutor() as pool:
            confirming = pool.submit(payer.confirm, no, code)
            closing = pool.submit(close, payer, no)
        statuses = {confirming.result().status_code, closing.result().status_code}
        status = payer.until(no)["biz_status"]
        assert {200, 409} == statuses or status == "CLOSED", (statuses, status)
        assert (status == "SUCCESS") == bool(stack.charges(no))
        results.add(status)
        told_once(payer, no)
    assert results <= {"SUCCESS", "CLOSED"}
