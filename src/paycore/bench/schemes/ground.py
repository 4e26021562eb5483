"""Where calls are made: every provider of the sandbox, and a node that keeps nothing.

The node is in this process with its tables in memory: nothing that it does waits for a
database or costs one. What providers tell of their own accord comes to a letterbox.
"""

import asyncio
import math
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from msgspec.structs import replace

from paycore.bench.oracle import Oracle
from paycore.bench.payer import WrongAnswer
from paycore.cards import service as cards
from paycore.cards.rows import AgreementRow, CardRow
from paycore.dev import folder as folders
from paycore.dev import vendors
from paycore.dev.processes import Sandbox, free_port, start_sandbox
from paycore.dev.seeds import seed
from paycore.gateway import service as gateway
from paycore.gateway.call import CardFacts
from paycore.kernel.clock import SystemClock, machine_now
from paycore.kernel.config import Settings
from paycore.kernel.crypto import KeyRing
from paycore.kernel.ids import SystemIds
from paycore.kernel.journal_memory import MemoryJournal, MemoryStore
from paycore.kernel.node import Node
from paycore.kernel.terms import CardId
from paycore.kernel.transport import HttpTransport
from paycore.sandbox.wire import Exchange, Listener

PROVIDERS = (*vendors.BANKS, *vendors.CARRIERS)
WITHIN_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What a provider told of its own accord, as it came."""

    path: str
    headers: Mapping[str, str]
    body: bytes


class Letterbox:
    """Takes in all that comes. Make it inside the event loop."""

    def __init__(self, port: int) -> None:
        self._listener = Listener(port, self._take)
        self._letters: asyncio.Queue[Letter] = asyncio.Queue()
        self.url = self._listener.url

    async def _take(self, exchange: Exchange) -> None:
        headers = {
            name.decode().lower(): value.decode()
            for name, value in exchange.headers.items()
        }
        letter = Letter(path=exchange.path, headers=headers, body=exchange.body)
        self._letters.put_nowait(letter)
        exchange.answer(200, b"OK", content_type="text/plain")

    async def letter(self, path: str) -> Letter:
        """The next one to an address; those to others are thrown away."""
        try:
            async with asyncio.timeout(WITHIN_S):
                while (letter := await self._letters.get()).path != path:
                    pass
        except TimeoutError:
            raise WrongAnswer(f"nothing came to {path}") from None
        return letter

    async def __aenter__(self) -> Self:
        await self._listener.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._listener.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Who calls, and whom."""

    node: Node
    sandbox: Sandbox
    oracle: Oracle
    letters: Letterbox
    card: CardFacts = field(repr=False)
    card_id: CardId
    agreements: Mapping[str, str] = field(repr=False)
    """What the card's holder has with each of the providers' banks."""


@asynccontextmanager
async def standing(
    node: Node, data: Path, contracts: Mapping[str, vendors.Contract] | None = None
) -> AsyncIterator[Ground]:
    """Sandbox and letterbox, with accounts and agreements at all of them; or at those
    alone with whom there are contracts.
    """
    data, port = folders.make(data), free_port()
    providers = PROVIDERS if contracts is None else tuple(contracts)
    if contracts is not None:
        folders.save(data, replace(folders.load(data), vendors=dict(contracts)))
    kept = folders.with_vendors(data, folders.load(data), providers)
    api = f"http://127.0.0.1:{port}"
    with (
        start_sandbox(data, kept, vendors=providers, api=api) as sandbox,
        Oracle(data / "sandbox") as oracle,
    ):
        async with Letterbox(port) as letters:
            *_, mall = (await seed(node, sandbox.info, kept, providers))[0]
            await gateway.refresh(node)
            card_id = CardId(mall.card_id)
            row = await node.journal.load(CardRow, card_id)
            assert row is not None, "it was made a moment ago"
            found = cards.facts(node, row)
            signed = await node.journal.within(AgreementRow, card_id)
            yield Ground(
                node=node,
                sandbox=sandbox,
                oracle=oracle,
                letters=letters,
                card=CardFacts(
                    number=found.number,
                    name=found.name,
                    id_no=found.id_no,
                    phone=found.phone,
                ),
                card_id=card_id,
                agreements={one.channel: cards.token(node, one) for one in signed},
            )


def a_node() -> Node:
    """One that has nothing yet, and that no other node will ever think dead. Make it
    inside the event loop.
    """
    settings, clock = Settings.for_dev(), SystemClock(machine_now())
    node = Node(
        settings=settings,
        journal=MemoryJournal(MemoryStore(), clock.now),
        clock=clock,
        ids=SystemIds(),
        transport=HttpTransport(),
        key_ring=KeyRing(settings.ring_keys),
    )
    node.heartbeat.good_until = math.inf
    return node
