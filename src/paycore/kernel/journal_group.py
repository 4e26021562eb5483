"""What a group of changes is, and who in it is admitted: no input, no output.

`Gathering` is the line of changes that wait for the writer: it gives them out in groups
in which no two touch the same row, and never lets one overtake another over a row.
`Case` is one change before its judge: it is shown what stands in the database, guard
by guard, and is refused at the first that does not hold: updates, amends, inserts,
counters, each in the order they were staged.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import msgspec

from paycore.kernel.journal import (
    NO_OCTETS,
    Change,
    ChangeRejected,
    Count,
    KeyOf,
    LimitCounter,
    Refused,
    Row,
    Table,
)
from paycore.kernel.journal_sql import era_of

Spot = tuple[str, KeyOf]
"""A row's place: its table's name and its key."""

Step = Callable[[Row], Row | None]
Standing = dict[Spot, Row]
Counters = dict[str, LimitCounter | None]

MAX_GROUP = 500
"""A group costs about a millisecond and a few microseconds a row; beyond some hundred
changes it gets no cheaper a change, but its locks are held longer and a culprit in it
takes longer to find."""

LOOK_AHEAD = 4 * MAX_GROUP
"""How far into the line a group is gathered from: a hot row's queue must not be walked
from end to end for each group."""


def spot_of(row: Row) -> Spot:
    """Where a row stands."""
    return (row.__table__.name, row.key())


def _named(change: Change) -> Iterator[tuple[Table, KeyOf]]:
    """Every row that a change has to itself; what it counts and adds is shared."""
    staged = [one.row for one in change.inserts]
    staged += [one.row for one in change.updates]
    for row in (*staged, *change.appends):
        yield row.__table__, row.__table__.key_of(row)
    for amend in change.amends:
        yield amend.kind.__table__, amend.key


def spots_and_eras_of(change: Change) -> tuple[frozenset[Spot], frozenset[str]]:
    """The rows that no other change of the group may touch, and the months of the
    payments that they are of.

    A change that names one row twice is a bug: which of its guards should hold?
    """
    named: list[Spot] = []
    cuts: set[str] = set()
    for table, key in _named(change):
        named.append((table.name, key))
        if table.cut_at is not None:
            cuts.add(str(key[table.cut_at]))
    spots = frozenset(named)
    if len(spots) != len(named):
        raise ChangeRejected("21000", "the change names one row twice")
    return spots, frozenset(map(era_of, cuts))


# --- the line -------------------------------------------------------------------------


class Waiting:
    """A change in the line, and where its answer goes."""

    __slots__ = ("answer", "change", "eras", "spots")

    def __init__(self, change: Change) -> None:
        self.change = change
        self.spots, self.eras = spots_and_eras_of(change)
        self.answer: asyncio.Future[Refused | None] = (
            asyncio.get_running_loop().create_future()
        )

    def settle(self, answer: Refused | Exception | None) -> None:
        """Answer, unless the caller has gone."""
        if self.answer.done():
            return
        if isinstance(answer, UnicodeEncodeError):
            # No database was asked. It quotes the text, so nobody is shown it.
            answer = ChangeRejected(NO_OCTETS, "a text that has no octets")
        if isinstance(answer, Exception):
            self.answer.set_exception(answer)
        else:
            self.answer.set_result(answer)


class Gathering:
    """The line of changes that wait for the writer."""

    def __init__(self) -> None:
        self._line: deque[Waiting] = deque()

    def __bool__(self) -> bool:
        return bool(self._line)

    def join(self, waiting: Waiting) -> None:
        """Stand at the end."""
        self._line.append(waiting)

    def take(self) -> list[Waiting]:
        """The next group: the first in the line and all who can be written with it."""
        group: list[Waiting] = []
        passed: list[Waiting] = []
        touched: set[Spot] = set()
        ids = set()
        eras = self._line[0].eras
        for _ in range(min(len(self._line), LOOK_AHEAD)):
            waiting = self._line.popleft()
            free = touched.isdisjoint(waiting.spots) and waiting.change.id not in ids
            fits = waiting.eras <= eras or not eras
            if free and fits:
                group.append(waiting)
                eras = eras or waiting.eras
            else:
                passed.append(waiting)
            # Who was passed over keeps his place before all who want the same row.
            touched |= waiting.spots
            ids.add(waiting.change.id)
            if len(group) == MAX_GROUP:
                break
        self._line.extendleft(reversed(passed))
        return group


# --- the judge ------------------------------------------------------------------------


@dataclass(slots=True, eq=False)
class Case:
    """One change of a group: admitted until a guard does not hold."""

    change: Change
    durable: bool = False
    """It was written by an earlier try whose answer was lost."""
    refused: Refused | Exception | None = None
    replaced: list[Row] = field(default_factory=list)
    """What its updates and amends make of the rows that stand."""

    @property
    def admitted(self) -> bool:
        """Whether its rows are to be written."""
        return not self.durable and self.refused is None

    def judge_standing(self, standing: Standing) -> None:
        """The guards of updates and amends, on the rows as they stand, locked."""
        for update in self.change.updates:
            row = standing.get(spot_of(update.row))
            if row is None or version_of(row) != update.version:
                self.refused = Refused(update.guard, row)
                return
            self.replaced.append(at_version(update.row, update.version + 1))
        for amend in self.change.amends:
            row = standing.get((amend.kind.__table__.name, amend.key))
            try:
                made = amended(row, amend.step)
            except Exception as bug:  # noqa: BLE001 the step is the caller's code
                self.refused = bug
                return
            if made is None:
                self.refused = Refused(amend.guard, row)
                return
            self.replaced.append(made)

    def judge_inserts(self, taken: dict[Spot, Row | None]) -> None:
        """The guards of inserts: `taken` has the keys that were not new."""
        for insert in self.change.inserts:
            if (spot := spot_of(insert.row)) in taken:
                self.refused = Refused(insert.guard, taken[spot])
                return

    def judge_counts(self, counters: Counters) -> dict[str, LimitCounter]:
        """The limits; what the admitted take is in `counters` for those after them.

        Gives the counters as this change leaves them.
        """
        left: dict[str, LimitCounter] = {}
        for count in self.change.counts:
            stands = left.get(count.counter, counters[count.counter])
            after = counted(stands, count)
            if after is None:
                self.refused = Refused(
                    count.guard, counters[count.counter] or empty_counter(count)
                )
                return {}
            left[count.counter] = after
        counters.update(left)
        return left


def version_of(row: Row) -> int:
    """The version of a row of a versioned table."""
    version: int = row.version  # type: ignore[attr-defined]
    return version


def at_version(row: Row, version: int) -> Row:
    """The row, saying which version it is."""
    return msgspec.structs.replace(row, version=version)


def amended(row: Row | None, step: Step) -> Row | None:
    """What a step makes of the row that stands, in its next version."""
    made = None if row is None else step(row)
    if row is None or made is None:
        return None
    assert spot_of(made) == spot_of(row), "an amend never moves a row"
    return at_version(made, version_of(row) + 1) if row.__table__.versioned else made


def empty_counter(count: Count) -> LimitCounter:
    """A counter that nobody has counted on."""
    return LimitCounter(counter=count.counter, used=0, expires_at=count.expires_at)


def counted(stands: LimitCounter | None, count: Count) -> LimitCounter | None:
    """The counter after this count, or None where it does not fit."""
    stands = stands or empty_counter(count)
    used = stands.used + count.amount
    if count.limit is not None and count.amount >= 0 and used > count.limit:
        return None
    return LimitCounter(
        counter=count.counter,
        used=max(used, 0),
        expires_at=max(stands.expires_at, count.expires_at),
    )
