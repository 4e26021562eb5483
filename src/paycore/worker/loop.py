"""Everything that runs without a caller: a few loops, each with its own pace.

A loop that meets a database that is away waits for its next turn; a bug in one tick is
logged and does not stop the loop. Nothing here knows what a payment is.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial

import structlog

from paycore.core import service as core
from paycore.coupon import service as coupon
from paycore.gateway import service as gateway
from paycore.kernel.errors import Unavailable
from paycore.kernel.node import Node
from paycore.lines import service as lines
from paycore.notify import service as notify
from paycore.router import service as router
from paycore.sms import service as sms
from paycore.worker import (
    bookkeeper,
    checker,
    dispatcher,
    heartbeat,
    pulse,
    redeemer,
    refunder,
    signer,
)

Tick = Callable[[Node], Awaitable[object]]
Loops = tuple[tuple[str, Tick, float], ...]
"""Name, tick and pace of each."""

CHECK_EVERY_S = 0.2
REFUNDS_EVERY_S = 0.5
"""Half of the first wait on the ladder."""
AGREEMENTS_EVERY_S = 0.5
DISPATCH_EVERY_S = 1.0
FEED_EVERY_S = 1.0
COUPONS_EVERY_S = 1.0
REFRESH_EVERY_S = 0.5
"""What is switched off is no longer chosen within a second, the reading included."""
SWEEP_EVERY_S = 5.0

AWAY_S = 5.0
"""How long a slow loop waits at most after it found no database."""

GOODBYE_WITHIN_S = 2.0
"""With a database that is away a node goes without; others notice by its silence."""

log = structlog.get_logger(__name__)


async def refresh(node: Node) -> None:
    """Read the configuration's tables anew."""
    for neighbour in (lines, gateway, router, sms, notify):
        await neighbour.refresh(node)


async def sweep(node: Node) -> int:
    """Coupons whose lock stayed behind; not by a view of who lives that may be old."""
    if not node.lease_holds(0):
        return 0
    return await coupon.sweep(node, partial(core.status_of, node))


def loops(*, working: bool) -> Loops:
    """What there is; a node that only answers keeps its configuration fresh."""
    always: Loops = (
        ("refresh", refresh, REFRESH_EVERY_S),
        ("pulse", pulse.tick, 0.0),
        ("give_back", core.give_back, CHECK_EVERY_S),
    )
    if not working:
        return always
    return (
        *always,
        ("check", checker.tick, CHECK_EVERY_S),
        ("refunds", refunder.tick, REFUNDS_EVERY_S),
        ("agreements", signer.tick, AGREEMENTS_EVERY_S),
        ("dispatch", dispatcher.tick, DISPATCH_EVERY_S),
        ("feed", bookkeeper.tick, FEED_EVERY_S),
        ("sweep", sweep, SWEEP_EVERY_S),
        ("coupons", redeemer.tick, COUPONS_EVERY_S),
    )


async def run(node: Node, *, working: bool = True, more: Loops = ()) -> None:
    """Beat and work until cancelled; `more` is what the composition root adds."""
    async with asyncio.TaskGroup() as group:
        group.create_task(heartbeat.run(node))
        for name, tick, pace in (*loops(working=working), *more):
            group.create_task(turn(node, name, tick, pace))


async def turn(node: Node, name: str, tick: Tick, pace: float) -> None:
    """One loop, for ever: what goes wrong in a tick is its own."""
    while True:
        wait_s = pace
        try:
            await tick(node)
        except Unavailable:
            log.warning("database_away", loop=name)
            wait_s = min(pace, AWAY_S)
        except Exception:
            log.exception("loop_failed", loop=name)
        await node.clock.sleep(wait_s)


async def stop(node: Node, seconds: float) -> None:
    """Finish what runs, hand over what does not finish, and die in good order.

    Notices come last, for what comes to its end makes some; half the time is theirs.
    """
    await asyncio.gather(
        core.drain(node, seconds / 2),
        checker.drain(node, seconds / 2),
        refunder.drain(node, seconds / 2),
    )
    await dispatcher.drain(node, seconds / 2)
    with suppress(Unavailable, TimeoutError):
        async with node.clock.timeout(GOODBYE_WITHIN_S):
            await heartbeat.end(node)
