"""Fills a database with finished payments: copies of really paid ones, in the past.

The server that is filled has settings of its own, with which a load is quick
(`wal_level=minimal`); what is measured later runs with everybody's. Nothing durable is
switched off, here either. Indexes are in place: 100,000 payments took 18.6 s so and
20.0 s with indexes made afterwards (two runs of each, in turn), and an index that grew
row by row is as loose as in life.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from time import perf_counter
from types import MappingProxyType
from typing import Self

from paycore.bench.growth import queries
from paycore.bench.growth.history import History, Month, Stretch
from paycore.bench.growth.pattern import Pattern, Table
from paycore.bench.growth.visit import visiting
from paycore.bench.payer import WrongAnswer
from paycore.kernel.config import Settings
from paycore.kernel.postgres import Cluster
from paycore.retention import service as retention

SETTINGS: Mapping[str, str] = MappingProxyType(
    {
        # What one transaction empties and fills is written once, and not logged.
        "wal_level": "minimal",
        "max_wal_senders": "0",
        # Keys that are no times land all over their index: 0.8 GB at ten million.
        "shared_buffers": "2GB",
        "max_wal_size": "8GB",
        "checkpoint_timeout": "1h",
        # All is vacuumed at the end.
        "autovacuum": "off",
    }
)

AT_ONCE = 250
"""Payments made in one go, between two looks at the connections."""

WAITING = 2
"""Such parts may wait for a table's connection: it is then never without work."""

SEED = 20
"""The same history each time, its numbers' letters included."""

Told = Callable[[int], None]
"""Hears how many payments were written since the last time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """What a filling took."""

    payments: int
    copy_s: float
    vacuum_s: float


def fill(
    data: Path,
    originals: Sequence[str],
    history: History,
    settings: Settings,
    *,
    told: Told,
    watched: bool = True,
) -> Filled:
    """Fill the cluster in a folder, which is stopped, with copies of its payments.

    The settings say for how long things are kept; `watched`: statements are counted
    from then on.
    """
    with Cluster.start(data, settings=SETTINGS) as cluster:
        filling = _Filling(cluster.dsn, originals, history, settings, told, watched)
        return asyncio.run(filling.all())


class _Pipe:
    """Rows on their way to a table."""

    def __init__(self) -> None:
        self._parts = asyncio.Queue[bytes | None](WAITING)

    async def put(self, rows: bytes) -> None:
        """Wait until there is room for them."""
        if rows:
            await self._parts.put(rows)

    async def end(self) -> None:
        """There are no more."""
        await self._parts.put(None)

    async def rows(self) -> AsyncIterator[bytes]:
        """All of them, as they come."""
        while (part := await self._parts.get()) is not None:
            yield part


@dataclass(slots=True)
class _Filling:
    """One filling, from the originals to a database that looks old."""

    dsn: str
    originals: Sequence[str]
    history: History
    settings: Settings
    told: Told
    watched: bool
    chance: Random = field(default_factory=lambda: Random(SEED))
    recorded: Sequence[Mapping[str, Table]] = ()
    """The originals' rows."""
    patterns: dict[tuple[str, ...], list[Pattern]] = field(default_factory=dict)
    """By the tables that they have rows for: the fewer, the fewer holes."""

    async def all(self) -> Filled:
        connection = await queries.connect(self.dsn)
        try:
            if waiting := await queries.unfinished(connection):
                raise WrongAnswer(f"{waiting} payments or notices are not finished")
            began = perf_counter()
            if self.history.payments:
                await self._copies(connection)
                await self._take_away_what_is_old()
            copied = perf_counter()
            if self.watched:
                await queries.watch(connection)
            await queries.grow_old(connection)
            ended = perf_counter()
        finally:
            await connection.close()
        return Filled(
            payments=self.history.payments,
            copy_s=copied - began,
            vacuum_s=ended - copied,
        )

    async def _copies(self, connection: queries.Connection) -> None:
        history = self.history
        self.recorded = [
            await _recorded(connection, history.tables, no) for no in self.originals
        ]
        number = len(self.recorded)
        await queries.ensure_months(connection, history.first_day, history.months)
        plain = await queries.without_partitions(connection, history.tables)
        async with asyncio.TaskGroup() as group, _Pipes(group, self.dsn) as whole:
            for table in plain:
                whole.open(table, table)
            for month in history.by_month():
                await self._month(month, whole)
        await queries.add_to_balances(
            connection,
            {
                no: len(range(at, history.payments, number))
                for at, no in enumerate(self.originals)
            },
        )

    async def _take_away_what_is_old(self) -> None:
        """As nodes do it; months that nothing was copied to are gone in a moment."""
        async with visiting(self.dsn, self.settings) as node:
            report = await retention.remove(node, self.dsn)
        if not report.done:
            raise WrongAnswer(report.sentence())

    async def _month(self, month: Month, whole: "_Pipes") -> None:
        """A partition of each table, each in a transaction of its own."""
        async with asyncio.TaskGroup() as group, _Pipes(group, self.dsn) as parts:
            for stretch in self.history.stretches(month.payments):
                for table in set(stretch.tables) - whole.pipes.keys():
                    if table not in parts.pipes:
                        parts.open(table, queries.part_of(table, month.name))
                await self._stretch(stretch, {**whole.pipes, **parts.pipes})

    async def _stretch(self, stretch: Stretch, pipes: Mapping[str, _Pipe]) -> None:
        patterns = self._of(tuple(stretch.tables))
        for first in range(0, len(stretch.payments), AT_ONCE):
            payments = stretch.payments[first : first + AT_ONCE]
            for table, rows in self._made(payments, patterns).items():
                await pipes[table].put(rows)
            self.told(len(payments))

    def _of(self, tables: tuple[str, ...]) -> list[Pattern]:
        """The originals' patterns, with no holes but those of these tables."""
        if tables not in self.patterns:
            self.patterns[tables] = [
                Pattern.of({table: rows[table] for table in tables})
                for rows in self.recorded
            ]
        return self.patterns[tables]

    def _made(self, payments: range, patterns: Sequence[Pattern]) -> dict[str, bytes]:
        """All rows of these payments, by table."""
        made: dict[str, list[bytes]] = {}
        for nth, second in zip(payments, self.history.seconds(payments), strict=True):
            pattern = patterns[nth % len(patterns)]
            values = pattern.fillings.values(nth, second, self.chance)
            for table, sheet in pattern.sheets.items():
                made.setdefault(table, []).append(sheet.rows(values))
        return {table: b"".join(rows) for table, rows in made.items()}


async def _recorded(
    connection: queries.Connection, tables: Sequence[str], pay_order_no: str
) -> Mapping[str, Table]:
    return {
        table: (
            await queries.columns(connection, table),
            await queries.rows_of(connection, table, pay_order_no),
        )
        for table in tables
    }


class _Pipes:
    """Rows on their way to tables, a connection each; the block's end is their end."""

    def __init__(self, group: asyncio.TaskGroup, dsn: str) -> None:
        self.pipes: dict[str, _Pipe] = {}
        self._group = group
        self._dsn = dsn

    def open(self, name: str, table: str) -> None:
        """Begin to write a table."""
        pipe = self.pipes[name] = _Pipe()
        self._group.create_task(queries.rewrite(self._dsn, table, pipe.rows()))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            for pipe in self.pipes.values():
                await pipe.end()
