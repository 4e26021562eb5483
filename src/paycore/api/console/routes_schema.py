"""The shapes of the console's calls about routes."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from paycore.api.console.books_schema import Named
from paycore.api.console.schema import Why
from paycore.api.schema import (
    Amount,
    Answer,
    Currency,
    Identifier,
    Shape,
)
from paycore.router.publishing import MOST_RULES, Rule

LONGEST_CONDITION = 2_000

VersionNumber = Annotated[
    int, Meta(ge=0, le=2**53, description="a version's number; 0: none was published")
]


class RouteRule(Shape, frozen=True, kw_only=True):
    """A rule over all routes: where its condition holds, drop or prefer some."""

    rule_id: Identifier
    title: Annotated[
        str,
        Meta(
            min_length=1, max_length=128, pattern=r"\S", description="1-128 characters"
        ),
    ]
    condition: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=LONGEST_CONDITION,
            description="CEL over the question, on one line",
        ),
    ]
    effect: Annotated[Literal["DROP", "PREFER"], Meta(description="DROP or PREFER")]
    channel: Named
    account: Named | None = None
    enabled: bool = True

    def rule(self) -> Rule:
        """The same for the router."""
        return msgspec.convert(self, Rule, from_attributes=True)


Rules = Annotated[
    list[RouteRule],
    Meta(max_length=MOST_RULES, description=f"{MOST_RULES} rules at most"),
]


class ValidateRules(Shape, frozen=True, kw_only=True):
    """Rules to be looked at."""

    rules: Rules


class RouteFacts(Shape, frozen=True, kw_only=True):
    """A payment that nobody makes."""

    biz_line: Identifier
    amount: Amount
    currency: Currency
    trans_type: Annotated[
        Literal["QUICK_PAY_SEND_MSG", "SMS_VERIFY", "DEDUCT"],
        Meta(description="QUICK_PAY_SEND_MSG, SMS_VERIFY or DEDUCT"),
    ] = "QUICK_PAY_SEND_MSG"
    card_id: Identifier | None = None
    bank: Identifier | None = None
    card_kind: Annotated[
        Literal["DEBIT", "CREDIT"], Meta(description="DEBIT or CREDIT")
    ] = "DEBIT"
    named: Named | None = None


class TryRoute(Shape, frozen=True, kw_only=True):
    """Where it would go: by the rules that stand, or as if by these."""

    facts: RouteFacts
    rules: Rules | None = None


class PublishRules(Shape, frozen=True, kw_only=True):
    """All rules from now on, made from a version."""

    rules: Rules
    on_version: VersionNumber
    why: Why


class RollBackRules(Shape, frozen=True, kw_only=True):
    """The rules of an older version again."""

    version: VersionNumber
    on_version: VersionNumber
    why: Why


class ConsoleRule(Answer, frozen=True, kw_only=True):
    """A rule as it stands."""

    rule_id: str
    title: str
    condition: str
    effect: str
    channel: str
    account: str | None
    enabled: bool


class ConsoleRouteType(Answer, frozen=True, kw_only=True):
    """A transaction type of an account: what a route leads to."""

    inst_trans_id: str
    channel: str
    account: str
    trans_type: str
    currencies: list[str]
    priority: int
    weight: int
    single_min: int
    single_max: int | None
    daily_limit: int | None
    condition: str | None
    enabled: bool


class ConsoleRoutes(Answer, frozen=True, kw_only=True):
    """Rules and types as they stand."""

    version: int
    published_at: datetime | None
    by: str | None
    why: str | None
    rules: list[ConsoleRule]
    types: list[ConsoleRouteType]


class RouteVersion(Answer, frozen=True, kw_only=True):
    """A version as a list shows it."""

    version: int
    published_at: datetime
    by: str
    why: str
    rules: int


class RouteVersions(Answer, frozen=True, kw_only=True):
    """A page of versions, the newest first."""

    items: list[RouteVersion]
    next: str | None


class RuleChange(Answer, frozen=True, kw_only=True):
    """What a version changed of a rule; null: it was not there, or is not."""

    rule: str
    before: ConsoleRule | None
    after: ConsoleRule | None


class RouteVersionDetails(Answer, frozen=True, kw_only=True):
    """A version with its rules, and what it changed of the one before."""

    version: int
    published_at: datetime
    by: str
    why: str
    rules: list[ConsoleRule]
    changes: list[RuleChange]


class RuleProblem(Answer, frozen=True, kw_only=True):
    """What is wrong with a rule."""

    rule: str
    says: str


class RuleProblems(Answer, frozen=True, kw_only=True):
    """What is wrong with each; empty: nothing is."""

    problems: list[RuleProblem]


class TriedCandidate(Answer, frozen=True, kw_only=True):
    """One offer: in or out, by which stage, and why."""

    inst_trans_id: str
    channel: str
    account: str
    kept: bool = msgspec.field(name="in")
    stage: str
    why: str


class RouteTried(Answer, frozen=True, kw_only=True):
    """Where it would go."""

    chosen: str | None
    cause: str
    candidates: list[TriedCandidate]
