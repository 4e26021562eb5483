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
from paycore.kernel.journal_routines import Kind, Part, Script, Verb
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
        self, link: Link, shapes: Shapes, script: Script, changes: Sequence[Change]
    ) -> None:
        self._link = link
        self._shapes = shapes
        self._script = script
        self._changes = changes
        self._given: dict[Part, Sequence[object]] = {}
        self._wanted = 0

    async def write(self, at: datetime) -> bool:
        """Write all of it, or say that somebody must be judged and leave nothing."""
        changes = self._changes
        replaced = await self._replaced()
        if replaced is None:
            return False
        ids = [change.id for change in changes]
        self._give(Verb.NAME, None, [ids, at], len(ids))
        self._replace(replaced)
        self._count()
        self._rows(Verb.INSERT, (i.row for c in changes for i in c.inserts))
        self._rows(Verb.APPEND, (row for c in changes for row in c.appends))
        self._rows(Verb.ADD, (row for c in changes for row in c.additions))
        return await self._run()

    async def _run(self) -> bool:
        script = self._script
        script.learn(self._given)
        await self._link.define(script.routines)
        ((written,),) = await self._link.fetch(
            script.text, *script.values(self._given), self._wanted, called=CALLED
        )
        return bool(written == self._wanted)

    # --- what is given to the steps ----------------------------------------------

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

    def _replace(self, replaced: Iterable[Row]) -> None:
        for kind, rows in rows_by_kind(replaced):
            shape = self._shapes.of(kind)
            keys = [row.key() for row in rows]
            given = [shape.told(rows), *shape.key_arrays(keys), *shape.range(keys)]
            self._give(Verb.UPDATE, kind, given, len(rows))

    def _rows(self, verb: Verb, rows: Iterable[Row]) -> None:
        for kind, of_kind in rows_by_kind(rows):
            told = summed(of_kind) if verb is Verb.ADD else of_kind
            self._give(verb, kind, [self._shapes.of(kind).told(told)], len(told))

    def _count(self) -> None:
        courses = courses_of(count for c in self._changes for count in c.counts)
        if courses:
            given = [
                [course.counter for course in courses],
                [course.rise for course in courses],
                [course.least for course in courses],
                [course.room for course in courses],
                [course.expires_at for course in courses],
            ]
            self._give(Verb.COUNT, None, given, len(courses))

    def _give(
        self, verb: Verb, kind: Kind | None, given: Sequence[object], wanted: int
    ) -> None:
        self._given[verb, kind] = given
        self._wanted += wanted
