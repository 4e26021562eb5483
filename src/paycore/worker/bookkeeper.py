"""The books' own work: days cut off, and postings told to a ledger of the user's own.

The cut-off is a job of `worker/daily.py`: first what the channels' statements have
settled is posted, then each day that is over everywhere is kept. The feed is a loop.
"""

from datetime import date, datetime, timedelta
from functools import partial

from paycore.accounting import closing
from paycore.accounting import service as accounting
from paycore.gateway import fetching
from paycore.kernel.node import Node
from paycore.notify import webhook
from paycore.recon import settlement
from paycore.worker.daily import Job, Ran
from paycore.worker.sets import in_sets

NAME = "cutoff"


def job(dsn: str, hour: int) -> Job:
    """The cut-off, for a database."""
    return Job(name=NAME, hour=hour, work=partial(cut_off, dsn=dsn))


async def cut_off(node: Node, *, dsn: str) -> Ran:
    """Post what was settled, and cut off the days that are over."""
    try:
        async with closing.seated(dsn) as connection:
            settled = await settlement.settle(node, connection)
            # One time for all: what is fed by then is all that a day cut off has.
            now = node.now()
            fed_from = await _feed(node, connection, now)
            cut = []
            day = await closing.next_day(connection, now)
            while await closing.cut_off(
                *(connection, day, await _ends_of(node, day), now),
                fed_from=fed_from,
            ):
                cut.append(day.isoformat())
                day = await closing.next_day(connection, now)
    except closing.Busy as busy:
        return Ran(done=False, said=str(busy))
    yesterday = node.now().date() - timedelta(days=1)
    days = ", ".join(cut) or "no day"
    said = f"{settled} statements settled, {days} cut off"
    return Ran(done=day > yesterday, said=said)


async def _feed(
    node: Node, connection: closing.Connection, now: datetime
) -> datetime | None:
    """Make up for what a ledger of the user's own was not to be told; from when on it
    is to have all.
    """
    if not node.settings.ledger_url:
        return None
    since = await closing.tell_from(connection, now)
    if since is not None:
        await closing.tell_what_lacks(connection, now, since)
    return since


async def _ends_of(node: Node, day: date) -> closing.Ends:
    """By the clock of each channel that says which it goes by."""
    channels = {
        key[0]: (await fetching.bounds(node, key, day)).ends
        for key in fetching.with_statements(node)
    }
    return closing.ends_of(day, channels)


async def tick(node: Node) -> int:
    """Tell the user's own ledger what it has not acknowledged yet."""
    return await in_sets(node, partial(accounting.claim, sign=webhook.headers))
