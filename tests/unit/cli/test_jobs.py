"""`paycore jobs` as people and cron call it: what it shows, runs and refuses."""

import pytest

NAMES = ["channels", "statements", "reconciliation", "cutoff", "retention"]


def by_name(result):
    """The rows of a list, by the job's name."""
    return {row["job"]: row for row in result.told["jobs"]}


def test_every_job_is_listed_before_it_ever_ran(paycore):
    """With its hour and its next run, and nothing of a last one."""
    result = paycore("jobs", "list", "--json")
    rows = by_name(result)

    assert 0 == result.code, result.err
    assert NAMES == list(rows)
    assert "19:00:00" in rows["retention"]["next_run_at"]
    assert rows["retention"]["last_run_at"] is None or rows["retention"]["node"]


def test_a_run_is_seen_with_its_node_and_result(paycore, monkeypatch):
    """What ran by hand is the day's run: the next one is tomorrow's."""
    monkeypatch.setenv("PAYCORE_NODE_NAME", "east-1")
    ran = paycore("jobs", "run", "retention", "--json")
    row = by_name(paycore("jobs", "list", "--json"))["retention"]

    assert (0, True) == (ran.code, ran.told["done"]), ran.err
    assert ("east-1", ran.told["result"]) == (row["node"], row["result"])
    assert row["finished_at"]
    assert row["took_s"] >= 0
    assert row["next_run_at"] > row["finished_at"]


def test_statements_of_one_day_are_no_run_of_today(paycore):
    """A day that a person names leaves the day's own run to come."""
    before = by_name(paycore("jobs", "list", "--json"))["statements"]
    ran = paycore("jobs", "run", "statements", "--day", "2026-01-02", "--json")

    assert 0 == ran.code, ran.err
    assert "2026-01-02" == ran.told["day"]
    assert before == by_name(paycore("jobs", "list", "--json"))["statements"]


@pytest.mark.parametrize(
    "words",
    [
        ("nightly",),
        ("retention", "--day", "2026-01-02"),
        ("statements", "--day", "yesterday"),
        ("statements", "--day", "2999-01-01"),
    ],
)
def test_what_cannot_be_run_is_refused_in_one_line(paycore, words):
    """Exit status 2, and nothing of what was typed is repeated."""
    result = paycore("jobs", "run", *words)

    assert 2 == result.code
    assert 1 == len(result.err.strip().splitlines())
    assert "nightly" not in result.err


def test_without_the_nodes_keys_nothing_is_run(paycore, monkeypatch):
    """Other settings would keep for another time than the nodes'."""
    monkeypatch.delenv("PAYCORE_KEY_RING")

    assert 1 == paycore("jobs", "run", "retention").code
