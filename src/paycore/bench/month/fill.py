"""Fills a folder of `paycore dev` with a month: payments, and days of reconciliation.

Only the cluster of that folder, and only before anybody has paid there: nothing that
somebody made is ever touched.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from random import Random

from paycore.bench.growth.fill import fill as copy
from paycore.bench.growth.history import History
from paycore.bench.growth.space import refuse_full
from paycore.bench.month import moves, originals, queries
from paycore.bench.month.rhythm import rhythm
from paycore.dev import stack
from paycore.dev.demo.outside import Control
from paycore.dev.folder import BANKS
from paycore.dev.processes import free_port
from paycore.dev.seeds import ACCOUNT
from paycore.dev.stack import Ground
from paycore.kernel.clock import machine_now
from paycore.kernel.transport import HttpTransport
from paycore.recon import service as recon

DAYS = timedelta(days=30)

BEFORE = timedelta(seconds=10)
"""The month ends so long before its originals were paid."""

RECONCILED = 7
"""So many days, the newest that are over, are compared with the banks' statements."""

PLANTED = ("missing_line", "other_amount", "unknown_line")
"""What is wrong in one of them (docs/sandbox.md): for the desk to have some work."""

Told = Callable[[str, int, int], None]
"""Hears what is being done, how much more of it is done, and how much it is in all."""


async def is_new(on: Ground) -> bool:
    """Whether nobody has paid on this folder, migrated or not."""
    connection = await queries.connect(on.cluster.dsn)
    try:
        return not await queries.payments(connection)
    finally:
        await connection.close()


def fill(on: Ground, payments: int, told: Told) -> bool:
    """Fill it, and leave the cluster running; False where somebody has paid there
    already. Misconfigured where the disk has no room.
    """
    settings = stack.settings_of(on.kept, port=free_port(), log_level="error")
    asyncio.run(stack.prepare(on, settings))
    if not asyncio.run(is_new(on)):
        return False
    until = machine_now()
    month = History(
        payments=payments,
        until=until - BEFORE,
        since=until - BEFORE - DAYS,
        months=_months(until - BEFORE - DAYS, until - BEFORE),
        kept_whole=payments,
        refunded=True,
        place=rhythm(payments),
    )
    refuse_full(on.data, [month])
    paid = asyncio.run(
        originals.take(on, told=lambda more: told("paid", more, originals.ALL))
    )
    on.cluster.stop()
    copy(
        on.cluster.data,
        paid,
        month,
        settings,
        told=lambda more: told("copied", more, payments),
        watched=False,
    )
    on.cluster.restart()
    asyncio.run(_reconciled(on, paid, until, told))
    return True


def _months(since: datetime, until: datetime) -> int:
    return until.year * 12 + until.month - since.year * 12 - since.month + 1


# --- the banks' word ------------------------------------------------------------------


async def _reconciled(
    on: Ground, paid: Sequence[str], until: datetime, told: Told
) -> None:
    days = [until.date() - timedelta(days=back) for back in range(RECONCILED, 0, -1)]
    await _moved(on, days[0], until, list(paid))
    transport = HttpTransport()
    try:
        control = Control(url=on.sandbox.info.control, transport=transport)
        dice = Random(originals.SEED)
        for fault in PLANTED:
            await control.plant(
                BANKS[0], days[-1], fault, seed=dice.randrange(1, 1 << 16)
            )
    finally:
        await transport.close()
    async with stack.running(on, role="api", log_level="error") as (app, _):
        for day in days:
            for bank in BANKS:
                await recon.run(app.node, on.cluster.dsn, (bank, ACCOUNT), day)
                told("reconciled", 1, RECONCILED * len(BANKS))


async def _moved(on: Ground, first: date, until: datetime, paid: list[str]) -> None:
    """What was copied moved at the banks as well."""
    connection = await queries.connect(on.cluster.dsn)
    try:
        since = datetime.combine(first, time(), tzinfo=UTC)
        moved = await queries.moved(connection, since, until, paid)
    finally:
        await connection.close()
    moves.write(on.data / "sandbox" / "sandbox.db", moved)
