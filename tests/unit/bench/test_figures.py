import json
import os
from dataclasses import replace

import pytest

from paycore.bench import cpu, kept
from paycore.bench.load import Level, check_money, percentile
from paycore.bench.payer import Tally, WrongAnswer
from paycore.bench.pgbench import Yardstick
from paycore.bench.report import document
from paycore.bench.routes import MIXES, Decisions
from paycore.bench.run import Figures, Plan
from paycore.bench.stage import card_number
from paycore.cards.numbers import good_card


def _level(concurrency: int, payments: int = 1000) -> Level:
    return Level(
        concurrency=concurrency,
        payments=payments,
        seconds=2.0,
        send_s={"a": 0.01},
        confirm_s={"a": 0.02},
        cpu_s={"node": 1.0},
        wal_octets=payments * 500,
        groups=100,
        changes=1500,
    )


def _figures(*concurrency: int) -> Figures:
    return Figures(
        quick=[_level(each, 1000 + each) for each in concurrency],
        converted=[],
        deducted=[],
        ours=[_level(64, 900), _level(64, 1100)],
        bare=[_level(64, 1500), _level(64, 2500)],
        durable=[_level(64, 250), _level(64, 150)],
        half=None,
        own_ms=((), ()),
        payments=1000,
        coupons=333,
        charged=1,
        rows=37,
        processes=2,
        yardstick=Yardstick(per_s=1000.0, clients=8, postgres="18.6"),
        routes=[
            Decisions(rules_on_amount=mix, decisions=3000, cpu_s=0.5) for mix in MIXES
        ],
    )


def test_a_percentile_is_a_value_that_was_measured():
    """No value is made up between two."""
    values = [3.0, 1.0, 2.0, 4.0]

    assert [2.0, 4.0, 4.0] == [percentile(values, each) for each in (50, 95, 99)]
    assert 0.0 == percentile([], 50)


def test_the_ratios_are_over_all_rounds_in_turn():
    """One lucky window decides nothing."""
    said = document(_figures(16, 128))

    assert (0.5, 0.5) == (said["bare_path_ratio"], said["pgbench_ratio"])
    assert 5.0 == said["dbos_ratio"]
    assert round(1128 / 1016, 3) == said["c128_over_c16"]


def test_what_was_not_measured_is_not_told():
    """Not as zero either."""
    said = document(_figures(16))

    assert said["c128_over_c16"] is None
    assert "own_share_ms" not in said


def test_a_deduction_is_told_by_its_one_call():
    """Beside how many a second and what one costs; unmeasured it is not told."""
    one = replace(_level(64), send_s={})
    said = document(replace(_figures(16), deducted=[one]))

    assert {"64": 500.0} == said["deducted_per_s"]
    assert {"64": {"deduct": {"p50": 20.0, "p95": 20.0, "p99": 20.0}}} == (
        said["deducted_latency_ms"]
    )
    assert not [key for key in document(_figures(16)) if key.startswith("deducted")]


def test_deductions_are_measured_once_where_converted_payments_are():
    """One window more, and none where neither is wanted."""
    plan = Plan(concurrency=[16, 64], seconds=1, converted=False, rounds=1)

    assert replace(plan, converted=True).windows == plan.windows + 2 + 1


def test_costs_are_told_a_payment():
    """What a payment costs, and how many changes share a commit."""
    said = document(_figures(16))

    assert {"16": 500} == said["wal_octets_per_payment"]
    assert {"16": 15.0} == said["changes_a_group"]
    assert {"16": round(100 / 1016, 3)} == said["commits_per_payment"]


def test_the_routers_decisions_are_those_of_one_core():
    """Of its processor time, whoever else was busy meanwhile."""
    said = document(_figures(16))

    assert 6000 == said["route_decisions_per_s"]
    assert (50, 500) == (said["route_channels"], said["route_rules"])


def test_what_is_kept_tells_how_it_came_about(tmp_path):
    """The day, the command and each round: who reads the page can make it again."""
    plan = Plan(concurrency=[16, 128], seconds=5, converted=False, rounds=2)
    file = tmp_path / "results" / "bench.json"
    kept.keep(file, kept.details(_figures(16, 128), plan))
    found = json.loads(file.read_text())

    assert plan.command == found["command"]
    assert "--seconds 5 --rounds 2" in plan.command
    assert "--concurrency 16,128 --no-converted" in plan.command
    assert [450.0, 550.0] == found["rounds"]["paycore"]["per_s"]
    assert [125.0, 75.0] == found["rounds"]["DBOS"]["per_s"]
    assert found["bare_path_ratio"] == 0.5
    assert {"day", "cores", "python", "system", "postgres"} <= found.keys()


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
    own = cpu.seconds(os.getpid())

    assert own > 0
    assert cpu.seconds(os.getpid(), family=True) >= own
