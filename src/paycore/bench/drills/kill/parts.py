"""What is killed: two nodes, PostgreSQL, the sandbox, and the proxies between them.

Each node has a proxy of its own before the database, so that one can be cut off while
the other is not; banks, carriers and the business line have one each, which both nodes
go through. A channel calls back to the *other* node than the one that called it, as a
load balancer would have it half of the time.
"""

import asyncio
import os
import secrets
import signal
import socket
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from time import perf_counter
from types import MappingProxyType
from typing import IO
from urllib.parse import urlsplit

import msgspec

from paycore.bench.drills.balancer import Backend, Balancer
from paycore.bench.drills.proxy import HOST, Proxy
from paycore.dev import stack
from paycore.dev.processes import NodeProcess, Sandbox, SandboxInfo, start_node
from paycore.dev.stack import Ground
from paycore.kernel.config import Settings
from paycore.kernel.errors import Misconfigured

NODES = 2
LEASE_S = 4.0

SETTINGS: Mapping[str, object] = MappingProxyType(
    {
        # Chains are to come to their end within seconds of a death.
        "heartbeat_s": 0.5,
        "lease_s": LEASE_S,
        "send_code_timeout_s": 1.0,
        "sms_timeout_s": 1.0,
        "money_timeout_s": 2.0,
        "enquiry_timeout_s": 1.0,
        "connect_timeout_s": 0.5,
        # Sooner than a call for money may take: many are told DOING first.
        "answer_within_s": 1.2,
        # A network that was down is used again soon after it is back.
        "breaker_window_s": 5.0,
        "breaker_half_open_s": 1.0,
        # Payers here guess and ask again more than any payer does.
        "code_gap_s": 0,
        "code_tries": 10,
        "code_tries_per_payment": 100,
        "drain_s": 5.0,
        "log_level": "warning",
        "log_format": "json",
    }
)

READY_WITHIN_S = 60.0
POLL_S = 0.05

LAST_WORDS = 300

STEADY_PORTS = range(20_000, 30_000)
"""Below those that systems give to outgoing connections: one of these stays free while
who listened at it is dead."""


def steady_port() -> int:
    """A port that nobody listens at, and that no outgoing connection is given."""
    while True:
        port = STEADY_PORTS[secrets.randbelow(len(STEADY_PORTS))]
        with socket.socket() as probe, suppress(OSError):
            probe.bind((HOST, port))
            return port


@dataclass(slots=True, kw_only=True)
class Place:
    """Where a node runs, dies and is started anew, with its way to the database."""

    number: int
    settings: Settings
    proxy: Proxy
    log: IO[bytes]
    node: NodeProcess | None = None
    """None while none runs here."""
    frozen: bool = False

    @property
    def up(self) -> bool:
        """Whether a node runs here that can be killed."""
        return self.node is not None and self.node.alive

    @property
    def ended(self) -> str:
        """That it is no more, and the last that it said."""
        with suppress(OSError, IndexError, AttributeError):
            last = Path(self.log.name).read_bytes().splitlines()[-1]
            said = last.decode(errors="replace")[-LAST_WORDS:]
            return f"node {self.number} ended; its log ends: {said}"
        return f"node {self.number} ended"

    def shoot(self) -> bool:
        """Kill -9, now; `buried` is to follow. Whether there was one."""
        if self.node is None or not self.node.alive:
            return False
        self.node.process.kill()
        return True


@dataclass(slots=True, kw_only=True)
class Parts:
    """All of them. Make it with `parts`."""

    on: Ground
    starter: ThreadPoolExecutor
    """Its threads live on: a node lives no longer than the thread that started it."""
    banks: Mapping[str, Proxy]
    carriers: Mapping[str, Proxy]
    biz: Proxy
    places: Sequence[Place] = ()
    balancer: Balancer = field(default_factory=lambda: Balancer(backends=[]))
    database_up: bool = True
    died_alone: list[str] = field(default_factory=list)
    """Nodes and databases that ended without anybody's killing them, and nodes that did
    not start although nothing was in their way."""
    shots: int = 0
    """How often the database was killed."""
    failed: list[BaseException] = field(default_factory=list)
    """Why something that was dead did not come back."""
    deaths: set[asyncio.Task[None]] = field(default_factory=set)
    """What is dead and on its way back."""

    # --- where things are -------------------------------------------------------------

    @property
    def sandbox(self) -> SandboxInfo:
        """Where strangers are reached: behind their proxies, but for the control."""
        info = self.on.sandbox.info
        return msgspec.structs.replace(
            info,
            banks={name: _at(info.banks[name], p) for name, p in self.banks.items()},
            carriers={
                name: _at(info.carriers[name], p) for name, p in self.carriers.items()
            },
            biz=_at(info.biz, self.biz),
        )

    @property
    def seeds(self) -> Ground:
        """The ground as the seeding functions are to see it."""
        behind = Sandbox(self.on.sandbox.process, self.sandbox)
        return replace(self.on, sandbox=behind)

    @property
    def proxies(self) -> list[Proxy]:
        """All of them."""
        databases = [place.proxy for place in self.places]
        return [*databases, *self.banks.values(), *self.carriers.values(), self.biz]

    # --- nodes ------------------------------------------------------------------------

    async def start(self, place: Place) -> None:
        """A node at its place, as soon as it can reach the database; where it fails all
        the same, again.
        """
        deadline = perf_counter() + READY_WITHIN_S
        while place.node is None:
            if perf_counter() > deadline:
                raise TimeoutError(f"node {place.number} does not start")
            if not (self.database_up and place.proxy.passes):
                await asyncio.sleep(POLL_S)
                continue
            fair, before = place.proxy.fair, self._troubles(place)
            dsn = self.on.cluster.tcp_dsn_of(port=place.proxy.port)
            begin = partial(start_node, dsn, place.settings, log=place.log)
            loop = asyncio.get_running_loop()
            try:
                place.node = await loop.run_in_executor(self.starter, begin)
            except Misconfigured:
                if fair and before == self._troubles(place) and self.on.cluster.alive:
                    self.died_alone.append(f"{place.ended} at its start")
                await asyncio.sleep(POLL_S)

    def _troubles(self, place: Place) -> tuple[int, int]:
        """What came between a node and its database so far: where it is no more than
        before a start, nothing was in the way of that start.
        """
        return self.shots, place.proxy.disturbed

    def bury(self, place: Place, *, pause_s: float) -> None:
        """After a shot: take away what is left, and start anew after a pause."""
        node, place.node, place.frozen = place.node, None, False
        assert node is not None, "it has just been shot"

        async def anew() -> None:
            await asyncio.to_thread(node.kill)
            await asyncio.sleep(pause_s)
            await self.start(place)

        self._mourn(anew())

    def freeze(self, place: Place, *, lasts_s: float) -> None:
        """Stop a node in its tracks, as a long pause does; it goes on as if nothing
        were.
        """
        node = place.node
        assert node is not None, "who froze it looked"
        os.kill(node.pid, signal.SIGSTOP)
        place.frozen = True

        async def thaw() -> None:
            await asyncio.sleep(lasts_s)
            if place.node is node and node.alive:
                os.kill(node.pid, signal.SIGCONT)
            place.frozen = False

        self._mourn(thaw())

    async def until_ready(self, count: int, *, within_s: float) -> None:
        """Until so many nodes take payments, or time is up."""
        deadline = perf_counter() + within_s
        while (  # noqa: ASYNC110 the balancer tells nobody
            sum(backend.ready for backend in self.balancer.backends) < count
            and perf_counter() < deadline
        ):
            await asyncio.sleep(POLL_S)

    # --- the database -----------------------------------------------------------------

    def shoot_database(self) -> bool:
        """Kill -9 of the main process and of all that it has started, so that nobody
        finishes what he is at; whether there was one. `bury_database` is to follow.
        """
        if not self.database_up or not self.on.cluster.alive:
            return False
        self.database_up = False
        self.shots += 1
        self.on.cluster.shoot()
        return True

    def bury_database(self, *, pause_s: float) -> None:
        """Start it again on the same folder after a pause."""

        async def anew() -> None:
            await asyncio.to_thread(self.on.cluster.kill)
            await asyncio.sleep(pause_s)
            await asyncio.to_thread(self.on.cluster.restart)
            self.database_up = True

        self._mourn(anew())

    def _mourn(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self.deaths.add(task)
        task.add_done_callback(self._over)

    def _over(self, task: asyncio.Task[None]) -> None:
        self.deaths.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self.failed.append(error)

    # --- quiet ------------------------------------------------------------------------

    async def calm(self) -> None:
        """Good weather, everything back and ready; what died alone is counted. Raises
        what kept anything from coming back.
        """
        for proxy in self.proxies:
            await proxy.heal()
        await self._all_back()
        for place in self.places:
            if place.node is not None and not place.node.alive:
                self.died_alone.append(place.ended)
                self.bury(place, pause_s=0.0)
        if self.database_up and not self.on.cluster.alive:
            self.died_alone.append("the database ended")
            self.bury_database(pause_s=0.0)
        await self._all_back()
        deadline = perf_counter() + READY_WITHIN_S
        while not all(backend.ready for backend in self.balancer.backends):
            if perf_counter() > deadline:
                raise TimeoutError("a node does not become ready again")
            await asyncio.sleep(POLL_S)

    async def _all_back(self) -> None:
        while self.deaths:
            await asyncio.wait(list(self.deaths))
            await asyncio.sleep(0)  # what is over says so in a call of its own
        if self.failed:
            raise self.failed[0]


@asynccontextmanager
async def parts(on: Ground, starter: ThreadPoolExecutor) -> AsyncIterator[Parts]:
    """Proxies before the strangers, and places for nodes at which none runs yet."""
    info = on.sandbox.info
    banks = {name: await _before(url) for name, url in info.banks.items()}
    carriers = {name: await _before(url) for name, url in info.carriers.items()}
    made = Parts(
        on=on,
        starter=starter,
        banks=banks,
        carriers=carriers,
        biz=await _before(info.biz),
    )
    ports = [steady_port() for _ in range(NODES)]
    made.places = [await _place(on, number, ports) for number in range(NODES)]
    made.balancer = Balancer(
        backends=[Backend(url=f"http://{HOST}:{port}") for port in ports]
    )
    watching = asyncio.create_task(made.balancer.watch())
    try:
        yield made
    finally:
        for task in (watching, *made.deaths):
            task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await task
        for place in made.places:
            if place.node is not None:
                await asyncio.to_thread(place.node.kill)
            place.log.close()
        for proxy in made.proxies:
            await proxy.close()


async def _place(on: Ground, number: int, ports: Sequence[int]) -> Place:
    assert on.cluster.tcp_port is not None, "a proxy stands before a port"
    settings = stack.settings_of(
        on.kept,
        port=ports[number],
        public_url=f"http://{HOST}:{ports[number - 1]}",
        node_name=f"node-{number}",
        **SETTINGS,
    )
    return Place(
        number=number,
        settings=settings,
        proxy=await Proxy.open(HOST, on.cluster.tcp_port, at=steady_port()),
        log=log_of(on.data, number).open("ab"),
    )


def log_of(data: Path, number: int) -> Path:
    """Where a node's place is logged."""
    return data / f"node-{number}.log"


async def _before(url: str) -> Proxy:
    place = urlsplit(url)
    assert place.hostname is not None, url
    assert place.port is not None, url
    return await Proxy.open(place.hostname, place.port, at=steady_port())


def _at(url: str, proxy: Proxy) -> str:
    """The same address behind its proxy."""
    return urlsplit(url)._replace(netloc=f"{HOST}:{proxy.port}").geturl()
