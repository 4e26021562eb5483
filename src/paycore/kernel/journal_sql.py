"""The SQL of a kind of row: what its declaration says, as statements and parameters.

A `Shape` is made once for each kind: its columns with their types, and the text of
every statement the journal has for it. Sets travel as one array a column, so a text is
the same for one row and for five hundred, and is planned once a connection.
Nothing here talks to a database; who runs which statement when is the business of
`journal_transaction.py` and `journal_reads.py`.
"""
# ruff: noqa: S608 - names come from declarations, never from a request

import types
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Generic, Union, cast, get_args, get_origin
from uuid import UUID

import msgspec

from paycore.kernel.journal import KeyOf, R, Row, RowUnreadable, Table, Value
from paycore.kernel.terms import Json

_TYPES: Mapping[object, str] = types.MappingProxyType(
    {
        str: "text",
        bool: "boolean",
        int: "bigint",
        bytes: "bytea",
        datetime: "timestamptz",
        UUID: "uuid",
        Json: "jsonb",
    }
)

Values = list[Value]
"""One parameter: the values of a column, a row each."""

ERA_LETTERS = 6
"""A payment's number begins with its day (yyMMdd). What is written or read in one
statement is of one day's payments, so that it meets one partition, two at most."""


def era_of(value: Value) -> str:
    """The day in a payment's number, or in what begins with one."""
    return str(value)[:ERA_LETTERS]


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A field of a row and what it is in the database."""

    name: str
    sql: str

    @property
    def quoted(self) -> str:
        """The name, safe where it is one of SQL's own words."""
        return f'"{self.name}"'

    @property
    def array(self) -> str:
        """The type of a parameter with many of its values; jsonb travels as text."""
        return "text[]" if self.sql == "jsonb" else f"{self.sql}[]"

    @property
    def ordered(self) -> str:
        """How a parameter's value of this column sorts: text by its bytes."""
        collate = ' COLLATE "C"' if self.sql == "text" else ""
        return f"u.{self.quoted}{collate}"

    @property
    def told(self) -> str:
        """The type in which a row's JSON tells it: octets travel as base64."""
        return "text" if self.sql in ("jsonb", "bytea") else self.sql

    @property
    def given(self) -> str:
        """A row's value of this column, in the column's type."""
        if self.sql == "bytea":
            return f"decode(j.{self.quoted}, 'base64') AS {self.quoted}"
        return f"j.{self.quoted}" + ("::jsonb" if self.sql == "jsonb" else "")


def _column(name: str, annotation: object) -> Column:
    """Decide a column's type from its field's."""
    kind: object = annotation
    if get_origin(annotation) in (Union, types.UnionType):
        (kind,) = (arg for arg in get_args(annotation) if arg is not type(None))
    while kind is not Json and hasattr(kind, "__supertype__"):
        kind = kind.__supertype__
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        kind = str
    return Column(name=name, sql=_TYPES[kind])


def order_of(kind: type[Row]) -> tuple[str, str]:
    """One order of kinds in every process."""
    return (kind.__table__.name, kind.__qualname__)


class Shape(Generic[R]):
    """One kind of row: its columns, its statements, its rows in and out of them."""

    def __init__(self, kind: type[R]) -> None:
        self.kind = kind
        self.table: Table = kind.__table__
        self.columns = [
            _column(field.name, field.type) for field in msgspec.structs.fields(kind)
        ]
        by_name = {column.name: column for column in self.columns}
        self.keys = [by_name[name] for name in self.table.key]
        self._names = [column.name for column in self.columns]
        # A row may be all key (who may use what): inserted and read, never updated.
        assert len(self._names) > 1, "rows of one column come as bare values"
        self._ranged = (
            self.table.key.index(self.table.partition)
            if self.table.partition is not None
            else None
        )
        self._write()

    # --- rows and parameters -----------------------------------------------------

    def rows(self, records: Iterable[Iterable[Value]]) -> list[R]:
        """Make rows of what a statement gave, whose columns are ours in our order."""
        return [self.row(record) for record in records]

    def row(self, record: Iterable[Value]) -> R:
        """Make a row of one record; raises `RowUnreadable`."""
        values = dict(zip(self._names, record, strict=True))
        try:
            return msgspec.convert(values, self.kind)
        except msgspec.ValidationError:
            # Without its cause, whose message quotes the value.
            key = tuple(values[name] for name in self.table.key)
            raise RowUnreadable(self.table.name, key) from None

    def told(self, rows: Sequence[Row]) -> str:
        """Rows as one parameter, the first of `insert`, `append`, `update` and `add`.

        One JSON for all: the driver would look at each value of an array by itself,
        which costs the node several times what PostgreSQL needs to read the JSON.
        """
        return msgspec.json.encode(rows).decode()

    def key_arrays(self, keys: Sequence[KeyOf]) -> list[Values]:
        """One parameter a key column, for `load`, `lock` and `delete`."""
        return [list(values) for values in zip(*keys, strict=True)]

    def range(self, keys: Sequence[KeyOf]) -> tuple[Value, ...]:
        """The last parameters of a statement on a partitioned table: from, to."""
        if self._ranged is None:
            return ()
        values = [cast("str", key[self._ranged]) for key in keys]
        return (min(values), max(values))

    def era(self, key: KeyOf) -> str | None:
        """The day of a row's payment, where the table is partitioned by it."""
        return None if self._ranged is None else era_of(key[self._ranged])

    # --- statements --------------------------------------------------------------

    def _write(self) -> None:
        """Write down every statement of this kind."""
        self._write_reads()
        self._write_writes()
        if self.table.claimed:
            self.due = self._due()

    def _write_reads(self) -> None:
        every = f"SELECT {self._list('t')} FROM {self._name} AS t"
        order = f" ORDER BY {', '.join(f't.{key.quoted}' for key in self.keys)}"
        self.every = every + order
        # For each key in order, its row. Nothing is left to the planner: a join it may
        # turn round, and then scan a table (or lock it in another order) while it
        # believes that a young table is small.
        by_key = (
            f"SELECT {self._list('r')} FROM (SELECT * FROM "
            f"{self._unnest(self.keys, 'u')} "
            f"ORDER BY {', '.join(key.ordered for key in self.keys)}) AS u "
            f"CROSS JOIN LATERAL ({every} "
            f"WHERE {self._same('t', 'u')}{self._between(len(self.keys))} "
        )
        self.load = by_key + "OFFSET 0) AS r"
        # One table and nothing joined, the lock above the order: PostgreSQL 18 dies of
        # a lock that is taken anew for each key, once it has waited for a few rows of a
        # partitioned table. Where a key has several columns rows of other pairs of them
        # come along, which is nobody's harm. NO KEY: keys never change, and rows that
        # refer to this one may come meanwhile.
        wanted = " AND ".join(
            f"t.{key.quoted} = ANY(${at}::{key.array})"
            for at, key in enumerate(self.keys, 1)
        )
        held = (
            f" FROM {self._name} AS t "
            f"WHERE {wanted}{self._between(len(self.keys))}{order} FOR NO KEY UPDATE"
        )
        self.lock = f"SELECT {self._list('t')}{held}"
        self.hold = f"SELECT{held}"
        self.within = ""
        if self.table.owner is not None:
            self.within = f'{every} WHERE t."{self.table.owner}" = ANY($1::text[])'
            if self.table.owner == self.table.partition:
                self.within += self._between(1)
            self.within += order

    def _write_writes(self) -> None:
        keys = ", ".join(key.quoted for key in self.keys)
        insert = (
            f"INSERT INTO {self._name} AS t ({self._list()}) "
            f"SELECT {self._list('u')} FROM {self._told('u')} "
            f"ORDER BY {', '.join(key.ordered for key in self.keys)}"
        )
        self.append = insert
        # Always with its target: without one it would swallow other unique indexes too.
        self.insert_new = f"{insert} ON CONFLICT ({keys}) DO NOTHING"
        self.insert = f"{self.insert_new} RETURNING {keys}"
        self.delete = (
            f"DELETE FROM {self._name} AS t USING {self._unnest(self.keys, 'u')} "
            f"WHERE {self._found(1)}{self._between(len(self.keys))}"
        )
        # A row that is all key is never updated, and this text never used.
        changed = ", ".join(
            f"{column.quoted} = u.{column.quoted}"
            for column in self.columns
            if column not in self.keys
        )
        self.update = (
            f"UPDATE {self._name} AS t SET {changed} "
            f"FROM {self._told('u')} "
            f"WHERE {self._found(2)}{self._between(1 + len(self.keys))}"
        )
        self.update_next = f"{self.update} AND t.version = u.version - 1"
        sum_of = f'"{self.table.additive}"'
        self.add = (
            f"{insert} ON CONFLICT ({keys}) "
            f"DO UPDATE SET {sum_of} = t.{sum_of} + excluded.{sum_of}"
        )

    def _due(self) -> str:
        """Claim in one statement; materialized, so that the limit is taken once."""
        keys = ", ".join(f"t.{key.quoted}" for key in self.keys)
        found = " AND ".join(
            f"t.{key.quoted} = ANY(ARRAY(SELECT {key.quoted} FROM d))"
            for key in self.keys
        )
        return (
            f"WITH d AS MATERIALIZED (SELECT {keys} FROM {self._name} AS t "
            "WHERE t.next_check_at <= $1 AND (t.lease_epoch IS NULL "
            "OR t.lease_until <= $7 "
            "OR (t.lease_epoch <> ALL($2::bigint[]) AND t.lease_epoch <= $6)) "
            f"ORDER BY t.next_check_at, {keys} LIMIT $3 "
            "FOR NO KEY UPDATE SKIP LOCKED) "
            f"UPDATE {self._name} AS t "
            "SET lease_epoch = $4, lease_until = $5, version = t.version + 1 "
            f"FROM d WHERE {found} AND {self._same('t', 'd')} "
            f"RETURNING {self._list('t')}"
        )

    @property
    def _name(self) -> str:
        return f'"{self.table.name}"'

    def _list(self, of: str | None = None) -> str:
        before = f"{of}." if of else ""
        return ", ".join(before + column.quoted for column in self.columns)

    def _same(self, one: str, other: str) -> str:
        return " AND ".join(
            f"{one}.{key.quoted} = {other}.{key.quoted}" for key in self.keys
        )

    @staticmethod
    def _unnest(columns: Sequence[Column], name: str) -> str:
        arrays = ", ".join(f"${at}::{c.array}" for at, c in enumerate(columns, 1))
        return f"unnest({arrays}) AS {name}({', '.join(c.quoted for c in columns)})"

    def _told(self, name: str) -> str:
        """The rows that the first parameter tells, in the columns' types."""
        columns = ", ".join(f"{c.quoted} {c.told}" for c in self.columns)
        given = ", ".join(column.given for column in self.columns)
        return (
            f"(SELECT {given} FROM json_to_recordset($1::json) AS j({columns})) "
            f"AS {name}"
        )

    def _found(self, first: int) -> str:
        """Which rows a set of keys names, when the set is `u` and begins at `$first`.

        Each key column is compared with its whole parameter too: whichever way round
        the planner joins, it then reads by the key's index and never the whole table.
        """
        found = " AND ".join(
            f"t.{key.quoted} = ANY(${at})" for at, key in enumerate(self.keys, first)
        )
        return f"{found} AND {self._same('t', 'u')}"

    def _between(self, after: int) -> str:
        """The range that lets the planner pass over other partitions; or nothing."""
        if self.table.partition is None:
            return ""
        column = f't."{self.table.partition}"'
        return f" AND {column} >= ${after + 1} AND {column} <= ${after + 2}"


class Shapes:
    """The shapes that one journal has met."""

    def __init__(self) -> None:
        self._shapes: dict[type[Row], Shape[Row]] = {}

    def of(self, kind: type[R]) -> Shape[R]:
        """The shape of a kind, made on first use."""
        found = self._shapes.get(kind)
        if found is None:
            found = self._shapes[kind] = cast("Shape[Row]", Shape(kind))
        return cast("Shape[R]", found)
