"""A node in memory with a line to a message centre that a test tells what to do."""

import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from message_centre import MessageCentre
from smpp_client import PASSWORD, WITHIN_S, Client

from paycore.gateway import receipts
from paycore.kernel.clock import SystemClock
from paycore.kernel.config import Settings
from paycore.kernel.crypto import KeyRing
from paycore.kernel.ids import SystemIds
from paycore.kernel.journal_memory import MemoryJournal, MemoryStore
from paycore.kernel.node import Node
from paycore.kernel.transport import HttpTransport
from paycore.sms.carrier import Line
from paycore.sms.carriers.smpp import SmppCarrier
from paycore.sms.receipts import Recorder
from paycore.sms.smpp.bind import Binds


@pytest.fixture
async def node():
    """Alive, with what `app.start` gives it; whatever it has open is closed."""
    settings = Settings.for_dev(sms_timeout_s=WITHIN_S)
    clock = SystemClock(datetime.now(UTC))
    made = Node(
        settings=settings,
        journal=MemoryJournal(MemoryStore(), clock),
        clock=clock,
        ids=SystemIds(),
        transport=HttpTransport(),
        key_ring=KeyRing(settings.ring_keys),
    )
    made.state(Recorder).record = receipts.record
    yield made
    await made.state(Binds).close()
    await made.transport.close()


@pytest.fixture
async def centre():
    made = await MessageCentre().open()
    yield made
    await made.close()


@pytest.fixture
def make_client(node, centre):
    """Make a line to the centre, with these settings."""

    def make(base_url=None, **settings):
        driver = SmppCarrier()
        given = {"system_id": "acme", "password": PASSWORD} | settings
        line = Line(
            carrier="smsc",
            driver=driver,
            base_url=base_url or centre.url,
            priority=1,
            config=driver.Config(**given),
        )
        return Client(node, driver, line)

    return make


@pytest.fixture
async def client(make_client):
    """A line that is bound."""
    made = make_client()
    await made.bound()
    return made
