"""The load: so many payers at once, a warm-up, then a window of fixed length.

As fast as they can, or, where a pace is given, each at moments drawn beforehand that do
not wait for an answer: then a call's time is that of a machine with room to spare.

A payment counts when it is whole: confirmed and its notice acknowledged, both within
the window; so neither a queue of notices nor one of payments can flatter the figure.
"""

import asyncio
import os
import random
from collections.abc import (
    AsyncIterator,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import perf_counter

from paycore.bench import cpu
from paycore.bench.client import Connection
from paycore.bench.looks import Looks, Seen
from paycore.bench.oracle import Oracle
from paycore.bench.payer import Payer, Purse, Tally, WrongAnswer

TICK_S = 0.1
CAUGHT_UP_WITHIN_S = 30.0
"""A notice that comes later than that after the load was not on its way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What is put under load."""

    apis: Sequence[str]
    """A payer stays with one of them."""
    oracle: Oracle
    node_pids: Sequence[int]
    postgres_pid: int | None
    """None where the server is not ours to look at: what it spends is not known."""
    sandbox_pid: int
    looks: Looks


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """What was measured at one concurrency."""

    concurrency: int
    payments: int
    """Whole ones, within the window."""
    seconds: float
    send_s: Mapping[str, float]
    """By payment."""
    confirm_s: Mapping[str, float]
    cpu_s: Mapping[str, float]
    others: float = 0.0
    """How many processors were busy with something else: the figure lacks them."""
    wal_octets: int = 0
    groups: int = 0
    """Commits of the journal."""
    changes: int = 0
    """What was written in them."""
    node_octets: int = 0
    """Memory of the nodes at the window's end."""
    lag_s: float = 0.0
    """The longest that an event loop of a node was late."""

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
    node_octets: int
    seen: Seen


def percentile(values: Iterable[float], percent: float) -> float:
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
    per_s: float | None = None,
) -> Level:
    """Let each purse pay, over and over; measure the window; wait for the notices.

    With `per_s` all together pay so often, and not as fast as they can.
    """
    async with paying(place, purses, coupons, tally, per_s=per_s):
        await _wait(warm_up_s, progress)
        tally.send_s.clear()
        tally.confirm_s.clear()
        began = await _mark(place, tally)
        await _wait(seconds, progress)
        ended = await _mark(place, tally)
        send_s, confirm_s = dict(tally.send_s), dict(tally.confirm_s)
    return _level(began, ended, send_s=send_s, confirm_s=confirm_s, at_once=len(purses))


@asynccontextmanager
async def paying(
    place: Place,
    purses: Sequence[Purse],
    coupons: Iterator[str],
    tally: Tally,
    *,
    per_s: float | None = None,
) -> AsyncIterator[None]:
    """Payers at work while the block lasts; then they end, and all notices come."""
    payers = [
        Payer(
            purse=purse,
            connection=await Connection.open(place.apis[at % len(place.apis)]),
            oracle=place.oracle,
            tally=tally,
            coupons=coupons,
        )
        for at, purse in enumerate(purses)
    ]
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for payer in payers:
            group.create_task(_pay_on(payer, stop, per_s and per_s / len(payers)))
        yield
        stop.set()
    for payer in payers:
        payer.connection.close()
    await _caught_up(place, tally)


def _level(
    began: _Mark,
    ended: _Mark,
    *,
    send_s: Mapping[str, float],
    confirm_s: Mapping[str, float],
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
        wal_octets=ended.seen.wal_octets - began.seen.wal_octets,
        groups=ended.seen.groups - began.seen.groups,
        changes=ended.seen.changes - began.seen.changes,
        node_octets=ended.node_octets,
        lag_s=ended.seen.longest_lag_s(began.seen),
    )


async def _pay_on(payer: Payer, stop: asyncio.Event, per_s: float | None) -> None:
    due = perf_counter()
    while not stop.is_set():
        if per_s is not None:
            due += random.expovariate(per_s)
            await asyncio.sleep(due - perf_counter())
        await payer.pay()


async def _wait(seconds: float, progress: Callable[[float], None]) -> None:
    end = perf_counter() + seconds
    while (left := end - perf_counter()) > 0:
        await asyncio.sleep(min(TICK_S, left))
        progress(min(TICK_S, left))


async def _mark(place: Place, tally: Tally) -> _Mark:
    seen = await place.looks.now()
    return _Mark(
        at=perf_counter(),
        paid=len(tally.paid),
        notices=place.oracle.notices(),
        seen=seen,
        node_octets=sum(map(cpu.memory, place.node_pids)),
        cpu_s=_spent(place),
        machine_s=cpu.machine(),
    )


def _spent(place: Place) -> dict[str, float]:
    """Processor time so far, by who spent it."""
    spent = {"node": sum(map(cpu.seconds, place.node_pids))}
    if place.postgres_pid is not None:
        spent["postgres"] = cpu.seconds(place.postgres_pid, family=True)
    spent["sandbox"] = cpu.seconds(place.sandbox_pid)
    spent["driver"] = cpu.seconds(os.getpid())
    return spent


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
