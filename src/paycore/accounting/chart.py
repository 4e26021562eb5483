"""The chart of accounts (科目) and the posting rules (分录规则): pure.

An account is a place and a state of money, named so that it sorts: what it is, then
whose. A rule says for one kind of fact how much of it goes from which account (credit)
to which (debit), so that whatever follows from rules balances. Rules are rows, here and
in the database, whose rows are those that a node goes by.
It neither stages nor stores: that is `service.py`.
"""

import re
from collections.abc import Container, Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

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
    SETTLEMENT = "SETTLEMENT"
    """Charges of a day that the channel's statement confirms: it has paid them out."""
    SETTLED_REFUND = "SETTLED_REFUND"
    """The same of refunds, which it keeps back."""
    FEE = "FEE"
    """What it keeps for its work of that day."""
    LONG = "LONG"
    """A difference: they moved what we did not (长款)."""
    SHORT = "SHORT"
    """A difference: we moved what they did not (短款)."""
    ADJUSTMENT = "ADJUSTMENT"
    """By a person, from one account to another (调账)."""


class Account(StrEnum):
    """The accounts; what stands in braces names whose."""

    CHANNEL_RECEIVABLE = "channel_receivable:{channel}:{account}"
    """In transit: what a channel took from payers and has not yet settled with us."""
    AVAILABLE = "available:{channel}:{account}"
    """What a channel has settled with us."""
    MARKETING_COST = "marketing_cost"
    """What coupons cost us."""
    CHANNEL_FEE = "channel_fee:{channel}:{account}"
    """What a channel keeps for its work."""
    MERCHANT_PENDING = "merchant_pending:{biz_line}"
    """What we owe a business line, before clearing."""
    PAYER_PENDING = "payer_pending:{biz_line}"
    """What we owe payers of a line: money that came late, until it is back."""
    SUSPENSE_LONG = "suspense_long:{channel}:{account}"
    """Parked (挂账): they have moved what we have not."""
    SUSPENSE_SHORT = "suspense_short:{channel}:{account}"
    """Parked: we have moved what they have not."""
    DIFFERENCES = "differences"
    """What was written off: lost, or nobody's."""
    DEBITED = "{debit}"
    """Whatever an adjustment names."""
    CREDITED = "{credit}"
    """Whatever an adjustment names."""


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

    channel: str = ""
    account: str = ""
    biz_line: str = ""
    amount: int
    payable_amount: int
    coupon_amount: int = 0
    debit: str = ""
    credit: str = ""
    """Of an adjustment: the accounts it names."""

    def part(self, part: Part) -> int:
        """One of the amounts."""
        match part:
            case Part.WHOLE:
                return self.amount
            case Part.PAID:
                return self.payable_amount
            case Part.COUPON:
                return self.coupon_amount

    def named(self, account: str) -> str:
        """An account's full name for this fact."""
        return account.format(
            channel=self.channel,
            account=self.account,
            biz_line=self.biz_line,
            debit=self.debit,
            credit=self.credit,
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


class Rule(NamedTuple):
    """So much of a fact goes from the credit to the debit."""

    debit: str
    credit: str
    part: Part


Rules = Mapping[Kind, tuple[Rule, ...]]

RULES: Rules = MappingProxyType(
    {
        Kind.PAYMENT: (
            Rule(Account.CHANNEL_RECEIVABLE, Account.MERCHANT_PENDING, Part.PAID),
            Rule(Account.MARKETING_COST, Account.MERCHANT_PENDING, Part.COUPON),
        ),
        Kind.REFUND: (
            Rule(Account.MERCHANT_PENDING, Account.CHANNEL_RECEIVABLE, Part.PAID),
            Rule(Account.MERCHANT_PENDING, Account.MARKETING_COST, Part.COUPON),
        ),
        Kind.LATE_MONEY: (
            Rule(Account.CHANNEL_RECEIVABLE, Account.PAYER_PENDING, Part.WHOLE),
        ),
        Kind.LATE_REFUND: (
            Rule(Account.PAYER_PENDING, Account.CHANNEL_RECEIVABLE, Part.WHOLE),
        ),
        Kind.SETTLEMENT: (
            Rule(Account.AVAILABLE, Account.CHANNEL_RECEIVABLE, Part.WHOLE),
        ),
        Kind.SETTLED_REFUND: (
            Rule(Account.CHANNEL_RECEIVABLE, Account.AVAILABLE, Part.WHOLE),
        ),
        Kind.FEE: (Rule(Account.CHANNEL_FEE, Account.AVAILABLE, Part.WHOLE),),
        Kind.LONG: (
            Rule(Account.CHANNEL_RECEIVABLE, Account.SUSPENSE_LONG, Part.WHOLE),
        ),
        Kind.SHORT: (
            Rule(Account.SUSPENSE_SHORT, Account.CHANNEL_RECEIVABLE, Part.WHOLE),
        ),
        Kind.ADJUSTMENT: (Rule(Account.DEBITED, Account.CREDITED, Part.WHOLE),),
    }
)
"""As the database is seeded with; where there is no database they hold as they are."""


def lines(kind: Kind, fact: Fact, rules: Rules = RULES) -> tuple[Line, ...]:
    """The posting of a fact, balanced, debits first and an account once a side; a part
    of nothing leaves no line.
    """
    assert fact.amount == fact.payable_amount + fact.coupon_amount, (kind, fact)
    debits: dict[str, int] = {}
    credits_: dict[str, int] = {}
    for debit, credit, part in rules[kind]:
        if amount := fact.part(part):
            for side, account in ((debits, debit), (credits_, credit)):
                name = fact.named(account)
                side[name] = side.get(name, 0) + amount
    made = (*_lines(Side.DEBIT, debits), *_lines(Side.CREDIT, credits_))
    assert balanced(made), (kind, made)
    return made


def _lines(side: Side, amounts: Mapping[str, int]) -> Iterable[Line]:
    return (
        Line(account=account, side=side, amount=amount)
        for account, amount in amounts.items()
    )


PLACES = frozenset({"channel", "account", "biz_line", "debit", "credit"})
"""What may stand in braces."""


def checked(rows: Iterable[tuple[str, str, str, str]], chart: Container[str]) -> Rules:
    """Rules of rows (kind, debit, credit, part) in order; ValueError where one names
    what there is not, or a kind has none.
    """
    made: dict[Kind, tuple[Rule, ...]] = {}
    for kind, debit, credit, part in rows:
        for account in (debit, credit):
            places = set(re.findall(r"\{(.*?)\}", account))
            if account not in chart or not places <= PLACES:
                raise ValueError(f"a rule of {kind} names an account that is not there")
        rule = Rule(debit, credit, Part(part))
        made[Kind(kind)] = (*made.get(Kind(kind), ()), rule)
    if lacking := sorted(set(Kind) - set(made)):
        raise ValueError(f"{lacking[0]} has no rule")
    return MappingProxyType(made)


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
