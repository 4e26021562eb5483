"""The load: so many payers at once, a warm-up, then a window of fixed length.

A payment counts when it is whole: confirmed and its notice acknowledged, both within
the window; so neither a queue of notices nor one of payments can flatter the figure.
"""

import asyncio
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter

from paycore.bench import cpu
from paycore.bench.client import Connection
from paycore.bench.oracle import Oracle
from paycore.bench.payer import Payer, Purse, Tally, WrongAnswer

TICK_S = 0.1
CAUGHT_UP_WITHIN_S = 30.0
"""A notice that comes later than that after the load was not on its way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What is put under load."""

    api: str
    oracle: Oracle
    node_pid: int
    postgres_pid: int
    sandbox_pid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """What was measured at one concurrency."""

    concurrency: int
    payments: int
    """Whole ones, within the window."""
    seconds: float
    send_s: Sequence[float]
    confirm_s: Sequence[float]
    cpu_s: Mapping[str, float]
    others: float = 0.0
    """How many processors were busy with something else: the figure lacks them."""

    @property
    def per_s(self) -> float:
        """Whole payments a second."""
        return self.payments / self.seconds


@dataclass(frozen=True, slots=True)
class _Mark:
    """Where everything stood at one moment."""

    at: float
    paid: int
    notices: int
    cpu_s: Mapping[str, float]
    machine_s: float


def percentile(values: Sequence[float], percent: float) -> float:
    """The value that so many percent do not exceed; 0 of none."""
    ordered = sorted(values)
    rank = -(-len(ordered) * percent // 100)
    return ordered[max(0, int(rank) - 1)] if ordered else 0.0


async def run_level(
    place: Place,
    purses: Sequence[Purse],
    coupons: Iterator[str],
    tally: Tally,
    *,
    warm_up_s: float,
    seconds: float,
    progress: Callable[[float], None],
) -> Level:
    """Let each purse pay, over and over; measure the window; wait for the notices."""
    payers = [
        Payer(
            purse=purse,
            connection=await Connection.open(place.api),
            oracle=place.oracle,
            tally=tally,
            coupons=coupons,
        )
        for purse in purses
    ]
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for payer in payers:
            group.create_task(_pay_on(payer, stop))
        await _wait(warm_up_s, progress)
        tally.send_s.clear()
        tally.confirm_s.clear()
        began = _mark(place, tally)
        await _wait(seconds, progress)
        ended = _mark(place, tally)
        send_s, confirm_s = list(tally.send_s), list(tally.confirm_s)
        stop.set()
    for payer in payers:
        payer.connection.close()
    await _caught_up(place, tally)
    return _level(began, ended, send_s=send_s, confirm_s=confirm_s, at_once=len(payers))


def _level(
    began: _Mark,
    ended: _Mark,
    *,
    send_s: Sequence[float],
    confirm_s: Sequence[float],
    at_once: int,
) -> Level:
    cpu_s = {name: ended.cpu_s[name] - began.cpu_s[name] for name in began.cpu_s}
    seconds = ended.at - began.at
    others_s = ended.machine_s - began.machine_s - sum(cpu_s.values())
    return Level(
        concurrency=at_once,
        payments=min(ended.paid - began.paid, ended.notices - began.notices),
        seconds=seconds,
        send_s=send_s,
        confirm_s=confirm_s,
        cpu_s=cpu_s,
        others=max(0.0, others_s / seconds),
    )


async def _pay_on(payer: Payer, stop: asyncio.Event) -> None:
    while not stop.is_set():
        await payer.pay()


async def _wait(seconds: float, progress: Callable[[float], None]) -> None:
    end = perf_counter() + seconds
    while (left := end - perf_counter()) > 0:
        await asyncio.sleep(min(TICK_S, left))
        progress(min(TICK_S, left))


def _mark(place: Place, tally: Tally) -> _Mark:
    return _Mark(
        at=perf_counter(),
        paid=len(tally.paid),
        notices=place.oracle.notices(),
        cpu_s={
            "node": cpu.seconds(place.node_pid),
            "postgres": cpu.seconds(place.postgres_pid, family=True),
            "sandbox": cpu.seconds(place.sandbox_pid),
            "driver": cpu.seconds(os.getpid()),
        },
        machine_s=cpu.machine(),
    )


async def _caught_up(place: Place, tally: Tally) -> None:
    """Wait until the business line has been told of every payment."""
    end = perf_counter() + CAUGHT_UP_WITHIN_S
    while (told := place.oracle.told()) < len(tally.paid):
        if perf_counter() > end:
            raise WrongAnswer(f"{len(tally.paid)} paid, {told} told")
        await asyncio.sleep(TICK_S)


def check_money(charges: Mapping[str, tuple[int, int]], tally: Tally) -> int:
    """Every payment was charged once, with its own amount; the sum of them all."""
    expected = {no: (amount, 1) for no, amount in tally.paid.items()}
    if charges != expected:
        wrong = [
            no
            for no in charges.keys() | expected
            if charges.get(no) != expected.get(no)
        ]
        raise WrongAnswer(f"{len(wrong)} payments differ from the bank's: {wrong[:3]}")
    return sum(tally.paid.values())
