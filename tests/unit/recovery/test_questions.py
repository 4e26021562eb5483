"""Which numbers a restore may have made us forget, and where they are asked after."""

from datetime import UTC, datetime, timedelta

from paycore.core.payment import Payment
from paycore.core.rows import AttemptRow, PaymentRow
from paycore.gateway.call import Operation, Reply
from paycore.kernel.ids import MAX_ATTEMPTS, attempt_id
from paycore.kernel.outcome import Outcome
from paycore.kernel.terms import (
    SMS_CENTRE,
    BizLineId,
    CardId,
    PayOrderNo,
    ProcessStatus,
    TransType,
)
from paycore.recovery.questions import Place, of_ended, of_open

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
NO = PayOrderNo("260501120000000" + "0" * 11)
PLACES = [
    Place(channel=bank, account="main", operation=operation)
    for bank, operation in (
        ("quick_a", Operation.CONFIRM),
        ("deduct_a", Operation.DEDUCT),
    )
]


def payment(*, attempts: int = 0) -> Payment:
    """One of 900 that has used up so many numbers."""
    return Payment(
        PaymentRow(
            pay_order_no=NO,
            biz_line=BizLineId("shop"),
            out_biz_no="o-1",
            biz_order_no=None,
            amount=900,
            coupon_no=None,
            coupon_amount=0,
            payable_amount=900,
            currency="CNY",
            card_id=CardId("card_1"),
            subject="Tea",
            attempts=attempts,
            created_at=NOW,
            expires_at=NOW + timedelta(minutes=15),
            next_check_at=NOW,
        )
    )


def begun(of: Payment, kind: TransType, channel: str, **given: object) -> AttemptRow:
    """An attempt at a bank."""
    return of.begin(
        kind,
        channel=channel,
        account="main",
        inst_trans_id="any",
        now=NOW,
        quiet_from=NOW,
        **given,
    )


def asked(of: Payment, *, ahead: int) -> set[tuple[str, str, Operation]]:
    """Number, bank and what is asked after."""
    return {
        (one.request_no[-2:], one.channel, one.operation)
        for one in of_open(of, PLACES, ahead=ahead)
    }


def test_the_next_numbers_are_asked_after_at_every_account():
    """It may have been converted, and gone from channel to channel."""
    both = {("quick_a", Operation.CONFIRM), ("deduct_a", Operation.DEDUCT)}

    found = asked(payment(attempts=2), ahead=2)

    assert {(number, *place) for number in ("03", "04") for place in both} == found


def test_there_is_no_number_behind_the_last():
    """However far ahead is asked for."""
    found = asked(payment(attempts=MAX_ATTEMPTS - 1), ahead=25)

    assert {"99"} == {number for number, _, _ in found}
    assert set() == asked(payment(attempts=MAX_ATTEMPTS), ahead=25)


def test_a_send_is_asked_after_for_its_confirm():
    """Under the send's number at its bank, whatever was charged; our own SMS centre
    takes no money.
    """
    of = payment()
    begun(of, TransType.QUICK_PAY_SEND_MSG, "quick_a")
    begun(of, TransType.QUICK_PAY_SEND_MSG, SMS_CENTRE)

    assert {("01", "quick_a", Operation.CONFIRM)} == asked(of, ahead=0)


def test_an_open_leg_is_left_to_the_ordinary_enquiry():
    """Its answer is an answer, and no difference; nor is its send's number asked."""
    of = payment()
    begun(of, TransType.QUICK_PAY_SEND_MSG, "quick_a")
    begun(*(of, TransType.QUICK_PAY_CONFIRM, "quick_a"), request_no=attempt_id(NO, 1))

    assert set() == asked(of, ahead=0)


def test_a_wrong_code_does_not_end_the_asking():
    """The confirm after it has the same number, and may be the one that was lost."""
    of = payment()
    begun(of, TransType.QUICK_PAY_SEND_MSG, "quick_a")
    confirm = begun(
        *(of, TransType.QUICK_PAY_CONFIRM, "quick_a"), request_no=attempt_id(NO, 1)
    )
    no = Reply(outcome=Outcome.DECLINED)
    of.end(confirm, ProcessStatus.GW_FAIL, no, NOW)

    (one,) = of_open(of, PLACES, ahead=0)
    assert (attempt_id(NO, 1), False) == (one.request_no, one.paid)


def test_an_end_is_asked_after_as_what_it_is():
    """A leg that paid is to be there, and one that failed is not."""
    of = payment()
    for status in (ProcessStatus.GW_FAIL, ProcessStatus.GW_SUCCESS):
        leg = begun(of, TransType.DEDUCT, "deduct_a")
        of.end(leg, status, Reply(outcome=Outcome.UNKNOWN), NOW)

    found = {one.request_no[-2:]: one.paid for one in of_ended(of, of.money_legs)}

    assert {"01": False, "02": True} == found
