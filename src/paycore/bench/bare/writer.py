"""Rows of many payments in one commit, one way to the server and back."""

import asyncio
from functools import partial

from paycore.bench.bare.copies import Rows, Statement, statement_of, together
from paycore.kernel.journal_link import Link
from paycore.kernel.journal_postgres import PATIENCE_S, connect
from paycore.kernel.journal_sql import Shapes

MOST_ROWS = 500
NAME = (
    "INSERT INTO journal_change (id, at) SELECT gen_random_uuid(), clock_timestamp() "
)
NAME += "FROM generate_series(1, $1::int)"
"""One row a change, as the journal writes it."""

_Waiting = tuple[Rows, asyncio.Future[None]]


class Writer:
    """While one group is written the next one gathers, as in the journal."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._shapes = Shapes()
        self._texts: dict[tuple[Statement, ...], str] = {}
        self._line: list[_Waiting] = []
        self._writing: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls, dsn: str) -> "Writer":
        """Connect as the journal does: what is committed is durable."""
        link = Link(partial(connect, dsn))
        await link.ready(PATIENCE_S)
        return cls(link)

    async def commit(self, rows: Rows) -> None:
        """Write them, durably, with whatever else waits."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._line.append((rows, done))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())
        await done

    def _text(self, parts: list[Statement]) -> str:
        """One text for all; each combination that occurs is put together once."""
        of = tuple(parts)
        text = self._texts.get(of)
        if text is None:
            text = self._texts[of] = together(of)
        return text

    async def _write(self) -> None:
        try:
            while self._line:
                group, self._line = self._line[:MOST_ROWS], self._line[MOST_ROWS:]
                await self._write_group(group)
        finally:
            self._writing = None

    async def _write_group(self, group: list[_Waiting]) -> None:
        try:
            parts, values = statement_of(self._shapes, [rows for rows, _ in group])
            sql = self._text([(NAME, 1), *parts])
            await self._link.fetch(sql, len(group), *values)
        except Exception as error:  # noqa: BLE001 who waits gets it
            for _, done in group:
                done.set_exception(error)
        else:
            for _, done in group:
                if not done.done():
                    done.set_result(None)
