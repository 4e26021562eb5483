"""A simulated node: the production code of a life, from its start to its end."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from paycore.gateway.registry import Registry
from paycore.kernel.clock import SystemClock
from paycore.kernel.crypto import KeyRing
from paycore.kernel.errors import Unavailable
from paycore.kernel.node import Node
from paycore.prove.api import Answer
from paycore.prove.ids import SeededIds
from paycore.prove.journal import SimJournal
from paycore.prove.loop import Machine
from paycore.prove.network import SimTransport
from paycore.prove.oracle import DRIFT
from paycore.sms.registry import Carriers
from paycore.worker import heartbeat, loop

if TYPE_CHECKING:
    from paycore.prove.world import World

START_AGAIN_S = 1.0

LATE_S, CALM_LATE_S = 0.5, 2.5
"""How much longer an idle loop sleeps at the most, with faults and without."""

LEFT_OUT = frozenset({"pulse"})
"""It measures real time, of which there is none here."""


@dataclass(slots=True, eq=False)
class Running:
    """One life of one node."""

    machine: Machine
    node: Node
    ready: bool = False
    callers: dict["asyncio.Future[Answer | None]", None] = field(default_factory=dict)
    """Whose connections break with it, in the order in which they came."""


class SimClock(SystemClock):
    """A node's clock on a machine that may be late."""

    def __init__(self, world: "World", monotonic: Callable[[], float]) -> None:
        super().__init__(datetime.min.replace(tzinfo=UTC), monotonic=monotonic)
        self._world = world
        self._random = world.stream(f"sleep {world.lives}").random

    async def sleep(self, seconds: float) -> None:
        """Wait, and somewhat longer, as on a busy machine; once faults have stopped
        longer still: what comes to its end does so all the same, and a run is mostly
        waiting.
        """
        late_s = LATE_S if self._world.faults.on else CALM_LATE_S
        await asyncio.sleep(seconds + late_s * self._random())


def begin(world: "World", place: int, life: int) -> Running:
    """Start a node; it is ready once it has an epoch and its snapshots."""
    machine = Machine(f"n{place}.{life}")
    pace = 1.0
    rng = world.stream(f"node {machine.name}")
    if world.faults.strikes("clock_drifts"):
        pace += (rng.random() * 2 - 1) * DRIFT
    offset = rng.random() * 1e6
    node = Node(
        settings=world.settings,
        journal=SimJournal(world, machine),
        clock=SimClock(world, lambda: offset + world.loop.time() * pace),
        ids=SeededIds(rng),
        transport=SimTransport(world, machine),
        key_ring=KeyRing(world.settings.ring_keys),
    )
    # Which files there are is looked up once: it is the same for every node.
    node.state(Registry, lambda: world.stage.channels)
    node.state(Carriers, lambda: Carriers(_drivers=world.stage.drivers))
    running = Running(machine, node)
    world.loop.create_task(
        _live(world, running), context=world.loop.context_of(machine)
    )
    return running


async def _live(world: "World", running: Running) -> None:
    """What `app.start` does, and then what it leaves running."""
    node = running.node
    while True:
        try:
            await heartbeat.begin(node)
            await loop.refresh(node)
            break
        except Unavailable:
            # The process ends with an error, and its supervisor starts it again.
            await node.clock.sleep(START_AGAIN_S)
    running.ready = True
    world.note(running.machine, "ready", f"epoch {node.epoch}")
    await work(node)


async def work(node: Node) -> None:
    """`worker.loop.run`, but for the loop that measures the processor."""
    async with asyncio.TaskGroup() as group:
        group.create_task(heartbeat.run(node))
        for name, tick, pace in loop.loops(working=True):
            if name not in LEFT_OUT:
                group.create_task(loop.turn(node, name, tick, pace))


async def leave(world: "World", running: Running) -> None:
    """What `app.stop` does: finish, hand over, die in good order."""
    running.node.heartbeat.leaving = True
    running.ready = False
    await loop.stop(running.node, world.settings.drain_s / 2)
    world.note(running.machine, "left", "")
