"""What the demo stands on: a temporary folder, and a node that can be killed.

The database and the sandbox are children, and so is the node: killing it with -9 is
what a crash does, and takes nothing of the demo along.
"""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass, field

from paycore.dev.demo.desk import Desk, desk
from paycore.dev.demo.outside import Bank, Control, Shop
from paycore.dev.processes import NodeProcess, free_port, start_node
from paycore.dev.seeds import SeededLine
from paycore.dev.stack import Ground, ground, running, settings_of
from paycore.kernel.clock import Clock, SystemClock
from paycore.kernel.config import Settings
from paycore.kernel.postgres import fresh_folder
from paycore.kernel.transport import HttpTransport

MONEY_TIMEOUT_S = 2
"""Shorter than a node's usual 10 s: nobody wants to watch it pass."""
LEASE_S = 6
"""A node that was silent so long is dead; the usual time."""


@contextmanager
def folder(vendors: Sequence[str] = (), api_port: int = 0) -> Iterator[Ground]:
    """Database and sandbox in a temporary folder, which goes when they have; providers
    must know where our node will listen.
    """
    data = fresh_folder("paycore-demo-")
    try:
        with ground(data, vendors=vendors, api_port=api_port) as on:
            yield on
    finally:
        shutil.rmtree(data, ignore_errors=True)


@dataclass(slots=True, kw_only=True)
class Stage:
    """Database, sandbox, two business lines, and at most one node that runs."""

    on: Ground
    settings: Settings
    clock: Clock
    lines: list[SeededLine]
    transport: HttpTransport = field(default_factory=HttpTransport)
    node: NodeProcess | None = None
    nodes: int = 0

    @property
    def control(self) -> Control:
        """The sandbox's control."""
        return Control(url=self.on.sandbox.info.control, transport=self.transport)

    @property
    def shops(self) -> list[Shop]:
        """The business lines: one that has quick channels, one that has none."""
        api = self.settings.public_url
        return [
            Shop(api=api, line=line, transport=self.transport) for line in self.lines
        ]

    def desk(self) -> AbstractAsyncContextManager[Desk]:
        """Where people sit, for the block's length."""
        return desk(self.on.cluster.dsn, self.settings)

    def bank(self, name: str) -> Bank:
        """A bank's own page."""
        merchant = f"paycore_{name}"
        return Bank(
            name=name,
            url=self.on.sandbox.info.banks[name],
            merchant=merchant,
            secret=self.on.kept.merchants[merchant].secret,
            transport=self.transport,
        )

    def start_node(self) -> NodeProcess:
        """Start a node where the last one listened; ready when this returns."""
        assert self.node is None or not self.node.alive
        self.node = start_node(self.on.cluster.dsn, self.settings)
        self.nodes += 1
        return self.node

    async def close(self) -> None:
        """Stop the node in good order."""
        await self.transport.close()
        if self.node is not None:
            self.node.stop()


async def set_up(on: Ground, port: int = 0) -> Stage:
    """Migrate and seed; no node is left running."""
    settings = settings_of(
        on.kept,
        port=port or free_port(),
        node_name="demo",
        money_timeout_s=MONEY_TIMEOUT_S,
        lease_s=LEASE_S,
        # What is logged is told on the screen; what must not happen still shows.
        log_level="error",
    )
    async with running(on, role="api") as (app, summary):
        return Stage(
            on=on,
            settings=settings,
            # One clock for everybody's marks on a timeline: the database's.
            clock=SystemClock(await app.node.journal.database_now()),
            lines=summary.lines,
        )
