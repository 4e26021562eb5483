"""Banks that speak as providers do: drawn by the seed, and nothing breaks."""

from collections import Counter

import pytest

from paycore.gateway.rows import AccountRow, MessageRow
from paycore.prove.plan import Plan
from paycore.prove.run import story
from paycore.prove.world import World

KIND = "speaks_as_a_provider"
SEEDS = range(1, 5)
PAYMENTS = 15


def world(seed, **given):
    """A run that is over."""
    made = World(Plan(seed=seed, payments=PAYMENTS, **given))
    made.run()
    return made


@pytest.fixture(scope="module")
def worlds():
    """Runs in which banks speak as providers."""
    return [world(seed, always=(KIND,)) for seed in SEEDS]


def test_nothing_is_broken(worlds):
    """All that must hold of the house's own banks holds of them."""
    broken = {w.plan.command: w.oracle.violations for w in worlds}

    assert {} == {command: found for command, found in broken.items() if found}


def test_each_adapter_is_called_and_answered(worlds):
    """Codes, money, enquiries and refunds, at banks that keep their names."""
    called = Counter()
    for one in worlds:
        driver = {row.channel: row.driver for row in one.base.every(AccountRow)}
        for row in one.base.every(MessageRow):
            if row.direction != "OUT":
                called[driver.get(row.channel), row.operation] += 1

    for driver in ("unionpay", "huifu"):
        for operation in ("send_code", "confirm", "enquire", "refund"):
            assert called[driver, operation], (driver, operation)
    assert called["huifu", "deduct"]


def test_some_seeds_draw_it_and_most_do_not():
    """It costs, so that most runs go without; a run without it has the own banks."""
    drawn = [bool(World(Plan(seed=seed, payments=1)).spoken) for seed in range(1, 41)]

    assert 0 < sum(drawn) < len(drawn) / 2


def test_the_same_seed_is_the_same_run():
    """Whatever keys the process has made, and whatever chance is in what is sealed."""
    plan = Plan(seed=3, payments=4, always=(KIND,))

    assert story(plan)[1] == story(plan)[1]
