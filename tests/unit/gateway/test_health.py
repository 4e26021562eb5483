"""The breaker: when it opens, what it lets through, how it closes."""

from paycore.gateway.call import Operation
from paycore.gateway.health import Admission, Breaker, Health, Limits
from paycore.kernel.config import Settings

LIMITS = Limits(calls=10, failure_percent=50, window_s=30, half_open_s=5)


def breaker_after(*, failures: int, successes: int, at: float = 100.0) -> Breaker:
    breaker = Breaker(LIMITS)
    for failed in [False] * successes + [True] * failures:
        breaker.record(at, breaker.admit(at), failed=failed)
    return breaker


def test_opens_at_half_of_ten() -> None:
    """Ten calls of which five failed open the breaker."""
    breaker = breaker_after(failures=5, successes=5)

    assert breaker.open(100.0)
    assert breaker.admit(100.0) is Admission.REFUSED


def test_few_calls_prove_nothing() -> None:
    """Nine failures of nine are too few calls to judge by."""
    breaker = breaker_after(failures=9, successes=0)

    assert not breaker.open(100.0)


def test_minority_of_failures() -> None:
    """Less than half of the calls failing leaves the breaker closed."""
    breaker = breaker_after(failures=5, successes=6)

    assert not breaker.open(100.0)


def test_window_forgets() -> None:
    """Failures older than the window do not count."""
    breaker = breaker_after(failures=9, successes=0, at=100.0)
    breaker.record(131.0, breaker.admit(131.0), failed=True)

    assert not breaker.open(131.0)


def test_window_is_bounded() -> None:
    """The window's memory does not grow with the number of calls."""
    breaker = Breaker(LIMITS)
    for tick in range(10_000):
        breaker.record(tick / 10, breaker.admit(tick / 10), failed=False)

    assert len(breaker._window) <= 31
    assert breaker._calls == sum(bucket.calls for bucket in breaker._window)


def test_one_probe_when_half_open() -> None:
    """After the pause exactly one call is let through until its result is known."""
    breaker = breaker_after(failures=10, successes=0)

    assert breaker.admit(104.9) is Admission.REFUSED
    assert not breaker.open(105.0)
    assert breaker.admit(105.0) is Admission.PROBE
    assert breaker.open(105.0)
    assert breaker.admit(105.0) is Admission.REFUSED


def test_good_probe_closes() -> None:
    """A probe that was answered closes the breaker, and the past is forgotten."""
    breaker = breaker_after(failures=10, successes=0)
    breaker.record(105.5, breaker.admit(105.0), failed=False)
    breaker.record(105.5, breaker.admit(105.5), failed=True)

    assert breaker.admit(105.5) is Admission.ADMITTED


def test_bad_probe_opens_again() -> None:
    """A probe that failed opens the breaker for another pause."""
    breaker = breaker_after(failures=10, successes=0)
    breaker.record(106.0, breaker.admit(105.0), failed=True)

    assert breaker.admit(110.9) is Admission.REFUSED
    assert breaker.admit(111.0) is Admission.PROBE


def test_lost_probe_is_given_back() -> None:
    """A probe that was given up does not keep the breaker open for ever."""
    breaker = breaker_after(failures=10, successes=0)
    breaker.release(breaker.admit(105.0))

    assert breaker.admit(105.0) is Admission.PROBE


def test_late_results_do_not_decide() -> None:
    """A call that began before the breaker opened does not close or prolong it."""
    breaker = breaker_after(failures=10, successes=0)
    breaker.record(104.0, Admission.ADMITTED, failed=True)

    assert breaker.admit(105.0) is Admission.PROBE


def test_operations_break_apart() -> None:
    """An account whose code sending is broken may still be asked for anything else."""
    health = Health(Settings.for_dev())
    breaker = health.breaker(("quick_a", "main"), Operation.SEND_CODE)
    for _ in range(10):
        breaker.record(100.0, breaker.admit(100.0), failed=True)

    assert health.broken(Operation.SEND_CODE, 100.0) == {("quick_a", "main")}
    assert health.broken(Operation.ENQUIRE, 100.0) == frozenset()
