"""The catalogue knows every table, and what it says of them is so."""

import re

import pytest

from paycore.cli.schema_page import _row_types
from paycore.kernel.config import Settings
from paycore.kernel.described import fields_of
from paycore.retention.catalogue import FOR_GOOD, RULES, How

TABLES = """
SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition
"""


async def test_every_table_is_there_once(pool):
    """A new table says how long its rows are kept, or why for good
    (`src/paycore/retention/catalogue.py`).
    """
    tables = {row[0] for row in await pool.fetch(TABLES)}
    by_age = [rule.table for rule in RULES]

    assert tables == {*by_age, *FOR_GOOD}
    assert len(tables) == len(by_age) + len(FOR_GOOD)


async def test_what_is_partitioned_goes_by_the_month(pool):
    """And what is kept of a payment for good is named for good."""
    parted = {
        row[0]
        for row in await pool.fetch("SELECT relname FROM pg_class WHERE relkind = 'p'")
    }
    by_month = {rule.table for rule in RULES if rule.how is How.MONTH}

    assert parted == by_month | (parted & FOR_GOOD.keys())


def test_every_setting_is_one():
    """Named as the settings have it, and never so short that it takes what may still
    be asked after.
    """
    settings = {field.name: field.default for field in fields_of(Settings)}
    named = [rule.setting for rule in RULES if rule.setting]

    assert {name for name in settings if name.startswith("keep_")} == set(named)
    with pytest.raises(AttributeError):
        RULES[0].setting = "x"


async def test_whatever_waits_for_somebody_holds_its_payment(pool):
    """Each kind of row that is claimed and names its payment is in `retention_held`:
    what is open of a payment keeps all that the payment has.
    """
    view = await pool.fetchval("SELECT pg_get_viewdef('retention_held'::regclass)")
    waiting = {
        row.__table__.name
        for row in _row_types()
        if row.__table__.claimed and "pay_order_no" in row.__struct_fields__
    }

    assert {"payment", "notify_notice"} <= waiting
    assert set() == {name for name in waiting if f" {name}\n" not in view}


async def test_what_is_held_is_found_without_the_history(pool):
    """The view reads by partial indexes of what is open, and no table as a whole."""
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL enable_seqscan = off")
        lines = await connection.fetch("EXPLAIN SELECT * FROM retention_held")
    plan = "\n".join(line[0] for line in lines)
    read = set(re.findall(r"Index (?:Only )?Scan (?:using|on) (\w+)", plan))

    assert "Seq Scan" not in plan
    assert "desk_case_open_payment" in read
    assert all(
        name.endswith("_next_check_at_idx")
        for name in read - {"desk_case_open_payment"}
    )
