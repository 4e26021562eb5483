"""The journal in memory, for the simulator: the same promises, nothing durable.

One change at a time, in plain Python: what PostgreSQL does with locks and sets is done
here with a dictionary, so that each can be held to the other. Rows are written in the
order in which it writes them, whatever order they were staged in. `MemoryStore` is the
database: every question and every change is one step of it. `MemoryJournal` is a node's
way to it, with awaits at which others go first; a simulator has a way of its own, on
which there is more to meet.
What a migration says beyond keys (unique indexes, triggers) is declared to the store.
"""

import asyncio
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any, Self, cast
from uuid import UUID

import msgspec

from paycore.kernel.errors import Unavailable
from paycore.kernel.journal import (
    NOT_NEW,
    Change,
    ChangeRejected,
    LimitCounter,
    R,
    Refused,
    Row,
    Value,
)
from paycore.kernel.journal_group import Case, Spot, spot_of, spots_and_eras_of
from paycore.kernel.journal_table import LARGEST, Claimed, MemoryTable, is_due
from paycore.kernel.lives import Lives
from paycore.kernel.terms import Epoch

Unique = tuple[type[Row], str, Callable[[Row], Hashable | None]]
"""A unique index: whose, its name, and what must be unique (None: not in the index)."""

Check = Callable[["MemoryStore", Row | None, Any], bool]
"""A trigger or a CHECK of one kind of row: whether in this database the first row
(None: there was none) may become the second. One that has a class of its own to refuse
with raises it."""

Written = Sequence[tuple[Row | None, Row]]
"""What a change wrote, in its order: what stood there before, and what stands now."""

Watch = Callable[[Change, Written], None]
"""Told of every change that was written, before anybody else can see it."""


@dataclass(slots=True)
class MemoryStore:
    """The database: what it holds, and the changes that it took."""

    unique: Sequence[Unique] = ()
    checks: Mapping[type[Row], Sequence[Check]] = field(default_factory=dict)
    after: Mapping[type[Row], Sequence[Check]] = field(default_factory=dict)
    """Triggers that look once a statement has written all its rows."""
    watch: Watch | None = None
    _tables: dict[str, MemoryTable] = field(default_factory=dict)
    _indexes: dict[str, dict[Hashable, Spot]] = field(default_factory=dict)
    _durable: set[UUID] = field(default_factory=set)
    _undo: list[tuple[Row | None, Row]] = field(default_factory=list)
    _unique_of: dict[type[Row], list[Unique]] = field(init=False)

    def __post_init__(self) -> None:
        """Look up once which unique indexes a kind of row is in."""
        self._unique_of = {}
        for unique in self.unique:
            self._unique_of.setdefault(unique[0], []).append(unique)

    def copy(self) -> "MemoryStore":
        """A database with the same rows, that goes its own way from here."""
        return MemoryStore(
            unique=self.unique,
            checks=self.checks,
            after=self.after,
            watch=self.watch,
            _tables={name: table.copy() for name, table in self._tables.items()},
            _indexes={name: dict(index) for name, index in self._indexes.items()},
            _durable=set(self._durable),
        )

    # --- reading ----------------------------------------------------------------

    def load(self, kind: type[R], *key: Value) -> R | None:
        """The row under a key."""
        assert len(key) == len(kind.__table__.key), kind.__table__.name
        return cast("R | None", self._table(kind).get(key))

    def within(self, kind: type[R], owner: str) -> list[R]:
        """All rows of one owner, ordered by key."""
        assert kind.__table__.owner is not None, kind.__table__.name
        return cast("list[R]", self._table(kind).of(owner))

    def every(self, kind: type[R]) -> list[R]:
        """All rows, ordered by key."""
        return list(cast("list[R]", self._table(kind).all()))

    def kinds(self) -> list[type[Row]]:
        """The kinds of which it has a table."""
        return [table.kind for table in self._tables.values()]

    def waiting(self, kind: type[R]) -> Iterable[R]:
        """The rows of a claimed table that somebody is to look at, in no order."""
        return cast("Iterable[R]", self._table(kind).waiting.values())

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
        """Claim up to `limit` rows that are due and free, oldest first."""
        table = self._table(kind)
        assert table.claimed, kind.__table__.name
        free = [
            row
            for row in table.waiting.values()
            if is_due(cast("Claimed", row), now=now, over=over, live=live)
        ]
        free.sort(key=lambda row: (cast("Claimed", row).next_check_at, row.key()))
        claimed: list[R] = []
        for row in free[:limit]:
            lease = cast("Claimed", row)
            taken = msgspec.structs.replace(
                lease,
                lease_epoch=epoch,
                lease_until=lease_until,
                version=lease.version + 1,
            )
            table.leave(row)
            table.enter(cast("Row", taken))
            claimed.append(cast("R", table.get(row.key())))
        return claimed

    def committed(self, change_id: UUID) -> bool:
        """Whether the change with this id was written."""
        return change_id in self._durable

    def _table(self, kind: type[Row]) -> MemoryTable:
        name = kind.__table__.name
        found = self._tables.get(name)
        if found is None:
            found = self._tables[name] = MemoryTable(kind)
        return found

    # --- writing ----------------------------------------------------------------

    def commit(self, change: Change) -> Refused | None:
        """Write all of a change or nothing, and say which guard refused it."""
        spots_and_eras_of(change)  # refuses what names a row twice
        if change.id in self._durable:
            return None
        try:
            refused = self._write(Case(change))
        except BaseException:
            self._take_back()
            raise
        if refused is not None:
            self._take_back()
            return refused
        written, self._undo = self._undo, []
        self._durable.add(change.id)
        if self.watch is not None:
            self.watch(change, written)
        return None

    def _take_back(self) -> None:
        """Undo what this change has written, last first."""
        while self._undo:
            old, new = self._undo.pop()
            self._leave(new)
            if old is not None:
                self._enter(old)

    def _write(self, case: Case) -> Refused | None:
        """Guards and rows, in the order that the contract gives."""
        change = case.change
        case.judge_standing(self._standing(change))
        if case.admitted:
            taken = self._taken(change)
            self._insert(change, taken)
            case.judge_inserts(taken)
        counted: dict[str, LimitCounter] = {}
        if case.admitted:
            counted = case.judge_counts(self._counters(change))
        if not case.admitted:
            if isinstance(case.refused, Exception):
                raise case.refused
            return case.refused
        self._statement(sorted(case.replaced, key=spot_of))
        for counter in counted.values():
            if counter.used > LARGEST:
                raise ChangeRejected("22000", "a counter that is no bigint")
            self._put(counter)
        self._append(change.appends)
        self._add(change.additions)
        return None

    def _standing(self, change: Change) -> dict[Spot, Row]:
        wanted = [
            *((type(update.row), update.row.key()) for update in change.updates),
            *((amend.kind, amend.key) for amend in change.amends),
        ]
        found = ((kind, key, self._table(kind).get(key)) for kind, key in wanted)
        return {(k.__table__.name, key): row for k, key, row in found if row}

    def _taken(self, change: Change) -> dict[Spot, Row | None]:
        rows = [insert.row for insert in change.inserts]
        found = ((row, self._table(type(row)).get(row.key())) for row in rows)
        return {spot_of(row): stands for row, stands in found if stands is not None}

    def _counters(self, change: Change) -> dict[str, LimitCounter | None]:
        rows = self._table(LimitCounter)
        return {
            count.counter: cast("LimitCounter | None", rows.get((count.counter,)))
            for count in change.counts
        }

    def _insert(self, change: Change, taken: Mapping[Spot, Row | None]) -> None:
        """Write the rows whose key is new, a kind at a time; what is wrong with the
        others is said all the same.
        """
        rows = sorted((insert.row for insert in change.inserts), key=spot_of)
        for kind, of_kind in groupby(rows, key=type):
            new = []
            for row in of_kind:
                if spot_of(row) not in taken:
                    new.append(row)
                    continue
                self._table(kind).check(row)
                self._check(self.checks.get(kind, ()), None, row)
            self._statement(new)

    def _append(self, rows: Sequence[Row]) -> None:
        for row in rows:
            if row.key() in self._table(type(row)).rows:
                name = row.__table__.name
                raise ChangeRejected(NOT_NEW, f"the key of {name} is not new")
        self._statement(sorted(rows, key=spot_of))

    def _add(self, rows: Sequence[Row]) -> None:
        for row in rows:
            column = row.__table__.additive
            assert column is not None, "Change.add asked"
            stands = self._table(type(row)).get(row.key())
            if stands is not None:
                both: int = getattr(stands, column) + getattr(row, column)
                self._put(msgspec.structs.replace(stands, **{column: both}))
            else:
                self._put(row)

    # --- one row ----------------------------------------------------------------

    def _statement(self, rows: Sequence[Row]) -> None:
        """Write rows together: what looks AFTER sees all of them."""
        before = len(self._undo)
        for row in rows:
            self._put(row)
        if not self.after:
            return
        for old, new in self._undo[before:]:
            if checks := self.after.get(type(new)):
                self._check(checks, old, new)

    def _check(self, checks: Sequence[Check], old: Row | None, row: Row) -> None:
        for check in checks:
            if not check(self, old, row):
                raise ChangeRejected("23514", f"a check of {row.__table__.name}")

    def _put(self, row: Row) -> None:
        """Write a row if the database would, and remember what was there."""
        kind = type(row)
        table = self._table(kind)
        table.check(row)
        old = table.rows.get(row.key())
        if checks := self.checks.get(kind):
            self._check(checks, old, row)
        for _, name, value_of in self._unique_of.get(kind, ()):
            if (value := value_of(row)) is not None:
                holder = self._indexes.get(name, {}).get(value)
                if holder not in (None, spot_of(row)):
                    raise ChangeRejected(NOT_NEW, f"the unique index {name}")
        if old is not None:
            self._leave(old)
        self._enter(row)
        self._undo.append((old, row))

    def _enter(self, row: Row) -> None:
        self._table(type(row)).enter(row)
        for _, name, value_of in self._unique_of.get(type(row), ()):
            if (value := value_of(row)) is not None:
                self._indexes.setdefault(name, {})[value] = spot_of(row)

    def _leave(self, row: Row) -> None:
        self._table(type(row)).leave(row)
        for _, name, value_of in self._unique_of.get(type(row), ()):
            if (value := value_of(row)) is not None:
                del self._indexes[name][value]


@dataclass(slots=True)
class MemoryJournal:
    """`paycore.kernel.journal.Journal` on a store in memory.

    `clock` answers for the database's clock. One node uses it; to another node that
    shares the database give `another()`.
    """

    store: MemoryStore
    clock: Callable[[], datetime]
    _closed: bool = False

    def another(self) -> Self:
        """A journal on the same data, which this one's end does not end."""
        return type(self)(self.store, self.clock)

    async def load(self, kind: type[R], *key: Value) -> R | None:
        """The row under a key as last committed."""
        await asyncio.sleep(0)
        return self.store.load(kind, *key)

    async def within(self, kind: type[R], owner: str) -> list[R]:
        """All rows of one owner, ordered by key."""
        await asyncio.sleep(0)
        return self.store.within(kind, owner)

    async def every(self, kind: type[R]) -> list[R]:
        """All rows, ordered by key."""
        await asyncio.sleep(0)
        return self.store.every(kind)

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
        await asyncio.sleep(0)
        claimed = self.store.due(
            kind,
            limit,
            now=now,
            over=over,
            epoch=epoch,
            live=live,
            lease_until=lease_until,
        )
        await asyncio.sleep(0)
        return claimed

    async def committed(self, change_id: UUID) -> bool:
        """Whether the change with this id is durable."""
        await asyncio.sleep(0)
        return self.store.committed(change_id)

    async def database_now(self) -> datetime:
        """What `clock` says."""
        return self.clock()

    async def commit(self, change: Change) -> Refused | None:
        """Write the change, or say which guard refused it."""
        if self._closed:
            raise Unavailable
        await asyncio.sleep(0)
        refused = self.store.commit(change)
        await asyncio.sleep(0)
        return refused

    async def close(self) -> None:
        """Take no more changes."""
        self._closed = True
