"""The pure heart of the router: stages, order, draw."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paycore.kernel.terms import SMS_CENTRE, Json, TransType
from paycore.router.question import AgreementLimits, Candidate
from paycore.router.rules import (
    OWN,
    SHARED,
    Cause,
    Draw,
    decide,
    recompute,
)


def lowest(of: int) -> int:
    return 0


def reasons(decision) -> dict[str, str]:
    return {one.channel: one.stage for one in decision.candidates}


def test_the_one_that_fits_is_chosen(make):
    """Of offers of the same type, the one that nothing objects to is the route."""
    snapshot = make.tables(make.offer("bank_a"), make.offer("bank_b", enabled=False))

    decision = decide(snapshot, make.ask("bank_a", "bank_b"), {}, lowest)

    assert Cause.ROUTED == decision.cause
    assert "bank_a.deduct" == decision.route.inst_trans_id
    assert {"bank_a": "kept", "bank_b": "switch"} == reasons(decision)


@pytest.mark.parametrize(
    ("stage", "row", "question"),
    [
        ("capability", {}, {"capable": frozenset()}),
        ("switch", {"enabled": False}, {}),
        ("name", {}, {"named": "bank_b"}),
        ("fault", {"currencies": Json('"CNY"')}, {}),
        ("fault", {"condition": "amount >"}, {}),
        ("line", {}, {"biz_line": "other"}),
        ("currency", {"currencies": Json('["USD"]')}, {}),
        ("agreement", {}, {"agreements": {}}),
        ("bank", {"banks": Json('["CCB"]')}, {}),
        (
            "maintenance",
            {
                "maintenance": Json(
                    '[{"from":"2026-11-23T19:00:00+08:00","to":"2026-11-23T13:00:00Z"}]'
                )
            },
            {},
        ),
        ("excluded", {}, {"excluded": frozenset({("bank_a", "main")})}),
        ("breaker", {}, {"broken": frozenset({("bank_a", "main")})}),
        ("single_limit", {"single_min": 501}, {}),
        ("single_limit", {"single_max": 499}, {}),
        (
            "single_limit",
            {},
            {
                "agreements": {
                    ("bank_a", "main"): AgreementLimits(
                        single_limit=499, daily_limit=None
                    )
                }
            },
        ),
        ("condition", {"condition": "hour < 9"}, {}),
        ("condition", {"condition": "amount < 9"}, {}),
        ("condition", {"condition": "amount / (hour - 12) > 1"}, {}),
    ],
)
def test_each_stage_drops_and_says_why(make, stage, row, question):
    """What fails one stage is dropped by that stage, with a reason to read (I21)."""
    snapshot = make.tables(make.offer("bank_a", **row))

    decision = decide(snapshot, make.ask("bank_a", **question), {}, lowest)

    assert (None, Cause.ROUTE_NONE) == (decision.route, decision.cause)
    assert [stage] == [one.stage for one in decision.candidates]
    assert decision.candidates[0].why


def test_every_stage_is_tried_by_the_test_above():
    """No stage is without a case that it drops."""
    marks = test_each_stage_drops_and_says_why.pytestmark[0].args[1]

    assert {name for name, _ in (*SHARED, *OWN)} == {case[0] for case in marks}


def test_the_edges_of_limits_and_windows_belong_to_the_payer(make):
    """An amount equal to a limit fits, and a window's end is already open."""
    window = '[{"from":"2026-11-23T11:00:00Z","to":"2026-11-23T12:00:00Z"}]'
    row = make.offer("bank_a", single_min=500, single_max=500, maintenance=Json(window))

    decision = decide(make.tables(row), make.ask("bank_a"), {}, lowest)

    assert Cause.ROUTED == decision.cause


def test_a_day_has_room_until_its_limit(make):
    """What is used plus the amount may reach the limit and not pass it."""
    snapshot = make.tables(make.offer("bank_a", daily_limit=1_000))
    counter = "route:bank_a.deduct:CNY:20261123"
    question = make.ask("bank_a")

    full = decide(snapshot, question, {counter: 501}, lowest)
    fits = decide(snapshot, question, {counter: 500}, lowest)

    assert {"bank_a": "daily_limit"} == reasons(full)
    assert [(counter, 1_000)] == [
        (one.counter, one.limit) for one in fits.route.reservations
    ]


def test_an_agreement_has_a_day_of_its_own(make):
    """A mandate's daily limit is counted by card, account and way of paying."""
    limits = AgreementLimits(single_limit=None, daily_limit=600)
    question = make.ask("bank_a", agreements={("bank_a", "main"): limits})

    decision = decide(make.tables(make.offer("bank_a")), question, {}, lowest)

    (taken,) = decision.route.reservations
    assert "agreement:card_1:DEDUCT:bank_a:main:CNY:20261123" == taken.counter
    assert question.now < taken.expires_at - timedelta(days=1)


def test_the_sms_centre_comes_by_name_only(make):
    """The SMS centre is never offered unasked; asked for, amounts are no matter."""
    centre = make.offer(
        SMS_CENTRE,
        trans_type=TransType.QUICK_PAY_SEND_MSG,
        currencies=Json("[]"),
        single_max=1,
        daily_limit=1,
    )
    question = {"trans_type": TransType.QUICK_PAY_SEND_MSG, "agreements": None}

    unasked = decide(make.tables(centre), make.ask(SMS_CENTRE, **question), {}, lowest)
    named = decide(
        make.tables(centre),
        make.ask(SMS_CENTRE, named=SMS_CENTRE, **question),
        {},
        lowest,
    )

    assert {SMS_CENTRE: "name"} == reasons(unasked)
    assert (SMS_CENTRE, ()) == (named.route.channel, named.route.reservations)


def test_rules_drop_and_prefer(make):
    """A rule that holds drops its channel, or puts it before a better priority."""
    rules = (
        make.rule("r1", "amount > 400", "DROP", "bank_a"),
        make.rule("r2", "bank == 'ICBC'", "PREFER", "bank_c"),
        make.rule("r3", "true", "PREFER", "bank_b", enabled=False),
    )
    snapshot = make.tables(
        make.offer("bank_a"),
        make.offer("bank_b", priority=1),
        make.offer("bank_c", priority=200),
        rules=rules,
    )

    decision = decide(snapshot, make.ask("bank_a", "bank_b", "bank_c"), {}, lowest)

    assert {"bank_a": "rule", "bank_b": "kept", "bank_c": "kept"} == reasons(decision)
    assert "bank_c" == decision.route.channel
    assert "rule r1: title of r1" == decision.candidates[0].why


def test_a_rule_is_about_one_account_where_it_names_one(make):
    """A rule with an account leaves the channel's other accounts alone."""
    other = make.offer("bank_a", account="spare", inst_trans_id="bank_a.spare")
    snapshot = make.tables(
        make.offer("bank_a"),
        other,
        rules=(make.rule("r1", "true", "DROP", "bank_a", account="main"),),
    )

    question = make.ask("bank_a", agreements=None)
    decision = decide(snapshot, question, {}, lowest)

    assert "spare" == decision.route.account


def test_a_rule_without_an_answer_is_on_the_safe_side(make):
    """A rule that fails drops if it drops, and is passed over if it prefers."""
    snapshot = make.tables(
        make.offer("bank_a"),
        make.offer("bank_b"),
        rules=(
            make.rule("r1", "amount / (hour - 12) > 0", "DROP", "bank_a"),
            make.rule("r2", "nonsense", "PREFER", "bank_b"),
        ),
    )

    decision = decide(snapshot, make.ask("bank_a", "bank_b"), {}, lowest)

    assert {"bank_a": "rule", "bank_b": "kept"} == reasons(decision)
    assert not decision.candidates[1].preferred


def test_shared_answers_are_not_taken_for_others(make):
    """What a rule said of one bank or amount is not said of the next."""
    snapshot = make.tables(
        make.offer("bank_a"),
        rules=(
            make.rule("r1", "bank == 'CCB'", "DROP", "bank_a"),
            make.rule("r2", "amount == 7", "DROP", "bank_a"),
        ),
    )

    causes = [
        decide(snapshot, make.ask("bank_a", **asked), {}, lowest).cause
        for asked in ({}, {"bank": "CCB"}, {}, {"amount": 7}, {})
    ]

    routed, none = Cause.ROUTED, Cause.ROUTE_NONE
    assert [routed, none, routed, none, routed] == causes


def test_many_rules_over_the_amount_are_each_heard(make):
    """Asking many at once changes nothing: one that holds or fails is still found."""
    rules = (
        *(
            make.rule(f"r{i}", f"amount == {i} // note", "DROP", "bank_a")
            for i in range(99)
        ),
        make.rule("r_fails", "amount / (amount - 100) > 999", "DROP", "bank_a"),
        make.rule("r_likes", "amount > 400", "PREFER", "bank_a"),
    )
    snapshot = make.tables(make.offer("bank_a"), rules=rules)

    said = {
        amount: decide(snapshot, make.ask("bank_a", amount=amount), {}, lowest)
        for amount in (7, 100, 200, 500)
    }

    whys = {amount: decision.candidates[0].why for amount, decision in said.items()}
    assert "rule r7: title of r7" == whys[7]
    assert whys[100].startswith("rule r_fails has no answer")
    assert whys[200].startswith("priority")
    assert whys[500].startswith("preferred by rule r_likes")


def test_lower_priority_numbers_come_first(make):
    """Nothing of a higher number is drawn while one of a lower stands."""
    snapshot = make.tables(
        make.offer("bank_a", priority=2), make.offer("bank_b", priority=1)
    )

    decision = decide(snapshot, make.ask("bank_a", "bank_b"), {}, lowest)

    assert ("bank_b", Draw()) == (decision.route.channel, decision.draw)


@pytest.mark.parametrize(
    ("drawn", "channel"), [(0, "bank_a"), (2, "bank_a"), (3, "bank_c"), (4, "bank_c")]
)
def test_equals_are_drawn_by_weight(make, drawn, channel):
    """Every weight is so many of the numbers that may be drawn; 0 is none of them."""
    snapshot = make.tables(
        make.offer("bank_a", weight=3),
        make.offer("bank_b", weight=0),
        make.offer("bank_c", weight=2),
    )

    decision = decide(
        snapshot, make.ask("bank_a", "bank_b", "bank_c"), {}, lambda _of: drawn
    )

    assert (channel, Draw(drawn, 5)) == (decision.route.channel, decision.draw)


candidates = st.lists(
    st.builds(
        lambda no, kept, preferred, priority, weight: Candidate(
            inst_trans_id=f"type{no}",
            channel="bank",
            account="main",
            kept=kept,
            stage="",
            why="",
            preferred=preferred,
            priority=priority,
            weight=weight,
        ),
        st.integers(0, 99),
        st.booleans(),
        st.booleans(),
        st.integers(0, 2),
        st.integers(0, 3),
    ),
    unique_by=lambda one: one.inst_trans_id,
    max_size=8,
)


@given(candidates)
def test_any_number_drawn_names_one_that_was_kept(found):
    """Whatever is drawn, the choice was kept and none stands before it (I21, I22)."""
    kept = [one for one in found if one.kept]
    first = min(((not one.preferred, one.priority) for one in kept), default=None)
    best = [one for one in kept if (not one.preferred, one.priority) == first]
    of = sum(one.weight for one in best) or len(best)
    by_id = {one.inst_trans_id: one for one in best}

    shares = [recompute(found, Draw(number, of)) for number in range(of)]

    assert set(shares) <= by_id.keys()
    if any(one.weight for one in best):
        assert all(shares.count(no) == one.weight for no, one in by_id.items())
