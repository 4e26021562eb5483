"""Which of the offers: sift them stage by stage, then draw. Pure: no input, no output.

    sift    every offer of the transaction type, through `SHARED` and then `OWN` stages
            in their order; the first that objects drops it and says why, with numbers
    choose  what a day's limits have no room for is dropped; of the rest the preferred
            ones, then those of the lowest priority number, then by weight

What the shared stages say depends on nothing of one payment (its amount, its card's
agreements, the minute), so it is worked out once for all questions that are alike, and
with it what is told of an offer that nothing of one payment changes anything about.

Every offer leaves one `Candidate` with its reason, and the draw is recorded, so that
`recompute` gives the same choice from the stored explanation alone (I22).
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

import msgspec
from msgspec.structs import replace

from paycore.kernel.terms import SMS_CENTRE, TransType
from paycore.router.conditions import Condition, ConditionError, Facts
from paycore.router.question import Candidate, Question, Reservation, Route
from paycore.router.snapshot import NO_RULES, Offer, Rule, Rules, Sifted, Snapshot


class Cause(StrEnum):
    """How a decision ended."""

    ROUTED = "ROUTED"
    ROUTE_NONE = "ROUTE_NONE"
    """Nothing was left."""
    ROUTE_ERROR = "ROUTE_ERROR"
    """The router could not decide in time; the candidates are not known."""


class Draw(msgspec.Struct, frozen=True):
    """The number drawn, and of how many: 0 of 0 where there was nothing to draw."""

    number: int = 0
    of: int = 0


NO_DRAW = Draw()
NOTHING: Mapping[str, int] = MappingProxyType({})


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What was chosen, and why everything else was not."""

    route: Route | None
    cause: Cause
    candidates: tuple[Candidate, ...] = ()
    draw: Draw = NO_DRAW


class Case(msgspec.Struct, frozen=True):
    """One question before one snapshot: what the stages look at."""

    snapshot: Snapshot
    question: Question
    facts: Facts
    own: "Stages" = ()
    """Those of `OWN` that this question can set off, for offers without a window and a
    condition of their own; others are asked all of them."""


def decide(
    snapshot: Snapshot,
    question: Question,
    used: Mapping[str, int],
    draw: Callable[[int], int],
) -> Decision:
    """Decide at once, with the counters at hand; `draw(n)` gives a number below n."""
    return choose(sift(snapshot, question), question, used, draw)


def sift(snapshot: Snapshot, question: Question) -> list[Sifted]:
    """Every offer of the transaction type, each through the stages."""
    case = Case(snapshot, question, Facts(question), _own_stages(question))
    shared = snapshot.remember(case.facts.shared, lambda: _sift_shared(case))
    return [one if one.stage else _sift_own(case, one) for one in shared]


def counters(sifted: Sequence[Sifted]) -> list[str]:
    """The limit counters that `choose` must know; no others are worth a read."""
    return [r.counter for one in sifted if not one.stage for r in one.reservations]


def choose(
    sifted: Sequence[Sifted],
    question: Question,
    used: Mapping[str, int],
    draw: Callable[[int], int],
) -> Decision:
    """Drop what has no room left today, and draw among the best of the rest."""
    candidates = tuple(
        one.told or _candidate(one, question.amount, used) for one in sifted
    )
    best = _finalists(candidates)
    if not best:
        return Decision(route=None, cause=Cause.ROUTE_NONE, candidates=candidates)
    drawn = NO_DRAW
    if len(best) > 1:
        of = _total(best)
        drawn = Draw(draw(of), of)
    chosen = _drawn(best, drawn).inst_trans_id
    one = next(one for one in sifted if one.offer.row.inst_trans_id == chosen)
    route = Route(
        inst_trans_id=chosen,
        channel=one.offer.row.channel,
        account=one.offer.row.account,
        reservations=one.reservations,
    )
    return Decision(route=route, cause=Cause.ROUTED, candidates=candidates, draw=drawn)


def recompute(candidates: Sequence[Candidate], draw: Draw) -> str | None:
    """The choice again, from what was stored of it (I22)."""
    best = _finalists(candidates)
    return _drawn(best, draw).inst_trans_id if best else None


# The stages. Each gives None, or why the offer is dropped.


def _capability(case: Case, offer: Offer) -> str | None:
    if offer.row.channel in case.question.capable:
        return None
    return f"{offer.row.channel} cannot do {case.question.trans_type}"


def _switch(case: Case, offer: Offer) -> str | None:
    return None if offer.row.enabled else "switched off"


def _name(case: Case, offer: Offer) -> str | None:
    named = case.question.named
    if named is None:
        return "only on request by name" if offer.row.channel == SMS_CENTRE else None
    return None if offer.row.channel == named else f"{named} was asked for by name"


def _fault(case: Case, offer: Offer) -> str | None:
    return None if offer.fault is None else f"its row cannot be read: {offer.fault}"


def _line(case: Case, offer: Offer) -> str | None:
    row, line = offer.row, case.question.biz_line
    if (line, row.channel, row.account) in case.snapshot.allowed:
        return None
    return f"{line} may not use {row.channel}/{row.account}"


def _currency(case: Case, offer: Offer) -> str | None:
    if not offer.currencies or case.question.currency in offer.currencies:
        return None
    return (
        f"{case.question.currency} is not among {', '.join(sorted(offer.currencies))}"
    )


def _agreement(case: Case, offer: Offer) -> str | None:
    agreements = case.question.agreements
    if agreements is None or offer.key in agreements:
        return None
    return "the card has no live agreement there"


def _bank(case: Case, offer: Offer) -> str | None:
    if offer.banks is None or case.question.bank in offer.banks:
        return None
    return f"does not serve {case.question.bank}"


def _maintenance(case: Case, offer: Offer) -> str | None:
    for window in offer.windows:
        if window.start <= case.question.now < window.end:
            return f"closed {window.start.isoformat()} to {window.end.isoformat()}"
    return None


def _shared_condition(case: Case, offer: Offer) -> str | None:
    if offer.condition is None or not offer.condition.stable:
        return None
    return _answer(case, offer.condition)


def _own_condition(case: Case, offer: Offer) -> str | None:
    if offer.condition is None or offer.condition.stable:
        return None
    return _answer(case, offer.condition)


def _answer(case: Case, condition: Condition) -> str | None:
    try:
        holds = condition.holds(case.facts)
    except ConditionError as error:
        return f"its condition has no answer: {error}"
    return None if holds else f"its condition does not hold: {condition.source}"


def _breaker(case: Case, offer: Offer) -> str | None:
    return "its breaker is open" if offer.key in case.question.broken else None


def _excluded(case: Case, offer: Offer) -> str | None:
    return (
        "tried before for this payment" if offer.key in case.question.excluded else None
    )


def _single_limit(case: Case, offer: Offer) -> str | None:
    if not offer.limited:
        return None
    row, amount = offer.row, case.question.amount
    if amount < row.single_min:
        return f"{amount} is below its least of {row.single_min}"
    if row.single_max is not None and amount > row.single_max:
        return f"{amount} is above its single limit of {row.single_max}"
    agreed = (case.question.agreements or {}).get(offer.key)
    if agreed and agreed.single_limit is not None and amount > agreed.single_limit:
        return (
            f"{amount} is above the agreement's single limit of {agreed.single_limit}"
        )
    return None


Stages = tuple[tuple[str, Callable[[Case, Offer], str | None]], ...]

SHARED: Stages = (
    ("capability", _capability),
    ("switch", _switch),
    ("name", _name),
    ("fault", _fault),
    ("line", _line),
    ("currency", _currency),
    ("bank", _bank),
    ("condition", _shared_condition),
)
"""In this order; then "rule", by the rules whose conditions are stable."""

OWN: Stages = (
    ("agreement", _agreement),
    ("maintenance", _maintenance),
    ("excluded", _excluded),
    ("breaker", _breaker),
    ("single_limit", _single_limit),
    ("condition", _own_condition),
)
"""In this order; then "rule", by the other rules, and last "daily_limit"."""


def _own_stages(question: Question) -> Stages:
    """Without those that have nothing to say: a window and a condition are an offer's,
    and most questions have nothing excluded or broken.
    """
    idle = {"maintenance", "condition"}
    if question.agreements is None:
        idle.add("agreement")
    if not question.excluded:
        idle.add("excluded")
    if not question.broken:
        idle.add("breaker")
    return tuple(stage for stage in OWN if stage[0] not in idle)


def _sift_shared(case: Case) -> tuple[Sifted, ...]:
    """What many questions have in common; the payment's own stages come after it."""
    offers = case.snapshot.offers.get(case.question.trans_type, ())
    sifted = (_shared_of(case, Sifted(offer)) for offer in offers)
    return tuple(replace(one, told=_candidate(one, 0, NOTHING)) for one in sifted)


def _shared_of(case: Case, one: Sifted) -> Sifted:
    objection = _objection(SHARED, case, one.offer)
    if objection is not None:
        return objection
    rules = case.snapshot.rules.get(one.offer.key, NO_RULES)
    return _ask(rules.stable, case.facts, one)


def _sift_own(case: Case, one: Sifted) -> Sifted:
    offer = one.offer
    objection = _objection(case.own if offer.plain else OWN, case, offer)
    if objection is not None:
        return objection
    rules = case.snapshot.rules.get(offer.key, NO_RULES)
    if rules.volatile and not _shut(rules, case.facts):
        one = _ask(rules.volatile, case.facts, one)
    taken = () if one.stage else _reservations(case.question, offer)
    return replace(one, reservations=taken, told=None) if taken else one


def _objection(stages: Stages, case: Case, offer: Offer) -> Sifted | None:
    for stage, object_to in stages:
        why = object_to(case, offer)
        if why is not None:
            return Sifted(offer, stage, why)
    return None


def _shut(rules: Rules, facts: Facts) -> bool:
    """Whether one look shows that none of the volatile rules holds."""
    if rules.gate is None:
        return False
    try:
        return not rules.gate.holds(facts)
    except ConditionError:
        return False


def _ask(rules: Sequence[Rule], facts: Facts, one: Sifted) -> Sifted:
    """Ask rules in turn, until one drops.

    One without an answer drops too if it is there to drop; if it only prefers, it is
    passed over.
    """
    for rule in rules:
        if one.stage:
            break
        if rule.drops or one.preferred is None:
            one = _ask_one(rule, facts, one)
    return one


def _ask_one(rule: Rule, facts: Facts, one: Sifted) -> Sifted:
    name, fault, holds = rule.row.rule_id, rule.fault, False
    if rule.condition is not None:
        try:
            holds = rule.condition.holds(facts)
        except ConditionError as error:
            fault = str(error)
    if rule.drops and fault is not None:
        return Sifted(one.offer, "rule", f"rule {name} has no answer: {fault}")
    if not holds:
        return one
    if rule.drops:
        return Sifted(one.offer, "rule", f"rule {name}: {rule.row.title}")
    return replace(one, preferred=name, told=None)


# Limits of a day.


def _reservations(question: Question, offer: Offer) -> tuple[Reservation, ...]:
    """The day's limits that this route would take from."""
    if not offer.limited:
        return ()
    agreed = (question.agreements or {}).get(offer.key)
    agreed_limit = agreed.daily_limit if agreed else None
    if offer.row.daily_limit is None and agreed_limit is None:
        return ()
    midnight = question.now.replace(hour=0, minute=0, second=0, microsecond=0)
    found = []
    if offer.row.daily_limit is not None:
        name = f"route:{offer.row.inst_trans_id}"
        found.append(_of_day(name, question, midnight, offer.row.daily_limit))
    if agreed_limit is not None:
        name = f"agreement:{question.card_id}:{_agreed(question)}:{':'.join(offer.key)}"
        found.append(_of_day(name, question, midnight, agreed_limit))
    return tuple(found)


def _agreed(question: Question) -> str:
    """Which agreement it is: a mandate's limit is its own."""
    return "DEDUCT" if question.trans_type is TransType.DEDUCT else "QUICK_PAY"


def _of_day(
    name: str, question: Question, midnight: datetime, limit: int
) -> Reservation:
    # One day longer than it counts: what fails after midnight is still given back.
    return Reservation(
        counter=f"{name}:{question.currency}:{midnight:%Y%m%d}",
        limit=limit,
        expires_at=midnight + timedelta(days=2),
    )


def _candidate(one: Sifted, amount: int, used: Mapping[str, int]) -> Candidate:
    row, stage, why = one.offer.row, one.stage, one.why
    if not stage:
        stage, why = _room(one, amount, used)
    if stage:
        return Candidate(
            inst_trans_id=row.inst_trans_id,
            channel=row.channel,
            account=row.account,
            kept=False,
            stage=stage,
            why=why,
        )
    favour = f"preferred by rule {one.preferred}, " if one.preferred is not None else ""
    return Candidate(
        inst_trans_id=row.inst_trans_id,
        channel=row.channel,
        account=row.account,
        kept=True,
        stage="kept",
        why=f"{favour}priority {row.priority}, weight {row.weight}{why}",
        preferred=one.preferred is not None,
        priority=row.priority,
        weight=row.weight,
    )


def _room(one: Sifted, amount: int, used: Mapping[str, int]) -> tuple[str, str]:
    """Whether today's limits have room: an objection, or a note of what they say."""
    notes = ""
    for reservation in one.reservations:
        after = used.get(reservation.counter, 0) + amount
        said = f"{after} of {reservation.limit} with this one ({reservation.counter})"
        if after > reservation.limit:
            return "daily_limit", f"today's limit has no room: {said}"
        notes += f", {said}"
    return "", notes


# The order, and the draw.


def _finalists(candidates: Sequence[Candidate]) -> list[Candidate]:
    """The kept ones that nothing stands before, in the order of their names."""
    best: tuple[bool, int] | None = None
    equal: list[Candidate] = []
    for one in candidates:
        if not one.kept:
            continue
        rank = (not one.preferred, one.priority)
        if best is None or rank < best:
            best, equal = rank, [one]
        elif rank == best:
            equal.append(one)
    return sorted(equal, key=lambda one: one.inst_trans_id)


def _total(best: Sequence[Candidate]) -> int:
    """What is drawn from: the weights, or one each where all of them are 0."""
    return sum(one.weight for one in best) or len(best)


def _drawn(best: Sequence[Candidate], draw: Draw) -> Candidate:
    """The finalist on whose share of the weights the number falls."""
    if not any(one.weight for one in best):
        return best[draw.number]
    left = draw.number
    for one in best:
        left -= one.weight
        if left < 0:
            return one
    raise AssertionError((draw, best))
