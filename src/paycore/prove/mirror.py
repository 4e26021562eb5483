"""A run on real PostgreSQL: each question goes to both journals, and they are compared.

Each life of a node has a real journal of its own, as a process has, and the world has
one more: for what strangers ask, and for what a lost connection still writes. They live
on a thread with an event loop of its own, in real time; the simulation waits for each
answer, so that for it nothing takes time that it did not draw. What the real one says
is what the run goes by; the one in memory must have said the same.

So no two changes are ever in one group here: the simulation goes on from an answer, and
no two of its changes are made at the same moment of its time. What groups and several
writers at once do is asked by generated histories (`tests/journal/test_several.py`).
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date, datetime
from threading import Thread
from typing import Any, TypeVar, cast
from uuid import UUID

from paycore.kernel import db
from paycore.kernel.journal import Change, ChangeRejected, R, Refused, Row, Value
from paycore.kernel.journal_memory import MemoryStore, Watch
from paycore.kernel.journal_postgres import PostgresJournal
from paycore.kernel.journal_table import Claimed
from paycore.kernel.lives import Lives
from paycore.kernel.terms import Epoch

T = TypeVar("T")

TEMPLATE = "prove_template"
A_SET = 200

MONTHS = 3
"""For which there are partitions: the run's and the next, as production has."""


class RealTime:
    """A thread on which real things happen while the simulation stands still."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def wait(self, work: Awaitable[T]) -> T:
        """What comes of it."""

        async def done() -> T:
            return await work

        return asyncio.run_coroutine_threadsafe(done(), self._loop).result()

    def close(self) -> None:
        """Nothing more happens."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class Way:
    """`MemoryStore`, with a real journal beside it: one process's way to both."""

    def __init__(
        self, memory: MemoryStore, time: RealTime, dsn: str, found: list[str]
    ) -> None:
        self._memory, self._time, self._found = memory, time, found
        self._journal = time.wait(PostgresJournal.open(dsn))

    def load(self, kind: type[R], *key: Value) -> R | None:
        """The row under a key, as both have it."""
        return self._both(
            f"load {kind.__name__}",
            self._journal.load(kind, *key),
            lambda: self._memory.load(kind, *key),
        )

    def within(self, kind: type[R], owner: str) -> list[R]:
        """All rows of one owner, as both have them."""
        return self._both(
            f"within {kind.__name__}",
            self._journal.within(kind, owner),
            lambda: self._memory.within(kind, owner),
        )

    def every(self, kind: type[R]) -> list[R]:
        """All rows, as both have them."""
        return self._both(
            f"every {kind.__name__}",
            self._journal.every(kind),
            lambda: self._memory.every(kind),
        )

    def waiting(self, kind: type[R]) -> Iterable[R]:
        """Those that somebody is to look at, as both have them."""
        return self._both(
            f"waiting {kind.__name__}",
            self._waiting(kind),
            lambda: sorted(self._memory.waiting(kind), key=lambda row: row.key()),
        )

    async def _waiting(self, kind: type[R]) -> list[R]:
        rows = await self._journal.every(kind)
        return [row for row in rows if cast("Claimed", row).next_check_at is not None]

    def due(
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
        """Claim on both."""
        given: dict[str, Any] = {
            "now": now,
            "over": over,
            "epoch": epoch,
            "live": live,
            "lease_until": lease_until,
        }
        return self._both(
            f"due {kind.__name__}",
            self._journal.due(kind, limit, **given),
            lambda: self._memory.due(kind, limit, **given),
        )

    def committed(self, change_id: UUID) -> bool:
        """Whether it was written, on both."""
        return self._both(
            "committed",
            self._journal.committed(change_id),
            lambda: self._memory.committed(change_id),
        )

    def commit(self, change: Change) -> Refused | None:
        """Write on both; their answers, refusals and rejections are the same."""
        theirs = self._answer_of(lambda: self._time.wait(self._journal.commit(change)))
        ours = self._answer_of(lambda: self._memory.commit(change))
        if _comparable(theirs) != _comparable(ours):
            self._found.append(f"commit: {theirs!r:.300} and {ours!r:.300}")
        if isinstance(theirs, ChangeRejected):
            raise theirs
        return theirs

    @staticmethod
    def _answer_of(
        work: Callable[[], Refused | None],
    ) -> Refused | ChangeRejected | None:
        try:
            return work()
        except ChangeRejected as rejected:
            return rejected

    def _both(self, what: str, theirs: Awaitable[T], ours: Callable[[], T]) -> T:
        real, mine = self._time.wait(theirs), ours()
        if real != mine:
            self._found.append(f"{what}: {real!r:.300} and {mine!r:.300}")
        return real

    def end(self) -> None:
        """Let go of the connections."""
        self._time.wait(self._journal.close())


class Mirror(Way):
    """The world's own way, and whoever else has one.

    `month`: a day of the month in which the run begins; its rows lie in partitions.
    """

    def __init__(
        self, memory: MemoryStore, server: str, *, name: str, month: date
    ) -> None:
        self._server, self._name = server, name
        time = RealTime()
        time.wait(self._make(month))
        super().__init__(memory, time, database_of(server, name), [])
        self._ways: dict[str, Way] = {}
        time.wait(self._fill())

    @property
    def watch(self) -> Watch | None:
        """Who is told of changes."""
        return self._memory.watch

    @watch.setter
    def watch(self, watch: Watch | None) -> None:
        self._memory.watch = watch

    def way_of(self, life: str) -> Way:
        """The way of one life of a node: it begins with a journal of its own."""
        dsn = database_of(self._server, self._name)
        way = self._ways[life] = Way(self._memory, self._time, dsn, self._found)
        return way

    def let_go(self, life: str) -> None:
        """It is over."""
        self._ways.pop(life).end()

    def differences(self) -> list[str]:
        """What was not alike, every table at the end included."""
        for kind in self._memory.kinds():
            self.every(kind)
        return self._found

    async def _make(self, month: date) -> None:
        await _run(self._server, f'DROP DATABASE IF EXISTS "{self._name}"')
        made = f'CREATE DATABASE "{self._name}" TEMPLATE {TEMPLATE}'
        await _run(self._server, made)
        connection = await db.connect(database_of(self._server, self._name))
        try:
            first = month.replace(day=1)
            await connection.execute("SELECT ensure_partitions($1, $2)", first, MONTHS)
        finally:
            await connection.close()

    async def _fill(self) -> None:
        """Give it what the set-up has."""
        rows: list[Row] = [
            row for kind in self._memory.kinds() for row in self._memory.every(kind)
        ]
        for at in range(0, len(rows), A_SET):
            change = Change(UUID(int=at + 1))
            for row in rows[at : at + A_SET]:
                change.insert(row)
            assert await self._journal.commit(change) is None, "it is empty"

    def close(self) -> None:
        """Let go of it, and drop it."""
        for life in list(self._ways):
            self.let_go(life)
        self.end()
        dropped = f'DROP DATABASE "{self._name}" WITH (FORCE)'
        self._time.wait(_run(self._server, dropped))
        self._time.close()


def _comparable(answer: Refused | ChangeRejected | None) -> object:
    """A rejection is told by its class: its words are the database's own."""
    return answer.sqlstate if isinstance(answer, ChangeRejected) else answer


def database_of(server: str, database: str) -> str:
    """The address of another database of the same server."""
    return re.sub(r"/[^/?]*(\?|$)", rf"/{database}\1", server, count=1)


async def _run(server: str, statement: str) -> None:
    connection = await db.connect(database_of(server, "postgres"))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@contextmanager
def template(server: str) -> Iterator[None]:
    """A migrated database that runs are copied from, while the block lasts."""

    async def make() -> None:
        await _run(server, f"DROP DATABASE IF EXISTS {TEMPLATE}")
        await _run(server, f"CREATE DATABASE {TEMPLATE}")
        await db.migrate(database_of(server, TEMPLATE))

    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, make()).result()
        yield
        drop = _run(server, f"DROP DATABASE {TEMPLATE} WITH (FORCE)")
        thread.submit(asyncio.run, drop).result()
