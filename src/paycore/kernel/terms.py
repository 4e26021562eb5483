"""Nouns that more than one context says: identifiers and the closed sets of statuses.

Each status answers one question: `BizStatus` what the business line may act on,
`ProcessStatus` what the channel said of one attempt, `VerifyStatus` what became of
the code. The words are those of docs/glossary.md.
"""

from enum import StrEnum
from typing import NamedTuple, NewType

PayOrderNo = NewType("PayOrderNo", str)
"""Our number of a payment: 26 letters and digits, beginning with its time."""

AttemptId = NewType("AttemptId", str)
"""A payment's number plus two digits; what channels see as a request number."""

RefundNo = NewType("RefundNo", str)
"""A payment's number, the letter R and two digits; the refund's request number."""

BizLineId = NewType("BizLineId", str)
CardId = NewType("CardId", str)
CouponNo = NewType("CouponNo", str)
Epoch = NewType("Epoch", int)
"""One life of one node: a new start, or a missed heartbeat, is a new epoch."""

Json = NewType("Json", str)
"""JSON text, stored as jsonb."""


class Origin(NamedTuple):
    """Where who asks for a text is: what limits by address go by, and never kept."""

    address: str
    told: bool
    """It is the payer's, as the business line tells it; else the line's own."""


class PayType(StrEnum):
    """How the money of a payment is taken; it changes at most once, to DEDUCT."""

    QUICK_PAY = "QUICK_PAY"
    DEDUCT = "DEDUCT"


class BizStatus(StrEnum):
    """What the business line may act on."""

    DOING = "DOING"
    SUCCESS = "SUCCESS"
    FAIL = "FAIL"
    CLOSED = "CLOSED"

    @property
    def final(self) -> bool:
        """Whether the payment can never change again."""
        return self is not BizStatus.DOING


class RefundStatus(StrEnum):
    """What the business line may act on, of a refund."""

    DOING = "DOING"
    SUCCESS = "SUCCESS"
    FAIL = "FAIL"

    @property
    def final(self) -> bool:
        """Whether the refund can never change again."""
        return self is not RefundStatus.DOING


class RefundKind(StrEnum):
    """Why money goes back."""

    ASKED = "ASKED"
    """A business line asked for it, of a payment that succeeded."""
    LATE_MONEY = "LATE_MONEY"
    """It came when it must not: all of what one request took, by itself."""
    RETURN = "RETURN"
    """No order covers it, and the desk has agreed on giving it back."""


class ProcessStatus(StrEnum):
    """What the channel said of one attempt.

    For a money leg GW_SUCCESS means charged, for a send that the code is out.
    """

    INIT = "INIT"
    ROUTE_FAIL = "ROUTE_FAIL"
    GW_DOING = "GW_DOING"
    GW_SUCCESS = "GW_SUCCESS"
    GW_FAIL = "GW_FAIL"

    @property
    def open(self) -> bool:
        """Whether the last word on the attempt is still to come."""
        return self in (ProcessStatus.INIT, ProcessStatus.GW_DOING)


class VerifyStatus(StrEnum):
    """What became of the code the payer typed."""

    NOT_VERIFIED = "NOT_VERIFIED"
    PASS = "PASS"  # noqa: S105 - a word, not a password
    WRONG = "WRONG"
    EXPIRED = "EXPIRED"
    LOCKED = "LOCKED"


class TransType(StrEnum):
    """The transaction types of the gateway (GwTrans in the article).

    A send through the SMS centre is a QUICK_PAY_SEND_MSG too: the confirm looks the
    send up by that type, whoever sent (docs/decisions).
    """

    QUICK_PAY_SEND_MSG = "QUICK_PAY_SEND_MSG"
    QUICK_PAY_CONFIRM = "QUICK_PAY_CONFIRM"
    SMS_VERIFY = "SMS_VERIFY"
    DEDUCT = "DEDUCT"
    REFUND = "REFUND"

    @property
    def moves_money(self) -> bool:
        """Whether an attempt of this type is a money leg."""
        return self in (TransType.QUICK_PAY_CONFIRM, TransType.DEDUCT)


class CodeSender(StrEnum):
    """Who texted the code in force."""

    CHANNEL = "channel"
    SMS_CENTRE = "sms_centre"


SMS_CENTRE = "sms_centre"
"""The SMS centre's code as a channel: the one channel that a caller names."""
