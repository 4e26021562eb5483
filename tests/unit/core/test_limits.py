"""What a payment holds of limits (I29): no more and no longer than it counts."""

import pytest
from a_payment import LATER, NO_ANSWER, NOW, YES, begun, row, sent

from paycore.core.payment import Payment
from paycore.core.states import Event
from paycore.kernel.terms import CodeSender, Json, ProcessStatus, TransType

RESERVED = Json('[["channel:quick_a:day",900,"2026-05-02T00:00:00Z"]]')


def gone(payment: Payment) -> list[int]:
    return [attempt.seq for attempt in payment.no_longer_held()]


def waiting(*, by=CodeSender.CHANNEL) -> Payment:
    """A payment whose quick code is out, as stored."""
    payment = Payment(row(), new=True)
    sent(payment, by=by, reserved=RESERVED)
    payment.stored()
    return payment


def test_a_send_that_is_out_keeps_its_reservation():
    """The limit that a quick send took is held while the payer types."""
    payment = Payment(row(), new=True)
    begun(payment, TransType.QUICK_PAY_SEND_MSG, reserved=RESERVED)
    payment.stored()
    done = payment.end(payment.attempts[1], ProcessStatus.GW_SUCCESS, YES, NOW)
    payment.code_sent(done, by=CodeSender.CHANNEL, phone="", until=LATER, now=NOW)

    assert [] == gone(payment)


def test_a_send_that_failed_gives_back_at_once():
    """A route that did not work holds nothing."""
    payment = Payment(row(), new=True)
    begun(payment, TransType.QUICK_PAY_SEND_MSG, reserved=RESERVED)
    payment.stored()
    payment.end(payment.attempts[1], ProcessStatus.GW_FAIL, NO_ANSWER, NOW)

    assert [1] == gone(payment)


def test_a_new_code_takes_the_place_of_the_old_ones_reservation():
    """One payment holds one reservation, however often its code was sent."""
    payment = waiting()
    begun(payment, TransType.QUICK_PAY_SEND_MSG, reserved=RESERVED)
    payment.stored()
    done = payment.end(payment.attempts[2], ProcessStatus.GW_SUCCESS, YES, NOW)
    payment.code_sent(done, by=CodeSender.CHANNEL, phone="", until=LATER, now=NOW)

    assert [1] == gone(payment)


def test_a_conversion_gives_the_quick_channels_limit_back():
    """What a payment no longer uses others may use."""
    payment = waiting()
    payment.convert(cause="CHANNEL_DOWN", now=LATER)

    assert [1] == gone(payment)


@pytest.mark.parametrize(
    "event", [Event.DECLINED, Event.SEND_FAILED, Event.CLOSED, Event.EXPIRED]
)
def test_an_end_without_money_gives_back(event):
    """A payment that took nothing holds nothing."""
    payment = waiting()
    payment.apply(event, now=LATER)

    assert [1] == gone(payment)


def test_a_quick_payment_that_was_paid_holds_what_its_send_took():
    """The limit counts what was taken, and the send took it for the confirm."""
    payment = waiting()
    leg = begun(payment, TransType.QUICK_PAY_CONFIRM)
    payment.stored()
    payment.end(leg, ProcessStatus.GW_SUCCESS, YES, LATER)
    payment.apply(Event.PAID, now=LATER)

    assert [] == gone(payment)


def test_a_deduct_gives_back_when_it_failed_and_not_when_it_is_unknown():
    """A leg holds its limit as long as it may have been charged."""
    payment = waiting(by=CodeSender.SMS_CENTRE)
    leg = begun(payment, TransType.DEDUCT, reserved=RESERVED)
    payment.stored()
    leg = payment.still_open(leg, NO_ANSWER, now=LATER, call_ended=True)

    assert [] == gone(payment)
    payment.end(leg, ProcessStatus.GW_FAIL, NO_ANSWER, LATER)
    assert [2] == gone(payment)


def test_nothing_is_given_back_twice():
    """What one commit gave back is no concern of the next."""
    payment = waiting()
    payment.convert(cause="CHANNEL_DOWN", now=LATER)
    payment.stored()
    payment.apply(Event.CLOSED, now=LATER)

    assert [] == gone(payment)


def test_a_payment_loaded_anew_knows_what_it_holds():
    """After a crash another node gives back what the first one reserved."""
    first = waiting()
    taken_over = Payment(first.row, first.attempts.values())
    taken_over.apply(Event.EXPIRED, now=LATER)

    assert [1] == gone(taken_over)
