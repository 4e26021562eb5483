"""What reconciliation keeps: terms by the journal; statements and differences, which
are written in sets, as they are read.
"""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import msgspec

from paycore.gateway.statement import Trade
from paycore.kernel.journal import Row, table
from paycore.kernel.terms import PayOrderNo
from paycore.recon.match import Kind


@table("recon_terms", key=("channel", "account"), versioned=True)
class TermsRow(Row, frozen=True, kw_only=True):
    """What a channel takes for its work at an account, as was agreed."""

    channel: str
    account: str
    version: int = 1
    charge_rate: int
    """Millionths of a charge's amount: 3800 is 0.38 %."""
    refund_rate: int = 0


class State:
    """How a statement stands."""

    AWAITED = "AWAITED"
    """Not there yet."""
    KEPT = "KEPT"
    """Its file is here, and was not compared yet."""
    BROKEN = "BROKEN"
    """Its file is no good: it is asked for again."""
    RECONCILED = "RECONCILED"


class Sum(msgspec.Struct, frozen=True, kw_only=True):
    """What moved in one currency, by one side."""

    currency: str
    trade: Trade
    count: int
    amount: int
    fee: int = 0


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What a statement came to when it was compared."""

    lines: int
    matched: int
    pooled: int
    """Ours of the day that stand in no statement yet."""
    differences: dict[Kind, int]
    """What was found in it, by kind."""
    theirs: list[Sum]
    ours: list[Sum]
    """What we moved on that day, by our clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One day of one account."""

    statement_id: UUID
    channel: str
    account: str
    day: str
    state: str
    said: str
    tries: int
    next_try_at: datetime | None
    expected_at: datetime
    file_no: int
    """Which of its files is in force."""
    octets: int | None = None
    digest: bytes | None = None
    fetched_at: datetime | None = None
    reconciled_at: datetime | None = None
    settled_at: datetime | None = None
    figures: Figures | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Whose it is."""
        return self.channel, self.account

    @property
    def name(self) -> str:
        """In words."""
        return f"{self.channel}/{self.account} of {self.day}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One difference."""

    channel: str
    account: str
    kind: Kind
    fact: str
    day: str
    statement_id: UUID | None = None
    line: int | None = None
    trade: str | None = None
    request_no: str = ""
    pay_order_no: PayOrderNo | None = None
    attempt_seq: int | None = None
    our_amount: int | None = None
    their_amount: int | None = None
    our_currency: str | None = None
    their_currency: str | None = None
    our_fee: int | None = None
    their_fee: int | None = None
    our_status: str | None = None
    moved: bool | None = None
    """What their line says; None where they have none."""
    channel_ref: str = ""
    happened_at: datetime | None = None
    said: str = ""
    found_at: datetime
    healed_at: datetime | None = field(default=None)
    told_at: datetime | None = field(default=None)
    returned: int = 0
    """How often it came again after it was healed: each time is a case of its own."""

    @property
    def amount(self) -> int:
        """What is at stake: never negative, in `currency`."""
        match self.kind:
            case Kind.AMOUNT:
                return abs((self.our_amount or 0) - (self.their_amount or 0))
            case Kind.FEE:
                return abs((self.our_fee or 0) - (self.their_fee or 0))
            case Kind.OTHER_DAY:
                return 0
            case _:
                known = self.their_amount if self.our_amount is None else None
                return known or self.our_amount or 0

    @property
    def matter(self) -> str:
        """What its case is about: the fact, and which time it is there."""
        again = f"~{self.returned + 1}" if self.returned else ""
        return f"{self.fact}{again}"

    @property
    def currency(self) -> str:
        """Of the amount: ours, where we have one."""
        return self.our_currency or self.their_currency or ""
