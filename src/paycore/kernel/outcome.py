"""What a call to a channel came to, and what is allowed next: the outcome table.

Five outcomes, nothing between them. The table says for each, and for a refusal by
its class, what may follow when a code was to be sent and when money was to be taken.
No code path decides this by itself: it looks here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Outcome(StrEnum):
    """What one call came to."""

    SUCCEEDED = "SUCCEEDED"
    """The channel said yes."""
    DECLINED = "DECLINED"
    """The channel said no, and its signature on that no is good."""
    PENDING = "PENDING"
    """Accepted; the answer comes later, by callback or enquiry."""
    UNKNOWN = "UNKNOWN"
    """Sent, and no trustworthy answer."""
    NOT_SENT = "NOT_SENT"
    """Surely never left us."""


class Blame(StrEnum):
    """Whom a refusal blames: the class of a DECLINED."""

    PAYER = "payer"
    CARD = "card"
    CHANNEL = "channel"
    CODE = "code"
    REQUEST = "request"


class AfterSend(StrEnum):
    """What may follow the attempt to have a code sent."""

    CODE_OUT = "CODE_OUT"
    """The payer has a code; wait for him."""
    NEXT_ROUTE = "NEXT_ROUTE"
    """One more quick route, and if there is none, convert."""
    CONVERT = "CONVERT"
    """No money moves by sending a code: convert."""
    FAIL = "FAIL"
    """A deduct would fail for the same reason."""


class AfterCharge(StrEnum):
    """What may follow the attempt to take money."""

    PAID = "PAID"
    FAIL = "FAIL"
    ASK_CODE_AGAIN = "ASK_CODE_AGAIN"
    """Nothing was taken; the payer may type another code."""
    NEXT_DEDUCT_ROUTE = "NEXT_DEDUCT_ROUTE"
    """Provably not processed: a deduct may go elsewhere; a quick confirm fails."""
    NOT_TAKEN = "NOT_TAKEN"
    """Never left: a deduct may go elsewhere, a confirm may be tried again."""
    ENQUIRE = "ENQUIRE"
    """Perhaps taken: ask for the same request number; never another leg."""


class AfterRefund(StrEnum):
    """What may follow the attempt to give money back."""

    REFUNDED = "REFUNDED"
    FAIL = "FAIL"
    """Surely not given back: its reservation is free again."""
    SEND_AGAIN = "SEND_AGAIN"
    """Never left, or never got there: the same number once more, never another."""
    ENQUIRE = "ENQUIRE"
    """Perhaps given back: ask for the same number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """One row of the outcome table."""

    sending_code: AfterSend
    taking_money: AfterCharge


TABLE: Mapping[tuple[Outcome, Blame | None], Allowed] = MappingProxyType(
    {
        (Outcome.SUCCEEDED, None): Allowed(
            sending_code=AfterSend.CODE_OUT, taking_money=AfterCharge.PAID
        ),
        (Outcome.DECLINED, Blame.PAYER): Allowed(
            sending_code=AfterSend.FAIL, taking_money=AfterCharge.FAIL
        ),
        (Outcome.DECLINED, Blame.CARD): Allowed(
            sending_code=AfterSend.FAIL, taking_money=AfterCharge.FAIL
        ),
        (Outcome.DECLINED, Blame.CHANNEL): Allowed(
            sending_code=AfterSend.NEXT_ROUTE,
            taking_money=AfterCharge.NEXT_DEDUCT_ROUTE,
        ),
        (Outcome.DECLINED, Blame.CODE): Allowed(
            sending_code=AfterSend.FAIL, taking_money=AfterCharge.ASK_CODE_AGAIN
        ),
        (Outcome.DECLINED, Blame.REQUEST): Allowed(
            sending_code=AfterSend.FAIL, taking_money=AfterCharge.FAIL
        ),
        (Outcome.PENDING, None): Allowed(
            sending_code=AfterSend.CONVERT, taking_money=AfterCharge.ENQUIRE
        ),
        (Outcome.UNKNOWN, None): Allowed(
            sending_code=AfterSend.CONVERT, taking_money=AfterCharge.ENQUIRE
        ),
        (Outcome.NOT_SENT, None): Allowed(
            sending_code=AfterSend.NEXT_ROUTE, taking_money=AfterCharge.NOT_TAKEN
        ),
    }
)


def allowed(outcome: Outcome, blame: Blame | None) -> Allowed:
    """The row for an outcome; a refusal without a class is nobody's and a bug."""
    return TABLE[outcome, blame if outcome is Outcome.DECLINED else None]


REFUNDS: Mapping[Outcome, AfterRefund] = MappingProxyType(
    {
        Outcome.SUCCEEDED: AfterRefund.REFUNDED,
        Outcome.DECLINED: AfterRefund.FAIL,
        Outcome.PENDING: AfterRefund.ENQUIRE,
        Outcome.UNKNOWN: AfterRefund.ENQUIRE,
        Outcome.NOT_SENT: AfterRefund.SEND_AGAIN,
    }
)
"""What may follow a refund, whomever a refusal blames: a refund goes nowhere else."""
