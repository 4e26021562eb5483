"""Stripe's objects, made of what a bank knows: intents, charges, refunds, events. Pure.

A bank's order is an attempt: one charge of an intent, or one refund. What an order
does not say stands in its facts.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec
from msgspec import Struct

from paycore.sandbox.orders import Order
from paycore.sandbox.vendors.stripe_wire import Thing, id_of

SUCCEEDED: Final = "succeeded"
PROCESSING: Final = "processing"
FAILED: Final = "requires_payment_method"
CANCELED: Final = "canceled"
UNCONFIRMED: Final = "requires_confirmation"

_INTENT: Final[Mapping[str, str]] = MappingProxyType(
    {"SUCCESS": SUCCEEDED, "PROCESSING": PROCESSING}
)
_REFUND: Final[Mapping[str, str]] = MappingProxyType(
    {"SUCCESS": "succeeded", "PROCESSING": "pending"}
)
_DECLINES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "INSUFFICIENT_FUNDS": "insufficient_funds",
        "OVER_LIMIT": "card_velocity_exceeded",
        "CARD_LOST": "lost_card",
        "WRONG_PHONE": "generic_decline",
        "BLACKLISTED": "merchant_blacklist",
        "MAINTENANCE": "issuer_not_available",
        "CODE_WRONG": "incorrect_pin",
    }
)
"""The bank's codes as decline codes."""
_FAILURES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "INSUFFICIENT_FUNDS": "insufficient_funds",
        "CARD_LOST": "lost_or_stolen_card",
        **dict.fromkeys(("OVER_LIMIT", "WRONG_PHONE", "BLACKLISTED"), "declined"),
    }
)
"""The bank's codes as reasons why a refund failed."""
_ERRORS: Final = frozenset(
    {"expired_card", "incorrect_cvc", "incorrect_number", "processing_error"}
)
"""Declines that are error codes of their own, and have no decline code."""
AUTHENTICATION: Final = "authentication_required"

TEST_METHODS: Final[Mapping[str, str | None]] = MappingProxyType(
    {
        "pm_card_visa": None,
        "pm_card_chargeDeclined": "generic_decline",
        "pm_card_visa_chargeDeclinedInsufficientFunds": "insufficient_funds",
        "pm_card_visa_chargeDeclinedLostCard": "lost_card",
        "pm_card_visa_chargeDeclinedStolenCard": "stolen_card",
        "pm_card_chargeDeclinedExpiredCard": "expired_card",
        "pm_card_chargeDeclinedIncorrectCvc": "incorrect_cvc",
        "pm_card_chargeDeclinedProcessingError": "processing_error",
        "pm_card_authenticationRequired": AUTHENTICATION,
    }
)
"""Payment methods that anybody may use, and why they are declined."""


class State(Struct, frozen=True, kw_only=True):
    """How an order stands, or is said to stand."""

    status: str
    code: str = "OK"
    amount: int | None = None
    """Of the money that moved."""


def state_of(order: Order) -> State:
    """As the bank has it."""
    moved = order.bank_ref is not None
    lie = 1 if order.lies else 0
    amount = (order.amount or 0) + lie if moved else None
    return State(status=order.status, code=order.code, amount=amount)


def first_state_of(order: Order) -> State:
    """As it was when the call was answered: what settled later was on its way then."""
    if order.due_ms is not None:
        return State(status="PROCESSING")
    return state_of(order)


class Draft(Struct, frozen=True, kw_only=True):
    """What an intent is before and besides its attempts."""

    amount: int
    currency: str
    facts: dict[str, str]
    print: str = ""

    @property
    def id(self) -> str:
        """The intent's."""
        return self.facts["intent"]


def draft_of(order: Order) -> Draft:
    """The intent that an order is an attempt of."""
    assert order.amount is not None, "it is about money"
    assert order.currency is not None, "it is about money"
    return Draft(amount=order.amount, currency=order.currency, facts=order.facts)


def charge_id(order: Order) -> str:
    """Of the attempt that an order is."""
    return id_of("ch_3", order.request_id)


def decline(code: str) -> dict[str, str]:
    """`code` and `decline_code` of a card error, with its words."""
    said = _DECLINES.get(code, code)
    words = f"Your card was declined: {said}."
    if said in _ERRORS:
        return {"code": said, "message": words}
    if said == AUTHENTICATION:
        return {"code": said, "decline_code": said, "message": words}
    return {"code": "card_declined", "decline_code": said, "message": words}


def card_error(order: Order, code: str) -> Thing:
    """Why an attempt failed."""
    return {
        "type": "card_error",
        **decline(code),
        "charge": charge_id(order),
        "payment_method": {"id": order.facts["method"], "object": "payment_method"},
    }


def intent(
    draft: Draft, *, order: Order | None, state: State | None, canceled: bool = False
) -> Thing:
    """A payment intent, and its last attempt where there was one."""
    facts, status, received, error = draft.facts, UNCONFIRMED, 0, None
    amount = draft.amount
    if not facts.get("method"):
        status = FAILED
    if order is not None and state is not None:
        status = _INTENT.get(state.status, FAILED)
        if state.status == "SUCCESS" and state.amount is not None:
            amount = received = state.amount
        if status == FAILED:
            error = card_error(order, state.code)
    return {
        "id": draft.id,
        "object": "payment_intent",
        "amount": amount,
        "amount_capturable": 0,
        "amount_received": received,
        "capture_method": "automatic",
        "client_secret": f"{draft.id}_secret_{id_of('', draft.id)}",
        "confirmation_method": "automatic",
        "created": int(facts["created"]),
        "currency": draft.currency.lower(),
        "customer": facts.get("customer"),
        "description": facts.get("description"),
        "last_payment_error": error,
        "latest_charge": charge_id(order) if order is not None else None,
        "livemode": False,
        "metadata": metadata(facts),
        "next_action": None,
        "payment_method": None if error else facts.get("method"),
        "payment_method_types": ["card"],
        "status": CANCELED if canceled and status in (FAILED, UNCONFIRMED) else status,
    }


def metadata(facts: Mapping[str, str]) -> dict[str, str]:
    """What the merchant had kept with it."""
    return msgspec.json.decode(facts.get("metadata", "{}"), type=dict[str, str])


def charge(order: Order, transaction: str | None = None) -> Thing:
    """The charge that an attempt was."""
    state = state_of(order)
    paid = state.status == "SUCCESS"
    failure = None if paid or state.code == "OK" else decline(state.code)
    return {
        "id": charge_id(order),
        "object": "charge",
        "amount": order.amount,
        "amount_captured": order.amount if paid else 0,
        "amount_refunded": max(0, order.refunded),
        "balance_transaction": transaction,
        "captured": paid,
        "created": int(order.facts["created"]),
        "currency": (order.currency or "").lower(),
        "customer": order.facts.get("customer"),
        "failure_code": failure and failure["code"],
        "livemode": False,
        "metadata": metadata(order.facts),
        "paid": paid,
        "payment_intent": order.facts["intent"],
        "payment_method": order.facts["method"],
        "refunded": order.refunded >= (order.amount or 0),
        "status": {"SUCCESS": "succeeded", "PROCESSING": "pending"}.get(
            state.status, "failed"
        ),
    }


def refund(order: Order, state: State, transaction: str | None = None) -> Thing:
    """A refund; its charge is named in its facts."""
    status = _REFUND.get(state.status, "failed")
    told = {
        "id": order.facts["refund"],
        "object": "refund",
        "amount": order.amount if state.amount is None else state.amount,
        "balance_transaction": transaction,
        "charge": order.facts["charge"],
        "created": int(order.facts["created"]),
        "currency": (order.currency or "").lower(),
        "metadata": metadata(order.facts),
        "payment_intent": order.facts["intent"],
        "reason": order.facts.get("reason"),
        "status": status,
    }
    if status == "failed":
        told["failure_reason"] = _FAILURES.get(state.code, state.code)
    return told


def method(id_: str, customer: str | None) -> Thing:
    """A payment method, and whose it is."""
    return {
        "id": id_,
        "object": "payment_method",
        "customer": customer,
        "livemode": False,
        "type": "card",
    }


def event(kind: str, about: Thing, at_s: int, *, version: str) -> Thing:
    """What the end point is told."""
    return {
        "id": id_of("evt_", kind, about["id"], about["status"]),
        "object": "event",
        "api_version": version,
        "created": at_s,
        "data": {"object": about},
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": kind,
    }
