"""An SMS carrier: takes a text and says it will deliver it.

It has no memory of its customers: the same request sent twice is two texts, as with
real carriers. What it delivered can be read at the control.
"""

import secrets
from collections.abc import Mapping
from typing import Final

import msgspec

from paycore.sandbox.clock import now_ms
from paycore.sandbox.delivery import UNSIGNED_401, content_of, deliver, struck_before
from paycore.sandbox.faults import DECLINE, FaultBook
from paycore.sandbox.orders import MESSAGES, Text
from paycore.sandbox.protocol import (
    SEND_TEXT,
    BadRequest,
    BadSignature,
    Merchant,
    SendText,
    TextReply,
    authenticate,
    names_in,
    parse,
)
from paycore.sandbox.record import Record
from paycore.sandbox.wire import Exchange

PATH: Final = "/v1/send"


class Carrier:
    """One carrier at its address."""

    def __init__(
        self,
        name: str,
        *,
        merchants: Mapping[str, Merchant],
        faults: FaultBook,
        record: Record,
    ) -> None:
        self._name = name
        self._merchants = merchants
        self._faults = faults
        self._record = record

    async def serve(self, exchange: Exchange) -> None:
        """Answer one call."""
        if exchange.path != PATH or exchange.method != "POST":
            exchange.answer(404, b'{"code":"NOT_FOUND"}')
            return
        try:
            merchant = authenticate(
                self._merchants, exchange.headers, PATH, exchange.body, now_ms()
            )
        except BadSignature:
            exchange.answer(401, UNSIGNED_401)
            return
        try:
            request = parse(SEND_TEXT, exchange.body)
        except BadRequest as error:
            reply = _no(names_in(exchange.body)[0], "BAD_REQUEST", str(error))
            await deliver(exchange, merchant, msgspec.json.encode(reply))
            return
        await self._act(exchange, merchant, request)

    async def _act(
        self, exchange: Exchange, merchant: Merchant, request: SendText
    ) -> None:
        target = f"carrier.{self._name}.send"
        struck, strike = await struck_before(exchange, self._faults, target)
        if struck:
            return
        decline = self._faults.draw(target, DECLINE)
        if decline is not None:
            why = MESSAGES.get(decline.text, decline.text)
            reply = _no(request.request_id, decline.text, why)
        else:
            reply = await self._send(request)
        await deliver(
            exchange,
            merchant,
            msgspec.json.encode(reply),
            strike=strike,
            content=content_of(self._faults, target),
        )

    async def _send(self, request: SendText) -> TextReply:
        text = Text(
            phone=request.phone,
            text=f"[{request.sign}] {request.text}" if request.sign else request.text,
            code=request.params.get("code"),
            carrier=self._name,
            at_ms=now_ms(),
        )
        self._record.stage_text(text)
        await self._record.durable()
        return TextReply(
            request_id=request.request_id,
            status="SUCCESS",
            code="OK",
            message=MESSAGES["OK"],
            message_id=f"{self._name}{secrets.token_hex(8)}",
        )


def _no(request_id: str, code: str, message: str) -> TextReply:
    return TextReply(
        request_id=request_id,
        status="FAIL",
        code=code,
        message=message,
        message_id=None,
    )
