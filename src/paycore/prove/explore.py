"""All that can happen to one payment, tried: breadth first, each state once.

Level by level, so that what is found is found by a shortest path. A level is complete
when every action was tried in each of its states; and from each state, once nothing
goes wrong any more, the payment must come to its end.
"""

import multiprocessing
import pickle
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from itertools import islice

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from paycore.prove.explore_moves import calm, steps
from paycore.prove.explore_state import State, shape
from paycore.prove.oracle import Violation
from paycore.prove.world import USUAL

DEPTH = 12
MINUTES = 10.0

AT_ONCE = 8
"""States handed to a process at a time; few, so that time can be kept."""

PROCESSES = 2

SHOWN = 10
"""Findings that are told with their paths."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that must hold and does not, and a shortest way there."""

    invariant: str
    what: str
    path: tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class Figures:
    """What a search saw."""

    seconds: float = 0.0
    depth: int = 0
    """Down to here every action was tried in every state."""
    depth_reached: int = 0
    transitions: int = 0
    states: int = 1
    by_depth: list[int] = field(default_factory=lambda: [1])
    ends: Counter[str] = field(default_factory=Counter)
    actions: Counter[str] = field(default_factory=Counter)
    violations: list[Finding] = field(default_factory=list)
    stuck: list[Finding] = field(default_factory=list)
    judged: int = 0
    """States from which the way to the end was gone."""
    digest: int = 0
    """The same for the same states, in whatever order."""
    exhausted: bool = False
    """Nothing new was left to find."""

    @property
    def finals(self) -> int:
        """States in which the payment is over."""
        return sum(self.ends[status] for status in ("SUCCESS", "FAIL", "CLOSED"))

    @property
    def holds(self) -> bool:
        """Whether nothing was found."""
        return not self.violations and not self.stuck


Broken = tuple[tuple[str, str], ...]
"""Invariants that were broken, and how."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What becomes of a state when nothing goes wrong any more."""

    status: str
    ended: bool
    broken: Broken


@dataclass(frozen=True, slots=True)
class Tried:
    """What an action led to; the state itself is handed over only once."""

    shape: bytes
    action: str
    state: bytes
    broken: Broken


Told = Callable[[Figures, int, int], None]
"""Told how far a level is: how many of how many states."""

Each = Callable[[Callable[[bytes], object], Sequence[bytes]], Iterator[object]]


def kept(state: State) -> bytes:
    """A state on its way between processes."""
    return zlib.compress(pickle.dumps(state), 1)


def taken(blob: bytes) -> State:
    """The state again."""
    state: State = pickle.loads(zlib.decompress(blob))  # noqa: S301 our own
    return state


def judge(blob: bytes) -> Judged:
    """Whether a state comes to its end by itself."""
    state = taken(blob)
    ended, wrong = calm(state)
    row = state.payment
    return Judged(
        status="NONE" if row is None else "DESK" if _desk(state) else row.biz_status,
        ended=ended,
        broken=_broken(wrong),
    )


def _desk(state: State) -> bool:
    row = state.payment
    return state.settled and row is not None and not row.biz_status.final


def expand(blob: bytes, sent: set[bytes]) -> list[Tried]:
    """Try everything that can happen next to a state."""
    state, found = taken(blob), []
    for step in steps(state, USUAL + timedelta(seconds=state.at)):
        at = shape(step.state, step.now)
        there = b"" if at in sent else kept(step.state)
        found.append(Tried(at, step.action, there, _broken(step.violations)))
        sent.add(at)
    return found


def _broken(violations: Sequence[Violation]) -> Broken:
    return tuple((one.invariant, one.what) for one in violations)


@cache
def _sent() -> set[bytes]:
    """Of this process: the shapes whose state it has handed over already."""
    return set()


def _expand(blob: bytes) -> list[Tried]:
    return expand(blob, _sent())


class Search:
    """A search from the state in which nothing has been ordered yet."""

    def __init__(self, told: Told, until: float, *, first: bool) -> None:
        self.figures = Figures()
        self._told, self._until, self._first = told, until, first
        self._ways: list[tuple[int, str]] = [(-1, "")]
        start = State()
        self._seen = {shape(start, USUAL)}
        self._level: list[tuple[int, bytes]] = [(0, kept(start))]

    def run(self, depth: int, each: Each) -> Figures:
        """Level by level, until all is seen, time is up, or enough is found."""
        figures = self.figures
        for level in range(depth + 1):
            if not self._judge(each):
                break
            figures.depth = level
            if level == depth:
                break
            figures.depth_reached = level + 1
            if not self._expand(each):
                break
            if not self._level:
                figures.exhausted, figures.depth = True, depth
                break
        return figures

    def _over(self, count: int) -> bool:
        self._told(self.figures, count, len(self._level))
        enough = self._first and not self.figures.holds
        return enough or time.monotonic() > self._until

    def _judge(self, each: Each) -> bool:
        figures = self.figures
        results = each(judge, [blob for _, blob in self._level])
        for count, (index, _) in enumerate(self._level):
            if self._over(count):
                return False
            got = next(results)
            assert isinstance(got, Judged)
            figures.judged += 1
            figures.ends[got.status] += 1
            self._note(figures.violations, got.broken, index, "and then calm")
            if not got.ended:
                no_end = (("I28", "nothing final can be reached"),)
                self._note(figures.stuck, no_end, index, "and then calm")
        return True

    def _expand(self, each: Each) -> bool:
        figures, further = self.figures, []
        results = each(_expand, [blob for _, blob in self._level])
        by_depth = len(figures.by_depth)
        figures.by_depth.append(0)
        for count, (index, _) in enumerate(self._level):
            if self._over(count):
                return False
            got = next(results)
            assert isinstance(got, list)
            for one in got:
                figures.transitions += 1
                figures.actions[one.action.split(" ")[0].strip(",")] += 1
                self._note(figures.violations, one.broken, index, one.action)
                if one.shape not in self._seen:
                    self._seen.add(one.shape)
                    self._ways.append((index, one.action))
                    further.append((len(self._ways) - 1, one.state))
                    figures.by_depth[by_depth] += 1
                    figures.states += 1
                    figures.digest ^= int.from_bytes(one.shape)
        self._level = further
        return True

    def _note(
        self, found: list[Finding], broken: Broken, index: int, last: str
    ) -> None:
        for invariant, what in broken:
            path = (*self._path(index), last)
            found.append(Finding(invariant=invariant, what=what, path=path))

    def _path(self, index: int) -> tuple[str, ...]:
        path: list[str] = []
        while index > 0:
            index, action = self._ways[index]
            path.append(action)
        return tuple(reversed(path))


def explore(
    depth: int = DEPTH,
    minutes: float = MINUTES,
    *,
    processes: int = PROCESSES,
    first: bool = False,
    told: Told = lambda *_: None,
) -> Figures:
    """Search; with no processes of its own, in this one. `first`: up to a finding."""
    began = time.monotonic()
    search = Search(told, began + minutes * 60, first=first)
    if processes:
        with multiprocessing.Pool(processes) as pool:
            figures = search.run(
                depth, lambda do, blobs: pool.imap(do, blobs, chunksize=AT_ONCE)
            )
    else:
        _sent().clear()
        figures = search.run(depth, map)
    figures.seconds = time.monotonic() - began
    return figures


# --- telling ------------------------------------------------------------------------


def document(figures: Figures) -> Mapping[str, object]:
    """The line of JSON."""
    return {
        "explore": "payment",
        "states": figures.states,
        "transitions": figures.transitions,
        "depth": figures.depth,
        "depth_reached": figures.depth_reached,
        "exhausted": figures.exhausted,
        "judged": figures.judged,
        "violations": len(figures.violations),
        "stuck": len(figures.stuck),
        "final_states": figures.finals,
        "desk_states": figures.ends["DESK"],
        "states_by_depth": figures.by_depth,
        "actions": dict(sorted(figures.actions.items())),
        "seconds": round(figures.seconds, 1),
        "holds": figures.holds,
    }


def told(figures: Figures) -> Iterator[str]:
    """What was found, the shortest paths first."""
    found = [*figures.violations, *figures.stuck]
    found.sort(key=lambda one: len(one.path))
    once: dict[tuple[str, str], Finding] = {}
    for one in found:
        once.setdefault((one.invariant, one.what), one)
    for one in islice(once.values(), SHOWN):
        yield f"{one.invariant}: {one.what}"
        yield from (f"  {at}. {step}" for at, step in enumerate(one.path, 1))


def table(figures: Figures) -> RenderableType:
    """For people."""
    made = Table(title="Explored: one payment, two nodes, every order of events")
    made.add_column("")
    made.add_column("", justify="right")
    for name, value in (
        ("states", f"{figures.states:,}"),
        ("transitions", f"{figures.transitions:,}"),
        ("depth complete", f"{figures.depth}"),
        ("depth reached", f"{figures.depth_reached}"),
        ("final", f"{figures.finals:,}"),
        ("on the desk", f"{figures.ends['DESK']:,}"),
        ("invariants broken", f"{len(figures.violations)}"),
        ("no way to an end", f"{len(figures.stuck)}"),
        ("seconds", f"{figures.seconds:,.1f}"),
    ):
        made.add_row(name, value)
    return Group(made, *map(Text, told(figures)))
