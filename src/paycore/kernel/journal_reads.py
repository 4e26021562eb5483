"""Reading for a change: what many callers ask at once becomes one statement.

While a statement runs, those who come gather for the next one of their kind, so that
nobody is shown what was read before he asked. There is no timer.
Reads have connections of their own and never wait for the writer.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Generic, cast

import asyncpg

from paycore.kernel.clock import Clock
from paycore.kernel.errors import Unavailable
from paycore.kernel.journal import KeyOf, R, Row, RowUnreadable, Table
from paycore.kernel.journal_link import Connect, Failure, Link, failure_of
from paycore.kernel.journal_sql import Shape, Shapes, era_of

MAX_ASKED = 500
"""Keys in one statement: what a group writes is what a statement reads."""

RETRY_S = 0.1
"""Between two tries to reach a database that is away; a try costs next to nothing."""

TRY_S = 2.0
"""What a try to reach it has, where the time for more was spent in waiting for others:
a group behind one that waited in vain, a question behind others of its kind."""

_Asked = dict[KeyOf, list[asyncio.Future[list[R]]]]
"""Questions, with everybody who asks them."""

_Answer = list[R] | Exception


@dataclass(slots=True, eq=False)
class _Lane(Generic[R]):
    """Those who ask the same question about different keys."""

    shape: Shape[R]
    whole: bool
    """Asked for everything of an owner, not for the one row under a key."""
    waiting: deque[tuple[KeyOf, asyncio.Future[list[R]]]] = field(default_factory=deque)

    def take(self) -> _Asked[R]:
        """The next questions, with everybody who asks them."""
        asked: _Asked[R] = {}
        while self.waiting and len(asked) < MAX_ASKED:
            key, future = self.waiting.popleft()
            asked.setdefault(key, []).append(future)
        return asked

    def statement(self, keys: Sequence[KeyOf]) -> tuple[str, list[object]]:
        """The statement for these keys, and its parameters."""
        if not self.whole:
            return self.shape.load, [
                *self.shape.key_arrays(keys),
                *self.shape.range(keys),
            ]
        owners = [cast("str", owner) for (owner,) in keys]
        between: list[object] = (
            [min(owners), max(owners)] if _cut_by_owner(self.shape.table) else []
        )
        return self.shape.within, [owners, *between]

    def answers(self, records: Sequence[asyncpg.Record]) -> dict[KeyOf, _Answer[R]]:
        """The rows by the question they answer; one that cannot be read is its own."""
        found: dict[KeyOf, list[R]] = {}
        unreadable: dict[KeyOf, _Answer[R]] = {}
        for record in records:
            try:
                row = self.shape.row(record)
            except RowUnreadable as error:
                unreadable[self._asked(error.key)] = error
            else:
                found.setdefault(self._asked(row.key()), []).append(row)
        return {**found, **unreadable}

    def _asked(self, key: KeyOf) -> KeyOf:
        """The question that the row under a key answers."""
        table = self.shape.table
        if not self.whole or table.owner is None:
            return key
        return (key[table.key.index(table.owner)],)


def _cut_by_owner(table: Table) -> bool:
    return table.owner is not None and table.owner == table.partition


class Reads:
    """The journal's reading connections, and who waits for which statement."""

    def __init__(
        self,
        connect: Connect,
        shapes: Shapes,
        clock: Clock,
        *,
        links: int,
        patience_s: float,
    ) -> None:
        self._shapes = shapes
        self._clock = clock
        self._patience_s = patience_s
        self._links = [Link(connect) for _ in range(links)]
        self._idle = list(self._links)
        self._free = asyncio.Semaphore(links)
        self._lanes: dict[object, _Lane[Row]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def load(self, kind: type[R], key: KeyOf) -> R | None:
        """The row under a key."""
        assert len(key) == len(kind.__table__.key), kind.__table__.name
        shape = self._shapes.of(kind)
        rows = await self._ask(shape, key, era=shape.era(key), whole=False)
        return rows[0] if rows else None

    async def within(self, kind: type[R], owner: str) -> list[R]:
        """All rows of an owner; a list of the caller's own."""
        assert kind.__table__.owner is not None, kind.__table__.name
        shape = self._shapes.of(kind)
        era = era_of(owner) if _cut_by_owner(shape.table) else None
        return list(await self._ask(shape, (owner,), era=era, whole=True))

    async def _ask(
        self, shape: Shape[R], key: KeyOf, *, era: str | None, whole: bool
    ) -> list[R]:
        """Wait in the lane of those who ask the same."""
        name = (shape.kind, whole, era)
        future: asyncio.Future[list[R]] = asyncio.get_running_loop().create_future()
        lane = cast("_Lane[R] | None", self._lanes.get(name))
        if lane is None:
            lane = _Lane(shape, whole)
            self._lanes[name] = cast("_Lane[Row]", lane)
            task = asyncio.create_task(self._run(name, lane))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        lane.waiting.append((key, future))
        return await future

    async def _run(self, name: object, lane: _Lane[R]) -> None:
        """Ask for those who wait, until nobody does."""
        while lane.waiting:
            await self._answer(lane, lane.take())
        del self._lanes[name]

    async def _answer(self, lane: _Lane[R], asked: _Asked[R]) -> None:
        """Answer everybody; halve them while one's key is at fault."""
        keys = list(asked)
        found: dict[KeyOf, _Answer[R]]
        try:
            found = lane.answers(await self.fetch(*_flat(lane.statement(keys))))
        except Unavailable as away:
            found = dict.fromkeys(keys, away)
        except Exception as error:  # noqa: BLE001 the culprit's callers get it
            if len(keys) > 1:
                half = len(keys) // 2
                await self._answer(lane, {key: asked[key] for key in keys[:half]})
                await self._answer(lane, {key: asked[key] for key in keys[half:]})
                return
            found = {keys[0]: error}
        for key, futures in asked.items():
            _give(futures, found.get(key, []))

    async def fetch(self, sql: str, *values: object) -> list[asyncpg.Record]:
        """Run a statement on a free connection; be patient with a database away."""
        until = self._clock.monotonic() + self._patience_s
        async with self._link() as link:
            a_try = min(TRY_S, self._patience_s)
            until = max(until, self._clock.monotonic() + a_try)
            while True:
                try:
                    await link.ready(self._left(until))
                    with link.limited(self._left(until)):
                        return await link.fetch(sql, *values)
                except Exception as error:
                    match failure_of(error, lost=link.lost):
                        case Failure.CULPRIT:
                            raise
                        case Failure.STOP:
                            link.drop()
                            raise Unavailable from error
                        case Failure.LOST:
                            link.drop()
                        case Failure.AGAIN:
                            pass
                    if not self._left(until):
                        raise Unavailable from error
                await self._clock.sleep(RETRY_S)

    def _left(self, until: float) -> float:
        return max(until - self._clock.monotonic(), 0.0)

    @asynccontextmanager
    async def _link(self) -> AsyncIterator[Link]:
        async with self._free:
            link = self._idle.pop()
            try:
                yield link
            except asyncio.CancelledError:
                link.drop()  # it may be in the middle of an answer
                raise
            finally:
                self._idle.append(link)

    async def close(self) -> None:
        """Let those who wait have their answers, then let go of the connections."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))
        for link in self._links:
            await link.close()


def _flat(statement: tuple[str, list[object]]) -> tuple[str, *tuple[object, ...]]:
    sql, values = statement
    return (sql, *values)


def _give(futures: list[asyncio.Future[list[R]]], answer: _Answer[R]) -> None:
    for future in futures:
        if future.done():
            continue
        if isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(answer)
