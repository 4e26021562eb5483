"""What the database itself refuses of a removal, whatever the code does."""

import asyncpg
import pytest
from long_ago import MONTHLY

from paycore.core.rows import PaymentRow
from paycore.retention import removal
from paycore.retention.catalogue import RULES, How

RECORD = """
INSERT INTO retention_removal
    (removal_id, table_name, how, before, until, rows, octets, begun_at)
VALUES (gen_random_uuid(), $1, 'DELETED', $2, clock_timestamp(), 0, 0,
        clock_timestamp())
"""
NEXT_CENTURY = "99"


async def on_record(pool, table, before, statement):
    """A statement with a record in its transaction."""
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(RECORD, table, before)
        await connection.execute(statement)


@pytest.mark.parametrize("table", MONTHLY)
async def test_nothing_goes_without_a_record(past, pool, table):
    """A DELETE is refused, of old rows too, and so are an UPDATE and a TRUNCATE."""
    await past.payment(past.ago(500))
    for statement in (f"DELETE FROM {table}", f"TRUNCATE {table}"):
        with pytest.raises(asyncpg.CheckViolationError, match="kept as they are"):
            await pool.execute(statement)

    assert [1] == await past.counts(table)


@pytest.mark.parametrize("table", MONTHLY)
async def test_a_record_is_good_for_its_own_transaction_and_table(past, pool, table):
    """It opens the door for what is deleted with it, and for nothing after."""
    no = await past.payment(past.ago(500))
    another = next(one for one in MONTHLY if one != table)
    await pool.execute(RECORD, table, NEXT_CENTURY)
    with pytest.raises(asyncpg.CheckViolationError):
        await pool.execute(f"DELETE FROM {table}")
    for of, before in ((another, NEXT_CENTURY), (table, no)):
        with pytest.raises(asyncpg.CheckViolationError):
            await on_record(pool, of, before, f"DELETE FROM {table}")
    await on_record(pool, table, NEXT_CENTURY, f"DELETE FROM {table}")

    assert [0] == await past.counts(table)


@pytest.mark.parametrize("table", MONTHLY)
@pytest.mark.parametrize("held", ["open", "case", "refund"])
async def test_a_record_is_not_good_for_what_is_open(past, pool, table, held):
    """Of an open payment, or one with a case or a refund that is under way, nothing
    goes on any record.
    """
    no = await past.payment(past.ago(500), open_still=held == "open")
    if held == "case":
        await past.write([past.case(no)])
    if held == "refund":
        for row in past.refund(no):  # what it holds comes first
            await past.write([row])
    with pytest.raises(asyncpg.CheckViolationError):
        await on_record(pool, table, NEXT_CENTURY, f"DELETE FROM {table}")

    assert [1] == await past.counts(table)


@pytest.mark.parametrize("table", ["gateway_message", "router_decision", "trail"])
async def test_a_record_is_no_leave_to_change(past, pool, table):
    """What happened may be taken away when it is old, and never be altered."""
    await past.payment(past.ago(500))

    with pytest.raises(asyncpg.CheckViolationError):
        await on_record(pool, table, NEXT_CENTURY, f"UPDATE {table} SET at = at")


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM retention_removal",
        "TRUNCATE retention_removal",
        "UPDATE retention_removal SET rows = rows - 1",
        "UPDATE retention_removal SET before = '00'",
        "UPDATE retention_removal SET table_name = 'payment'",
        "UPDATE retention_removal SET until = until + interval '1 day'",
    ],
)
async def test_the_record_stays(past, pool, statement):
    """What was taken away can be read for ever, as it was."""
    await pool.execute(RECORD, "trail", NEXT_CENTURY)
    await pool.execute("UPDATE retention_removal SET rows = 7")

    with pytest.raises(asyncpg.CheckViolationError):
        await pool.execute(statement)


async def test_a_finished_record_no_longer_grows(past, pool):
    """What is written down at the end is the last word."""
    await pool.execute(RECORD, "trail", NEXT_CENTURY)
    await pool.execute("UPDATE retention_removal SET finished_at = clock_timestamp()")

    with pytest.raises(asyncpg.CheckViolationError):
        await pool.execute("UPDATE retention_removal SET rows = rows + 1")


async def test_an_answer_is_kept_for_as_long_as_was_promised(past, pool):
    """By the database's own clock, whatever a node's says (I18)."""
    await past.write([past.key(past.ago(-0.01))])
    with pytest.raises(asyncpg.CheckViolationError):
        await pool.execute("DELETE FROM idempotency_key")

    assert [1] == await past.counts("idempotency_key")


async def test_what_a_group_takes_back_it_may(past, node):
    """A refused change's rows are deleted by the transaction that wrote them."""
    no = await past.payment(past.ago(1))
    change = node.change()
    change.insert(past.key(past.ago(-1)))
    change.insert(past.message(no, past.ago(1)))
    change.insert(await node.journal.load(PaymentRow, no))
    refused = await node.journal.commit(change)

    assert "payment" == refused.guard
    assert [0, 1] == await past.counts("idempotency_key", "gateway_message")


def test_every_monthly_table_is_guarded():
    """A table that goes by the month is one of those that these tests try."""
    monthly = {rule.table for rule in RULES if rule.how is How.MONTH}

    assert set(MONTHLY) == monthly
    assert removal.LOCK_MS < 1000
