"""The journal on PostgreSQL: many changes a transaction, nobody answered before it.

While one group is being written the next one gathers; a lone change is written at once,
alone. A group that fails is taken apart, tried again or given up as `Failure` says; a
connection lost at COMMIT is no riddle, because the change ids are the first statement
of every try: an id that does not come back is committed, and what is committed is
answered for once a later COMMIT is, for that waits for every standby's answer again.
A group whose guards all hold is written in one way to the server, by
`journal_oneway.py`, and any other in steps, by `journal_transaction.py`; reading is in
`journal_reads.py`.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Self
from uuid import UUID

import asyncpg

from paycore.kernel import db
from paycore.kernel.clock import Clock, SystemClock
from paycore.kernel.errors import Unavailable
from paycore.kernel.journal import (
    Change,
    ChangeRejected,
    KeyOf,
    R,
    Refused,
    RowUnreadable,
    Value,
)
from paycore.kernel.journal_group import Gathering, Waiting
from paycore.kernel.journal_link import Connect, Failure, Link, failure_of
from paycore.kernel.journal_oneway import OneWay
from paycore.kernel.journal_reads import RETRY_S, TRY_S, Reads
from paycore.kernel.journal_routines import Script
from paycore.kernel.journal_sql import Shapes
from paycore.kernel.journal_transaction import Transaction
from paycore.kernel.lives import Lives
from paycore.kernel.log import get
from paycore.kernel.node import NodeRow
from paycore.kernel.terms import Epoch

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]

log = get(__name__)

SESSION: Mapping[str, str] = MappingProxyType(
    {
        **db.SESSION,
        "application_name": "paycore journal",
        "default_transaction_isolation": "read committed",
        # A COMMIT whose wait for a standby was cut succeeds, with a warning.
        "client_min_messages": "warning",
        # A text is planned once a connection; partitions are chosen when it runs.
        "plan_cache_mode": "force_generic_plan",
        # Everything is found by key, also while a table is young without statistics.
        "enable_seqscan": "off",
        "enable_mergejoin": "off",
        "jit": "off",
    }
)

# Where it is found it is confirmed too: see `journal_link.CONFIRM`.
COMMITTED = (
    "SELECT pg_logical_emit_message(true, 'paycore', '') "
    "FROM journal_change WHERE id = $1"
)

PATIENCE_S = 5.0
"""How long a group waits for a database that is away, from its first octet on and all
its tries together: well inside the 15 s in which the API answers, and longer than a
restart."""

READERS = 3
"""Connections that read: lanes are grouped, so a few keep many callers going."""

MAX_TRIES = 5
"""Of a group that met another node's in a deadlock; more is not bad luck."""


GATHER_AT_MOST_S = 0.004
"""How long a busy writer lets the next group grow: a group has its own cost on both
sides, whatever is in it. A lone change, and who comes after it, never waits."""

Wrote = Callable[[int, float], None]
"""Told of each group that was written: how many changes, in how many seconds."""


def _unwatched(_changes: int, _seconds: float) -> None:
    """Nobody counts."""


class PostgresJournal:
    """`paycore.kernel.journal.Journal` on a PostgreSQL server. Make it with `open`."""

    def __init__(self, connect: Connect, clock: Clock, *, patience_s: float) -> None:
        self.wrote: Wrote = _unwatched
        self._clock = clock
        self._patience_s = patience_s
        self._shapes = Shapes()
        self._script = Script(self._shapes)
        self._writer = Link(connect)
        self._reads = Reads(
            connect, self._shapes, clock, links=READERS, patience_s=patience_s
        )
        # Claiming must not wait behind readers, nor they behind it.
        self._claims = Reads(
            connect, self._shapes, clock, links=1, patience_s=patience_s
        )
        # What a life hangs on waits behind nobody: others may read what is locked.
        self._lives = Reads(
            connect, self._shapes, clock, links=1, patience_s=patience_s
        )
        self._line = Gathering()
        self._writing: asyncio.Task[None] | None = None
        self._away = False
        """Whether the group before waited in vain."""
        self._closed = False

    @classmethod
    async def open(
        cls, dsn: str, *, clock: Clock | None = None, patience_s: float = PATIENCE_S
    ) -> Self:
        """Connect, so that what is wrong is known before anybody relies on it.

        Without a clock it has one of its own, anchored to the database's.
        """
        ready = partial(connect, dsn)
        link = Link(ready)
        try:
            await link.ready(patience_s)
            ((now,),) = await link.fetch("SELECT clock_timestamp()")
        except db.AWAY as error:
            said = str(error) or type(error).__name__
            raise db.DatabaseUnavailableError(said) from error
        journal = cls(ready, clock or SystemClock(now), patience_s=patience_s)
        journal._writer = link
        return journal

    # --- reading ----------------------------------------------------------------

    async def load(self, kind: type[R], *key: Value) -> R | None:
        """The row under a key as last committed."""
        return await self._reads.load(kind, key)

    async def within(self, kind: type[R], owner: str) -> list[R]:
        """All rows of one owner, ordered by key."""
        return await self._reads.within(kind, owner)

    async def every(self, kind: type[R]) -> list[R]:
        """All rows, ordered by key."""
        shape = self._shapes.of(kind)
        reads = self._lives if kind is NodeRow else self._reads
        return shape.rows(await reads.fetch(shape.every))

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
        """Claim up to `limit` rows that are due and free, oldest first.

        If the answer is lost, what was claimed is free again when its lease ends.
        """
        assert kind.__table__.claimed, kind.__table__.name
        shape = self._shapes.of(kind)
        args = (now, live.known, limit, epoch, lease_until, live.newest, over)
        rows: list[R] = []
        for record in await self._claims.fetch(shape.due, *args):
            try:
                rows.append(shape.row(record))
            except RowUnreadable as error:
                _leave_aside(error)
        return sorted(rows, key=_oldest_first)

    async def committed(self, change_id: UUID) -> bool:
        """Whether the change with this id is durable."""
        return bool(await self._reads.fetch(COMMITTED, change_id))

    async def database_now(self) -> datetime:
        """The database's wall clock."""
        ((now,),) = await self._lives.fetch("SELECT clock_timestamp()")
        assert isinstance(now, datetime)
        return now

    # --- writing ----------------------------------------------------------------

    async def commit(self, change: Change) -> Refused | None:
        """Write the change, durably, or say which guard refused it."""
        if self._closed:
            raise Unavailable
        waiting = Waiting(change)
        self._line.join(waiting)
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())
        return await waiting.answer

    async def _write(self) -> None:
        """The one writer: group after group, until nobody waits."""
        try:
            while self._line:
                group = self._line.take()
                began = self._clock.monotonic()
                await self._settle(group)
                if self._line and len(group) > 1:
                    await self._gather(self._clock.monotonic() - began)
        finally:
            self._writing = None
            while self._line:  # only where the event loop itself is being ended
                self._give_up(self._line.take())

    async def _gather(self, took_s: float) -> None:
        """Busy: let more come together, for no longer than the last group took."""
        await self._clock.sleep(min(took_s, GATHER_AT_MOST_S))

    async def _settle(self, group: list[Waiting]) -> None:
        """Write a group and answer everybody in it; halve it while one is at fault."""
        try:
            answers = await self._persist([waiting.change for waiting in group])
        except Unavailable as away:
            answers = [_unavailable(away.__cause__) for _ in group]
        except Exception as error:  # noqa: BLE001 the culprit's caller gets it
            if len(group) > 1:
                half = len(group) // 2
                await self._settle(group[:half])
                await self._settle(group[half:])
                return
            answers = [_rejection(error)]
        except BaseException:
            self._give_up(group)
            raise
        for waiting, answer in zip(group, answers, strict=True):
            waiting.settle(answer)

    @staticmethod
    def _give_up(group: Sequence[Waiting]) -> None:
        for waiting in group:
            waiting.settle(Unavailable())

    async def _persist(
        self, changes: Sequence[Change]
    ) -> Sequence[Refused | Exception | None]:
        """In one way to the server, or in steps where that did not write it."""
        until = self._clock.monotonic() + self._patience_s
        if await self._in_one_way(changes):
            return [None] * len(changes)
        return await self._in_steps(changes, until)

    async def _in_one_way(self, changes: Sequence[Change]) -> bool:
        """Whether it is written; if not, the steps find out what is in the way.

        Without a connection it is their business too: they look who is durable.
        """
        link = self._writer
        if link.lost or not link.may_define:
            return False
        began = self._clock.monotonic()
        whole = OneWay(link, self._shapes, self._script, changes)
        try:
            with link.limited(self._patience_s):
                written = await whole.write(self._clock.now())
        except Exception as error:
            failure = failure_of(error, lost=link.lost)
            if failure is Failure.CULPRIT:
                return False  # it may be a mere refusal, seen too late
            _log_failure(failure, error, len(changes))
            if failure in (Failure.LOST, Failure.STOP):
                link.drop()
            if failure is Failure.STOP:
                raise Unavailable from error
            return False
        if written:
            self._count(len(changes), began)
        return written

    async def _in_steps(
        self, changes: Sequence[Change], until: float
    ) -> Sequence[Refused | Exception | None]:
        """Try until it is written, one of them is at fault, or there is no hope.

        Where the group before waited in vain this one has one try, and its callers no
        long wait.
        """
        met, once = 0, self._away
        while True:
            try:
                left = self._left(until)
                await self._writer.ready(min(left, TRY_S) if once else left)
                began = self._clock.monotonic()
                transaction = Transaction(self._writer, self._shapes, changes)
                with self._writer.limited(self._left(until)):
                    answers = await transaction.write(self._clock.now())
            except Exception as error:
                failure = failure_of(error, lost=self._writer.lost)
                _log_failure(failure, error, len(changes))
                await self._clean_up(failure, until)
                self._away = failure is Failure.LOST
                if failure is Failure.CULPRIT:
                    raise
                met += failure is Failure.AGAIN
                if failure is Failure.STOP or met == MAX_TRIES:
                    raise Unavailable from error
                if failure is Failure.LOST:
                    if once or not self._left(until):
                        raise Unavailable from error
                    await self._clock.sleep(RETRY_S)
            else:
                self._away = False
                self._count(len(changes), began)
                return answers

    def _left(self, until: float) -> float:
        """What is left of a group's time."""
        return max(until - self._clock.monotonic(), 0.0)

    def _count(self, changes: int, began: float) -> None:
        """A group was written: somebody may want to know."""
        self.wrote(changes, self._clock.monotonic() - began)

    async def _clean_up(self, failure: Failure, until: float) -> None:
        """Leave no transaction open: the next try begins anew."""
        if failure in (Failure.LOST, Failure.STOP):
            self._writer.drop()
            return
        try:
            with self._writer.limited(self._left(until)):
                await self._writer.execute("ROLLBACK")
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            self._writer.drop()

    async def close(self) -> None:
        """Finish what is being written and let go of the connections."""
        self._closed = True
        while self._writing is not None:
            await asyncio.wait({self._writing})
        await self._reads.close()
        await self._claims.close()
        await self._lives.close()
        await self._writer.close()


async def connect(dsn: str) -> "Connection":
    """A connection with the journal's settings, to a server that keeps what it has.

    It has no time-outs: who uses it limits them (see `journal_link.Link.limited`).
    """
    connection: Connection = await asyncpg.connect(
        dsn,
        statement_cache_size=0,  # the journal prepares its statements itself
        server_settings=dict(SESSION),
    )
    try:
        await db.refuse_unfit(connection)
    except BaseException:
        connection.terminate()
        raise
    return connection


def _oldest_first(row: R) -> tuple[datetime, KeyOf]:
    next_check_at: datetime = row.next_check_at  # type: ignore[attr-defined]
    return (next_check_at, row.key())


def _leave_aside(error: RowUnreadable) -> None:
    """Say which row was claimed and is given to nobody: its lease keeps it from the
    next claim, and so it does not stand before the others.
    """
    log.error("row_unreadable", table=error.table, row=error.key)


def _unavailable(cause: BaseException | None) -> Unavailable:
    """One for each caller: an exception that is raised twice grows two tracebacks."""
    away = Unavailable()
    away.__cause__ = cause
    return away


def _log_failure(failure: Failure, error: Exception, changes: int) -> None:
    """Say what happened by its class; the database's own words may quote values."""
    log.warning(
        "group_failed",
        failure=failure.name,
        error=type(error).__name__,
        sqlstate=getattr(error, "sqlstate", None),
        changes=changes,
    )


def _rejection(error: Exception) -> Exception:
    """What the caller of the one change at fault gets.

    A message of class 22 may quote a value, which has no place in a log.
    """
    if not isinstance(error, asyncpg.PostgresError):
        return error
    sqlstate = error.sqlstate or "22000"
    said = str(error.args[0]) if sqlstate[:2] == "23" else type(error).__name__
    return ChangeRejected(sqlstate, said)
