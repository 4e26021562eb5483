"""The simulator: it is the same for the same seed, it finds, and it finds nothing."""

import secrets
from collections import Counter

import pytest

from paycore.core import settle
from paycore.kernel.outcome import AfterCharge
from paycore.prove import strikes
from paycore.prove.kinds import BY_NAME, KINDS, NOT_SIMULATED, Kind, kinds_of
from paycore.prove.plan import Plan
from paycore.prove.run import run, story
from paycore.prove.shrink import shrunk

FIXED = range(1, 17)
FRESH = 10
PAYMENTS = 40


@pytest.fixture(scope="module")
def fixed():
    """The runs of the fixed seeds."""
    return [run(Plan(seed=seed, payments=PAYMENTS)) for seed in FIXED]


def test_nothing_is_broken_in_the_fixed_share(fixed):
    """All that must hold does, in the runs that everybody makes."""
    broken = {o.plan.command: o.violations for o in fixed if o.violations}

    assert {} == broken


def test_nothing_is_broken_in_a_fresh_share():
    """Nor does it in runs that nobody has made before; a failure names its seed."""
    first = 1_000_000 + secrets.randbelow(10**9)
    plans = [Plan(seed=first + n, payments=PAYMENTS, nodes=3) for n in range(FRESH)]
    outcomes = [run(plan) for plan in plans]

    assert {} == {o.plan.command: o.violations for o in outcomes if o.violations}


def test_many_kinds_of_fault_strike(fixed):
    """A few runs meet more than forty kinds, and pay most of what was ordered."""
    struck = Counter(name for outcome in fixed for name in outcome.hits)

    assert len(struck) >= 40
    assert sum(outcome.payments for outcome in fixed) > len(FIXED) * PAYMENTS / 2


def test_the_same_seed_is_the_same_run():
    """To the last line of the story, whatever ran before it."""
    plan = Plan(seed=7, payments=30)
    first, told = story(plan)
    run(Plan(seed=8, payments=10))
    second, again = story(plan)

    assert told == again
    assert len(told) > 100
    assert (first.steps, first.hits) == (second.steps, second.hits)


def test_another_seed_is_another_run():
    """Seeds are not decoration."""
    assert story(Plan(seed=7, payments=5))[1] != story(Plan(seed=8, payments=5))[1]


def test_a_kind_that_is_added_changes_no_run_without_it(monkeypatch):
    """What a seed has shown it shows again, wherever in the list the new one stands."""
    plan = Plan(seed=7, payments=10)
    before = story(plan)[1]
    new = Kind(name="new", rows=(), what="of tomorrow", share=1.0, chosen=0.0)
    monkeypatch.setattr(strikes, "KINDS", (new, *KINDS))

    assert before == story(plan)[1]


@pytest.fixture
def guessing(monkeypatch):
    """A core that takes silence for a no: the oldest mistake of the trade."""
    allowed = settle.allowed

    def guess(outcome, blame):
        found = allowed(outcome, blame)
        if found.taking_money is AfterCharge.ENQUIRE:
            return type(found)(
                sending_code=found.sending_code, taking_money=AfterCharge.FAIL
            )
        return found

    monkeypatch.setattr(settle, "allowed", guess)


@pytest.mark.long
def test_a_guess_is_found_and_made_small(guessing):
    """A run that fails is shrunk to a few payers and faults, and fails alike."""
    plan = Plan(seed=1, payments=20, always=("money_unanswered",))
    failed = run(plan)
    small = shrunk(failed)

    assert "I4" in failed.broke
    assert failed.broke & small.broke
    assert len(small.plan.payers) <= 3
    assert "--keep" in small.plan.command


def test_every_row_of_the_matrix_has_a_kind_or_a_reason():
    """Nothing of the fault matrix is left out in silence."""
    rows = {f"F{number:02d}" for number in range(1, 76)}

    assert rows == {row for kind in KINDS for row in kind.rows} | set(NOT_SIMULATED)
    assert len(BY_NAME) == len(KINDS)


def test_a_row_that_is_asked_for_strikes():
    """`--fault F28` makes what F28 is about common."""
    kinds = tuple(kinds_of("F28"))
    outcome = run(Plan(seed=10, payments=40, always=kinds))

    assert set(kinds) <= set(outcome.hits)


def together(kinds, seeds, *, payments=PAYMENTS):
    """What some runs with these kinds looked at, where each of them struck in one run
    at least and nothing broke: no single seed's dice decide.
    """
    outcomes = [run(Plan(seed=n, payments=payments, always=kinds)) for n in seeds]
    assert set(kinds) <= {name for outcome in outcomes for name in outcome.hits}
    assert {} == {o.plan.command: o.violations for o in outcomes if o.violations}
    return sum((Counter(outcome.checked) for outcome in outcomes), Counter())


def test_agreements_are_signed_and_ended_under_faults():
    """Payers sign cards and part with them, from both ends, and nothing breaks."""
    kinds = ("signs", "sign_unanswered", "revokes_meanwhile", "ends_after")
    more = ("orders_after_end", "revokes_after", "shares_card")

    together(kinds + more, (21, 22))


def test_two_people_cure_cases_under_faults():
    """Previews, approvals and executions cross one another and crashes; money that no
    order covers goes back once.
    """
    kinds = ("desk_works", "desk_returns_all", "cures_at_once", "charged_unasked")
    more = ("cures_twice", "approves_oneself", "not_approved", "closes")

    assert together(kinds + more, (1, 12, 18))["I26"] > 20


def test_a_ledger_of_the_users_own_has_every_posting_at_the_end():
    """It is away, silent or refuses, and is told all of it, in turn."""
    kinds = ("ledger_fed", "ledger_lost", "ledger_unanswered", "refunds")

    together(kinds, (2, 3), payments=20)
