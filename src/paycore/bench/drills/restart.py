"""The drill of the restart: two nodes under load, restarted in turn, then one killed.

The first part is an upgrade as an operator does it: SIGTERM, wait, start anew, the
other one; no client may see an error. The second is a death: kill -9 while its charges
are under way (the banks answer late, so that there are some), and a start right after,
as systemd would. Clients see their calls break, and repeat them under the same key;
what the dead node held must move again within seconds, and in the end the banks, the
orders and the books must say the same.
"""

import asyncio
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from time import perf_counter

import msgspec
import uvloop
from rich.progress import Progress
from rich.table import Table

from paycore.bench import ground as grounds
from paycore.bench import stage as stages
from paycore.bench.drills import control
from paycore.bench.drills.balancer import Backend, Balancer
from paycore.bench.drills.insistent import Client, Seen
from paycore.bench.drills.phones import Phones
from paycore.bench.drills.queries import Facts
from paycore.bench.oracle import Oracle
from paycore.bench.payer import Purse
from paycore.dev import stack
from paycore.dev.processes import NodeProcess, free_port, start_node
from paycore.dev.stack import Ground
from paycore.kernel.config import Settings
from paycore.kernel.postgres import fresh_folder

NODES = 2
CALM_S = 3.0
"""Load before, between and after what is done to the nodes."""
SLOW = "slow:0.5"
"""How late the banks answer around the kill."""
MOVES_WITHIN_S = 10.0
STOPS_WITHIN_S = 30.0
GIVE_UP_S = 60.0
POLL_S = 0.05
STEPS = 7

UNREADY_S = 3.0
"""As the setting is by default; dev's is 0."""


@dataclass(slots=True, kw_only=True)
class Rolling:
    """The first part."""

    seen: Seen
    stopped_in_s: list[float] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Death:
    """The second part."""

    seen: Seen
    held: int = 0
    """Open payments in the hands of the dead at its death."""
    moved_in_s: float = 0.0
    """Until none of them was in its hands any more."""
    back_in_s: float = 0.0
    """Until the node, started anew at once, was ready."""
    served_again_in_s: float = 0.0
    """From the kill to the last error that a client saw."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What the drill found."""

    rolling: Rolling
    death: Death
    left_open: int
    differences: int

    @property
    def holds(self) -> bool:
        """Whether all is as it must be."""
        return (
            not self.rolling.seen.errors
            and max(self.rolling.stopped_in_s) <= STOPS_WITHIN_S
            and self.death.moved_in_s <= MOVES_WITHIN_S
            and self.left_open == self.differences == 0
            and all(
                part.payments == part.succeeded
                for part in (self.rolling.seen, self.death.seen)
            )
        )


def run(payers: int, progress: Progress) -> Figures:
    """All of it, from an empty folder to the figures."""
    folder = fresh_folder("paycore-drill-")
    try:
        # A node lives no longer than the thread that started it: this one lives on.
        with (
            stack.ground(folder / "stack") as on,
            ThreadPoolExecutor(1) as starter,
        ):
            stage = asyncio.run(
                stages.prepare(
                    grounds.Ground.of(on), payers=payers, converted=False, coupons=0
                )
            )
            drill = _Drill(
                on=on,
                base=msgspec.structs.replace(stage.settings, unready_s=UNREADY_S),
                purses=stage.quick,
                starter=starter,
                progress=progress,
            )
            try:
                return uvloop.run(drill.run())
            finally:
                for node in drill.nodes:
                    node.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(slots=True, kw_only=True)
class _Drill:
    on: Ground
    base: Settings
    purses: Sequence[Purse]
    starter: ThreadPoolExecutor
    progress: Progress
    nodes: list[NodeProcess] = field(default_factory=list)
    ports: list[int] = field(default_factory=list)

    async def run(self) -> Figures:
        task = self.progress.add_task("starting", total=STEPS)
        for _ in range(NODES):
            self.ports.append(free_port())
            self.nodes.append(await self._start(len(self.ports) - 1))
        balancer = Balancer(
            backends=[Backend(url=node.info.api) for node in self.nodes]
        )
        watching = asyncio.create_task(balancer.watch())
        try:
            await _until_ready(balancer)
            self.progress.update(task, description="rolling restart", completed=1)
            rolling = await self._roll(balancer)
            self.progress.update(task, description="kill -9", completed=5)
            death = await self._kill(balancer)
            self.progress.update(task, description="comparing", completed=6)
            return await self._compare(rolling, death)
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching

    async def _roll(self, balancer: Balancer) -> Rolling:
        made = Rolling(seen=Seen())
        async with self._load(balancer, made.seen):
            await asyncio.sleep(CALM_S)
            for place in range(NODES):
                began = perf_counter()
                await asyncio.to_thread(self.nodes[place].stop)
                made.stopped_in_s.append(perf_counter() - began)
                self.progress.advance(self.progress.task_ids[0])
                self.nodes[place] = await self._start(place)
                await _until_ready(balancer)
                self.progress.advance(self.progress.task_ids[0])
                await asyncio.sleep(CALM_S)
        return made

    async def _kill(self, balancer: Balancer) -> Death:
        made = Death(seen=Seen())
        url = self.on.sandbox.info.control
        facts = await Facts.open(self.on.cluster.dsn)
        await control.set_fault(url, "bank.*.*", SLOW)
        try:
            async with self._load(balancer, made.seen):
                await asyncio.sleep(CALM_S)
                await self._die(balancer, facts, made)
                await control.mend(url)
                await asyncio.sleep(CALM_S)
        finally:
            await facts.close()
        return made

    async def _die(self, balancer: Balancer, facts: Facts, made: Death) -> None:
        victim = self.nodes[0]
        victim.process.kill()
        began = perf_counter()
        await asyncio.to_thread(victim.kill)
        epoch = victim.info.epoch
        made.held = await facts.held_by(epoch)
        starting = asyncio.create_task(self._start(0))
        while (  # noqa: ASYNC110 the database tells nobody
            await facts.held_by(epoch) and perf_counter() < began + GIVE_UP_S
        ):
            await asyncio.sleep(POLL_S)
        made.moved_in_s = perf_counter() - began
        self.nodes[0] = await starting
        await _until_ready(balancer)
        made.back_in_s = balancer.backends[0].ready_since - began
        # What is still on its way to an error has come to it.
        await asyncio.sleep(CALM_S)
        made.served_again_in_s = max(
            (at - began for at, _ in made.seen.errors), default=0.0
        )

    async def _start(self, place: int) -> NodeProcess:
        """A node at its own port; in the thread that lives on."""
        settings = msgspec.structs.replace(
            self.base,
            port=self.ports[place],
            public_url=f"http://{stack.HOST}:{self.ports[place]}",
            node_name=f"node-{place}",
        )
        return await asyncio.get_running_loop().run_in_executor(
            self.starter, start_node, self.on.cluster.dsn, settings
        )

    @asynccontextmanager
    async def _load(self, balancer: Balancer, seen: Seen) -> AsyncIterator[None]:
        """Payers who pay while the block runs, and finish what they began."""
        phones = Phones(self.on.data / "sandbox")
        stop = asyncio.Event()
        try:
            async with asyncio.TaskGroup() as group:
                for purse in self.purses:
                    client = Client(
                        purse=purse, balancer=balancer, phones=phones, seen=seen
                    )
                    group.create_task(client.pay_on(stop))
                try:
                    yield
                finally:
                    stop.set()
        finally:
            phones.close()

    async def _compare(self, rolling: Rolling, death: Death) -> Figures:
        facts = await Facts.open(self.on.cluster.dsn)
        deadline = perf_counter() + GIVE_UP_S
        try:
            while (  # noqa: ASYNC110 the same
                await facts.open_payments() and perf_counter() < deadline
            ):
                await asyncio.sleep(POLL_S)
            with Oracle(self.on.data / "sandbox") as oracle:
                differing = await facts.differences(oracle.charges())
            return Figures(
                rolling=rolling,
                death=death,
                left_open=await facts.open_payments(),
                differences=len(differing),
            )
        finally:
            await facts.close()


async def _until_ready(balancer: Balancer) -> None:
    """Until the balancer has heard it of every node."""
    deadline = perf_counter() + GIVE_UP_S
    while not all(backend.ready for backend in balancer.backends):
        if perf_counter() > deadline:
            raise TimeoutError("a node does not become ready")
        await asyncio.sleep(POLL_S)


# --- telling --------------------------------------------------------------------------


def table(figures: Figures) -> Table:
    """Both parts."""
    rolling, death = figures.rolling, figures.death
    made = Table(title="Two nodes under load", title_justify="left")
    made.caption_justify = "left"
    made.caption = (
        f"{figures.differences} payments about which banks and books disagree,"
        f" {figures.left_open} left open."
    )
    for column in ("", "rolling restart", "kill -9"):
        made.add_column(column, justify="right" if column else "left")
    rows = (
        ("payments", *(f"{seen.payments:,}" for seen in (rolling.seen, death.seen))),
        ("of them paid", f"{rolling.seen.succeeded:,}", f"{death.seen.succeeded:,}"),
        ("calls", f"{rolling.seen.calls:,}", f"{death.seen.calls:,}"),
        ("errors at clients", *(f"{len(s.errors)}" for s in _both(figures))),
        ("told to wait", f"{rolling.seen.waits}", f"{death.seen.waits}"),
        ("longest payment, s", *(f"{s.longest_s:.1f}" for s in _both(figures))),
        ("node stopped in, s", _spelled(rolling.stopped_in_s), ""),
        ("open at its death", "", f"{death.held}"),
        ("all of them moved in, s", "", f"{death.moved_in_s:.1f}"),
        ("last error after, s", "", f"{death.served_again_in_s:.2f}"),
        ("node ready again in, s", "", f"{death.back_in_s:.1f}"),
    )
    for row in rows:
        made.add_row(*row)
    return made


def document(figures: Figures) -> Mapping[str, object]:
    """The line of JSON; its keys are in CONTRIBUTING.md."""
    rolling, death = figures.rolling, figures.death
    return {
        "drill": "restart",
        "payments": rolling.seen.payments + death.seen.payments,
        "succeeded": rolling.seen.succeeded + death.seen.succeeded,
        "rolling_errors": len(rolling.seen.errors),
        "rolling_calls": rolling.seen.calls,
        "stopped_in_s": [round(each, 2) for each in rolling.stopped_in_s],
        "kill_errors": len(death.seen.errors),
        "kill_calls": death.seen.calls,
        "kill_open": death.held,
        "moved_in_s": round(death.moved_in_s, 2),
        "served_again_in_s": round(death.served_again_in_s, 2),
        "ready_again_in_s": round(death.back_in_s, 2),
        "longest_payment_s": round(max(s.longest_s for s in _both(figures)), 2),
        "left_open": figures.left_open,
        "differences": figures.differences,
        "errors": dict(Counter(why for s in _both(figures) for _, why in s.errors)),
        "holds": figures.holds,
    }


def _both(figures: Figures) -> tuple[Seen, Seen]:
    return (figures.rolling.seen, figures.death.seen)


def _spelled(seconds: Sequence[float]) -> str:
    return ", ".join(f"{each:.1f}" for each in seconds)
