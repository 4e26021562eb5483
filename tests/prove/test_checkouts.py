"""Payers at checkouts and operators with windows, in the simulator: they do what people
do, nothing breaks by it, and what would break is found.
"""

from collections import Counter

import pytest

from paycore.checkout import returning, scene
from paycore.checkout.scene import Stage
from paycore.prove import checkouts
from paycore.prove.api import Answer
from paycore.prove.browser import read
from paycore.prove.kinds import CHECKOUT, PAGE, WINDOW
from paycore.prove.plan import Plan
from paycore.prove.run import run, story
from paycore.router import rules

CLICKS = tuple(kind.name for kind in (*PAGE, *CHECKOUT))
WINDOWS = tuple(kind.name for kind in WINDOW)
PAYMENTS = 30


def together(kinds, seeds):
    """What some runs with these kinds looked at, where each of them struck in one run
    at least and nothing broke: no single seed's dice decide.
    """
    outcomes = [run(Plan(seed=n, payments=PAYMENTS, always=kinds)) for n in seeds]
    assert set(kinds) <= {name for outcome in outcomes for name in outcome.hits}
    assert {} == {o.plan.command: o.violations for o in outcomes if o.violations}
    return sum((Counter(outcome.checked) for outcome in outcomes), Counter())


def pages(told):
    """The pages that were seen in a story, in their order."""
    return [more.partition(" ")[2] for _, _, what, more, _ in told if what == "page"]


def test_a_payer_whom_nothing_strikes_pays_at_the_page():
    """He chooses a card, types the code and reads that it is paid; so does his line."""
    plan = Plan(seed=3, payments=12, only=("shops",), always=("shops",))
    outcome, told = story(plan)
    seen = pages(told)

    assert () == outcome.violations
    assert {"shops"} == set(outcome.hits)
    assert {"CHOOSE", "CODE", "PAID"} <= set(seen)
    assert set(seen) <= {"CHOOSE", "CODE", "WORKING", "CONFIRMING", "PAID"}
    assert "SUCCESS" in {
        more[-7:] for _, _, what, more, _ in told if what == "checkout"
    }


def test_all_that_people_do_with_pages_breaks_nothing():
    """Double clicks, tabs, the back button, the last moment, strangers, lost pages."""
    looked = together(CLICKS, (1, 2, 3, 4))

    assert all(looked[name] > 50 for name in ("I4", "I5", "I17", "I23", "I24", "I25"))


def test_all_that_operators_do_with_accounts_breaks_nothing():
    """Windows that are set, overlap and are ended, and accounts that are off."""
    looked = together(WINDOWS, (5, 6, 7))

    assert looked["I21"] > 50
    assert looked["I26"] > 20


def test_the_same_seed_is_the_same_run_with_all_of_it():
    """Pages, forms and operators' acts are drawn from the seed like everything else."""
    plan = Plan(seed=9, payments=12, always=CLICKS + WINDOWS)
    first, told = story(plan)
    run(Plan(seed=8, payments=5, always=CLICKS))
    second, again = story(plan)

    assert told == again
    assert {"page", "browser", "window"} <= {what for _, _, what, _, _ in told}
    assert (first.steps, first.hits) == (second.steps, second.hits)


def test_a_page_is_read_as_a_browser_reads_it():
    """Forms with their hidden fields and choices, the way back, when it looks again."""
    body = b"""<body class="choose"><p class="amount">&yen;12.00</p>
      <form method="post" action="/checkout/co_A_B/pay?lang=en">
      <input type="hidden" name="seen" value="3">
      <input type="radio" name="card" value="c1"><input type="radio" name="card"
      value="c2"></form><form action="/checkout/co_A_B/card"><input name="number">
      </form><p class="back"><a href="https://shop.example/?a=1&amp;b=2">x</a></p>"""
    headers = {"refresh": "3; url=/checkout/co_A_B"}
    page = read(Answer(status=200, body=body, headers=headers), 1.5)

    assert ("CHOOSE", "¥12.00", 3, 1.5) == (
        *(page.stage, page.amount, page.again_s, page.asked_at),
    )
    assert "https://shop.example/?a=1&b=2" == page.back
    assert {"pay", "card"} == set(page.forms)
    assert {"seen": "3"} == dict(page.forms["pay"].fields)
    assert ("c1", "c2") == page.forms["pay"].cards
    assert "/checkout/co_A_B/pay?lang=en" == page.forms["pay"].action


def test_a_page_that_says_paid_too_early_is_found(monkeypatch):
    """A page that takes asking for having is held to the order that stands."""
    stage_of = scene._of_payment

    def hopeful(payment, now):
        stage = stage_of(payment, now)
        return Stage.PAID if stage is Stage.CONFIRMING else stage

    monkeypatch.setattr(scene, "_of_payment", hopeful)
    always = ("shops", "money_unanswered", "money_pending")
    outcome = run(Plan(seed=1, payments=PAYMENTS, always=always))

    assert "I4" in outcome.broke


def test_a_way_back_that_nobody_signed_is_found(monkeypatch):
    """Its line checks the signature with its key, which is all that it has for it."""
    monkeypatch.setattr(returning, "signature", lambda *_: "0" * 64)
    plan = Plan(seed=1, payments=12, only=("shops",), always=("shops",))

    assert {"I17"} == run(plan).broke


def test_a_payment_that_begins_after_the_end_is_found(monkeypatch):
    """Whoever was told EXPIRED, on a page or by his key, must never be paid."""

    class Told(checkouts.CheckoutWatch):
        def made(self, shop):
            super().made(shop)
            self._expired.add(shop.checkout_no)

    monkeypatch.setattr("paycore.prove.oracle.CheckoutWatch", Told)
    plan = Plan(seed=1, payments=8, only=("shops",), always=("shops",))

    assert {"I5"} == run(plan).broke


@pytest.mark.parametrize("only", [("window_at_once",), ()])
def test_a_route_into_a_window_is_found(monkeypatch, only):
    """Nobody is sent where a node knows that nobody is to go; planned or at once."""
    monkeypatch.setattr(rules, "OWN", [s for s in rules.OWN if s[0] != "maintenance"])
    kinds = ("windows_set", *only)
    outcomes = [
        run(Plan(seed=seed, payments=PAYMENTS, only=kinds, always=kinds))
        for seed in (1, 2, 3)
    ]

    assert {"I21"} == {name for outcome in outcomes for name in outcome.broke}
