"""A business line that receives notices: verifies them, writes them down, says 204.

Verified with the official Standard Webhooks library and nothing of ours.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from msgspec import Struct
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from paycore.sandbox.clock import now_ms
from paycore.sandbox.delivery import GARBAGE
from paycore.sandbox.faults import CONTENT, DECLINE, DELIVERY, FaultBook
from paycore.sandbox.record import Notice, Record
from paycore.sandbox.wire import Exchange

PATH: Final = "/notices"
_TARGET: Final = "biz.notice"


class _Data(Struct):
    pay_order_no: str | None = None


class _Payload(Struct):
    type: str | None = None
    data: _Data | None = None


_PAYLOAD: Final = msgspec.json.Decoder(_Payload)


class BusinessLine:
    """The business line at its address."""

    def __init__(
        self, *, secrets: Sequence[str], faults: FaultBook, record: Record
    ) -> None:
        self._webhooks = [Webhook(secret) for secret in secrets]
        self._faults = faults
        self._record = record

    async def serve(self, exchange: Exchange) -> None:
        """Take one notice."""
        if exchange.path != PATH or exchange.method != "POST":
            exchange.answer(404, b"")
            return
        strike = self._faults.draw(_TARGET, DELIVERY)
        if strike is not None and strike.kind == "timeout_before":
            await exchange.hold()
            return
        if strike is not None and strike.kind == "http_500":
            exchange.answer(500, b"")
            return
        decline = self._faults.draw(_TARGET, DECLINE)
        if decline is not None:
            self._decline(exchange, decline.text)
            return
        verified = await self._take(exchange)
        if strike is not None and strike.kind == "timeout_after":
            await exchange.hold()
        elif strike is not None and strike.kind == "slow":
            await exchange.pause(strike.number_ms / 1000)
        if strike is not None and strike.kind == "drip":
            await exchange.trickle(200, b"OK", seconds=strike.number_ms / 1000)
        elif self._faults.draw(_TARGET, CONTENT) is not None:
            exchange.answer(200, GARBAGE.body)
        else:
            exchange.answer(204 if verified else 400, b"")

    def _decline(self, exchange: Exchange, status: str) -> None:
        """Answer with the HTTP status that the fault names; any other text is 400."""
        known = status.isascii() and status.isdigit() and len(status) == 3
        # Where a redirect leads nobody listens to notices: following it shows.
        elsewhere = (("Location", "/elsewhere"),) if status.startswith("3") else ()
        exchange.answer(max(200, int(status)) if known else 400, b"", elsewhere)

    async def _take(self, exchange: Exchange) -> bool:
        verified = self._verify(exchange.headers, exchange.body)
        self._record.stage_notice(_notice(exchange, verified=verified))
        await self._record.durable()
        return verified

    def _verify(self, headers: Mapping[bytes, bytes], body: bytes) -> bool:
        named = {
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in headers.items()
        }
        for webhook in self._webhooks:
            try:
                webhook.verify(body, named, json_parse=False)
            except (WebhookVerificationError, ValueError):
                continue
            return True
        return False


def _notice(exchange: Exchange, *, verified: bool) -> Notice:
    """What came, as far as it can be read; whatever came is kept."""
    notice_id = exchange.headers.get(b"webhook-id")
    payload = _Payload()
    try:
        text = msgspec.json.format(exchange.body, indent=-1).decode()
        payload = _PAYLOAD.decode(exchange.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        text = msgspec.json.encode(exchange.body.decode("utf-8", "replace")).decode()
    return Notice(
        id=notice_id.decode("latin-1") if notice_id is not None else None,
        type=payload.type,
        pay_order_no=payload.data.pay_order_no if payload.data else None,
        payload=text,
        verified=verified,
        at_ms=now_ms(),
    )
