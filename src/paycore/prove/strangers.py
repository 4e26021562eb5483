"""The other side of the simulated network: banks, carriers, a business line.

The banks are the sandbox's pure ones, behind its wire protocol: what arrives is
authenticated, decrypted and parsed as the sandbox does it, and what leaves is signed.
What they charged is the oracle of every question about money.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from paycore.kernel.clock import utc_from_unix
from paycore.kernel.http import Answered, HttpRequest
from paycore.sandbox.bank import Bank, Call
from paycore.sandbox.orders import (
    STRAIGHT,
    Answer,
    Move,
    Order,
    Twist,
    callback_for,
    wrong_amount,
)
from paycore.sandbox.protocol import (
    REQUESTS,
    SEND_TEXT,
    Confirm,
    Deduct,
    Merchant,
    SendCode,
    Sign,
    TextReply,
    authenticate,
    open_card,
    parse,
    signed_headers,
)

GARBAGE = b"\x00\xff<html>502 upstream</html"

JSON_TYPE = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A text on a payer's phone."""

    at: float
    pay_order_no: str
    sent_by: str
    code: str
    seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A notice that the business line took."""

    at: float
    notice_id: str
    type: str
    data: Mapping[str, object]


@dataclass(slots=True, kw_only=True)
class Exchange:
    """One call at a bank: what was asked, what it did, and what it says."""

    merchant: Merchant
    path: str
    call: Call
    answer: Answer

    @property
    def order(self) -> Order | None:
        """What became final by it, or will."""
        return self.answer.final or self.answer.settles


@dataclass(slots=True)
class BankHouse:
    """One bank at its address."""

    bank: Bank
    merchant: Merchant
    moves: list[Move] = field(default_factory=list)
    orders: dict[str, Order] = field(default_factory=dict)
    """Its orders by request number, as it last left them."""

    def open(self, request: HttpRequest, path: str, now_ms: int) -> Call:
        """Authenticate and read a request; our own side never sends a bad one."""
        headers = {
            name.lower().encode(): value.encode()
            for name, value in request.headers.items()
        }
        merchants = {self.merchant.id: self.merchant}
        merchant = authenticate(merchants, headers, path, request.body, now_ms)
        operation = path.removeprefix("/v1/")
        asked = parse(REQUESTS[operation], request.body)
        card = None
        if isinstance(asked, (SendCode, Deduct, Sign)) and asked.card_enc is not None:
            card = open_card(merchant, asked.request_id, asked.card_enc)
        return Call(
            operation=operation,
            merchant=merchant.id,
            request=asked,
            card=card,
            now_ms=now_ms,
        )

    def act(self, call: Call, twist: Twist = STRAIGHT) -> Answer:
        """Do what is asked, and keep what it did."""
        answer = self.bank.handle(msgspec.structs.replace(call, twist=twist))
        self._keep(answer)
        return answer

    def settle(self, order: Order, now_ms: int) -> Answer | None:
        """End what was being processed."""
        answer = self.bank.settle(order, now_ms)
        if answer is not None:
            self._keep(answer)
        return answer

    def _keep(self, answer: Answer) -> None:
        self.moves += answer.work.moves
        for order in answer.work.orders:
            self.orders[order.request_id] = order

    def signed(
        self, answer: Answer, path: str, now_ms: int, *, strike: str | None
    ) -> Answered:
        """The reply on its way, as well or as badly as a fault wants it."""
        reply = answer.reply
        if strike in ("money_other_amount", "refund_other_amount"):
            reply = wrong_amount(reply)
        body = msgspec.json.encode(reply)
        if strike is not None and strike.endswith("_garbage"):
            return Answered(status=200, headers={}, body=GARBAGE)
        headers = dict(signed_headers(self.merchant, path, body, now_ms))
        if strike is not None and strike.endswith("_badly_signed"):
            headers["X-Signature"] = "0" * 64
        return answered(body, headers)

    def end_agreement(self, request_id: str, now_ms: int) -> Order | None:
        """The payer ends it at the bank; what the bank tells of it, where it was."""
        done = self.bank.end(self.orders[request_id].key, now_ms)
        if done is None:
            return None
        self._keep(done)
        return done.final

    def stands(self, order: Order) -> bool:
        """Whether the bank lets money be taken under what was signed by it."""
        ended = (one for one in self.orders.values() if one.operation == "revoke")
        over = {one.token for one in ended if one.status == "SUCCESS"}
        return order.token is not None and order.token not in over

    def confirm_by_itself(self, order: Order, now_ms: int) -> Answer:
        """Take the money of an open order that nobody confirmed."""
        assert order.amount is not None
        assert order.currency is not None
        assert order.sms_code is not None
        request = Confirm(
            request_id=order.request_id,
            pay_order_no=order.pay_order_no,
            amount=order.amount,
            currency=order.currency,
            token="unasked",  # noqa: S106 any will do that was not revoked
            code=order.sms_code,
        )
        return self.act(
            Call(
                operation="confirm",
                merchant=self.merchant.id,
                request=request,
                now_ms=now_ms,
            )
        )

    def signed_again(self, path: str, body: bytes, now_ms: int) -> Mapping[str, str]:
        """Fresh headers for a callback that nobody acknowledged."""
        headers = dict(signed_headers(self.merchant, path, body, now_ms))
        return {name.lower(): value for name, value in headers.items()}

    def callback(
        self, order: Order, path: str, now_ms: int, **changed: object
    ) -> tuple[Mapping[str, str], bytes]:
        """Headers and body of what a bank posts about an order."""
        told = callback_for(order)
        if changed:
            told = msgspec.structs.replace(told, **changed)
        body = msgspec.json.encode(told)
        headers = dict(signed_headers(self.merchant, path, body, now_ms))
        return {name.lower(): value for name, value in headers.items()}, body


def answered(body: bytes, headers: Mapping[str, str], status: int = 200) -> Answered:
    """An answer as our transport gives it."""
    lowered = {name.lower(): value for name, value in headers.items()}
    return Answered(status=status, headers=lowered, body=body)


@dataclass(slots=True)
class CarrierHouse:
    """One carrier at its address."""

    name: str
    merchant: Merchant

    def take(self, request: HttpRequest, path: str, now_ms: int) -> tuple[str, str]:
        """The attempt that a text is for, and its code."""
        headers = {
            name.lower().encode(): value.encode()
            for name, value in request.headers.items()
        }
        merchants = {self.merchant.id: self.merchant}
        authenticate(merchants, headers, path, request.body, now_ms)
        asked = parse(SEND_TEXT, request.body)
        return asked.request_id, asked.params["code"]

    def reply(self, request_id: str, path: str, now_ms: int, code: str) -> Answered:
        """Yes, or no by a code."""
        body = msgspec.json.encode(
            TextReply(
                request_id=request_id,
                status="SUCCESS" if code == "OK" else "FAIL",
                code=code,
                message=code,
                message_id=f"{self.name}{request_id}" if code == "OK" else None,
            )
        )
        return answered(body, dict(signed_headers(self.merchant, path, body, now_ms)))


@dataclass(slots=True)
class LineHouse:
    """The business line: takes notices, and keeps those whose signature is good."""

    webhook: Webhook
    told: dict[str, list[Told]] = field(default_factory=dict)
    """By payment."""
    unverified: int = 0

    def take(self, request: HttpRequest, at: float) -> bool:
        """Whether it is taken."""
        named = {name.lower(): value for name, value in request.headers.items()}
        if not signed_by(self.webhook, request):
            self.unverified += 1
            return False
        said = msgspec.json.decode(request.body, type=dict[str, object])
        data = said["data"]
        assert isinstance(data, dict)
        self.told.setdefault(str(data["pay_order_no"]), []).append(
            Told(
                at=at, notice_id=named["webhook-id"], type=str(said["type"]), data=data
            )
        )
        return True


def signed_by(webhook: Webhook, request: HttpRequest) -> bool:
    """Whether who sent this has the key.

    The standard's library asks the real clock whether a message is fresh, which it is
    not here; what it says of the signature is what counts.
    """
    headers = {name.lower(): value for name, value in request.headers.items()}
    try:
        moment = utc_from_unix(float(headers["webhook-timestamp"]))
        text = request.body.decode()
        expected = webhook.sign(headers["webhook-id"], moment, text)
    except (KeyError, ValueError, WebhookVerificationError):
        return False
    return expected in headers["webhook-signature"].split(" ")


def houses(
    merchants: Mapping[str, Merchant], rng: random.Random
) -> tuple[dict[str, BankHouse], dict[str, CarrierHouse]]:
    """The banks and carriers, by name."""
    banks, carriers = {}, {}
    for number, name in enumerate(("quick_a", "quick_b", "deduct_a", "deduct_b"), 1):
        bank = Bank(name, number=number, rng=rng)
        banks[name] = BankHouse(bank, merchants[f"paycore_{name}"])
    for name in ("a", "b"):
        merchant = merchants[f"paycore_carrier_{name}"]
        carriers[name] = CarrierHouse(name, merchant)
    return banks, carriers
