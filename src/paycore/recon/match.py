"""What a line and a leg of ours say of each other: agreement, or a kind of difference.

Pure. The kinds are rows of one table, looked through from the top: the first that holds
names the difference, so a line is never told twice. What cannot be matched line by line
(ours that stands in no statement) is named by `lacking`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from paycore.gateway.statement import Trade
from paycore.kernel.ids import payment_of

MILLION = 1_000_000


class Kind(StrEnum):
    """The kinds of difference."""

    THEY_LACK = "THEY_LACK"
    """We took money, and no statement has it, three days later either (短款)."""
    REFUND_MISSING = "REFUND_MISSING"
    """We gave money back, and no statement has it, three days later either."""
    WE_LACK = "WE_LACK"
    """They have money that we never asked for, under a number like ours (长款)."""
    AMOUNT = "AMOUNT"
    """They moved another amount."""
    FEE = "FEE"
    """They kept another fee than was agreed."""
    CURRENCY = "CURRENCY"
    """They moved another currency."""
    STATUS_OURS = "STATUS_OURS"
    """They have an end that we have not: their word is the last, ours is behind."""
    STATUS_THEIRS = "STATUS_THEIRS"
    """We have a success, and they say that no money moved."""
    DUPLICATE_LINE = "DUPLICATE_LINE"
    """The same movement a second time, in this statement or in another day's."""
    OTHER_DAY = "OTHER_DAY"
    """Right, but in another day's statement than its own time says."""
    UNKNOWN_LINE = "UNKNOWN_LINE"
    """Cannot be read, or names nothing of ours."""


CURES: Mapping[Kind, str] = MappingProxyType(
    {
        Kind.THEY_LACK: "Ask the channel for proof of the charge by its request number."
        " If it has none, the payer got something for nothing: book the loss, or"
        " collect; if it has, it lists it, and the difference heals.",
        Kind.REFUND_MISSING: "Ask the channel whether the refund was made. If not, send"
        " it again under the same number; the payer waits for it.",
        Kind.WE_LACK: "Find out with the channel whose payment it is. If nobody's,"
        " refund it by the original path.",
        Kind.AMOUNT: "Ask the channel which amount left the payer's account. Refund"
        " what was too much; book what was too little.",
        Kind.FEE: "Compare with the agreement (`paycore recon terms`). If it is right,"
        " claim the difference from the channel; if not, correct the terms.",
        Kind.CURRENCY: "Ask the channel what left the payer's account, and have it"
        " corrected there: nothing is booked in another currency.",
        Kind.STATUS_OURS: "Enquire the attempt. Money that moved on a payment which is"
        " closed or failed is refunded by the leg that was charged.",
        Kind.STATUS_THEIRS: "Enquire the attempt. If no money moved after all, the"
        " success stands: collect from the payer, or book the loss.",
        Kind.DUPLICATE_LINE: "Ask the channel whether the money moved twice. If so,"
        " refund the second; if not, have the line taken back before it is settled.",
        Kind.OTHER_DAY: "Nothing to be paid. Settle it with the day of the statement;"
        " if it comes often, ask the channel when its day ends.",
        Kind.UNKNOWN_LINE: "Find out with the channel what it is, by its own reference"
        " number. Where that names a payment of ours, nothing else is wrong with it.",
    }
)
"""What a person does about each, in words."""


class Status(StrEnum):
    """How one of our legs stands."""

    PAID = "PAID"
    FAILED = "FAILED"
    OPEN = "OPEN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a channel keeps, in millionths of the amount."""

    charge_rate: int
    refund_rate: int

    def rate(self, trade: Trade) -> int:
        """Of one way the money goes."""
        return self.charge_rate if trade is Trade.CHARGE else self.refund_rate


def fee_of(amount: int, rate: int) -> int:
    """Rounded half up to the minor unit."""
    return (amount * rate + MILLION // 2) // MILLION


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """What we know of one movement."""

    status: Status
    amount: int
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What they say of one movement, and how it was recognised."""

    trade: Trade | None
    request_no: str
    amount: int | None
    currency: str
    fee: int | None
    moved: bool
    readable: bool = True
    first: bool = True
    """Whether it is the first of its number, in any statement."""
    of_this_day: bool = True
    """Whether its own time is of the statement's day."""
    by_reference: bool = False
    """Whether only the channel's reference told whose it is."""
    beside: bool = False
    """Whether another line of its number says that it moved: a try that failed before
    the one that did not says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A line, the leg that it is about, and what was agreed."""

    line: Line
    leg: Leg | None
    terms: Terms | None

    @property
    def strange(self) -> bool:
        """Whether it cannot be said what it is about."""
        named = payment_of(self.line.request_no) is not None
        return not self.line.readable or (self.leg is None and not named)

    @property
    def behind(self) -> bool:
        """Whether they know an end that we do not know."""
        if self.leg is None:
            return False
        if self.line.moved:
            return self.leg.status is not Status.PAID
        return self.leg.status is Status.OPEN and not self.line.beside

    @property
    def compared(self) -> Leg | None:
        """The leg, where both say that money moved."""
        both = self.leg is not None and self.leg.status is Status.PAID
        return self.leg if both and self.line.moved else None

    @property
    def denied(self) -> bool:
        """Whether they say that money did not move which we say we have."""
        paid = self.leg is not None and self.leg.status is Status.PAID
        return paid and not self.line.moved and not self.line.beside

    @property
    def other_amount(self) -> bool:
        """Whether another amount moved."""
        return self.compared is not None and self.compared.amount != self.line.amount

    @property
    def other_currency(self) -> bool:
        """Whether another currency moved."""
        leg = self.compared
        return leg is not None and leg.currency != self.line.currency

    @property
    def agreed_fee(self) -> int | None:
        """What they may keep of it; None where nothing was agreed."""
        leg, terms, trade = self.leg, self.terms, self.line.trade
        if leg is None or terms is None or trade is None:
            return None
        return fee_of(leg.amount, terms.rate(trade))

    @property
    def other_fee(self) -> bool:
        """Whether they kept another fee than was agreed."""
        if self.compared is None or self.line.fee is None or self.agreed_fee is None:
            return False
        return self.line.fee != self.agreed_fee


CHECKS: tuple[tuple[Kind, Callable[[Seen], bool]], ...] = (
    (Kind.UNKNOWN_LINE, lambda seen: seen.strange),
    (Kind.DUPLICATE_LINE, lambda seen: not seen.line.first),
    (Kind.WE_LACK, lambda seen: seen.leg is None),
    (Kind.CURRENCY, lambda seen: seen.other_currency),
    (Kind.STATUS_OURS, lambda seen: seen.behind),
    (Kind.STATUS_THEIRS, lambda seen: seen.denied),
    (Kind.AMOUNT, lambda seen: seen.other_amount),
    (Kind.FEE, lambda seen: seen.other_fee),
    (Kind.UNKNOWN_LINE, lambda seen: seen.line.by_reference),
    (Kind.OTHER_DAY, lambda seen: not seen.line.of_this_day),
)
"""The first that holds is what is wrong."""


def judge(seen: Seen) -> Kind | None:
    """What is wrong with a line; None: it agrees."""
    return next((kind for kind, holds in CHECKS if holds(seen)), None)


def lacking(trade: Trade) -> Kind:
    """What it is that stands in no statement for three days."""
    return Kind.THEY_LACK if trade is Trade.CHARGE else Kind.REFUND_MISSING
