from itertools import product

import pytest

from paycore.core import conversion
from paycore.kernel.outcome import TABLE, AfterSend, Blame, Outcome
from paycore.kernel.terms import PayType


def test_quick_pay_becomes_deduct_and_nothing_else_becomes_anything():
    """There is one conversion, and it has no way back."""
    assert (conversion.Row(PayType.QUICK_PAY, PayType.DEDUCT),) == (
        conversion.CONVERSIONS
    )
    assert conversion.may_convert(PayType.QUICK_PAY, money_leg_sent=False)
    assert not conversion.may_convert(PayType.DEDUCT, money_leg_sent=False)


@pytest.mark.parametrize("pay_type", PayType)
def test_nothing_converts_once_money_was_asked_for(pay_type):
    """After a money leg no pay type may change: two legs of two kinds charge twice."""
    assert not conversion.may_convert(pay_type, money_leg_sent=True)


@pytest.mark.parametrize("outcome", [Outcome.UNKNOWN, Outcome.PENDING])
def test_a_send_of_unknown_outcome_converts(outcome):
    """Sending a code moves no money, so not knowing is no reason to wait."""
    step = conversion.after_send(outcome, None, quick_tries=1)

    assert AfterSend.CONVERT is step


@pytest.mark.parametrize("blame", [Blame.PAYER, Blame.CARD, Blame.REQUEST, Blame.CODE])
@pytest.mark.parametrize("tries", [1, 2, 3])
def test_a_refusal_that_would_meet_a_deduct_too_never_converts(blame, tries):
    """Who blames the payer, the card or the request is believed, whoever is asked."""
    step = conversion.after_send(Outcome.DECLINED, blame, quick_tries=tries)

    assert AfterSend.FAIL is step


@pytest.mark.parametrize(
    ("outcome", "blame"),
    [(Outcome.NOT_SENT, None), (Outcome.DECLINED, Blame.CHANNEL)],
)
def test_one_more_quick_route_then_convert(outcome, blame):
    """A channel that is away is followed by one other, and that one by a conversion."""
    first = conversion.after_send(outcome, blame, quick_tries=1)
    second = conversion.after_send(outcome, blame, quick_tries=2)

    assert (AfterSend.NEXT_ROUTE, AfterSend.CONVERT) == (first, second)


def test_the_second_route_never_makes_a_step_bolder():
    """Counting tries only ever turns "another route" into "convert"."""
    for (outcome, blame), row in TABLE.items():
        step = conversion.after_send(
            outcome, blame, quick_tries=conversion.MAX_QUICK_ROUTES
        )

        assert step in (row.sending_code, AfterSend.CONVERT)
        assert AfterSend.NEXT_ROUTE is not step


def test_every_outcome_has_a_cause():
    """A conversion always stores why, and why fits the outcome."""
    causes = {outcome: conversion.cause_of(outcome) for outcome in Outcome}

    assert conversion.CHANNEL_DOWN == causes[Outcome.NOT_SENT]
    assert conversion.CHANNEL_REFUSED == causes[Outcome.DECLINED]
    assert conversion.CHANNEL_UNKNOWN == causes[Outcome.UNKNOWN]


def test_every_outcome_and_blame_has_a_step():
    """`after_send` is total: no answer of a channel is without a next step."""
    for outcome, blame in product(Outcome, Blame):
        step = conversion.after_send(outcome, blame, quick_tries=1)

        assert isinstance(step, AfterSend)
