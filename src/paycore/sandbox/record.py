"""The sandbox's durable record: SQLite of the standard library, synced before it acts.

Writers stage rows and wait until they are durable; while one group is being written
by a thread the next one gathers, so that many calls share one sync. Whoever has seen
a state that is not durable yet waits for the same group, reads included.
The banks' state is rebuilt from here at start; lists for people are read from here.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from types import MappingProxyType
from typing import Final

import msgspec

from paycore.sandbox.orders import Move, Order, Text, Work

Value = str | int | bytes | None
Row = tuple[Value, ...]

_SCHEMA: Final = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA wal_autocheckpoint = 4000;
CREATE TABLE IF NOT EXISTS bank_order (
    bank TEXT NOT NULL, key TEXT NOT NULL, doc BLOB NOT NULL,
    PRIMARY KEY (bank, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS move (
    n INTEGER PRIMARY KEY, bank TEXT NOT NULL, kind TEXT NOT NULL,
    request_id TEXT NOT NULL, pay_order_no TEXT NOT NULL, amount INTEGER NOT NULL,
    currency TEXT NOT NULL, at_ms INTEGER NOT NULL,
    merchant TEXT NOT NULL DEFAULT '', bank_ref TEXT NOT NULL DEFAULT ''
);
CREATE INDEX IF NOT EXISTS move_pay_order_no ON move (pay_order_no);
CREATE TABLE IF NOT EXISTS text (
    n INTEGER PRIMARY KEY, phone TEXT NOT NULL, text TEXT NOT NULL, code TEXT,
    carrier TEXT NOT NULL, at_ms INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS text_phone ON text (phone);
CREATE TABLE IF NOT EXISTS notice (
    n INTEGER PRIMARY KEY, id TEXT, type TEXT, pay_order_no TEXT,
    payload TEXT NOT NULL, verified INTEGER NOT NULL, at_ms INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS notice_pay_order_no ON notice (pay_order_no);
"""

# A record of an earlier version: whose its moves were is not known, and no statement
# has them.
_SINCE: Final = MappingProxyType(
    {
        "merchant": "ALTER TABLE move ADD COLUMN merchant TEXT NOT NULL DEFAULT ''",
        "bank_ref": "ALTER TABLE move ADD COLUMN bank_ref TEXT NOT NULL DEFAULT ''",
    }
)

# The start of an insert, and how many values a row has.
_INSERTS: Final = MappingProxyType(
    {
        "bank_order": ("INSERT OR REPLACE INTO bank_order (bank, key, doc)", 3),
        "move": (
            """INSERT INTO move
               (bank, kind, request_id, pay_order_no, amount, currency, at_ms,
                merchant, bank_ref)""",
            9,
        ),
        "text": ("INSERT INTO text (phone, text, code, carrier, at_ms)", 5),
        "notice": (
            """INSERT INTO notice
               (id, type, pay_order_no, payload, verified, at_ms)""",
            6,
        ),
    }
)
# Rows go in by statements of these many rows: a statement gives the interpreter's
# lock away once, however many rows it has, and the few texts stay prepared.
_STRIDES: Final = (128, 32, 8, 1)
# What a read takes at once: a list of a million rows never stands in memory whole.
_PAGE: Final = 2000


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """What the business line was sent."""

    id: str | None
    type: str | None
    pay_order_no: str | None
    payload: str
    verified: bool
    at_ms: int


class _Group:
    """Rows that will be durable together, by table, values one after the other."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.values: dict[str, list[Value]] = {}
        self.durable: asyncio.Future[None] = loop.create_future()

    def add(self, table: str, row: Row) -> None:
        self.values.setdefault(table, []).extend(row)


class Record:
    """The record under one folder. One process at a time has it open."""

    def __init__(self, path: Path, *, on_failure: Callable[[str], None]) -> None:
        self._path = path
        self._on_failure = on_failure
        self._writer = sqlite3.connect(
            path, isolation_level=None, check_same_thread=False
        )
        self._writer.executescript(_SCHEMA)
        self._grow()
        self._loop = asyncio.get_running_loop()
        self._gathering = _Group(self._loop)
        self._writing: _Group | None = None
        self._handover_due = False
        self._groups: SimpleQueue[_Group | None] = SimpleQueue()
        self._thread = Thread(target=self._write_groups, name="record", daemon=True)
        self._thread.start()

    def _grow(self) -> None:
        columns = {row[1] for row in self._writer.execute("PRAGMA table_info(move)")}
        for column, statement in _SINCE.items():
            if column not in columns:
                self._writer.execute(statement)

    # What is remembered.

    def orders(self, bank: str) -> Iterator[Order]:
        """All orders of a bank; for the start, before anything is staged."""
        decoder = msgspec.json.Decoder(Order)
        query = "SELECT doc FROM bank_order WHERE bank = ?"
        for (doc,) in self._writer.execute(query, (bank,)):
            yield decoder.decode(doc)

    def moved(self, bank: str) -> int:
        """How often money moved at a bank; for the start."""
        query = "SELECT count(*) FROM move WHERE bank = ?"
        count: int = self._writer.execute(query, (bank,)).fetchone()[0]
        return count

    # What is to be remembered.

    def stage(self, bank: str, work: Work) -> None:
        """Put what a bank did into the gathering group."""
        for order in work.orders:
            self._add("bank_order", (bank, order.key, msgspec.json.encode(order)))
        for move in work.moves:
            self._add("move", (*_values(move), *_whose(move, work)))
        for text in work.texts:
            self.stage_text(text)

    def stage_text(self, text: Text) -> None:
        """Put a text message into the gathering group."""
        self._add("text", _values(text))

    def stage_notice(self, notice: Notice) -> None:
        """Put a received notice into the gathering group."""
        self._add("notice", _values(notice))

    def _add(self, table: str, row: Row) -> None:
        self._gathering.add(table, row)
        if self._writing is None and not self._handover_due:
            # At the end of this turn of the loop: what arrived together goes together.
            self._handover_due = True
            self._loop.call_soon(self._hand_over)

    async def durable(self) -> None:
        """Return when everything staged so far, by anybody, is on disk."""
        if self._gathering.values:
            await asyncio.shield(self._gathering.durable)
        elif self._writing is not None:
            await asyncio.shield(self._writing.durable)

    def _hand_over(self) -> None:
        self._handover_due = False
        self._writing = self._gathering
        self._gathering = _Group(self._loop)
        self._groups.put(self._writing)

    def _written(self, group: _Group) -> None:
        self._writing = None
        group.durable.set_result(None)
        if self._gathering.values:
            self._hand_over()

    # The writing thread.

    def _write_groups(self) -> None:
        while (group := self._groups.get()) is not None:
            try:
                self._write(group)
            except sqlite3.Error as error:
                # Memory is ahead of the disk now; going on would be lying.
                self._loop.call_soon_threadsafe(self._on_failure, str(error))
                return
            self._loop.call_soon_threadsafe(self._written, group)

    def _write(self, group: _Group) -> None:
        self._writer.execute("BEGIN")
        for table, values in group.values.items():
            insert, width = _INSERTS[table]
            place = f"({','.join('?' * width)})"
            start = 0
            for stride in _STRIDES:
                size = stride * width
                while len(values) - start >= size:
                    sql = f"{insert} VALUES {','.join([place] * stride)}"
                    self._writer.execute(sql, values[start : start + size])
                    start += size
        self._writer.execute("COMMIT")

    async def close(self) -> None:
        """Write what is staged, then let go of the file."""
        await self.durable()
        self._groups.put(None)
        await asyncio.to_thread(self._thread.join)
        self._writer.close()

    # What people and tests ask for.

    async def read(
        self, query: str, values: Sequence[Value]
    ) -> AsyncIterator[list[Row]]:
        """Pages of a query over everything staged so far, as of one moment."""
        await self.durable()
        reader = await asyncio.to_thread(self._open_reader)
        try:
            cursor = await asyncio.to_thread(reader.execute, query, values)
            while page := await asyncio.to_thread(cursor.fetchmany, _PAGE):
                yield page
        finally:
            reader.close()

    def _open_reader(self) -> sqlite3.Connection:
        reader = sqlite3.connect(self._path, check_same_thread=False)
        reader.execute("PRAGMA query_only = ON")
        return reader


def _values(row: Move | Text | Notice) -> Row:
    """The fields in the order of their declaration, which is that of `_INSERTS`."""
    return msgspec.structs.astuple(row)


def _whose(move: Move, work: Work) -> Row:
    """The merchant and the bank's reference of a move: those of its order."""
    order = next(
        o for o in work.orders if o.bank_ref and o.request_id == move.request_id
    )
    return order.merchant, order.bank_ref
