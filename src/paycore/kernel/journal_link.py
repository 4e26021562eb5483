"""One connection of the journal: prepared statements, and what to do when it is lost.

A lost connection may have left a transaction behind that is committing at this very
moment. So the next connection first ends that backend, and only the very one (its pid
and the moment it began), before anything is written again.

Where the server answers a COMMIT only once a standby has it, a wait that is cut short
(by a cancel, an end of the backend) leaves the rows for all to see and on no standby.
So we cut connections and cancel nothing, a backend that waits for a standby is waited
for, and what may have been cut by others is confirmed before it is relied on.
What is written again, and how that is harmless, is `journal_postgres.py`'s business,
and so is how a connection is opened.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterator
from contextlib import contextmanager, suppress
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

END_OLD_MS = 1000
"""How long to wait for a lost connection's backend to end; past it, writing the change
ids again waits for whatever is left."""

CLOSE_S = 5.0

# A backend that waits for a standby has committed: to end it is to show its rows.
END_OLD = (
    "SELECT waits, CASE WHEN NOT waits THEN pg_terminate_backend(pid, $3) END "
    "FROM (SELECT pid, wait_event IS NOT DISTINCT FROM 'SyncRep' AS waits "
    "FROM pg_stat_activity WHERE pid = $1 AND backend_start = $2) AS old"
)

LOOK_AGAIN = "SELECT pg_sleep(0.1)"

# A transaction with nothing in it but a record in the log, which nobody reads. Standbys
# are waited for by place in the log: who has this has all that was seen before it.
CONFIRM = "SELECT pg_logical_emit_message(true, 'paycore', '')"


TALK = frozenset({"varsup.c", "multixact.c", "pl_exec.c"})
"""Where the server says what is no matter of this COMMIT: that numbers of transactions
will run out, and what a trigger of the user's raises."""


class UnconfirmedError(ConnectionError):
    """The server warned: what was just committed may be on no standby."""


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
        # 54: a key too long for its index, a JSON nested too deep.
        case "22" | "23" | "54":
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
        self._warned = False
        self.may_define = False
        """Whether the server lets us have routines of our own (the right TEMP)."""

    @property
    def lost(self) -> bool:
        """Whether there is no connection that could be used."""
        return self._connection is None or self._connection.is_closed()

    async def ready(self, within_s: float) -> None:
        """Have a connection, and no backend of the one before.

        Whatever can be seen through a new connection is on the standby by then, where
        there is one: a server that died and came back shows what it never sent.
        """
        if not self.lost:
            return
        self.drop()
        async with asyncio.timeout(within_s):
            connection = await self._connect()
            try:
                await self._end_old(connection)
                await self._begin(connection)
            except BaseException:
                self.drop()
                connection.terminate()
                raise

    async def _end_old(self, connection: "Connection") -> None:
        """Have no backend of the connection before; wait while that waits."""
        while self._backend is not None:
            old = await connection.fetchrow(END_OLD, *self._backend, END_OLD_MS)
            if old is None or not old["waits"]:
                return
            await connection.execute(LOOK_AGAIN)

    async def _begin(self, connection: "Connection") -> None:
        """Know our own backend, from its first transaction on, and what it may."""
        row = await connection.fetchrow(
            "SELECT pid, backend_start, "
            "has_database_privilege(current_database(), 'TEMP') AS may_define "
            "FROM pg_stat_activity WHERE pid = pg_backend_pid()"
        )
        assert row is not None, "a backend sees itself"
        self._backend = (row["pid"], row["backend_start"])
        self.may_define = row["may_define"]
        connection.add_log_listener(self._hear)
        self._connection = connection
        await self.confirm()

    def _hear(self, _connection: object, message: asyncpg.PostgresLogMessage) -> None:
        """Note a warning; the driver tells of it before it gives the answer."""
        if isinstance(message, asyncpg.PostgresWarning):
            self._warned |= message.as_dict().get("server_source_filename") not in TALK

    @contextmanager
    def limited(self, within_s: float) -> Iterator[None]:
        """Cut the connection if what is done here takes longer.

        A time-out of the driver's would cancel, and so end a wait for a standby.
        """
        timer = asyncio.get_running_loop().call_later(within_s, self._cut)
        try:
            yield
        finally:
            timer.cancel()

    def _cut(self) -> None:
        if self._connection is not None:
            self._connection.terminate()

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
        self._warned = False
        records = await statement.fetch(*values)
        self._refuse_unconfirmed()
        return records

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
        """BEGIN, COMMIT or ROLLBACK, and whatever else has no parameters."""
        self._warned = False
        await self._open().execute(command)
        self._refuse_unconfirmed()

    async def confirm(self) -> None:
        """Wait until all that was seen so far is as durable as the server makes it."""
        await self.execute(CONFIRM)

    def _refuse_unconfirmed(self) -> None:
        """Believe no COMMIT that came with a warning: its wait may have been cut.

        Within a transaction nothing is committed yet, and a trigger may warn.
        """
        if self._warned and not self._open().is_in_transaction():
            raise UnconfirmedError

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
        """Say good-bye; a server that does not hear it is left."""
        if self._connection is not None and not self.lost:
            with suppress(TimeoutError):
                await self._connection.close(timeout=CLOSE_S)
        self._connection = None
        self._prepared = {}
