"""The figures of growth as one document: the line of JSON, and what is kept."""

import os
import platform
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import TypeVar

import msgspec

from paycore.bench.growth import blocks
from paycore.bench.growth.asking import Asked
from paycore.bench.growth.audits import Audit
from paycore.bench.growth.history import BRIEFLY, EVER, MONTHLY, TABLES
from paycore.bench.growth.run import Figures, Side
from paycore.bench.load import Level, percentile
from paycore.kernel.clock import machine_now

MOST_DEEDS = 12
"""What a payment touches most; the rest is in the sum only."""

PERCENTS = (50, 99)
LATE_PERCENT = 95

ROWS = "rows"

F = TypeVar("F")

Each = dict[str, F]
"""By the number of finished payments."""


class Touches(msgspec.Struct, frozen=True, kw_only=True):
    """What the statements that do something touch, a payment."""

    does: str
    blocks: Each[float]


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What people ask, and what an answer costs."""

    what: str
    ms: Each[float]
    """The middle of several."""
    blocks: Each[int]
    p95_ms: Each[float] = {}
    """Of what the console asks."""


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """All of it; the keys are explained in docs/growth.md."""

    day: str
    command: str
    cores: int
    python: str
    history: Sequence[int]
    kept_whole: Each[int]
    payments_per_s: Each[float]
    ratio: Each[float]
    rounds_per_s: Each[Sequence[float]]
    confirm_ms: Each[dict[str, float]]
    cpu_us_per_payment: Each[dict[str, int]]
    others_busy: Each[float]
    blocks_per_payment: Each[float]
    statements: Sequence[Touches]
    octets: Each[int]
    octets_per_payment: Each[dict[str, int]]
    octets_by_table: Each[dict[str, dict[str, int]]]
    fill_s: Each[dict[str, float]]
    people: Sequence[Answer]
    audits: Each[Sequence[Audit]]
    payments: int
    charged: int
    processes: int
    holds: bool
    console: Sequence[Answer] = ()


def document(figures: Figures) -> Document:
    """What was measured."""
    sides = figures.sides
    none, *others = sides
    return Document(
        day=f"{machine_now():%Y-%m-%d}",
        command=figures.plan.command,
        cores=os.cpu_count() or 1,
        python=platform.python_version(),
        history=[side.payments for side in sides],
        kept_whole=_each(others, lambda side: len(side.history.newest)),
        payments_per_s=_each(sides, lambda side: round(_per_s(side), 1)),
        ratio=_each(others, lambda side: round(_per_s(side) / _per_s(none), 3)),
        rounds_per_s=_each(sides, _rounds),
        confirm_ms=_each(sides, _confirm_ms),
        cpu_us_per_payment=_each(sides, _cpu_us),
        others_busy=_each(sides, _others),
        blocks_per_payment=_each(sides, lambda side: round(_blocks(side), 1)),
        statements=_statements(sides),
        octets=_each(sides, lambda side: sum(each.octets for each in side.sizes)),
        octets_per_payment=_each(others, _octets),
        octets_by_table=_each(others, _by_table),
        fill_s=_each(others, _fill_s),
        people=_answers(sides, lambda side: side.asked),
        console=[
            msgspec.structs.replace(each, p95_ms=late)
            for each, late in zip(
                _answers(sides, lambda side: side.at_console),
                _late(sides),
                strict=True,
            )
        ],
        audits=_each(sides, lambda side: side.audits),
        payments=figures.payments,
        charged=figures.charged,
        processes=figures.plan.processes,
        holds=_holds(sides),
    )


def line(said: Document) -> str:
    """As one line of JSON."""
    return msgspec.json.encode(said).decode()


def keep(file: Path, said: Document) -> None:
    """Write it where docs/growth.md is drawn from; what is there already gives way."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(msgspec.json.format(msgspec.json.encode(said), indent=1) + b"\n")


def read(file: Path) -> Document:
    """What was kept."""
    return msgspec.json.decode(file.read_bytes(), type=Document)


def _each(sides: Sequence[Side], figure: Callable[[Side], F]) -> Each[F]:
    return {str(side.payments): figure(side) for side in sides}


def _holds(sides: Sequence[Side]) -> bool:
    """Whether no audit found anything."""
    return all(each.holds for side in sides for each in side.audits)


# --- speed ----------------------------------------------------------------------------


def _per_s(side: Side) -> float:
    """Whole payments a second, over all rounds."""
    seconds = _sum(side, lambda level: level.seconds)
    return _sum(side, lambda level: level.payments) / seconds


def _rounds(side: Side) -> list[float]:
    return [round(each.level.per_s, 1) for each in side.windows]


def _sum(side: Side, of: Callable[[Level], float]) -> float:
    return sum(of(each.level) for each in side.windows)


def _confirm_ms(side: Side) -> dict[str, float]:
    seconds = [s for each in side.windows for s in each.level.confirm_s.values()]
    return {f"p{each}": round(percentile(seconds, each) * 1000, 1) for each in PERCENTS}


def _cpu_us(side: Side) -> dict[str, int]:
    """Processor time a payment, by who spent it."""
    payments = max(1.0, _sum(side, lambda level: level.payments))
    spent = {
        who: sum(each.level.cpu_s[who] for each in side.windows)
        for who in side.windows[0].level.cpu_s
    }
    return {who: round(seconds / payments * 1e6) for who, seconds in spent.items()}


def _others(side: Side) -> float:
    return round(_sum(side, lambda level: level.others) / len(side.windows), 2)


# --- blocks ---------------------------------------------------------------------------


def _deeds(side: Side) -> dict[str, float]:
    payments = max(1, sum(each.payments for each in side.windows))
    return blocks.by_deed((each.touched for each in side.windows), payments)


def _blocks(side: Side) -> float:
    return sum(_deeds(side).values())


def _statements(sides: Sequence[Side]) -> list[Touches]:
    """What touches most beside the longest history, and what it touches beside each."""
    deeds = _each(sides, _deeds)
    longest = deeds[str(sides[-1].payments)]
    most = sorted(longest, key=lambda deed: -longest[deed])[:MOST_DEEDS]
    return [
        Touches(
            does=deed,
            blocks={
                history: round(of.get(deed, 0.0), 2) for history, of in deeds.items()
            },
        )
        for deed in most
    ]


# --- sizes ----------------------------------------------------------------------------


def _octets(side: Side) -> dict[str, int]:
    """What a payment takes for good, and what besides while there is more of it."""
    of = {name: sum(indexes.values()) for name, indexes in _by_table(side).items()}
    return {
        kept: sum(of.get(table, 0) for table in tables)
        for kept, tables in (("ever", EVER), ("newest", MONTHLY), ("briefly", BRIEFLY))
    }


def _by_table(side: Side) -> dict[str, dict[str, int]]:
    """The rows of each table and each of its indexes, a payment that has some there."""
    payments = {table: max(1, len(side.history.kept(table))) for table in TABLES}
    made: dict[str, dict[str, int]] = {}
    for each in side.sizes:
        if each.table in payments:
            octets = round(each.octets / payments[each.table])
            made.setdefault(each.table, {})[each.index or ROWS] = octets
    return made


def _fill_s(side: Side) -> dict[str, float]:
    filled = side.filled
    return {"copy": round(filled.copy_s, 1), "vacuum": round(filled.vacuum_s, 1)}


# --- people ---------------------------------------------------------------------------


def _answers(
    sides: Sequence[Side], of: Callable[[Side], Sequence[Asked]]
) -> list[Answer]:
    made = []
    for same in zip(*map(of, sides), strict=True):
        by_side = list(zip(sides, same, strict=True))
        made.append(
            Answer(
                what=same[0].what,
                ms={str(s.payments): round(median(one.ms), 2) for s, one in by_side},
                blocks={str(s.payments): round(one.blocks) for s, one in by_side},
            )
        )
    return made


def _late(sides: Sequence[Side]) -> list[Each[float]]:
    """What nineteen of twenty answers of the console come within."""
    return [
        {
            str(side.payments): round(percentile(one.ms, LATE_PERCENT), 2)
            for side, one in zip(sides, same, strict=True)
        }
        for same in zip(*(side.at_console for side in sides), strict=True)
    ]
