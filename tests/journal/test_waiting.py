"""Two nodes over the same rows of a table of ours: who is later waits, and is refused;
and whoever waits keeps nobody's life waiting.

PostgreSQL 18.6 died of it where each key was locked by a query of its own, once it had
waited for several wide rows of a partitioned table.
"""

import asyncio
from datetime import UTC, datetime

import asyncpg
import pytest

from paycore.core.rows import AttemptRow, PaymentRow
from paycore.kernel import db
from paycore.kernel.clock import SystemClock
from paycore.kernel.ids import SystemIds, pay_order_no
from paycore.kernel.journal import Change, Refused
from paycore.kernel.journal_postgres import PostgresJournal
from paycore.kernel.journal_sql import Shapes
from paycore.kernel.node import NodeRow
from paycore.kernel.terms import ProcessStatus, TransType
from paycore.sms.rows import CodeRow

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
IDS = SystemIds()


def a_leg() -> AttemptRow:
    no = pay_order_no(IDS, NOW)
    return AttemptRow(
        pay_order_no=no,
        seq=1,
        trans_type=TransType.DEDUCT,
        process_status=ProcessStatus.GW_DOING,
        channel="deduct_a",
        account="main",
        inst_trans_id="deduct_a.deduct",
        request_no=f"{no}01",
        amount=5,
        currency="CNY",
        created_at=NOW,
        quiet_from=NOW,
    )


@pytest.fixture
async def rival(dsn):
    """Another node's connection, which asks no triggers."""
    await db.migrate(dsn)
    connection = await asyncpg.connect(dsn)
    await connection.execute("SET session_replication_role = replica")
    yield connection
    await connection.close()


async def test_who_waits_for_rows_of_another_gets_them_in_the_end(dsn, rival):
    """One row, two, many: the database lives on, and the change is refused."""
    legs = [a_leg() for _ in range(8)]
    shape = Shapes().of(AttemptRow)
    await rival.fetch(shape.append, shape.told(legs))
    journal = await PostgresJournal.open(dsn, clock=SystemClock(NOW), patience_s=60.0)
    try:
        for count in (1, 2, 8):
            async with rival.transaction():
                numbers = [leg.pay_order_no for leg in legs[:count]]
                await rival.execute(_UPDATED, numbers)
                change = Change(IDS.uuid())
                for leg in legs:
                    change.update(leg, version=1)
                late = asyncio.create_task(journal.commit(change))
                await asyncio.sleep(0.1)
            assert isinstance(await late, Refused)
    finally:
        await journal.close()


_UPDATED = """
    UPDATE attempt SET version = version + 1, resp_msg = resp_msg || 'x'
    WHERE pay_order_no = ANY($1)
"""


async def test_who_reads_what_is_locked_stops_no_heartbeat(dsn, rival):
    """All that a life hangs on is asked beside readers who wait for a table: otherwise
    every node would lose its epoch with them.
    """
    journal = await PostgresJournal.open(dsn, clock=SystemClock(NOW), patience_s=60.0)
    no = a_leg().pay_order_no
    try:
        async with rival.transaction():
            await rival.execute("LOCK TABLE payment, attempt, sms_code")
            readers = [
                asyncio.create_task(ask)
                for day in ("01", "02")
                for ask in (
                    journal.load(PaymentRow, f"2611{day}{no[6:]}"),
                    journal.within(AttemptRow, f"2611{day}{no[6:]}"),
                    journal.within(CodeRow, f"2611{day}{no[6:]}"),
                )
            ]
            await asyncio.sleep(0.2)
            async with asyncio.timeout(30):
                await journal.every(NodeRow)
                await journal.database_now()
            assert not any(reader.done() for reader in readers)
        await asyncio.gather(*readers)
    finally:
        await journal.close()
