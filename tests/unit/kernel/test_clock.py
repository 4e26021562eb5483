from datetime import UTC, datetime, timedelta

import pytest

from paycore.kernel.clock import SystemClock, start_of_day, utc_from_unix

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def test_time_is_the_databases():
    """A node's own wall clock does not matter: it is told what time it is."""
    clock = SystemClock(NOON)

    assert NOON <= clock.now() < NOON + timedelta(minutes=1)


def test_time_never_runs_backwards():
    """An anchor in the past does not make an expired code good again."""
    clock = SystemClock(NOON)
    before = clock.now()
    clock.anchor(NOON - timedelta(hours=1))

    assert before <= clock.now()


def test_an_anchor_ahead_is_followed():
    """A database that is ahead is believed at once."""
    clock = SystemClock(NOON)
    clock.anchor(NOON + timedelta(hours=1))

    assert NOON + timedelta(hours=1) <= clock.now()


def test_a_clock_that_was_ahead_goes_on_at_half_its_pace():
    """What was said once is not taken back, and nothing that is due waits for ever."""
    moment = [0.0]
    clock = SystemClock(NOON, monotonic=lambda: moment[0])
    clock.anchor(NOON - timedelta(hours=1))
    first = clock.now()
    moment[0] = 600.0
    second = clock.now()
    moment[0] = 7200.0

    assert NOON == first
    assert NOON + timedelta(seconds=300) == second
    assert NOON + timedelta(hours=1) == clock.now()


def test_a_leap_is_known_for_as_long_as_it_is_asked_for():
    """Each by as much as time went ahead of its own pace, not by what was told."""
    moment = [0.0]
    clock = SystemClock(NOON, monotonic=lambda: moment[0])
    clock.anchor(NOON + timedelta(seconds=30))
    moment[0] = 10.0
    clock.anchor(NOON)
    moment[0] = 20.0
    clock.anchor(NOON + timedelta(seconds=65))

    assert timedelta(seconds=20) == clock.leapt(10.0) == clock.leapt(20.0)
    assert timedelta(seconds=50) == clock.leapt(20.001)
    assert NOON + timedelta(seconds=65) == clock.now()
    moment[0] = 30.0
    assert timedelta(0) == clock.leapt(10.0)


async def test_a_timeout_is_the_clocks():
    """What hangs is ended with a TimeoutError."""
    clock = SystemClock(NOON)

    with pytest.raises(TimeoutError):
        async with clock.timeout(0.01):
            await clock.sleep(5)


def test_a_day_is_utc():
    """Daily limits turn at midnight UTC, wherever a node stands."""
    assert datetime(2026, 5, 1, tzinfo=UTC) == start_of_day(NOON)
    assert datetime(1970, 1, 1, tzinfo=UTC) == utc_from_unix(0)
