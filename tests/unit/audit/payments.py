"""Payments of every kind that the auditor asks after, made as payers make them."""

import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial

import cured
import elsewhere
from bank import Bank
from checked_out import checked_out
from facts import agreed, delivered
from inside import fresh_coupon, inside
from refunding import got, refund, until
from sql import ask
from stack import SHOP, TICKETS, Payer, Stack, key

from paycore.accounting import closing
from paycore.accounting import service as accounting
from paycore.core.rows import PaymentRow
from paycore.kernel.node import Node
from paycore.worker import checker, dispatcher

FOR_EVER = "processing:1000000000"
TOLD_WITHIN_S = 90.0
LIMITED = {"daily_limit": 10_000_000, "single_limit": 1_000_000}


def fill(stack: Stack) -> dict[str, str]:
    """One payment of each kind, by a name for it; and books with two days cut off."""
    made = _payments(stack)
    inside(stack, _adjusted)
    inside(stack, partial(_cut_off, dsn=stack.on.cluster.dsn))
    return made


async def _adjusted(node: Node) -> None:
    """By hand, from one account to another."""
    await accounting.adjust(
        node,
        "A-1",
        debit="channel_fee:quick_a:main",
        credit="available:quick_a:main",
        amount=1,
        currency="CNY",
        made_by="Li Lei",
        why="to have one",
    )


async def _cut_off(node: Node, *, dsn: str) -> None:
    """The days before; nothing was posted in them."""
    now = node.now()
    async with closing.seated(dsn) as connection:
        for days in (2, 1):
            day = now.date() - timedelta(days=days)
            later = now + timedelta(hours=1)
            assert await closing.cut_off(
                connection, day, closing.ends_of(day, {}), later
            )


def _payments(stack: Stack) -> dict[str, str]:
    quick = stack.payer(
        SHOP, agreements=agreed("quick_a", "quick_b", "deduct_a", "deduct_b", **LIMITED)
    )
    deduct = stack.payer(TICKETS, agreements=agreed("deduct_a", "deduct_b", **LIMITED))
    made = {
        "expired": _expired(stack, quick),
        "paid": _paid(quick),
        "discounted": _paid(quick, coupon_no=fresh_coupon(stack)),
        "resent": _resent(quick),
        "converted": _converted(deduct),
        "two_legs": _two_legs(stack, deduct),
        "deducted": _deducted(stack, deduct),
        "returned": cured.returned(stack, deduct),
        "forced": cured.forced(stack, deduct),
        "operated": cured.operated(stack, deduct),
        "checked_out": checked_out(quick),
        "declined": _declined(stack),
        "closed": _closed(quick),
        "called_back": _struck(
            stack, quick, "bank.quick_*.confirm", "duplicate_callback:1"
        ),
        "alarmed": _struck(stack, quick, "bank.quick_*.confirm", "wrong_amount"),
        "unknown": _unknown(stack, quick),
        "open": quick.open().json()["pay_order_no"],
        "open_converted": _open_converted(deduct),
        "open_converted_tried": _tried(deduct),
        "refunded": _refunded(stack, quick),
        "refund_resent": _refund_resent(stack, quick),
        "refunding": _refunding(stack, quick),
        "late": _late(stack, quick),
        "late_refused": _late(stack, quick, refund="decline:CARD_LOST"),
        **_signed(stack),
        **elsewhere.held(stack),
    }
    _all_told(stack)
    return made | {"untold": _untold(stack, quick)}


def _all_told(stack: Stack) -> None:
    """Whatever was made so far: of the payments one alone is to be untold."""
    _until(lambda: not ask(stack, "SELECT FROM notify_notice WHERE status = 'PENDING'"))


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + TOLD_WITHIN_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def _paid(payer: Payer, **order: object) -> str:
    no = payer.open(**order).json()["pay_order_no"]
    answer = payer.confirm(no)
    assert "SUCCESS" == answer.json()["biz_status"], answer.text
    delivered(payer.stack, no)
    return no


def _expired(stack: Stack, payer: Payer) -> str:
    """Nobody paid in time; a node whose clock is ahead closes it."""
    no = payer.open(expires_in_s=60).json()["pay_order_no"]

    async def later(node: Node) -> PaymentRow | None:
        node.clock.ahead = timedelta(seconds=70)
        node.heartbeat.good_until += 100
        await checker.tick(node)
        await checker.drain(node, 10)
        await dispatcher.drain(node, 10)  # its notice is due to nobody else for long
        return await node.journal.load(PaymentRow, no)

    row = inside(stack, later)
    assert ("CLOSED", "EXPIRED") == (row.biz_status, row.last_event)
    return no


def _resent(payer: Payer) -> str:
    no = payer.open().json()["pay_order_no"]
    _resend(payer, no)
    assert "SUCCESS" == payer.confirm(no).json()["biz_status"]
    return no


def _resend(payer: Payer, no: str) -> None:
    answer = payer.api.post(f"/v1/quick-payments/{no}/codes", headers=key())
    assert 200 == answer.status_code, answer.text


def _converted(payer: Payer) -> str:
    """By deduct, at the second try of the code."""
    no = payer.open().json()["pay_order_no"]
    assert "WRONG" == payer.confirm(no, "000000").json()["verify_status"]
    assert "SUCCESS" == payer.confirm(no).json()["biz_status"]
    return no


def _two_legs(stack: Stack, payer: Payer) -> str:
    """The first deduct channel cannot, the second can."""
    no = payer.open().json()["pay_order_no"]
    stack.fault("bank.deduct_*.deduct", "decline:MAINTENANCE", count=1)
    assert "SUCCESS" == payer.confirm(no).json()["biz_status"]
    return no


def _deducted(stack: Stack, payer: Payer) -> str:
    """Nobody is present: the first deduct channel cannot, the second can."""
    stack.fault("bank.deduct_*.deduct", "decline:MAINTENANCE", count=1)
    order = payer.deduct().json()
    assert "SUCCESS" == order["biz_status"], order
    return order["pay_order_no"]


def _declined(stack: Stack) -> str:
    payer = stack.payer(SHOP, number="6228480000000007")
    no = payer.open().json()["pay_order_no"]
    assert "FAIL" == payer.confirm(no).json()["biz_status"]
    return no


def _closed(payer: Payer) -> str:
    no = payer.open().json()["pay_order_no"]
    answer = payer.api.post(f"/v1/payments/{no}/close", headers=key())
    assert "CLOSED" == answer.json()["biz_status"], answer.text
    return no


def _struck(stack: Stack, payer: Payer, target: str, fault: str) -> str:
    """Paid in spite of a fault."""
    no = payer.open().json()["pay_order_no"]
    stack.fault(target, fault, count=1)
    payer.confirm(no)
    stack.no_faults()
    assert "SUCCESS" == payer.until(no)["biz_status"]
    time.sleep(0.3)  # for the callback that follows
    return no


def _unknown(stack: Stack, payer: Payer) -> str:
    """The bank has it, and says nothing yet; the coupon is locked."""
    no = payer.open(coupon_no=fresh_coupon(stack)).json()["pay_order_no"]
    stack.fault("bank.quick_*.confirm", FOR_EVER, count=1)
    assert "DOING" == payer.confirm(no).json()["biz_status"]
    stack.no_faults()
    return no


def _open_converted(payer: Payer) -> str:
    """Two codes of ours, of which the newer one is good."""
    no = payer.open().json()["pay_order_no"]
    _resend(payer, no)
    return no


def _tried(payer: Payer) -> str:
    """Converted, and one wrong try of its code."""
    no = payer.open().json()["pay_order_no"]
    assert "WRONG" == payer.confirm(no, "000000").json()["verify_status"]
    return no


def _untold(stack: Stack, payer: Payer) -> str:
    """Paid, and the business line does not take its notice."""
    stack.fault("biz.notice", "http_500")
    no = payer.open().json()["pay_order_no"]
    assert "SUCCESS" == payer.confirm(no).json()["biz_status"]
    tried = "SELECT FROM notify_notice WHERE pay_order_no = $1 AND tries > 0"
    _until(lambda: bool(ask(stack, tried, no)))
    return no


def _refunded(stack: Stack, payer: Payer) -> str:
    """One refund that the bank declined, and one in part, with the coupon's share."""
    no = _paid(payer, coupon_no=fresh_coupon(stack))
    stack.fault("bank.*.refund", "decline:MAINTENANCE", count=1)
    assert "FAIL" == refund(payer, no, 250).json()["biz_status"]
    stack.no_faults()
    done = refund(payer, no, 500, reason="one cup").json()
    assert ("SUCCESS", 400) == (done["biz_status"], done["money_amount"])
    time.sleep(0.5)  # for the notices
    return no


def _refund_resent(stack: Stack, payer: Payer) -> str:
    """Its bank could not be reached at first."""
    no = _paid(payer)
    bank = stack.charges(no)[0]["bank"]
    stack.fault(f"bank.{bank}.refund", "refuse_connection")
    begun = refund(payer, no, 1250).json()
    assert "DOING" == begun["biz_status"]
    stack.no_faults()
    assert "SUCCESS" == until(payer, begun["refund_no"])["biz_status"]
    time.sleep(0.5)
    return no


def _late(stack: Stack, payer: Payer, *, refund: str = "") -> str:
    """Closed, and then its bank took the money: it went back, or the bank refused."""
    no = payer.open().json()["pay_order_no"]
    code, bank = payer.codes()[-1], _sender(payer)
    payer.api.post(f"/v1/payments/{no}/close", headers=key())
    if refund:
        stack.fault(f"bank.{bank}.refund", refund, count=1)
    stack.fault(f"bank.{bank}.confirm", "duplicate_callback:1", count=1)
    Bank(stack, bank).confirm(payer, no, f"{no}01", code)
    while "biz_status" not in got(payer, f"{no}M01"):
        time.sleep(0.1)  # for the callback that comes by itself
    assert until(payer, f"{no}M01")["biz_status"] == ("FAIL" if refund else "SUCCESS")
    stack.no_faults()
    time.sleep(0.5)  # for the notice
    return no


def _sender(payer: Payer) -> str:
    """The quick bank that sent the newest code."""
    return payer.stack.sms(payer.phone)[-1]["carrier"]


def _refunding(stack: Stack, payer: Payer) -> str:
    """The bank has it, and says nothing yet."""
    no = _paid(payer)
    stack.fault("bank.*.refund", FOR_EVER, count=1)
    assert "DOING" == refund(payer, no, 300, reason="late").json()["biz_status"]
    stack.no_faults()
    return no


def _signed(stack: Stack) -> dict[str, str]:
    """Paid by a card that was signed with its bank's code; and its signing."""
    sign = {"pay_type": "QUICK_PAY", "channel": "quick_a", "account": "main"}
    payer = stack.payer(SHOP, agreements=[], sign=sign)
    answer = payer.api.post(
        f"/v1/cards/{payer.card_id}/confirm",
        json={"sms_verify_code": payer.codes()[-1]},
        headers=key(),
    )
    assert "ACTIVE" == answer.json()["status"], answer.text
    ((signing,),) = ask(
        stack,
        "SELECT signing_no FROM agreement_signing WHERE card_id = $1",
        payer.card_id,
    )
    return {"signed": _paid(payer), "signing": signing}
