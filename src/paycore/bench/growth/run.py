"""A whole run: set-ups beside one another, each on a database of another age.

Windows are taken in turn, so that what drifts on this machine drifts for all. When the
load is over the nodes stop, and people and the auditor ask what they ask.
"""

import asyncio
import shutil
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import uvloop
from rich.progress import Progress

from paycore.bench.contenders import WARM_UP_S, Wanted
from paycore.bench.growth import console, people, queries
from paycore.bench.growth.asking import Asked, Question, ask
from paycore.bench.growth.audits import Audit, audit, scopes
from paycore.bench.growth.blocks import Touched, since
from paycore.bench.growth.fill import Filled
from paycore.bench.growth.ground import Standing, standing
from paycore.bench.growth.history import History
from paycore.bench.growth.queries import Size
from paycore.bench.growth.space import refuse_full
from paycore.bench.load import Level
from paycore.bench.run import DUEL_AT, MOST_COUPONS, PLENTY_PER_S
from paycore.kernel.clock import machine_now
from paycore.kernel.postgres import fresh_folder

PEOPLE, OPERATORS = 20, 40
"""How often each question is asked: so often that it has a p95, where one is told."""

NONE = 0
"""The history beside which all others are measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be measured."""

    histories: Sequence[int]
    """How many finished payments; a set-up each, and one without."""
    kept_whole: int
    """Of so many, the newest, there is at least all that goes by the month."""
    seconds: int
    rounds: int
    processes: int
    audits: bool = True

    @property
    def command(self) -> str:
        """What makes the same again."""
        histories = ",".join(map(str, self.histories))
        return (
            f"paycore bench growth --history {histories}"
            f" --kept-whole {self.kept_whole} --seconds {self.seconds}"
            f" --rounds {self.rounds}{'' if self.audits else ' --no-audit'}"
        )

    def lying(self, until: datetime) -> list[History]:
        """The histories as they lie up to a moment."""
        return [
            History(payments=each, until=until, kept_whole=self.kept_whole)
            for each in self.histories
        ]

    @property
    def load_s(self) -> float:
        """How long each set-up is under load."""
        return self.rounds * (self.seconds + WARM_UP_S)

    @property
    def wanted(self) -> Wanted:
        """What each set-up needs for it."""
        return Wanted(
            payers=DUEL_AT,
            converted=True,
            coupons=min(MOST_COUPONS, int(self.load_s * PLENTY_PER_S / 3)),
            processes=self.processes,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """One turn of a set-up."""

    level: Level
    payments: int
    """All that were paid, before and after the measured window too."""
    touched: Touched


@dataclass(slots=True, kw_only=True)
class Side:
    """What was measured of one set-up."""

    history: History
    filled: Filled
    sizes: Sequence[Size] = ()
    """Before the first payment of the load."""
    windows: list[Window] = field(default_factory=list)
    asked: Sequence[Asked] = ()
    at_console: Sequence[Asked] = ()
    audits: list[Audit] = field(default_factory=list)

    @property
    def payments(self) -> int:
        """Finished ones that were there before."""
        return self.history.payments


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What was measured; the first side is the one without a history."""

    plan: Plan
    sides: Sequence[Side]
    payments: int
    charged: int


SoFar = Callable[[Figures], None]
"""Hears what is measured, as far as it is: audits of much take their time."""


def run(plan: Plan, progress: Progress, so_far: SoFar) -> Figures:
    """Measure; raises WrongAnswer where a payment was not as it must be."""
    folder = fresh_folder("paycore-growth-")
    try:
        refuse_full(folder.parent, plan.lying(machine_now()))
        with ExitStack() as started:
            standings = [
                started.enter_context(_standing(folder, plan, payments, progress))
                for payments in (NONE, *plan.histories)
            ]
            return uvloop.run(_Run(plan, standings, progress, so_far).all())
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _standing(
    folder: Path, plan: Plan, payments: int, progress: Progress
) -> AbstractContextManager[Standing]:
    task = progress.add_task(f"filling {payments:,}", total=payments or None)

    def told(more: int) -> None:
        progress.advance(task, more)
        speed = progress.tasks[task].speed or 0
        progress.update(task, description=f"filling {payments:,}, {speed:,.0f}/s")

    return standing(
        folder / str(payments),
        plan.wanted,
        payments=payments,
        kept_whole=plan.kept_whole,
        told=told,
    )


@dataclass(slots=True)
class _Run:
    """All that is measured, in order."""

    plan: Plan
    standings: Sequence[Standing]
    progress: Progress
    so_far: SoFar
    sides: list[Side] = field(default_factory=list)

    async def all(self) -> Figures:
        self.sides = [
            Side(
                history=each.history,
                filled=each.filled,
                sizes=await _sizes(each),
            )
            for each in self.standings
        ]
        await self._turns()
        charged = [each.contender.money() for each in self.standings]
        for each in self.standings:
            await asyncio.to_thread(each.stop_nodes)
        figures = Figures(
            plan=self.plan,
            sides=self.sides,
            payments=sum(len(each.contender.tally.paid) for each in self.standings),
            charged=sum(charged),
        )
        for each, side in zip(self.standings, self.sides, strict=True):
            side.asked = await self._asked(each, people.QUESTIONS, PEOPLE)
            side.at_console = await self._asked(each, console.QUESTIONS, OPERATORS)
        self.so_far(figures)
        for each, side in zip(self.standings, self.sides, strict=True):
            await self._audits(each, side)
            self.so_far(figures)
        return figures

    async def _turns(self) -> None:
        both = list(zip(self.standings, self.sides, strict=True))
        total = self.plan.load_s * len(both)
        task = self.progress.add_task("load", total=total)
        for number in range(self.plan.rounds):
            # There and back again: what grows steadily falls on all alike.
            for each, side in reversed(both) if number % 2 else both:
                said = f"beside {each.payments:,}, round {number + 1}"
                self.progress.update(task, description=said)
                window = await self._window(
                    each, lambda passed: self.progress.advance(task, passed)
                )
                side.windows.append(window)

    async def _window(
        self, each: Standing, progress: Callable[[float], None]
    ) -> Window:
        paid, before = len(each.contender.tally.paid), await _touched(each)
        level = await each.contender.level(
            DUEL_AT, seconds=self.plan.seconds, progress=progress
        )
        return Window(
            level=level,
            payments=len(each.contender.tally.paid) - paid,
            touched=since(before, await _touched(each)),
        )

    async def _asked(
        self, each: Standing, questions: Sequence[tuple[str, Question]], times: int
    ) -> Sequence[Asked]:
        """What is asked, so many times."""
        told = self._steps(each, len(questions))
        return await ask(each.dsn, each.settings, questions, times=times, told=told)

    async def _audits(self, each: Standing, side: Side) -> None:
        """What the auditor asks."""
        audits = scopes(each.history) if self.plan.audits else []
        told = self._steps(each, len(audits))
        for scope, begins in audits:
            told(f"audit of {scope}")
            side.audits.append(await audit(each.dsn, scope, begins))

    def _steps(self, each: Standing, steps: int) -> Callable[[str], None]:
        task = self.progress.add_task(f"beside {each.payments:,}", total=steps)

        def told(what: str) -> None:
            said = f"beside {each.payments:,}: {what}"
            self.progress.update(task, description=said, advance=1)

        return told


async def _sizes(each: Standing) -> Sequence[Size]:
    connection = await queries.connect(each.dsn)
    try:
        return await queries.sizes(connection)
    finally:
        await connection.close()


async def _touched(each: Standing) -> Touched:
    connection = await queries.connect(each.dsn)
    try:
        return await queries.statements(connection)
    finally:
        await connection.close()
