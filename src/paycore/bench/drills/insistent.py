"""A business line that does what the API's page tells it to.

A call that failed is made again under its own key, and so is one that was told to wait;
what became of a payment whose answer is DOING is asked. It counts every failure that
it saw, with its moment.
"""

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from time import perf_counter

import msgspec

from paycore.bench.client import Answer, post
from paycore.bench.drills.balancer import Balancer
from paycore.bench.drills.phones import Phones
from paycore.bench.payer import Purse

CALL_WITHIN_S = 20.0
"""The API answers within 15 s."""
AGAIN_AFTER_S = 0.1
GIVE_UP_S = 60.0
AMOUNT_MINOR = 1234


class _Order(msgspec.Struct, frozen=True):
    pay_order_no: str
    biz_status: str


class _Result(msgspec.Struct, frozen=True):
    biz_status: str


class GivenUp(Exception):
    """A payment that did not come to its end in time."""


@dataclass(slots=True, kw_only=True)
class Seen:
    """What all clients together saw."""

    payments: int = 0
    succeeded: int = 0
    calls: int = 0
    waits: int = 0
    """Answers that the same work is under way: told to ask again."""
    errors: list[tuple[float, str]] = field(default_factory=list)
    """Calls without an answer, and answers of 500 and above."""
    answers: list[float] = field(default_factory=list)
    """When each of the other calls was answered."""
    longest_s: float = 0.0
    """The longest payment."""

    def served_again(self, since: float) -> float:
        """When, from a moment on, a call was answered and none broke any more."""
        first = min((at for at in self.answers if at > since), default=inf)
        return max(first, *(at for at, _ in self.errors), since)


@dataclass(slots=True, kw_only=True)
class Client:
    """One payer's business line."""

    purse: Purse
    balancer: Balancer
    phones: Phones
    seen: Seen

    async def pay_on(self, stop: asyncio.Event) -> None:
        """One payment after the other."""
        while not stop.is_set():
            began = perf_counter()
            status = await self._pay()
            self.seen.payments += 1
            self.seen.succeeded += status == "SUCCESS"
            self.seen.longest_s = max(self.seen.longest_s, perf_counter() - began)

    async def _pay(self) -> str:
        mark = self.phones.last(self.purse.phone)
        order = await self._open()
        deadline = perf_counter() + GIVE_UP_S
        while perf_counter() < deadline:
            if order.biz_status != "DOING":
                return order.biz_status
            codes = self.phones.since(self.purse.phone, mark)
            if codes:
                answer = await self._insist(
                    f"/v1/quick-payments/{order.pay_order_no}/confirm",
                    {"sms_verify_code": codes[-1]},
                )
                status = _status_of(answer)
                if status not in (None, "DOING"):
                    return str(status)
            await asyncio.sleep(AGAIN_AFTER_S)
            order = await self._get(order.pay_order_no)
        raise GivenUp(f"{order.pay_order_no} is still {order.biz_status}")

    async def _open(self) -> _Order:
        body = {
            "out_biz_no": secrets.token_hex(16),
            "amount": AMOUNT_MINOR,
            "currency": "CNY",
            "card_id": self.purse.card_id,
            "subject": "Two cups of tea",
        }
        answer = await self._insist("/v1/quick-payments", body)
        if answer.status not in (200, 201):
            raise GivenUp(f"order: {answer.status} {answer.body.decode()}")
        return msgspec.json.decode(answer.body, type=_Order)

    async def _get(self, pay_order_no: str) -> _Order:
        head = (
            f"GET /v1/payments/{pay_order_no} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Authorization: Bearer {self.purse.api_key}\r\n\r\n"
        )
        answer = await self._until_answered(head.encode("ascii"))
        return msgspec.json.decode(answer.body, type=_Order)

    async def _insist(self, path: str, body: Mapping[str, object]) -> Answer:
        """The answer, under one key for all tries."""
        request = post(
            path,
            api_key=self.purse.api_key,
            key=secrets.token_hex(16),
            body=msgspec.json.encode(body),
        )
        return await self._until_answered(request)

    async def _until_answered(self, request: bytes) -> Answer:
        deadline = perf_counter() + GIVE_UP_S
        while perf_counter() < deadline:
            self.seen.calls += 1
            try:
                answer = await self.balancer.call(request, within_s=CALL_WITHIN_S)
            except (OSError, TimeoutError) as error:
                self._failed(str(error) or type(error).__name__)
            else:
                if answer.status >= 500:
                    self._failed(f"HTTP {answer.status}")
                else:
                    self.seen.answers.append(perf_counter())
                    if not _in_flight(answer):
                        return answer
                    self.seen.waits += 1
            await asyncio.sleep(AGAIN_AFTER_S)
        raise GivenUp("no answer")

    def _failed(self, why: str) -> None:
        self.seen.errors.append((perf_counter(), why))


def _in_flight(answer: Answer) -> bool:
    """Whether the same work is under way: to be asked again."""
    return answer.status == 409 and b'"idempotency_in_flight"' in answer.body


def _status_of(answer: Answer) -> str | None:
    """What a confirm said became of the payment; None where it was refused."""
    if answer.status != 200:
        return None
    return msgspec.json.decode(answer.body, type=_Result).biz_status
