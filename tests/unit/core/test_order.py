from datetime import timedelta

import msgspec
import pytest
from a_payment import LATER, NOW, row, sent
from msgspec.structs import replace

from paycore.core.order import confirm_result_of, order_of, resend_after_s
from paycore.core.payment import Payment
from paycore.core.states import Event

PUBLISHED = [
    "pay_order_no",
    "out_biz_no",
    "biz_order_no",
    "amount",
    "payable_amount",
    "refunded_amount",
    "currency",
    "pay_type",
    "biz_status",
    "verify_status",
    "code",
    "resp_code",
    "resp_msg",
    "created_at",
    "expires_at",
    "finished_at",
]
RESULT = [
    "biz_order_no",
    "pay_order_no",
    "out_biz_no",
    "biz_status",
    "verify_status",
    "resp_code",
    "resp_msg",
    "tries_left",
]


def order(of, now=LATER):
    return order_of(of, now=now, code_gap_s=60)


def test_an_order_has_the_published_fields_and_no_other():
    """What a business line reads is a contract, in answers and in notices alike."""
    assert PUBLISHED == list(msgspec.to_builtins(order(row())))


def test_a_result_has_the_articles_seven_fields_and_the_tries():
    """A confirm answers what the article answers."""
    result = confirm_result_of(row(), tries_left=3)

    assert RESULT == list(msgspec.to_builtins(result))


@pytest.mark.parametrize(("given", "read"), [(None, "o-1"), ("b-9", "b-9")])
def test_an_order_number_of_the_line_falls_back_to_the_payments(given, read):
    """A line that names no business order reads its own number of the payment."""
    one = replace(row(), biz_order_no=given)

    assert read == order(one).biz_order_no
    assert read == confirm_result_of(one, tries_left=None).biz_order_no


def test_there_is_no_code_before_one_was_sent():
    """An order whose code is not out says so."""
    assert order(row()).code is None


def test_a_code_that_is_out_says_when_another_may_be_asked_for():
    """The wait is counted from the last code, and never negative."""
    payment = Payment(row())
    sent(payment)

    for passed, wait in ((0, 60), (0.5, 60), (59.5, 1), (60, 0), (3600, 0)):
        now = LATER + timedelta(seconds=passed)
        assert wait == resend_after_s(payment.row, now=now, code_gap_s=60)
        assert wait == order(payment.row, now).code.resend_after_s


def test_a_finished_order_has_no_code():
    """Nobody is invited to type a code into what is over."""
    payment = Payment(row())
    sent(payment)
    payment.apply(Event.CLOSED, now=NOW)

    assert order(payment.row).code is None
    assert NOW == order(payment.row).finished_at
