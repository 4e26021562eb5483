"""What the channels' tests share: the sandbox's process, and a node to call it from."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from paycore.dev import vendors
from paycore.gateway import receipts
from paycore.gateway.accounts import Accounts
from paycore.kernel.clock import SystemClock
from paycore.kernel.config import Settings
from paycore.kernel.crypto import KeyRing
from paycore.kernel.ids import SystemIds
from paycore.kernel.journal import Journal
from paycore.kernel.journal_memory import MemoryJournal
from paycore.kernel.journal_postgres import PostgresJournal
from paycore.kernel.node import Node
from paycore.kernel.transport import HttpTransport
from paycore.sms import service as sms
from paycore.sms.receipts import Recorder

sys.path.insert(0, str(Path(__file__).parent))  # for the suite that channels share
sys.path.insert(1, str(Path(__file__).parent / "example_package" / "src"))

from door import Door
from playing import playing
from strangers import Installation, Strangers

collect_ignore = ["example_package"]
"""Its tests are run where it is installed: by test_example_package.py."""


@pytest.fixture(scope="session")
def strangers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Strangers]:
    """Start the sandbox, a process of its own, for this worker's whole session; it
    plays all providers that it can.
    """
    contracts = vendors.added({}, (*vendors.BANKS, *vendors.CARRIERS))
    with playing(tmp_path_factory.mktemp("sandbox"), contracts) as found:
        yield found


@pytest.fixture
async def node(dsn: str) -> AsyncIterator[Node]:
    """A node that lives: real database, real clock, real network."""
    journal = await PostgresJournal.open(dsn)
    clock = SystemClock(await journal.database_now())
    node = _node(journal, clock, Settings.for_dev())
    yield node
    await node.transport.close()
    await journal.close()
    await asyncio.sleep(0)


@pytest.fixture(scope="class")
def installation() -> Installation:
    """What the nodes of a class of tests have in common."""
    # On a busy machine a program that has just started may take seconds to let one in.
    return Installation(settings=Settings.for_dev(connect_timeout_s=10))


@pytest.fixture
async def light_node(installation: Installation) -> AsyncIterator[Node]:
    """A node with a journal in memory, for promises that are not about the database:
    they are many, and it is made in no time.
    """
    clock = SystemClock(datetime.now(UTC))
    journal = MemoryJournal(installation.store, clock)
    node = _node(journal, clock, installation.settings)
    node.state(Accounts, lambda: installation.accounts)
    node.state(Recorder).record = receipts.record
    yield node
    await sms.let_go(node)
    await node.transport.close()
    await asyncio.sleep(0)


@pytest.fixture
async def door(light_node: Node, strangers: Strangers) -> AsyncIterator[Door]:
    """Open our door to what providers tell."""
    door = Door(light_node, strangers.door)
    await door.open()
    yield door
    await door.close()


def _node(journal: Journal, clock: SystemClock, settings: Settings) -> Node:
    node = Node(
        settings=settings,
        journal=journal,
        clock=clock,
        ids=SystemIds(),
        transport=HttpTransport(),
        key_ring=KeyRing(settings.ring_keys),
    )
    node.heartbeat.good_until = node.clock.monotonic() + 600
    return node
