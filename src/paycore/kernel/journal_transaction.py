"""A group of changes in one transaction: the seven steps, as separate statements.

Locks are taken in one order everywhere (rows that stand, then new keys, then counters;
in each, kinds by the name of their table, rows by key), so that the groups of two nodes
wait for one another and do not deadlock. A step that has nothing to do is no statement.
Each table has statements of its own: those of one statement would be run in an order of
the planner's, and each set of tables would be one more that both sides keep.
What becomes of a transaction that fails is `journal_postgres.py`'s business.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

import msgspec

from paycore.kernel.journal import Change, KeyOf, LimitCounter, Refused, Row
from paycore.kernel.journal_group import Case, Counters, Spot, Standing, spot_of
from paycore.kernel.journal_link import Link
from paycore.kernel.journal_sql import Shapes, order_of

Kind = type[Row]

# The first statement: waits for whoever is still writing the same id, and an id that
# does not come back is committed; durable it is once the COMMIT after this is answered.
NAME = (
    "INSERT INTO journal_change (id, at) "
    "SELECT u.id, $2 FROM unnest($1::uuid[]) AS u(id) "
    "ON CONFLICT (id) DO NOTHING RETURNING id"
)
UNNAME = "DELETE FROM journal_change WHERE id = ANY($1::uuid[])"

# Locks the counters that stand and makes the others, in one statement and one order.
# One that was just made has no time yet: that is how it is told from one at zero.
TAKE_COUNTERS = (
    "INSERT INTO limit_counter AS t (counter, used, expires_at) "
    "SELECT u.counter, 0, '-infinity' FROM unnest($1::text[]) AS u(counter) "
    'ORDER BY u.counter COLLATE "C" '
    "ON CONFLICT (counter) DO UPDATE SET used = t.used "
    "RETURNING counter, used, expires_at, expires_at = '-infinity' AS made"
)
SET_COUNTERS = (
    "UPDATE limit_counter AS t SET used = u.used, expires_at = u.expires_at "
    "FROM unnest($1::text[], $2::bigint[], $3::timestamptz[]) "
    "AS u(counter, used, expires_at) "
    "WHERE t.counter = ANY($1) AND t.counter = u.counter"
)
DROP_COUNTERS = "DELETE FROM limit_counter WHERE counter = ANY($1::text[])"


class Transaction:
    """One try to write one group. `write` either commits or raises."""

    def __init__(self, link: Link, shapes: Shapes, changes: Iterable[Change]) -> None:
        self._link = link
        self._shapes = shapes
        self._cases = [Case(change) for change in changes]
        self._inserted: set[Spot] = set()
        self._made: set[str] = set()
        self._counted: dict[str, LimitCounter] = {}

    async def write(self, at: datetime) -> list[Refused | Exception | None]:
        """Write the group; give each change's answer, in the group's order."""
        await self._link.execute("BEGIN")
        await self._name(at)
        await self._lock()
        await self._insert()
        await self._count()
        if any(case.admitted for case in self._cases):
            await self._withdraw()
            await self._store()
            await self._add()
            await self._link.execute("COMMIT")
        else:
            await self._link.execute("ROLLBACK")
            if any(case.durable for case in self._cases):
                # Its COMMIT was cut off, perhaps in its wait for a standby; that of the
                # admitted has waited for it as well, a ROLLBACK waits for nothing.
                await self._link.confirm()
        return [case.refused for case in self._cases]

    def _admitted(self) -> list[Case]:
        return [case for case in self._cases if case.admitted]

    # --- the steps, in order ----------------------------------------------------

    async def _name(self, at: datetime) -> None:
        """Before all: the ids, and who of the group was written already."""
        ids = [case.change.id for case in self._cases]
        fresh = {record["id"] for record in await self._link.fetch(NAME, ids, at)}
        for case in self._cases:
            case.durable = case.change.id not in fresh

    async def _lock(self) -> None:
        """1: lock the rows that stand, and judge who wants to replace them."""
        cases = self._admitted()
        wanted: list[tuple[Kind, KeyOf]] = [
            *((type(u.row), u.row.key()) for c in cases for u in c.change.updates),
            *((amend.kind, amend.key) for c in cases for amend in c.change.amends),
        ]
        standing: Standing = {}
        for kind, keys in _by_kind(wanted):
            standing.update(await self._rows(self._shapes.of(kind).lock, kind, keys))
        for case in cases:
            case.judge_standing(standing)

    async def _insert(self) -> None:
        """2: the rows whose key must be new, and judge whose was not."""
        cases = self._admitted()
        rows = [insert.row for case in cases for insert in case.change.inserts]
        taken: dict[Spot, Row | None] = {}
        for kind, of_kind in rows_by_kind(rows):
            taken.update(await self._insert_kind(kind, of_kind))
        for case in cases:
            case.judge_inserts(taken)

    async def _insert_kind(
        self, kind: Kind, rows: Sequence[Row]
    ) -> dict[Spot, Row | None]:
        """Insert; give the keys that were there before, with their rows."""
        shape = self._shapes.of(kind)
        name = shape.table.name
        records = await self._link.fetch(shape.insert, shape.told(rows))
        new = {(name, tuple(record)) for record in records}
        self._inserted |= new
        keys = [row.key() for row in rows if spot_of(row) not in new]
        stand = await self._rows(shape.load, kind, keys) if keys else {}
        return {(name, key): stand.get((name, key)) for key in keys}

    async def _count(self) -> None:
        """3 and 4: lock the counters, and admit in the group's order while it fits."""
        cases = self._admitted()
        names = {count.counter for case in cases for count in case.change.counts}
        if not names:
            return
        counters: Counters = {}
        for record in await self._link.fetch(TAKE_COUNTERS, list(names)):
            counter, used, expires_at, made = record
            counters[counter] = LimitCounter(
                counter=counter, used=used, expires_at=expires_at
            )
            if made:
                self._made.add(counter)
                counters[counter] = None
        for case in cases:
            self._counted.update(case.judge_counts(counters))

    async def _withdraw(self) -> None:
        """5: take back what the refused have inserted, their ids first."""
        refused = [case.change for case in self._cases if case.refused is not None]
        if refused:
            await self._link.fetch(UNNAME, [change.id for change in refused])
        rows = [
            insert.row
            for change in refused
            for insert in change.inserts
            if spot_of(insert.row) in self._inserted
        ]
        for kind, of_kind in rows_by_kind(rows):
            shape = self._shapes.of(kind)
            keys = [row.key() for row in of_kind]
            await self._link.fetch(
                shape.delete, *shape.key_arrays(keys), *shape.range(keys)
            )
        if idle := self._made - self._counted.keys():
            await self._link.fetch(DROP_COUNTERS, list(idle))

    async def _store(self) -> None:
        """6: the rows of the admitted."""
        cases = self._admitted()
        for kind, rows in rows_by_kind(row for c in cases for row in c.replaced):
            shape = self._shapes.of(kind)
            keys = [row.key() for row in rows]
            await self._link.fetch(
                shape.update,
                shape.told(rows),
                *shape.key_arrays(keys),
                *shape.range(keys),
            )
        if counters := list(self._counted.values()):
            await self._link.fetch(
                SET_COUNTERS,
                *map(list, zip(*map(msgspec.structs.astuple, counters), strict=True)),
            )
        # After the updates: a new money leg fits only once the one before it is over.
        for kind, rows in rows_by_kind(row for c in cases for row in c.change.appends):
            shape = self._shapes.of(kind)
            await self._link.fetch(shape.append, shape.told(rows))

    async def _add(self) -> None:
        """7: the balances, once a group and last, for others wait for them."""
        cases = self._admitted()
        rows = [row for case in cases for row in case.change.additions]
        for kind, of_kind in rows_by_kind(rows):
            shape = self._shapes.of(kind)
            await self._link.fetch(shape.add, shape.told(summed(of_kind)))

    async def _rows(self, sql: str, kind: Kind, keys: Sequence[KeyOf]) -> Standing:
        """The rows under these keys."""
        shape = self._shapes.of(kind)
        records = await self._link.fetch(
            sql, *shape.key_arrays(keys), *shape.range(keys)
        )
        return {spot_of(row): row for row in shape.rows(records)}


def _by_kind(
    named: Iterable[tuple[Kind, KeyOf]],
) -> list[tuple[Kind, list[KeyOf]]]:
    """Keys by kind, the kinds by the name of their table."""
    kinds: dict[Kind, list[KeyOf]] = {}
    for kind, key in named:
        kinds.setdefault(kind, []).append(key)
    return sorted(kinds.items(), key=lambda item: order_of(item[0]))


def rows_by_kind(rows: Iterable[Row]) -> list[tuple[Kind, list[Row]]]:
    """Rows by kind, the kinds by the name of their table."""
    kinds: dict[Kind, list[Row]] = {}
    for row in rows:
        kinds.setdefault(type(row), []).append(row)
    return sorted(kinds.items(), key=lambda item: order_of(item[0]))


def summed(rows: Collection[Row]) -> list[Row]:
    """One row a key: an INSERT must not meet the same key twice."""
    sums: dict[KeyOf, Row] = {}
    for row in rows:
        key, column = row.key(), row.__table__.additive
        assert column is not None, "Change.add asked"
        if key in sums:
            both: int = getattr(sums[key], column) + getattr(row, column)
            sums[key] = msgspec.structs.replace(sums[key], **{column: both})
        else:
            sums[key] = row
    return list(sums.values())
