"""The steps of a group as routines on the server, for the connection that makes them.

They stand in `pg_temp` and not in the schema: what a node writes is its own matter,
also beside a node of another version. Each step is a statement of `journal_sql.py`, and
adds the rows that it wrote to the count that it is handed, its last argument.
Nothing here talks to a database.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from paycore.kernel.journal import Row
from paycore.kernel.journal_sql import Shape, Shapes, order_of

Kind = type[Row]


class Verb(StrEnum):
    """The steps, in their order."""

    NAME = "name"
    HOLD = "hold"
    INSERT = "insert"
    COUNT = "count"
    UPDATE = "update"
    APPEND = "append"
    ADD = "add"


Part = tuple[Verb, Kind | None]
"""What is given for a step; HOLD takes what the UPDATE of the same rows is given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Routine:
    """A name to call it by, what makes it, and how much it takes beside the count."""

    called: str
    text: str
    takes: int


def _step(
    name: str, types: Sequence[str], *statements: str, counted: bool = True
) -> Routine:
    """A step, which counts the rows of its last statement; without rows it is none."""
    called = f'pg_temp."journal_{name}"'
    before = f"${len(types) + 1}"
    counts = "GET DIAGNOSTICS _rows = ROW_COUNT; " if counted else ""
    text = (
        f"CREATE OR REPLACE FUNCTION {called}({', '.join((*types, 'bigint'))}) "
        "RETURNS bigint LANGUAGE plpgsql AS $$ DECLARE _rows bigint := 0; BEGIN "
        f"IF $1 IS NULL THEN RETURN {before}; END IF; "
        f"{'; '.join(statements)}; {counts}RETURN {before} + _rows; END $$"
    )
    return Routine(called=called, text=text, takes=len(types))


# Waits for whoever is still writing the same id; an id that stands already is short.
NAME = _step(
    "name",
    ("uuid[]", "timestamptz"),
    "INSERT INTO journal_change (id, at) SELECT u.id, $2 FROM unnest($1) AS u(id) "
    "ON CONFLICT (id) DO NOTHING",
)

# Locks or makes the counters, in one order. Then each takes its course (see
# `journal_oneway.Course`), where it has the room: a new one stands at no time and zero.
COUNT = _step(
    "count",
    ("text[]", "bigint[]", "bigint[]", "bigint[]", "timestamptz[]"),
    "INSERT INTO limit_counter AS t (counter, used, expires_at) "
    "SELECT u.counter, 0, '-infinity' FROM unnest($1) AS u(counter) "
    'ORDER BY u.counter COLLATE "C" '
    "ON CONFLICT (counter) DO UPDATE SET used = t.used",
    "UPDATE limit_counter AS t SET used = greatest(t.used + u.rise, u.least), "
    "expires_at = greatest(t.expires_at, u.expires_at) "
    "FROM unnest($1, $2, $3, $4, $5) AS u(counter, rise, least, room, expires_at) "
    "WHERE t.counter = ANY($1) AND t.counter = u.counter AND t.used <= u.room",
)

_END = 'pg_temp."journal_end"'
END = Routine(
    called=_END,
    text=(
        f"CREATE OR REPLACE PROCEDURE {_END}(INOUT written bigint, wanted bigint) "
        "LANGUAGE plpgsql AS $$ BEGIN "
        "IF written <> wanted THEN ROLLBACK; END IF; END $$"
    ),
    takes=1,
)
"""Takes all back where a row is short, and tells how many were written. It is no error:
that a guard does not hold is daily life, and the server's log is for what is not."""


class Script:
    """All steps that a journal has had to do with, as one statement.

    It grows by what is new and is otherwise the same for each group: one that has
    nothing for a step gives it NULL. A statement for each set of steps would be as many
    as there are sets, each prepared and kept by both sides.
    """

    def __init__(self, shapes: Shapes) -> None:
        self._shapes = shapes
        self._known: dict[Part, Routine] = {}
        self._holds: dict[Kind, Routine] = {}
        self._places: dict[Part, int] = {}
        self._values = 0
        self.text = ""
        self.learn([(Verb.NAME, None), (Verb.COUNT, None)])

    @property
    def routines(self) -> list[Routine]:
        """What the statement calls."""
        return [*self._known.values(), *self._holds.values(), END]

    def values(self, given: Mapping[Part, Sequence[object]]) -> list[object]:
        """The parameters, but for the last, which is how many rows are wanted."""
        values: list[object] = [None] * self._values
        for part, of_part in given.items():
            at = self._places[part]
            values[at : at + len(of_part)] = of_part
        return values

    def learn(self, parts: Iterable[Part]) -> None:
        """Know these steps too."""
        new = [part for part in parts if part not in self._known]
        if not new:
            return
        for verb, kind in new:
            self._known[verb, kind] = _routine(verb, kind, self._shapes)
            if verb is Verb.UPDATE and kind is not None:
                self._holds[kind] = _routine(Verb.HOLD, kind, self._shapes)
        self._place()
        call = "0::bigint"
        for routine, places in self._steps():
            given = ", ".join(f"${1 + at}" for at in places)
            call = f"{routine.called}({given}, {call})"
        self.text = f"CALL {END.called}({call}, ${1 + self._values})"

    def _place(self) -> None:
        self._places, self._values = {}, 0
        for part, routine in self._known.items():
            self._places[part] = self._values
            self._values += routine.takes

    def _steps(self) -> Iterator[tuple[Routine, range]]:
        """The steps in their order, kinds by the name of their table."""
        for verb in Verb:
            wanted = Verb.UPDATE if verb is Verb.HOLD else verb
            parts = [part for part in self._known if part[0] is wanted]
            for part in sorted(parts, key=_by_table):
                first, routine = self._places[part], self._known[part]
                places = range(first, first + routine.takes)
                if verb is Verb.HOLD and part[1] is not None:
                    yield self._holds[part[1]], places[1:]
                else:
                    yield routine, places


def _by_table(part: Part) -> tuple[str, str]:
    _, kind = part
    return ("", "") if kind is None else order_of(kind)


def _routine(verb: Verb, kind: Kind | None, shapes: Shapes) -> Routine:
    if kind is None:
        return NAME if verb is Verb.NAME else COUNT
    return _of_kind(verb, shapes.of(kind))


def _of_kind(verb: Verb, shape: Shape[Row]) -> Routine:
    name = f"{verb}_{shape.table.name}"
    keys = [key.array for key in shape.keys]
    if shape.table.partition is not None:
        keys += ["text", "text"]
    match verb:
        case Verb.HOLD:
            # Rows of other pairs of a key's columns come along: they do not count.
            held = f"PERFORM{shape.hold.removeprefix('SELECT')}"
            return _step(name, keys, held, counted=False)
        case Verb.UPDATE:
            return _step(name, ["json", *keys], shape.update_next)
        case Verb.INSERT:
            return _step(name, ["json"], shape.insert_new)
        case Verb.APPEND:
            return _step(name, ["json"], shape.append)
        case _:
            return _step(name, ["json"], shape.add)
