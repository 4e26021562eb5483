"""What the channels' tests share: the sandbox's process, and a node to call it from."""

import asyncio
import base64
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from paycore.kernel.clock import SystemClock
from paycore.kernel.config import Settings
from paycore.kernel.crypto import KeyRing
from paycore.kernel.ids import SystemIds
from paycore.kernel.journal_postgres import PostgresJournal
from paycore.kernel.node import Node
from paycore.kernel.transport import HttpTransport

sys.path.insert(0, str(Path(__file__).parent))  # for the suite that channels share
sys.path.insert(1, str(Path(__file__).parent / "example_package" / "src"))

from strangers import Strangers

STARTS_WITHIN_S = 15

collect_ignore = ["example_package"]
"""Its tests are run where it is installed: by test_example_package.py."""


@pytest.fixture(scope="session")
def strangers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Strangers]:
    """Start the sandbox, a process of its own, for this worker's whole session."""
    folder = tmp_path_factory.mktemp("sandbox")
    keys = {"secret": "5c" * 32, "encryption_key": "ec" * 32}
    hooks = ["whsec_" + base64.b64encode(b"w" * 24).decode()]
    config = {"merchants": {"M-100": keys}, "webhook_secrets": hooks}
    (folder / "config.json").write_text(json.dumps(config))
    command = [sys.executable, "-m", "paycore.sandbox", "--port", "0", "--watch-stdin"]
    command += ["--data", str(folder), "--config", str(folder / "config.json")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        yield Strangers(
            control=said["control"],
            banks=said["banks"],
            carriers=said["carriers"],
            merchant="M-100",
            **keys,
        )
        process.terminate()
        process.wait(STARTS_WITHIN_S)


@pytest.fixture
async def node(dsn: str) -> AsyncIterator[Node]:
    """A node that lives: real database, real clock, real network."""
    journal = await PostgresJournal.open(dsn)
    settings = Settings.for_dev()
    node = Node(
        settings=settings,
        journal=journal,
        clock=SystemClock(await journal.database_now()),
        ids=SystemIds(),
        transport=HttpTransport(),
        key_ring=KeyRing(settings.ring_keys),
    )
    node.heartbeat.good_until = node.clock.monotonic() + 600
    yield node
    await node.transport.close()
    await journal.close()
    await asyncio.sleep(0)
