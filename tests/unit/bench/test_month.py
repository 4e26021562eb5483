"""When people pay in a month that is made up."""

from itertools import pairwise

import pytest

from paycore.bench.month.rhythm import HOUR, LAST_HOUR, rhythm


@pytest.mark.parametrize("payments", [100, 5_000, 100_000])
def test_a_month_has_its_days_and_nobody_pays_backwards(payments):
    """In order, within the month, and of a hundred thousand many in the last hour."""
    place = rhythm(payments)
    places = [place((2 * nth + 1) / (2 * payments)) for nth in range(payments)]

    assert all(0 <= before <= after <= 1 for before, after in pairwise(places))
    assert sum(where >= 1 - HOUR for where in places) == min(LAST_HOUR, payments // 20)


def test_by_day_more_pay_than_by_night():
    """In the busiest hour of a day at least twice as many as in the quietest."""
    place = rhythm(100_000)
    places = [place((2 * nth + 1) / 200_000) for nth in range(100_000)]
    hours = [0] * 24
    for where in places:
        if 0.5 <= where < 0.5 + 24 * HOUR:
            hours[int((where - 0.5) / HOUR)] += 1

    assert 2 * min(hours) < max(hours)
