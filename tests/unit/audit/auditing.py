"""A node to audit with, and what it finds."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from paycore.audit.report import Example, Report
from paycore.audit.service import Verdict, audit, compare
from paycore.kernel import db
from paycore.kernel.clock import SystemClock
from paycore.kernel.config import Settings
from paycore.kernel.crypto import KeyRing
from paycore.kernel.ids import SystemIds
from paycore.kernel.journal_postgres import PostgresJournal
from paycore.kernel.node import Heartbeat, Node
from paycore.kernel.terms import Epoch
from paycore.kernel.transport import HttpTransport


@asynccontextmanager
async def node_on(dsn: str, epoch: int = 1, **settings: object) -> AsyncIterator[Node]:
    """A node on a database, without a life of its own."""
    journal = await PostgresJournal.open(dsn)
    given = Settings.for_dev(**settings)
    transport = HttpTransport()
    try:
        yield Node(
            settings=given,
            journal=journal,
            clock=SystemClock(await journal.database_now()),
            ids=SystemIds(),
            transport=transport,
            key_ring=KeyRing(given.ring_keys),
            heartbeat=Heartbeat(epoch=Epoch(epoch)),
        )
    finally:
        await transport.close()
        await journal.close()


async def audited(dsn: str, **asked: object) -> Report:
    """One audit of a database."""
    async with node_on(dsn) as node:
        connection = await db.connect(dsn)
        try:
            return await audit(node, connection, **asked)
        finally:
            await connection.close()


async def found_in(dsn: str, **asked: object) -> list[Example]:
    """Everything that an audit finds wrong; every question was answered."""
    report = await audited(dsn, examples=100, **asked)
    assert 0 == report.unanswered, [one.unanswered for one in report.verdicts]
    assert report.violations == sum(len(one.examples) for one in report.verdicts)
    return [example for one in report.verdicts for example in one.examples]


async def plant(dsn: str, sql: str) -> None:
    """Write past triggers."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(f"SET session_replication_role = replica; {sql}")
    finally:
        await connection.close()


async def compared(filled, dsn: str | None = None, **asked: object) -> Verdict:
    """What the banks charged, against the stack's database or a copy of it."""
    dsn = dsn or filled.stack.on.cluster.dsn
    async with node_on(dsn) as node:
        connection = await db.connect(dsn)
        try:
            control = str(filled.stack.control.base_url)
            return await compare(node, connection, control, **asked)
        finally:
            await connection.close()
