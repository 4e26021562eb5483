"""What got slower is told apart from what chance makes of windows."""

import copy
import json
import math
import statistics

import pytest

from paycore.bench import compare
from paycore.kernel.errors import Misconfigured


def a_run(**changes: object) -> dict[str, object]:
    """A run of four rounds whose windows lie one in a hundred apart."""
    ours, bare = [495.0, 505.0, 495.0, 505.0], [990.0, 990.0, 1010.0, 1010.0]
    return {
        "cores": 2,
        "processes": 2,
        "python": "3.11.7",
        "postgres": "18.6",
        "system": "Linux",
        "payments_per_s": {"16": 300.0, "64": 500.0, "128": 600.0},
        "bare_path_per_s": 1000.0,
        "bare_path_ratio": 0.5,
        "pgbench_ratio": 0.8,
        "dbos_ratio": None,
        "c128_over_c16": 2.0,
        "rounds": {
            "paycore": {"per_s": ours, "node_us": [2000, 2020, 2000, 2020]},
            "bare path": {"per_s": bare, "node_us": [1000, 1000, 1010, 1010]},
        },
        **changes,
    }


def verdicts(then, now) -> dict[str, str]:
    found = compare.compare(then, now)
    return {each.name: each.verdict for each in found.changes}


def test_the_same_run_is_as_it_was():
    """Nothing is slower than itself, and nothing faster."""
    found = compare.compare(a_run(), a_run())

    assert {"as it was"} == {each.verdict for each in found.changes}
    assert compare.document(found)["holds"]
    assert ["by DBOS"] == found.not_measured


def test_what_got_slower_is_named():
    """And only that."""
    found = verdicts(a_run(), a_run(bare_path_ratio=0.4, c128_over_c16=2.4))

    assert "SLOWER" == found.pop("by the bare path")
    assert "faster" == found.pop("128 at once by 16 at once")
    assert {"as it was"} == set(found.values())


def test_more_processor_time_is_slower():
    """Though the figure is greater."""
    now = copy.deepcopy(a_run())
    now["rounds"]["paycore"]["node_us"] = [2500, 2525, 2500, 2525]

    assert "SLOWER" == verdicts(a_run(), now)["node µs a payment by the bare path's"]


def test_a_machine_that_is_slower_today_is_no_change():
    """All of it runs at half the speed, the bare path too."""
    now = a_run(
        payments_per_s={"16": 150.0, "64": 250.0, "128": 300.0}, bare_path_per_s=500.0
    )

    assert {"as it was"} == set(verdicts(a_run(), now).values())


def test_the_tolerance_is_what_the_rounds_say():
    """Rounds twice as far apart let a ratio move twice as far; more rounds less far."""
    steady = compare.compare(a_run(), a_run()).changes[0].tolerance
    wide, more = copy.deepcopy(a_run()), copy.deepcopy(a_run())
    wide["rounds"]["paycore"]["per_s"] = [490.0, 510.0, 490.0, 510.0]
    wide["rounds"]["bare path"]["per_s"] = [980.0, 980.0, 1020.0, 1020.0]
    for of in more["rounds"].values():
        of["per_s"] *= 2

    assert compare.compare(wide, wide).changes[0].tolerance == pytest.approx(
        2 * steady, rel=0.01
    )
    assert compare.compare(more, more).changes[0].tolerance < steady


def test_the_tolerance_is_students():
    """By hand: ratios of rounds lie 0.0163 apart, with six degrees of freedom."""
    (first, *_) = compare.compare(a_run(), a_run()).changes
    ratios = [math.log(each) for each in (495 / 990, 505 / 990, 495 / 1010, 0.5)]

    assert first.tolerance == pytest.approx(
        3.71 * statistics.stdev(ratios) * (2 / 4) ** 0.5
    )


def test_what_drifts_for_both_is_no_spread():
    """The machine runs at half the speed in two of the rounds, for both alike."""
    drifted = copy.deepcopy(a_run())
    for of in drifted["rounds"].values():
        of["per_s"] = [of["per_s"][0] * each for each in (1, 0.5, 1, 0.5)]
    found = {e.name: e for e in compare.compare(drifted, drifted).changes}

    assert found["by the bare path"].tolerance == pytest.approx(0, abs=1e-9)
    assert found["64 at once by the bare path at 64"].tolerance > 1


def test_a_single_window_may_move_further_than_the_mean_of_all():
    """One window's figure is as uncertain as one window."""
    found = {e.name: e.tolerance for e in compare.compare(a_run(), a_run()).changes}

    assert found["by the bare path"] < found["64 at once by the bare path at 64"]


def test_machines_that_differ_are_said():
    """A comparison of two of them says less."""
    found = compare.compare(a_run(), a_run(cores=8))

    assert ["not alike: cores was 2, is 8"] == found.notes


def test_a_busy_machine_is_said():
    """Where chance alone moves the leading ratio by a quarter, nobody is misled."""
    busy = a_run(others_busy={"64": 1.3})
    busy["rounds"]["paycore"]["per_s"] = [300.0, 700.0, 300.0, 700.0]

    (note,) = compare.compare(busy, busy).notes
    assert "1.3 processors busy" in note


def test_what_cannot_be_compared_is_refused_with_what_to_do(tmp_path):
    """No file, another file, or a run of one round."""
    other, single = tmp_path / "other.json", tmp_path / "single.json"
    other.write_text('{"seeds": 1}')
    single.write_text(json.dumps({"rounds": {"paycore": {"per_s": [1.0]}}}))

    for file in (tmp_path / "none.json", other):
        with pytest.raises(Misconfigured, match="make bench"):
            compare.read(file)
    with pytest.raises(Misconfigured, match="--rounds 2"):
        compare.read(single)
