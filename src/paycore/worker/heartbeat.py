"""A node's life: an epoch that beats, and the others that do.

Leases belong to an epoch. A node that misses its beats for `lease_s` is dead: others
take over what it held, and should it wake up it begins a new epoch and finds its old
leases gone. What it may still do on the strength of a beat is counted from the moment
before that beat was sent, on its own monotonic clock, so that it stops before the
others begin.
Silence is measured by the listener's monotonic clock too, from the beat that he saw
last: a database whose clock leaps must not make living nodes dead to one another.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import count

import structlog
from msgspec.structs import replace

from paycore.kernel.errors import Unavailable
from paycore.kernel.journal import NOT_NEW, ChangeRejected
from paycore.kernel.lives import Lives
from paycore.kernel.node import Node, NodeRow
from paycore.kernel.terms import Epoch

SAFETY_S = 1.0
"""Two machines' clocks may drift apart by so much within one lease."""

AGAIN_S = 0.5
"""After a beat that was missed: what we may begin gets less with every moment."""

APART = timedelta(seconds=1)
"""What nodes' clocks may differ by: beats and their answers take so long."""

AHEAD = timedelta(hours=2)
"""How far a database's clock may fall back and time still go on from what was told: a
clock that was wrong by more is an operator's, and a restart goes by the right time."""

log = structlog.get_logger(__name__)


async def begin(node: Node) -> None:
    """Start a new life: the next epoch that nobody has."""
    while True:
        started = node.clock.monotonic()
        rows = await node.journal.every(NodeRow)
        epoch = max((row.epoch for row in rows), default=0) + 1
        slot = _free_slot(rows)
        await _anchored(node)
        _follow(node, rows)
        begun_at = node.now()
        if await _born(node, epoch, slot, begun_at):
            break
    node.heartbeat.epoch = Epoch(epoch)
    node.heartbeat.begun_at = begun_at
    node.heartbeat.slot = slot
    await _look_round(node)
    _alive(node, started)
    log.info("epoch_begun", epoch=epoch)


def _free_slot(rows: Sequence[NodeRow]) -> int:
    """The lowest slot of no living node: nodes do not wait for one another's balances,
    and a balance has as few rows as there ever were nodes at once.
    """
    taken = {row.slot for row in rows if row.died_at is None}
    return next(slot for slot in count() if slot not in taken)


async def _born(node: Node, epoch: int, slot: int, now: datetime) -> bool:
    change = node.change()
    change.insert(
        NodeRow(
            epoch=epoch,
            name=node.settings.node_name,
            slot=slot,
            started_at=now,
            beat_at=now,
        )
    )
    try:
        return await node.journal.commit(change) is None
    except ChangeRejected as error:
        if error.sqlstate != NOT_NEW:
            raise
        log.info("slot_taken", slot=slot)
        return False


async def beat(node: Node) -> None:
    """Renew our life; where others have declared us dead, begin a new one.

    A row of our number may be another's life: who stood still while the database was
    set back to an earlier moment comes back among lives that began since.
    """
    started = node.clock.monotonic()
    await _anchored(node)
    told = node.now()
    change = node.change()
    change.amend(
        NodeRow,
        (node.epoch,),
        lambda row: replace(row, beat_at=told) if _is_ours(node, row) else None,
        guard="alive",
    )
    refused = await node.journal.commit(change)
    if node.heartbeat.over:
        return
    if refused is not None:
        log.warning("epoch_lost", epoch=node.epoch)
        await begin(node)
        return
    await _look_round(node)
    _alive(node, started)


async def run(node: Node) -> None:
    """Beat for ever; a database that is away is asked again soon."""
    while True:
        wait_s = node.settings.heartbeat_s
        try:
            await beat(node)
        except Unavailable:
            log.warning("beat_missed", epoch=node.epoch)
            wait_s = min(wait_s, AGAIN_S)
        except Exception:
            # Without a beat our leases run out by themselves: nothing is at risk.
            log.exception("beat_failed", epoch=node.epoch)
        await node.clock.sleep(wait_s)


async def end(node: Node) -> None:
    """Die in good order: what is left is free at once, without waiting for silence.

    From here on we send nothing: our leases may be another's with the next commit.
    """
    node.heartbeat.over = True
    node.heartbeat.good_until = float("-inf")
    now = node.now()
    change = node.change()
    change.amend(
        NodeRow,
        (node.epoch,),
        lambda row: replace(row, died_at=now) if _is_ours(node, row) else None,
        guard="alive",
    )
    await node.journal.commit(change)


def _is_ours(node: Node, row: NodeRow) -> bool:
    ours = (node.settings.node_name, node.heartbeat.begun_at)
    return row.died_at is None and (row.name, row.started_at) == ours


def _follow(node: Node, rows: Sequence[NodeRow]) -> None:
    """Go on from the latest time that any node has told, where ours is behind it: what
    is due, and what a lease is good for, is read by all clocks alike.
    """
    now = node.now()
    told = max((row.beat_at for row in rows), default=now)
    if now + APART < told <= now + AHEAD:
        node.clock.anchor(told)


async def _anchored(node: Node) -> datetime:
    """The database's time; our clock follows where it is surely wrong.

    When the answer is here the database's clock has gone on, by as much as the question
    took at the most. A clock within that is left alone: a busy node that took each late
    answer for the present would fall behind the others by what it was busy.
    """
    asked = node.clock.monotonic()
    now = await node.journal.database_now()
    took = timedelta(seconds=node.clock.monotonic() - asked)
    if not now <= node.clock.now() <= now + took:
        node.clock.anchor(now)
    return now


def _alive(node: Node, started: float) -> None:
    """Act again, once it is known who else lives: what is claimed goes by that."""
    if node.heartbeat.over:
        return
    node.heartbeat.good_until = started + node.settings.lease_s - SAFETY_S


async def _look_round(node: Node) -> None:
    """Who lives? Silence beyond the lease is written down as death, so that the silent
    one cannot come back to what others have taken.

    How long the question itself took is nobody's silence: that is counted up to the
    moment before it, and a beat that is new from the moment after it.
    """
    heard, lasts_s = node.heartbeat.heard, node.settings.lease_s
    asked = node.clock.monotonic()
    seen = await node.journal.every(NodeRow)
    answered = node.clock.monotonic()
    newest = max((row.epoch for row in seen), default=0)
    rows = [row for row in seen if row.died_at is None]
    _follow(node, rows)
    live = []
    for row in rows:
        if row.epoch not in heard or heard[row.epoch][0] != row.beat_at:
            heard[row.epoch] = (row.beat_at, answered)
        silent = asked - heard[row.epoch][1] >= lasts_s and row.epoch != node.epoch
        if not (silent and await _declare_dead(node, row)):
            live.append(Epoch(row.epoch))
    node.heartbeat.heard = {row.epoch: heard[row.epoch] for row in rows}
    node.heartbeat.live = Lives(tuple(live), Epoch(newest))


async def _declare_dead(node: Node, silent: NodeRow) -> bool:
    """Whether he is dead now; refused, he has beaten, or another was faster."""
    now = node.now()
    change = node.change()
    change.update(replace(silent, died_at=now), version=silent.version)
    refused = await node.journal.commit(change)
    if refused is None:
        log.warning("epoch_declared_dead", epoch=silent.epoch, name=silent.name)
        return True
    return isinstance(refused.row, NodeRow) and refused.row.died_at is not None
