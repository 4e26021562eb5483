"""An SMS carrier: takes a text and says it will deliver it.

It has no memory of its customers: the same request sent twice is two texts, as with
real carriers. What it delivered can be read at the control. Where its dialect has
receipts, one follows each text; the fault `undelivered` makes it a bad one.
"""

import secrets

from paycore.sandbox.clock import now_ms
from paycore.sandbox.courier import Courier, Parcel
from paycore.sandbox.delivery import (
    NOT_ACTED,
    content_of,
    deliver,
    send,
    struck_before,
)
from paycore.sandbox.dialect import CarrierCall, CarrierDialect, Plain, Taken, Wire
from paycore.sandbox.faults import CONTENT, DECLINE, DELIVERY, UNDELIVERED, FaultBook
from paycore.sandbox.orders import Text
from paycore.sandbox.record import Record
from paycore.sandbox.wire import Exchange

RECEIPT_AFTER_MS = 200


class Carrier:
    """One carrier at its address."""

    def __init__(
        self,
        name: str,
        dialect: CarrierDialect | None,
        *,
        faults: FaultBook,
        record: Record,
        courier: Courier,
    ) -> None:
        self._name = name
        self._dialect = dialect
        self._faults = faults
        self._record = record
        self._courier = courier

    async def serve(self, exchange: Exchange) -> None:
        """Answer one call."""
        dialect, at = self._dialect, now_ms()
        assert dialect is not None, "it speaks no HTTP"
        if await dialect.aside(exchange, at):
            return
        try:
            asked = dialect.read(exchange, at)
        except Plain as plain:
            send(exchange, plain.wire)
            return
        await self._act(exchange, dialect, asked)

    async def _act(
        self, exchange: Exchange, dialect: CarrierDialect, asked: CarrierCall
    ) -> None:
        target = f"carrier.{self._name}.send"
        struck, strike = await struck_before(exchange, self._faults, target)
        if struck:
            return
        decline = self._faults.draw(target, DECLINE)
        refusal = None if decline is None else decline.text
        number = f"{self._name}{secrets.token_hex(8)}"
        if refusal is None:
            await self._record_text(asked)
            self._tell(dialect, asked, number)
        await deliver(
            exchange,
            lambda: dialect.reply(asked, refusal, number, now_ms()),
            spoil=dialect.spoil,
            strike=strike,
            content=content_of(self._faults, target),
        )

    async def take(self, asked: CarrierCall) -> Taken:
        """The same for a server that does not speak HTTP: it does the fault itself."""
        target = f"carrier.{self._name}.send"
        strike = self._faults.draw(target, DELIVERY | CONTENT)
        fault = None if strike is None else strike.kind
        slow_ms = strike.number_ms if strike is not None else 0
        if fault in NOT_ACTED:
            return Taken(fault=fault)
        decline = self._faults.draw(target, DECLINE)
        if decline is not None:
            return Taken(fault=fault, slow_ms=slow_ms, refusal=decline.text)
        await self._record_text(asked)
        delivered = self._faults.draw(target, UNDELIVERED) is None
        number = f"{self._name}{secrets.token_hex(8)}"
        return Taken(
            fault=fault, slow_ms=slow_ms, message_id=number, delivered=delivered
        )

    async def _record_text(self, asked: CarrierCall) -> None:
        text = Text(
            phone=asked.phone,
            text=asked.text,
            code=asked.code,
            carrier=self._name,
            at_ms=now_ms(),
        )
        self._record.stage_text(text)
        await self._record.durable()

    def _tell(self, dialect: CarrierDialect, asked: CarrierCall, number: str) -> None:
        delivered = self._faults.draw(f"carrier.{self._name}.send", UNDELIVERED) is None

        def told() -> tuple[str, Wire] | None:
            return dialect.receipt(asked, number, delivered=delivered, at_ms=now_ms())

        first = told()
        if first is None:
            return

        def again() -> Wire:
            told_again = told()
            return first[1] if told_again is None else told_again[1]

        parcel = Parcel(url=first[0], make=again, ends=dialect.acknowledged)
        self._courier.tell(parcel, times=1, after_ms=RECEIPT_AFTER_MS)
