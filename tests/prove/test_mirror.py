"""Runs beside a real PostgreSQL: both journals answer alike, whatever strikes."""

from datetime import timedelta

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


def test_rows_lie_where_they_would_in_production(server):
    """In the partitions of the months of the run, whatever month it is here."""
    world = World(Plan(seed=1, payments=2, postgres=server, always=("odd_date",)))
    try:
        world.run()
        where = "SELECT DISTINCT tableoid::regclass::text AS name FROM payment"
        lie = {row["name"] for row in _fetch(world.base, where)}
    finally:
        world.close()

    begun = world._started_at
    assert lie
    assert lie <= {f"payment_p{day:%y%m}" for day in (begun, begun + timedelta(days=1))}


def test_each_life_of_a_node_has_a_journal_of_its_own(server):
    """As each process has; and the world's own asks for everybody else."""
    world = World(Plan(seed=1, payments=0, nodes=2, only=(), postgres=server))
    try:
        lives = []
        world.later(2.0, lambda: lives.extend(world.base._ways.values()))
        world.run()
        assert 2 == len(lives)
        assert 3 == len({way._journal for way in (*lives, world.base)})
    finally:
        world.close()


def _fetch(base, statement):
    """What a statement gives, on the mirror's own connections."""
    return base._time.wait(base._journal._reads.fetch(statement))
