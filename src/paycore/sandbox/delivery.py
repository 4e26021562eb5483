"""How an answer leaves, and the faults that strike on its way out.

The same for banks and carriers: what they did is decided, here it only travels.
"""

from collections.abc import Callable
from typing import Final

from paycore.sandbox.dialect import Wire
from paycore.sandbox.faults import CONTENT, DELIVERY, FaultBook, Strike
from paycore.sandbox.wire import Exchange

GARBAGE: Final = Wire(body=b"\x00\xff<html>502 upstream</html")
NOT_ACTED: Final = frozenset({"timeout_before", "http_500"})


async def struck_before(
    exchange: Exchange, faults: FaultBook, target: str
) -> tuple[bool, Strike | None]:
    """Draw the fault of the way. True: it kept the call from being acted on."""
    strike = faults.draw(target, DELIVERY)
    if strike is None or strike.kind not in NOT_ACTED:
        return False, strike
    if strike.kind == "timeout_before":
        await exchange.hold()
    else:
        exchange.answer(500, b"internal error", content_type="text/plain")
    return True, strike


async def deliver(
    exchange: Exchange,
    make: Callable[[], Wire],
    *,
    spoil: Callable[[Wire], Wire],
    strike: Strike | None = None,
    content: Strike | None = None,
) -> None:
    """Sign and send a reply, as well or as badly as the faults want it."""
    if strike is not None and strike.kind == "timeout_after":
        await exchange.hold()
        return
    if strike is not None and strike.kind == "slow":
        await exchange.pause(strike.number_ms / 1000)
    wire = make()
    if content is not None:
        wire = GARBAGE if content.kind == "garbage" else spoil(wire)
    if strike is not None and strike.kind == "drip":
        await exchange.trickle(
            wire.status,
            wire.body,
            wire.headers,
            seconds=strike.number_ms / 1000,
            content_type=wire.content_type,
        )
    else:
        send(exchange, wire)


def send(exchange: Exchange, wire: Wire) -> None:
    """Answer at once."""
    exchange.answer(
        wire.status, wire.body, wire.headers, content_type=wire.content_type
    )


def content_of(faults: FaultBook, target: str) -> Strike | None:
    """The fault of what the reply says, if one strikes."""
    return faults.draw(target, CONTENT)
