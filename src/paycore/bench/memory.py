"""Whether a node's memory stays flat: one node, many payments, looked at all along.

What grows with payments and not with those under way (a cache without an end, a task
that nobody lets go of) shows as a slope of its resident memory after the warm-up. The
node is one as users run it, its workers and its auditor among it.
"""

import asyncio
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from statistics import fmean, linear_regression
from time import perf_counter

import uvloop
from rich.table import Table

from paycore.bench import contenders, cpu, load
from paycore.bench.contenders import Contender, Wanted
from paycore.bench.ground import Own
from paycore.bench.payer import COUPON_SHARE
from paycore.kernel.errors import Misconfigured
from paycore.kernel.postgres import fresh_folder

SAMPLES = 400
"""Looks at the node, evenly over the payments."""

WARM_UP_SHARE = 0.1
"""The first tenth of the payments fills pools and caches, and says nothing."""

FLAT_PERCENT = 5.0
"""Grown by more since the warm-up, by the slope, it is not flat."""

PER = 100_000
MB = 1 << 20

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What was seen."""

    payments: int
    seconds: float
    points: Sequence[tuple[int, float]]
    """Whole MB of resident memory, by how many were paid."""

    @property
    def after_warm_up(self) -> list[tuple[int, float]]:
        """Those that say something."""
        begin = self.payments * WARM_UP_SHARE
        return [point for point in self.points if point[0] >= begin]

    @property
    def line(self) -> tuple[float, float]:
        """MB a payment, and MB where the line meets the end of the warm-up."""
        points = self.after_warm_up
        begin = points[0][0]
        slope, at_begin = linear_regression(
            [paid - begin for paid, _ in points], [mb for _, mb in points]
        )
        return slope, at_begin

    @property
    def grown_percent(self) -> float:
        """By the line, from the warm-up's end to the last payment."""
        slope, at_begin = self.line
        points = self.after_warm_up
        return 100 * slope * (points[-1][0] - points[0][0]) / at_begin

    @property
    def flat(self) -> bool:
        """Whether it may be called so."""
        return self.grown_percent <= FLAT_PERCENT


def run(payments: int, payers: int, progress: Progress) -> Memory:
    """Pay so often with one node; raises WrongAnswer where a payment went wrong."""
    if not cpu.known():
        raise Misconfigured(
            "this system does not tell how much memory a process uses: it has no /proc"
        )
    folder = fresh_folder("paycore-bench-")
    wanted = Wanted(
        payers=payers,
        converted=False,
        coupons=(payments + payers) // COUPON_SHARE,
        processes=1,
    )
    try:
        with contenders.ours(Own(1), folder / "paycore", wanted) as (node, _):
            found = uvloop.run(_Watch(node, payments, progress).all())
            node.money()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return found


@dataclass(slots=True)
class _Watch:
    """Payers at work, and looks at the node between their payments."""

    node: Contender
    payments: int
    progress: Progress
    points: list[tuple[int, float]] = field(default_factory=list)

    async def all(self) -> Memory:
        node, began = self.node, perf_counter()
        async with load.paying(node.place, node.quick, node.coupons, node.tally):
            first = seen = len(node.tally.paid)
            step = max(1, self.payments // SAMPLES)
            while seen - first < self.payments:
                await asyncio.sleep(load.TICK_S)
                now = len(node.tally.paid)
                self.progress(now - seen)
                if now // step > seen // step or not self.points:
                    self.look(now - first)
                seen = now
        return Memory(
            payments=seen - first, seconds=perf_counter() - began, points=self.points
        )

    def look(self, paid: int) -> None:
        (pid,) = self.node.place.node_pids
        self.points.append((paid, round(cpu.memory(pid) / MB, 2)))
        # How long each call took would only fill the driver's own memory.
        self.node.tally.send_s.clear()
        self.node.tally.confirm_s.clear()


# --- telling --------------------------------------------------------------------------


def document(found: Memory) -> dict[str, object]:
    """The line of JSON; its keys are in docs/benchmarks.md."""
    slope, at_begin = found.line
    return {
        "payments": found.payments,
        "seconds": round(found.seconds, 1),
        "payments_per_s": round(found.payments / found.seconds, 1),
        "mb_after_warm_up": round(at_begin, 1),
        "mb_at_end": found.points[-1][1],
        "mb_most": max(mb for _, mb in found.points),
        "mb_per_100000_payments": round(slope * PER, 2),
        "grown_percent": round(found.grown_percent, 2),
        "samples": len(found.points),
        "holds": found.flat,
    }


def table(found: Memory) -> Table:
    """Ten looks, evenly over the run."""
    made = Table(title="Memory of one node", title_justify="left")
    made.add_column("payments", justify="right")
    made.add_column("MB", justify="right", style="bold")
    tenth = max(1, len(found.points) // 10)
    for at in range(0, len(found.points), tenth):
        part = list(islice(found.points, at, at + tenth))
        made.add_row(f"{part[-1][0]:,}", f"{fmean(mb for _, mb in part):,.1f}")
    return made


def summary(found: Memory) -> str:
    """What it comes to."""
    slope, _ = found.line
    return (
        f"{slope * PER:+.2f} MB per {PER:,} payments after the first tenth: "
        f"{'flat' if found.flat else 'NOT FLAT'} ({found.grown_percent:+.1f} %, "
        f"at most {FLAT_PERCENT:.0f})"
    )
