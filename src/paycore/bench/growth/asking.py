"""Questions, asked of a database that stands still: how long, how many blocks.

Each about payments from all over the history, one after the other; nobody else may be
there.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import perf_counter

from paycore.bench.growth import queries
from paycore.bench.growth.queries import Pool, Sample
from paycore.bench.growth.visit import visiting
from paycore.kernel.config import Settings
from paycore.kernel.node import Node

ENOUGH_S = 20.0
"""A question that took so long in all is not asked again, once it was asked thrice."""
AT_LEAST = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One question."""

    what: str
    ms: Sequence[float]
    blocks: float
    """That one answer touched, on average."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Who asks: a node that takes no payments, and its connections for people."""

    node: Node
    pool: Pool


Question = Callable[[Asker, Sample], Awaitable[object]]


async def ask(
    dsn: str,
    settings: Settings,
    questions: Sequence[tuple[str, Question]],
    *,
    times: int,
    told: Callable[[str], None],
) -> list[Asked]:
    """Ask everything, each so many times."""
    async with _asking(dsn, settings) as asker:
        about = await queries.samples(asker.pool, times)
        made = []
        for what, question in questions:
            told(what)
            made.append(await _asked(asker, what, question, about))
    return made


async def _asked(
    asker: Asker, what: str, question: Question, about: Sequence[Sample]
) -> Asked:
    before = await _blocks(asker)
    ms: list[float] = []
    for one in about:
        began = perf_counter()
        await question(asker, one)
        ms.append((perf_counter() - began) * 1000)
        if len(ms) >= AT_LEAST and sum(ms) >= ENOUGH_S * 1000:
            break
    blocks = await _blocks(asker) - before
    return Asked(what=what, ms=ms, blocks=blocks / len(ms))


async def _blocks(asker: Asker) -> int:
    found = await queries.statements(asker.pool)
    return sum(blocks for _, blocks in found.values())


@asynccontextmanager
async def _asking(dsn: str, settings: Settings) -> AsyncIterator[Asker]:
    async with visiting(dsn, settings) as node:
        pool = await queries.pool(dsn)
        try:
            yield Asker(node=node, pool=pool)
        finally:
            await pool.close()
