from itertools import product

import pytest

from paycore.kernel.outcome import (
    REFUNDS,
    TABLE,
    AfterCharge,
    AfterRefund,
    AfterSend,
    Blame,
    Outcome,
    allowed,
)


def test_the_table_is_total():
    """Every outcome, and every class of a refusal, has its row."""
    keys = {(outcome, None) for outcome in Outcome if outcome is not Outcome.DECLINED}
    keys |= {(Outcome.DECLINED, blame) for blame in Blame}

    assert keys == set(TABLE)


def test_a_blame_counts_for_a_refusal_only():
    """A class that a channel file leaves on another outcome changes nothing."""
    for outcome, blame in product(Outcome, Blame):
        if outcome is not Outcome.DECLINED:
            assert allowed(outcome, None) is allowed(outcome, blame)


def test_a_refusal_without_a_class_is_a_bug():
    """A refusal that blames nobody has no row, and so no guess."""
    with pytest.raises(KeyError):
        allowed(Outcome.DECLINED, None)


@pytest.mark.parametrize("outcome", [Outcome.PENDING, Outcome.UNKNOWN])
def test_money_of_unknown_fate_is_enquired_and_nothing_else(outcome):
    """No other leg may follow one that may have been charged."""
    assert AfterCharge.ENQUIRE is allowed(outcome, None).taking_money


def test_only_a_yes_is_paid():
    """One row leads to PAID, and one to a code that is out: the channel's yes."""
    paid = [k for k, v in TABLE.items() if v.taking_money is AfterCharge.PAID]
    out = [k for k, v in TABLE.items() if v.sending_code is AfterSend.CODE_OUT]

    assert [(Outcome.SUCCEEDED, None)] == paid == out


def test_another_leg_only_where_provably_nothing_was_taken():
    """A deduct goes elsewhere only after a refusal that blames the channel, or when
    nothing left us.
    """
    elsewhere = {
        key
        for key, row in TABLE.items()
        if row.taking_money in (AfterCharge.NEXT_DEDUCT_ROUTE, AfterCharge.NOT_TAKEN)
    }

    assert {(Outcome.DECLINED, Blame.CHANNEL), (Outcome.NOT_SENT, None)} == elsewhere


def test_a_refund_is_never_guessed():
    """A yes alone is a refund, a no alone a failure; what may have left is asked after,
    and only what surely did not leave is sent without asking.
    """
    assert set(Outcome) == set(REFUNDS)
    for step, outcomes in (
        (AfterRefund.REFUNDED, {Outcome.SUCCEEDED}),
        (AfterRefund.FAIL, {Outcome.DECLINED}),
        (AfterRefund.SEND_AGAIN, {Outcome.NOT_SENT}),
        (AfterRefund.ENQUIRE, {Outcome.PENDING, Outcome.UNKNOWN}),
    ):
        assert outcomes == {one for one in Outcome if REFUNDS[one] is step}
