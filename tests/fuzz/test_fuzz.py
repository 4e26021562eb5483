"""A small share of `make fuzz`, always the same one."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("schemathesis")
sys.path.insert(0, str(Path(__file__).parents[1] / "flows"))
sys.path.insert(0, str(Path(__file__).parent))

from fuzzing import Fuzz
from stack import Stack, stacked

from paycore.api.application import routes

A_ROUND = 5
REQUESTS = 2 * A_ROUND * len(routes())
"""Ten of each call and mode."""


@pytest.fixture(scope="module")
def fuzzed() -> Iterator[Stack]:
    """A stack to be fuzzed, whose node lives long without a beat: it never says 503."""
    with stacked(lease_s=60) as stack:
        yield stack


def test_some_hundred_made_up_requests(fuzzed: Stack):
    """No answer of 500 or more, none that the document does not know, and nothing that
    breaks the document is accepted.
    """
    fuzz = Fuzz(fuzzed, REQUESTS, seed=1, a_round=A_ROUND)
    fuzz.run()

    assert {} == fuzz.shown
    assert (REQUESTS, 0) == (fuzz.sent, fuzz.failures)
    assert {200, 201, 400, 404} <= set(fuzz.statuses)
