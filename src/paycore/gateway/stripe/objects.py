"""Stripe's objects as far as they are read here: what a reply or an event holds. Pure.

Of each only the fields that decide; what else Stripe sends, and adds from year to year,
is left unread.
"""

from typing import Final, Literal, TypeVar

import msgspec

Metadata = dict[str, str]

REQUEST_NO: Final = "request_no"
PAY_ORDER_NO: Final = "pay_order_no"
"""The names in `metadata` under which our numbers travel."""


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """An error: of an answer, or the last one of an intent."""

    type: str = ""
    code: str | None = None
    decline_code: str | None = None
    message: str | None = None
    payment_intent: "Intent | None" = None

    @property
    def name(self) -> str:
        """The most particular word for it."""
        if self.type == "idempotency_error":
            return self.type
        return self.decline_code or self.code or self.type


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """A PaymentIntent."""

    object: Literal["payment_intent"]
    id: str
    status: str
    currency: str
    amount_received: int
    livemode: bool
    metadata: Metadata
    last_payment_error: Refusal | None = None


class Refund(msgspec.Struct, frozen=True, kw_only=True):
    """A refund; it does not say of which mode it is."""

    object: Literal["refund"]
    id: str
    status: str | None
    currency: str
    amount: int
    payment_intent: str | None
    metadata: Metadata
    failure_reason: str | None = None


class Method(msgspec.Struct, frozen=True, kw_only=True):
    """A payment method; without a customer it can charge nobody."""

    object: Literal["payment_method"]
    id: str
    livemode: bool
    customer: str | None


class Failed(msgspec.Struct, frozen=True, kw_only=True):
    """The body of an answer that is not a 200."""

    error: Refusal


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a list, newest first."""

    object: Literal["list"]
    data: list[msgspec.Raw]
    has_more: bool


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """What every object of a list has."""

    id: str
    metadata: Metadata


class _Any(msgspec.Struct, frozen=True):
    """Whatever calls itself an object of theirs."""

    object: str


T = TypeVar("T")


def parsed(octets: bytes | msgspec.Raw, kind: type[T]) -> T | None:
    """What it holds; None where it is no such thing."""
    try:
        return msgspec.json.decode(octets, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def is_theirs(octets: bytes) -> bool:
    """Whether it is an object of theirs at all, of whatever kind."""
    return parsed(octets, _Any) is not None
