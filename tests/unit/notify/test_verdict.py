from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paycore.kernel.http import ADDRESS_REFUSED, Answered, NoAnswer, NotSent
from paycore.notify import verdict
from paycore.notify.verdict import Fate, Judged

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
FAILED = Judged(fate=Fate.FAILED, result="HTTP 500")


def none(limit: int) -> int:
    return 0


def most(limit: int) -> int:
    return limit - 1


def answered(status: int, **headers: str) -> Answered:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answered(status=status, headers=named, body=b"secret of theirs")


@pytest.mark.parametrize(
    ("status", "fate"),
    [
        (200, Fate.DELIVERED),
        (204, Fate.DELIVERED),
        (299, Fate.DELIVERED),
        (301, Fate.FAILED),
        (302, Fate.FAILED),
        (307, Fate.FAILED),
        (400, Fate.FAILED),
        (404, Fate.FAILED),
        (410, Fate.GONE),
        (429, Fate.SLOW_DOWN),
        (500, Fate.FAILED),
        (502, Fate.SLOW_DOWN),
        (503, Fate.FAILED),
        (504, Fate.SLOW_DOWN),
    ],
)
def test_status(status: int, fate: Fate):
    """Only a 2xx delivers; a redirect is a failure; 410 is for good."""
    judged = verdict.judge(answered(status), NOW)

    assert fate is judged.fate
    assert f"HTTP {status}" == judged.result


def test_no_status():
    """No answer and nothing sent are failures like any other."""
    assert Fate.FAILED is verdict.judge(NoAnswer(reason="time-out"), NOW).fate
    assert Fate.FAILED is verdict.judge(NotSent(reason="refused"), NOW).fate


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("", 0),
        ("0", 0),
        ("120", 120),
        ("3600", 3600),
        ("999999", 3600),
        ("9" * 5000, 3600),
        ("-5", 0),
        ("soon", 0),
        ("²", 0),
        ("Sun, 22 Nov 2026 12:10:00 GMT", 600),
        ("Sun, 22 Nov 2026 11:00:00 GMT", 0),
        ("Sun, 22 Nov 9999 11:00:00 GMT", 3600),
    ],
)
def test_retry_after(value: str, seconds: int):
    """Seconds and dates are honoured, an hour at most; rubbish is passed over."""
    judged = verdict.judge(answered(503, retry_after=value), NOW)

    assert seconds == judged.retry_after_s


@given(st.text())
def test_any_retry_after(value: str):
    """Whatever an end point writes there, we read a wait within our bounds."""
    assert 0 <= verdict.retry_after_s(value, NOW) <= verdict.RETRY_AFTER_MOST_S


def test_schedule():
    """Ten tries over about 75 hours, then a person."""
    waits = [verdict.next_try(tries, FAILED, none) for tries in range(1, 11)]

    assert waits.pop() is None
    assert [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400] == [
        wait.total_seconds() for wait in waits
    ]
    assert 75 <= sum(waits, timedelta()) / timedelta(hours=1) <= 76


def test_jitter():
    """Chance adds up to a fifth and takes nothing off."""
    assert timedelta(seconds=6) == verdict.next_try(1, FAILED, most)
    assert timedelta(seconds=5) == verdict.next_try(1, FAILED, none)


def test_slower_where_asked():
    """An end point that asks for time gets it, and never less than the schedule."""
    slow = Judged(fate=Fate.SLOW_DOWN, result="HTTP 429")
    later = Judged(fate=Fate.SLOW_DOWN, result="HTTP 429", retry_after_s=900)

    assert timedelta(seconds=60) == verdict.next_try(1, slow, none)
    assert timedelta(seconds=900) == verdict.next_try(1, later, none)
    assert timedelta(seconds=1800) == verdict.next_try(3, later, none)


def test_address_refused():
    """What was not sent because of its address is tried again, and is told apart."""
    inside = verdict.judge(NotSent(reason=ADDRESS_REFUSED), NOW)
    unreachable = verdict.judge(NotSent(reason="connect time-out"), NOW)

    assert (Fate.FAILED, "ADDRESS_REFUSED") == (inside.fate, inside.result)
    assert (Fate.FAILED, "NOT_SENT") == (unreachable.fate, unreachable.result)
