"""Stripe's own kit as a client of our simulator."""

import json
from itertools import count
from pathlib import Path
from typing import Any

from book import Page
from peer import Peer, client
from stage import Stage, Told, until

CREATE, RETRIEVE = "v1.payment_intents.create", "v1.payment_intents.retrieve"
LIST, SEARCH = "v1.payment_intents.list", "v1.payment_intents.search"
CONFIRM, CANCEL = "v1.payment_intents.confirm", "v1.payment_intents.cancel"
REFUND, REFUNDS = "v1.refunds.create", "v1.refunds.list"
REFUND_OF, BALANCE = "v1.refunds.retrieve", "v1.balance_transactions.list"
DETACH = "v1.payment_methods.detach"
PAID = [("charge", 1250, "USD")]
HOOK = "/callbacks/stripe/main"


def talk(python: Path, stage: Stage, page: Page) -> None:
    """All that a customer of Stripe's does here."""
    with client(python, "of_stripe") as kit:
        shop = Shop(kit, stage, page)
        paid = shop.charges()
        shop.replays(paid)
        shop.declines()
        shop.waits()
        shop.refunds(paid)
        shop.lists(paid)
        shop.webhooks()
        shop.refusals()
        shop.detaches()


class Shop:
    """Who talks to Stripe by its kit, and looks at what the simulator recorded."""

    def __init__(self, kit: Peer, stage: Stage, page: Page) -> None:
        self.kit, self.stage, self.page = kit, stage, page
        self.numbers = count(1)
        self.ours = stage.ours("stripe")
        self.customer, _, self.method = stage.contracts["stripe"].agreement.partition(
            "/"
        )
        self.begin(str(self.ours["secret_key"]))

    def begin(self, key: str) -> None:
        """Have the kit call by this key."""
        self.kit.said("begin", base_url=self.stage.bank("stripe"), key=key)

    def fields(self, **changes: Any) -> dict[str, Any]:
        """A charge of 12.50 with nobody present; each of a payment of its own."""
        number = f"stripe{next(self.numbers)}"
        return {
            "amount": 1250,
            "currency": "usd",
            "customer": self.customer,
            "payment_method": self.method,
            "payment_method_types": ["card"],
            "off_session": True,
            "confirm": True,
            "metadata": {"pay_order_no": number, "request_no": f"{number}01"},
        } | changes

    def call(self, path: str, *args: Any, key: str = "") -> Any:
        """An object, or an error with its class."""
        options = {"idempotency_key": key} if key else {}
        answer = self.kit.ask("call", path=path, args=args, options=options)
        return answer if "raised" in answer else answer["said"]["object"]

    def moved(self, fields: Any) -> Any:
        """What the simulator recorded for a payment."""
        return self.stage.moved(fields["metadata"]["pay_order_no"])

    def judge(self, name: str, wanted: Any, told: Any, moves: Any, about: Any) -> None:
        """A call about a payment."""
        recorded = (moves, self.moved(about))
        self.page.call(name, answered=(wanted, told), recorded=recorded)

    # --- money ----------------------------------------------------------------------

    def charges(self) -> dict[str, Any]:
        """Made and confirmed at once, read again, with its charge expanded."""
        fields = self.fields()
        made = self.call(CREATE, fields, key="key-1")
        names = ("status", "amount_received", "currency", "customer")
        wanted = ("succeeded", 1250, "usd", self.customer)
        self.judge("create and confirm", wanted, _of(made, *names), PAID, fields)
        numbers = (made["metadata"], made["livemode"])
        self.judge("its metadata", (fields["metadata"], False), numbers, PAID, fields)
        read = self.call(RETRIEVE, made["id"])
        self.judge("retrieve", wanted, _of(read, *names), PAID, fields)
        more = self.call(RETRIEVE, made["id"], {"expand": ["latest_charge"]})
        charge = more["latest_charge"]
        told = _of(charge, "object", "paid", "amount_captured", "payment_intent")
        wanted = ("charge", True, 1250, made["id"])
        self.judge("retrieve with its charge", wanted, told, PAID, fields)
        big = self.fields(amount=999, currency="jpy")
        said = self.call(CREATE, big)
        told = _of(said, "status", "amount_received", "currency")
        moves = [("charge", 999, "JPY")]
        self.judge("without decimals", ("succeeded", 999, "jpy"), told, moves, big)
        return fields | {"id": made["id"], "key": "key-1"}

    def replays(self, paid: dict[str, Any]) -> None:
        """The same key again is the same answer, and no other money."""
        fields = {k: v for k, v in paid.items() if k not in ("id", "key")}
        options = {"idempotency_key": paid["key"]}
        again = self.kit.said("call", path=CREATE, args=[fields], options=options)
        told = (again["object"]["id"], again["headers"].get("idempotent-replayed"))
        self.judge("replayed", (paid["id"], "true"), told, PAID, fields)
        other = self.call(CREATE, fields | {"amount": 1251}, key=paid["key"])
        told = (other["raised"], other["facts"]["http_status"])
        self.judge(
            "a key with other words", ("IdempotencyError", 400), told, PAID, paid
        )
        poor = self.fields(payment_method="pm_card_visa_chargeDeclinedLostCard")
        first = self.call(CREATE, poor, key="key-2")
        second = self.call(CREATE, poor, key="key-2")
        told = (second["raised"], second["facts"]["intent"])
        wanted = ("CardError", first["facts"]["intent"])
        self.judge("a decline replayed", wanted, told, [], poor)

    def declines(self) -> None:
        """Each test card's no, as the kit's own exception."""
        table = {
            "pm_card_chargeDeclined": ("card_declined", "generic_decline"),
            "pm_card_visa_chargeDeclinedInsufficientFunds": (
                "card_declined",
                "insufficient_funds",
            ),
            "pm_card_visa_chargeDeclinedStolenCard": ("card_declined", "stolen_card"),
            "pm_card_chargeDeclinedExpiredCard": ("expired_card", None),
            "pm_card_chargeDeclinedIncorrectCvc": ("incorrect_cvc", None),
            "pm_card_chargeDeclinedProcessingError": ("processing_error", None),
            "pm_card_authenticationRequired": (
                "authentication_required",
                "authentication_required",
            ),
        }
        for method, (code, decline_code) in table.items():
            fields = self.fields(payment_method=method)
            said = self.call(CREATE, fields)
            facts = said["facts"]
            told = _of(facts, "http_status", "code", "decline_code", "intent_status")
            wanted = ("CardError", 402, code, decline_code, "requires_payment_method")
            self.judge(method, wanted, (said["raised"], *told), [], fields)
            read = self.call(RETRIEVE, facts["intent"])
            error = read["last_payment_error"] or {}
            told = (*_of(read, "status", "amount_received"), error.get("code"))
            wanted = ("requires_payment_method", 0, code)
            self.judge(f"retrieve after {method}", wanted, told, [], fields)

    def waits(self) -> None:
        """An intent that waits is confirmed, or cancelled; one that is late ends."""
        waiting = self.fields(confirm=False)
        del waiting["off_session"]
        made = self.call(CREATE, waiting)
        told = _of(made, "status", "amount_received")
        open_ = ("requires_confirmation", 0)
        self.judge("create alone", open_, told, [], waiting)
        paid = self.call(CONFIRM, made["id"], {"off_session": True})
        told = _of(paid, "status", "amount_received")
        self.judge("confirm", ("succeeded", 1250), told, PAID, waiting)
        gone = self.call(CANCEL, made["id"])
        told = (gone["raised"], gone["facts"]["code"])
        wanted = ("InvalidRequestError", "payment_intent_unexpected_state")
        self.judge("cancel what is paid", wanted, told, PAID, waiting)
        waiting = self.fields(confirm=False)
        del waiting["off_session"]
        made = self.call(CREATE, waiting)
        gone = self.call(CANCEL, made["id"])
        told = _of(gone, "status", "amount_received")
        self.judge("cancel", ("canceled", 0), told, [], waiting)
        late = self.call(CONFIRM, made["id"])
        self.judge("confirm late", "InvalidRequestError", late["raised"], [], waiting)
        fields = self.fields()
        with self.stage.fault("bank.stripe.deduct", "processing:0.5"):
            made = self.call(CREATE, fields)
        told = _of(made, "status", "amount_received")
        self.judge("processing", ("processing", 0), told, [], fields)
        until(lambda: self.moved(fields))
        read = self.call(RETRIEVE, made["id"])
        told = _of(read, "status", "amount_received")
        self.judge("then paid", ("succeeded", 1250), told, PAID, fields)

    def refunds(self, paid: dict[str, Any]) -> None:
        """Some of it, the rest of it, and more than there is."""
        moves = list(PAID)
        first = {"payment_intent": paid["id"], "amount": 250}
        made = self.call(REFUND, first | {"metadata": {"request_no": "r1"}}, key="r-1")
        moves.append(("refund", 250, "USD"))
        told = (*_of(made, "status", "amount", "payment_intent"), made["metadata"])
        wanted = ("succeeded", 250, paid["id"], {"request_no": "r1"})
        self.judge("refund", wanted, told, moves, paid)
        again = self.call(REFUND, first | {"metadata": {"request_no": "r1"}}, key="r-1")
        self.judge("refund replayed", made["id"], again["id"], moves, paid)
        over = self.call(REFUND, {"payment_intent": paid["id"], "amount": 1001})
        told = (over["raised"], over["facts"]["http_status"])
        self.judge("too much", ("InvalidRequestError", 400), told, moves, paid)
        rest = self.call(REFUND, {"payment_intent": paid["id"]})
        moves.append(("refund", 1000, "USD"))
        told = _of(rest, "status", "amount")
        self.judge("the rest", ("succeeded", 1000), told, moves, paid)
        none = self.call(REFUND, {"payment_intent": paid["id"]})
        told = (none["raised"], none["facts"]["code"])
        wanted = ("InvalidRequestError", "charge_already_refunded")
        self.judge("nothing left", wanted, told, moves, paid)
        read = self.call(REFUND_OF, made["id"])
        told = _of(read, "status", "amount", "payment_intent")
        wanted = ("succeeded", 250, paid["id"])
        self.judge("retrieve a refund", wanted, told, moves, paid)
        listed = self.call(REFUNDS, {"payment_intent": paid["id"]})
        told = [one["id"] for one in listed["data"]]
        self.judge("list refunds", [rest["id"], made["id"]], told, moves, paid)

    # --- lists ----------------------------------------------------------------------

    def lists(self, paid: dict[str, Any]) -> None:
        """Pages that the kit turns by itself; a search; what moved."""
        ids = self.kit.said("every", path=LIST, params={"limit": 5})
        one = self.call(LIST, {"limit": 100})
        told = (ids == [intent["id"] for intent in one["data"]], len(set(ids)))
        wanted = (True, len(one["data"]))
        moves = self.moved(paid)
        self.judge("list in pages", wanted, told, moves, paid)
        there = paid["id"] in ids
        self.judge("list has it", (True, False), (there, one["has_more"]), moves, paid)
        number = paid["metadata"]["pay_order_no"]
        query = {"query": f"metadata['pay_order_no']:'{number}'"}
        found = [hit["id"] for hit in self.call(SEARCH, query)["data"]]
        self.judge("search", [paid["id"]], found, moves, paid)
        balance = self.call(BALANCE, {"limit": 100, "expand": ["data.source"]})
        of_it = [
            (line["type"], line["amount"])
            for line in balance["data"]
            if line["source"]["payment_intent"] == paid["id"]
        ]
        wanted_lines = [("refund", -1000), ("refund", -250), ("charge", 1250)]
        self.judge("balance transactions", wanted_lines, of_it, moves, paid)
        ids = self.kit.said("every", path=BALANCE, params={"limit": 3})
        told = sorted(ids) == sorted(line["id"] for line in balance["data"])
        nets = all(
            line["net"] == line["amount"] - line["fee"] for line in balance["data"]
        )
        self.judge("its pages and sums", (True, True), (told, nets), moves, paid)

    # --- webhooks -------------------------------------------------------------------

    def webhooks(self) -> None:
        """An event of each end, judged by the kit; and one that was changed."""
        secret = self.ours["webhook_secrets"][0]
        paid, poor = self.fields(), self.fields(payment_method="pm_card_chargeDeclined")
        good = self.call(CREATE, paid)
        bad = self.call(CREATE, poor)["facts"]["intent"]
        back = self.call(REFUND, {"payment_intent": good["id"]})
        refunded = [*PAID, ("refund", 1250, "USD")]
        ends = (
            ("payment_intent.succeeded", good["id"], "succeeded", refunded, paid),
            ("payment_intent.payment_failed", bad, "requires_payment_method", [], poor),
            ("refund.updated", back["id"], "succeeded", refunded, paid),
        )
        for kind, about, status, moves, fields in ends:
            told = until(lambda kind=kind, about=about: self.told(kind, about))
            given = {"body": told.body.decode(), "secret": secret}
            signature = told.headers["stripe-signature"]
            said = self.kit.said("event", signature=signature, **given)
            wanted = {"type": kind, "id": about, "status": status}
            self.judge(f"construct_event: {kind}", wanted, said, moves, fields)
        given["body"] = given["body"].replace("succeeded", "failed")
        said = self.kit.ask("event", signature=signature, **given)
        wrong = "SignatureVerificationError"
        self.judge("an event that was changed", wrong, said["raised"], moves, fields)
        given = {"body": told.body.decode(), "secret": "whsec_other"}
        said = self.kit.ask("event", signature=signature, **given)
        self.judge("another's secret", wrong, said["raised"], moves, fields)

    def told(self, kind: str, about: str) -> Told | None:
        """An event as it came to the box."""
        for told in self.stage.box.at(HOOK):
            event = json.loads(told.body)
            if (event["type"], event["data"]["object"]["id"]) == (kind, about):
                return told
        return None

    # --- refusals -------------------------------------------------------------------

    def refusals(self) -> None:
        """What is not there, not known, not allowed: the kit has a class for each."""
        lost = self.call(RETRIEVE, "pi_nobody")
        self.refused("no such intent", lost, "InvalidRequestError", 404)
        self.refused(
            "no such refund", self.call(REFUND_OF, "re_x"), "InvalidRequestError", 404
        )
        strange = self.fields(payment_method="pm_nobody")
        said = self.call(CREATE, strange)
        self.refused("no such method", said, "InvalidRequestError", 400, strange)
        unknown = self.fields(colour="red")
        said = self.call(CREATE, unknown)
        self.refused("no such parameter", said, "InvalidRequestError", 400, unknown)
        tiny = self.fields(amount=0)
        said = self.call(CREATE, tiny)
        self.refused("no amount", said, "InvalidRequestError", 400, tiny)
        fields = self.fields()
        with self.stage.fault("bank.stripe.deduct", "http_500"):
            said = self.call(CREATE, fields)
        self.refused("a 500", said, "APIError", 500, fields)
        self.begin("sk_test_other")
        fields = self.fields()
        said = self.call(CREATE, fields)
        self.refused("another key", said, "AuthenticationError", 401, fields)
        self.begin(str(self.ours["secret_key"]))

    def refused(
        self, name: str, said: Any, kind: str, status: int, about: Any = None
    ) -> None:
        """A call that is refused, and moved nothing."""
        told = (said.get("raised"), said.get("facts", {}).get("http_status"))
        moved = [] if about is None else self.moved(about)
        self.page.call(name, answered=((kind, status), told), recorded=([], moved))

    def detaches(self) -> None:
        """A method that is nobody's any more charges nobody."""
        said = self.call(DETACH, self.method)
        told = _of(said, "id", "customer")
        fields = self.fields()
        late = self.call(CREATE, fields)
        self.judge("detach", (self.method, None), told, [], fields)
        self.refused("create after it", late, "InvalidRequestError", 400, fields)
        again = self.call(DETACH, self.method)
        self.refused("detach again", again, "InvalidRequestError", 400, fields)


def _of(said: dict[str, Any], *names: str) -> tuple[Any, ...]:
    return tuple(said.get(name) for name in names)
