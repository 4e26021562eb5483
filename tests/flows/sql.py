"""SQL of the test's own on a stack's database: to look, to lock, and to break."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import asyncpg
from stack import Stack


def ask(stack: Stack, sql: str, *values: object) -> list[asyncpg.Record]:
    """What a statement gives."""

    async def run() -> list[asyncpg.Record]:
        connection = await asyncpg.connect(stack.on.cluster.dsn)
        try:
            return await connection.fetch(sql, *values)
        finally:
            await connection.close()

    return asyncio.run(run())


class Session:
    """One connection that stays open: what it locks stays locked."""

    def __init__(self, stack: Stack) -> None:
        self._loop = asyncio.new_event_loop()
        try:
            self._connection = self.wait_for(asyncpg.connect(stack.on.cluster.dsn))
        except BaseException:
            self._loop.close()
            raise

    def wait_for(self, work):
        """What comes of it."""
        return self._loop.run_until_complete(work)

    def run(self, sql: str, *values: object) -> list[asyncpg.Record]:
        """Run a statement."""
        return self.wait_for(self._connection.fetch(sql, *values))

    def close(self) -> None:
        """Let go of all it holds."""
        self.wait_for(self._connection.close())
        self._loop.close()


@contextmanager
def session(stack: Stack) -> Iterator[Session]:
    """A connection for as long as the block runs."""
    made = Session(stack)
    try:
        yield made
    finally:
        made.close()


def _altered(stack: Stack, sql: str) -> None:
    """Change a table beside commits: it locks all its months, they the other tables,
    and whom of the two the server refuses is its choice.
    """
    for _ in range(100):
        with suppress(asyncpg.DeadlockDetectedError):
            ask(stack, sql)
            return
    raise AssertionError(sql)


@contextmanager
def failing(
    stack: Stack, table: str, *, sqlstate: str, when: str = "true", on: str = ""
) -> Iterator[None]:
    """Let the server refuse such rows with this SQLSTATE, inside the block."""
    drop = f"DROP TRIGGER IF EXISTS struck ON {table}"
    _altered(
        stack,
        "CREATE OR REPLACE FUNCTION struck() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN IF {when} THEN RAISE EXCEPTION 'struck' USING ERRCODE = "
        f"'{sqlstate}'; END IF; RETURN NEW; END $$",
    )
    _altered(
        stack,
        f"CREATE TRIGGER struck BEFORE {on or 'INSERT OR UPDATE'} ON {table} "
        "FOR EACH ROW EXECUTE FUNCTION struck()",
    )
    try:
        yield
    finally:
        _altered(stack, drop)
