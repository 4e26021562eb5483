"""A simulated bank that speaks as Stripe, for deducts: who is charged and his method.

Stripe knows a request that changes something by its idempotency key, which is ours of
the order. What only reads names no number of ours: an intent or a refund by their own
id, or a list, from which whoever carries it cannot tell whom it is about.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import parse_qs

import msgspec
from msgspec.structs import replace

from paycore.kernel.http import Answered, HttpRequest
from paycore.prove.houses import NO_CLERK, BankHouse, Glance
from paycore.prove.stage import Plastic
from paycore.sandbox.bank import Bank
from paycore.sandbox.dialect import Asked, Wire
from paycore.sandbox.orders import Answer, Order
from paycore.sandbox.vendors import stripe_objects as objects
from paycore.sandbox.vendors.stripe import StripeDialect, Told
from paycore.sandbox.vendors.stripe_wire import wire_of

_INTENTS: Final = "/v1/payment_intents"
_REFUNDS: Final = "/v1/refunds"
_ONE: Final = re.compile(r"/v1/(payment_intents|refunds)/([a-z]+_\w+)")
_FACTS: Final = MappingProxyType({"payment_intents": "intent", "refunds": "refund"})
"""What names each in its order's facts, by its place in the path."""
_LISTS: Final = MappingProxyType({"intents": "intent", "refunds": "refund"})
"""The same by what the simulator calls a list of them."""

_SIGNATURE: Final = "Stripe-Signature"
_NOBODYS: Final = "0" * 64


class StripeHouse(BankHouse):
    """A bank that speaks as Stripe."""

    unmapped = "a_new_reason"
    signs = False

    def __init__(
        self, bank: Bank, cards: Iterable[Plastic], contract: Mapping[str, object]
    ) -> None:
        config = {
            **contract,
            "webhook_url": f"http://paycore.sim/callbacks/{bank.name}/main",
            "saved": [_saved(card) for card in cards],
        }
        read = msgspec.convert(config, StripeDialect.Config)
        super().__init__(StripeDialect(bank, read, NO_CLERK))

    # --- a call -----------------------------------------------------------------------

    def glance(self, request: HttpRequest, path: str) -> Glance | None:
        """By key or id; a cancellation is a part of the deduct that it ends."""
        if request.method == "GET":
            return self._question(path)
        said = {
            name: values[0] for name, values in parse_qs(request.body.decode()).items()
        }
        number = _key(request)
        if path == _INTENTS:
            return Glance(
                operation="deduct",
                request_id=number,
                amount=int(said["amount"]),
                currency=said["currency"].upper(),
            )
        if path == _REFUNDS:
            charge = self._having("intent", said["payment_intent"])
            return Glance(
                operation="refund",
                request_id=number,
                amount=int(said["amount"]),
                currency=None if charge is None else charge.currency,
                original=None if charge is None else charge.request_id,
            )
        return None

    def _question(self, path: str) -> Glance | None:
        if path in (_INTENTS, _REFUNDS):
            return Glance(operation="enquire", request_id="")
        found = _ONE.fullmatch(path)
        if found is None:
            return None
        order = self._having(_FACTS[found[1]], found[2])
        number = "" if order is None else order.request_id
        return Glance(operation="enquire", request_id=number)

    def _having(self, fact: str, id_: str) -> Order | None:
        kind = "refund" if fact == "refund" else "deduct"
        return next(
            (
                order
                for order in self.orders.values()
                if order.operation == kind and order.facts.get(fact) == id_
            ),
            None,
        )

    # --- what it says -----------------------------------------------------------------

    def lists(self, asked: Asked) -> Sequence[Order]:
        """By the page that it would give."""
        assert isinstance(asked.told, Told)
        fact = _LISTS.get(asked.told.route)
        if fact is None:
            return ()
        wire = self.dialect.reply(asked, self.bank.handle(asked.call), 0)
        found = (self._having(fact, one["id"]) for one in _listed(wire))
        return [order for order in found if order is not None]

    def reply(
        self, asked: Asked, answer: Answer, now_ms: int, *, strike: str | None
    ) -> Answered:
        """As every house does; a list may lie about one of those in it."""
        denied = self.denied(asked) if strike == "enquiry_lies" else None
        if denied is None or denied not in self.lists(asked):
            return super().reply(asked, answer, now_ms, strike=strike)
        no = _no(denied)
        page = [
            no if one["id"] == no["id"] else one
            for one in _listed(self.dialect.reply(asked, answer, now_ms))
        ]
        said = {"object": "list", "data": page, "has_more": False, "url": ""}
        return self.sent(wire_of(said), strike)

    def _forged(self, wire: Wire) -> Wire:
        stamp = next(value for name, value in wire.headers if name == _SIGNATURE)
        stamp = f"{stamp.partition(',')[0]},v1={_NOBODYS}"
        return replace(wire, headers=((_SIGNATURE, stamp),))


# --- its words ------------------------------------------------------------------------


def agreement(card: Plastic) -> str:
    """Of a card that is saved there: the customer's name and his method's."""
    return f"cus_{card.number}/pm_{card.number}"


def _saved(card: Plastic) -> Mapping[str, str]:
    customer, _, method = agreement(card).partition("/")
    return {"customer": customer, "payment_method": method, "card": card.number}


def _key(request: HttpRequest) -> str:
    named = {name.lower(): value for name, value in request.headers.items()}
    return named.get("idempotency-key", "")


def _listed(wire: Wire) -> list[dict[str, Any]]:
    page: dict[str, Any] = msgspec.json.decode(wire.body)
    listed: list[dict[str, Any]] = page["data"]
    return listed


def _no(order: Order) -> dict[str, Any]:
    """The intent or the refund, as if its money had not come."""
    state = objects.State(status="FAIL", code="CARD_LOST")
    if order.operation == "refund":
        return objects.refund(order, state)
    return objects.intent(objects.draft_of(order), order=order, state=state)
