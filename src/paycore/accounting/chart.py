"""The chart of accounts (科目) and the posting rules (分录规则): pure.

An account is a place and a state of money, named so that it sorts: what it is, then
whose. A rule says for one kind of fact which accounts it debits and credits, and with
which of the fact's amounts. Rules are rows, not code; a posting that does not balance
is a bug and is never staged.
It neither stages nor stores: that is `service.py`.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

import msgspec


class Side(StrEnum):
    """Debit (借) or credit (贷)."""

    DEBIT = "DEBIT"
    CREDIT = "CREDIT"


class Kind(StrEnum):
    """What a posting records; there is one posting a fact and kind."""

    PAYMENT = "PAYMENT"
    REFUND = "REFUND"
    LATE_MONEY = "LATE_MONEY"
    """A channel took what we did not ask it for, or not any more."""
    LATE_REFUND = "LATE_REFUND"
    """And gave it back."""
    DISCREPANCY = "DISCREPANCY"
    """A channel and we differ: what is at stake is parked (挂账)."""
    ADJUSTMENT = "ADJUSTMENT"
    """What was parked goes where a person said (调账)."""


class Account(StrEnum):
    """The accounts; what stands in braces names whose."""

    CHANNEL_RECEIVABLE = "channel_receivable:{channel}:{account}"
    """What a channel took from payers and has not yet paid out to us."""
    MARKETING_COST = "marketing_cost"
    """What coupons cost us."""
    MERCHANT_PENDING = "merchant_pending:{biz_line}"
    """What we owe a business line, before clearing."""
    PAYER_PENDING = "payer_pending:{biz_line}"
    """What we owe payers of a line: money that came late, until it is back."""
    SUSPENSE = "suspense"
    """What channels and we differ about, until it is settled."""
    DIFFERENCES = "differences"
    """What was written off: lost, or nobody's."""
    OTHER = "{other}"
    """Where a person said that it belongs."""


class Part(StrEnum):
    """Which of a fact's amounts a line takes."""

    WHOLE = "amount"
    """What the order costs; of a refund: so much of it."""
    PAID = "payable_amount"
    """What was taken from the payer, or goes back to him."""
    COUPON = "coupon_amount"
    """What the coupon paid; of a refund: its share."""


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """What happened, as the rules see it."""

    channel: str
    account: str
    biz_line: str
    amount: int
    payable_amount: int
    coupon_amount: int
    other: str = ""

    def part(self, part: Part) -> int:
        """One of the amounts."""
        match part:
            case Part.WHOLE:
                return self.amount
            case Part.PAID:
                return self.payable_amount
            case Part.COUPON:
                return self.coupon_amount

    def named(self, account: Account) -> str:
        """An account's full name for this fact."""
        return account.value.format(
            channel=self.channel,
            account=self.account,
            biz_line=self.biz_line,
            other=self.other,
        )


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line (分录) of a posting."""

    account: str
    side: Side
    amount: int

    @property
    def signed(self) -> int:
        """What it adds to its account's balance, which is debits minus credits."""
        return self.amount if self.side is Side.DEBIT else -self.amount


Rule = tuple[Side, Account, Part]

RULES: Mapping[Kind, tuple[Rule, ...]] = MappingProxyType(
    {
        Kind.PAYMENT: (
            (Side.DEBIT, Account.CHANNEL_RECEIVABLE, Part.PAID),
            (Side.DEBIT, Account.MARKETING_COST, Part.COUPON),
            (Side.CREDIT, Account.MERCHANT_PENDING, Part.WHOLE),
        ),
        Kind.REFUND: (
            (Side.DEBIT, Account.MERCHANT_PENDING, Part.WHOLE),
            (Side.CREDIT, Account.CHANNEL_RECEIVABLE, Part.PAID),
            (Side.CREDIT, Account.MARKETING_COST, Part.COUPON),
        ),
        Kind.LATE_MONEY: (
            (Side.DEBIT, Account.CHANNEL_RECEIVABLE, Part.PAID),
            (Side.CREDIT, Account.PAYER_PENDING, Part.PAID),
        ),
        Kind.LATE_REFUND: (
            (Side.DEBIT, Account.PAYER_PENDING, Part.PAID),
            (Side.CREDIT, Account.CHANNEL_RECEIVABLE, Part.PAID),
        ),
        # Of what a channel has too much; of what it has too little it is `turned`.
        Kind.DISCREPANCY: (
            (Side.DEBIT, Account.CHANNEL_RECEIVABLE, Part.PAID),
            (Side.CREDIT, Account.SUSPENSE, Part.PAID),
        ),
        Kind.ADJUSTMENT: (
            (Side.DEBIT, Account.SUSPENSE, Part.PAID),
            (Side.CREDIT, Account.OTHER, Part.PAID),
        ),
    }
)


def lines(kind: Kind, fact: Fact) -> tuple[Line, ...]:
    """The posting of a fact, balanced; a part of nothing leaves no line."""
    made = tuple(
        Line(account=fact.named(account), side=side, amount=amount)
        for side, account, part in RULES[kind]
        if (amount := fact.part(part))
    )
    assert balanced(made), (kind, made)
    return made


def turned(posting: tuple[Line, ...]) -> tuple[Line, ...]:
    """The same the other way round."""
    other = {Side.DEBIT: Side.CREDIT, Side.CREDIT: Side.DEBIT}
    return tuple(
        Line(account=line.account, side=other[line.side], amount=line.amount)
        for line in posting
    )


def balanced(posting: tuple[Line, ...]) -> bool:
    """Whether debits equal credits, something moves, and no line is below one."""
    return (
        bool(posting)
        and all(line.amount >= 1 for line in posting)
        and sum(line.signed for line in posting) == 0
    )


def total(posting: tuple[Line, ...]) -> int:
    """The sum of the debits, which is the sum of the credits."""
    return sum(line.amount for line in posting if line.side is Side.DEBIT)
