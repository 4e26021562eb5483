"""Those outside of us: a business line that uses our API, and the sandbox's control.

The shapes are read by their public names, not with the API's own classes: what is
shown is what anybody would be answered.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeVar
from urllib.parse import quote

import msgspec

from paycore.dev.seeds import SeededLine
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
    code: Code | None

    @property
    def final(self) -> bool:
        """Whether its last word is spoken."""
        return self.biz_status != "DOING"


class Orders(msgspec.Struct, frozen=True, kw_only=True):
    """A page of orders."""

    items: list[Order]


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
        asked = {
            "out_biz_no": out_biz_no,
            "subject": subject,
            "amount": amount,
            "currency": "CNY",
            "card_id": self.line.card_id,
        }
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


def read(result: HttpResult, kind: type[T]) -> T:
    """What was answered, or DemoBroke."""
    if not isinstance(result, Answered):
        raise DemoBroke(f"nobody answered: {result.reason}")
    if result.status >= 400:
        raise DemoBroke(f"HTTP {result.status}: {result.body.decode()[:300]}")
    return msgspec.json.decode(result.body, type=kind)
