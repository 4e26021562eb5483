"""One payer: sends for a code, types it in, pays, and begins again; or is not asked.

Each has a card and so a phone of its own. What is not as it must be ends the run: a
figure with failed payments in it would be no figure.
"""

import asyncio
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from time import perf_counter
from typing import NoReturn

import msgspec

from paycore.bench.client import Answer, Connection, post
from paycore.bench.oracle import Oracle

AMOUNT_MINOR = 1234
COUPON_SHARE = 3
"""One payment in so many has a coupon."""


TOLD_WITHIN_S, LOOK_S = 30.0, 0.05


class WrongAnswer(Exception):
    """A payment that did not go as it must."""


class _Order(msgspec.Struct, frozen=True, kw_only=True):
    pay_order_no: str
    payable_amount: int
    pay_type: str
    biz_status: str


class _Result(msgspec.Struct, frozen=True, kw_only=True):
    pay_order_no: str
    biz_status: str


_ORDER = msgspec.json.Decoder(_Order)
_RESULT = msgspec.json.Decoder(_Result)


@dataclass(slots=True, kw_only=True)
class Tally:
    """What all payers together have done."""

    paid: dict[str, int] = field(default_factory=dict)
    """What each payment that succeeded took, by its number."""
    coupons: int = 0
    send_s: dict[str, float] = field(default_factory=dict)
    """How long each call took, as the payer saw it, by payment."""
    confirm_s: dict[str, float] = field(default_factory=dict)
    """Of a deduction: its one call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Purse:
    """Who pays: a business line's key, a card, its phone."""

    api_key: str
    card_id: str
    phone: str
    pay_type: str
    """What each of its payments must end as."""
    deducts: bool = False
    """Whether it pays under its mandate, with nobody present."""
    waits: bool = False
    """Whether its bank may take a confirm in only, and say later that it is paid."""


@dataclass(slots=True, kw_only=True)
class Payer:
    """One payer at one connection."""

    purse: Purse
    connection: Connection
    oracle: Oracle
    tally: Tally
    coupons: Iterator[str]
    payments: int = 0

    async def pay(self) -> None:
        """One payment from the order to the paid answer."""
        if self.purse.deducts:
            await self._deduct()
            return
        order = await self._send()
        code = self.oracle.code(self.purse.phone)
        if code is None:
            raise WrongAnswer(f"no code was texted for {order.pay_order_no}")
        await self._confirm(order, code)
        self.tally.paid[order.pay_order_no] = order.payable_amount

    async def _deduct(self) -> None:
        order, took_s = await self._order("deduct", "/v1/deductions", "SUCCESS")
        self.tally.confirm_s[order.pay_order_no] = took_s
        self.tally.paid[order.pay_order_no] = order.payable_amount

    def _wish(self) -> dict[str, object]:
        return {
            "out_biz_no": secrets.token_hex(16),
            "amount": AMOUNT_MINOR,
            "currency": "CNY",
            "card_id": self.purse.card_id,
            "subject": "Two cups of tea",
            **self._coupon(),
        }

    async def _send(self) -> _Order:
        order, took_s = await self._order("send", "/v1/quick-payments", "DOING")
        self.tally.send_s[order.pay_order_no] = took_s
        return order

    async def _order(self, what: str, path: str, status: str) -> tuple[_Order, float]:
        """Order, and stand where it must after that; how long the call took."""
        body = self._wish()
        began = perf_counter()
        answer = await self._post(path, body)
        took_s = perf_counter() - began
        if answer.status != 201:
            _refuse(what, answer)
        order = _ORDER.decode(answer.body)
        if (order.biz_status, order.pay_type) != (status, self.purse.pay_type):
            _refuse(what, answer)
        return order, took_s

    def _coupon(self) -> dict[str, str]:
        self.payments += 1
        if self.payments % COUPON_SHARE:
            return {}
        coupon_no = next(self.coupons, None)
        if coupon_no is None:
            return {}
        self.tally.coupons += 1
        return {"coupon_no": coupon_no}

    async def _confirm(self, order: _Order, code: str) -> None:
        path = f"/v1/quick-payments/{order.pay_order_no}/confirm"
        began = perf_counter()
        answer = await self._post(path, {"sms_verify_code": code})
        self.tally.confirm_s[order.pay_order_no] = perf_counter() - began
        if answer.status != 200:
            _refuse("confirm", answer)
        status = _RESULT.decode(answer.body).biz_status
        if status == "DOING" and self.purse.waits:
            await self._told(order)
        elif status != "SUCCESS":
            _refuse("confirm", answer)

    async def _told(self, order: _Order) -> None:
        """Wait until the business line has been told: it is what he waits for."""
        until = perf_counter() + TOLD_WITHIN_S
        while not self.oracle.succeeded(order.pay_order_no):
            if perf_counter() > until:
                raise WrongAnswer(f"nobody was told of {order.pay_order_no}")
            await asyncio.sleep(LOOK_S)

    async def _post(self, path: str, body: dict[str, object]) -> Answer:
        return await self.connection.call(
            post(
                path,
                api_key=self.purse.api_key,
                key=secrets.token_hex(16),
                body=msgspec.json.encode(body),
            )
        )


def _refuse(what: str, answer: Answer) -> NoReturn:
    raise WrongAnswer(f"{what} answered {answer.status}: {answer.body.decode()}")
