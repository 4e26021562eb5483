"""A really paid payment as a pattern: its rows as COPY gives them, with holes.

What names it, its moments and its random keys are holes of fixed length; a row of
another payment is the same octets with other fillings. So no value is encoded anew,
and what the server once wrote for a payment it reads again. Moments are moved by whole
seconds: what stands behind the second stays, and so does every interval. Pure.
"""

import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from types import MappingProxyType
from typing import Self

from paycore.bench.growth.fillings import Filling, Fillings, Hole

HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
"""Before the rows: the signature, no flags, no extension."""

TRAILER = b"\xff\xff"
"""Behind them: a row of -1 fields."""

NAMED: Mapping[str, Filling] = MappingProxyType(
    {
        "pay_order_no": Filling.NUMBER,
        "out_biz_no": Filling.HEX,
        "notice_id": Filling.SPELLED_UUID,
        "channel_ref": Filling.DIGITS,
        "coupon_no": Filling.COUPON,
    }
)
"""Columns that name a payment: what they hold is looked for in every text."""

LEAST_LETTERS = 6
"""What is shorter names nothing: it stands in many a text by chance."""

_SECOND = rb"20\d\d-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-5]\d"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column, as far as it matters here."""

    name: str
    kind: str
    in_key: bool


Table = tuple[Sequence[Column], bytes]
"""A table's columns, and its rows of one payment."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """One table's rows."""

    form: bytes
    pick: "itemgetter[tuple[int, ...]]"

    def rows(self, values: Sequence[bytes]) -> bytes:
        """The same of another payment."""
        made: bytes = self.form % self.pick(values)
        return made


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """What one payment left behind, ready to be filled in."""

    sheets: Mapping[str, Sheet]
    """By table; none of a table that has no row of it."""
    fillings: Fillings

    @classmethod
    def of(cls, tables: Mapping[str, Table]) -> Self:
        """Look at a payment's rows once, not for each copy."""
        names = _names(tables)
        cut = {
            name: _cut(columns, rows, names)
            for name, (columns, rows) in tables.items()
            if rows
        }
        holes = sorted({hole for _, found in cut.values() for hole in found})
        places = {hole: at for at, hole in enumerate(holes)}
        sheets = {
            name: Sheet(form, itemgetter(*(places[hole] for hole in found)))
            for name, (form, found) in cut.items()
        }
        return cls(sheets=sheets, fillings=Fillings.of(holes))


def _names(tables: Mapping[str, Table]) -> Mapping[bytes, Hole]:
    """What names the payment, wherever it stands."""
    found: dict[bytes, Hole] = {}
    for columns, rows in tables.values():
        for fields in tuples(rows):
            for column, field in zip(columns, fields, strict=True):
                filling = NAMED.get(column.name)
                # msg_… stays msg_…
                name = (field or b"").rpartition(b"_")[2]
                if filling is not None and len(name) >= LEAST_LETTERS:
                    found[name] = (filling, name)
    return found


def tuples(rows: bytes) -> Iterator[list[bytes | None]]:
    """The fields of each row, header and trailer taken off; None is NULL."""
    at = 0
    while at < len(rows):
        (count,) = struct.unpack_from(">h", rows, at)
        at += 2
        fields: list[bytes | None] = []
        for _ in range(count):
            (octets,) = struct.unpack_from(">i", rows, at)
            at += 4
            fields.append(rows[at : at + octets] if octets >= 0 else None)
            at += max(0, octets)
        yield fields


def _cut(
    columns: Sequence[Column], rows: bytes, names: Mapping[bytes, Hole]
) -> tuple[bytes, list[Hole]]:
    """Rows as a form, and its holes in order."""
    longest_first = sorted(map(re.escape, names), key=len, reverse=True)
    looked_for = re.compile(b"|".join((*longest_first, _SECOND)))
    form, holes = bytearray(), list[Hole]()
    for fields in tuples(rows):
        form += _literal(struct.pack(">h", len(fields)))
        for column, field in zip(columns, fields, strict=True):
            octets = -1 if field is None else len(field)
            form += _literal(struct.pack(">i", octets))
            for piece in _pieces(column, field or b"", looked_for):
                if isinstance(piece, bytes):
                    form += _literal(piece)
                else:
                    form += b"%b"
                    holes.append(names.get(piece[1], piece))
    return bytes(form), holes


def _literal(octets: bytes) -> bytes:
    return octets.replace(b"%", b"%%")


def _pieces(
    column: Column, field: bytes, looked_for: "re.Pattern[bytes]"
) -> Iterator[bytes | Hole]:
    """What of a field stays as it is, and what is a hole."""
    match column.kind:
        case _ if not field:
            return
        case "timestamp with time zone":
            yield (Filling.TIME, field)
        case "uuid":
            yield (Filling.UUID, field)
        case "bytea" if column.in_key:
            yield (Filling.OCTETS, field)
        case "text" | "jsonb" | "bytea":
            yield from _parts(field, looked_for)
        case _:
            yield field


def _parts(field: bytes, looked_for: "re.Pattern[bytes]") -> Iterator[bytes | Hole]:
    at = 0
    for found in looked_for.finditer(field):
        yield field[at : found.start()]
        yield (Filling.SECOND, found[0])
        at = found.end()
    yield field[at:]
