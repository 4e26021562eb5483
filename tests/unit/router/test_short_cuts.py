"""The router's short cuts decide nothing: each decision is that of the long way.

The long way asks every stage and every rule of every offer, remembers nothing, and
spells out each candidate anew; it is what the router did before it was made faster.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from paycore.kernel.terms import SMS_CENTRE, BizLineId, Json, TransType
from paycore.router import rules
from paycore.router.conditions import Facts
from paycore.router.question import AgreementLimits, Candidate, Question
from paycore.router.rules import OWN, SHARED, Case, Draw
from paycore.router.snapshot import NO_RULES, Offer, Sifted, Snapshot

CHANNELS = ("bank_a", "bank_b", "bank_c", SMS_CENTRE)
CONDITIONS = (
    "amount < 500",
    "amount >= 300 && hour < 13",
    "amount / (amount - 400) > 0",
    'bank == "ICBC"',
    'biz_line == "shop" || hour == 12',
    "hour / (hour - 12) > 1",
)
WINDOW = '[{"from":"2026-11-23T11:00:00Z","to":"2026-11-23T12:30:00Z"}]'


def seldom(*values: object) -> st.SearchStrategy:
    """Mostly nothing: an offer that a stage drops says nothing about later ones."""
    return st.sampled_from((*[None] * (2 * len(values) + 2), *values))


LIMITS = seldom(300, 1_000)


# --- the long way ---------------------------------------------------------------------


def long_way(
    snapshot: Snapshot, question: Question, used: Mapping[str, int], draw
) -> tuple[str | None, tuple[Candidate, ...], Draw]:
    """What is chosen, what is told of each, and the draw."""
    case = Case(snapshot, question, Facts(question))
    offers = snapshot.offers.get(question.trans_type, ())
    told = tuple(
        spelled(sifted(case, offer), question.amount, used) for offer in offers
    )
    best = finalists(told)
    if not best:
        return None, told, Draw()
    of = sum(one.weight for one in best) or len(best)
    drawn = Draw(draw(of), of) if len(best) > 1 else Draw()
    return chosen(best, drawn), told, drawn


def sifted(case: Case, offer: Offer) -> Sifted:
    own = case.snapshot.rules.get(offer.key, NO_RULES)
    one = Sifted(offer)
    for stages, asked in ((SHARED, own.stable), (OWN, own.volatile)):
        for stage, object_to in stages:
            why = object_to(case, offer)
            if why is not None:
                return Sifted(offer, stage, why)
        one = rules._ask(asked, case.facts, one)
        if one.stage:
            return one
    return replace(one, reservations=rules._reservations(case.question, offer))


def spelled(one: Sifted, amount: int, used: Mapping[str, int]) -> Candidate:
    row, stage, why, notes = one.offer.row, one.stage, one.why, ""
    for reservation in () if stage else one.reservations:
        after = used.get(reservation.counter, 0) + amount
        said = f"{after} of {reservation.limit} with this one ({reservation.counter})"
        if after > reservation.limit:
            stage, why = "daily_limit", f"today's limit has no room: {said}"
            break
        notes += f", {said}"
    named = {
        "inst_trans_id": row.inst_trans_id,
        "channel": row.channel,
        "account": row.account,
    }
    if stage:
        return Candidate(**named, kept=False, stage=stage, why=why)
    favour = f"preferred by rule {one.preferred}, " if one.preferred else ""
    return Candidate(
        **named,
        kept=True,
        stage="kept",
        why=f"{favour}priority {row.priority}, weight {row.weight}{notes}",
        preferred=one.preferred is not None,
        priority=row.priority,
        weight=row.weight,
    )


def finalists(told: Sequence[Candidate]) -> list[Candidate]:
    kept = [one for one in told if one.kept]
    best = min(((not one.preferred, one.priority) for one in kept), default=None)
    equal = [one for one in kept if (not one.preferred, one.priority) == best]
    return sorted(equal, key=lambda one: one.inst_trans_id)


def chosen(best: Sequence[Candidate], drawn: Draw) -> str:
    shares = [one for one in best for _ in range(one.weight)]
    return (shares or best)[drawn.number].inst_trans_id


# --- tables and questions of every kind -----------------------------------------------


@st.composite
def snapshots(draw, make) -> Snapshot:
    rows = [
        make.offer(
            name,
            priority=draw(st.sampled_from((1, 2))),
            weight=draw(st.sampled_from((0, 1, 3))),
            single_min=draw(st.sampled_from((1, 200))),
            single_max=draw(LIMITS),
            daily_limit=draw(LIMITS),
            banks=draw(seldom(Json('["ICBC"]'))),
            condition=draw(seldom("amount >", *CONDITIONS)),
            maintenance=draw(seldom(Json(WINDOW))) or Json("[]"),
            enabled=draw(st.sampled_from((True, True, True, False))),
        )
        for name in CHANNELS
    ]
    asked = st.tuples(
        st.sampled_from(CONDITIONS),
        st.sampled_from(("DROP", "PREFER")),
        st.sampled_from(CHANNELS),
        st.sampled_from((None, "main")),
    )
    ruled = [
        make.rule(f"r{number}", condition, effect, channel, account=account)
        for number, (condition, effect, channel, account) in enumerate(
            draw(st.lists(asked, max_size=8))
        )
    ]
    return make.tables(*rows, rules=tuple(ruled))


@st.composite
def questions(draw, make) -> Question:
    keys = [(name, "main") for name in CHANNELS]
    some = st.just(frozenset()) | st.frozensets(st.sampled_from(keys), max_size=2)
    agreed = st.builds(AgreementLimits, single_limit=LIMITS, daily_limit=LIMITS)
    asked = make.ask(
        *CHANNELS,
        amount=draw(st.sampled_from((100, 250, 400, 450, 700))),
        biz_line=BizLineId(draw(st.sampled_from(("shop", "other")))),
        bank=draw(st.sampled_from(("ICBC", "CCB"))),
        agreements=draw(
            st.none()
            | st.fixed_dictionaries(dict.fromkeys(keys, agreed))
            | st.dictionaries(st.sampled_from(keys), agreed)
        ),
        excluded=draw(some),
        broken=draw(some),
        named=draw(st.sampled_from((None, None, SMS_CENTRE, "bank_a"))),
    )
    minutes = draw(st.sampled_from((0, 31, 61)))
    return replace(asked, now=asked.now + timedelta(minutes=minutes))


@settings(
    max_examples=300,
    # It only has builders, and keeps nothing.
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_every_decision_is_that_of_the_long_way(make, data):
    """The same choice, of the same number drawn, with the same words, one after the
    other on the same tables: what one question leaves behind misleads no other.
    """
    snapshot = data.draw(snapshots(make))
    used = {
        f"route:{name}.deduct:CNY:20261123": data.draw(st.sampled_from((0, 600)))
        for name in CHANNELS
    }
    for question in data.draw(st.lists(questions(make), min_size=1, max_size=4)):
        found = rules.decide(snapshot, question, used, lambda of: of // 2)
        route, told, draw = long_way(snapshot, question, used, lambda of: of // 2)

        assert route == (found.route and found.route.inst_trans_id)
        assert msgspec.json.encode(told) == msgspec.json.encode(found.candidates)
        assert draw == found.draw


def test_every_offer_is_of_the_kind_that_is_asked_for(make):
    """Else the test above would compare nothing with nothing."""
    snapshot = make.tables(*(make.offer(name) for name in CHANNELS))

    assert {TransType.DEDUCT} == set(snapshot.offers)
    assert len(CHANNELS) == len(snapshot.offers[make.ask().trans_type])
