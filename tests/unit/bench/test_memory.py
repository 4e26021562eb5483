"""A slope of memory is told from a warm-up, and a flat line from a leak."""

import pytest

from paycore.bench.memory import Memory, document, summary


def a_run(mb_a_payment: float, *, begins_at: float = 100.0) -> Memory:
    """Twenty MB of warm-up in the first tenth, then a straight line."""
    points = [
        (paid, begins_at + min(20.0, paid / 100) + mb_a_payment * max(0, paid - 2000))
        for paid in range(0, 20_001, 100)
    ]
    return Memory(payments=20_000, seconds=100.0, points=points)


def test_a_leak_shows_as_so_much_a_payment():
    """A kilobyte each is a hundred MB in a hundred thousand, and not flat."""
    said = document(a_run(0.001))

    assert said["mb_per_100000_payments"] == pytest.approx(100.0)
    assert said["mb_after_warm_up"] == pytest.approx(120.0)
    assert said["grown_percent"] == pytest.approx(15.0)
    assert not said["holds"]
    assert "NOT FLAT" in summary(a_run(0.001))


def test_what_the_warm_up_takes_is_no_leak():
    """Pools and caches fill once."""
    said = document(a_run(0.0))

    assert said["mb_per_100000_payments"] == pytest.approx(0.0, abs=1e-6)
    assert said["holds"]
    assert (120.0, 120.0) == (said["mb_at_end"], said["mb_most"])


def test_memory_that_is_given_back_is_flat():
    """A slope downwards is no complaint."""
    assert document(a_run(-0.0001))["holds"]
