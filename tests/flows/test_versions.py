"""Two versions side by side: what a newer schema adds, an older node lives with.

The newer version is a migration that only adds, as the next one may: columns with and
without a default, an index and a table. What new nodes write into them must survive old
ones, who write the same rows.
"""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass

import httpx2 as httpx
import pytest
from facts import BANKS_OF_LINE, paid_once
from refunding import paid, refund, until
from sql import ask
from stack import PATIENCE_S, SHOP, TICKETS, Payer, Stack, stacked

from paycore.app import SCHEMA_KNOWN_S
from paycore.kernel import db
from paycore.kernel.db import Migration

pytestmark = pytest.mark.long

BOTH_WAYS = pytest.mark.parametrize("line", [SHOP, TICKETS])
ADDED = ("payment", "attempt", "refund", "refund_total", "notify_notice", "sms_code")
SEEN_WITHIN_S = 60


def _next(sql: str, *, number: int = 9001) -> list[Migration]:
    return [*db.migrations(), Migration.of(f"{number}_next.sql", sql)]


EXPANDS = (
    "-- Expands: nodes of the version before go on.\n"
    + "".join(
        f"ALTER TABLE {table} ADD COLUMN next_one text,"
        " ADD COLUMN next_two bigint NOT NULL DEFAULT 7;"
        for table in ADDED
    )
    + (
        "CREATE TABLE next_table (x int);"
        "CREATE INDEX next_index ON payment (next_one) WHERE next_one IS NOT NULL"
    )
)


@dataclass(frozen=True)
class Upgraded:
    """A stack of our own with two nodes, whose schema a newer version has added to; and
    what was begun before that, by line.
    """

    stack: Stack
    begun: dict[int, tuple[Payer, str]]


@pytest.fixture(scope="module")
def upgraded() -> Iterator[Upgraded]:
    """Nobody tells the nodes anything."""
    with stacked(money_timeout_s=3, enquiry_timeout_s=1) as stack:
        stack.start_node()
        payers = {line: stack.payer(line) for line in (SHOP, TICKETS)}
        begun = {
            line: (payer, payer.open().json()["pay_order_no"])
            for line, payer in payers.items()
        }
        asyncio.run(db.migrate(stack.on.cluster.dsn, files=_next(EXPANDS)))
        yield Upgraded(stack, begun)


def _ready(stack: Stack, node: int) -> bool:
    address = stack.nodes[node].info.api
    answer = httpx.get(f"{address}/readyz", trust_env=False, timeout=PATIENCE_S)
    return 200 == answer.status_code


def _becomes_ready(stack: Stack, node: int) -> bool:
    """It may have been too busy to look; what cannot be understood stays so."""
    deadline = time.monotonic() + SEEN_WITHIN_S
    while not (ready := _ready(stack, node)) and time.monotonic() < deadline:
        time.sleep(0.3)
    return ready


@BOTH_WAYS
def test_what_was_begun_before_is_finished_beside_a_newer_schema(
    upgraded: Upgraded, line: int
):
    """F71: opened before the migration, charged after it, given back in part; what a
    newer node wrote beside it stays.
    """
    stack, (payer, no) = upgraded.stack, upgraded.begun[line]
    ask(stack, "UPDATE payment SET next_one = 'new' WHERE pay_order_no = $1", no)

    assert "SUCCESS" == payer.pays(no)["biz_status"]

    paid_once(payer, no, at=BANKS_OF_LINE[line])
    made = refund(payer, no, amount=100).json()
    assert "SUCCESS" == until(payer, made["refund_no"])["biz_status"]
    (kept,) = ask(
        stack, "SELECT next_one, next_two FROM payment WHERE pay_order_no = $1", no
    )
    assert ("new", 7) == tuple(kept)


def test_old_nodes_stay_fit_beside_it(upgraded: Upgraded):
    """F71: they go on saying that they take payments, and do."""
    time.sleep(SCHEMA_KNOWN_S + 1)  # so long what was read of the schema is believed

    assert _becomes_ready(upgraded.stack, 0)
    assert _becomes_ready(upgraded.stack, 1)
    paid(upgraded.stack.payer(SHOP))


def test_an_old_node_starts_again_beside_it(upgraded: Upgraded):
    """F71: the way back from a version that is no good is the one before."""
    upgraded.stack.start_node()

    assert _becomes_ready(upgraded.stack, 2)


def test_what_does_more_than_add_stops_old_nodes(upgraded: Upgraded):
    """F71: a schema that an old node may not understand takes it off at once."""
    stack, files = upgraded.stack, _next(EXPANDS)
    other = Migration.of("9002_other.sql", "CREATE TABLE not_said_to_expand (x int)")
    asyncio.run(db.migrate(stack.on.cluster.dsn, files=[*files, other]))

    deadline = time.monotonic() + SEEN_WITHIN_S
    while _ready(stack, 0):
        assert time.monotonic() < deadline
        time.sleep(0.3)
    ask(stack, "DROP TABLE not_said_to_expand")
    ask(stack, "DELETE FROM schema_migration WHERE number = 9002")
