"""The auditor at the end of whatever tests did to payments: it must find nothing."""

import asyncio
from typing import TYPE_CHECKING

from paycore.audit.report import Example
from paycore.audit.service import audit, compare
from paycore.dev.stack import settings_of
from paycore.kernel import db
from paycore.kernel.clock import SystemClock
from paycore.kernel.crypto import KeyRing
from paycore.kernel.ids import SystemIds
from paycore.kernel.journal_postgres import PostgresJournal
from paycore.kernel.node import Node
from paycore.kernel.transport import HttpTransport

if TYPE_CHECKING:
    from stack import Stack


def violations(stack: "Stack") -> list[Example | str]:
    """What a whole audit finds, the banks' word included, and what it cannot answer."""
    return asyncio.run(_violations(stack))


async def _violations(stack: "Stack") -> list[Example | str]:
    dsn = stack.on.cluster.dsn
    settings = settings_of(stack.on.kept, port=1)
    journal, connection = await PostgresJournal.open(dsn), await db.connect(dsn)
    node = Node(
        settings=settings,
        journal=journal,
        clock=SystemClock(await journal.database_now()),
        ids=SystemIds(),
        transport=HttpTransport(),
        key_ring=KeyRing(settings.ring_keys),
    )
    try:
        report = await audit(node, connection, examples=20)
        banks = await compare(
            node, connection, str(stack.control.base_url), examples=20
        )
    finally:
        await node.transport.close()
        await connection.close()
        await journal.close()
    verdicts = (*report.verdicts, banks)
    return [
        *(example for verdict in verdicts for example in verdict.examples),
        *(why for verdict in verdicts for why in verdict.unanswered),
    ]
