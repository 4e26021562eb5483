"""One table of the journal in memory: its rows, and what they are found by.

Rows are kept as they were given. What the database does to a JSON on its way is done
when somebody reads it, which is seldom (`journal_json.py`).
"""

from datetime import datetime
from typing import cast

import msgspec

from paycore.kernel.journal import NO_OCTETS, ChangeRejected, KeyOf, Row, Value
from paycore.kernel.journal_json import as_kept, refuse_unfit
from paycore.kernel.journal_sql import Shape
from paycore.kernel.lives import Lives

SMALLEST, LARGEST = -(2**63), 2**63 - 1
"""What a bigint holds."""

LONGEST_KEY = 2_600
"""Octets of a key's texts. An index of PostgreSQL takes some ninety more, and any
number that it can compress: no key of ours comes near."""


class MemoryTable:
    """The rows of one kind, by key, by owner, and those that wait for somebody."""

    __slots__ = (
        "_integers",
        "_json",
        "_keys",
        "_owner",
        "_raw",
        "_sorted",
        "_texts",
        "claimed",
        "kind",
        "owners",
        "rows",
        "waiting",
    )

    def __init__(self, kind: type[Row]) -> None:
        shape = Shape(kind)
        columns = list(enumerate(shape.columns))
        self._texts = [at for at, column in columns if column.sql in ("text", "jsonb")]
        self._integers = [at for at, column in columns if column.sql == "bigint"]
        self._keys = [at for at in self._texts if columns[at][1] in shape.keys]
        self._json = [column.name for _, column in columns if column.sql == "jsonb"]
        self.kind, table = kind, kind.__table__
        self._owner = None if table.owner is None else table.key.index(table.owner)
        self.claimed = table.claimed
        self.rows: dict[KeyOf, Row] = {}
        self.owners: dict[Value, dict[KeyOf, Row]] = {}
        self.waiting: dict[KeyOf, Row] = {}
        self._sorted: list[Row] | None = None
        # Rows whose JSON nobody has read yet: it is put in order when somebody does.
        self._raw: set[KeyOf] = set()

    def copy(self) -> "MemoryTable":
        """The same rows, to go on from."""
        twin = object.__new__(MemoryTable)
        twin.kind = self.kind
        twin._texts, twin._integers = self._texts, self._integers
        twin._keys = self._keys
        twin._json, twin._owner, twin.claimed = self._json, self._owner, self.claimed
        twin.rows, twin.waiting = dict(self.rows), dict(self.waiting)
        twin.owners = {owner: dict(rows) for owner, rows in self.owners.items()}
        twin._sorted, twin._raw = self._sorted, set(self._raw)
        return twin

    def get(self, key: KeyOf) -> Row | None:
        """The row under a key."""
        if key in self._raw:
            self._read(key)
        return self.rows.get(key)

    def of(self, owner: Value) -> list[Row]:
        """The rows of one owner, by key."""
        rows = self.owners.get(owner)
        if rows is None:
            return []
        if not self._raw.isdisjoint(rows):
            for key in self._raw & rows.keys():
                self._read(key)
        return [rows[key] for key in sorted(rows)]

    def all(self) -> list[Row]:
        """Every row; as in the database text by its bytes, that is by code points."""
        if self._raw:
            for key in list(self._raw):
                self._read(key)
        if self._sorted is None:
            self._sorted = [self.rows[key] for key in sorted(self.rows)]
        return self._sorted

    def enter(self, row: Row) -> None:
        """Put a row in."""
        key = row.key()
        self.rows[key] = row
        self._sorted = None
        if self._owner is not None:
            self.owners.setdefault(key[self._owner], {})[key] = row
        if self.claimed and cast("Claimed", row).next_check_at is not None:
            self.waiting[key] = row
        if self._json and any(getattr(row, name) is not None for name in self._json):
            self._raw.add(key)

    def leave(self, row: Row) -> None:
        """Take a row out."""
        key = row.key()
        del self.rows[key]
        self._sorted = None
        self.waiting.pop(key, None)
        self._raw.discard(key)
        if self._owner is not None:
            del self.owners[key[self._owner]][key]

    def check(self, row: Row) -> None:
        """Raise where a column could not hold its value."""
        values = msgspec.structs.astuple(row)
        for at in self._texts:
            text = values[at]
            if text is not None and ("\x00" in text or not text.isascii()):
                _refuse_no_text(text)
        for at in self._keys:
            if len(values[at]) > LONGEST_KEY // 4:
                _refuse_long(row.key())
        for at in self._integers:
            value = values[at]
            if value is not None and not SMALLEST <= value <= LARGEST:
                raise ChangeRejected("22003", "a number that is no bigint")
        for name in self._json:
            if (text := getattr(row, name)) is not None:
                refuse_unfit(text)

    def _read(self, key: KeyOf) -> None:
        """Have the JSON of a row as the database gives it back."""
        self._raw.discard(key)
        row = self.rows[key]
        given = ((name, getattr(row, name)) for name in self._json)
        changed = {name: as_kept(text) for name, text in given if text is not None}
        row = msgspec.structs.replace(row, **changed)
        self.rows[key] = row
        self._sorted = None
        if self._owner is not None:
            self.owners[key[self._owner]][key] = row
        if key in self.waiting:
            self.waiting[key] = row


class Claimed(msgspec.Struct, frozen=True, kw_only=True):
    """What `due` needs of a row of a claimed table."""

    version: int
    next_check_at: datetime | None
    lease_epoch: int | None
    lease_until: datetime | None


def is_due(row: Claimed, *, now: datetime, over: datetime, live: Lives) -> bool:
    """Whether a row waits for somebody and nobody has it."""
    until = row.lease_until
    moment = row.next_check_at
    if moment is None or moment > now:
        return False
    return (
        row.lease_epoch is None
        or (until is not None and until <= over)
        or row.lease_epoch not in live
    )


def _refuse_no_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ChangeRejected(NO_OCTETS, "a text that has no octets") from None
    if "\x00" in text:
        raise ChangeRejected("22P05", "a NUL character in a text")


def _refuse_long(key: KeyOf) -> None:
    if sum(len(str(value).encode()) for value in key) > LONGEST_KEY:
        raise ChangeRejected("54000", "a key that no index takes")
