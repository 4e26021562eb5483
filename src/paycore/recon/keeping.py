"""Keeping statements: which are awaited, the files as they came, how each one stands.

A file comes in pieces and is kept in pieces, deflated; nothing of it stands in memory,
and no transaction is open while it comes.
"""

import hashlib
import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from paycore.recon.queries import Connection
from paycore.recon.rows import State, Statement

PIECE_OCTETS = 1 << 16
"""Read and parsed at a time: some four hundred lines, a few milliseconds."""

PIECES_AT_ONCE = 8
"""Written in one go: each go waits for the disk."""

LEVEL = 1
"""Of deflating: a tenth of the time of the usual, for a tenth more octets."""

EXPECT = """
INSERT INTO recon_statement
    (statement_id, channel, account, day, state, said, tries, next_try_at, expected_at,
     file_no)
VALUES ($1, $2, $3, $4, 'AWAITED', '', 0, $5, $5, 0)
ON CONFLICT (channel, account, day) DO NOTHING
"""
MARK = """
UPDATE recon_statement
SET state = $2, said = $3, next_try_at = $4, tries = tries + 1
WHERE statement_id = $1
"""
KEPT = """
UPDATE recon_statement
SET state = 'KEPT', said = '', next_try_at = NULL, tries = tries + 1, file_no = $2,
    octets = $3, digest = $4, fetched_at = $5
WHERE statement_id = $1
"""
PUT = """
INSERT INTO recon_chunk (statement_id, file_no, seq, deflated) VALUES ($1, $2, $3, $4)
"""
LET_GO = "DELETE FROM recon_chunk WHERE statement_id = $1 AND file_no = $2"
GET = """
SELECT deflated FROM recon_chunk WHERE statement_id = $1 AND file_no = $2 AND seq = $3
"""


async def expect(
    connection: "Connection",
    statement_id: UUID,
    key: tuple[str, str],
    day: str,
    now: datetime,
) -> None:
    """From now on a day's statement is waited for; harmless to repeat."""
    await connection.execute(EXPECT, statement_id, *key, day, now)


async def mark(
    connection: "Connection",
    statement: Statement,
    state: str,
    said: str,
    again_at: datetime | None,
) -> None:
    """It is not there, or no good: why, and when it is asked for again."""
    assert state in (State.AWAITED, State.BROKEN)
    await connection.execute(MARK, statement.statement_id, state, said, again_at)


@dataclass(slots=True)
class Keeper:
    """Keeps one file as it comes; what came is nothing until `done`."""

    connection: "Connection"
    statement: Statement
    octets: int = 0
    _digest: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    _held: bytearray = field(default_factory=bytearray)
    _ready: list[tuple[object, ...]] = field(default_factory=list)
    _seq: int = 0

    @property
    def file_no(self) -> int:
        """Which of the day's files it is."""
        return self.statement.file_no + 1

    async def begin(self) -> None:
        """Forget what an earlier try left that did not come to its end."""
        await self.give_up()

    async def take(self, octets: bytes) -> None:
        """So much more of it."""
        self._held += octets
        while len(self._held) >= PIECE_OCTETS:
            self._cut(PIECE_OCTETS)
        if len(self._ready) >= PIECES_AT_ONCE:
            await self._put()

    def _cut(self, size: int) -> None:
        piece = bytes(self._held[:size])
        del self._held[:size]
        self._digest.update(piece)
        self.octets += len(piece)
        name = (self.statement.statement_id, self.file_no, self._seq)
        self._ready.append((*name, zlib.compress(piece, LEVEL)))
        self._seq += 1

    async def _put(self) -> None:
        await self.connection.executemany(PUT, self._ready)
        self._ready.clear()

    async def give_up(self) -> None:
        """It did not come to its end."""
        await self.connection.execute(LET_GO, self.statement.statement_id, self.file_no)

    async def done(self, now: datetime) -> None:
        """That was all of it. The very file that is kept already is not kept twice."""
        if self._held:
            self._cut(len(self._held))
        if self._ready:
            await self._put()
        digest, file_no = self._digest.digest(), self.file_no
        if digest == self.statement.digest:
            await self.give_up()
            file_no = self.statement.file_no
        await self.connection.execute(
            *(KEPT, self.statement.statement_id, file_no, self.octets, digest, now)
        )


async def pieces(
    connection: "Connection", statement: Statement
) -> AsyncIterator[bytes]:
    """A kept file, as it came."""
    seq = 0
    name = (statement.statement_id, statement.file_no)
    while (found := await connection.fetchval(GET, *name, seq)) is not None:
        yield zlib.decompress(found)
        seq += 1
