"""A running stack for tests of the door; tests/flows/stack.py says what it can do."""

import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "flows"))
sys.path.insert(0, str(Path(__file__).parent))

from operating import Person
from stack import TICKETS, Payer, Stack, stacked

from paycore.operators.roles import Role

SENT_WITHIN_S = 10
"""Longer than any fault here lasts, on a busy machine too: no code is given up."""


@pytest.fixture(scope="session")
def running() -> Iterator[Stack]:
    """One stack for all tests of this process; who sends a code may take his time, and
    no hour of the day takes anything away that a test counts.
    """
    patient = dict.fromkeys(("send_code_timeout_s", "sms_timeout_s"), SENT_WITHIN_S)
    with stacked(retention_hour=-1, **patient) as stack:
        yield stack


@pytest.fixture
def stack(running: Stack) -> Iterator[Stack]:
    """The stack, with all strangers behaving before and after."""
    running.no_faults()
    yield running
    running.no_faults()


@pytest.fixture
def payer(stack: Stack) -> Payer:
    """A payer of the line that can do both ways."""
    return stack.payer()


@pytest.fixture
def converted_payer(stack: Stack) -> Payer:
    """A payer of the line that has no quick channel."""
    return stack.payer(TICKETS)


@pytest.fixture(scope="module")
def lookers(running: Stack) -> dict[Role, Person]:
    """One of each role."""
    return {role: Person(running, role) for role in Role}


@pytest.fixture
def anna(lookers: dict[Role, Person]) -> Person:
    """Who acts."""
    return lookers[Role.OPERATOR]


@pytest.fixture
def vera(lookers: dict[Role, Person]) -> Person:
    """Who only looks."""
    return lookers[Role.VIEWER]


@pytest.fixture
def paid(payer: Payer) -> dict[str, object]:
    """A payment that succeeded, by its line's numbers."""
    order = payer.open(biz_order_no=f"b-{uuid.uuid4().hex}").json()
    return payer.confirm(order["pay_order_no"]).json()
