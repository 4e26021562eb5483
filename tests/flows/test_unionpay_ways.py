"""Whole payments through the core, at a UnionPay that signs by SM2 or a shared key."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from refunding import given_back, refund, until
from stack import MALL, Payer, stacked

from paycore.dev import vendors

pytestmark = pytest.mark.long

BANK = "unionpay"


@pytest.fixture(scope="module", params=["21", "12"])
def payer(request: pytest.FixtureRequest) -> Iterator[Payer]:
    """The payer of the providers' line, whose card is agreed upon there."""
    contract = vendors.with_unionpay(datetime.now(UTC), sign_method=request.param)
    with stacked(BANK, contracts={BANK: contract}) as stack:
        line = stack.lines[MALL]
        yield Payer(stack, stack.client(MALL), line.card_id, line.phone)


def paid(payer: Payer) -> str:
    """The number of an order that was paid by a code of UnionPay's."""
    answer = payer.open(amount=1000)
    assert 201 == answer.status_code, answer.text
    no = answer.json()["pay_order_no"]
    payer.confirm(no)
    assert "SUCCESS" == payer.until(no)["biz_status"]
    return no


def test_a_payment_there_and_back(payer: Payer):
    """Opened, confirmed, told of by a notice, and given back in part: once each."""
    no = paid(payer)
    number = refund(payer, no, 400).json()["refund_no"]
    (charge, *_) = payer.stack.charges(no)

    assert (BANK, 1000) == (charge["bank"], charge["amount"])
    assert "SUCCESS" == until(payer, number)["biz_status"]
    assert [400] == given_back(payer, no)


def test_a_confirm_whose_answer_is_not_signed(payer: Payer):
    """It is unknown, and what became of it is asked for: paid, once."""
    answer = payer.open(amount=1100)
    no = answer.json()["pay_order_no"]
    payer.stack.fault(f"bank.{BANK}.confirm", "bad_signature", count=1)
    payer.confirm(no)

    assert "SUCCESS" == payer.until(no, within_s=60)["biz_status"]
    assert 1 == len(payer.stack.charges(no))
