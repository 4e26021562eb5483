"""Every row that paycore declares fits the table that its migration makes."""

from typing import get_args

import asyncpg
import msgspec
import pytest

from declared_rows import declared
from paycore.kernel.journal_sql import Shape


def statements(shape):
    """Every statement that the journal may run for a kind."""
    found = [shape.every, shape.load, shape.lock, shape.insert, shape.append]
    found += [shape.delete, shape.hold, shape.insert_new]
    found += [shape.update_next] if shape.table.versioned else []
    found += [shape.update] if len(shape.columns) > len(shape.keys) else []
    found += [shape.within] if shape.table.owner else []
    found += [shape.add] if shape.table.additive else []
    found += [shape.due] if shape.table.claimed else []
    return found


@pytest.mark.parametrize("kind", declared(), ids=lambda kind: kind.__qualname__)
async def test_a_declared_row_fits_its_table(dsn, kind):
    """The database takes every statement, and gives each column in its field's type."""
    shape = Shape(kind)
    connection = await asyncpg.connect(dsn)
    try:
        for statement in statements(shape):
            prepared = await connection.prepare(statement)
            for attribute in prepared.get_attributes():
                (column,) = (c for c in shape.columns if c.name == attribute.name)
                assert _names(column.sql) == attribute.type.name
    finally:
        await connection.close()


def _names(sql):
    return {"bigint": "int8", "boolean": "bool"}.get(sql, sql)


@pytest.mark.parametrize("kind", declared(), ids=lambda kind: kind.__qualname__)
async def test_a_key_is_the_primary_key_and_compares_by_bytes(dsn, kind):
    """Locks are taken in one order everywhere, and a conflict has its index."""
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch(
            "SELECT a.attname, c.collname FROM pg_index AS i "
            "JOIN pg_attribute AS a ON a.attrelid = i.indrelid "
            "AND a.attnum = ANY(i.indkey) "
            "LEFT JOIN pg_collation AS c ON c.oid = a.attcollation "
            "WHERE i.indisprimary AND i.indrelid = to_regclass($1) "
            "ORDER BY array_position(i.indkey, a.attnum)",
            f'"{kind.__table__.name}"',
        )
    finally:
        await connection.close()

    assert kind.__table__.key == tuple(row["attname"] for row in rows)
    assert {row["collname"] for row in rows} <= {None, "C"}


@pytest.mark.parametrize("kind", declared(), ids=lambda kind: kind.__qualname__)
async def test_what_may_be_missing_may_be_null(dsn, kind):
    """And nothing else: the journal in memory goes by the field alone."""
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch(
            "SELECT attname, attnotnull FROM pg_attribute "
            "WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped",
            f'"{kind.__table__.name}"',
        )
    finally:
        await connection.close()
    nullable = {row["attname"] for row in rows if not row["attnotnull"]}

    assert nullable == {
        field.name
        for field in msgspec.structs.fields(kind)
        if type(None) in get_args(field.type)
    }
