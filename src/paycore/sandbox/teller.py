"""A bank at its address: takes calls from the wire to `bank` and the replies back.

The order matters: nothing is told before it is durable. Rules of money are `bank`'s,
and how a provider speaks is its dialect's.
"""

import asyncio
from functools import partial

from msgspec.structs import replace

from paycore.sandbox.bank import Bank
from paycore.sandbox.clock import now_ms
from paycore.sandbox.courier import Courier, Parcel
from paycore.sandbox.delivery import content_of, deliver, send, struck_before
from paycore.sandbox.dialect import Asked, Dialect, Plain, Wire
from paycore.sandbox.faults import (
    AMOUNT,
    DECLINE,
    DUPLICATE,
    EARLY,
    PROCESSING,
    TWICE,
    FaultBook,
    Strike,
)
from paycore.sandbox.orders import STRAIGHT, Answer, Order, Twist, wrong_amount
from paycore.sandbox.record import Record
from paycore.sandbox.wire import Exchange


class Teller:
    """One bank's counter."""

    def __init__(
        self,
        dialect: Dialect,
        *,
        faults: FaultBook,
        record: Record,
        courier: Courier,
    ) -> None:
        self._bank: Bank = dialect.bank
        self._dialect = dialect
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
        at = now_ms()
        if await self._dialect.aside(exchange, at):
            return
        try:
            asked = self._dialect.read(exchange, at)
        except Plain as plain:
            send(exchange, plain.wire)
            return
        target = f"bank.{self._bank.name}.{asked.call.operation}"
        struck, strike = await struck_before(exchange, self._faults, target)
        if struck:
            return
        self._dialect.begin(asked)
        try:
            await self._act(exchange, asked, target, strike)
        finally:
            self._dialect.done(asked)

    async def _act(
        self, exchange: Exchange, asked: Asked, target: str, strike: Strike | None
    ) -> None:
        answer = self._bank.handle(replace(asked.call, twist=self._twist(target)))
        answer = self._falsified(answer, target)
        if answer.work.moves and self._faults.draw(target, TWICE):
            self._bank.move_again(answer.work)
        times, early = self._callbacks(answer, target)
        self._record.stage(self._bank.name, answer.work)
        await self._record.durable()
        if answer.settles is not None:
            self._settle_when_due(answer.settles)
        final = answer.final
        parcel = self._parcel(final) if times and final is not None else None
        if early and parcel is not None:
            await self._courier.tell_first(parcel, times=times)
        await deliver(
            exchange,
            lambda: self._dialect.reply(asked, answer, now_ms()),
            spoil=self._dialect.spoil,
            strike=strike,
            content=content_of(self._faults, target),
        )
        if not early and parcel is not None:
            self._courier.tell(
                parcel, times=times, after_ms=self._dialect.tells_after_ms
            )

    def _parcel(self, order: Order) -> Parcel | None:
        """What tells of an order, until the merchant has heard it."""
        dialect = self._dialect
        if order.notify_url is None or dialect.callback(order, now_ms()) is None:
            return None

        def make() -> Wire:
            wire = dialect.callback(order, now_ms())
            assert wire is not None, "it was one a moment ago"
            return wire

        return Parcel(
            url=order.notify_url,
            make=make,
            ends=partial(dialect.acknowledged, order),
            again=dialect.tells_again,
        )

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
        usual = 1 if self._dialect.tells else 0
        times = several.number if several else usual
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
        self._tell(answer.final)

    async def end(self, key: str) -> bool:
        """The payer ends an agreement at the bank, which tells the merchant."""
        answer = self._bank.end(key, now_ms())
        if answer is None or answer.final is None:
            return False
        self._record.stage(self._bank.name, answer.work)
        await self._record.durable()
        self._tell(replace(answer.final, callbacks=1))
        return True

    def _tell(self, order: Order | None) -> None:
        parcel = None if order is None else self._parcel(order)
        if order is not None and parcel is not None:
            self._courier.tell(parcel, times=order.callbacks)

    async def close(self) -> None:
        """Stop waiting; what is due later is settled by the next run."""
        for task in list(self._settling):
            task.cancel()
        await asyncio.gather(*self._settling, return_exceptions=True)
