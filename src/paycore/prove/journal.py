"""A node's way to the simulated database, and what can happen on it.

Every question and every change takes time, before and after it has its effect; in
between its node may die, the database may go away, an answer may be lost. What the
real journal promises is promised here too: an answer is true, and after `Unavailable`
a change is wholly there or not, now or in a moment.
"""

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING

from paycore.kernel.errors import Unavailable
from paycore.kernel.journal import Change, ChangeRejected, R, Refused, Value
from paycore.kernel.journal_postgres import PATIENCE_S
from paycore.kernel.lives import Lives
from paycore.kernel.node import NodeRow
from paycore.kernel.terms import Epoch
from paycore.prove.loop import Machine
from paycore.router.rows import WindowRow

if TYPE_CHECKING:
    from paycore.prove.world import World

READ_S = 0.001
WRITE_S = 0.004
POLL_S = 0.1
SLOW_CONFIGURATION = 0.1
SLOW_READ_S = 0.4
"""Longer than the router waits for what it asks."""


class SimJournal:
    """`paycore.kernel.journal.Journal`, in the hands of one machine."""

    def __init__(self, world: "World", machine: Machine) -> None:
        self._world, self._machine = world, machine
        self._base = world.way_of(machine)
        self._random = world.stream(f"journal {machine.name}").random
        self._closed = False
        self._late: list[Change] = []
        """What may still come to be written, though its caller was given up."""

    # --- reading ----------------------------------------------------------------------

    async def load(self, kind: type[R], *key: Value) -> R | None:
        """The row under a key as last committed."""
        await self._reach()
        row = self._base.load(kind, *key)
        await self._answer()
        return row

    async def within(self, kind: type[R], owner: str) -> list[R]:
        """All rows of one owner, ordered by key."""
        await self._reach()
        rows = self._base.within(kind, owner)
        await self._answer()
        return rows

    async def every(self, kind: type[R]) -> list[R]:
        """All rows, ordered by key.

        Configuration, twice a second, and most of what an idle node does: it takes
        time only now and then, or a run would be little else. Who lives is another
        matter: much goes by that.
        """
        if kind is WindowRow:
            self._world.oracle.windows.reads(self._machine)
        await self._reach()
        rows = self._base.every(kind)
        if kind is NodeRow and self._world.faults.strikes("paused_hearing"):
            self._world.pause(self._machine, 1.0 + self._random() * 12.0)
        if kind is NodeRow or self._random() < SLOW_CONFIGURATION:
            await self._answer()
        return rows

    async def due(
        self,
        kind: type[R],
        limit: int,
        *,
        now: datetime,
        over: datetime,
        epoch: Epoch,
        live: Lives,
        lease_until: datetime,
    ) -> list[R]:
        """Claim up to `limit` rows that are due and free, oldest first."""
        self._world.scrutiny.claims(self._machine, live)
        await self._reach()
        rows = self._base.due(
            kind,
            limit,
            now=now,
            over=over,
            epoch=epoch,
            live=live,
            lease_until=lease_until,
        )
        if rows:
            self._world.note(self._machine, "claims", f"{len(rows)} {kind.__name__}")
            await self._world.perhaps_dies(self._machine, "killed_after_commit")
        if rows and self._world.faults.strikes("claim_unanswered"):
            await asyncio.sleep(PATIENCE_S)
            raise Unavailable
        await self._answer()
        return rows

    async def committed(self, change_id: object) -> bool:
        """Whether the change with this id is durable."""
        await self._reach()
        return self._base.committed(change_id)  # type: ignore[arg-type]

    async def database_now(self) -> datetime:
        """The database's wall clock."""
        await self._reach()
        now = self._world.database_now()
        await self._answer()
        return now

    async def _reach(self) -> None:
        """Wait while the database is away, as long as the real one would."""
        world = self._world
        if world.over:
            raise asyncio.CancelledError
        if not world.database_is_away:
            return
        for _ in range(int(PATIENCE_S / POLL_S)):
            await asyncio.sleep(POLL_S)
            if world.database_answers():
                return
        raise Unavailable

    async def _answer(self) -> None:
        seconds = self._random() * READ_S
        if self._world.faults.strikes("reads_slow"):
            seconds += SLOW_READ_S
        await asyncio.sleep(seconds)

    # --- writing ----------------------------------------------------------------------

    async def commit(self, change: Change) -> Refused | None:
        """Write the change, or say which guard refused it."""
        world, machine = self._world, self._machine
        if self._closed:
            raise Unavailable
        await self._reach()
        await asyncio.sleep(self._random() * WRITE_S)
        await world.perhaps_dies(machine, "killed_before_commit")
        await self._reach()
        if world.faults.strikes("commit_undone"):
            await asyncio.sleep(PATIENCE_S)
            raise Unavailable
        if world.faults.strikes("commit_late"):
            late = PATIENCE_S + self._random()
            self._late.append(change)
            world.later(late, lambda: self._too_late(change))
            await asyncio.sleep(PATIENCE_S)
            raise Unavailable
        refused = self._write(change)
        await world.perhaps_dies(machine, "killed_after_commit")
        if world.faults.strikes("commit_unanswered"):
            await asyncio.sleep(PATIENCE_S)
            raise Unavailable
        await asyncio.sleep(self._random() * WRITE_S)
        return refused

    def _write(self, change: Change) -> Refused | None:
        world = self._world
        # Before anything else is written the lost connection's backend is ended: what
        # it had under way is there by then, or never will be.
        for late in list(self._late):
            if self._random() < 0.5:
                self._too_late(late)
        self._late.clear()
        world.oracle.writer = self._machine
        try:
            refused = self._base.commit(change)
        except ChangeRejected as rejected:
            world.oracle.rejected(self._machine, change, rejected)
            raise
        if refused is not None:
            world.note(self._machine, "refused", refused.guard)
        return refused

    def _too_late(self, change: Change) -> None:
        """It was on its way when its caller was told that nobody knows."""
        if change not in self._late:
            return
        self._late.remove(change)
        self._world.oracle.writer = self._machine
        try:
            self._world.base.commit(change)
        except ChangeRejected as rejected:
            self._world.oracle.rejected(self._machine, change, rejected)

    async def close(self) -> None:
        """Take no more changes."""
        self._closed = True


def expected(change: Change) -> bool:
    """Whether a rejection is part of the game: two nodes that wanted one slot."""
    return any(isinstance(insert.row, NodeRow) for insert in change.inserts)
