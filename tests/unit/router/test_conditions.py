"""Conditions: what may be written, and what it is worth."""

import pytest

from paycore.router.conditions import (
    SAMPLE,
    ConditionError,
    Facts,
    compile_condition,
)


@pytest.mark.parametrize(
    "source",
    [
        "",
        "amount >",
        "amount + 1",
        "'a' + amount == 'a1'",
        "nothing == 1",
        "now() > 1",
        "double(amount) > 0.5",
        "false && nothing == 1",
        "amount > 1 || substring(bank, 1) == 'x'",
        "true " + "&& true" * 200,
    ],
)
def test_what_cannot_be_asked_is_refused(source):
    """A condition of the wrong form, type, name or length does not compile."""
    with pytest.raises(ConditionError):
        compile_condition(source)


@pytest.mark.parametrize(
    "source",
    [
        "amount > 100 && bank in ['ICBC', 'ABC']",
        "biz_line.startsWith('sh') ? hour < 22 : weekday != 7",
        "['ICBC', 'ABC'].exists(x, x == bank)",
        "bank.matches('^I')",
        "string(amount).endsWith('00')",
    ],
)
def test_the_usual_ones_compile_and_hold(make, source):
    """Comparison, lists, macros and text functions are there."""
    assert compile_condition(source).holds(Facts(make.ask("bank_a")))


def test_the_sample_has_every_variable_of_a_question(make):
    """What a condition is tried on when saved is what it will see."""
    assert SAMPLE.keys() == Facts(make.ask("bank_a")).context().variables.keys()


def test_only_what_is_shared_is_stable():
    """A condition over the amount or the order's number is asked for every payment."""
    assert compile_condition("bank == 'ICBC' && hour > 3").stable
    assert not compile_condition("amount > 3").stable
    assert not compile_condition("pay_order_no.endsWith('7')").stable


def test_a_pattern_cannot_take_long(make):
    """Regular expressions are linear: a hostile one is answered at once."""
    hostile = compile_condition("biz_line.matches('^(a+)+$')")

    assert not hostile.holds(Facts(make.ask("bank_a", biz_line="a" * 5_000 + "b")))
