"""What an audit came to: values, and how they read as a document. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from paycore.kernel.terms import PayOrderNo


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One thing that breaks an invariant."""

    invariant: str
    check: str
    payment: PayOrderNo | None
    about: str | None
    said: Mapping[str, object]

    @property
    def thing(self) -> str:
        """What it is about, in one word or two."""
        return " ".join(filter(None, (self.payment, self.about)))


class Leg(msgspec.Struct, frozen=True, kw_only=True):
    """A money leg that succeeded, or whose last word is to come."""

    request_no: str
    channel: str
    open: bool


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """An open case about money that nobody asked for, or of which two words differ."""

    kind: str
    request_no: str | None = None
    """Of the attempt that it is about."""
    channel: str | None = None
    amount: int | None = None
    """None: the channel did not say how much."""
    currency: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What our rows say of a payment's charge."""

    pay_order_no: str
    biz_status: str
    payable_amount: int
    currency: str
    legs: Sequence[Leg]
    cases: Sequence[Case]
    refunded: int = 0
    """What went back of the money, surely."""
    refunding: Sequence[int] = ()
    """What may have gone back, each by itself: refunds in flight, those that ended
    while the banks were asked, and those of which a person knows two words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One invariant: what was looked at, and what breaks it."""

    invariant: str
    holds: str
    looked: int = 0
    violations: int = 0
    examples: Sequence[Example] = ()
    unanswered: Sequence[str] = ()
    """Questions that found no answer, with the reason."""
    left_out: Sequence[str] = ()
    """Questions that only an audit of everything asks."""
    otherwise: str = ""
    """What rows do not show of it, and who does."""
    shown: bool = True
    """Whether rows show anything of it at all."""

    def document(self) -> dict[str, object]:
        """As JSON."""
        return {
            "id": self.invariant,
            "holds": self.holds,
            "rows": self.looked,
            "violations": self.violations,
            "examples": [
                {
                    "check": example.check,
                    "pay_order_no": example.payment,
                    "about": example.about,
                    "said": example.said,
                }
                for example in self.examples
            ],
            "unanswered": list(self.unanswered),
            "left_out": list(self.left_out),
            "shown": self.shown,
            "otherwise": self.otherwise,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One audit: everything in it is as of `at`."""

    at: datetime
    since: datetime | None
    """None: everything was audited."""
    texts_since: datetime | None = None
    """None: all texts of those payments were looked through."""
    seconds: float
    verdicts: Sequence[Verdict]
    left_behind: Sequence[str] = ()
    """What is open from before and was too much to be looked at."""

    @property
    def violations(self) -> int:
        """Of all invariants."""
        return sum(verdict.violations for verdict in self.verdicts)

    @property
    def unanswered(self) -> int:
        """Questions without an answer: what they ask after is not known."""
        without = sum(len(verdict.unanswered) for verdict in self.verdicts)
        return without + len(self.left_behind)

    def document(self) -> dict[str, object]:
        """As one JSON document."""
        return {
            "at": self.at,
            "since": self.since,
            "seconds": round(self.seconds, 3),
            "rows": sum(verdict.looked for verdict in self.verdicts),
            "violations": self.violations,
            "unanswered": self.unanswered,
            "left_behind": list(self.left_behind),
            "invariants": [verdict.document() for verdict in self.verdicts],
        }


ROUND = "auditRound"
"""What the nodes' own rounds are called among long work."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What an audit said of an invariant, without what it found."""

    id: str
    found: int
    unanswered: int
    at: datetime


def summary(report: Report) -> list[Found]:
    """The verdicts in short; what was found is in the cases, not here."""
    return [
        Found(
            id=verdict.invariant,
            found=verdict.violations,
            unanswered=len(verdict.unanswered),
            at=report.at,
        )
        for verdict in report.verdicts
    ]
