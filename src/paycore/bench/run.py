"""A whole run, from an empty folder to the figures."""

import asyncio
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import uvloop
from rich.progress import Progress

from paycore.bench import load, pgbench
from paycore.bench.load import Level, Place
from paycore.bench.oracle import Oracle
from paycore.bench.payer import Purse, Tally
from paycore.bench.pgbench import Yardstick
from paycore.bench.stage import Stage, prepare
from paycore.dev import stack
from paycore.dev.processes import NodeProcess, start_node
from paycore.dev.stack import Ground
from paycore.kernel.postgres import fresh_folder

WARM_UP_S = 3.0
PLENTY_PER_S = 500
"""Coupons made ready for each second of load; who finds none pays without."""

MOST_COUPONS = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be measured."""

    concurrency: Sequence[int]
    seconds: int
    converted: bool

    @property
    def coupons(self) -> int:
        """So many may be needed."""
        load_s = len(self.concurrency) * (self.seconds + WARM_UP_S)
        return min(MOST_COUPONS, int(load_s * PLENTY_PER_S))

    @property
    def steps_s(self) -> float:
        """How long the load and pgbench take together."""
        levels = len(self.concurrency) * (1 + self.converted)
        return levels * (self.seconds + WARM_UP_S) + self.seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What was measured."""

    quick: list[Level]
    converted: list[Level]
    payments: int
    coupons: int
    charged: int
    rows: int
    yardstick: Yardstick


def run(plan: Plan, progress: Progress) -> Figures:
    """Measure; raises WrongAnswer where a payment was not as it must be."""
    task = progress.add_task("starting", total=plan.steps_s)
    folder = fresh_folder("paycore-bench-")
    try:
        with stack.ground(folder / "stack") as on:
            stage = asyncio.run(
                prepare(
                    on,
                    payers=max(plan.concurrency),
                    converted=plan.converted,
                    coupons=plan.coupons,
                )
            )
            measured = _under_load(plan, on, stage, progress)
        progress.update(task, description="pgbench")
        yardstick = pgbench.measure(
            folder / "pgbench", stage.script, seconds=plan.seconds
        )
        progress.update(task, completed=plan.steps_s)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    quick, converted, charged = measured
    return Figures(
        quick=quick,
        converted=converted,
        payments=len(stage.tally.paid),
        coupons=stage.tally.coupons,
        charged=charged,
        rows=stage.rows,
        yardstick=yardstick,
    )


def _under_load(
    plan: Plan, on: Ground, stage: Stage, progress: Progress
) -> tuple[list[Level], list[Level], int]:
    with (
        start_node(on.cluster.dsn, stage.settings) as node,
        Oracle(on.data / "sandbox") as oracle,
    ):
        load_on = _Load(
            plan=plan,
            place=_place(on, node, oracle),
            tally=stage.tally,
            coupons=iter(stage.coupons),
            progress=progress,
        )
        quick = uvloop.run(load_on.levels(stage.quick))
        converted: list[Level] = []
        if plan.converted:
            # The coupons are the other line's.
            load_on = replace(load_on, coupons=iter(()))
            converted = uvloop.run(load_on.levels(stage.converted))
        return quick, converted, load.check_money(oracle.charges(), stage.tally)


def _place(on: Ground, node: NodeProcess, oracle: Oracle) -> Place:
    return Place(
        api=node.info.api,
        oracle=oracle,
        node_pid=node.pid,
        postgres_pid=on.cluster.pid,
        sandbox_pid=on.sandbox.pid,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Load:
    """All levels of one kind of payment."""

    plan: Plan
    place: Place
    tally: Tally
    coupons: Iterator[str]
    progress: Progress

    async def levels(self, purses: Sequence[Purse]) -> list[Level]:
        return [await self._level(purses[:each]) for each in self.plan.concurrency]

    async def _level(self, purses: Sequence[Purse]) -> Level:
        task = self.progress.task_ids[0]
        self.progress.update(task, description=f"{len(purses)} payers")
        return await load.run_level(
            self.place,
            purses,
            self.coupons,
            self.tally,
            warm_up_s=WARM_UP_S,
            seconds=self.plan.seconds,
            progress=lambda passed: self.progress.advance(task, passed),
        )
