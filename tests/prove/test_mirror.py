"""Runs beside a real PostgreSQL: both journals answer alike, whatever strikes."""

import pytest

from paycore.prove.plan import Plan
from paycore.prove.run import run
from paycore.prove.world import World


@pytest.mark.parametrize("seed", [1, 2])
def test_the_real_journal_and_the_one_in_memory_answer_alike(server, seed):
    """Every question, refusal and rejection of a run, and every table at its end."""
    outcome = run(Plan(seed=seed, payments=8, postgres=server))

    assert () == outcome.violations
    assert 1 == outcome.checked["JOURNAL"]


def test_they_answer_alike_of_agreements_cures_and_the_feed(server):
    """What a card, the desk and a ledger write is taken and refused by both alike."""
    kinds = ("signs", "desk_works", "desk_returns_all", "charged_unasked", "closes")
    more = ("cures_at_once", "ledger_fed", "revokes_meanwhile", "ends_after")
    plan = Plan(seed=4, payments=12, postgres=server, always=kinds + more)
    outcome = run(plan)

    assert () == outcome.violations
    assert {"signs", "ledger_fed", "desk_works"} <= set(outcome.hits)


def test_a_difference_is_found(server):
    """A row that only one of them has is told at the end."""
    world = World(Plan(seed=3, payments=1, postgres=server))
    memory = world.base._memory
    table = memory._tables["coupon"]
    table.leave(next(iter(table.rows.values())))
    world.run()
    world.close()

    assert {"JOURNAL"} == {one.invariant for one in world.oracle.violations}
