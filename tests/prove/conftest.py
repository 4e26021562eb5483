"""What the simulator's tests share: a real database beside the one in memory."""

import sys
from pathlib import Path
from uuid import UUID

import pytest

from paycore.accounting.rows import AccountRow, RuleRow
from paycore.kernel.journal import Change
from paycore.prove.mirror import Mirror, template
from paycore.prove.schema import empty_store

sys.path.insert(0, str(Path(__file__).parent))  # for what these files share
sys.path.insert(0, str(Path(__file__).parents[1]))  # and for what all tests do

from schema_rows import NOW, Hand


@pytest.fixture(scope="module")
def server(cluster):
    """A server with a migrated database to copy."""
    with template(cluster.dsn):
        yield cluster.dsn


@pytest.fixture(scope="module")
def both(server):
    """The database in memory, and a real one beside it; both have the chart."""
    mirror = Mirror(empty_store(), server, name="schema", month=NOW.date())
    chart = Change(UUID(int=1))
    for kind in (AccountRow, RuleRow):
        for row in mirror._time.wait(mirror._journal.every(kind)):
            chart.insert(row)
    assert None is mirror._memory.commit(chart)
    yield mirror
    mirror.close()


@pytest.fixture
def hand(both):
    """Writes; at the end the two must have agreed."""
    made = Hand(both)
    yield made
    assert [] == both.differences()
