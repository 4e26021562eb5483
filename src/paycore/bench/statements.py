"""One payment's rows as the statements that a plain program would write them with.

`Recorder` stands in front of a node's journal and keeps what one payment wrote;
`script_of` spells it as a script of pgbench: the same rows in the same transactions,
one statement a row. It leaves out what only the journal does (locking reads, claims),
so the script is what the rows themselves cost, and not more.
"""
# ruff: noqa: S608 - names and values come from our own rows

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import cast
from uuid import UUID

from paycore.kernel.journal import Change, Count, Journal, R, Refused, Row, Value
from paycore.kernel.journal_group import amended, at_version
from paycore.kernel.lives import Lives
from paycore.kernel.terms import Epoch

SETTLED_WITHIN_S = 10.0
LONGEST_NAMED = 64
"""A longer text is a message, in which the payment's number may stay as it was."""

DAY_LETTERS = 6
"""A number begins with its day, which says in which partition it is."""

NOTICE = "notify_notice"
"""What is written last: that the notice was acknowledged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """What one change wrote, its amends resolved."""

    inserted: Sequence[Row]
    replaced: Sequence[Row]
    counts: Sequence[Count]
    appended: Sequence[Row]
    added: Sequence[Row]

    @property
    def rows(self) -> int:
        """So many rows, the change's own among them."""
        parts = (
            self.inserted,
            self.replaced,
            self.counts,
            self.appended,
            self.added,
        )
        return 1 + sum(map(len, parts))


@dataclass(slots=True)
class Recorder:
    """A journal that remembers what was written about payments."""

    inner: Journal
    writes: list[Write] = field(default_factory=list)
    _told: asyncio.Event = field(default_factory=asyncio.Event)

    async def commit(self, change: Change) -> Refused | None:
        """Commit, and remember it if it was about a payment."""
        replaced = [
            at_version(update.row, update.version + 1) for update in change.updates
        ]
        for amend in change.amends:
            made = amended(await self.inner.load(amend.kind, *amend.key), amend.step)
            replaced += [made] if made is not None else []
        refused = await self.inner.commit(change)
        write = Write(
            inserted=[insert.row for insert in change.inserts],
            replaced=replaced,
            counts=list(change.counts),
            appended=list(change.appends),
            added=list(change.additions),
        )
        if refused is None and _about_a_payment(write):
            self.writes.append(write)
            if any(row.__table__.name == NOTICE for row in write.replaced):
                self._told.set()
        return refused

    async def settled(self) -> None:
        """Wait until the notice's acknowledgement is written too."""
        async with asyncio.timeout(SETTLED_WITHIN_S):
            await self._told.wait()

    # --- as the journal behind it ---

    async def load(self, kind: type[R], *key: Value) -> R | None:
        """The row under a key."""
        return await self.inner.load(kind, *key)

    async def within(self, kind: type[R], owner: str) -> list[R]:
        """All rows of one owner."""
        return await self.inner.within(kind, owner)

    async def every(self, kind: type[R]) -> list[R]:
        """All rows."""
        return await self.inner.every(kind)

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
        """Claim what is due."""
        return await self.inner.due(
            kind,
            limit,
            now=now,
            over=over,
            epoch=epoch,
            live=live,
            lease_until=lease_until,
        )

    async def committed(self, change_id: UUID) -> bool:
        """Whether a change is durable."""
        return await self.inner.committed(change_id)

    async def database_now(self) -> datetime:
        """The database's clock."""
        return await self.inner.database_now()

    async def close(self) -> None:
        """Let go of the connections."""
        await self.inner.close()


def rows_of(writes: Iterable[Write]) -> int:
    """So many rows were written."""
    return sum(write.rows for write in writes)


def _about_a_payment(write: Write) -> bool:
    rows = (*write.inserted, *write.replaced, *write.appended)
    return any(row.__table__.partition is not None for row in rows)


# --- the script -----------------------------------------------------------------------


def script_of(writes: Sequence[Write], pay_order_no: str) -> str:
    """A script of pgbench that writes such a payment under a number of its own."""
    speller = _Speller(_names(writes, pay_order_no))
    lines = [
        "\\set n :n + 1",
        f"\\set no {pay_order_no[:DAY_LETTERS]}0000000000000 + :n * 1000 + :client_id",
    ]
    for write in writes:
        lines += ["BEGIN;", *(f"{line};" for line in speller.write(write)), "COMMIT;"]
    return "\n".join(lines) + "\n"


def _names(writes: Sequence[Write], pay_order_no: str) -> Mapping[str, str]:
    """What must be another for each payment: its numbers, ours and the line's."""
    found = {pay_order_no: ":no::text"}
    for write in writes:
        for row in write.inserted:
            out_biz_no = getattr(row, "out_biz_no", None)
            if isinstance(out_biz_no, str):
                found[out_biz_no] = ":no::text"
    return found


class _Speller:
    """Rows as statements."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names

    def write(self, write: Write) -> Iterator[str]:
        """Statements in the journal's own order."""
        yield (
            "INSERT INTO journal_change (id, at) "
            "VALUES (gen_random_uuid(), clock_timestamp())"
        )
        for row in write.inserted:
            yield self._insert(row)
        for row in write.replaced:
            yield self._update(row)
        for count in write.counts:
            yield self._count(count)
        for row in write.appended:
            yield self._insert(row)
        for row in write.added:
            yield self._add(row)

    def _insert(self, row: Row) -> str:
        names = ", ".join(f'"{name}"' for name in row.__struct_fields__)
        values = ", ".join(self._value(row, name) for name in row.__struct_fields__)
        return f'INSERT INTO "{row.__table__.name}" ({names}) VALUES ({values})'

    def _update(self, row: Row) -> str:
        key = row.__table__.key
        changed = ", ".join(
            f'"{name}" = {self._value(row, name)}'
            for name in row.__struct_fields__
            if name not in key
        )
        where = [f'"{name}" = {self._value(row, name)}' for name in key]
        if row.__table__.versioned:
            version: int = row.version  # type: ignore[attr-defined]
            where.append(f'"version" = {version - 1}')
        return (
            f'UPDATE "{row.__table__.name}" SET {changed} WHERE {" AND ".join(where)}'
        )

    def _add(self, row: Row) -> str:
        """Each client adds to a row of its own, as each node does."""
        column = row.__table__.additive
        keys = ", ".join(f'"{name}"' for name in row.__table__.key)
        return (
            f"{self._insert(row)} ON CONFLICT ({keys}) DO UPDATE "
            f'SET "{column}" = "{row.__table__.name}"."{column}" + excluded."{column}"'
        )

    def _count(self, count: Count) -> str:
        counter = f"{literal(count.counter)} || :client_id"
        return (
            "INSERT INTO limit_counter AS t (counter, used, expires_at) "
            f"VALUES ({counter}, {count.amount}, {literal(count.expires_at)}) "
            "ON CONFLICT (counter) DO UPDATE SET used = t.used + excluded.used"
        )

    def _value(self, row: Row, name: str) -> str:
        value = getattr(row, name)
        is_key = name in row.__table__.key
        if is_key and name == "slot":
            return ":client_id"
        if is_key and isinstance(value, UUID):
            return "gen_random_uuid()"
        if is_key and isinstance(value, bytes):
            # A hash of something of this payment: another one for each.
            return f"{literal(value)} || convert_to(:no::text, 'UTF8')"
        if isinstance(value, str) and len(value) <= LONGEST_NAMED:
            return self._named(value)
        return literal(value)

    def _named(self, value: str) -> str:
        for name, instead in self._names.items():
            if name in value:
                before, _, after = value.partition(name)
                parts = [literal(before)] * bool(before)
                parts += [instead, *([literal(after)] * bool(after))]
                return " || ".join(parts)
        return literal(value)


def literal(value: object) -> str:
    """A value as SQL, safe from pgbench, which would read `:name` as a variable."""
    spell = _SPELLED.get(type(value))
    if spell is not None:
        return spell(value)
    assert isinstance(value, str), type(value)
    return _quoted(value)


def _quoted(text: str) -> str:
    plain = text.replace("'", "''")
    if not any(letter in plain for letter in ":\\\n;"):
        return f"'{plain}'"
    escaped = plain.replace("\\", "\\\\")
    for letter in ":\n;":
        escaped = escaped.replace(letter, f"\\x{ord(letter):02x}")
    return f"E'{escaped}'"


_SPELLED: Mapping[type, Callable[[object], str]] = MappingProxyType(
    {
        type(None): lambda _: "NULL",
        bool: lambda value: str(value).lower(),
        int: str,
        bytes: lambda value: f"decode('{cast('bytes', value).hex()}', 'hex')",
        datetime: lambda value: f"{_quoted(str(value))}::timestamptz",
        UUID: lambda value: f"'{value}'::uuid",
    }
)
