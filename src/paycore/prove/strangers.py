"""The other side of the simulated network: banks, carriers, a business line.

The banks are the sandbox's pure ones, behind their dialects (`houses`). What they
charged is the oracle of every question about money.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from paycore.kernel.clock import utc_from_unix
from paycore.kernel.http import Answered, HttpRequest
from paycore.prove.houses import BankHouse, OwnHouse
from paycore.sandbox.bank import Bank
from paycore.sandbox.protocol import (
    SEND_TEXT,
    Merchant,
    TextReply,
    authenticate,
    parse,
    signed_headers,
)


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
    banks: dict[str, BankHouse] = {}
    carriers: dict[str, CarrierHouse] = {}
    for number, name in enumerate(("quick_a", "quick_b", "deduct_a", "deduct_b"), 1):
        bank = Bank(name, number=number, rng=rng)
        banks[name] = OwnHouse(bank, merchants[f"paycore_{name}"])
    for name in ("a", "b"):
        merchant = merchants[f"paycore_carrier_{name}"]
        carriers[name] = CarrierHouse(name, merchant)
    return banks, carriers
