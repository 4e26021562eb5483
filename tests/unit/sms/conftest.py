"""A node with the SMS centre on real parts: PostgreSQL, and the sandbox's carriers."""

import json
import select
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx2
import pytest
from msgspec import structs

from paycore.kernel.clock import SystemClock
from paycore.kernel.config import Settings
from paycore.kernel.crypto import KeyRing
from paycore.kernel.ids import SystemIds, attempt_id, pay_order_no
from paycore.kernel.journal_postgres import PostgresJournal
from paycore.kernel.node import Node
from paycore.kernel.terms import CardId, PayOrderNo
from paycore.kernel.transport import HttpTransport
from paycore.sms import service
from paycore.sms.delivery import Sent
from paycore.sms.rows import CodeRow
from paycore.sms.service import SendRequest, Verified, VerifyRequest

MERCHANT = {"merchant": "m1", "secret": "5ec7e7" * 10}
AMOUNT = 12_50
WITHIN_S = 20.0
"""For a carrier that answers, however busy the machine is."""
SILENT_S = 1.5
"""So long one that never answers is waited for."""


class Sandbox:
    """The sandbox's control, as a test uses it."""

    def __init__(self, info: Mapping[str, Any]) -> None:
        self.carriers: Mapping[str, str] = info["carriers"]
        self._control = httpx2.Client(base_url=info["control"], timeout=60)

    def fault(self, target: str, fault: str) -> None:
        """Have a carrier fail from now on."""
        body = {"target": target, "fault": fault}
        self._control.post("/control/faults", json=body).raise_for_status()

    def heal(self) -> None:
        """Clear all faults."""
        self._control.delete("/control/faults").raise_for_status()

    def texts(self, phone: str) -> list[dict[str, str]]:
        """What reached a phone, newest last."""
        reply = self._control.get("/control/sms", params={"phone": phone})
        found: list[dict[str, str]] = reply.raise_for_status().json()
        return found

    def close(self) -> None:
        """Let go of the connection."""
        self._control.close()


@pytest.fixture(scope="module")
def sandbox_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    folder: Path = tmp_path_factory.mktemp("sandbox")
    config = folder / "config.json"
    keys = {"secret": MERCHANT["secret"], "encryption_key": "00" * 32}
    config.write_text(json.dumps({"merchants": {"m1": keys}, "webhook_secrets": []}))
    command = [sys.executable, "-m", "paycore.sandbox", "--port", "0"]
    command += ["--data", str(folder), "--config", str(config), "--watch-stdin"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert select.select([child.stdout], [], [], 60)[0], "the sandbox is silent"
        sandbox = Sandbox(json.loads(child.stdout.readline()))
        yield sandbox
        sandbox.close()
        child.terminate()


@pytest.fixture
def sandbox(sandbox_process: Sandbox) -> Iterator[Sandbox]:
    yield sandbox_process
    sandbox_process.heal()


@dataclass
class Centre:
    """The SMS centre of one node, and one payment that it sends codes for."""

    node: Node
    sandbox: Sandbox
    no: PayOrderNo
    phone: str
    card: CardId
    number_hash: bytes

    def request(self, seq: int) -> SendRequest:
        """What is asked for with the payment's send number `seq`."""
        return SendRequest(
            pay_order_no=self.no,
            seq=seq,
            request_no=attempt_id(self.no, seq),
            amount=AMOUNT,
            currency="CNY",
            card_id=self.card,
            phone=self.phone,
            payee="Acme",
            subject="Order 1001",
            card_tail="7894",
            language="en",
            sign="paycore",
        )

    def wait_briefly(self) -> None:
        """Give carriers no longer than it takes to see that one is silent."""
        settings = self.node.settings
        self.node.settings = structs.replace(settings, sms_timeout_s=SILENT_S)

    async def send(self, seq: int = 1) -> Sent:
        """Send a code, with its commits."""
        change = self.node.change()
        prepared = await service.prepare_send(self.node, self.request(seq), change)
        refused = await self.node.journal.commit(change)
        if refused is not None:
            raise Refusal(refused.guard)
        sent = await service.send(
            self.node, prepared, within_s=2 * self.node.settings.sms_timeout_s
        )
        change = self.node.change()
        service.conclude_send(self.node, prepared, sent, change)
        assert await self.node.journal.commit(change) is None
        return sent

    async def verify(self, code: str, *, amount: int = AMOUNT) -> Verified:
        """Verify a code, with its commits."""
        request = VerifyRequest(
            pay_order_no=self.no,
            amount=amount,
            currency="CNY",
            card_id=self.card,
            number_hash=self.number_hash,
            code=code,
        )
        change = self.node.change()
        prepared = await service.prepare_verify(self.node, request, change)
        if not change.empty:
            refused = await self.node.journal.commit(change)
            if refused is not None:
                raise Refusal(refused.guard)
        verified = service.verify(self.node, prepared)
        change = self.node.change()
        service.conclude_verify(self.node, prepared, verified, change)
        if not change.empty:
            assert await self.node.journal.commit(change) is None
        return verified

    def code(self) -> str:
        """The code of the newest text on the payer's phone."""
        return self.sandbox.texts(self.phone)[-1]["code"]

    def wrong(self) -> str:
        """A code that was surely never texted."""
        taken = {text["code"] for text in self.sandbox.texts(self.phone)}
        return next(str(n) for n in range(100_000, 999_999) if str(n) not in taken)

    async def rows(self) -> list[CodeRow]:
        """What the SMS centre keeps of the payment."""
        return await self.node.journal.within(CodeRow, self.no)


class Refusal(Exception):
    """A commit was refused by the guard of this name."""


MakeCentre = Callable[..., Centre]


@pytest.fixture
def settings() -> Settings:
    return Settings.for_dev(sms_timeout_s=WITHIN_S)


@pytest.fixture
async def node(dsn: str, sandbox: Sandbox, settings: Settings) -> AsyncIterator[Node]:
    journal = await PostgresJournal.open(dsn)
    clock = SystemClock(await journal.database_now())
    made = Node(
        settings=settings,
        journal=journal,
        clock=clock,
        ids=SystemIds(),
        transport=HttpTransport(),
        key_ring=KeyRing(settings.ring_keys),
    )
    made.heartbeat.good_until = clock.monotonic() + 3600
    await _set_up(made, sandbox)
    yield made
    await made.transport.close()
    await journal.close()


async def _set_up(node: Node, sandbox: Sandbox) -> None:
    """Both carriers, `a` first, at where they are and under this node's keys."""
    for priority, (name, url) in enumerate(sorted(sandbox.carriers.items())):
        await service.save_carrier(
            node,
            carrier=name,
            driver="sandbox",
            base_url=url,
            credentials=MERCHANT,
            priority=priority,
        )
    await service.refresh(node)


@pytest.fixture
def make_centre(node: Node, sandbox: Sandbox) -> MakeCentre:
    """Make payments of this test's one card, each registered anew and with a phone of
    its own, unless told otherwise.
    """
    number_hash = node.ids.uuid().bytes

    def make(**given: object) -> Centre:
        made = Centre(
            node=node,
            sandbox=sandbox,
            no=pay_order_no(node.ids, node.now()),
            phone=f"+86138{node.ids.below(10**8):08d}",
            card=CardId(f"card-{node.ids.below(10**12)}"),
            number_hash=number_hash,
        )
        return replace(made, **given)

    return make


@pytest.fixture
def centre(make_centre: MakeCentre) -> Centre:
    return make_centre()
