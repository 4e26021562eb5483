"""Stripe's calls as what a bank is asked for, and the ids by which things are found.

An intent is a bank's orders: one for each attempt, each under the idempotency key of
the call that made it. An intent that nobody has confirmed yet is no order, nor is a
method that the customer was given; they are kept here, until the process ends.
"""

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec
from msgspec import Struct

from paycore.sandbox.bank import Bank, Call
from paycore.sandbox.orders import Order
from paycore.sandbox.protocol import BankRequest, Card, Deduct, Enquire, Refund, Revoke
from paycore.sandbox.vendors import stripe_objects as objects
from paycore.sandbox.vendors.stripe_objects import Draft
from paycore.sandbox.vendors.stripe_wire import (
    Params,
    held,
    id_of,
    integer,
    known,
    missing,
    needed,
    refusal,
)

_INTENT: Final = "payment_intent"
# No call can have this key: it has a letter that no header has.
NOBODY: Final = "\n"
_MOST: Final = 99_999_999

_CREATE: Final = (
    *("amount", "currency", "customer", "payment_method", "off_session", "confirm"),
    *("metadata", "description", "payment_method_types", "automatic_payment_methods"),
    *("capture_method", "confirmation_method", "statement_descriptor"),
    *("statement_descriptor_suffix", "error_on_requires_action", "receipt_email"),
    *("return_url", "setup_future_usage"),
)
_CONFIRM: Final = ("payment_method", "off_session", "return_url")
_REFUND: Final = (_INTENT, "charge", "amount", "reason", "metadata")


class Saved(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A customer and the only method of his."""

    customer: str
    payment_method: str
    card: str


class StripeConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One account and its customers: one whose methods are test methods as well, and
    those who are saved beside him.
    """

    account: str
    secret_key: str
    customer: str
    payment_method: str
    """The customer's own; test methods may be used as well."""
    card: str = "4242424242424242"
    """What it is; one that is refused without a fault, where it is such a one."""
    saved: tuple[Saved, ...] = ()
    webhook_url: str | None = None
    webhook_secret: str = ""
    reference: str = "order"
    """Which member of an intent's metadata is the control's `pay_order_no`."""
    api_version: str = "2025-06-30.basil"


class Given(Struct, frozen=True, kw_only=True):
    """What every call that changes something has besides its parameters."""

    key: str
    """Its idempotency key, or a number of ours where it has none."""
    print: str
    """Of all that it says: the same key must come with the same."""
    at_ms: int


class Calls:
    """All calls of one account."""

    def __init__(self, bank: Bank, config: StripeConfig) -> None:
        self._bank = bank
        self._config = config
        self._drafts: dict[str, Draft] = {}
        self._drafted: dict[str, str] = {}
        self._attempts: dict[str, list[str]] = {}
        self._refunds: dict[str, str] = {}
        self._attached: dict[str, str] = {}
        self._holders = {config.payment_method: config.customer}
        self._holders |= {one.payment_method: one.customer for one in config.saved}
        self._cards = {one.payment_method: one.card for one in config.saved}
        self._serial = 0
        about_money = (order for order in bank.orders() if "n" in order.facts)
        for order in sorted(about_money, key=lambda order: int(order.facts["n"])):
            self._serial = int(order.facts["n"])
            self._index(order.request_id, order.facts)

    def _index(self, key: str, facts: Mapping[str, str]) -> None:
        if "refund" in facts:
            self._refunds[facts["refund"]] = key
        else:
            self._attempts.setdefault(facts["intent"], []).append(key)

    # What is known.

    def new_key(self) -> str:
        """For a call that has none."""
        self._serial += 1
        return f"-{self._serial}"

    def find(self, key: str) -> Order | None:
        """What the bank did under a key."""
        return self._bank.find(self._config.account, key)

    def draft_under(self, key: str) -> Draft | None:
        """The intent that was made, and not confirmed, under a key."""
        return self._drafts.get(self._drafted.get(key, ""))

    def draft(self, intent: str) -> Draft | None:
        """An intent that was made without being confirmed."""
        return self._drafts.get(intent)

    def attempt(self, intent: str) -> Order | None:
        """The last attempt of an intent."""
        orders = (self.find(key) for key in reversed(self._attempts.get(intent, [])))
        return next((order for order in orders if order is not None), None)

    def refund(self, id_: str) -> Order | None:
        """A refund that was made. One that never could be is none."""
        order = self.find(self._refunds.get(id_, NOBODY))
        return None if order is None or is_refused(order) else order

    def intents(self) -> Iterator[tuple[Draft, Order | None]]:
        """All there are, with their last attempts, the newest first."""
        found: dict[str, tuple[Draft, Order | None]] = {}
        for id_, draft in self._drafts.items():
            found[id_] = (draft, None)
        for id_ in self._attempts:
            order = self.attempt(id_)
            if order is not None:
                found[id_] = (objects.draft_of(order), order)
        yield from sorted(
            found.values(), key=lambda pair: int(pair[0].facts["n"]), reverse=True
        )

    def refunds(self) -> Iterator[Order]:
        """All there are, the newest first."""
        for id_ in reversed(self._refunds):
            order = self.refund(id_)
            if order is not None:
                yield order

    def is_canceled(self, intent: str) -> bool:
        """Whether an intent can never be confirmed any more."""
        return self._bank.revoked(intent)

    # What the bank is asked for.

    def create(self, params: Params, given: Given) -> Call | Draft:
        """A new intent: an attempt, where it is to be confirmed at once."""
        known(params, _CREATE)
        needed(params, "amount", "currency")
        amount, currency = integer(params, "amount"), params["currency"].upper()
        if amount > _MOST:
            words = "Amount must be no more than 999,999.99"
            raise refusal(400, words, code="amount_too_large", param="amount")
        if not (len(currency) == 3 and currency.isascii() and currency.isalpha()):
            words = f"Invalid currency: {params['currency']}"
            raise refusal(400, words, param="currency")
        customers = self._holders.values()
        if params.get("customer", self._config.customer) not in customers:
            raise missing("customer", params["customer"], param="customer")
        confirms = params.get("confirm") == "true"
        if params.get("off_session") == "true" and not confirms:
            words = "off_session can only be used with confirm=true"
            raise refusal(400, words, param="off_session")
        method = self._method(params) if confirms else params.get("payment_method", "")
        self._serial += 1
        facts = {
            "n": str(self._serial),
            "intent": id_of("pi_3", self._config.account, given.key),
            "created": str(given.at_ms // 1000),
            "method": method,
            "customer": params.get("customer", ""),
            "description": params.get("description", ""),
            "metadata": _encoded(params),
        }
        facts = {name: value for name, value in facts.items() if value}
        draft = Draft(amount=amount, currency=currency, facts=facts, print=given.print)
        if confirms:
            return self._attempt(draft, given)
        self._drafts[draft.id] = draft
        self._drafted[given.key] = draft.id
        return draft

    def confirm(self, intent: str, params: Params, given: Given) -> Call:
        """Another attempt, or the first one of an intent that waits for it."""
        known(params, _CONFIRM)
        draft = self._open(intent, "confirm")
        own = {"customer": "customer", "payment_method": "method"}
        chosen = {name: draft.facts.get(fact, "") for name, fact in own.items()}
        chosen |= params
        self._serial += 1
        facts = {"method": self._method(chosen), "n": str(self._serial)}
        draft = msgspec.structs.replace(draft, facts={**draft.facts, **facts})
        return self._attempt(draft, given)

    def cancel(self, intent: str, params: Params, given: Given) -> Call:
        """Have nobody confirm an intent any more."""
        known(params, ("cancellation_reason",))
        self._open(intent, "cancel")
        request = Revoke(request_id=given.key, token=intent)
        return self._call("revoke", request, given, {"print": given.print})

    def give_back(self, params: Params, given: Given) -> Call:
        """A refund of an intent's charge, of all that is left where it names none."""
        known(params, _REFUND)
        charge = self._charge(params)
        left = (charge.amount or 0) - charge.refunded
        amount = integer(params, "amount") if "amount" in params else max(left, 1)
        self._serial += 1
        facts = {
            "n": str(self._serial),
            "refund": id_of("re_3", self._config.account, given.key),
            "intent": charge.facts["intent"],
            "charge": objects.charge_id(charge),
            "created": str(given.at_ms // 1000),
            "reason": params.get("reason", ""),
            "metadata": _encoded(params),
            "print": given.print,
        }
        facts = {name: value for name, value in facts.items() if value}
        self._index(given.key, facts)
        request = Refund(
            request_id=given.key,
            pay_order_no=charge.pay_order_no,
            original_request_id=charge.request_id,
            amount=amount,
            currency=charge.currency or "",
            notify_url=self._config.webhook_url,
        )
        return self._call("refund", request, given, facts)

    def attach(self, method: str, params: Params, given: Given) -> str:
        """Make the customer a method of his own, of a test method; its id."""
        known(params, ("customer",))
        needed(params, "customer")
        if params["customer"] != self._config.customer:
            raise missing("customer", params["customer"], param="customer")
        if method not in objects.TEST_METHODS:
            raise missing("PaymentMethod", method, param="payment_method", status=404)
        made = id_of("pm_1", self._config.account, given.key)
        self._attached[made] = method
        self._holders[made] = self._config.customer
        return made

    def holder(self, method: str) -> str | None:
        """Whose a method is: the customer's, or nobody's any more."""
        if method not in self._holders:
            raise missing("PaymentMethod", method, param="payment_method", status=404)
        return None if self._bank.revoked(method) else self._holders[method]

    def detach(self, method: str, params: Params, given: Given) -> Call:
        """Take a payment method away from its customer."""
        known(params, ())
        if method not in self._holders:
            raise missing("PaymentMethod", method, param="payment_method", status=404)
        if self._bank.revoked(method):
            words = "The payment method is not attached to a customer."
            raise refusal(400, words)
        request = Revoke(request_id=given.key, token=method)
        return self._call("revoke", request, given, {"print": given.print})

    def enquire(self, key: str, at_ms: int) -> Call:
        """What became of an attempt, or of a refund."""
        given = Given(key=key, print="", at_ms=at_ms)
        return self._call("enquire", Enquire(request_id=key), given, {})

    # Parts of these.

    def _call(
        self, operation: str, request: BankRequest, given: Given, facts: dict[str, str]
    ) -> Call:
        return Call(
            operation=operation,
            merchant=self._config.account,
            request=request,
            now_ms=given.at_ms,
            facts=facts,
        )

    def _attempt(self, draft: Draft, given: Given) -> Call:
        method = draft.facts["method"]
        reference = objects.metadata(draft.facts).get(self._config.reference)
        request = Deduct(
            request_id=given.key,
            pay_order_no=reference or draft.id,
            amount=draft.amount,
            currency=draft.currency,
            token=method,
            card_enc="",
            notify_url=self._config.webhook_url,
        )
        facts = {**draft.facts, "print": given.print}
        self._index(given.key, facts)
        return msgspec.structs.replace(
            self._call("deduct", request, given, facts),
            card=Card(number=self._cards.get(method, self._config.card), phone=""),
            verdict=objects.TEST_METHODS.get(self._attached.get(method, method)),
        )

    def _method(self, params: Params) -> str:
        needed(params, "payment_method")
        method = params["payment_method"]
        if method in objects.TEST_METHODS:
            return method
        if method not in self._holders:
            raise missing("PaymentMethod", method, param="payment_method")
        if params.get("customer") != self._holders[method]:
            words = "The PaymentMethod belongs to a customer: name the customer."
            raise refusal(400, words, param="payment_method")
        if self._bank.revoked(method):
            words = "The provided PaymentMethod was detached and may not be used again."
            raise refusal(400, words, param="payment_method")
        return method

    def _open(self, intent: str, verb: str) -> Draft:
        """An intent that still waits for an attempt."""
        order, draft = self.attempt(intent), self._drafts.get(intent)
        if order is not None:
            draft = objects.draft_of(order)
        if draft is None:
            raise missing(_INTENT, intent, param="intent", status=404)
        ended = order is not None and order.status != "FAIL"
        if not ended and not self.is_canceled(intent):
            return draft
        state = None if order is None else objects.state_of(order)
        shown = objects.intent(
            draft, order=order, state=state, canceled=self.is_canceled(intent)
        )
        words = f"You cannot {verb} this PaymentIntent: it is {shown['status']}."
        code = "payment_intent_unexpected_state"
        raise refusal(400, words, code=code, payment_intent=shown)

    def _charge(self, params: Params) -> Order:
        """The attempt that took the money which is to go back."""
        if "charge" in params:
            keys = [key for keys in self._attempts.values() for key in keys]
            orders = [order for key in keys if (order := self.find(key)) is not None]
            asked = params["charge"]
            found = next((o for o in orders if objects.charge_id(o) == asked), None)
            if found is None:
                raise missing("charge", asked, param="charge")
        else:
            needed(params, _INTENT)
            found = self.attempt(params[_INTENT])
            if found is None and params[_INTENT] not in self._drafts:
                raise missing(_INTENT, params[_INTENT], param=_INTENT)
        if found is None or found.bank_ref is None:
            raise refusal(400, "There is no successful charge to refund.")
        return found


def is_refused(order: Order) -> bool:
    """Whether a refund was never made at all: too much, or of nothing."""
    refused = ("REFUND_EXCEEDS", "ORDER_NOT_FOUND", "BAD_REQUEST")
    return order.status == "FAIL" and order.code in refused


def _encoded(params: Params) -> str:
    metadata = held(params, "metadata")
    return msgspec.json.encode(metadata).decode() if metadata else ""
