"""The steps of a group as routines on the server, for the connection that makes them.

They stand in `pg_temp` and not in the schema: what a node writes is its own matter,
also beside a node of another version. Each step is a statement of `journal_sql.py`, and
adds the rows that it wrote to the count that it is handed, its last argument.
Nothing here talks to a database.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from paycore.kernel.journal import Row
from paycore.kernel.journal_sql import Shape, Shapes

Kind = type[Row]


class Verb(StrEnum):
    """What is done to the rows of one kind."""

    HOLD = "hold"
    INSERT = "insert"
    UPDATE = "update"
    APPEND = "append"
    ADD = "add"


@dataclass(frozen=True, slots=True, kw_only=True)
class Routine:
    """A name to call it by, and what makes it."""

    called: str
    text: str


def _step(
    name: str, types: Sequence[str], *statements: str, counted: bool = True
) -> Routine:
    """A step, which counts the rows of its last statement."""
    called = f'pg_temp."journal_{name}"'
    counts = "GET DIAGNOSTICS n = ROW_COUNT; " if counted else ""
    text = (
        f"CREATE OR REPLACE FUNCTION {called}({', '.join((*types, 'bigint'))}) "
        "RETURNS bigint LANGUAGE plpgsql AS $$ DECLARE n bigint := 0; "
        f"BEGIN {'; '.join(statements)}; {counts}"
        f"RETURN ${len(types) + 1} + n; END $$"
    )
    return Routine(called=called, text=text)


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
)
"""Takes all back where a row is short, and tells how many were written. It is no error:
that a guard does not hold is daily life, and the server's log is for what is not."""


class Routines:
    """The steps of the kinds that one journal has met."""

    def __init__(self, shapes: Shapes) -> None:
        self._shapes = shapes
        self._of: dict[tuple[Verb, Kind], Routine] = {}

    def of(self, verb: Verb, kind: Kind) -> Routine:
        """The routine that does this to rows of a kind, written on first use."""
        found = self._of.get((verb, kind))
        if found is None:
            found = self._of[verb, kind] = _written(verb, self._shapes.of(kind))
        return found


def _written(verb: Verb, shape: Shape[Row]) -> Routine:
    name = f"{verb}_{shape.table.name}"
    keys = [key.array for key in shape.keys]
    if shape.table.partition is not None:
        keys += ["text", "text"]
    match verb:
        case Verb.HOLD:
            # Rows of other pairs of a key's columns come along: they count for nothing.
            held = f"PERFORM{shape.hold.removeprefix('SELECT')}"
            return _step(name, keys, held, counted=False)
        case Verb.UPDATE:
            return _step(name, ["json", *keys], shape.update_next)
        case Verb.INSERT:
            return _step(name, ["json"], shape.insert_new)
        case Verb.APPEND:
            return _step(name, ["json"], shape.append)
        case Verb.ADD:
            return _step(name, ["json"], shape.add)
