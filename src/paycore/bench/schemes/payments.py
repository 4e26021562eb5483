"""Whole payments at providers, in turn with the same at the sandbox's own banks.

Quick pay at UnionPay, which takes a confirm in and tells later that it is paid; and
payments that are converted: a code of ours through Aliyun and a deduct at Huifu, or
through Tencent and at Stripe. All sides are nodes, PostgreSQL and a sandbox of their
own, as everywhere in this benchmark, and no payment has a coupon.
"""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import uvloop
from rich.progress import Progress

from paycore.bench import contenders
from paycore.bench.contenders import WARM_UP_S, Contender, Wanted
from paycore.bench.ground import Host, Own
from paycore.bench.load import Level
from paycore.bench.run import DUEL_AT
from paycore.kernel.postgres import fresh_folder

HOUSE: tuple[str, ...] = ()
"""The sandbox's own banks and carriers."""
CHINA = ("unionpay", "huifu", "aliyun")
ABROAD = ("stripe", "tencent")
SIDES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"house": HOUSE, "china": CHINA, "abroad": ABROAD}
)
"""Who is measured in turn; a side's banks take money and its carriers text."""


class Way(NamedTuple):
    """One way to pay at a provider."""

    side: tuple[str, ...]
    converted: bool


WAYS: Mapping[str, Way] = MappingProxyType(
    {
        "unionpay": Way(CHINA, converted=False),
        "huifu": Way(CHINA, converted=True),
        "stripe": Way(ABROAD, converted=True),
    }
)
"""By whom the money is taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be measured."""

    seconds: int
    rounds: int
    processes: int

    @property
    def wanted(self) -> Wanted:
        """What both need for it."""
        return Wanted(
            payers=DUEL_AT, converted=True, coupons=0, processes=self.processes
        )

    @property
    def steps_s(self) -> float:
        """How long the load takes."""
        return 2 * len(WAYS) * self.rounds * (self.seconds + WARM_UP_S)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One way to pay, round by round, at both."""

    provider: str
    house: list[Level] = field(default_factory=list)
    theirs: list[Level] = field(default_factory=list)


def measure(plan: Plan, progress: Progress) -> list[Pair]:
    """Measure; raises WrongAnswer where a payment was not as it must be."""
    folder = fresh_folder("paycore-providers-")
    progress.add_task("starting", total=plan.steps_s)
    try:
        with _all(Own(plan.processes), folder, plan.wanted) as sides:
            pairs = uvloop.run(_in_turn(sides, plan, progress))
            for side in sides.values():
                side.money()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return pairs


Sides = Mapping[tuple[str, ...], Contender]


@contextmanager
def _all(host: Host, folder: Path, wanted: Wanted) -> Iterator[Sides]:
    with ExitStack() as started:
        yield {
            providers: started.enter_context(
                contenders.ours(host, folder / name, wanted, providers=providers)
            )[0]
            for name, providers in SIDES.items()
        }


async def _in_turn(sides: Sides, plan: Plan, progress: Progress) -> list[Pair]:
    (task,) = progress.task_ids
    pairs = [Pair(provider=provider) for provider in WAYS]

    async def level(who: Contender, where: str, *, converted: bool) -> Level:
        progress.update(task, description=f"{DUEL_AT} payers at {where}")
        return await who.level(
            DUEL_AT,
            seconds=plan.seconds,
            progress=lambda passed: progress.advance(task, passed),
            converted=converted,
        )

    # In turn, so that what drifts on this machine drifts for both.
    for _ in range(plan.rounds):
        for pair in pairs:
            at, converted = WAYS[pair.provider]
            banks = "deduct banks, converted" if converted else "quick banks"
            pair.house.append(await level(sides[HOUSE], banks, converted=converted))
            pair.theirs.append(
                await level(sides[at], pair.provider, converted=converted)
            )
    return pairs
