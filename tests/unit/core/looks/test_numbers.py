"""What somebody may mean by a number."""

from datetime import UTC, datetime

import pytest

from paycore.core.looks.numbers import made_at, ours_in, tail_of

NO = "261130004629534SV051WWETZ8"


@pytest.mark.parametrize(
    "asked", [NO, f"{NO}01", f"{NO}R01", f"{NO}M02", f"{NO}S01", f"{NO}01A1B"]
)
def test_what_begins_with_a_payments_number_names_it(asked):
    """An attempt, a refund, late money, a signing, and what a channel puts behind."""
    assert NO == ours_in(asked)


@pytest.mark.parametrize(
    "asked", ["", NO[:-1], f"{NO}X", f"{NO}R1", f"{NO}01ABCD", NO.lower(), f"x{NO}"]
)
def test_what_does_not_is_looked_up(asked):
    """Other numbers are a line's or a channel's."""
    assert ours_in(asked) is None


def test_four_digits_are_the_last_ones():
    """And nothing else is."""
    assert "3446" == tail_of("3446")
    assert [None] * 4 == [tail_of(asked) for asked in ("344", "34467", "344x", "٣٤٤٦")]


def test_a_number_tells_when_it_was_made():
    """To the second, in UTC."""
    assert datetime(2026, 11, 30, 0, 46, 29, tzinfo=UTC) == made_at(NO)
