"""Cases for the desk's pages, and what is looked up in the database: in a thread of
their own, as the browser's has a loop that runs already.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from facts import delivered
from operating import Person, case, previewed
from stack import Stack

from paycore.operators.roles import Role

T = TypeVar("T")


def _beside(do: Callable[[], T]) -> T:
    with ThreadPoolExecutor(max_workers=1) as other:
        return other.submit(do).result()


def is_told(stack: Stack, no: str) -> None:
    """Wait until it is written that the line was told of a payment."""
    _beside(partial(delivered, stack, no))


def a_case(stack: Stack, no: str, **about: object) -> str:
    """A case about a payment, as it stands in a path."""
    return _beside(partial(case, stack, no, **about))


def a_preview(stack: Stack, ref: str, cure: str) -> int:
    """The number of a cure that somebody else has previewed."""
    return _beside(lambda: previewed(Person(stack, Role.APPROVER), ref, cure))
