"""Stripe's API, as far as deducting goes: intents confirmed off session, and refunds.

Forms in, JSON out, one secret key. A call with an idempotency key is done once, and
answered as it was for as long as the record lives. The parts: `stripe_wire` (forms,
errors, lists), `_objects` (what things look like), `_calls` (calls of the bank),
`_balance` (what moved). What differs from the real one is in `docs/sandbox-vendors.md`.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from types import MappingProxyType
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from paycore.sandbox.bank import Bank, Call
from paycore.sandbox.clerk import Clerk
from paycore.sandbox.delivery import send
from paycore.sandbox.dialect import Asked, Plain, VendorDialect, Wire
from paycore.sandbox.orders import Answer, Order
from paycore.sandbox.statement import day_of
from paycore.sandbox.vendors import stripe_balance as balance
from paycore.sandbox.vendors import stripe_objects as objects
from paycore.sandbox.vendors.stripe_calls import (
    NOBODY,
    Calls,
    Given,
    StripeConfig,
    is_refused,
)
from paycore.sandbox.vendors.stripe_objects import Draft, State
from paycore.sandbox.vendors.stripe_wire import (
    Params,
    Thing,
    created,
    expanded,
    is_caller,
    is_created,
    known,
    missing,
    page,
    parsed,
    refusal,
    signed_event,
    wire_of,
)
from paycore.sandbox.wire import Exchange

_INTENTS: Final = "/v1/payment_intents"
_REFUNDS: Final = "/v1/refunds"
_BALANCE: Final = "/v1/balance_transactions"
_METHODS: Final = "/v1/payment_methods"
_LISTED: Final = ("limit", "starting_after", "ending_before", "created")
_LONGEST_KEY: Final = 255

_ROUTES: Final = (
    ("POST", re.compile(_INTENTS), "create"),
    ("POST", re.compile(f"{_INTENTS}/([^/]+)/confirm"), "confirm"),
    ("POST", re.compile(f"{_INTENTS}/([^/]+)/cancel"), "cancel"),
    ("POST", re.compile(_REFUNDS), "give_back"),
    ("POST", re.compile(f"{_METHODS}/([^/]+)/attach"), "attach"),
    ("POST", re.compile(f"{_METHODS}/([^/]+)/detach"), "detach"),
    ("GET", re.compile(_INTENTS), "intents"),
    ("GET", re.compile(f"{_INTENTS}/search"), "search"),
    ("GET", re.compile(f"{_INTENTS}/([^/]+)"), "intent"),
    ("GET", re.compile(_REFUNDS), "refunds"),
    ("GET", re.compile(f"{_REFUNDS}/([^/]+)"), "refund"),
    ("GET", re.compile(f"{_METHODS}/([^/]+)"), "method"),
)
_ENDS: Final[Mapping[str, str]] = MappingProxyType(
    {"SUCCESS": "succeeded", "PROCESSING": "processing", "FAIL": "payment_failed"}
)
"""How an event names what became of an intent."""
_QUERY: Final = re.compile(r"""metadata\[["'](.+?)["']\]:["'](.*?)["']""")


class Told(Struct, frozen=True, kw_only=True):
    """What the answer needs of the call."""

    route: str
    params: Params
    about: str = ""
    """The id in the path."""
    key: str = ""
    """That is in use until the call is answered; none of a call that asks."""


class StripeDialect(VendorDialect):
    """How Stripe speaks."""

    Config = StripeConfig
    tells = True
    tells_after_ms = 200

    def __init__(self, bank: Bank, config: Struct, clerk: Clerk) -> None:
        super().__init__(bank, config, clerk)
        assert isinstance(config, StripeConfig)
        self._account = config
        self._calls = Calls(bank, config)
        self._in_use: set[str] = set()

    # What comes in.

    async def aside(self, exchange: Exchange, at_ms: int) -> bool:
        """The list of what moved."""
        if (exchange.method, exchange.path) != ("GET", _BALANCE):
            return False
        try:
            self._admit(exchange)
            send(exchange, await self._balance(parsed(exchange.query), at_ms))
        except Plain as plain:
            send(exchange, plain.wire)
        return True

    def read(self, exchange: Exchange, at_ms: int) -> Asked:
        """A call of the bank; `Plain` where it was answered before, or is refused."""
        self._admit(exchange)
        route, about = _route(exchange)
        if exchange.method == "GET":
            return self._ask(route, about, parsed(exchange.query), at_ms)
        params = parsed(exchange.body.decode("latin-1"))
        key = exchange.headers.get(b"idempotency-key", b"").decode("latin-1")
        if len(key) > _LONGEST_KEY:
            raise refusal(400, "An idempotency key has at most 255 characters.")
        mark = _print(exchange, params)
        if key:
            self._replay(key, mark)
        given = Given(key=key or self._calls.new_key(), print=mark, at_ms=at_ms)
        if route == "attach":
            raise Plain(wire_of(self._method(self._calls.attach(about, params, given))))
        call = self._change(route, about, params, given)
        if isinstance(call, Draft):
            raise Plain(wire_of(objects.intent(call, order=None, state=None)))
        told = Told(route=route, params=params, about=about, key=given.key)
        return Asked(call=call, told=told)

    def _admit(self, exchange: Exchange) -> None:
        if not is_caller(exchange.headers, self._account.secret_key):
            raise refusal(401, "Invalid API Key provided.")

    def _change(
        self, route: str, about: str, params: Params, given: Given
    ) -> Call | Draft:
        calls = self._calls
        match route:
            case "create":
                return calls.create(params, given)
            case "confirm":
                return calls.confirm(about, params, given)
            case "cancel":
                return calls.cancel(about, params, given)
            case "detach":
                return calls.detach(about, params, given)
            case _:
                return calls.give_back(params, given)

    def _ask(self, route: str, about: str, params: Params, at_ms: int) -> Asked:
        """A question. Lists are about no order in particular."""
        key = NOBODY
        if route == "intent":
            known(params, ("client_secret",))
            order, draft = self._calls.attempt(about), self._calls.draft(about)
            if order is not None:
                key = order.request_id
            elif draft is not None:
                raise Plain(wire_of(self._intent(draft, None)))
        elif route == "refund":
            known(params, ())
            order = self._calls.refund(about)
            key = NOBODY if order is None else order.request_id
        elif route == "method":
            known(params, ())
            self._calls.holder(about)
        told = Told(route=route, params=params, about=about)
        return Asked(call=self._calls.enquire(key, at_ms), told=told)

    # A key is used once.

    def _replay(self, key: str, mark: str) -> None:
        """Answer a call as it was answered, where its key is known."""
        if key in self._in_use:
            raise _in_use()
        order, draft = self._calls.find(key), self._calls.draft_under(key)
        if order is not None:
            first = order.facts["print"]
        elif draft is not None:
            first = draft.print
        else:
            return
        if first != mark:
            words = (
                "An idempotency key can only be used again with the same parameters."
            )
            raise refusal(400, words, kind="idempotency_error")
        if order is not None:
            try:
                wire = self._done(order, objects.first_state_of(order))
            except Plain as plain:
                wire = plain.wire
        else:
            assert draft is not None, "one of them is known"
            wire = wire_of(objects.intent(draft, order=None, state=None))
        headers = (*wire.headers, ("Idempotent-Replayed", "true"))
        raise Plain(replace(wire, headers=headers))

    def begin(self, asked: Asked) -> None:
        """From now on the same key is in conflict with it."""
        assert isinstance(asked.told, Told)
        self._in_use.add(asked.told.key)

    def done(self, asked: Asked) -> None:
        """From now on the same key is answered as it was."""
        assert isinstance(asked.told, Told)
        self._in_use.discard(asked.told.key)

    # What goes out.

    def reply(self, asked: Asked, answer: Answer, at_ms: int) -> Wire:
        """The object that it is about, or the error."""
        told = asked.told
        assert isinstance(told, Told)
        said = answer.reply
        state = State(status=said.status, code=said.code, amount=said.amount)
        try:
            if told.route in ("intents", "search", "refunds"):
                return wire_of(self._listed(told))
            if told.route == "method":
                return wire_of(self._method(told.about))
            _check_acceptable(state)
            order = self._calls.find(asked.call.request.request_id)
            if order is None:
                what = told.route if told.route == "refund" else "payment_intent"
                raise missing(what, told.about, param="id", status=404)
            if asked.call.operation == "enquire":
                return wire_of(self._shown(order, state, expanded(told.params)))
            if state.status == "DUPLICATE":
                raise _in_use()
            return self._done(order, state)
        except Plain as plain:
            return plain.wire

    def _shown(
        self, order: Order, state: State, expand: frozenset[str] = frozenset()
    ) -> Thing:
        """A refund, or an intent whose last attempt an order is."""
        if order.operation == "refund":
            return objects.refund(order, state)
        draft = objects.draft_of(order)
        canceled = self._calls.is_canceled(draft.id)
        shown = objects.intent(draft, order=order, state=state, canceled=canceled)
        if "latest_charge" in expand:
            ref = order.bank_ref
            paid_by = ref and balance.transaction_id(ref)
            shown["latest_charge"] = objects.charge(order, paid_by)
        return shown

    def _done(self, order: Order, state: State) -> Wire:
        """What a call that changes something has done."""
        _check_acceptable(state)
        failed = state.status == "FAIL"
        if order.operation == "revoke":
            if failed:
                words = f"The request was refused: {state.code}."
                raise refusal(400, words, code=state.code)
            return wire_of(self._ended(order.token or ""))
        if order.operation == "refund":
            if failed and is_refused(order):
                raise self._not_given_back(order)
            return wire_of(objects.refund(order, state))
        draft = objects.draft_of(order)
        shown = objects.intent(draft, order=order, state=state)
        if not failed:
            return wire_of(shown)
        error = {**objects.card_error(order, state.code), "payment_intent": shown}
        return wire_of({"error": error}, 402)

    def _ended(self, what: str) -> Thing:
        """An intent that was canceled, or a payment method that was detached."""
        order, draft = self._calls.attempt(what), self._calls.draft(what)
        if order is not None:
            return self._shown(order, objects.state_of(order))
        if draft is not None:
            return objects.intent(draft, order=None, state=None, canceled=True)
        return objects.method(what, None)

    def _method(self, id_: str) -> Thing:
        return objects.method(id_, self._calls.holder(id_))

    def _not_given_back(self, order: Order) -> Plain:
        charge = self._calls.find(order.original or NOBODY)
        if charge is not None and charge.refunded >= (charge.amount or 0):
            words = f"Charge {order.facts['charge']} has already been refunded."
            return refusal(400, words, code="charge_already_refunded")
        words = "The amount is greater than what is left of the charge."
        return refusal(400, words, code="amount_too_large", param="amount")

    def spoil(self, wire: Wire) -> Wire:
        """Answers are not signed: there is nothing to spoil."""
        return wire

    def callback(self, order: Order, at_ms: int) -> Wire | None:
        """An event at the end of an attempt, or of a refund that was made."""
        if order.operation not in ("deduct", "refund") or is_refused(order):
            return None
        state, failed = objects.state_of(order), order.status == "FAIL"
        about = self._shown(order, state)
        if order.operation == "refund":
            kind = "refund.failed" if failed else "refund.updated"
        else:
            kind = f"payment_intent.{_ENDS[order.status]}"
        account = self._account
        event = objects.event(
            kind, about, order.at_ms // 1000, version=account.api_version
        )
        return signed_event(event, account.webhook_secret, at_ms // 1000)

    def acknowledged(self, order: Order, status: int, body: bytes) -> bool:
        """By any of the two hundreds."""
        return 200 <= status < 300

    # Lists.

    def _listed(self, told: Told) -> Thing:
        params = told.params
        if told.route == "refunds":
            known(params, (*_LISTED, "payment_intent", "charge"))
            asked = [n for n in ("payment_intent", "charge") if n in params]
            refunds = [
                self._shown(o, objects.state_of(o)) for o in self._calls.refunds()
            ]
            return page(
                [
                    one
                    for one in refunds
                    if is_created(params, one["created"])
                    and all(one[name] == params[name] for name in asked)
                ],
                params,
                _REFUNDS,
            )
        intents = [self._intent(draft, order) for draft, order in self._calls.intents()]
        if told.route == "search":
            return _searched(intents, params)
        known(params, (*_LISTED, "customer"))
        customer = params.get("customer")
        return page(
            [
                one
                for one in intents
                if is_created(params, one["created"])
                and customer in (None, one["customer"])
            ],
            params,
            _INTENTS,
        )

    def _intent(self, draft: Draft, order: Order | None) -> Thing:
        if order is not None:
            return self._shown(order, objects.state_of(order))
        canceled = self._calls.is_canceled(draft.id)
        return objects.intent(draft, order=None, state=None, canceled=canceled)

    async def _balance(self, params: Params, at_ms: int) -> Wire:
        known(params, (*_LISTED, "type", "source"))
        expand = "data.source" in expanded(params)
        found: list[Thing] = []
        broken = coded = False
        by_ref = {one.bank_ref: one for one in self.bank.orders() if one.bank_ref}
        for day in self._days(params, at_ms):
            if self.clerk.late(self.bank.name, day):
                continue
            account = self._account.account
            async for entries in self.clerk.entries(self.bank.name, day, account):
                found += balance.transactions(
                    self.bank.name, day, entries, by_ref=by_ref, expand=expand
                )
            broken = broken or not self.clerk.whole(self.bank.name, day)
            coded = coded or self.clerk.coded(self.bank.name, day)
        found = [
            one
            for one in reversed(found)
            if is_created(params, one["created"])
            and params.get("type", one["type"]) == one["type"]
            and params.get("source") in (None, _source_of(one))
        ]
        body = wire_of(page(found, params, _BALANCE)).body
        if coded:
            body = body.decode().encode("utf-16")
        return Wire(body=body[: len(body) // 2] if broken else body)

    def _days(self, params: Params, at_ms: int) -> Sequence[date]:
        """The days that a list is about: from the first order to today, or fewer."""
        bank = self.bank.name
        bounds = {way: int(value) for way, value in created(params).items()}
        begun = [order.at_ms for order in self.bank.orders()]
        first = day_of(bank, min(begun, default=at_ms))
        last = max(day_of(bank, at_ms), self.clerk.today(bank))
        for way in ("gte", "gt"):
            if way in bounds:
                first = max(first, day_of(bank, bounds[way] * 1000))
        for way in ("lte", "lt"):
            if way in bounds:
                last = min(last, day_of(bank, bounds[way] * 1000))
        return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def _route(exchange: Exchange) -> tuple[str, str]:
    """What is called, and the id in the path."""
    for method, pattern, route in _ROUTES:
        match = pattern.fullmatch(exchange.path)
        if match and method == exchange.method:
            return route, match.group(1) if match.groups() else ""
    words = f"Unrecognized request URL ({exchange.method}: {exchange.path})."
    raise refusal(404, words)


def _check_acceptable(state: State) -> None:
    if state.status == "FAIL" and state.code == "BAD_REQUEST":
        raise refusal(400, "The request is not acceptable.")


def _in_use() -> Plain:
    words = "Another request with this idempotency key is still in progress."
    code = "idempotency_key_in_use"
    return refusal(409, words, kind="idempotency_error", code=code)


def _print(exchange: Exchange, params: Params) -> str:
    """The same for the same call."""
    said = msgspec.json.encode([exchange.path, sorted(params.items())])
    return hashlib.sha256(said).hexdigest()


def _source_of(transaction: Thing) -> str:
    source = transaction["source"]
    return str(source["id"] if isinstance(source, dict) else source)


def _searched(intents: Sequence[Thing], params: Params) -> Thing:
    """Those whose metadata has a member of that value."""
    known(params, ("query", "limit", "page"))
    asked = _QUERY.fullmatch(params.get("query", ""))
    if asked is None:
        raise refusal(400, "The query cannot be understood.", param="query")
    name, value = asked.groups()
    return {
        "object": "search_result",
        "data": [one for one in intents if one["metadata"].get(name) == value],
        "has_more": False,
        "next_page": None,
        "url": f"{_INTENTS}/search",
    }
