"""Long work that an operator began: it goes on at one node, and a row tells how far.

Work that a node had in hand when it died is not gone on with by another: it says no
more, and whoever asks is told that it was lost. Its operator begins it anew.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial

from msgspec.structs import replace

from paycore.kernel import log
from paycore.kernel.errors import DataNotExist, Refusal, TooMany
from paycore.kernel.node import Node
from paycore.kernel.terms import Json
from paycore.operators.rows import WorkRow

SILENT = timedelta(minutes=2)
"""Whatever told nothing for so long has lost its node."""

ALIVE_EVERY_S = 20.0
"""So often a node tells of its own accord: some work has nothing to tell until its end.
"""

AT_ONCE = 4
"""In one node: each has a connection for people's reads."""

SOON_S = 10
"""When who found no room may try again."""

LONGEST = 200
"""Of what came of it."""

_log = log.get(__name__)

Work = WorkRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Came:
    """What came of work."""

    said: str
    result: Json | None = None
    failed: bool = False


Tell = Callable[[int], Awaitable[None]]
"""How much is done."""


class WorkState(StrEnum):
    """How work stands."""

    RUNNING = "RUNNING"
    DONE = "DONE"
    FAILED = "FAILED"
    LOST = "LOST"
    """Its node is gone."""


@dataclass(slots=True)
class _Tasks:
    running: set["asyncio.Task[None]"] = field(default_factory=set)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    """One begins at a time: together all of them would find the same room."""


def state(node: Node, row: WorkRow) -> WorkState:
    """How it stands now."""
    if row.ended_at is not None:
        return WorkState.FAILED if row.failed else WorkState.DONE
    silent = node.now() - row.told_at > SILENT
    return WorkState.LOST if silent else WorkState.RUNNING


async def one(node: Node, work_id: str) -> WorkRow:
    """A work; DataNotExist where there is none of that id."""
    row = await node.journal.load(WorkRow, work_id)
    if row is None:
        raise DataNotExist("There is no such work.", "任务不存在")
    return row


async def begin(
    node: Node,
    row: WorkRow,
    work: Callable[[Tell], Awaitable[Came]],
) -> WorkRow:
    """Begin it, unless one of its id was begun before; its row. `work` tells how far
    it is, and gives what came of it.
    """
    tasks = node.state(_Tasks)
    async with tasks.turn:
        standing = await node.journal.load(WorkRow, row.work_id)
        if standing is not None:
            return standing
        if len(tasks.running) >= AT_ONCE:
            raise TooMany(
                "Other work runs here: try again later.",
                "任务繁忙,请稍后再试",
                retry_after_s=SOON_S,
            )
        change = node.change()
        change.insert(row)
        if await node.journal.commit(change) is not None:
            return await one(node, row.work_id)
        task = asyncio.create_task(_run(node, row.work_id, work))
        tasks.running.add(task)
        task.add_done_callback(tasks.running.discard)
    return row


async def _run(
    node: Node, work_id: str, work: Callable[[Tell], Awaitable[Came]]
) -> None:
    async def tell(done: int) -> None:
        await _write(node, work_id, lambda row: replace(row, done=done))

    alive = asyncio.create_task(_alive(node, work_id))
    try:
        came = await work(tell)
    except Refusal as refusal:
        came = Came(said=refusal.en, failed=True)
    except Exception as error:  # noqa: BLE001 - whoever asks is told
        # Its name and not its words: they may repeat what stands in a row.
        _log.exception("work_failed", work_id=work_id)
        came = Came(said=f"failed: {type(error).__name__}", failed=True)
    finally:
        alive.cancel()
    await _write(node, work_id, partial(_ended, came, node.now()))


async def _alive(node: Node, work_id: str) -> None:
    while True:
        await node.clock.sleep(ALIVE_EVERY_S)
        with suppress(Refusal):  # where it cannot be written the next one is
            await _write(node, work_id, lambda row: row)


def _ended(came: Came, at: datetime, row: WorkRow) -> WorkRow:
    said = came.said[:LONGEST]
    return replace(row, ended_at=at, said=said, failed=came.failed, result=came.result)


async def kept(node: Node, row: WorkRow) -> None:
    """Write down the last of what is done again and again, by nobody's order; only for
    whoever looks: where it cannot be written the next one is.
    """
    change = node.change()
    standing = await node.journal.load(WorkRow, row.work_id)
    if standing is None:
        change.insert(row)
    else:
        change.update(row, version=standing.version)
    await node.journal.commit(change)


async def _write(node: Node, work_id: str, step: Callable[[WorkRow], WorkRow]) -> None:
    now = node.now()
    change = node.change()
    change.amend(WorkRow, (work_id,), lambda row: replace(step(row), told_at=now))
    await node.journal.commit(change)
