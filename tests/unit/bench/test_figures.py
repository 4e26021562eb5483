import os

import pytest

from paycore.bench import cpu
from paycore.bench.load import Level, check_money, percentile
from paycore.bench.payer import Tally, WrongAnswer
from paycore.bench.pgbench import Yardstick
from paycore.bench.report import document
from paycore.bench.run import Figures
from paycore.bench.stage import card_number
from paycore.cards.numbers import good_card


def _figures(*concurrency: int) -> Figures:
    levels = [
        Level(
            concurrency=each,
            payments=1000,
            seconds=2.0,
            send_s=[0.01],
            confirm_s=[0.02],
            cpu_s={"node": 1.0},
        )
        for each in concurrency
    ]
    return Figures(
        quick=levels,
        converted=[],
        payments=1000,
        coupons=333,
        charged=1,
        rows=37,
        yardstick=Yardstick(per_s=1000.0, clients=8, postgres="18.6"),
    )


def test_a_percentile_is_a_value_that_was_measured():
    """No value is made up between two."""
    values = [3.0, 1.0, 2.0, 4.0]

    assert [2.0, 4.0, 4.0] == [percentile(values, each) for each in (50, 95, 99)]
    assert 0.0 == percentile([], 50)


def test_the_ratio_is_that_of_64_concurrent():
    """The figure that is set against pgbench's is always the same one."""
    assert 0.5 == document(_figures(16, 64))["pgbench_ratio"]


def test_without_64_concurrent_there_is_no_ratio():
    """What was not measured is not told."""
    assert document(_figures(16))["pgbench_ratio"] is None


def test_money_that_differs_ends_the_run():
    """A payment that the bank charged twice, or otherwise, is never counted."""
    tally = Tally(paid={"a": 10, "b": 20})

    assert 30 == check_money({"a": (10, 1), "b": (20, 1)}, tally)
    for charges in (
        {"a": (10, 1)},
        {"a": (10, 2), "b": (20, 1)},
        {"a": (10, 1), "b": (21, 1)},
        {"a": (10, 1), "b": (20, 1), "c": (1, 1)},
    ):
        with pytest.raises(WrongAnswer):
            check_money(charges, tally)


def test_cards_of_payers_are_good_cards():
    """Every payer has a card of his own, with the right last digit."""
    numbers = {card_number(each) for each in range(50)}

    assert 50 == len(numbers)
    assert all(map(good_card, numbers))


@pytest.mark.skipif(not cpu.known(), reason="this system does not tell")
def test_processor_time_only_grows():
    """A process's time is found, and a family's is no less than its own."""
    assert cpu.seconds(os.getpid()) > 0
    assert cpu.seconds(os.getpid(), family=True) >= cpu.seconds(os.getpid())
