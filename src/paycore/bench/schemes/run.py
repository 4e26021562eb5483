"""What each call costs: all of them in turn, round by round, from the tape.

Of each the best round counts. What a neighbour takes of the machine makes a round
dearer and never cheaper, so that the least is nearest to what the call costs by itself.
"""

import asyncio
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter, process_time, process_time_ns

from paycore.bench import cpu
from paycore.bench.payer import WrongAnswer
from paycore.bench.schemes import calls as made
from paycore.bench.schemes.calls import HOUSE, HOUSE_TEXT, Call
from paycore.bench.schemes.ground import a_node, standing
from paycore.dev import vendors
from paycore.kernel.clock import machine_now
from paycore.kernel.postgres import fresh_folder
from paycore.sms.registry import drivers

WINDOW_NS = 50_000_000
"""Processor time of one call's window in one round."""

Progress = Callable[[], None]
"""Called when a round is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Processor time of one call."""

    scheme: str
    operation: str
    assemble_us: float | None
    """None: nothing is sent."""
    read_us: float

    @property
    def all_us(self) -> float:
        """Both halves."""
        return (self.assemble_us or 0.0) + self.read_us


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """All that was measured."""

    rounds: int
    costs: Sequence[Cost]
    others_busy: float
    """How many processors something else kept busy meanwhile."""

    def of(self, scheme: str) -> list[Cost]:
        """A scheme's calls."""
        return [cost for cost in self.costs if cost.scheme == scheme]

    def by_hmac(self, scheme: str) -> float:
        """What its calls cost by what the same ones cost with the sandbox's HMAC."""
        own = {cost.operation: cost.all_us for cost in self.of(scheme)}
        house = HOUSE_TEXT if made.TEXT in own else HOUSE
        theirs = {cost.operation: cost.all_us for cost in self.of(house)}
        return sum(own.values()) / sum(theirs[operation] for operation in own)


def measure(rounds: int, progress: Progress) -> Costs:
    """Measure so many rounds; raises WrongAnswer where a call is not answered as it
    must be.
    """
    if find_spec("gmalg") is None:
        raise WrongAnswer("the sandbox needs it for SM2: pip install 'paycore[sm2]'")
    folder = fresh_folder("paycore-schemes-")
    try:
        return asyncio.run(_measure(folder, rounds, progress))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _measure(folder: Path, rounds: int, progress: Progress) -> Costs:
    nodes = [a_node()]
    try:
        async with standing(nodes[0], folder / "house") as on:
            calls = [call async for call in made.calls(on)]
        for scheme, way in made.OTHER_WAYS.items():
            nodes.append(a_node())
            contract = vendors.with_unionpay(machine_now(), sign_method=way)
            given = {"unionpay": contract}
            async with standing(nodes[-1], folder / scheme, given) as on:
                calls += [call async for call in made.of_unionpay(on, scheme)]
        # Nobody of whom the answers came is there any more.
        return await _in_turn(calls, rounds, progress)
    finally:
        for node in nodes:
            for driver in drivers().values():
                await driver.let_go(node)
            await node.transport.close()


async def _in_turn(calls: Sequence[Call], rounds: int, progress: Progress) -> Costs:
    began = perf_counter(), cpu.machine(), process_time()
    best: dict[tuple[str, str], Cost] = {}
    for _ in range(rounds):
        for call in calls:
            cost, key = await _window(call), (call.scheme, call.operation)
            least = best.get(key, cost)
            best[key] = min(cost, least, key=lambda each: each.all_us)
        progress()
    wall_s = perf_counter() - began[0]
    others_s = cpu.machine() - began[1] - (process_time() - began[2])
    return Costs(
        rounds=rounds,
        costs=list(best.values()),
        others_busy=max(0.0, others_s / wall_s),
    )


async def _window(call: Call) -> Cost:
    """Make one call for a while, and take the mean of each half."""
    if call.tape is None:
        return await _spent(call)
    return await made.on_tape(call.node, call.tape, lambda: _spent(call))


async def _spent(call: Call) -> Cost:
    assembled_ns, read_ns, count = 0, 0, 0
    while assembled_ns + read_ns < WINDOW_NS:
        if call.tape is not None:
            call.tape.wind_back()
        began_ns = process_time_ns()
        await call.make()
        ended_ns = process_time_ns()
        left_ns = began_ns if call.tape is None else call.tape.left_ns or began_ns
        assembled_ns += left_ns - began_ns
        read_ns += ended_ns - left_ns
        count += 1
    sends = call.tape is not None
    return Cost(
        scheme=call.scheme,
        operation=call.operation,
        assemble_us=assembled_ns / count / 1000 if sends else None,
        read_us=read_ns / count / 1000,
    )
