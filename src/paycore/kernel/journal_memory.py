"""The journal in memory, for the simulator: the same promises, nothing durable.

One change at a time, in plain Python: what PostgreSQL does with locks and sets is done
here with a dictionary, so that each can be held to the other. Everything happens in one
step of the event loop; around it are awaits at which a simulator may let others go
first, or end the node when its change is durable and nobody has been told.
What a migration says beyond keys (unique indexes, triggers) is declared to it.
"""

import asyncio
import json
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Self, cast
from uuid import UUID

import msgspec

from paycore.kernel.errors import Unavailable
from paycore.kernel.journal import (
    Change,
    ChangeRejected,
    KeyOf,
    LimitCounter,
    R,
    Refused,
    Row,
    Value,
)
from paycore.kernel.journal_group import Case, Spot, spot_of, spots_of
from paycore.kernel.journal_sql import Shape, Shapes
from paycore.kernel.terms import Epoch, Json

Unique = tuple[type[Row], str, Callable[[Row], Hashable | None]]
"""A unique index: whose, its name, and what must be unique (None: not in the index)."""

Check = Callable[[Row | None, Row], bool]
"""A trigger: whether the first row (None: there was none) may become the second."""

BIGINT = range(-(2**63), 2**63)


@dataclass(slots=True)
class MemoryJournal:
    """`paycore.kernel.journal.Journal` in a dictionary.

    `clock` answers for the database's clock. One node uses it; to another node that
    shares the database give `another()`.
    """

    clock: Callable[[], datetime]
    unique: Sequence[Unique] = ()
    checks: Sequence[Check] = ()
    _tables: dict[str, dict[KeyOf, Row]] = field(default_factory=dict)
    _indexes: dict[str, dict[Hashable, Spot]] = field(default_factory=dict)
    _durable: set[UUID] = field(default_factory=set)
    _undo: list[tuple[Row | None, Row]] = field(default_factory=list)
    _shapes: Shapes = field(default_factory=Shapes)
    _closed: bool = False

    def another(self) -> Self:
        """A journal on the same data, which this one's end does not end."""
        return replace(self, _closed=False)

    # --- reading ----------------------------------------------------------------

    async def load(self, kind: type[R], *key: Value) -> R | None:
        """The row under a key as last committed."""
        assert len(key) == len(kind.__table__.key), kind.__table__.name
        await asyncio.sleep(0)
        return cast("R | None", self._table(kind).get(key))

    async def within(self, kind: type[R], owner: str) -> list[R]:
        """All rows of one owner, ordered by key."""
        column = kind.__table__.owner
        assert column is not None, kind.__table__.name
        await asyncio.sleep(0)
        return [row for row in self._sorted(kind) if getattr(row, column) == owner]

    async def every(self, kind: type[R]) -> list[R]:
        """All rows, ordered by key."""
        await asyncio.sleep(0)
        return self._sorted(kind)

    async def due(
        self,
        kind: type[R],
        limit: int,
        *,
        now: datetime,
        epoch: Epoch,
        live: Sequence[Epoch],
        lease_until: datetime,
    ) -> list[R]:
        """Claim up to `limit` rows that are due and free, oldest first."""
        assert kind.__table__.claimed, kind.__table__.name
        await asyncio.sleep(0)
        leases = [(cast("_Claimed", row), row) for row in self._sorted(kind)]
        free = [
            (lease, row) for lease, row in leases if _is_due(lease, now=now, live=live)
        ]
        free.sort(key=lambda pair: (pair[0].next_check_at, pair[1].key()))
        claimed = [
            msgspec.structs.replace(
                row,
                lease_epoch=epoch,
                lease_until=lease_until,
                version=lease.version + 1,
            )
            for lease, row in free[:limit]
        ]
        for row in claimed:
            self._table(kind)[row.key()] = row
        await asyncio.sleep(0)
        return claimed

    async def committed(self, change_id: UUID) -> bool:
        """Whether the change with this id is durable."""
        await asyncio.sleep(0)
        return change_id in self._durable

    async def database_now(self) -> datetime:
        """What `clock` says."""
        return self.clock()

    def _table(self, kind: type[Row]) -> dict[KeyOf, Row]:
        return self._tables.setdefault(kind.__table__.name, {})

    def _sorted(self, kind: type[R]) -> list[R]:
        rows = self._table(kind)
        # As in the database: text by its bytes, which is by its code points.
        return [cast("R", rows[key]) for key in sorted(rows)]

    # --- writing ----------------------------------------------------------------

    async def commit(self, change: Change) -> Refused | None:
        """Write the change, or say which guard refused it."""
        if self._closed:
            raise Unavailable
        spots_of(change)  # refuses what names a row twice
        await asyncio.sleep(0)
        refused = self._apply(change)
        await asyncio.sleep(0)
        return refused

    async def close(self) -> None:
        """Take no more changes."""
        self._closed = True

    def _apply(self, change: Change) -> Refused | None:
        """All of it or nothing."""
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
        self._undo.clear()
        self._durable.add(change.id)
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
            for insert in change.inserts:
                self._insert(insert.row, new=spot_of(insert.row) not in taken)
            case.judge_inserts(taken)
        counted: dict[str, LimitCounter] = {}
        if case.admitted:
            counted = case.judge_counts(self._counters(change))
        if not case.admitted:
            if isinstance(case.refused, Exception):
                raise case.refused
            return case.refused
        for row in (*case.replaced, *counted.values()):
            self._put(row)
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

    def _append(self, rows: Sequence[Row]) -> None:
        for row in rows:
            name = row.__table__.name
            if row.key() in self._table(type(row)):
                raise ChangeRejected("23505", f"the key of {name} is not new")
            self._put(row)

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

    def _insert(self, row: Row, *, new: bool) -> None:
        """Write a row if its key is new; what is wrong with it is said before that."""
        if new:
            self._put(row)
        else:
            self._check(None, _as_stored(row, self._shapes.of(type(row))))

    def _check(self, old: Row | None, row: Row) -> None:
        for check in self.checks:
            if not check(old, row):
                raise ChangeRejected("23514", f"a check of {row.__table__.name}")

    def _put(self, row: Row) -> None:
        """Write a row if the database would, and remember what was there."""
        row = _as_stored(row, self._shapes.of(type(row)))
        old = self._table(type(row)).get(row.key())
        self._check(old, row)
        for kind, name, value_of in self.unique:
            if isinstance(row, kind) and (value := value_of(row)) is not None:
                holder = self._indexes.get(name, {}).get(value)
                if holder not in (None, spot_of(row)):
                    raise ChangeRejected("23505", f"the unique index {name}")
        if old is not None:
            self._leave(old)
        self._enter(row)
        self._undo.append((old, row))

    def _enter(self, row: Row) -> None:
        self._table(type(row))[row.key()] = row
        for kind, name, value_of in self.unique:
            if isinstance(row, kind) and (value := value_of(row)) is not None:
                self._indexes.setdefault(name, {})[value] = spot_of(row)

    def _leave(self, row: Row) -> None:
        del self._table(type(row))[row.key()]
        for kind, name, value_of in self.unique:
            if isinstance(row, kind) and (value := value_of(row)) is not None:
                del self._indexes[name][value]


class _Claimed(msgspec.Struct, frozen=True, kw_only=True):
    """What `due` needs of a row of a claimed table."""

    version: int
    next_check_at: datetime
    lease_epoch: int | None
    lease_until: datetime | None


def _is_due(row: _Claimed, *, now: datetime, live: Sequence[Epoch]) -> bool:
    """Whether a row waits for somebody and nobody has it."""
    # A row that is final may have no moment at which to look again.
    moment = cast("datetime | None", row.next_check_at)
    if moment is None or moment > now:
        return False
    return (
        row.lease_epoch is None
        or (row.lease_until is not None and row.lease_until <= now)
        or row.lease_epoch not in live
    )


def _as_stored(row: Row, shape: Shape[Row]) -> Row:
    """The row as PostgreSQL gives it back; raises where it could not hold a value."""
    changed: dict[str, Json] = {}
    for column in shape.columns:
        value = getattr(row, column.name)
        if isinstance(value, str) and "\x00" in value:
            raise ChangeRejected("22021", "a NUL character in a text")
        if isinstance(value, int) and value not in BIGINT:
            raise ChangeRejected("22003", "a number that is no bigint")
        if value is not None and column.sql == "jsonb":
            changed[column.name] = _json(value)
    return msgspec.structs.replace(row, **changed) if changed else row


def _json(text: str) -> Json:
    """JSON as jsonb prints it: one spacing, one order of keys."""
    try:
        value = json.loads(text)
    except ValueError:
        raise ChangeRejected("22P02", "this is not JSON") from None
    return Json(json.dumps(_ordered(value), ensure_ascii=False))


def _ordered(value: object) -> object:
    """Keys by length, then by bytes: jsonb's order."""
    if isinstance(value, dict):
        pairs = sorted(value.items(), key=lambda pair: _jsonb_order(pair[0]))
        return {name: _ordered(inner) for name, inner in pairs}
    if isinstance(value, list):
        return [_ordered(inner) for inner in value]
    return value


def _jsonb_order(name: str) -> tuple[int, bytes]:
    octets = name.encode()
    return (len(octets), octets)
