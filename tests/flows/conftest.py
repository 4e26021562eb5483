"""A running stack for tests of whole payments; `stack.py` says what it can do."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
# For the systems of a user's own, which other suites use as well.
sys.path.append(str(Path(__file__).parents[1] / "contracts"))

from auditor import violations
from coupon_system import Coupons
from stack import TICKETS, Payer, Stack, stacked


@pytest.fixture(scope="session")
def running() -> Iterator[Stack]:
    """One stack for all tests of this process; what banks did to one of them opens no
    breaker in the next.
    """
    with stacked(breaker_calls=10_000) as stack:
        yield stack


@pytest.fixture(scope="module")
def audited(running: Stack) -> Iterator[None]:
    """Whatever the tests of a module did: what must always hold does at its end."""
    yield
    running.no_faults()
    assert [] == violations(running)


@pytest.fixture
def stack(running: Stack, audited: None) -> Iterator[Stack]:
    """The stack, with all strangers behaving before and after."""
    running.no_faults()
    yield running
    running.no_faults()


@pytest.fixture(scope="module")
def serving() -> Iterator[Coupons]:
    """A coupon system of a user's own, for all tests of a module."""
    made = Coupons()
    yield made
    made.close()


@pytest.fixture
def payer(stack: Stack) -> Payer:
    """A payer of the line that can do both ways."""
    return stack.payer()


@pytest.fixture
def converted_payer(stack: Stack) -> Payer:
    """A payer of the line that has no quick channel."""
    return stack.payer(TICKETS)
