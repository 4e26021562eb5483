"""The months of payments' numbers: nobody from outside writes into one that is not
there, and a node makes what lacks before it listens.
"""

import asyncio
import json
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import asyncpg
import httpx2 as httpx
import pytest
from bank import Bank
from inside import inside, rows
from sql import ask
from stack import Payer, Stack, stacked

from paycore.dev.processes import free_port, start_node
from paycore.dev.stack import settings_of
from paycore.gateway.rows import MessageRow

LETTERS = "ABCDEFGHJKM"
WHICH_LACK = """
SELECT c.relname FROM pg_class c JOIN pg_partitioned_table ON c.oid = partrelid
WHERE to_regclass(c.relname || '_p' || $1) IS NULL
"""
CALLBACKS = """
SELECT pay_order_no, verdict, body FROM gateway_message
WHERE direction = 'CALLBACK' AND body LIKE '%' || $1 || '%'
"""


@pytest.fixture(scope="module")
def own() -> Iterator[Stack]:
    """A stack whose months may be taken away: no node of it runs, to make them anew."""
    with stacked() as stack:
        for node in stack.nodes:
            node.stop()
        yield stack


def number(days: float) -> str:
    """One that nobody was given, of so many days from now."""
    at = datetime.now(UTC) + timedelta(days=days)
    return f"{at:%y%m%d%H%M%S}123{LETTERS}"


@pytest.mark.parametrize("days", [150, 0, -700], ids=["ahead", "now", "long ago"])
def test_a_strangers_number_makes_no_row(payer: Payer, days: float):
    """F62: what nobody signed and names no order of ours is refused, and not kept: a
    row of a month to come would be in the way of it.
    """
    no = number(days)
    answer = payer.api.post("/callbacks/quick_a/main", content=f'{{"no":"{no}01"}}')

    assert 400 == answer.status_code
    assert [] == rows(payer.stack, MessageRow, no)


@pytest.mark.parametrize("days", [150, -1], ids=["ahead", "yesterday"])
def test_what_a_bank_says_of_no_order_of_ours_is_kept(payer: Payer, days: float):
    """It may be money that we forgot: under its number, or where that is of a month to
    come under one of this month; its words say which.
    """
    real, no = payer.open().json()["pay_order_no"], number(days)
    bank = Bank(payer.stack, "quick_a")
    answer = bank.call_back(payer, real, request_id=f"{no}01", pay_order_no=no)

    assert 400 == answer.status_code
    (kept,) = ask(payer.stack, CALLBACKS, no)
    assert kept["verdict"].startswith("SUCCEEDED")
    assert (days < 0) == (kept["pay_order_no"] == no)
    assert f"{datetime.now(UTC):%y%m}" >= kept["pay_order_no"][:4]


@pytest.mark.long
def test_a_node_makes_what_lacks_before_it_listens(own: Stack):
    """What lies in the default partition moves in, and the node says so."""
    month, no = _next_month(), f"{_next_month()}05101112123{LETTERS}"
    for (table,) in ask(own, WHICH_LACK, "none"):
        ask(own, f"DROP TABLE {table}_p{month}")
    ask(
        own,
        "INSERT INTO gateway_message VALUES ($1, gen_random_uuid(), 1, 'CALLBACK', '',"
        " 'quick_a', 'main', now(), 'REFUSED', '42 octets', NULL)",
        no,
    )
    figures, said = _started(own)

    assert [] == ask(own, WHICH_LACK, month)
    assert 1 == len(rows(own, MessageRow, no))
    assert "paycore_partitions_missing 0.0" in figures
    moved = 'paycore_partition_rows_moved_total{table="gateway_message"} 1.0'
    assert moved in figures
    made = {one["partition"] for one in said if one["event"] == "month_made"}
    assert f"payment_p{month}" in made


def test_a_month_that_cannot_be_made_is_named(own: Stack):
    """The node serves; its log says what is in the way, and so does a figure."""
    month = _next_month()
    ask(own, f"DROP TABLE accounting_posting_p{month}")

    async def meanwhile(_: object) -> tuple[str, list[dict[str, object]]]:
        reader = await asyncpg.connect(own.on.cluster.dsn)
        async with reader.transaction(readonly=True):
            await reader.fetch("SELECT count(*) FROM accounting_posting")
            told = await asyncio.to_thread(_started, own)
        await reader.close()
        return told

    figures, said = inside(own, meanwhile)

    assert "paycore_partitions_missing 1.0" in figures
    missing, *_ = [one for one in said if one["event"] == "months_missing"]
    assert [f"accounting_posting_p{month}"] == missing["lack"]
    assert "warning" == missing["level"]
    assert "database_away" not in {one["event"] for one in said}
    _started(own)
    assert [] == ask(own, WHICH_LACK, month)


def _next_month() -> str:
    now = datetime.now(UTC)
    return f"{now.replace(day=28) + timedelta(days=7):%y%m}"


def _started(stack: Stack) -> tuple[str, list[dict[str, object]]]:
    """A node that has just begun to listen: its figures, and all that it has said."""
    with tempfile.TemporaryFile() as log:
        said = {**stack.overrides, "log_level": "info", "log_format": "json"}
        settings = settings_of(stack.on.kept, port=free_port(), **said)
        node = start_node(stack.on.cluster.dsn, settings, log=log)
        figures = httpx.get(f"{node.info.api}/metrics", timeout=120).text
        node.stop()
        log.seek(0)
        return figures, [json.loads(line) for line in log if line.startswith(b"{")]
