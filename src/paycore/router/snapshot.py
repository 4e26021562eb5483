"""The router's tables, compiled: what decisions are made from until the next refresh.

`compile_tables` never fails: a row that cannot be read becomes an offer or a rule with
a `fault`, which drops what it is about and says so in every explanation. The same
readers are used when a row is saved, where a fault is a refusal.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import msgspec

from paycore.kernel.terms import SMS_CENTRE, Json, TransType
from paycore.router.conditions import (
    Condition,
    ConditionError,
    any_of,
    compile_condition,
)
from paycore.router.question import AccountKey, Candidate, Reservation
from paycore.router.rows import LineAccountRow, RuleRow, TransTypeRow, WindowRow

DROP = "DROP"
PREFER = "PREFER"


class Window(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A time in which a route is closed: from (inclusive) to (exclusive)."""

    start: datetime = msgspec.field(name="from")
    end: datetime = msgspec.field(name="to")

    def __post_init__(self) -> None:
        """Refuse what closes nothing or has no time zone."""
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ValueError("a maintenance window needs a time zone")
        if self.start >= self.end:
            raise ValueError("a maintenance window ends after it begins")


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One transaction type, ready to be looked at."""

    row: TransTypeRow
    key: AccountKey
    currencies: frozenset[str] = frozenset()
    """Empty: any (the SMS centre's)."""
    banks: frozenset[str] | None = None
    windows: tuple[Window, ...] = ()
    condition: Condition | None = None
    limited: bool = True
    """Whether amounts matter: a text message has none."""
    fault: str | None = None
    plain: bool = False
    """It is never closed and has no condition on what is one payment's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One routing rule, ready to be asked."""

    row: RuleRow
    condition: Condition | None
    fault: str | None = None

    @property
    def drops(self) -> bool:
        """Whether it drops; else it prefers."""
        return self.row.effect == DROP


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The enabled rules about one account, by whether answers are shared."""

    stable: tuple[Rule, ...] = ()
    volatile: tuple[Rule, ...] = ()
    gate: Condition | None = None
    """Where it is false, no volatile rule has anything to say."""


class Sifted(msgspec.Struct, frozen=True):
    """An offer after stages: dropped by one, or still standing, with what it takes."""

    offer: Offer
    stage: str = ""
    """The stage that dropped it; empty while it stands."""
    why: str = ""
    preferred: str | None = None
    """The rule that prefers it."""
    reservations: tuple[Reservation, ...] = ()
    told: Candidate | None = None
    """What is told of it as it stands here; None where today's limits have a say."""


NO_RULES = Rules()
REMEMBERED = 1_024
"""Sets of shared facts whose offers are kept; then it begins anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """The rows as they were read, ordered by key."""

    types: Sequence[TransTypeRow]
    allowed: Sequence[LineAccountRow]
    rules: Sequence[RuleRow]
    windows: Sequence[WindowRow] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Everything a decision needs but the question and the counters."""

    tables: Tables
    offers: Mapping[TransType, tuple[Offer, ...]]
    allowed: frozenset[tuple[str, str, str]]
    rules: Mapping[AccountKey, Rules]
    standing: dict[tuple[object, ...], tuple[Sifted, ...]] = field(
        default_factory=dict, repr=False, compare=False
    )
    """Offers after the stages that many questions share, by what they share: it saves
    work and decides nothing."""

    def remember(
        self, shared: tuple[object, ...], make: Callable[[], tuple[Sifted, ...]]
    ) -> tuple[Sifted, ...]:
        """The offers known for these facts, made where they are not."""
        found = self.standing.get(shared)
        if found is None:
            if len(self.standing) >= REMEMBERED:
                self.standing.clear()
            found = self.standing[shared] = make()
        return found


def compile_tables(tables: Tables) -> Snapshot:
    """Compile rows; what cannot be read is kept as a fault."""
    offers: dict[TransType, list[Offer]] = defaultdict(list)
    windows = _windows(tables.windows)
    for row in sorted(tables.types, key=lambda row: row.inst_trans_id):
        offer = _offer_or_fault(row)
        if more := windows.get(offer.key):
            offer = replace(offer, windows=(*offer.windows, *more), plain=False)
        offers[row.trans_type].append(offer)
    keys = {(row.channel, row.account) for row in tables.types}
    return Snapshot(
        tables=tables,
        offers={kind: tuple(found) for kind, found in offers.items()},
        allowed=frozenset(
            (row.biz_line, row.channel, row.account)
            for row in tables.allowed
            if row.enabled
        ),
        rules=_by_account(keys, [_rule_or_fault(row) for row in tables.rules]),
    )


def read_offer(row: TransTypeRow) -> Offer:
    """Compile one transaction type; ValueError or ConditionError says what is wrong."""
    windows = tuple(msgspec.json.decode(row.maintenance, type=list[Window]))
    condition = None if row.condition is None else compile_condition(row.condition)
    return Offer(
        row=row,
        key=(row.channel, row.account),
        currencies=frozenset(_list_of(row.currencies)),
        banks=None if row.banks is None else frozenset(_list_of(row.banks)),
        windows=windows,
        condition=condition,
        limited=row.channel != SMS_CENTRE,
        plain=not windows and (condition is None or condition.stable),
    )


def read_rule(row: RuleRow) -> Rule:
    """Compile one rule; ConditionError says what is wrong."""
    if row.effect not in (DROP, PREFER):
        raise ConditionError("a rule's effect is DROP or PREFER")
    return Rule(row=row, condition=compile_condition(row.condition))


def _windows(rows: Iterable[WindowRow]) -> dict[AccountKey, list[Window]]:
    """The windows of each account; what was ended before it began closes nothing."""
    found: dict[AccountKey, list[Window]] = defaultdict(list)
    for row in rows:
        if row.starts_at < row.ends_at:
            window = Window(start=row.starts_at, end=row.ends_at)
            found[row.channel, row.account].append(window)
    return found


def _offer_or_fault(row: TransTypeRow) -> Offer:
    try:
        return read_offer(row)
    except (ValueError, ConditionError) as error:
        return Offer(row=row, key=(row.channel, row.account), fault=str(error))


def _rule_or_fault(row: RuleRow) -> Rule:
    try:
        return read_rule(row)
    except ConditionError as error:
        return Rule(row=row, condition=None, fault=str(error))


def _by_account(
    keys: Iterable[AccountKey], rules: Sequence[Rule]
) -> dict[AccountKey, Rules]:
    """The rules of each account, in the order of their names."""
    wanted = sorted((r for r in rules if r.row.enabled), key=lambda r: r.row.rule_id)
    by_channel: dict[str, list[Rule]] = defaultdict(list)
    for rule in wanted:
        by_channel[rule.row.channel].append(rule)
    return {
        (channel, account): _split(
            [r for r in by_channel[channel] if r.row.account in (None, account)]
        )
        for channel, account in keys
        if channel in by_channel
    }


def _split(rules: Sequence[Rule]) -> Rules:
    volatile = [
        (rule, rule.condition)
        for rule in rules
        if rule.condition is not None and not rule.condition.stable
    ]
    return Rules(
        stable=tuple(r for r in rules if r.condition is None or r.condition.stable),
        volatile=tuple(rule for rule, _ in volatile),
        gate=any_of([condition for _, condition in volatile]),
    )


def _list_of(text: Json) -> list[str]:
    return msgspec.json.decode(text, type=list[str])
