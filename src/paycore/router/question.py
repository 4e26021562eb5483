"""What the router is asked, and what it answers: values, no I/O."""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from paycore.kernel.terms import BizLineId, CardId, PayOrderNo, TransType

AccountKey = tuple[str, str]
"""(channel, account)"""


class AgreementLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What the card's agreement at one account allows; None is no limit."""

    single_limit: int | None
    daily_limit: int | None


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """One transaction that wants a route. Core hands over what neighbours know."""

    pay_order_no: PayOrderNo
    biz_line: BizLineId
    trans_type: TransType
    amount: int
    currency: str
    card_id: CardId
    bank: str
    card_kind: str
    now: datetime
    agreements: Mapping[AccountKey, AgreementLimits] | None
    """Live agreements of the card by account; None: none needed (SMS centre)."""
    broken: frozenset[AccountKey] = frozenset()
    """Accounts whose breaker for this operation is open, says the gateway."""
    capable: frozenset[str] = frozenset()
    """Channels whose file can do this operation, says the gateway."""
    excluded: frozenset[AccountKey] = frozenset()
    """Accounts already tried for this payment."""
    named: str | None = None
    """Only this channel: how the SMS centre is asked for."""


class Reservation(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a limit that a route takes up; given back on a definite failure."""

    counter: str
    limit: int
    expires_at: datetime


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """Where to go."""

    inst_trans_id: str
    channel: str
    account: str
    reservations: tuple[Reservation, ...] = ()


class Candidate(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One offer of a decision: kept or dropped, by which stage, and why."""

    inst_trans_id: str
    channel: str
    account: str
    kept: bool
    stage: str
    """The stage that dropped it, or "kept"."""
    why: str
    preferred: bool = False
    priority: int = 0
    weight: int = 0
