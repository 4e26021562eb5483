"""The drill of the restart: two nodes under load, restarted in turn; then one of them
is killed, and then their database.

The first part is an upgrade as an operator does it: SIGTERM, wait, start anew, the
other one; no client may see an error. The second is a death: kill -9 while its charges
are under way (the banks answer late, so that there are some), and a start right after,
as systemd would. Clients see their calls break, and repeat them under the same key;
what the dead node held must move again within seconds. The third is the same death of
PostgreSQL, with all that it has started, and what was in anybody's hands must move. In
the end the banks, the orders and the books must say the same.
"""

import asyncio
import shutil
from collections import Counter
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Iterator,
    Mapping,
    Sequence,
)
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
"""How late the banks answer around a kill."""
SERVES_WITHIN_S = 3.0
MOVES_WITHIN_S = 10.0
STOPS_WITHIN_S = 30.0
GIVE_UP_S = 60.0
POLL_S = 0.05
STEPS = 8

UNREADY_S = 3.0
"""As the setting is by default; dev's is 0."""


@dataclass(slots=True, kw_only=True)
class Rolling:
    """The first part."""

    seen: Seen
    stopped_in_s: list[float] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Death:
    """The second part, and the third; moments are told from the kill on."""

    seen: Seen
    held: int = 0
    """Open payments in the hands of the dead node; of any, where the database died."""
    moved_in_s: float = 0.0
    """Until each of them had been taken up again."""
    back_in_s: float = 0.0
    """Until what was killed, and started anew at once, was ready."""
    served_again_in_s: float = 0.0
    """Until the last error that a client saw; of the database also until the first
    answer when it was back, for nodes let calls wait meanwhile.
    """

    @property
    def holds(self) -> bool:
        """Whether it was over soon."""
        return (
            self.served_again_in_s <= SERVES_WITHIN_S
            and self.moved_in_s <= MOVES_WITHIN_S
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What the drill found."""

    rolling: Rolling
    death: Death
    """Of a node."""
    outage: Death
    """Of the database."""
    left_open: int
    differences: int

    @property
    def seen(self) -> tuple[Seen, Seen, Seen]:
        """By the clients, in each part."""
        return (self.rolling.seen, self.death.seen, self.outage.seen)

    @property
    def holds(self) -> bool:
        """Whether all is as it must be."""
        return (
            not self.rolling.seen.errors
            and max(self.rolling.stopped_in_s) <= STOPS_WITHIN_S
            and self.death.holds
            and self.outage.holds
            and self.left_open == self.differences == 0
            and all(part.payments == part.succeeded for part in self.seen)
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
            self.progress.update(task, description="kill -9 of a node", completed=5)
            death = await self._kill(balancer, self._kill_node)
            said = "kill -9 of the database"
            self.progress.update(task, description=said, completed=6)
            outage = await self._kill(balancer, self._kill_database)
            self.progress.update(task, description="comparing", completed=7)
            return await self._compare(rolling, death, outage)
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

    async def _kill(
        self, balancer: Balancer, kill: Callable[[Balancer, Death], Awaitable[float]]
    ) -> Death:
        """Something dies while charges are under way; `kill` says from when on an
        answer is one of those who are left, or who are back.
        """
        made = Death(seen=Seen())
        url = self.on.sandbox.info.control
        await control.set_fault(url, "bank.*.*", SLOW)
        async with self._load(balancer, made.seen):
            await asyncio.sleep(CALM_S)
            began = perf_counter()
            since = await kill(balancer, made)
            # What is still on its way to an error has come to it.
            await asyncio.sleep(CALM_S)
            made.served_again_in_s = made.seen.served_again(since) - began
            await control.mend(url)
            await asyncio.sleep(CALM_S)
        return made

    async def _kill_node(self, balancer: Balancer, made: Death) -> float:
        victim = self.nodes[0]
        facts = await Facts.open(self.on.cluster.dsn)
        try:
            victim.process.kill()
            began = perf_counter()
            await asyncio.to_thread(victim.kill)
            epoch = victim.info.epoch
            made.held = await facts.held_by(epoch)
            starting = asyncio.create_task(self._start(0))
            made.moved_in_s = await _gone(began, lambda: facts.held_by(epoch))
        finally:
            await facts.close()
        self.nodes[0] = await starting
        await _until_ready(balancer)
        made.back_in_s = balancer.backends[0].ready_since - began
        return began

    async def _kill_database(self, balancer: Balancer, made: Death) -> float:
        cluster, began = self.on.cluster, perf_counter()
        cluster.shoot()
        await asyncio.to_thread(cluster.kill)
        await asyncio.to_thread(cluster.restart)
        back = perf_counter()
        made.back_in_s = back - began
        facts = await Facts.open(cluster.dsn)
        try:
            held = await facts.held()
            made.held = len(held)
            made.moved_in_s = await _gone(began, lambda: facts.still(held))
        finally:
            await facts.close()
        await _until_ready(balancer)
        return back

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

    async def _compare(self, rolling: Rolling, death: Death, outage: Death) -> Figures:
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
                outage=outage,
                left_open=await facts.open_payments(),
                differences=len(differing),
            )
        finally:
            await facts.close()


async def _gone(began: float, left: Callable[[], Awaitable[int]]) -> float:
    """How long after that moment nothing was left any more."""
    while (  # noqa: ASYNC110 the database tells nobody
        await left() and perf_counter() < began + GIVE_UP_S
    ):
        await asyncio.sleep(POLL_S)
    return perf_counter() - began


async def _until_ready(balancer: Balancer) -> None:
    """Until the balancer has heard it of every node."""
    deadline = perf_counter() + GIVE_UP_S
    while not all(backend.ready for backend in balancer.backends):
        if perf_counter() > deadline:
            raise TimeoutError("a node does not become ready")
        await asyncio.sleep(POLL_S)


# --- telling --------------------------------------------------------------------------


def table(figures: Figures) -> Table:
    """All parts."""
    made = Table(title="Two nodes under load", title_justify="left")
    made.caption_justify = "left"
    made.caption = (
        f"{figures.differences} payments about which banks and books disagree,"
        f" {figures.left_open} left open."
    )
    columns = ("rolling restart", "kill -9 of a node", "kill -9 of PostgreSQL")
    for column in ("", *columns):
        made.add_column(column, justify="right" if column else "left")
    for row in (*_seen(figures), *_timed(figures)):
        made.add_row(*row)
    return made


def _seen(figures: Figures) -> Iterator[tuple[str, ...]]:
    """What clients saw."""
    yield "payments", *(f"{seen.payments:,}" for seen in figures.seen)
    yield "of them paid", *(f"{seen.succeeded:,}" for seen in figures.seen)
    yield "calls", *(f"{seen.calls:,}" for seen in figures.seen)
    yield "errors at clients", *(f"{len(seen.errors)}" for seen in figures.seen)
    yield "told to wait", *(f"{seen.waits}" for seen in figures.seen)
    yield "longest payment, s", *(f"{seen.longest_s:.1f}" for seen in figures.seen)


def _timed(figures: Figures) -> Iterator[tuple[str, ...]]:
    """How long things took."""
    deaths = (figures.death, figures.outage)
    stopped = ", ".join(f"{each:.1f}" for each in figures.rolling.stopped_in_s)
    yield "node stopped in, s", stopped, "", ""
    yield "open and in hand at its death", "", *(f"{each.held}" for each in deaths)
    yield "all of them moved in, s", "", *(f"{d.moved_in_s:.1f}" for d in deaths)
    yield "served again in, s", "", *(f"{d.served_again_in_s:.2f}" for d in deaths)
    yield "it was ready again in, s", "", *(f"{d.back_in_s:.1f}" for d in deaths)


def document(figures: Figures) -> Mapping[str, object]:
    """The line of JSON; its keys are in CONTRIBUTING.md."""
    rolling, death = figures.rolling, figures.death
    return {
        "drill": "restart",
        "payments": sum(seen.payments for seen in figures.seen),
        "succeeded": sum(seen.succeeded for seen in figures.seen),
        "rolling_errors": len(rolling.seen.errors),
        "rolling_calls": rolling.seen.calls,
        "stopped_in_s": [round(each, 2) for each in rolling.stopped_in_s],
        "kill_errors": len(death.seen.errors),
        "kill_calls": death.seen.calls,
        "kill_open": death.held,
        "moved_in_s": round(death.moved_in_s, 2),
        "served_again_in_s": round(death.served_again_in_s, 2),
        "ready_again_in_s": round(death.back_in_s, 2),
        **_of_outage(figures.outage),
        "longest_payment_s": round(max(seen.longest_s for seen in figures.seen), 2),
        "left_open": figures.left_open,
        "differences": figures.differences,
        "errors": dict(Counter(why for seen in figures.seen for _, why in seen.errors)),
        "holds": figures.holds,
    }


def _of_outage(outage: Death) -> Mapping[str, object]:
    return {
        "database_kill_errors": len(outage.seen.errors),
        "database_kill_calls": outage.seen.calls,
        "database_kill_open": outage.held,
        "database_moved_in_s": round(outage.moved_in_s, 2),
        "database_served_again_in_s": round(outage.served_again_in_s, 2),
        "database_ready_again_in_s": round(outage.back_in_s, 2),
    }
