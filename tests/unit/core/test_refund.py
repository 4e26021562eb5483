"""The refund as an aggregate: what is written with what, and what is held for it."""

from datetime import timedelta
from uuid import uuid4

import pytest
from a_payment import LATER, NO, NOW
from a_refund import a_row, a_total, begun

from paycore.core.payment import ENQUIRY_LADDER_S
from paycore.core.refunds.refund import Refund, done, given_back, reserved, taken
from paycore.core.rows import RefundRow, RefundTotalRow, RefundTransitionRow
from paycore.core.states import Audience, NoSuchTransition, RefundEvent
from paycore.gateway.call import Reply, not_sent, unknown
from paycore.kernel.journal import Change
from paycore.kernel.outcome import Outcome
from paycore.kernel.terms import Epoch, RefundStatus

YES = Reply(outcome=Outcome.SUCCEEDED, amount=90, currency="CNY", channel_ref="b1")


def staged(refund: Refund) -> Change:
    change = Change(uuid4())
    refund.stage(change)
    return change


def test_a_new_refund_is_appended_with_its_first_event():
    """Row and history are one change; its own number says where it belongs."""
    refund = Refund(a_row(7), new=True)
    refund.sending(now=NOW)
    row, first = staged(refund).appends

    assert isinstance(row, RefundRow)
    assert isinstance(first, RefundTransitionRow)
    assert ("REFUND_BEGUN", 1) == (first.event, first.seq)
    assert (1, "REFUND_BEGUN", 1) == (row.sends, row.last_event, row.events)
    assert f"{NO}R07" == row.refund_no
    assert 107 == refund.seq


def test_its_moment_at_the_channel_is_that_of_the_first_call_that_may_have_left():
    """What never left is an order of the moment at which it does; from then on the
    channel knows it by that.
    """
    refund = Refund(a_row(7, sends=0, events=0), new=True)
    assert refund.row.created_at == refund.order_at
    refund.sending(now=NOW)
    refund.heard(not_sent("NO_CONNECTION"), now=NOW, call_ended=True)
    refund.sending(now=LATER)
    assert LATER == refund.order_at
    refund.heard(unknown("LATE"), now=LATER, call_ended=True)
    refund.sending(now=LATER + timedelta(hours=1))

    assert LATER == refund.order_at
    assert (LATER, 2) == (staged(refund).appends[0].order_at, refund.row.sends)


def test_what_the_version_before_sent_keeps_the_moment_that_it_was_told():
    """That of its birth, which is in no column of its own."""
    refund = Refund(a_row(7, sends=1, order_at=None))
    refund.sending(now=LATER)

    assert refund.row.created_at == refund.order_at


def test_a_success_counts_as_done_in_the_same_change():
    """What was in flight is done: the total stays taken, and says that it is back."""
    refund = begun()
    refund.heard(YES, now=LATER, call_ended=True)
    refund.apply(RefundEvent.REFUNDED, now=LATER)
    change = staged(refund)
    (amend,) = change.amends
    total = amend.step(a_total(taken_amount=300, taken_money=270))

    assert [1] == [update.version for update in change.updates]
    assert (RefundTotalRow, (NO,)) == (amend.kind, amend.key)
    assert (300, 270, 100, 90) == (
        *(total.taken_amount, total.taken_money),
        *(total.done_amount, total.done_money),
    )
    assert {Audience.ACCOUNTING, Audience.BIZ_LINE} == refund.told
    assert ("b1", None, LATER) == (
        *(refund.row.channel_ref, refund.row.next_check_at),
        refund.row.finished_at,
    )


def test_a_failure_gives_back_in_the_same_change():
    """What was reserved is free again, and not before."""
    refund = begun()
    refund.apply(RefundEvent.REFUND_REFUSED, now=LATER, cause="REFUND_EXCEEDS")
    (amend,) = staged(refund).amends
    total = amend.step(a_total(taken_amount=300, taken_money=270))

    assert (200, 180, 0, 0) == (
        *(total.taken_amount, total.taken_money),
        *(total.done_amount, total.done_money),
    )
    assert {Audience.BIZ_LINE} == refund.told


@pytest.mark.parametrize(
    "event",
    [
        RefundEvent.REFUND_UNKNOWN,
        RefundEvent.REFUND_NOT_SENT,
        RefundEvent.REFUND_NOT_FOUND,
        RefundEvent.REFUND_SENT_AGAIN,
    ],
)
def test_what_is_open_keeps_its_reservation(event):
    """F47: no event short of a last word touches the total."""
    refund = begun()
    refund.apply(event, now=LATER)

    assert [] == staged(refund).amends
    assert set() == refund.told


def test_a_total_is_amended_once():
    """A refund that has ended, and is looked at again, changes nothing more."""
    refund = begun()
    refund.apply(RefundEvent.REFUNDED, now=LATER)
    staged(refund)
    refund.stored()

    assert staged(refund).empty


def test_a_final_refund_has_no_exit():
    """No event moves it any more."""
    over = {"status": RefundStatus.FAIL, "next_check_at": None, "finished_at": LATER}
    refund = Refund(a_row(**over))
    for event in RefundEvent:
        with pytest.raises(NoSuchTransition):
            refund.apply(event, now=LATER)


def test_what_never_left_is_sent_and_what_left_is_asked_after():
    """A send that surely did not leave does not count; one that may have left does."""
    refund = begun()

    assert not refund.surely_unsent
    refund.heard(not_sent("refused"), now=LATER, call_ended=True)
    assert refund.surely_unsent
    refund.sending(now=LATER)
    assert "REFUND_SENT_AGAIN" == refund.row.last_event
    refund.heard(unknown("NO_ANSWER"), now=LATER, call_ended=True)
    assert not refund.surely_unsent


def test_an_enquiry_that_was_not_sent_takes_no_send_back():
    """Only the refund's own call says whether it left."""
    refund = begun()
    refund.heard(not_sent("breaker"), now=LATER, call_ended=False)

    assert 1 == refund.row.sends


def test_the_end_of_a_call_is_when_nobody_sends_any_more():
    """A callback or an enquiry says nothing of that."""
    asked, called = begun(), begun()
    asked.heard(unknown("X"), now=LATER, call_ended=False)
    called.heard(unknown("X"), now=LATER, call_ended=True)

    assert a_row().quiet_from == asked.row.quiet_from
    assert LATER == called.row.quiet_from


def test_looks_climb_the_ladder():
    """Each look waits longer than the last, and at its end a person is told."""
    refund = begun()
    waits = []
    for _ in ENQUIRY_LADDER_S:
        refund.release(NOW)
        waits.append((refund.row.next_check_at - NOW).total_seconds())
        assert not refund.out_of_schedule
        refund.look_again()

    assert list(ENQUIRY_LADDER_S) == waits
    assert refund.out_of_schedule


def test_a_lease_is_given_back_with_the_next_look():
    """Nobody has it between two looks."""
    refund = begun()
    refund.lease(Epoch(3), until=LATER, look_at=LATER)
    assert (3, LATER) == (refund.row.lease_epoch, refund.row.lease_until)
    refund.release(NOW)

    assert (None, None) == (refund.row.lease_epoch, refund.row.lease_until)


def test_what_a_total_holds():
    """Reserved with the refund, given back or done with its end."""
    total = reserved(a_total(), amount=100, money=90)

    assert (1, 100, 90, 0, 0) == (
        *(total.refunds, total.taken_amount, total.taken_money),
        *(total.done_amount, total.done_money),
    )
    assert 900 == taken(total).left
    assert a_total(refunds=1) == given_back(total, a_row())
    assert 100 == done(total, a_row()).done_amount
