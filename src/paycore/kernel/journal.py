"""The journal: the one way to write what is on a payment's path, and to read for it.

Rows are typed and declared once, with their key. The verbs are few: `load`, `within`,
`every` and `due` read (due also claims), `commit` writes. A `Change` is what is
written together and what must hold for it: all its guards hold, or none of its rows
is written, and the refusal names the guard and gives the row that stands there.

Two implementations keep the same promises: `journal_postgres` (many changes a
transaction) and `journal_memory` (the simulator's); one suite holds both to them.
What the verbs do to PostgreSQL is told in docs/decisions.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter
from typing import ClassVar, Protocol, TypeVar
from uuid import UUID

import msgspec

from paycore.kernel.lives import Lives
from paycore.kernel.terms import Epoch

Value = str | int | bool | bytes | datetime | UUID | None
KeyOf = tuple[Value, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """What the journal must know of a kind of row.

    `key`: the primary key's columns. `owner`: the column `within` reads by (one of the
    key's). `partition`: the key column whose range every statement carries, for tables
    partitioned by ranges of it. `versioned`: has `version`, raised by the journal with
    every write. `claimed`: has `next_check_at`, `lease_epoch`, `lease_until` and
    `version`, so that `due` can claim it. `additive`: this integer column is only ever
    added to (balances); the other columns but the key must not change.
    """

    name: str
    key: tuple[str, ...]
    owner: str | None = None
    partition: str | None = None
    versioned: bool = False
    claimed: bool = False
    additive: str | None = None
    cut_at: int | None = field(init=False, repr=False, compare=False)
    """Where in the key the column is that the table is partitioned by."""
    key_of: Callable[[object], KeyOf] = field(init=False, repr=False, compare=False)
    """Takes a row's key from it: asked for a hundred times a payment."""

    def __post_init__(self) -> None:
        """Look the columns up once."""
        cut_at = None if self.partition is None else self.key.index(self.partition)
        object.__setattr__(self, "cut_at", cut_at)
        first, *more = self.key
        get = attrgetter(first, *more)
        object.__setattr__(
            self, "key_of", get if more else lambda row: (getattr(row, first),)
        )


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One row; subclasses are declared with `@table`.

    A field's type decides its column: str and StrEnum text, int bigint, bool boolean,
    bytes bytea, datetime timestamptz, UUID uuid, `Json` jsonb; `| None` is nullable.
    """

    __table__: ClassVar[Table]

    def key(self) -> KeyOf:
        """The values of the primary key, in the table's order."""
        return self.__table__.key_of(self)


R = TypeVar("R", bound=Row)


def table(
    name: str,
    *,
    key: str | tuple[str, ...],
    owner: str | None = None,
    partition: str | None = None,
    versioned: bool = False,
    claimed: bool = False,
    additive: str | None = None,
) -> Callable[[type[R]], type[R]]:
    """Declare a row's table (see `Table`); claimed rows are versioned too."""
    columns = (key,) if isinstance(key, str) else key

    def declare(row: type[R]) -> type[R]:
        assert set(columns) <= set(row.__struct_fields__), (name, columns)
        row.__table__ = Table(
            name=name,
            key=columns,
            owner=owner,
            partition=partition,
            versioned=versioned or claimed,
            claimed=claimed,
            additive=additive,
        )
        return row

    return declare


@table("limit_counter", key="counter")
class LimitCounter(Row, frozen=True, kw_only=True):
    """How much of a limit is reserved and used; one row a limit and period."""

    counter: str
    used: int
    expires_at: datetime


class Refused(msgspec.Struct, frozen=True):
    """A guard did not hold, and nothing of the change was written.

    `guard` is the name the change gave it, `row` what stands there now (None: nothing;
    for a counter its LimitCounter).
    """

    guard: str
    row: Row | None


class Insert(msgspec.Struct, frozen=True):
    """Guard: no row has this key yet."""

    guard: str
    row: Row


class Update(msgspec.Struct, frozen=True):
    """Guard: the row stands at `version`, that of the value it was made from."""

    guard: str
    row: Row
    version: int


class Amend(msgspec.Struct, frozen=True):
    """Guard and write in one: `step` looks at the row that stands, under its lock.

    It gives the new row, or None to refuse. It must be pure: it may run more than once.
    """

    guard: str
    kind: type[Row]
    key: KeyOf
    step: Callable[[Row], Row | None]


class Count(msgspec.Struct, frozen=True):
    """Additive guard: counter + amount ≤ limit; a negative amount always fits.

    A counter that would fall below zero stays at zero.
    """

    guard: str
    counter: str
    amount: int
    limit: int | None
    expires_at: datetime


@dataclass(slots=True)
class Change:
    """What is written together. Staged row by row, committed once, then done with."""

    id: UUID
    inserts: list[Insert] = field(default_factory=list)
    updates: list[Update] = field(default_factory=list)
    amends: list[Amend] = field(default_factory=list)
    counts: list[Count] = field(default_factory=list)
    appends: list[Row] = field(default_factory=list)
    additions: list[Row] = field(default_factory=list)

    def insert(self, row: Row, *, guard: str = "") -> None:
        """A new row whose key must be new; the guard's name defaults to the table's."""
        self.inserts.append(Insert(guard or row.__table__.name, row))

    def update(self, row: Row, *, version: int, guard: str = "") -> None:
        """Replace the row at `version` by this one; the journal sets version + 1."""
        assert row.__table__.versioned, row.__table__.name
        self.updates.append(Update(guard or row.__table__.name, row, version))

    def amend(
        self,
        kind: type[R],
        key: KeyOf,
        step: Callable[[R], R | None],
        *,
        guard: str = "",
    ) -> None:
        """Replace the row under `key` by what `step` makes of it; refused if absent."""
        self.amends.append(
            Amend(guard or kind.__table__.name, kind, key, step)  # type: ignore[arg-type]
        )

    def count(
        self,
        counter: str,
        amount: int,
        *,
        limit: int | None,
        expires_at: datetime,
        guard: str = "limit",
    ) -> None:
        """Reserve (or with a negative amount give back) part of a limit."""
        self.counts.append(Count(guard, counter, amount, limit, expires_at))

    def append(self, row: Row) -> None:
        """An append-only row; its key is new by construction, a clash is a bug."""
        self.appends.append(row)

    def add(self, row: Row) -> None:
        """Add the row's additive column to that key's row, made if it is absent."""
        assert row.__table__.additive, row.__table__.name
        self.additions.append(row)

    @property
    def empty(self) -> bool:
        """Whether nothing is staged."""
        return not (
            self.inserts
            or self.updates
            or self.amends
            or self.counts
            or self.appends
            or self.additions
        )


NOT_NEW = "23505"
"""The class of what a unique index refuses: somebody else has the place."""

NO_OCTETS = "22021"
"""The class of a text that UTF-8 cannot tell: half of a surrogate pair."""


class ChangeRejected(Exception):
    """The database refused the rows of one change: a bug, never an answer to a caller.

    `sqlstate` is the database's class, 23514 where a trigger of ours spoke.
    """

    def __init__(self, sqlstate: str, message: str) -> None:
        self.sqlstate = sqlstate
        super().__init__(f"{sqlstate}: {message}")


class RowUnreadable(Exception):
    """A row that stands does not fit its declaration: a newer node wrote it, or a hand.

    It says where the row stands, and nothing of what is in it.
    """

    def __init__(self, table: str, key: KeyOf) -> None:
        self.table, self.key = table, key
        super().__init__(f"{table} {key}")


class Journal(Protocol):
    """The verbs."""

    async def load(self, kind: type[R], *key: Value) -> R | None:
        """The row under a key as last committed.

        Raises `RowUnreadable`, as all that read do, and `errors.Unavailable`.
        """

    async def within(self, kind: type[R], owner: str) -> list[R]:
        """All rows of one owner, ordered by key.

        Load the guarding row BEFORE these: then a stale view is refused at commit,
        never a fresh guard over stale rows.
        """

    async def every(self, kind: type[R]) -> list[R]:
        """All rows, ordered by key; for small tables of configuration only."""

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
        """Claim up to `limit` rows whose next_check_at ≤ now and whose lease is free.

        Free: no lease_epoch, lease_until ≤ `over` (see `Node.over_by`), or an epoch
        that is not in `live`.
        Claiming sets lease_epoch, lease_until and version + 1; oldest first; rows that
        another node is claiming are skipped. The returned rows have the new values.
        One that cannot be read is claimed and left out: it holds nobody up.
        """

    async def commit(self, change: Change) -> Refused | None:
        """Write the change, durably, or say which guard refused it.

        Guards are judged updates first, then amends, inserts and counters; rows are
        written inserts first, then updates and amends, counters, appends, additions.
        A change whose id is durable already is not written again: the answer is None.

        Raises `ChangeRejected` for a bug in the rows and `errors.Unavailable` while the
        database is away; whatever is raised, the change is either wholly there or not,
        and a change that `Unavailable` was raised for may still prove to be there. So
        may one whose caller was cancelled.
        """

    async def committed(self, change_id: UUID) -> bool:
        """Whether the change with this id is durable."""

    async def database_now(self) -> datetime:
        """The database's wall clock: what node clocks are anchored to."""

    async def close(self) -> None:
        """Finish what is being written and let go of the connections."""
