"""Counting: what is declared is what is told, and alerts speak of nothing else."""

import re

import pytest

from paycore.api.alerts import rules
from paycore.kernel.meter import Kind
from paycore.kernel.meters import CALLS, COMMIT_SECONDS, METERS, Spread, Tally

NAME = re.compile(r"paycore_\w+")
PARTS = re.compile(r"_(bucket|sum|count)$")


def test_each_name_is_declared_once():
    """Two meters never share a name, and none lacks a meaning or an alert."""
    names = [meter.name for meter in METERS]

    assert len(set(names)) == len(names)
    assert all(meter.meaning and meter.alert.says for meter in METERS)


@pytest.mark.parametrize("meter", METERS, ids=lambda meter: meter.name)
def test_an_alert_speaks_of_its_meter_and_of_declared_ones(meter):
    """What an alert asks for is really told, under that name."""
    asked = {PARTS.sub("", name) for name in NAME.findall(meter.alert.when)}

    assert meter.name in asked
    assert {each.name for each in METERS} >= asked


@pytest.mark.parametrize("meter", METERS, ids=lambda meter: meter.name)
def test_a_name_follows_the_custom(meter):
    """Counters end in _total, and only histograms have buckets, in rising order."""
    assert meter.name.endswith("_total") == (meter.kind is Kind.COUNTER)
    assert bool(meter.buckets) == (meter.kind is Kind.HISTOGRAM)
    assert sorted(meter.buckets) == list(meter.buckets)


def test_the_file_of_alerts_has_one_for_each():
    """As many rules as meters, each under a name of its own."""
    named = re.findall(r"- alert: (\w+)", rules())

    assert len(METERS) == len(set(named)) == len(named)


def test_counts_are_by_labels():
    """The same labels add up, others stand apart."""
    tally = Tally()
    for outcome in ("SUCCEEDED", "UNKNOWN", "SUCCEEDED"):
        tally.count(CALLS, "quick_a", "confirm", outcome)

    assert {
        ("quick_a", "confirm", "SUCCEEDED"): 2,
        ("quick_a", "confirm", "UNKNOWN"): 1,
    } == tally.counts[CALLS.name]


def test_a_spread_counts_up_to_each_bound():
    """A value on a bound is within it; what is above all is only in the last."""
    spread = Spread((1, 2.5))
    for value in (0.5, 1, 2, 9):
        spread.add(value)

    assert [("1", 2), ("2.5", 3), ("+Inf", 4)] == list(spread.below())
    assert 12.5 == spread.total


def test_values_are_by_labels():
    """A histogram without labels has one spread."""
    tally = Tally()
    tally.observe(COMMIT_SECONDS, 0.002)

    assert [()] == list(tally.spreads[COMMIT_SECONDS.name])
