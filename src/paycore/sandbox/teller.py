"""A bank at its address: takes calls from the wire to `bank` and the replies back.

The order matters: nothing is told before it is durable. Rules of money are `bank`'s.
"""

import asyncio
from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec.structs import replace

from paycore.sandbox.bank import Bank, Call
from paycore.sandbox.clerk import Clerk
from paycore.sandbox.clock import now_ms
from paycore.sandbox.courier import Courier
from paycore.sandbox.delivery import UNSIGNED_401, content_of, deliver, struck_before
from paycore.sandbox.faults import (
    AMOUNT,
    DECLINE,
    DUPLICATE,
    EARLY,
    PROCESSING,
    TWICE,
    FaultBook,
)
from paycore.sandbox.orders import (
    STRAIGHT,
    Answer,
    Order,
    Twist,
    bad_request,
    wrong_amount,
)
from paycore.sandbox.protocol import (
    REQUESTS,
    BadRequest,
    BadSignature,
    Deduct,
    Merchant,
    SendCode,
    Sign,
    authenticate,
    names_in,
    open_card,
    parse,
)
from paycore.sandbox.record import Record
from paycore.sandbox.statement import PATH as STATEMENT
from paycore.sandbox.wire import Exchange

_PREFIX: Final = "/v1/"


class Teller:
    """One bank's counter."""

    def __init__(
        self,
        bank: Bank,
        *,
        merchants: Mapping[str, Merchant],
        faults: FaultBook,
        record: Record,
        courier: Courier,
        clerk: Clerk,
    ) -> None:
        self._bank = bank
        self._clerk = clerk
        self._merchants = merchants
        self._faults = faults
        self._record = record
        self._courier = courier
        self._settling: set[asyncio.Task[None]] = set()

    def resume(self) -> None:
        """Wait again for what was PROCESSING when an earlier run ended."""
        for order in self._bank.waiting():
            self._settle_when_due(order)

    async def serve(self, exchange: Exchange) -> None:
        """Answer one call."""
        if exchange.path == STATEMENT:
            await self._clerk.serve(exchange, self._bank.name)
            return
        operation = exchange.path.removeprefix(_PREFIX)
        if operation not in REQUESTS or not exchange.path.startswith(_PREFIX):
            exchange.answer(404, b'{"code":"NOT_FOUND"}')
            return
        if exchange.method != "POST":
            exchange.answer(405, b'{"code":"NOT_FOUND"}', (("Allow", "POST"),))
            return
        at = now_ms()
        try:
            merchant = authenticate(
                self._merchants, exchange.headers, exchange.path, exchange.body, at
            )
        except BadSignature:
            exchange.answer(401, UNSIGNED_401)
            return
        try:
            call = _read(operation, merchant, exchange.body, at)
        except BadRequest as error:
            names = names_in(exchange.body)
            reply = bad_request(merchant.id, names, str(error), at)
            await deliver(exchange, merchant, msgspec.json.encode(reply))
            return
        await self._act(exchange, merchant, call)

    async def _act(self, exchange: Exchange, merchant: Merchant, call: Call) -> None:
        target = f"bank.{self._bank.name}.{call.operation}"
        struck, strike = await struck_before(exchange, self._faults, target)
        if struck:
            return
        answer = self._bank.handle(replace(call, twist=self._twist(target)))
        answer = self._falsified(answer, target)
        if answer.work.moves and self._faults.draw(target, TWICE):
            self._bank.move_again(answer.work)
        times, early = self._callbacks(answer, target)
        self._record.stage(self._bank.name, answer.work)
        await self._record.durable()
        if answer.settles is not None:
            self._settle_when_due(answer.settles)
        if early and answer.final is not None:
            await self._courier.tell_first(merchant, answer.final, times=times)
        await deliver(
            exchange,
            merchant,
            msgspec.json.encode(answer.reply),
            strike=strike,
            content=content_of(self._faults, target),
        )
        if times and not early and answer.final is not None:
            self._courier.tell(merchant, answer.final, times=times)

    def _twist(self, target: str) -> Twist:
        decline = self._faults.draw(target, DECLINE)
        processing = self._faults.draw(target, PROCESSING)
        if decline is None and processing is None:
            return STRAIGHT
        return Twist(
            decline=decline.text if decline else None,
            processing_ms=processing.number_ms if processing else None,
        )

    def _falsified(self, answer: Answer, target: str) -> Answer:
        """Name a wrong amount, where that fault strikes: here and in callbacks."""
        later = answer.settles
        if answer.reply.amount is None and later is None:
            return answer
        if self._faults.draw(target, AMOUNT) is None:
            return answer
        if later is not None:
            later = self._bank.promise(later, answer.work, callbacks=1, lies=True)
        final = answer.final and replace(answer.final, lies=True)
        reply = wrong_amount(answer.reply)
        return Answer(reply=reply, work=answer.work, final=final, settles=later)

    def _callbacks(self, answer: Answer, target: str) -> tuple[int, bool]:
        """How many callbacks go out now, and whether before the answer."""
        told = answer.final or answer.settles
        if told is None or told.notify_url is None:
            return 0, False
        several = self._faults.draw(target, DUPLICATE)
        times = several.number if several else 0
        if answer.settles is not None:
            if several:
                self._bank.promise(
                    answer.settles, answer.work, callbacks=times, lies=told.lies
                )
            return 0, False
        early = self._faults.draw(target, EARLY) is not None
        return max(times, 1 if early else 0), early

    def _settle_when_due(self, order: Order) -> None:
        task = asyncio.create_task(self._settle(order))
        self._settling.add(task)
        task.add_done_callback(self._settling.discard)

    async def _settle(self, order: Order) -> None:
        await asyncio.sleep(max(0, (order.due_ms or 0) - now_ms()) / 1000)
        answer = self._bank.settle(order, now_ms())
        if answer is None:
            return
        self._record.stage(self._bank.name, answer.work)
        await self._record.durable()
        final, merchant = answer.final, self._merchants.get(order.merchant)
        if merchant is not None and final is not None and final.notify_url:
            self._courier.tell(merchant, final, times=final.callbacks)

    async def end(self, key: str) -> bool:
        """The payer ends an agreement at the bank, which tells the merchant."""
        answer = self._bank.end(key, now_ms())
        if answer is None or answer.final is None:
            return False
        self._record.stage(self._bank.name, answer.work)
        await self._record.durable()
        merchant = self._merchants.get(answer.final.merchant)
        if merchant is not None and answer.final.notify_url:
            self._courier.tell(merchant, answer.final, times=1)
        return True

    async def close(self) -> None:
        """Stop waiting; what is due later is settled by the next run."""
        for task in list(self._settling):
            task.cancel()
        await asyncio.gather(*self._settling, return_exceptions=True)


def _read(operation: str, merchant: Merchant, body: bytes, at_ms: int) -> Call:
    """Parse and decrypt a request, or raise `BadRequest`."""
    request = parse(REQUESTS[operation], body)
    card = None
    if isinstance(request, (SendCode, Deduct, Sign)) and request.card_enc is not None:
        card = open_card(merchant, request.request_id, request.card_enc)
    return Call(
        operation=operation,
        merchant=merchant.id,
        request=request,
        card=card,
        now_ms=at_ms,
    )
