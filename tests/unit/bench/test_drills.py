"""What a drill says holds, holds; and what does not is said."""

from dataclasses import replace
from math import inf

import pytest

from paycore.bench.drills import conversion, restart
from paycore.bench.drills.conversion import Part
from paycore.bench.drills.insistent import Seen
from paycore.bench.drills.restart import Death, Rolling


def _part(name: str, send_s: float, wrong: int = 0) -> Part:
    return Part(
        name=name,
        payments=100,
        succeeded=100 - wrong,
        send_s=[send_s] * 100,
        went_wrong=["order: 503"] * wrong,
    )


def _converted(**changes) -> conversion.Figures:
    made = conversion.Figures(
        normal=_part("normal", 0.02),
        refused=_part("refused connection", 0.05),
        open=_part("breaker open", 0.03),
        converted=200,
        converted_after_money=0,
        differences=0,
    )
    return replace(made, **changes)


def test_a_conversion_that_nobody_notices_holds():
    """All paid, little added: the document says so, with what was added."""
    said = conversion.document(_converted())

    assert said["holds"]
    assert (200, 100.0) == (said["succeeded"], said["succeeded_percent"])
    assert {"p50": 30.0, "p99": 30.0} == said["added_ms"]["refused_connection"]


@pytest.mark.parametrize(
    "changes",
    [
        {"converted_after_money": 1},
        {"differences": 1},
        {"refused": _part("refused connection", 0.4)},
        {"open": _part("breaker open", 0.03, wrong=3)},
    ],
    ids=str,
)
def test_a_conversion_that_is_noticed_does_not_hold(changes):
    """Money before it, books that differ, a long wait, or payments that fail."""
    assert not conversion.document(_converted(**changes))["holds"]


def _restarted(**changes) -> restart.Figures:
    made = restart.Figures(
        rolling=Rolling(seen=Seen(payments=9, succeeded=9), stopped_in_s=[3.2, 3.3]),
        death=Death(seen=Seen(payments=9, succeeded=9), held=4, moved_in_s=6.0),
        outage=Death(seen=Seen(payments=9, succeeded=9), held=5, moved_in_s=2.0),
        left_open=0,
        differences=0,
    )
    return replace(made, **changes)


def test_errors_are_allowed_to_a_death_only():
    """A kill breaks calls that are under way; a restart may break none."""
    broken = Seen(payments=9, succeeded=9, errors=[(1.0, "the node hung up")])
    died = Death(seen=broken, moved_in_s=6.0, served_again_in_s=2.9)

    assert restart.document(_restarted(death=died))["holds"]
    assert restart.document(_restarted(outage=died))["holds"]
    assert not restart.document(
        _restarted(rolling=Rolling(seen=broken, stopped_in_s=[3.2]))
    )["holds"]


@pytest.mark.parametrize(
    "changes",
    [
        {"left_open": 1},
        {"differences": 1},
        {"death": Death(seen=Seen(), moved_in_s=10.5)},
        {"death": Death(seen=Seen(), served_again_in_s=3.1)},
        {"death": Death(seen=Seen(payments=2, succeeded=1))},
        {"outage": Death(seen=Seen(), moved_in_s=10.5)},
        {"outage": Death(seen=Seen(), served_again_in_s=3.1)},
        {"outage": Death(seen=Seen(payments=2, succeeded=1))},
        {"rolling": Rolling(seen=Seen(), stopped_in_s=[31.0])},
    ],
    ids=str,
)
def test_a_restart_that_leaves_something_does_not_hold(changes):
    """Open payments, books that differ, chains that stand still, a stop too long, and
    errors for too long after a death.
    """
    assert not restart.document(_restarted(**changes))["holds"]


def test_service_is_back_once_it_answers_and_nothing_breaks():
    """Calls that were let wait are no errors; an answer of before is none of after."""
    waited = Seen(answers=[9.5, 10.2, 12.5, 12.6])
    broke = Seen(answers=[10.2, 10.3, 15.0], errors=[(10.1, "x"), (11.0, "x")])

    assert 12.5 == waited.served_again(12.0)
    assert 11.0 == broke.served_again(10.0)
    assert inf == Seen(answers=[9.5]).served_again(10.0)


def test_a_death_of_the_database_is_told_beside_that_of_a_node():
    """Each by its own keys, and all that was paid in the sum."""
    outage = Death(
        seen=Seen(payments=3, succeeded=3, calls=12, errors=[(1.0, "HTTP 503")]),
        held=5,
        moved_in_s=2.0,
        back_in_s=0.8,
        served_again_in_s=1.234,
    )
    said = restart.document(_restarted(outage=outage))

    assert (21, 6.0, 4) == (said["payments"], said["moved_in_s"], said["kill_open"])
    assert {
        "database_kill_errors": 1,
        "database_kill_calls": 12,
        "database_kill_open": 5,
        "database_moved_in_s": 2.0,
        "database_served_again_in_s": 1.23,
        "database_ready_again_in_s": 0.8,
    } == {key: what for key, what in said.items() if key.startswith("database_")}
    assert {"HTTP 503": 1} == said["errors"]
