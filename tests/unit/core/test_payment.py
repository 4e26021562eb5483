from datetime import timedelta
from itertools import pairwise

import pytest
from a_payment import LATER, NO, NO_ANSWER, NOW, YES, begun, row, sent, staged
from msgspec.structs import replace

from paycore.core.payment import (
    ENQUIRY_LADDER_S,
    RETURNED,
    SLOW_ENQUIRY_S,
    Payment,
    differs,
)
from paycore.core.rows import TransitionRow
from paycore.core.states import Audience, Event, NoSuchTransition
from paycore.gateway.call import Reply
from paycore.kernel.ids import attempt_id
from paycore.kernel.outcome import Blame, Outcome
from paycore.kernel.terms import (
    AttemptId,
    BizStatus,
    Epoch,
    PayType,
    ProcessStatus,
    TransType,
    VerifyStatus,
)

# --- apply ----------------------------------------------------------------------------


def test_an_event_moves_the_status_and_is_recorded():
    """One event is one row of history, in order, with its cause and its attempt."""
    payment = Payment(row())
    payment.apply(Event.CODE_SENT, now=NOW, cause="channel", attempt_seq=1)
    payment.apply(Event.PAID, now=LATER, attempt_seq=2)

    assert BizStatus.SUCCESS is payment.row.biz_status
    assert ["CODE_SENT", "PAID"] == [
        one.event for one in staged(payment).appends if isinstance(one, TransitionRow)
    ]
    assert [1, 2] == [
        one.seq for one in staged(payment).appends if isinstance(one, TransitionRow)
    ]


def test_a_final_status_lets_go_of_everything():
    """What is final has an end, and neither a next look nor a lease."""
    payment = Payment(row())
    payment.lease(Epoch(3), until=LATER, look_at=LATER)
    payment.apply(Event.DECLINED, now=LATER)

    assert LATER == payment.row.finished_at
    assert payment.row.next_check_at is None
    assert (None, None) == (payment.row.lease_epoch, payment.row.lease_until)


def test_what_is_final_stays():
    """A second last word is refused, whatever it says."""
    payment = Payment(row())
    payment.apply(Event.CLOSED, now=NOW)

    for event in Event:
        with pytest.raises(NoSuchTransition):
            payment.apply(event, now=LATER)
    assert BizStatus.CLOSED is payment.row.biz_status


def test_who_is_to_be_told_is_remembered():
    """A payment that succeeded owes accounting and the business line a word."""
    payment = Payment(row())
    payment.apply(Event.CODE_SENT, now=NOW)
    before = set(payment.told)
    payment.apply(Event.PAID, now=NOW)

    assert set() == before
    assert {Audience.ACCOUNTING, Audience.BIZ_LINE} == payment.told


# --- attempts -------------------------------------------------------------------------


def test_an_attempt_is_its_own_request_number():
    """A request number names its payment, and is new with every attempt."""
    payment = Payment(row())
    first = begun(payment, TransType.QUICK_PAY_SEND_MSG)
    payment.end(first, ProcessStatus.GW_FAIL, NO_ANSWER, NOW)
    second = begun(payment, TransType.QUICK_PAY_SEND_MSG)

    assert [attempt_id(NO, 1), attempt_id(NO, 2)] == [
        first.request_no,
        second.request_no,
    ]


def test_a_confirm_may_inherit_the_number_of_its_send():
    """The number of the attempt that opened the order is carried by its confirm."""
    payment = Payment(row())
    send = sent(payment)
    leg = begun(payment, TransType.QUICK_PAY_CONFIRM, request_no=send.request_no)

    assert send.request_no == leg.request_no
    assert AttemptId(f"{NO}01") == leg.request_no


def test_an_attempt_asks_for_what_is_payable():
    """The channel is asked for the order's amount without the coupon's."""
    leg = begun(Payment(row()), TransType.DEDUCT)

    assert (900, "CNY") == (leg.amount, leg.currency)


def test_an_open_money_leg_is_seen_until_its_last_word():
    """A leg of unknown fate stands in the way until it is known."""
    payment = Payment(row())
    leg = begun(payment, TransType.QUICK_PAY_CONFIRM)
    waiting = payment.still_open(leg, NO_ANSWER, now=LATER, call_ended=True)

    assert waiting is payment.money_leg
    payment.end(waiting, ProcessStatus.GW_SUCCESS, YES, LATER)
    assert payment.money_leg is None
    assert payment.money_leg_sent
    assert 2 == len({waiting.process_status, payment.charged.process_status})


def test_a_code_is_no_money_leg():
    """To send or check a code asks for no money: the payment may still convert."""
    payment = Payment(row())
    sent(payment)
    begun(payment, TransType.SMS_VERIFY)

    assert payment.money_leg is None
    assert not payment.money_leg_sent


def test_a_call_that_ended_is_quiet_from_then_on():
    """Nobody sends a request whose call is over: "not found" may count from there."""
    payment = Payment(row())
    leg = begun(payment, TransType.DEDUCT)
    ended = payment.still_open(leg, NO_ANSWER, now=LATER, call_ended=True)

    assert LATER == ended.quiet_from
    assert 0 == ended.enquiries


SAID = Reply(
    outcome=Outcome.DECLINED,
    blame=Blame.CHANNEL,
    resp_code="BUSY",
    resp_msg="Come again",
    channel_ref="r-7",
    channel_token="t-7",
)


def test_the_last_word_is_kept_as_it_was_said():
    """All that the channel said stays with the attempt: a person may need it."""
    payment = Payment(row())
    leg = begun(payment, TransType.DEDUCT)
    ended = payment.end(leg, ProcessStatus.GW_FAIL, SAID, LATER)

    assert ended is payment.attempts[leg.seq]
    assert ended == replace(
        leg,
        process_status=ProcessStatus.GW_FAIL,
        outcome=Outcome.DECLINED,
        blame=Blame.CHANNEL,
        resp_code="BUSY",
        resp_msg="Come again",
        channel_ref="r-7",
        channel_token="t-7",
        quiet_from=LATER,
        finished_at=LATER,
    )


def test_a_word_that_is_not_the_last_is_kept_too():
    """What was said so far is shown; what only a last word gives is left open."""
    payment = Payment(row())
    leg = begun(payment, TransType.DEDUCT)
    heard = payment.still_open(leg, SAID, now=LATER, call_ended=False)

    assert heard == replace(
        leg,
        outcome=Outcome.DECLINED,
        resp_code="BUSY",
        resp_msg="Come again",
        enquiries=1,
    )


def test_an_enquiry_does_not_end_the_call():
    """While a call may still be sent, an enquiry leaves its quiet time alone."""
    payment = Payment(row())
    leg = begun(payment, TransType.DEDUCT)
    asked = payment.still_open(leg, NO_ANSWER, now=LATER, call_ended=False)

    assert leg.quiet_from == asked.quiet_from
    assert 1 == asked.enquiries


# --- codes ----------------------------------------------------------------------------


def test_the_newest_code_is_the_one_in_force():
    """A new code voids what was known of the old one, its verdict included."""
    payment = Payment(row())
    sent(payment)
    payment.verified(VerifyStatus.WRONG)
    payment.verified(VerifyStatus.PASS, pass_until=LATER)
    second = sent(payment)

    assert second.seq == payment.row.code_seq
    assert payment.row.pass_until is None
    assert VerifyStatus.NOT_VERIFIED is payment.row.verify_status
    assert 1 == payment.row.wrong_tries
    assert [1, 2] == [attempt.seq for attempt in payment.sends]


def test_a_conversion_voids_the_channels_code():
    """After a conversion a bank's code counts no more (I9)."""
    payment = Payment(row())
    sent(payment)
    payment.convert(cause="CHANNEL_DOWN", now=LATER)

    assert PayType.DEDUCT is payment.row.pay_type
    assert ("CHANNEL_DOWN", LATER) == (
        payment.row.convert_cause,
        payment.row.converted_at,
    )
    assert payment.send_in_force is None
    assert (None, None, None) == (
        payment.row.code_by,
        payment.row.code_sent_at,
        payment.row.code_expires_at,
    )


def test_a_payment_converts_once():
    """There is no way back, and no second time."""
    payment = Payment(row())
    payment.convert(cause="ROUTE_NONE", now=NOW)

    with pytest.raises(AssertionError):
        payment.convert(cause="ROUTE_NONE", now=NOW)


def test_nothing_converts_after_a_money_leg():
    """Once money was asked for, the pay type stands, whatever became of the leg."""
    payment = Payment(row())
    leg = begun(payment, TransType.QUICK_PAY_CONFIRM)
    payment.end(leg, ProcessStatus.GW_FAIL, NO_ANSWER, LATER)

    with pytest.raises(AssertionError):
        payment.convert(cause="CHANNEL_DOWN", now=LATER)


# --- leases and looks -----------------------------------------------------------------


def test_a_payment_that_waits_for_its_payer_is_looked_at_when_it_expires():
    """Nothing is asked of anybody before its time is over."""
    payment = Payment(row())
    sent(payment)
    payment.lease(Epoch(1), until=LATER, look_at=LATER)
    payment.release(LATER)

    assert payment.row.expires_at == payment.row.next_check_at
    assert (None, None) == (payment.row.lease_epoch, payment.row.lease_until)


@pytest.mark.parametrize("kind", [TransType.DEDUCT, TransType.QUICK_PAY_SEND_MSG])
def test_an_open_attempt_is_looked_at_soon(kind):
    """What waits for an answer is asked after at the ladder's pace."""
    payment = Payment(row())
    begun(payment, kind)
    payment.release(LATER)

    assert LATER + timedelta(seconds=ENQUIRY_LADDER_S[0]) == payment.row.next_check_at


def test_the_ladder_is_climbed_rung_by_rung_and_never_left():
    """Every enquiry waits as long as the last or longer, for twenty minutes, and
    after the desk has it we still ask.
    """
    payment = Payment(row())
    begun(payment, TransType.DEDUCT)
    waits, out = [], []
    for _ in range(len(ENQUIRY_LADDER_S) + 3):
        payment.release(NOW)
        waits.append((payment.row.next_check_at - NOW).total_seconds())
        payment.look_again()
        out.append(payment.out_of_schedule)

    assert all(shorter <= longer for shorter, longer in pairwise(waits))
    assert [*ENQUIRY_LADDER_S, SLOW_ENQUIRY_S] == waits[: len(ENQUIRY_LADDER_S) + 1]
    assert [n >= len(ENQUIRY_LADDER_S) - 1 for n in range(len(out))] == out
    assert 20 * 60 <= sum(ENQUIRY_LADDER_S) <= 25 * 60


def test_a_new_wait_starts_on_the_first_rung():
    """An answer that is still open begins the ladder anew."""
    payment = Payment(row(checks=7))
    begun(payment, TransType.DEDUCT)
    payment.first_look()
    payment.release(NOW)

    assert NOW + timedelta(seconds=ENQUIRY_LADDER_S[0]) == payment.row.next_check_at


@pytest.mark.parametrize("now", [NOW, LATER])
def test_an_expired_payment_that_could_not_be_closed_is_looked_at_again(now):
    """A payment over its time never waits for a moment that has passed, nor for the
    very one in which it could not be closed.
    """
    payment = Payment(row(expires_at=NOW))
    payment.release(now)

    assert now + timedelta(seconds=ENQUIRY_LADDER_S[0]) == payment.row.next_check_at


def test_a_final_payment_is_not_released_into_a_next_look():
    """To give back what is final leaves it final."""
    payment = Payment(row())
    payment.apply(Event.PAID, now=NOW)
    final = payment.row
    payment.release(LATER)

    assert final is payment.row


# --- writing --------------------------------------------------------------------------


def test_a_new_payment_is_inserted_and_its_history_appended():
    """What was never stored is guarded by its key being new."""
    payment = Payment(row(), new=True)
    begun(payment, TransType.QUICK_PAY_SEND_MSG)
    change = staged(payment)

    assert [payment.row] == [one.row for one in change.inserts]
    assert [payment.attempts[1]] == change.appends
    assert [] == change.updates


def test_a_stored_payment_is_updated_under_the_version_it_was_loaded_at():
    """Whoever was first wins: the version is that of the load, through every change."""
    payment = Payment(row(version=7), [])
    payment.at_step("UniqueCheck")
    payment.apply(Event.CODE_SENT, now=NOW)

    assert [7] == [one.version for one in staged(payment).updates]


def test_what_did_not_change_is_not_written():
    """A look that finds nothing to do writes nothing."""
    assert staged(Payment(row(version=7))).empty


def test_after_a_commit_the_next_one_stands_on_it():
    """A passage with several commits follows the versions that the journal gives."""
    payment = Payment(row(), new=True)
    leg = begun(payment, TransType.DEDUCT)
    payment.stored()
    assert payment.is_new is False
    payment.end(leg, ProcessStatus.GW_SUCCESS, YES, LATER)
    payment.apply(Event.PAID, now=LATER)
    second = staged(payment)
    payment.stored()

    assert [("payment", 1), ("attempt", 1)] == [
        (one.guard, one.version) for one in second.updates
    ]
    assert [2, 2] == [payment.row.version, payment.attempts[1].version]
    assert staged(payment).empty


def test_a_copy_is_what_to_come_back_to():
    """A refused intent leaves no trace in the payment that was copied before it."""
    payment = Payment(row(), new=True)
    sent(payment)
    before = payment.copy()
    begun(payment, TransType.DEDUCT)
    payment.apply(Event.PAID, now=LATER)

    assert [1] == list(before.attempts)
    assert BizStatus.DOING is before.row.biz_status
    assert set() == before.told
    assert 1 == len([x for x in staged(before).appends if isinstance(x, TransitionRow)])


# --- other money than ours ------------------------------------------------------------


@pytest.mark.parametrize(
    "reply",
    [
        Reply(outcome=Outcome.SUCCEEDED, amount=901, currency="CNY"),
        Reply(outcome=Outcome.SUCCEEDED, amount=900, currency="USD"),
        Reply(outcome=Outcome.SUCCEEDED),
    ],
)
def test_a_yes_over_other_money_is_no_yes(reply):
    """A success counts only over exactly what was asked (F32)."""
    assert differs(reply, begun(Payment(row()), TransType.DEDUCT))


def test_only_a_yes_about_money_is_compared():
    """A refusal names no amount, and a code that was sent is worth none."""
    payment = Payment(row())
    send = begun(payment, TransType.QUICK_PAY_SEND_MSG)
    leg = begun(payment, TransType.DEDUCT)

    assert not differs(Reply(outcome=Outcome.SUCCEEDED), send)
    assert not differs(NO_ANSWER, leg)
    assert not differs(YES, leg)
    assert differs(YES, replace(leg, amount=899))


# --- held -----------------------------------------------------------------------------


def test_a_deduction_of_which_nothing_begins_is_looked_at_when_it_expires():
    """Its money went back, or a person closes it: there is nobody to go on for."""
    payment = Payment(row(pay_type=PayType.DEDUCT, held=RETURNED))
    payment.release(LATER)

    assert payment.row.expires_at == payment.row.next_check_at


def test_what_is_held_says_why_and_waits_for_a_person():
    """A payment over which money contradicts itself names it and waits."""
    payment = Payment(row())
    payment.hold("CHARGED_WITHOUT_CONFIRM")
    payment.release(NOW)

    assert replace(row(), held="CHARGED_WITHOUT_CONFIRM") == replace(
        payment.row, next_check_at=row().next_check_at
    )
    assert NOW + timedelta(seconds=SLOW_ENQUIRY_S) == payment.row.next_check_at
