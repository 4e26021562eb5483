"""How a row declares its table, and what a change keeps of what is staged."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from paycore.kernel.journal import (
    Amend,
    Change,
    ChangeRejected,
    Count,
    Insert,
    LimitCounter,
    Row,
    Table,
    Update,
    table,
)

NOW = datetime(2026, 5, 1, tzinfo=UTC)


def declared(**asked) -> type[Row]:
    class Made(Row, frozen=True, kw_only=True):
        first: str = "a"
        second: int = 2
        version: int = 1
        amount: int = 0

    return table("t_made", **{"key": ("first", "second"), **asked})(Made)


def test_a_row_is_declared_plainly():
    """Nothing that was not asked for is true of a table."""
    assert Table(name="t_made", key=("first", "second")) == declared().__table__


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"key": "first"}, {"key": ("first",)}),
        ({"owner": "first"}, {"owner": "first"}),
        ({"partition": "first"}, {"partition": "first"}),
        ({"versioned": True}, {"versioned": True}),
        ({"claimed": True}, {"claimed": True, "versioned": True}),
        ({"additive": "amount"}, {"additive": "amount"}),
    ],
)
def test_a_row_is_declared_as_asked(asked, expected):
    """Each word of a declaration means itself; what is claimed is versioned too."""
    plain = {"name": "t_made", "key": ("first", "second")}

    assert Table(**{**plain, **expected}) == declared(**asked).__table__


@pytest.mark.parametrize(
    ("key", "expected"),
    [("first", ("a",)), (("second",), (2,)), (("second", "first"), (2, "a"))],
)
def test_a_key_is_its_columns_in_order(key, expected):
    """A key is a tuple of the key's columns, of one column too."""
    assert expected == declared(key=key)().key()


def test_a_key_may_be_the_whole_row():
    """Not every row has something to say beside its key."""
    key = ("first", "second", "version", "amount")

    assert key == declared(key=key).__table__.key


def test_a_key_is_made_of_the_rows_columns():
    """A key that names a column which is not there is refused where it is declared."""
    with pytest.raises(AssertionError, match="t_made"):
        declared(key=("first", "third"))


def test_a_change_keeps_what_is_staged():
    """Each verb stages one thing, under its guard's name or else its table's."""
    row, step = declared(versioned=True, additive="amount")(), lambda row: row
    change = Change(UUID(int=1))
    change.insert(row)
    change.insert(row, guard="g")
    change.update(row, version=3)
    change.update(row, version=4, guard="g")
    change.amend(type(row), ("a", 2), step)
    change.amend(type(row), ("a", 2), step, guard="g")
    change.count("c", 5, limit=9, expires_at=NOW)
    change.count("c", -5, limit=None, expires_at=NOW, guard="g")
    change.append(row)
    change.add(row)

    assert [Insert("t_made", row), Insert("g", row)] == change.inserts
    assert [Update("t_made", row, 3), Update("g", row, 4)] == change.updates
    assert [
        Amend("t_made", type(row), ("a", 2), step),
        Amend("g", type(row), ("a", 2), step),
    ] == change.amends
    assert [Count("limit", "c", 5, 9, NOW), Count("g", "c", -5, None, NOW)] == (
        change.counts
    )
    assert [row] == change.appends == change.additions


@pytest.mark.parametrize(
    "stage",
    [
        lambda change, row: change.insert(row),
        lambda change, row: change.update(row, version=1),
        lambda change, row: change.amend(type(row), row.key(), lambda row: row),
        lambda change, row: change.count(row.first, 1, limit=1, expires_at=NOW),
        lambda change, row: change.append(row),
        lambda change, row: change.add(row),
    ],
)
def test_whatever_is_staged_makes_a_change_not_empty(stage):
    """A change of one thing is written; one of nothing need not be."""
    change = Change(UUID(int=1))
    assert change.empty
    stage(change, declared(versioned=True, additive="amount")())

    assert not change.empty


def test_a_table_refuses_what_it_is_not_for():
    """What has no version is not updated, and what has no sum is not added to."""
    change, row = Change(UUID(int=1)), declared()()

    with pytest.raises(AssertionError, match="t_made"):
        change.update(row, version=1)
    with pytest.raises(AssertionError, match="t_made"):
        change.add(row)


def test_a_rejection_says_its_class():
    """The database's class is there to be read, and in the words."""
    rejected = ChangeRejected("23505", "the key is not new")

    assert "23505" == rejected.sqlstate
    assert "23505: the key is not new" == str(rejected)


def test_a_limit_is_found_by_its_name():
    """One row a counter."""
    row = LimitCounter(counter="c", used=1, expires_at=NOW)

    assert ("c",) == row.key()
