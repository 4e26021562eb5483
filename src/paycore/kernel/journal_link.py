"""One connection of the journal: prepared statements, and what to do when it is lost.

A lost connection may have left a transaction behind that is committing at this very
moment. So the next connection first ends that backend, and only the very one (its pid
and the moment it began), before anything is written again.
What is written again, and how that is harmless, is `journal_postgres.py`'s business,
and so is how a connection is opened.
"""

from collections.abc import Awaitable, Callable, Collection
from datetime import datetime
from enum import Enum, auto
from typing import TYPE_CHECKING

import asyncpg

from paycore.kernel.journal_routines import Routine

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]
    Prepared = asyncpg.prepared_stmt.PreparedStatement[asyncpg.Record]

Connect = Callable[[], "Awaitable[Connection]"]
"""Opens a connection to a server that is fit, or raises."""

END_OLD_MS = 5000
"""How long to wait for a lost connection's backend to end; past it, writing the change
ids again waits for whatever is left."""


class Failure(Enum):
    """What a failed group needs."""

    CULPRIT = auto()
    """One of the changes is at fault: find it."""
    AGAIN = auto()
    """Nobody is at fault: two nodes met."""
    LOST = auto()
    """The connection is gone, and with it the answer."""
    STOP = auto()
    """The database will not, for a reason that trying again does not change."""


def failure_of(error: Exception, *, lost: bool) -> Failure:
    """Class an error; `lost` says whether the connection is closed."""
    if isinstance(error, asyncpg.PostgresError):
        return _failure_by_state(error.sqlstate or "")
    if isinstance(error, OSError | TimeoutError | asyncpg.InternalClientError):
        return Failure.LOST
    # With the connection intact, the driver did not like a value; or it is our bug.
    # Without one, it could not be opened, whatever the reason.
    return Failure.LOST if lost else Failure.CULPRIT


def _failure_by_state(sqlstate: str) -> Failure:
    match sqlstate[:2]:
        case "22" | "23":
            return Failure.CULPRIT
        case "40":
            return Failure.AGAIN
        case "08" | "57":
            return Failure.LOST
        case _:
            return Failure.STOP


class Link:
    """A connection that is made when it is needed, and made anew when it was lost."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._connection: Connection | None = None
        self._prepared: dict[str, Prepared] = {}
        self._defined: set[str] = set()
        self._backend: tuple[int, datetime] | None = None
        self.may_define = False
        """Whether the server lets us have routines of our own (the right TEMP)."""

    @property
    def lost(self) -> bool:
        """Whether there is no connection that could be used."""
        return self._connection is None or self._connection.is_closed()

    async def ready(self) -> None:
        """Have a connection, and no backend of the one before."""
        if not self.lost:
            return
        self.drop()
        connection = await self._connect()
        try:
            self._backend = await self._change_backend(connection)
        except BaseException:
            connection.terminate()
            raise
        self._connection = connection

    async def _change_backend(self, connection: "Connection") -> tuple[int, datetime]:
        """End the old connection's backend; give our own pid and its beginning."""
        if self._backend is not None:
            await connection.fetch(
                "SELECT pg_terminate_backend(pid, $3) FROM pg_stat_activity "
                "WHERE pid = $1 AND backend_start = $2",
                *(*self._backend, END_OLD_MS),
                timeout=2 * END_OLD_MS / 1000,
            )
        row = await connection.fetchrow(
            "SELECT pid, backend_start, "
            "has_database_privilege(current_database(), 'TEMP') AS may_define "
            "FROM pg_stat_activity WHERE pid = pg_backend_pid()"
        )
        assert row is not None, "a backend sees itself"
        self.may_define = row["may_define"]
        return (row["pid"], row["backend_start"])

    async def fetch(
        self, sql: str, *values: object, called: str = "journal"
    ) -> list[asyncpg.Record]:
        """Run a statement, prepared on its first use; `ready` came before."""
        statement = self._prepared.get(sql)
        if statement is None:
            # Named, or the driver would have it parsed and planned at each use.
            name = f"{called}_{len(self._prepared)}"
            statement = await self._open().prepare(sql, name=name)
            self._prepared[sql] = statement
        return await statement.fetch(*values)

    async def define(self, routines: Collection[Routine]) -> None:
        """Have these on the server, for this connection and as long as it lasts."""
        missing = {
            routine.called: routine.text
            for routine in routines
            if routine.called not in self._defined
        }
        if missing:
            await self.execute("; ".join(missing.values()))
            self._defined |= missing.keys()

    async def execute(self, command: str) -> None:
        """BEGIN, COMMIT or ROLLBACK."""
        await self._open().execute(command)

    def _open(self) -> "Connection":
        if self._connection is None:
            raise asyncpg.InterfaceError("the connection is closed")
        return self._connection

    def drop(self) -> None:
        """Cut the connection, whatever it is doing."""
        if self._connection is not None:
            self._connection.terminate()
        self._connection = None
        self._prepared = {}
        self._defined = set()

    async def close(self) -> None:
        """Say good-bye."""
        if self._connection is not None and not self.lost:
            await self._connection.close()
        self._connection = None
        self._prepared = {}
