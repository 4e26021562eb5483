"""UnionPay's standard product through the whole core: a card is signed without a token,
pays by being named, and what it paid goes back by a void on the same day.
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone

import pytest
from holding import Holder, seeded_payer
from inside import inside, rows, taken_up
from refunding import given_back, refund, until
from stack import Payer, Stack, stacked

from paycore.core.rows import RefundRow
from paycore.dev import vendors
from paycore.gateway import accounts
from paycore.gateway.rows import MessageRow
from paycore.kernel.node import Node
from paycore.recon import service as recon
from paycore.recon.service import Outcome

pytestmark = pytest.mark.long

BEIJING = timezone(timedelta(hours=8))
OVER = timedelta(days=5)
"""By then the day is over for everybody."""

NUMBERS = ("6222020200112233446", "6226388000000095", "6222021234567894")


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with stacked("unionpay", retention_hour=-1) as made:
        standard(made)
        yield made


@pytest.fixture
def payer(stack: Stack) -> Iterator[Payer]:
    """The payer of the providers' line."""
    with seeded_payer(stack) as one:
        yield one


def standard(stack: Stack) -> None:
    """Our account at UnionPay is one of the standard product, and voids."""
    base_url = stack.on.sandbox.info.banks["unionpay"]
    given = vendors.credentials(stack.on.kept.vendors["unionpay"], "unionpay", base_url)
    product = {"quick_biz_type": "000301", "tr_id": "", "void_before": "23:59"}

    async def save(node: Node) -> None:
        await accounts.save(
            node,
            channel="unionpay",
            account="main",
            driver="unionpay",
            base_url=base_url,
            credentials={**given, **product},
        )

    inside(stack, save)
    taken_up(stack)


def today() -> date:
    """In Beijing, where there is some of it left."""
    now = datetime.now(BEIJING)
    if (now.hour, now.minute) > (23, 50):
        pytest.skip("the day is nearly over in Beijing")
    return now.date()


def holder_of(payer: Payer, number: str) -> Holder:
    """Who has signed this card."""
    return Holder(payer, number).signed("unionpay")


def payer_of(payer: Payer, holder: Holder) -> Payer:
    """The same person, paying."""
    return Payer(payer.stack, payer.api, holder.card_id, holder.phone)


def paid(payer: Payer, amount: int) -> str:
    """The number of an order that was paid by quick pay at UnionPay."""
    no = payer.open(amount=amount).json()["pay_order_no"]
    payer.confirm(no)
    assert "SUCCESS" == payer.until(no)["biz_status"]
    (charge,) = payer.stack.charges(no)
    assert ("unionpay", amount) == (charge["bank"], charge["amount"])
    return no


def asked(stack: Stack, no: str) -> list[str]:
    """The kinds of what we asked UnionPay about a payment; enquiries aside."""
    sent = [row for row in rows(stack, MessageRow, no) if row.direction == "OUT"]
    sent.sort(key=lambda row: row.at)
    kinds = [row.body.partition("txnType=")[2][:2] for row in sent]
    return [kind for kind in kinds if kind != "00"]


def test_a_day_of_the_standard_product(stack: Stack, payer: Payer):
    """Signed, paid, an answer lost and asked after, given back whole and in part: the
    day's statement has all of it, and differs in nothing.
    """
    day = today()
    me = payer_of(payer, holder_of(payer, NUMBERS[0]))
    first = paid(me, 1250)
    stack.fault("bank.unionpay.confirm", "timeout_after", count=1)
    second = paid(me, 990)
    whole = refund(me, first, 1250).json()["refund_no"]
    part = refund(me, second, 400).json()["refund_no"]

    assert ["SUCCESS"] * 2 == [until(me, one)["biz_status"] for one in (whole, part)]
    assert ([1250], [400]) == (given_back(me, first), given_back(me, second))
    assert (["77", "01", "31"], ["77", "01", "04"]) == (
        *(asked(stack, first), asked(stack, second)),
    )
    for no in (first, second):
        kept = " ".join(row.body for row in rows(stack, MessageRow, no))
        assert "bizType=000301" in kept
        assert NUMBERS[0] not in kept
    if datetime.now(BEIJING).date() != day:
        pytest.skip("midnight came in between")
    reconciled = reconcile(stack, day)
    assert "RECONCILED" == reconciled.statement.state, reconciled
    assert (4, 0) == (reconciled.statement.figures.matched, reconciled.cases)


def test_a_refused_void_is_a_refused_refund(stack: Stack, payer: Payer):
    """It ends there and gives back what it held; the next refund is one by itself, and
    a void that got lost is sent again as the void that it was.
    """
    today()
    me = payer_of(payer, holder_of(payer, NUMBERS[1]))
    no = paid(me, 700)
    stack.fault("bank.unionpay.refund", "decline:35", count=1)
    refused = until(me, refund(me, no, 700).json()["refund_no"])
    stack.fault("bank.unionpay.refund", "timeout_after", count=1)
    given = until(me, refund(me, no, 700).json()["refund_no"])

    assert ("FAIL", "35") == (refused["biz_status"], refused["resp_code"])
    assert "SUCCESS" == given["biz_status"]
    assert [700] == given_back(me, no)
    assert {"77", "01", "31"} == set(asked(stack, no))
    assert ["FAIL", "SUCCESS"] == [row.status for row in rows(stack, RefundRow, no)]


def test_a_card_that_is_revoked_is_named_no_more(stack: Stack, payer: Payer):
    """There is no token to end at UnionPay: the agreement is over by our word, and
    money that the card paid before still goes back.
    """
    today()
    holder = holder_of(payer, NUMBERS[2])
    me = payer_of(payer, holder)
    no = paid(me, 800)

    assert 204 == holder.revoke()
    assert "REVOKED" == holder.until_revoked(), holder.events()
    assert "REVOKE_ACKNOWLEDGED" == holder.events()[-1]
    assert 201 != me.open(amount=800).status_code
    number = refund(me, no, 800).json()["refund_no"]
    assert "SUCCESS" == until(me, number)["biz_status"]


def reconcile(stack: Stack, day: date) -> Outcome:
    """The day, by a node that knows that it is over."""
    told = {"today": (day + OVER).isoformat()}
    stack.control.post("/control/statement_days", json=told).raise_for_status()

    async def act(node: Node) -> Outcome:
        node.clock.ahead = OVER
        return await recon.run(node, stack.on.cluster.dsn, ("unionpay", "main"), day)

    try:
        return inside(stack, act)
    finally:
        stack.control.post("/control/statement_days", json={"today": None})
