"""A few simulated worlds that meet most of what the money core does, in a second.

The seeds are fixed: these are not a search for bugs (`paycore prove` is), they are the
worlds in which a changed line of the money core has to show.
"""

import gc
import warnings

import pytest

from paycore.prove.kinds import CALLBACK, ENQUIRY, MONEY, SEND, TEXT
from paycore.prove.plan import Plan
from paycore.prove.world import World


def names(*families) -> tuple[str, ...]:
    return tuple(kind.name for family in families for kind in family)


PLANS = {
    "calm": Plan(seed=11, payments=30, only=()),
    "money": Plan(seed=12, payments=30, always=names(MONEY, ENQUIRY)),
    "sends": Plan(seed=13, payments=30, always=names(SEND, TEXT)),
    "all": Plan(seed=14, payments=40, always=names(SEND, MONEY, CALLBACK)),
}


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_a_world_holds_every_invariant(plan):
    """Whatever strikes, no invariant breaks, nothing is raised, everything ends."""
    with warnings.catch_warnings(action="ignore"):  # of whom a kill left halfway
        world = World(plan)
        world.run()
        found = list(world.oracle.violations), list(world.loop.broken)
        del world
        gc.collect()

    assert ([], []) == found
