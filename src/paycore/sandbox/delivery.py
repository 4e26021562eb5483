"""How an answer leaves, and the faults that strike on its way out.

The same for banks and carriers: what they did is decided, here it only travels.
"""

from typing import Final

from paycore.sandbox.clock import now_ms
from paycore.sandbox.faults import CONTENT, DELIVERY, FaultBook, Strike
from paycore.sandbox.protocol import Merchant, signed_headers
from paycore.sandbox.wire import Exchange

GARBAGE: Final = b"\x00\xff<html>502 upstream</html"
UNSIGNED_401: Final = b'{"code":"BAD_SIGNATURE"}'
_NOT_ACTED: Final = frozenset({"timeout_before", "http_500"})


async def struck_before(
    exchange: Exchange, faults: FaultBook, target: str
) -> tuple[bool, Strike | None]:
    """Draw the fault of the way. True: it kept the call from being acted on."""
    strike = faults.draw(target, DELIVERY)
    if strike is None or strike.kind not in _NOT_ACTED:
        return False, strike
    if strike.kind == "timeout_before":
        await exchange.hold()
    else:
        exchange.answer(500, b"internal error", content_type="text/plain")
    return True, strike


async def deliver(
    exchange: Exchange,
    merchant: Merchant,
    body: bytes,
    *,
    strike: Strike | None = None,
    content: Strike | None = None,
) -> None:
    """Sign and send a reply, as well or as badly as the faults want it."""
    if strike is not None and strike.kind == "timeout_after":
        await exchange.hold()
        return
    if strike is not None and strike.kind == "slow":
        await exchange.pause(strike.number_ms / 1000)
    headers = signed_headers(merchant, exchange.path, body, now_ms())[1:]
    if content is not None and content.kind == "garbage":
        body, headers = GARBAGE, ()
    elif content is not None:
        headers = (headers[0], ("X-Signature", "0" * 64))
    if strike is not None and strike.kind == "drip":
        await exchange.trickle(body, headers, seconds=strike.number_ms / 1000)
    else:
        exchange.answer(200, body, headers)


def content_of(faults: FaultBook, target: str) -> Strike | None:
    """The fault of what the reply says, if one strikes."""
    return faults.draw(target, CONTENT)
