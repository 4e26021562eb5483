"""The rows of one recorded payment, made again for others.

A recorded row is a pattern: where it names its payment it names another, where it has a
key of its own it gets a fresh one, everything else is the very value that was recorded.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar, cast
from uuid import UUID

import msgspec

from paycore.bench.statements import Write
from paycore.kernel.ids import Ids
from paycore.kernel.journal import Row
from paycore.kernel.journal_sql import Shapes
from paycore.kernel.journal_transaction import rows_by_kind, summed

Names = Mapping[str | bytes, str | bytes]
"""What names the recorded payment, and what names this one instead."""

Statement = tuple[str, int]
"""A statement and the number of its parameters."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """One recorded row."""

    row: Row
    named: tuple[str, ...]
    """Fields that name the payment, or hold a text that does."""
    fresh: tuple[str, ...]
    """Keys that stand nowhere else."""

    @classmethod
    def of(cls, row: Row, names: Sequence[str | bytes]) -> "Pattern":
        """Look at a row once, not at each payment."""
        fields = msgspec.structs.asdict(row)
        return cls(
            row,
            tuple(field for field, value in fields.items() if _tells(value, names)),
            tuple(key for key in row.__table__.key if isinstance(fields[key], UUID)),
        )

    def made(self, names: Names, slot: int, ids: Ids) -> Row:
        """The row of another payment."""
        changes: dict[str, object] = {field: ids.uuid() for field in self.fresh}
        for field in self.named:
            changes[field] = renamed(getattr(self.row, field), names)
        if "slot" in self.row.__table__.key:
            changes["slot"] = slot
        return msgspec.structs.replace(self.row, **changes)


def _tells(value: object, names: Sequence[str | bytes]) -> bool:
    if isinstance(value, bytes):
        return any(_octets(name) in value for name in names)
    return isinstance(value, str) and any(
        isinstance(name, str) and name in value for name in names
    )


T = TypeVar("T", str, bytes)


def renamed(value: T, names: Names) -> T:
    """A text or octets, with this payment's names in it."""
    if isinstance(value, bytes):
        for before, after in names.items():
            value = value.replace(_octets(before), _octets(after))
        return value
    for before, after in names.items():
        if isinstance(before, str):
            value = value.replace(before, cast("str", after))
    return value


def _octets(name: str | bytes) -> bytes:
    return name.encode() if isinstance(name, str) else name


@dataclass(frozen=True, slots=True, kw_only=True)
class Patterns:
    """What one recorded commit wrote."""

    appended: tuple[Pattern, ...]
    replaced: tuple[Pattern, ...]
    added: tuple[Pattern, ...]

    @classmethod
    def of(cls, write: Write, names: Sequence[str | bytes]) -> "Patterns":
        """New rows are appended, whether or not somebody asked that they be new."""

        def all_of(rows: Sequence[Row]) -> tuple[Pattern, ...]:
            return tuple(Pattern.of(row, names) for row in rows)

        return cls(
            appended=all_of([*write.inserted, *write.appended]),
            replaced=all_of(write.replaced),
            added=all_of(write.added),
        )

    def made(self, names: Names, slot: int, ids: Ids) -> "Rows":
        """The rows of another payment."""
        return Rows(
            appended=[each.made(names, slot, ids) for each in self.appended],
            replaced=[each.made(names, slot, ids) for each in self.replaced],
            added=[each.made(names, slot, ids) for each in self.added],
        )


@dataclass(slots=True, kw_only=True)
class Rows:
    """Rows to be written together."""

    appended: list[Row]
    replaced: list[Row]
    added: list[Row]


_PARAMETER = re.compile(r"\$(\d+)")


def together(statements: Sequence[Statement]) -> str:
    """Several writes of different tables as one statement, one way to the server.

    Each comes with the number of its parameters, which are renumbered in order. They
    see one snapshot, not one another: what must follow another stands in a later one.
    """
    if len(statements) == 1:
        return statements[0][0]
    texts, before = [], 0
    for at, (text, count) in enumerate(statements):
        shifted = _PARAMETER.sub(lambda m, by=before: f"${int(m[1]) + by}", text)  # type: ignore[misc]
        texts.append(f"w{at} AS ({shifted})")
        before += count
    return f"WITH {', '.join(texts)} SELECT"


def statement_of(
    shapes: Shapes, group: Sequence[Rows]
) -> tuple[list[Statement], list[object]]:
    """All that a group writes, as the parts of one statement, and their parameters."""
    parts: list[Statement] = []
    values: list[object] = []

    def part(sql: str, *given: object) -> None:
        parts.append((sql, len(given)))
        values.extend(given)

    for kind, rows in rows_by_kind(row for each in group for row in each.replaced):
        shape, keys = shapes.of(kind), [row.key() for row in rows]
        part(
            shape.update, shape.told(rows), *shape.key_arrays(keys), *shape.range(keys)
        )
    for kind, rows in rows_by_kind(row for each in group for row in each.appended):
        part(shapes.of(kind).append, shapes.of(kind).told(rows))
    for kind, rows in rows_by_kind(row for each in group for row in each.added):
        part(shapes.of(kind).add, shapes.of(kind).told(summed(rows)))
    return parts, values
