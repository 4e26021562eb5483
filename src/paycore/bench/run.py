"""A whole run, from an empty folder to the figures."""

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import uvloop
from rich.progress import Progress

from paycore.bench import contenders, pgbench, queries, routes
from paycore.bench.bare.durable import available
from paycore.bench.contenders import BARE, DURABLE, WARM_UP_S, Contender, Wanted
from paycore.bench.ground import Host, Own, borrow
from paycore.bench.load import Level
from paycore.bench.pgbench import Yardstick
from paycore.bench.routes import Decisions
from paycore.bench.stage import Stage
from paycore.bench.statements import rows_of, script_of
from paycore.kernel.postgres import fresh_folder

DUEL_AT = 64
"""The concurrency at which we are set against others."""

PLENTY_PER_S = 800
"""Coupons made ready for each second of load; who finds none pays without."""

MOST_COUPONS = 100_000

ROUTES_S = 2
"""Of processor time, for each mix of rules."""


def processes() -> int:
    """One a core: a process runs on one."""
    return os.cpu_count() or 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be measured."""

    concurrency: Sequence[int]
    seconds: int
    converted: bool
    """And deductions, which need the same mandates."""
    rounds: int
    """How often we and the bare path are measured in turn."""
    processes: int = field(default_factory=processes)
    dsn: str | None = field(default=None, repr=False)
    """The user's own server; None: servers of our own."""

    @property
    def windows(self) -> int:
        """How many there are: one more at half the top load, and one of deductions."""
        in_turn = (2 + available()) * self.rounds
        ways = len(self.concurrency) * (1 + self.converted)
        return ways + in_turn + 1 + self.converted

    @property
    def command(self) -> str:
        """What measures the same again."""
        return (
            f"paycore bench --seconds {self.seconds} --rounds {self.rounds}"
            f" --processes {self.processes}"
            f" --concurrency {','.join(map(str, self.concurrency))}"
            f" --{'' if self.converted else 'no-'}converted"
            # Never the address itself: it may hold a password.
            f"{'' if self.dsn is None else ' --dsn postgresql://…'}"
        )

    @property
    def host(self) -> Host:
        """Who has the databases; raises Misconfigured where the user's has none."""
        if self.dsn is None:
            return Own(self.processes)
        return borrow(self.dsn, processes=self.processes, durable=available())

    @property
    def steps_s(self) -> float:
        """How long the load, the routes and pgbench take together."""
        load_s = self.windows * (self.seconds + WARM_UP_S)
        return load_s + len(routes.MIXES) * ROUTES_S + self.seconds

    @property
    def wanted(self) -> Wanted:
        """What each contender needs for it."""
        load_s = self.windows * (self.seconds + WARM_UP_S)
        return Wanted(
            payers=max(*self.concurrency, DUEL_AT),
            converted=self.converted,
            coupons=min(MOST_COUPONS, int(load_s * PLENTY_PER_S / 3)),
            processes=self.processes,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What was measured."""

    quick: Sequence[Level]
    converted: Sequence[Level]
    deducted: Sequence[Level]
    """At `DUEL_AT`."""
    ours: Sequence[Level]
    """At `DUEL_AT`, in turn with the bare path's."""
    bare: Sequence[Level]
    durable: Sequence[Level]
    """The same on DBOS, where it is installed."""
    half: Level | None
    """At half the best speed that was seen."""
    own_ms: tuple[Sequence[float], Sequence[float]]
    """There, of each send and confirm: our share, above the bank's."""
    payments: int
    coupons: int
    charged: int
    rows: int
    processes: int
    yardstick: Yardstick
    routes: Sequence[Decisions]
    """Decisions of the router alone."""


def run(plan: Plan, progress: Progress) -> Figures:
    """Measure; raises WrongAnswer where a payment was not as it must be."""
    progress.add_task("starting", total=plan.steps_s)
    host = plan.host
    folder = fresh_folder("paycore-bench-")
    try:
        with _all(host, folder, plan.wanted) as (stage, node, *others):
            taken = uvloop.run(_Load(plan, node, others, progress).all())
            charged = node.money()
            for other in others:
                other.money()
        (task,) = progress.task_ids
        progress.update(task, description="route decisions")
        decisions = routes.measure(ROUTES_S, lambda s: progress.advance(task, s))
        progress.update(task, description="pgbench")
        yardstick = pgbench.measure(
            host,
            folder / "pgbench",
            script_of(stage.plain, next(iter(stage.tally.paid))),
            seconds=plan.seconds,
        )
        progress.update(task, completed=plan.steps_s)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return Figures(
        quick=taken.quick,
        converted=taken.converted,
        deducted=taken.deducted,
        ours=taken.ours,
        bare=taken.others[BARE],
        durable=taken.others.get(DURABLE, []),
        half=taken.half,
        own_ms=taken.own_ms,
        payments=len(stage.tally.paid),
        coupons=stage.tally.coupons,
        charged=charged,
        rows=rows_of(stage.plain),
        processes=plan.processes,
        yardstick=yardstick,
        routes=decisions,
    )


@contextmanager
def _all(
    host: Host, folder: Path, wanted: Wanted
) -> Iterator[tuple[Stage, Contender, *tuple[Contender, ...]]]:
    """We, the bare path, and DBOS where it is installed."""
    with ExitStack() as started:
        ours = contenders.ours(host, folder / "paycore", wanted)
        node, stage = started.enter_context(ours)
        bare = contenders.bare(host, folder / "bare", wanted)
        others = [started.enter_context(bare)]
        if available():
            durable = contenders.durable(host, folder / "durable", wanted)
            others.append(started.enter_context(durable))
        yield stage, node, *others


@dataclass(slots=True)
class _Taken:
    quick: list[Level] = field(default_factory=list)
    converted: list[Level] = field(default_factory=list)
    deducted: list[Level] = field(default_factory=list)
    ours: list[Level] = field(default_factory=list)
    others: dict[str, list[Level]] = field(default_factory=dict)
    """By name, in turn with ours."""
    half: Level | None = None
    own_ms: tuple[list[float], list[float]] = ([], [])


@dataclass(frozen=True, slots=True)
class _Load:
    """All windows, in order."""

    plan: Plan
    node: Contender
    others: Sequence[Contender]
    progress: Progress
    taken: _Taken = field(default_factory=_Taken)

    async def all(self) -> _Taken:
        taken = self.taken
        # In turn, so that what drifts on this machine drifts for all.
        for _ in range(self.plan.rounds):
            for other in self.others:
                level = await self._level(other, DUEL_AT)
                taken.others.setdefault(other.name, []).append(level)
            taken.ours.append(await self._level(self.node, DUEL_AT))
        for at_once in self.plan.concurrency:
            taken.quick.append(await self._level(self.node, at_once))
        if self.plan.converted:
            for at_once in self.plan.concurrency:
                level = await self._level(self.node, at_once, converted=True)
                taken.converted.append(level)
            level = await self._level(self.node, DUEL_AT, deducted=True)
            taken.deducted.append(level)
        best = max(level.per_s for level in (*taken.quick, *taken.ours))
        taken.half = await self._level(self.node, DUEL_AT, per_s=best / 2)
        taken.own_ms = await self._own_ms(taken.half)
        return taken

    async def _level(
        self,
        who: Contender,
        at_once: int,
        *,
        converted: bool = False,
        deducted: bool = False,
        per_s: float | None = None,
    ) -> Level:
        task = self.progress.task_ids[0]
        ways = ((converted, ", converted"), (deducted, ", deducted"))
        way = next((said for is_it, said in ways if is_it), "")
        way = ", half the load" if per_s else way
        self.progress.update(task, description=f"{who.name}, {at_once} payers{way}")
        return await who.level(
            at_once,
            seconds=self.plan.seconds,
            progress=lambda passed: self.progress.advance(task, passed),
            converted=converted,
            deducted=deducted,
            per_s=per_s,
        )

    async def _own_ms(self, level: Level) -> tuple[list[float], list[float]]:
        """What each call took beyond the bank's own time."""
        bank = await queries.channel_ms(self.node.place.looks.dsn, level.send_s)
        return (
            _beyond(level.send_s, bank, "send_code"),
            _beyond(level.confirm_s, bank, "confirm"),
        )


def _beyond(
    taken_s: Mapping[str, float],
    bank_ms: Mapping[tuple[str, str], int],
    operation: str,
) -> list[float]:
    return [
        taken * 1000 - bank_ms[no, operation]
        for no, taken in taken_s.items()
        if (no, operation) in bank_ms
    ]
