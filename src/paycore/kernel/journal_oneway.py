"""A group in one way to the server, where every guard holds: nobody is asked between.

One CALL runs the steps of `journal_transaction.py`, in their order, as routines on the
server. Each is handed what those before it came to, so the order is no planner's
choice; and each sees what they wrote, for every statement of a routine looks anew.
In the end the rows that were written are compared with those that had to be. Where one
is short a guard did not hold: all is taken back within the CALL, and the group is
written by the steps that can tell who is refused and why.

The CALL is a transaction of its own: its answer lost is the answer to a COMMIT lost.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from paycore.kernel.journal import Amend, Change, Count, Row
from paycore.kernel.journal_group import amended, at_version
from paycore.kernel.journal_link import Link
from paycore.kernel.journal_routines import (
    COUNT,
    END,
    NAME,
    Kind,
    Routine,
    Routines,
    Verb,
)
from paycore.kernel.journal_sql import Shapes
from paycore.kernel.journal_transaction import rows_by_kind, summed

CALLED = "journal_group"
"""How the names of the statements begin that write a group, and commit it."""

LARGEST = 2**63 - 1
"""Room for whatever a counter may hold."""


@dataclass(frozen=True, slots=True)
class Course:
    """What a group makes of one counter, wherever that stands.

    It ends at `max(used + rise, least)`, and every count fits on the way where it
    stands at `room` or below in the beginning.
    """

    counter: str
    rise: int
    least: int
    room: int
    expires_at: datetime

    @classmethod
    def begun(cls, count: Count) -> "Course":
        """Nobody has counted yet."""
        return cls(count.counter, 0, 0, LARGEST, count.expires_at)

    def then(self, count: Count) -> "Course":
        """Also count this, as `journal_group.counted` does."""
        rise, least = self.rise + count.amount, max(self.least + count.amount, 0)
        room = self.room
        if count.limit is not None and count.amount >= 0:
            # Above its limit from nothing at all: then nowhere is low enough.
            room = min(room, count.limit - rise if least <= count.limit else -1)
        expires_at = max(self.expires_at, count.expires_at)
        return Course(self.counter, rise, least, room, expires_at)


def courses_of(counts: Iterable[Count]) -> list[Course]:
    """The course of each counter, through the counts in their order."""
    courses: dict[str, Course] = {}
    for count in counts:
        course = courses.get(count.counter) or Course.begun(count)
        courses[count.counter] = course.then(count)
    return list(courses.values())


class OneWay:
    """One try to write one group. `write` says whether it is written."""

    def __init__(
        self,
        link: Link,
        shapes: Shapes,
        routines: Routines,
        changes: Sequence[Change],
    ) -> None:
        self._link = link
        self._shapes = shapes
        self._written = routines
        self._changes = changes
        self._routines: list[Routine] = []
        self._call = "0::bigint"
        self._values: list[object] = []
        self._wanted = 0

    async def write(self, at: datetime) -> bool:
        """Write all of it, or say that somebody must be judged and leave nothing."""
        replaced = await self._replaced()
        if replaced is None:
            return False
        self._name(at)
        updates = self._hold(replaced)
        self._rows(Verb.INSERT, (i.row for c in self._changes for i in c.inserts))
        self._count()
        for update, given, rows in updates:
            self._step(update, given, rows)
        # After the updates: a new money leg fits only once the one before it is over.
        self._rows(Verb.APPEND, (row for c in self._changes for row in c.appends))
        self._rows(Verb.ADD, (row for c in self._changes for row in c.additions))
        return await self._run()

    async def _run(self) -> bool:
        await self._link.define([*self._routines, END])
        wanted = self._given(self._wanted)
        ((written,),) = await self._link.fetch(
            f"CALL {END.called}({self._call}, {wanted})", *self._values, called=CALLED
        )
        return bool(written == self._wanted)

    # --- the steps, in order ----------------------------------------------------

    async def _replaced(self) -> list[Row] | None:
        """What updates and amends make of the rows; None where somebody is refused.

        A step looks at the row before it is locked. So it must say its version: what
        another makes of it meanwhile is then seen by the update, and by nobody else.
        """
        changes = self._changes
        rows = [
            at_version(update.row, update.version + 1)
            for change in changes
            for update in change.updates
        ]
        amends: dict[Kind, list[Amend]] = {}
        for change in changes:
            for amend in change.amends:
                amends.setdefault(amend.kind, []).append(amend)
        for kind, of_kind in amends.items():
            if not kind.__table__.versioned:
                return None
            made = await self._amended(kind, of_kind)
            if made is None:
                return None
            rows += made
        return rows

    async def _amended(self, kind: Kind, amends: Sequence[Amend]) -> list[Row] | None:
        shape = self._shapes.of(kind)
        keys = [amend.key for amend in amends]
        records = await self._link.fetch(
            shape.load, *shape.key_arrays(keys), *shape.range(keys)
        )
        standing = {row.key(): row for row in shape.rows(records)}
        made = [amended(standing.get(amend.key), amend.step) for amend in amends]
        rows = [row for row in made if row is not None]
        return rows if len(rows) == len(made) else None

    def _name(self, at: datetime) -> None:
        ids = [change.id for change in self._changes]
        self._step(NAME, self._given(ids, at), len(ids))

    def _hold(self, replaced: Iterable[Row]) -> list[tuple[Routine, str, int]]:
        """Lock the rows that stand; gives the updates, which come later."""
        updates = []
        for kind, rows in rows_by_kind(replaced):
            shape = self._shapes.of(kind)
            keys = [row.key() for row in rows]
            held = self._given(*shape.key_arrays(keys), *shape.range(keys))
            self._step(self._written.of(Verb.HOLD, kind), held, 0)
            given = f"{self._given(shape.told(rows))}, {held}"
            updates.append((self._written.of(Verb.UPDATE, kind), given, len(rows)))
        return updates

    def _rows(self, verb: Verb, rows: Iterable[Row]) -> None:
        for kind, of_kind in rows_by_kind(rows):
            told = summed(of_kind) if verb is Verb.ADD else of_kind
            given = self._given(self._shapes.of(kind).told(told))
            self._step(self._written.of(verb, kind), given, len(told))

    def _count(self) -> None:
        courses = courses_of(count for c in self._changes for count in c.counts)
        if courses:
            given = self._given(
                [course.counter for course in courses],
                [course.rise for course in courses],
                [course.least for course in courses],
                [course.room for course in courses],
                [course.expires_at for course in courses],
            )
            self._step(COUNT, given, len(courses))

    # --- the call ---------------------------------------------------------------

    def _given(self, *values: object) -> str:
        """Places of these values among the parameters."""
        first = len(self._values) + 1
        self._values += values
        return ", ".join(f"${first + at}" for at in range(len(values)))

    def _step(self, routine: Routine, given: str, wanted: int) -> None:
        """One step more, around those before it."""
        self._routines.append(routine)
        self._call = f"{routine.called}({given}, {self._call})"
        self._wanted += wanted
