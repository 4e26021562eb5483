"""A small share of `make races`, always with the same mix of strikes."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "flows"))
sys.path.insert(0, str(Path(__file__).parent))

from racing import Races
from stack import Stack, stacked

ROUNDS = 4


@pytest.fixture(scope="module")
def two_nodes() -> Iterator[Stack]:
    """A stack whose two nodes race and live long without a beat; at its end the auditor
    finds nothing.
    """
    with stacked(lease_s=60) as stack:
        stack.start_node()
        yield stack


def test_whoever_wins_no_money_moves_twice(two_nodes: Stack):
    """Promise 2: of a hundred refunds that exceed together one succeeds, a coupon pays
    once, an order is paid or closed, and an answer and its callbacks are one end.
    """
    races = Races(two_nodes, seed=1)
    races.run(ROUNDS)

    assert [] == races.shown
    assert (ROUNDS, 0) == (races.rounds, races.overshoots)
    assert 4 * ROUNDS == sum(races.won.values())
