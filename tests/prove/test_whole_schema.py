"""Whatever a migration refuses beyond keys, both databases refuse alike.

For every CHECK, foreign key, unique index and trigger of a declared table there is a
row that it refuses: it is given to both, and to the real one alone, to see that it is
this one that refuses. A migration that adds one without such a row fails here.
"""

import asyncio

import asyncpg
import pytest
from schema_rows import NOW, Hand
from schema_violations import VIOLATIONS

from declared_rows import declared
from paycore.kernel.journal import ChangeRejected
from paycore.prove.mirror import Mirror, database_of
from paycore.prove.schema import empty_store

NAMES = """
    SELECT conname::text AS name, contype::text AS kind, relname::text AS table
    FROM pg_constraint JOIN pg_class AS c ON c.oid = conrelid
    WHERE relname = ANY($1) AND contype IN ('c', 'f')
UNION ALL
    SELECT i.relname::text, 'u', c.relname::text
    FROM pg_index JOIN pg_class AS c ON c.oid = indrelid
    JOIN pg_class AS i ON i.oid = indexrelid
    WHERE c.relname = ANY($1) AND indisunique AND NOT indisprimary
UNION ALL
    SELECT tgname::text, 't', relname::text
    FROM pg_trigger JOIN pg_class AS c ON c.oid = tgrelid
    WHERE relname = ANY($1) AND NOT tgisinternal AND tgtype & $2 <> 0
"""
WRITES = 4 | 16
"""Of `tgtype`: INSERT and UPDATE. Nothing is deleted through the journal."""

REFUSES = {"c": "23514", "f": "23503", "u": "23505", "t": "23514"}
"""With which class, by the kind."""

THEIR_INDEX = "duplicate key value violates unique constraint"
"""A partition's index has a name of its own."""


def run(dsn, statement, *values):
    """What a statement gives, on a connection of its own."""

    async def fetched():
        connection = await asyncpg.connect(dsn)
        try:
            return await connection.fetch(statement, *values)
        finally:
            await connection.close()

    return asyncio.run(fetched())


@pytest.fixture(scope="module")
def known(server):
    """What there is, by its name: its kind and its table."""
    tables = [kind.__table__.name for kind in declared()]
    rows = run(database_of(server, "prove_template"), NAMES, tables, WRITES)
    assert len({row["name"] for row in rows}) == len(rows), "a name says which it is"
    return {row["name"]: row for row in rows}


@pytest.fixture(scope="module")
def alone(server):
    """A real database that may be changed."""
    mirror = Mirror(empty_store(), server, name="schema_alone", month=NOW.date())
    yield mirror
    mirror.close()


def test_there_is_a_row_for_everything_that_refuses(known):
    """And none for what is no more."""
    assert known.keys() == {name for name, _, _ in VIOLATIONS}


def ids():
    """A name that says which one failed."""
    return [f"{name}-{at}" for at, (name, _, _) in enumerate(VIOLATIONS)]


@pytest.mark.parametrize(("name", "standing", "row"), VIOLATIONS, ids=ids())
def test_both_refuse_it(hand, known, name, standing, row):
    """With the same class; what stands before it both have taken."""
    assert [None] * len(standing) == [hand.insert(one) for one in standing]

    assert REFUSES[known[name]["kind"]] == hand.put(row, over=standing)


@pytest.mark.parametrize(("name", "standing", "row"), VIOLATIONS, ids=ids())
def test_it_is_this_one_that_refuses(alone, known, name, standing, row):
    """A CHECK by its name while no trigger speaks, a trigger in that without it the row
    is written: so no row stands for another's.
    """
    kind, table = known[name]["kind"], known[name]["table"]
    hand = Hand(alone)
    for one in standing:
        hand.insert(one)
    switched = f"{table} {{}} TRIGGER {name if kind == 't' else 'USER'}"
    dsn = database_of(alone._server, alone._name)
    run(dsn, f"ALTER TABLE {switched.format('DISABLE')}")
    try:
        said = refusal(alone, hand.change_to(row, over=standing))
    finally:
        run(dsn, f"ALTER TABLE {switched.format('ENABLE')}")

    if kind == "t":
        assert said is None
    else:
        assert f'"{name}"' in str(said) or (kind == "u" and THEIR_INDEX in str(said))


def refusal(alone, change):
    """What the real one says of a change; the other is not asked."""
    try:
        return alone._time.wait(alone._journal.commit(change))
    except ChangeRejected as rejected:
        return rejected
