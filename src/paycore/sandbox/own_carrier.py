"""The sandbox's own carriers' protocol as a dialect: JSON, signed with HMAC-SHA256."""

from collections.abc import Mapping
from typing import Final

import msgspec

from paycore.sandbox.dialect import CarrierCall, CarrierDialect, Plain, Wire
from paycore.sandbox.orders import MESSAGES
from paycore.sandbox.own import UNSIGNED_401
from paycore.sandbox.protocol import (
    SEND_TEXT,
    BadRequest,
    BadSignature,
    Merchant,
    TextReply,
    authenticate,
    names_in,
    parse,
    signed_headers,
)
from paycore.sandbox.wire import Exchange

PATH: Final = "/v1/send"


class OwnCarrierDialect(CarrierDialect):
    """How the carriers `a` and `b` speak."""

    def __init__(self, merchants: Mapping[str, Merchant]) -> None:
        self._merchants = merchants

    def read(self, exchange: Exchange, at_ms: int) -> CarrierCall:
        """A POST, signed."""
        if exchange.path != PATH or exchange.method != "POST":
            raise Plain(Wire(status=404, body=b'{"code":"NOT_FOUND"}'))
        try:
            merchant = authenticate(
                self._merchants, exchange.headers, PATH, exchange.body, at_ms
            )
        except BadSignature:
            raise Plain(Wire(status=401, body=UNSIGNED_401)) from None
        try:
            request = parse(SEND_TEXT, exchange.body)
        except BadRequest as error:
            reply = _no(names_in(exchange.body)[0], "BAD_REQUEST", str(error))
            raise Plain(_signed(merchant, reply, at_ms)) from None
        sign = f"[{request.sign}] " if request.sign else ""
        return CarrierCall(
            phone=request.phone,
            text=sign + request.text,
            code=request.params.get("code"),
            request_id=request.request_id,
            told=merchant,
        )

    def reply(
        self, asked: CarrierCall, refusal: str | None, message_id: str, at_ms: int
    ) -> Wire:
        """Yes, with a number; or a code."""
        assert isinstance(asked.told, Merchant)
        if refusal is not None:
            why = MESSAGES.get(refusal, refusal)
            return _signed(asked.told, _no(asked.request_id, refusal, why), at_ms)
        reply = TextReply(
            request_id=asked.request_id,
            status="SUCCESS",
            code="OK",
            message=MESSAGES["OK"],
            message_id=message_id,
        )
        return _signed(asked.told, reply, at_ms)

    def spoil(self, wire: Wire) -> Wire:
        """All of it right but the signature."""
        headers = (wire.headers[0], ("X-Signature", "0" * 64))
        return msgspec.structs.replace(wire, headers=headers)


def _signed(merchant: Merchant, reply: TextReply, at_ms: int) -> Wire:
    body = msgspec.json.encode(reply)
    return Wire(body=body, headers=signed_headers(merchant, PATH, body, at_ms)[1:])


def _no(request_id: str, code: str, message: str) -> TextReply:
    return TextReply(
        request_id=request_id,
        status="FAIL",
        code=code,
        message=message,
        message_id=None,
    )
