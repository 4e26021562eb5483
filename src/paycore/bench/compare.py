"""Whether anything got slower: the ratios of a run beside those that were kept.

Only ratios are compared, most of them by the bare path of the same run: what the
machine does today happens to both. How far a ratio may move is not chosen but derived,
from how far the rounds of both runs lie apart: a change counts where it is more than
chance would make of such windows in one comparison of two hundred. What differs from
day to day and not from round to round (another kernel, other neighbours) is not in it.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from statistics import fmean
from typing import Any

import msgspec
from rich.table import Table

from paycore.bench.contenders import BARE, DURABLE, OURS
from paycore.kernel.errors import Misconfigured

Kept = Mapping[str, Any]
"""What `kept.details` makes."""

VAGUE = 0.25
"""A leading ratio that may move so far by chance says little."""

LEAST = 0.1
"""To so much figures are rounded."""

LEAST_ROUNDS = 2
"""One alone says nothing about how far two lie apart."""

STUDENT = (
    *(63.66, 9.92, 5.84, 4.60, 4.03, 3.71, 3.50, 3.36, 3.25, 3.17, 3.11, 3.05),
    *(3.01, 2.98, 2.95, 2.92, 2.90, 2.88, 2.86, 2.85, 2.83, 2.82, 2.81, 2.80),
)
"""Student's t that one value in two hundred exceeds, by degrees of freedom from one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """What is compared, and how it is measured."""

    name: str
    of: Callable[[Kept], float | None]
    rests_on: Sequence[str]
    """The contenders whose rounds say how far it may move by chance."""
    single: int = 0
    """How many of its two figures are one window's alone. None: both were measured in
    turn, over all rounds."""
    measure: str = "per_s"
    less_is_better: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One ratio then and now; changes are shares: 0.1 is a tenth more."""

    name: str
    then: float
    now: float
    tolerance: float
    less_is_better: bool

    @property
    def moved(self) -> float:
        """By how much it moved."""
        return self.now / self.then - 1

    @property
    def gained(self) -> float:
        """The same with the sign of good and bad news, in logarithms."""
        gained = math.log(self.now / self.then)
        return -gained if self.less_is_better else gained

    @property
    def verdict(self) -> str:
        """In a word."""
        if abs(self.gained) <= self.tolerance:
            return "as it was"
        return "faster" if self.gained > 0 else "SLOWER"


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """All of it."""

    changes: Sequence[Change]
    not_measured: Sequence[str]
    """Ratios that one of the two runs has not."""
    notes: Sequence[str]
    """Why it may say less than it could."""

    def count(self, verdict: str) -> int:
        """How many ratios came to this."""
        return sum(change.verdict == verdict for change in self.changes)


def read(file: Path) -> Kept:
    """What a run kept; raises Misconfigured where nothing can be compared with it."""
    try:
        found = msgspec.json.decode(file.read_bytes(), type=dict[str, Any])
        rounds = len(found["rounds"][OURS]["per_s"])
    except (OSError, KeyError, TypeError, msgspec.MsgspecError) as error:
        raise Misconfigured(
            f"{file} holds no figures of a benchmark: `make bench` keeps some, or "
            "`paycore bench --keep-results FILE`"
        ) from error
    if rounds < LEAST_ROUNDS:
        raise Misconfigured(
            f"the run in {file} has one round, which does not say how far two lie "
            "apart: keep one of --rounds 2 or more"
        )
    return found


def compare(then: Kept, now: Kept) -> Compared:
    """Compare two runs of two rounds or more."""
    changes: list[Change] = []
    missing: list[str] = []
    for ratio in _ratios(then, now):
        was, is_now = ratio.of(then), ratio.of(now)
        if was is None or is_now is None:
            missing.append(ratio.name)
            continue
        changes.append(
            Change(
                name=ratio.name,
                then=was,
                now=is_now,
                tolerance=_tolerance(ratio, then, now),
                less_is_better=ratio.less_is_better,
            )
        )
    notes = _notes(then, now, changes[0].tolerance if changes else 0.0)
    return Compared(changes=changes, not_measured=missing, notes=notes)


def _ratios(then: Kept, now: Kept) -> list[Ratio]:
    """The bare path first; by concurrency only where both runs have one."""
    both = [each for each in now["payments_per_s"] if each in then["payments_per_s"]]
    return [
        Ratio(name="by the bare path", of=_key("bare_path_ratio"), rests_on=DUEL),
        Ratio(
            name="node µs a payment by the bare path's",
            of=_node_us,
            rests_on=DUEL,
            measure="node_us",
            less_is_better=True,
        ),
        *(
            Ratio(
                name=f"{at_once} at once by the bare path at 64",
                of=_at_once(at_once),
                rests_on=DUEL,
                single=1,
            )
            for at_once in both
        ),
        Ratio(
            name="128 at once by 16 at once",
            of=_key("c128_over_c16"),
            rests_on=(OURS,),
            single=2,
        ),
        Ratio(name="by pgbench", of=_key("pgbench_ratio"), rests_on=(OURS,), single=1),
        Ratio(name="by DBOS", of=_key("dbos_ratio"), rests_on=(OURS, DURABLE)),
    ]


DUEL = (OURS, BARE)


def _key(name: str) -> Callable[[Kept], float | None]:
    return lambda run: run.get(name)


def _at_once(at_once: str) -> Callable[[Kept], float | None]:
    def of(run: Kept) -> float | None:
        bare: float | None = run["bare_path_per_s"]
        figure: float = run["payments_per_s"][at_once]
        return figure / bare if bare else None

    return of


def _node_us(run: Kept) -> float | None:
    """None where the system does not tell processor time."""
    ours, bare = (run["rounds"].get(who, {}).get("node_us") for who in DUEL)
    return fmean(ours) / fmean(bare) if ours and bare else None


# --- how far it may move --------------------------------------------------------------


def _tolerance(ratio: Ratio, then: Kept, now: Kept) -> float:
    """In logarithms, in which a tenth more and a tenth less are alike."""
    in_turn = not ratio.single
    series = [
        one
        for run in (then, now)
        for one in (_in_turn if in_turn else _apart)(ratio, run)
    ]
    spread, freedom = pooled(series)
    # One series in turn is the ratio's own: else it is made of two figures.
    figures = 1 if in_turn else 2
    weight = sum(
        ratio.single + (figures - ratio.single) / len(run["rounds"][OURS]["per_s"])
        for run in (then, now)
    )
    return STUDENT[min(freedom, len(STUDENT)) - 1] * spread * math.sqrt(weight)


def _in_turn(ratio: Ratio, run: Kept) -> list[list[float]]:
    """The ratio of each round: what the machine did meanwhile is in neither."""
    first, second = _apart(ratio, run)
    return [[ours - theirs for ours, theirs in zip(first, second, strict=True)]]


def _apart(ratio: Ratio, run: Kept) -> list[list[float]]:
    """Each contender's rounds, in logarithms."""
    return [
        # A window in which nothing was whole has no logarithm.
        [math.log(max(each, LEAST)) for each in run["rounds"][who][ratio.measure]]
        for who in ratio.rests_on
    ]


def pooled(series: Sequence[Sequence[float]]) -> tuple[float, int]:
    """How far a value lies from its like: the standard deviation about the mean of
    each series, over all of them, and its degrees of freedom.
    """
    off = chain.from_iterable(((x - fmean(one)) ** 2 for x in one) for one in series)
    freedom = sum(len(one) - 1 for one in series)
    return math.sqrt(sum(off) / freedom), freedom


# --- telling --------------------------------------------------------------------------


def _notes(then: Kept, now: Kept, tolerance: float) -> list[str]:
    notes = [
        f"not alike: {name} was {then.get(name)}, is {now.get(name)}"
        for name in ("cores", "processes", "python", "postgres", "system")
        if then.get(name) != now.get(name)
    ]
    if tolerance > VAGUE:
        busy = max(now.get("others_busy", {}).values(), default=0.0)
        notes.append(
            f"rounds that measure the same lie far apart (other programs kept up to "
            f"{busy:.1f} processors busy): on a quiet machine this says more"
        )
    return notes


def table(found: Compared) -> Table:
    """One line a ratio."""
    made = Table(title="Beside what was kept", title_justify="left")
    made.caption_justify = "left"
    made.caption = (
        "Tolerance: what chance makes of windows that lie as far apart as these "
        "rounds do, but for one comparison in two hundred."
    )
    made.add_column("ratio")
    for column in ("then", "now", "change", "tolerance", ""):
        made.add_column(column, justify="right", no_wrap=True)
    for change in found.changes:
        made.add_row(
            change.name,
            f"{change.then:.3f}",
            f"{change.now:.3f}",
            f"{change.moved:+.1%}",
            f"±{math.expm1(change.tolerance):.1%}",
            change.verdict,
        )
    for name in found.not_measured:
        made.add_row(name, "", "", "", "", "not measured")
    return made


def document(found: Compared) -> dict[str, object]:
    """The line of JSON; its keys are in docs/benchmarks.md."""
    slower = found.count("SLOWER")
    return {
        "compared": len(found.changes),
        "slower": slower,
        "faster": found.count("faster"),
        "change_percent": {
            each.name: round(each.moved * 100, 1) for each in found.changes
        },
        "tolerance_percent": {
            each.name: round(math.expm1(each.tolerance) * 100, 1)
            for each in found.changes
        },
        "holds": not slower,
    }
