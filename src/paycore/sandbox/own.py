"""The sandbox's own protocol as a dialect: JSON, signed with HMAC-SHA256.

The protocol in words is `docs/sandbox.md`; its messages are `protocol`'s.
"""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

import msgspec

from paycore.sandbox.bank import Bank, Call
from paycore.sandbox.clerk import Clerk
from paycore.sandbox.dialect import Asked, Dialect, Plain, Wire
from paycore.sandbox.orders import Answer, Order, bad_request, callback_for
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
    signed_headers,
)
from paycore.sandbox.statement import PATH as STATEMENT
from paycore.sandbox.wire import Exchange

UNSIGNED_401: Final = b'{"code":"BAD_SIGNATURE"}'
_PREFIX: Final = "/v1/"


class OwnDialect(Dialect):
    """How the four banks speak."""

    def __init__(
        self, bank: Bank, *, merchants: Mapping[str, Merchant], clerk: Clerk
    ) -> None:
        super().__init__(bank)
        self._merchants = merchants
        self._clerk = clerk

    async def aside(self, exchange: Exchange, at_ms: int) -> bool:
        """A day's statement."""
        if exchange.path != STATEMENT:
            return False
        await self._clerk.serve(exchange, self.bank.name)
        return True

    def read(self, exchange: Exchange, at_ms: int) -> Asked:
        """A POST to one of the operations, signed."""
        operation = exchange.path.removeprefix(_PREFIX)
        if operation not in REQUESTS or not exchange.path.startswith(_PREFIX):
            raise Plain(Wire(status=404, body=b'{"code":"NOT_FOUND"}'))
        if exchange.method != "POST":
            allow = (("Allow", "POST"),)
            raise Plain(Wire(status=405, body=b'{"code":"NOT_FOUND"}', headers=allow))
        try:
            merchant = authenticate(
                self._merchants, exchange.headers, exchange.path, exchange.body, at_ms
            )
        except BadSignature:
            raise Plain(Wire(status=401, body=UNSIGNED_401)) from None
        try:
            call = _read(operation, merchant, exchange.body, at_ms)
        except BadRequest as error:
            names = names_in(exchange.body)
            reply = bad_request(merchant.id, names, str(error), at_ms)
            body = msgspec.json.encode(reply)
            raise Plain(_signed(merchant, exchange.path, body, at_ms)) from None
        return Asked(call=call, told=exchange.path)

    def reply(self, asked: Asked, answer: Answer, at_ms: int) -> Wire:
        """A reply signs the path of its request."""
        merchant = self._merchants[asked.call.merchant]
        body = msgspec.json.encode(answer.reply)
        return _signed(merchant, str(asked.told), body, at_ms)

    def spoil(self, wire: Wire) -> Wire:
        """All of it right but the signature."""
        stamp = wire.headers[0]
        headers = (stamp, ("X-Signature", "0" * 64))
        return msgspec.structs.replace(wire, headers=headers)

    def callback(self, order: Order, at_ms: int) -> Wire | None:
        """A callback signs the path of its `notify_url`, and says who is told."""
        merchant = self._merchants.get(order.merchant)
        if merchant is None or order.notify_url is None:
            return None
        path = urlsplit(order.notify_url).path or "/"
        body = msgspec.json.encode(callback_for(order))
        headers = signed_headers(merchant, path, body, at_ms)
        return Wire(body=body, headers=headers)

    def acknowledged(self, order: Order, status: int, body: bytes) -> bool:
        """These two letters; a page of HTML does not."""
        return status == 200 and body == b"OK"


def _signed(merchant: Merchant, path: str, body: bytes, at_ms: int) -> Wire:
    headers = signed_headers(merchant, path, body, at_ms)[1:]
    return Wire(body=body, headers=headers)


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
