"""A database of real payments to audit: made once, and copied for whoever breaks it."""

import asyncio
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "flows"))
sys.path.insert(0, str(Path(__file__).parent))
sys.path.append(str(Path(__file__).parents[2] / "contracts"))

from payments import fill
from stack import Stack, stacked

TEMPLATE = "audit_template"

NOBODYS_LEDGER = {
    "ledger_url": "http://127.0.0.1:9/postings",
    "ledger_secret": "cGF5Y29yZSBsZWRnZXIgdGVzdCBrZXkgMzIgb2N0ISE=",
    "ledger_alarm_s": 86_400,
}
"""Where nobody listens: what was posted waits to be told."""

# As if a node went on looking at what is open, however long the tests take.
LOOKED_AT = """
SET session_replication_role = replica;
UPDATE payment SET next_check_at = next_check_at + interval '1 day'
WHERE next_check_at IS NOT NULL;
UPDATE coupon SET next_check_at = next_check_at + interval '1 day'
WHERE next_check_at IS NOT NULL;
UPDATE notify_notice SET next_check_at = next_check_at + interval '1 day'
WHERE next_check_at IS NOT NULL;
UPDATE refund SET next_check_at = next_check_at + interval '1 day'
WHERE next_check_at IS NOT NULL;
"""


@dataclass(slots=True)
class Filled:
    """The stack, and by name the payments that were made on it."""

    stack: Stack
    made: dict[str, str] = field(default_factory=dict)

    def run(self, statement: str, *, at: str = "postgres") -> None:
        """One statement on one of the cluster's databases."""

        async def run() -> None:
            connection = await asyncpg.connect(self.stack.on.cluster.dsn_of(at))
            try:
                await connection.execute(statement)
            finally:
                await connection.close()

        asyncio.run(run())


@pytest.fixture(scope="session")
def filled() -> Iterator[Filled]:
    """Payments of every kind, and then a node that goes on."""
    with stacked(audit_every_s=1, **NOBODYS_LEDGER) as stack:
        found = Filled(stack)
        found.made = fill(stack)
        stack.nodes[0].stop()
        main = stack.on.cluster.dsn.rpartition("@/")[2].partition("?")[0]
        found.run(f'CREATE DATABASE {TEMPLATE} TEMPLATE "{main}"')
        found.run(LOOKED_AT, at=TEMPLATE)
        stack.start_node()
        yield found


@pytest.fixture(scope="session")
def made(filled: Filled) -> dict[str, str]:
    """The payments by name."""
    return filled.made


@pytest.fixture(scope="session")
def payments(made: dict[str, str]) -> set[str]:
    """Their numbers; a signing has one of the same form."""
    return {no for name, no in made.items() if name != "signing"}


@pytest.fixture
def copy(filled: Filled) -> Iterator[str]:
    """A copy of the payments, to be broken."""
    filled.run(f"CREATE DATABASE broken TEMPLATE {TEMPLATE}")
    yield filled.stack.on.cluster.dsn_of("broken")
    filled.run("DROP DATABASE broken WITH (FORCE)")


@pytest.fixture(scope="session")
def copy_once(filled: Filled) -> str:
    """The payments as they were made, for who only reads."""
    return filled.stack.on.cluster.dsn_of(TEMPLATE)
