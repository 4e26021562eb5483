"""One simulated world: nodes, a database, strangers, payers, and what strikes them.

A run has two phases. In the first faults strike, at every await and in between. Then
they stop, every node is started again, and all that is open must come to its end: that
nothing goes wrong is one promise, that everything ends is another (I28).
"""

import asyncio
import random
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from standardwebhooks.webhooks import Webhook

from paycore.core.rows import PaymentRow
from paycore.kernel.journal_memory import MemoryStore
from paycore.prove import agreements, providers, refunds, setup, verdict
from paycore.prove.api import Api, reachable
from paycore.prove.coupons import CouponHouse
from paycore.prove.desk import Office
from paycore.prove.ledger import Ledger, fed
from paycore.prove.listening import listening
from paycore.prove.loop import Machine, Power, VirtualLoop
from paycore.prove.mirror import Mirror, Way
from paycore.prove.network import Network
from paycore.prove.oracle import Oracle
from paycore.prove.payers import Payer
from paycore.prove.plan import Plan
from paycore.prove.running import Running, begin, leave
from paycore.prove.scrutiny import Scrutiny
from paycore.prove.stage import WEBHOOK_SECRET, settings_for, stage
from paycore.prove.strangers import LineHouse, Text, houses
from paycore.prove.strikes import Faults
from paycore.prove.windows import Keepers

T = TypeVar("T")

DATES = (
    datetime(2024, 2, 28, 23, 58, tzinfo=UTC),
    datetime(2027, 12, 31, 23, 58, tzinfo=UTC),
    datetime(2026, 3, 29, 0, 58, tzinfo=UTC),
    datetime(2026, 10, 25, 0, 58, tzinfo=UTC),
    datetime(2026, 6, 30, 23, 58, tzinfo=UTC),
)
"""Just before a leap day, a year's end, changes of the clocks, a month's end."""

USUAL = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)

HOUR = timedelta(hours=1)

BACK = timedelta(minutes=4)
"""How far the database's clock falls back: signatures are fresh for five minutes, and
with a clock that is off by more nobody understands anybody until it is right again."""

STRIKE_EVERY_S = 20.0
"""How often the world may do something to nodes and database."""

LONG_PAUSE_S = 60.0
"""Longer than a bank's window behind the last moment at which a call may leave."""

FINAL_WITHIN_S = 1800.0
"""I28: everything is final or on the desk by then."""

LOOK_EVERY_S = 5.0

Record = tuple[float, str, str, str, str]
"""When, at whom, what, more of it, and about which payment."""


class World:
    """Everything there is in one run."""

    def __init__(self, plan: Plan, *, story: bool = False) -> None:
        self.plan = plan
        self.stage = stage()
        self.loop = VirtualLoop(self.stream("loop"))
        self.faults = Faults(self.stream, only=plan.only, always=plan.always)
        self.settings = settings_for(
            *(self.stage.settings, self.stream("settings")),
            return_late_money=not self.faults.strikes("desk_returns_all"),
        )
        if self.faults.strikes("ledger_fed"):
            self.settings = fed(self.settings)
        self.coupons = CouponHouse(self)
        self.settings = self.coupons.settings(self.settings)
        self.story: list[Record] | None = [] if story else None
        self.leap = timedelta(0)
        self.leapt_s = 0.0
        """How far the database's clock ever leapt ahead."""
        self.leapt_at = float("-inf")
        self.fell_back = False
        self.database_is_away = False
        self.texts_are_down = False
        self.over = False
        self._dice = self.stream("deaths").random
        self._pauses = self.stream("pauses").random
        self._started_at = self._date()
        self.base: MemoryStore | Mirror = self.stage.store.copy()
        if plan.postgres is not None:
            name, month = f"seed_{plan.seed}", self._started_at.date()
            self.base = Mirror(self.base, plan.postgres, name=name, month=month)
        self.banks, self.carriers = houses(self.stage.merchants, self.stream("banks"))
        self.spoken: Mapping[str, providers.Spoken] = {}
        """Banks that speak as a provider does."""
        if self.faults.strikes("speaks_as_a_provider"):
            self.spoken = providers.drawn(self.stream("providers"))
            self.banks |= providers.houses(self.spoken, self.banks)
        self.ledger = Ledger(self)
        self.line = LineHouse(Webhook(WEBHOOK_SECRET))
        self.texts: dict[str, list[Text]] = {}
        self.oracle = Oracle(self)
        self.scrutiny = Scrutiny(self)
        self.network = Network(self)
        self.api = Api(self)
        self.nodes: list[Running | None] = [None] * plan.nodes
        self.lives = 0
        self.machines: list[Machine] = []
        self.side: set[asyncio.Task[Any]] = set()
        self.settled_at = 0.0

    # --- what everybody may ask -------------------------------------------------------

    def stream(self, name: str) -> random.Random:
        """Chance of one's own: what one draws does not change what others draw."""
        return random.Random(f"{self.plan.seed}/{name}")

    def now_ms(self) -> int:
        """The strangers' clock: right, as far as anybody's is."""
        return int((self.database_now().timestamp()) * 1000)

    def database_now(self) -> datetime:
        """The database's clock."""
        return self._started_at + timedelta(seconds=self.loop.time()) + self.leap

    def database_answers(self) -> bool:
        """Whether it is there now."""
        return not self.database_is_away

    def way_of(self, machine: Machine) -> MemoryStore | Way:
        """How a machine reaches the database from now on."""
        base = self.base
        return base.way_of(machine.name) if isinstance(base, Mirror) else base

    def note(self, machine: Machine | None, what: str, more: str, no: str = "") -> None:
        """A line of the story, where somebody wants to read it."""
        if self.story is not None:
            who = machine.name if machine is not None else ""
            self.story.append((self.loop.time(), who, what, more, no))

    def later(self, seconds: float, call: Callable[[], object]) -> None:
        """Do something in the world's own name after a while."""
        context = self.loop.context_of(None)
        self.loop.call_later(seconds, call, context=context)

    def spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        """Something that goes on by itself, in the world's own name."""
        task = self.loop.create_task(work, context=self.loop.context_of(None))
        self.side.add(task)
        task.add_done_callback(self.side.discard)

    def some_node(self, rng: random.Random) -> Running | None:
        """Whoever a load balancer gives."""
        there = [one for one in self.nodes if one is not None and reachable(one)]
        return rng.choice(there) if there else None

    def _date(self) -> datetime:
        if self.faults.strikes("odd_date"):
            return self.stream("date").choice(DATES)
        return USUAL

    # --- life and death ---------------------------------------------------------------

    def start(self, place: int) -> None:
        """A node begins a life."""
        self.lives += 1
        running = begin(self, place, self.lives)
        self.nodes[place] = running
        self.machines.append(running.machine)

    def kill(self, machine: Machine) -> None:
        """Kill -9: nothing of it runs on, and its connections break."""
        if machine.power is Power.DEAD:
            return
        self.note(machine, "killed", "")
        self.loop.kill(machine)
        for place, running in enumerate(self.nodes):
            if running is not None and running.machine is machine:
                self._bury(running)
                after = 0.5 + self._dice() * 8
                self.later(after, partial(self._start_again, place))

    def _bury(self, running: Running) -> None:
        running.ready = False
        self.nodes[self.nodes.index(running)] = None
        if isinstance(self.base, Mirror):
            self.base.let_go(running.machine.name)
        for answer in running.callers:
            if not answer.done():
                answer.set_result(None)

    def _start_again(self, place: int) -> None:
        if self.nodes[place] is None and not self.over:
            self.start(place)

    async def perhaps_dies(self, machine: Machine, kind: str) -> None:
        """A place at which a node may die: it never comes back from here."""
        if self.faults.strikes(kind):
            self.kill(machine)
            await self.loop.create_future()

    def perhaps_dies_now(self, machine: Machine, kind: str) -> None:
        """The same, from outside of it."""
        if machine.power is Power.ON and self.faults.strikes(kind):
            self.kill(machine)

    async def perhaps_stands(self, machine: Machine, kind: str) -> None:
        """A place at which a node may stand still, and go on without knowing."""
        if self.faults.strikes(kind):
            self.pause(machine, 1.0 + self._pauses() * LONG_PAUSE_S)
            await asyncio.sleep(0)

    async def _disturb(self) -> None:
        """What happens to nodes and to the database, every now and then."""
        rng, faults = self.stream("disturb"), self.faults
        while faults.on:
            await asyncio.sleep(rng.random() * STRIKE_EVERY_S)
            running = self.some_node(rng)
            if running is not None and faults.strikes("killed"):
                self.kill(running.machine)
            elif running is not None and faults.strikes("paused"):
                self.pause(running.machine, 1.0 + rng.random() * 20.0)
            elif running is not None and faults.strikes("restarted"):
                self.spawn(self._restart(running))
            if faults.strikes("database_away"):
                self.spawn(self._without_database(rng.random() * 12.0))
            if faults.strikes("clock_forward"):
                self.leap += HOUR
                self.leapt_s += HOUR.total_seconds()
                self.leapt_at = self.loop.time()
                faults.chosen.pop("clock_forward")
            if faults.strikes("clock_back"):
                self.leap -= BACK
                self.fell_back = True
                faults.chosen.pop("clock_back")
            if faults.has("texts_down"):
                self.texts_are_down = rng.random() < 0.3

    def pause(self, machine: Machine, seconds: float) -> None:
        """Let it stand still, and go on without knowing."""
        self.note(machine, "paused", f"{seconds:.1f} s")
        self.loop.pause(machine)
        self.later(seconds, lambda: self.loop.wake(machine))

    async def _restart(self, running: Running) -> None:
        place = self.nodes.index(running)
        context = self.loop.context_of(running.machine)
        task = self.loop.create_task(leave(self, running), context=context)
        with suppress(TimeoutError):
            async with asyncio.timeout(self.settings.drain_s):
                await asyncio.wait({task})
        if self.nodes[place] is running:
            self.loop.kill(running.machine)
            self._bury(running)
            self.start(place)

    async def _without_database(self, seconds: float) -> None:
        self.note(None, "database", f"away for {seconds:.1f} s")
        self.database_is_away = True
        await asyncio.sleep(seconds)
        self.database_is_away = False

    # --- a run ------------------------------------------------------------------------

    def run(self) -> None:
        """All of it; what was found is the oracle's."""
        with listening(self):
            try:
                self.loop.run(self._whole())
            finally:
                self.over = True
                self.loop.end(self.machines)

    def close(self) -> None:
        """Let go of the real database, where there is one."""
        if isinstance(self.base, Mirror):
            self.base.close()

    async def _whole(self) -> None:
        await setup.prepare(self)
        for place in range(self.plan.nodes):
            self.start(place)
        await asyncio.sleep(1.0)
        payers = [Payer(self, number) for number in self.plan.payers]
        disturbing = asyncio.ensure_future(self._disturb())
        office = Office(self)
        office.open()
        keepers = Keepers(self)
        keepers.open()
        paying = [asyncio.ensure_future(payer.pay()) for payer in payers]
        if paying:
            await asyncio.wait(paying)
        for task in (*paying, disturbing):
            if task.done() and (error := task.exception()) is not None:
                self.loop.broken.append(error)
        await self._calm(disturbing)
        await keepers.close()
        await self._until_settled()
        if await office.close():
            await self._until_settled()
        asked = [await payer.asks_what_was_not_answered() for payer in payers]
        if any(asked):
            # An order that was given up may have begun only now.
            await self._until_settled()
        await self.oracle.last_look(payers)
        if isinstance(self.base, Mirror):
            self.oracle.differ(self.base.differences())

    async def _calm(self, disturbing: "asyncio.Future[None]") -> None:
        """No more faults; whoever stands still or is down comes back."""
        self.faults.on = False
        self.texts_are_down = False
        self.note(None, "calm", "no more faults")
        disturbing.cancel()
        for running in self.nodes:
            if running is not None:
                self.loop.wake(running.machine)
        await asyncio.sleep(10.0)
        self.database_is_away = False
        for place, running in enumerate(self.nodes):
            if running is None:
                self.start(place)

    async def _until_settled(self) -> None:
        """Wait until nothing is open that could still come to an end by itself."""
        began = self.loop.time()
        while self.loop.time() < began + FINAL_WITHIN_S:
            await asyncio.sleep(LOOK_EVERY_S)
            if not self._open() and not self.side:
                break
        self.settled_at = self.loop.time()
        # Callbacks, notices and sweeps that are on their way.
        await asyncio.sleep(8.0)

    def _open(self) -> bool:
        """Whether an order has not come to its end."""
        cases = verdict.cases_of(self)
        return (
            self.coupons.still_owed()
            or refunds.still_open(self, cases)
            or agreements.still_open(self, cases)
            or self.ledger.still_open()
            or any(
                not verdict.settled(self, row, cases[row.pay_order_no])
                for row in self.base.waiting(PaymentRow)
            )
        )
