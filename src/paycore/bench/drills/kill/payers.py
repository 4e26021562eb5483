"""The load: payers who do what payers do, and business lines that insist.

Every call that broke, was answered 5xx or told to wait is made again under its own
key, until it has an answer; every answer is written down. What a payer does is drawn:
he pays, clicks twice, types a wrong code, asks for another, changes his mind, leaves.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from time import perf_counter

import msgspec

from paycore.bench.client import Answer, post
from paycore.bench.drills.balancer import Balancer
from paycore.bench.drills.kill.heard import (
    OPENING,
    Call,
    Heard,
    Refused,
    Said,
    Told,
    moment,
)
from paycore.bench.drills.phones import Phones
from paycore.bench.payer import Purse


class Deed(StrEnum):
    """What a payer does with an order."""

    PAYS = "PAYS"
    CLICKS_TWICE = "CLICKS_TWICE"
    """Each call twice at once under one key."""
    ORDERS_TWICE = "ORDERS_TWICE"
    """The same order under two keys: it is one order."""
    TYPES_WRONG = "TYPES_WRONG"
    ASKS_AGAIN = "ASKS_AGAIN"
    """For another code, before he types one."""
    CONFIRMS_TWICE = "CONFIRMS_TWICE"
    """Twice at once, under keys of their own."""
    CLOSES = "CLOSES"
    CLOSES_AS_HE_PAYS = "CLOSES_AS_HE_PAYS"
    LEAVES = "LEAVES"


_DEEDS = (
    (Deed.PAYS, 40),
    (Deed.CLICKS_TWICE, 12),
    (Deed.ORDERS_TWICE, 6),
    (Deed.TYPES_WRONG, 8),
    (Deed.ASKS_AGAIN, 8),
    (Deed.CONFIRMS_TWICE, 8),
    (Deed.CLOSES, 5),
    (Deed.CLOSES_AS_HE_PAYS, 8),
    (Deed.LEAVES, 5),
)

COUPON_SHARE = 1 / 3
SHARED_SHARE = 0.4
"""Of those who have a coupon, so many have one that others have as well."""
SHARED_BY = 3
DOLLAR_SHARE = 0.1
AMOUNTS_MINOR = (600, 9_000)
"""More than a coupon."""

EXPIRES_IN_S = 60
"""The least that an order may wait."""

CALL_WITHIN_S = 8.0
HASTY_SHARE, HASTY_S = 0.2, 1.0
"""Some do not wait for an answer, and call again while the first call is under way."""
AGAIN_AFTER_S = 0.15
CALLS_FOR_S = 60.0
PATIENCE_S = 15.0
"""After so long a payer closes his order, and tries to."""
TEXT_WITHIN_S = 2.0
"""After so long without a text he asks for another."""
THINKS_S = 0.2
SEARCH_SHARE = 0.3
"""Some look for the order by their own number, which is read by another way."""


class GivenUp(Exception):
    """A call that had no answer."""


@dataclass(slots=True, kw_only=True)
class Wallet:
    """The coupons of one business line, each handed out once or to a few at once."""

    fresh: Iterator[str]
    dice: Random
    _shared: str = ""
    _left: int = 0

    def draw(self) -> str | None:
        """Perhaps a coupon."""
        if self.dice.random() >= COUPON_SHARE:
            return None
        if self.dice.random() >= SHARED_SHARE:
            return next(self.fresh, None)
        if self._left == 0:
            self._shared, self._left = next(self.fresh, ""), SHARED_BY
        self._left -= 1
        return self._shared or None


@dataclass(slots=True, kw_only=True)
class Line:
    """A business line's way to the API: it insists, and writes down what it heard."""

    balancer: Balancer
    heard: Heard
    dice: Random

    def key(self) -> str:
        """A new idempotency key."""
        return f"{self.dice.getrandbits(128):032x}"

    async def post(
        self,
        api_key: str,
        path: str,
        body: Mapping[str, object] | None = None,
        *,
        key: str | None = None,
    ) -> Answer:
        """The answer, under one key for all tries."""
        key = key or self.key()
        content = msgspec.json.encode(body or {})
        request = post(path, api_key=api_key, key=key, body=content)
        return await self._until_answered(path, key, request)

    async def get(self, api_key: str, pay_order_no: str) -> Told:
        """The order as of now."""
        return await self._get(api_key, f"/v1/payments/{pay_order_no}")

    async def _get(self, api_key: str, path: str) -> Told:
        request = (
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Authorization: Bearer {api_key}\r\n\r\n"
        )
        answer = await self._until_answered(path, None, request.encode("ascii"))
        if answer.status != 200:
            self.heard.unseen.append(f"{path}: {answer.status}")
            raise GivenUp(path)
        return msgspec.json.decode(answer.body, type=Told)

    async def find(self, api_key: str, out_biz_no: str) -> Told:
        """The order as of now, searched for by the line's own number."""
        return await self._get(api_key, f"/v1/payments?out_biz_no={out_biz_no}")

    async def insist(self, call: Call) -> None:
        """Ask again what somebody gave up, under its key."""
        await self._until_answered(call.path, call.key, call.request)

    async def _until_answered(
        self, path: str, key: str | None, request: bytes
    ) -> Answer:
        deadline = perf_counter() + CALLS_FOR_S
        while perf_counter() < deadline:
            asked_at = self.heard.asked(path, key)
            answer = await self.once(request)
            if answer is not None:
                answer = _the_order(answer)
                self._write_down(path, key, request, answer, asked_at=asked_at)
                return answer
            await asyncio.sleep(AGAIN_AFTER_S)
        self.heard.given_up.append(Call(path=path, key=key, request=request))
        raise GivenUp(path)

    async def once(self, request: bytes) -> Answer | None:
        """One try; None where it is to be made again."""
        hasty = self.dice.random() < HASTY_SHARE
        self.heard.calls += 1
        try:
            answer = await self.balancer.call(
                request, within_s=HASTY_S if hasty else CALL_WITHIN_S
            )
        except (OSError, TimeoutError) as error:
            self.heard.errors[str(error) or type(error).__name__] += 1
            return None
        if answer.status >= 500:
            self.heard.errors[f"HTTP {answer.status}"] += 1
            return None
        if answer.status == 409 and b'"idempotency_in_flight"' in answer.body:
            self.heard.waits += 1
            return None
        return answer

    def _write_down(
        self,
        path: str,
        key: str | None,
        request: bytes,
        answer: Answer,
        *,
        asked_at: float,
    ) -> None:
        if answer.status >= 300:
            self.heard.refused.append(
                Refused(
                    at=moment(),
                    path=path,
                    key=key,
                    request=request,
                    status=answer.status,
                    code=_code_of(answer),
                )
            )
            return
        self.heard.answers.append(
            Said(
                at=moment(),
                asked_at=asked_at,
                path=path,
                key=key,
                request=request,
                status=answer.status,
                body=answer.body,
            )
        )


class _Found(msgspec.Struct):
    items: list[msgspec.Raw]


def _the_order(answer: Answer) -> Answer:
    """Of a search that found one order, that order."""
    if not answer.body.startswith(b'{"items":'):
        return answer
    found = msgspec.json.decode(answer.body, type=_Found).items
    return Answer(
        answer.status if len(found) == 1 else 404, b"".join(map(bytes, found))
    )


class _Problem(msgspec.Struct):
    code: str = "?"


def _code_of(answer: Answer) -> str:
    """Why it was refused."""
    try:
        return msgspec.json.decode(answer.body, type=_Problem).code
    except msgspec.DecodeError:
        return f"HTTP {answer.status}"


@dataclass(slots=True, kw_only=True)
class Payer:
    """One payer with one card."""

    purse: Purse
    line: Line
    phones: Phones
    wallet: Wallet
    dice: Random
    stop: asyncio.Event
    _mark: int = field(default=0, init=False)

    async def pay_on(self, most: int) -> None:
        """One order after the other, until told to stop; the last one as far as it is
        up to him.
        """
        for _ in range(most):
            if self.stop.is_set():
                return
            try:
                await self._order()
            except GivenUp:
                continue  # What became of it is found out when all is quiet.
            await asyncio.sleep(self.dice.uniform(0.0, THINKS_S))

    async def _order(self) -> None:
        kinds, weights = zip(*_DEEDS, strict=True)
        deed: Deed = self.dice.choices(kinds, weights)[0]
        self._mark = self.phones.last(self.purse.phone)
        order = await self._open(deed)
        if order is None or deed is Deed.LEAVES:
            return
        if deed is Deed.CLOSES:
            await self._close(order)
            return
        if deed is Deed.ASKS_AGAIN:
            await self._ask_again(order)
        await self._pay(order, deed)

    # --- the calls --------------------------------------------------------------------

    async def _open(self, deed: Deed) -> Told | None:
        """The order; None where it was refused, and nothing recorded."""
        body = self._body(deed)
        keys = [self.line.key()]
        if deed is Deed.CLICKS_TWICE:
            keys *= 2
        if deed is Deed.ORDERS_TWICE:
            keys.append(self.line.key())
        answers = await self._at_once([(OPENING, body, key) for key in keys])
        for answer in answers:
            if answer.status in (200, 201):
                return msgspec.json.decode(answer.body, type=Told)
        return None

    def _body(self, deed: Deed) -> Mapping[str, object]:
        dollars = self.dice.random() < DOLLAR_SHARE
        coupon_no = None if dollars else self.wallet.draw()
        return {
            "out_biz_no": f"k-{self.line.key()}",
            "amount": self.dice.randint(*AMOUNTS_MINOR),
            "currency": "USD" if dollars else "CNY",
            "card_id": self.purse.card_id,
            "subject": "Two cups of tea",
            **({"expires_in_s": EXPIRES_IN_S} if deed is Deed.LEAVES else {}),
            **({"coupon_no": coupon_no} if coupon_no is not None else {}),
        }

    async def _pay(self, order: Told, deed: Deed) -> None:
        """Read the text, type the code, until the order has its end or he is tired."""
        deadline, asked_at, tries = perf_counter() + PATIENCE_S, perf_counter(), 0
        while order.biz_status == "DOING" and perf_counter() < deadline:
            codes = self.phones.since(self.purse.phone, self._mark)
            void = order.verify_status in ("EXPIRED", "LOCKED")
            if void or (not codes and perf_counter() > asked_at + TEXT_WITHIN_S):
                await self._ask_again(order)
                asked_at = perf_counter()
            elif codes and order.resp_code != "CONFIRMING":
                # The newest first; where that is wrong, an older one may be right.
                code = codes[-1 - tries % len(codes)]
                await self._confirm(order, code, deed if tries == 0 else Deed.PAYS)
                tries += 1
            await asyncio.sleep(AGAIN_AFTER_S)
            order = await self._look(order)
            if order.resp_code == "CONFIRMING" and self.stop.is_set():
                return
        if order.biz_status == "DOING":
            await self._close(order)

    async def _look(self, order: Told) -> Told:
        api_key = self.purse.api_key
        if self.dice.random() < SEARCH_SHARE:
            return await self.line.find(api_key, order.out_biz_no)
        return await self.line.get(api_key, order.pay_order_no)

    async def _confirm(self, order: Told, code: str, deed: Deed) -> None:
        path = f"/v1/quick-payments/{order.pay_order_no}/confirm"
        right, key = {"sms_verify_code": code}, self.line.key()
        match deed:
            case Deed.TYPES_WRONG:
                wrong = {"sms_verify_code": f"{(int(code) + 1) % 1_000_000:06d}"}
                await self._at_once([(path, wrong, key)])
                await self._at_once([(path, right, self.line.key())])
            case Deed.CLICKS_TWICE:
                await self._at_once([(path, right, key), (path, right, key)])
            case Deed.CONFIRMS_TWICE:
                await self._at_once(
                    [(path, right, key), (path, right, self.line.key())]
                )
            case Deed.CLOSES_AS_HE_PAYS:
                closing = f"/v1/payments/{order.pay_order_no}/close"
                await self._at_once(
                    [(path, right, key), (closing, {}, self.line.key())]
                )
            case _:
                await self._at_once([(path, right, key)])

    async def _ask_again(self, order: Told) -> None:
        path = f"/v1/quick-payments/{order.pay_order_no}/codes"
        await self._at_once([(path, {}, self.line.key())])

    async def _close(self, order: Told) -> None:
        path = f"/v1/payments/{order.pay_order_no}/close"
        await self._at_once([(path, {}, self.line.key())])

    async def _at_once(
        self, calls: Sequence[tuple[str, Mapping[str, object], str]]
    ) -> list[Answer]:
        """Some calls at the same moment; all of their answers."""
        made = (
            self.line.post(self.purse.api_key, path, body, key=key)
            for path, body, key in calls
        )
        # All of them come to their end, also where one is given up.
        ended = await asyncio.gather(*made, return_exceptions=True)
        for each in ended:
            if isinstance(each, BaseException):
                raise each
        return [each for each in ended if isinstance(each, Answer)]
