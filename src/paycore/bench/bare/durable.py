"""The same payment as durable workflows on DBOS: what somebody might use instead of us.

The best settings that we know: business rows in grouped commits as on the bare path,
asynchronous steps, one a commit and one a call, an executor a process. What each step
came to DBOS keeps in its system database, which is beside ours on the same server.
Who is asked for a workflow's outcome is the one who began it: nobody polls.
"""

import importlib.util
import os

from paycore.bench.bare.service import CONFIRM, SEND, Desk, Fields

POOL = 20
"""Connections of a process to the system database."""

THREADS = 8
"""Of a process, where DBOS would make as many as it likes: they share one interpreter,
and a payment cost an eighth more."""


def available() -> bool:
    """Whether DBOS is installed: only the benchmark needs it."""
    return importlib.util.find_spec("dbos") is not None


class Durable:
    """Each way a workflow, each step of it remembered. One a process."""

    def __init__(self, desk: Desk, dsn: str) -> None:
        from dbos import DBOS  # noqa: PLC0415 see `available`

        self._dbos = DBOS
        DBOS(
            config={
                "name": "paycore-bench",
                "system_database_url": dsn,
                "sys_db_pool_size": POOL,
                "max_executor_threads": THREADS,
                # Nobody waits for an event: a listener has nothing to listen to.
                "use_listen_notify": False,
                "executor_id": f"bench-{os.getpid()}",
                "run_admin_server": False,
                "log_level": "WARNING",
            }
        )

        @DBOS.step()
        async def write(commit: int, no: str) -> None:
            await desk.write(commit, no)

        @DBOS.step()
        async def ask(path: str, fields: Fields) -> None:
            await desk.calls.ask(path, fields)

        @DBOS.step()
        async def tell(no: str) -> None:
            await desk.tell(no)

        @DBOS.workflow()
        async def send(no: str, fields: Fields) -> None:
            await write(0, no)
            await ask(SEND, fields)
            await write(1, no)

        @DBOS.workflow()
        async def confirm(no: str, fields: Fields) -> None:
            await write(2, no)
            await ask(CONFIRM, fields)
            await write(3, no)

        @DBOS.workflow()
        async def announce(no: str) -> None:
            await tell(no)
            await write(4, no)
            del desk.open[no]

        self._send, self._confirm, self._announce = send, confirm, announce
        DBOS.launch()

    async def send(self, no: str, fields: Fields) -> None:
        """An order, and the bank's code."""
        await self._send(no, fields)

    async def confirm(self, no: str, fields: Fields) -> None:
        """The code, and the money."""
        await self._confirm(no, fields)

    async def announce(self, no: str) -> None:
        """In the background, by DBOS."""
        await self._dbos.start_workflow_async(self._announce, no)
