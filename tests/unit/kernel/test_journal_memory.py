"""What only the journal in memory promises: others on its data, and who watches."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from paycore.kernel.errors import Unavailable
from paycore.kernel.journal import Change, LimitCounter
from paycore.kernel.journal_group import Waiting
from paycore.kernel.journal_memory import MemoryJournal, MemoryStore

NOW = datetime(2026, 5, 1, tzinfo=UTC)


def counting(serial: int) -> Change:
    change = Change(UUID(int=serial))
    change.insert(LimitCounter(counter=f"c{serial}", used=1, expires_at=NOW))
    return change


async def test_another_node_sees_the_same_data_and_outlives_the_first():
    """Two journals share a database, and the end of one does not end the other."""
    first = MemoryJournal(MemoryStore(), clock=lambda: NOW)
    second = first.another()
    assert await first.commit(counting(1)) is None
    await first.close()

    assert NOW == await second.database_now()
    assert await second.committed(UUID(int=1))
    assert await second.commit(counting(2)) is None
    assert ["c1", "c2"] == [row.counter for row in await second.every(LimitCounter)]
    with pytest.raises(Unavailable):
        await first.commit(counting(3))


def test_a_copy_goes_its_own_way():
    """What is written to a copy is not in the database that it was made of."""
    seen = []
    store = MemoryStore(watch=lambda change, written: seen.append((change.id, written)))
    assert store.commit(counting(1)) is None
    twin = store.copy()
    assert twin.commit(counting(2)) is None

    assert ["c1"] == [row.counter for row in store.every(LimitCounter)]
    assert ["c1", "c2"] == [row.counter for row in twin.every(LimitCounter)]
    assert twin.committed(UUID(int=1))
    assert not store.committed(UUID(int=2))
    assert [LimitCounter] == twin.kinds()
    assert [UUID(int=1), UUID(int=2)] == [change_id for change_id, _ in seen]
    assert [(None, "c1")] == [(old, row.counter) for old, row in seen[0][1]]


async def test_who_waits_in_the_line_is_answered_once():
    """An answer stands; an error is raised to whoever waits."""
    answered, failed = Waiting(counting(1)), Waiting(counting(2))
    answered.settle(None)
    answered.settle(ValueError("too late"))
    failed.settle(ValueError("no"))

    assert await answered.answer is None
    with pytest.raises(ValueError, match="no"):
        await failed.answer
