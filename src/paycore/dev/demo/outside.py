"""Those outside of us: a business line that uses our API, and the sandbox's control.

The shapes are read by their public names, not with the API's own classes: what is
shown is what anybody would be answered.
"""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, TypeVar
from urllib.parse import quote

import msgspec

from paycore.dev.seeds import ACCOUNT, SeededLine
from paycore.kernel.http import Answered, HttpRequest, HttpResult, Transport

PAGE = 100
"""More payments than a demo makes."""
WITHIN_S = 30.0
"""Longer than the API ever takes to answer."""

T = TypeVar("T")


class DemoBroke(Exception):
    """The demo cannot go on; the text says why."""


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """What every answer about a payment has."""

    pay_order_no: str
    biz_status: Literal["DOING", "SUCCESS", "FAIL", "CLOSED"]
    verify_status: str
    resp_code: str
    resp_msg: str


class Code(msgspec.Struct, frozen=True, kw_only=True):
    """The code in force."""

    sent_by: Literal["channel", "sms_centre"]


class Order(Heard, frozen=True, kw_only=True):
    """A payment order, as the API tells it."""

    amount: int
    payable_amount: int
    currency: str
    pay_type: Literal["QUICK_PAY", "DEDUCT"]
    code: Code | None

    @property
    def final(self) -> bool:
        """Whether its last word is spoken."""
        return self.biz_status != "DOING"


class Signing(msgspec.Struct, frozen=True, kw_only=True):
    """How the signing of a card stands."""

    channel: str
    status: str


class Orders(msgspec.Struct, frozen=True, kw_only=True):
    """A page of orders."""

    items: list[Order]


class Refund(msgspec.Struct, frozen=True, kw_only=True):
    """Money that goes back, as the API tells it."""

    refund_no: str
    pay_order_no: str
    kind: Literal["ASKED", "LATE_MONEY"]
    money_amount: int
    """What the payer gets of it: a coupon's share is nobody's money."""
    currency: str
    biz_status: Literal["DOING", "SUCCESS", "FAIL"]

    @property
    def final(self) -> bool:
        """Whether its last word is spoken."""
        return self.biz_status != "DOING"


class Refunds(msgspec.Struct, frozen=True, kw_only=True):
    """A page of refunds."""

    items: list[Refund]


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """A card, masked."""

    card_id: str
    tail: str
    holder: str
    status: str
    signing: Signing | None = None
    """Only of a card that was signed here."""


class Cards(msgspec.Struct, frozen=True, kw_only=True):
    """A page of cards."""

    items: list[Card]


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a posting."""

    account: str
    side: Literal["DEBIT", "CREDIT"]
    amount: int


class Detail(msgspec.Struct, frozen=True, kw_only=True, rename={"origin": "from"}):
    """What is told with an item of the timeline, as far as it is shown."""

    origin: str | None = None
    to: str | None = None
    cause: str | None = None
    verdict: str | None = None
    elapsed_ms: int | None = None
    entries: list[Entry] = []


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened to a payment."""

    at: datetime
    kind: str
    title: str
    detail: Detail = Detail()


class Timeline(msgspec.Struct, frozen=True, kw_only=True):
    """All that happened to a payment."""

    items: list[Item]


class Charge(msgspec.Struct, frozen=True, kw_only=True):
    """Money that moved at a bank, as the bank tells it."""

    bank: str
    kind: Literal["charge", "refund"]
    pay_order_no: str
    amount: int
    currency: str
    at: datetime


class Planted(msgspec.Struct, frozen=True, kw_only=True):
    """A difference in a bank's statement: what stood there, what stands there now."""

    kind: Literal["charge", "refund"]
    pay_order_no: str


class Text(msgspec.Struct, frozen=True, kw_only=True):
    """A text on the payer's phone."""

    text: str
    code: str
    carrier: str


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """What a business line was told, and whether the signature was good."""

    type: str
    verified: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """A business line: it knows our address and its key, and nothing else."""

    api: str
    line: SeededLine
    transport: Transport

    async def open(
        self, *, out_biz_no: str, subject: str, amount: int, coupon_no: str | None
    ) -> Order:
        """Open a quick payment with the line's card."""
        asked = self._order(out_biz_no, subject, amount)
        if coupon_no is not None:
            asked["coupon_no"] = coupon_no
        return read(await self._post("/v1/quick-payments", asked), Order)

    async def confirm(
        self, pay_order_no: str, code: str, *, key: str | None = None
    ) -> Heard | None:
        """Hand over what the payer typed; None where the answer never came."""
        result = await self._post(
            f"/v1/quick-payments/{pay_order_no}/confirm",
            {"sms_verify_code": code},
            key=key,
        )
        return read(result, Heard) if isinstance(result, Answered) else None

    async def deduct(self, *, out_biz_no: str, subject: str, amount: int) -> Order:
        """Take money under the mandate of the line's card."""
        asked = self._order(out_biz_no, subject, amount)
        return read(await self._post("/v1/deductions", asked), Order)

    def _order(self, out_biz_no: str, subject: str, amount: int) -> dict[str, object]:
        return {
            "out_biz_no": out_biz_no,
            "subject": subject,
            "amount": amount,
            "currency": "CNY",
            "card_id": self.line.card_id,
        }

    async def close(self, pay_order_no: str) -> Order:
        """Close an order that nobody has paid."""
        closed = await self._post(f"/v1/payments/{pay_order_no}/close", {})
        return read(closed, Order)

    async def refund(self, pay_order_no: str, *, amount: int, reason: str) -> Refund:
        """Give back a part of a payment."""
        asked = {
            "pay_order_no": pay_order_no,
            "out_refund_no": f"back-{pay_order_no}",
            "amount": amount,
            "reason": reason,
        }
        return read(await self._post("/v1/refunds", asked), Refund)

    async def refunds(self, pay_order_no: str | None = None) -> list[Refund]:
        """What goes back, of one payment or of all."""
        query = f"&pay_order_no={pay_order_no}" if pay_order_no else ""
        found = await self._get(f"/v1/refunds?limit={PAGE}{query}")
        return read(found, Refunds).items

    async def sign(self, elements: Mapping[str, str], *, channel: str) -> Card:
        """Have a bank agree that this line may charge a card."""
        wish = {"pay_type": "QUICK_PAY", "channel": channel, "account": ACCOUNT}
        return read(await self._post("/v1/cards", {**elements, "sign": wish}), Card)

    async def confirm_card(self, card_id: str, code: str) -> Card:
        """Hand over the code that the bank has texted for the signing."""
        path = f"/v1/cards/{card_id}/confirm"
        return read(await self._post(path, {"sms_verify_code": code}), Card)

    async def cards(self) -> list[Card]:
        """The line's cards, with how their signing stands."""
        listed = read(await self._get(f"/v1/cards?limit={PAGE}"), Cards).items
        return [
            read(await self._get(f"/v1/cards/{card.card_id}"), Card) for card in listed
        ]

    async def order(self, pay_order_no: str) -> Order:
        """How a payment stands."""
        return read(await self._get(f"/v1/payments/{pay_order_no}"), Order)

    async def orders(self) -> list[Order]:
        """All payments of this line."""
        return read(await self._get(f"/v1/payments?limit={PAGE}"), Orders).items

    async def timeline(self, pay_order_no: str) -> list[Item]:
        """All that happened to a payment."""
        found = await self._get(f"/v1/payments/{pay_order_no}/timeline")
        return read(found, Timeline).items

    async def _get(self, path: str) -> HttpResult:
        return await self.transport.send(
            HttpRequest(
                method="GET",
                url=self.api + path,
                headers={"Authorization": f"Bearer {self.line.api_key}"},
                body=b"",
                timeout_s=WITHIN_S,
            )
        )

    async def _post(
        self, path: str, asked: object, *, key: str | None = None
    ) -> HttpResult:
        return await self.transport.send(
            HttpRequest(
                url=self.api + path,
                headers={
                    "Authorization": f"Bearer {self.line.api_key}",
                    "Idempotency-Key": key or secrets.token_hex(16),
                    "Content-Type": "application/json",
                },
                body=msgspec.json.encode(asked),
                timeout_s=WITHIN_S,
            )
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """The sandbox's own word on what moved and what was texted; and its faults."""

    url: str
    transport: Transport

    async def charges(self, pay_order_no: str | None = None) -> list[Charge]:
        """Money that moved, for one payment or at all."""
        query = f"?pay_order_no={pay_order_no}" if pay_order_no else ""
        return read(await self._call("GET", f"charges{query}"), list[Charge])

    async def last_text(self, phone: str) -> Text:
        """The newest text on a phone."""
        found = await self._call("GET", f"sms?phone={quote(phone, safe='')}")
        texts = read(found, list[Text])
        if not texts:
            raise DemoBroke(f"no text came to {phone}")
        return texts[-1]

    async def notices(self, pay_order_no: str) -> list[Notice]:
        """What the business line was told of a payment."""
        found = await self._call("GET", f"notices?pay_order_no={pay_order_no}")
        return read(found, list[Notice])

    async def break_(self, target: str, fault: str, *, count: int | None) -> None:
        """Set a fault."""
        asked = {"target": target, "fault": fault, "count": count}
        await self._call("POST", "faults", msgspec.json.encode(asked))

    async def mend(self) -> None:
        """Take all faults away."""
        await self._call("DELETE", "faults")

    async def plant(
        self, bank: str, day: date, fault: str, *, seed: int
    ) -> list[Planted]:
        """Have one line of a bank's statement be another; the seed chooses which."""
        asked = {"bank": bank, "date": day, "fault": fault, "seed": seed}
        said = await self._call("POST", "statement_faults", msgspec.json.encode(asked))
        return read(said, list[Planted])

    async def correct(self) -> None:
        """All statements are true again."""
        read(await self._call("DELETE", "statement_faults"), dict[str, int])

    async def it_is(self, day: date | None) -> None:
        """Which day the banks' statement desks think it is; None: the clock's."""
        asked = msgspec.json.encode({"today": day})
        read(await self._call("POST", "statement_days", asked), dict[str, date])

    async def _call(self, method: str, what: str, body: bytes = b"") -> HttpResult:
        return await self.transport.send(
            HttpRequest(
                method=method,
                url=f"{self.url}/control/{what}",
                headers={},
                body=body,
                timeout_s=WITHIN_S,
            )
        )


class Confirmed(msgspec.Struct, frozen=True, kw_only=True):
    """What a bank answers to a confirm."""

    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bank:
    """A bank with its own page, on which a payer may finish what is open there.

    What happens behind that page is a confirm by the merchant's number, as
    docs/sandbox.md has it: paycore did not ask for it, and learns it by a callback.
    """

    name: str
    url: str
    merchant: str
    secret: str
    transport: Transport

    async def confirm(self, order: Order, code: str, *, api: str, at: datetime) -> None:
        """Take the money of an order's first request."""
        path = "/v1/confirm"
        body = msgspec.json.encode(
            {
                "request_id": f"{order.pay_order_no}01",
                "pay_order_no": order.pay_order_no,
                "amount": order.payable_amount,
                "currency": order.currency,
                "token": "typed-at-the-bank",
                "code": code,
                "notify_url": f"{api}/callbacks/{self.name}/{ACCOUNT}",
            }
        )
        result = await self.transport.send(
            HttpRequest(
                url=self.url + path,
                headers=self._signed(path, body, str(int(at.timestamp()))),
                body=body,
                timeout_s=WITHIN_S,
            )
        )
        said = read(result, Confirmed).status
        if said != "SUCCESS":
            raise DemoBroke(f"the bank did not take the money: {said}")

    def _signed(self, path: str, body: bytes, stamp: str) -> dict[str, str]:
        text = b"\n".join((stamp.encode(), path.encode(), body))
        made = hmac.new(bytes.fromhex(self.secret), text, hashlib.sha256)
        return {
            "X-Merchant": self.merchant,
            "X-Timestamp": stamp,
            "X-Signature": made.hexdigest(),
        }


def read(result: HttpResult, kind: type[T]) -> T:
    """What was answered, or DemoBroke."""
    if not isinstance(result, Answered):
        raise DemoBroke(f"nobody answered: {result.reason}")
    if result.status >= 400:
        raise DemoBroke(f"HTTP {result.status}: {result.body.decode()[:300]}")
    return msgspec.json.decode(result.body, type=kind)
