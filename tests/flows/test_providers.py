"""Providers who know an order by more than our number. Money goes back by their own
number of the charge, or by its day, though whoever gives it back was not there when it
was taken; and an agreement is over when they say so of it, who know no revocation.
"""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from functools import partial

import httpx2 as httpx
import pytest
from holding import Holder, seeded_payer
from inside import inside, rows
from refunding import given_back, refund, told, until
from stack import Payer, Stack, key, stacked

from paycore.cards import service as cards
from paycore.core.rows import AttemptRow, PaymentRow, RefundRow
from paycore.dev.vendors import MER_ID
from paycore.gateway import accounts
from paycore.gateway.call import Ask, Operation, Reply
from paycore.kernel.node import Node
from paycore.kernel.outcome import Outcome
from paycore.kernel.terms import CardId, PayOrderNo, PayType

BOTH = ("unionpay", "huifu")

LOST = ("timeout_before", "http_500", "timeout_after", "decline:MAINTENANCE")
"""What may become of a revocation."""


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with stacked(*BOTH) as made:
        yield made


@pytest.fixture
def payer(stack: Stack) -> Iterator[Payer]:
    """The payer of the providers' line."""
    with seeded_payer(stack) as one:
        yield one


def opened(payer: Payer, bank: str) -> str:
    """An order whose code this bank has texted, or that will be deducted there."""
    if bank == "huifu":
        # Elsewhere no code can be had: our own, and its deduct.
        payer.stack.fault("bank.unionpay.send_code", "http_500")
    answer = payer.open(amount=1000)
    assert 201 == answer.status_code, answer.text
    payer.stack.no_faults()
    return answer.json()["pay_order_no"]


@pytest.mark.parametrize("bank", BOTH)
def test_a_refund_that_never_left_goes_later(payer: Payer, bank: str):
    """Whoever works sends it, by the charge that another passage made."""
    no = opened(payer, bank)
    payer.confirm(no)
    assert "SUCCESS" == payer.until(no)["biz_status"]
    (charge,) = payer.stack.charges(no)
    payer.stack.fault(f"bank.{bank}.*", "refuse_connection")
    number = refund(payer, no, 400).json()["refund_no"]

    payer.stack.no_faults()

    assert (bank, "SUCCESS") == (charge["bank"], until(payer, number)["biz_status"])
    assert [400] == given_back(payer, no)


def test_money_that_nobody_asked_for_goes_back(payer: Payer):
    """F38: by UnionPay's own number of it, which only its notice has ever said."""
    no = opened(payer, "unionpay")
    code = payer.codes()[-1]
    closed = payer.api.post(f"/v1/payments/{no}/close", headers=key())
    assert "CLOSED" == closed.json()["biz_status"]

    url = f"{payer.api.base_url}/callbacks/unionpay/main"
    act = partial(_confirmed, no=PayOrderNo(no), code=code, url=url)
    reply = inside(payer.stack, act)

    assert Outcome.PENDING is reply.outcome
    number = refund_no_of(payer, no)
    assert (f"{no}M01", "SUCCESS") == (number, until(payer, number)["biz_status"])
    assert [1000] == given_back(payer, no)
    assert ["refund.late_payment"] == told(payer, number)


def refund_no_of(payer: Payer, no: str) -> str | None:
    """The number of the refund that comes about without anybody's asking for it."""
    deadline = time.monotonic() + 60
    while not (found := rows(payer.stack, RefundRow, no)):
        if time.monotonic() > deadline:
            return None
        time.sleep(0.1)
    return found[0].refund_no


async def _confirmed(node: Node, *, no: PayOrderNo, code: str, url: str) -> Reply:
    """UnionPay is told the code as we would have told it, and nobody of ours knows."""
    row = await node.journal.load(PaymentRow, no)
    send = await node.journal.load(AttemptRow, no, 1)
    place = (send.channel, send.account)
    found = await cards.agreement(
        node, row.card_id, PayType.QUICK_PAY, place, now=node.now()
    )
    opened = await accounts.look_up(node, *place)
    ask = Ask(
        operation=Operation.CONFIRM,
        pay_order_no=no,
        attempt_seq=2,
        request_no=send.request_no,
        inst_trans_id=send.inst_trans_id,
        channel=send.channel,
        account=send.account,
        amount=send.amount,
        currency=send.currency,
        asked_at=node.now(),
        timeout_s=5.0,
        card_id=CardId(row.card_id),
        agreement=cards.token(node, found),
        code=code,
        notify_url=url,
        opened_at=send.created_at,
    )
    outgoing = opened.driver.assemble(opened.account, ask)
    return await opened.driver.perform(node, opened.account, outgoing)


def test_a_strangers_refusal_ends_no_refund_of_ours(payer: Payer):
    """A request in our name that nobody has signed: UnionPay refuses it, signs that,
    and it names our order. Sent to us it must not free what is being given back.
    """
    no = opened(payer, "unionpay")
    payer.confirm(no)
    assert "SUCCESS" == payer.until(no)["biz_status"]
    payer.stack.fault("bank.unionpay.refund", "timeout_after", count=1)
    bank = payer.stack.on.sandbox.info.banks["unionpay"]
    with ThreadPoolExecutor(1) as pool:
        ours = pool.submit(refund, payer, no, 400)
        payer.stack.has_struck()
        request = STRANGERS | {"orderId": f"{no}R01", "txnTime": _beijing()}
        refused = httpx.post(
            f"{bank}/gateway/api/backTransReq.do", data=request, timeout=60
        )
        fields = dict(one.split("=", 1) for one in refused.text.split("&"))
        url = f"{payer.api.base_url}/callbacks/unionpay/main"
        told_us = httpx.post(url, data=fields, timeout=60)
        number = ours.result().json()["refund_no"]

    assert ("11", 200) == (fields["respCode"], told_us.status_code)
    assert "SUCCESS" == until(payer, number)["biz_status"]
    assert [400] == given_back(payer, no)


# --- agreements -----------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.parametrize("fault", LOST)
@pytest.mark.parametrize("bank", BOTH)
def test_a_revocation_that_got_lost_is_sent_again(payer: Payer, bank: str, fault: str):
    """An agreement is never left in force there: who knows no revocation by its number
    says whether the agreement stands, and while it does its end is asked for again,
    long before money that is not found would be given up.
    """
    holder = Holder(payer).signed(bank)
    payer.stack.fault(f"bank.{bank}.revoke", fault, count=1)

    assert 204 == holder.revoke()
    assert "REVOKED" == holder.until_revoked(), holder.events()
    assert "REVOKE_UNKNOWN" in holder.events()
    assert "REVOKE_ACKNOWLEDGED" == holder.events()[-1]


def _beijing() -> str:
    return f"{datetime.now(timezone(timedelta(hours=8))):%Y%m%d%H%M%S}"


STRANGERS = {
    "version": "5.1.0",
    "encoding": "UTF-8",
    "signMethod": "01",
    "txnType": "04",
    "txnSubType": "00",
    "bizType": "000902",
    "accessType": "0",
    "channelType": "07",
    "merId": MER_ID,
    "certId": "1",
    "txnAmt": "400",
    "origQryId": "1" * 21,
    "backUrl": "http://127.0.0.1:1/",
    "signature": "AAAA",
}
