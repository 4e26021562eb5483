"""The journal's suite: one set of promises, asked of both implementations."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from paycore.kernel.clock import SystemClock
from paycore.kernel.journal import Journal
from paycore.kernel.journal_memory import MemoryJournal
from paycore.kernel.journal_postgres import PostgresJournal

sys.path.insert(0, str(Path(__file__).parent))  # for what the suite's files share
sys.path.insert(0, str(Path(__file__).parents[1]))  # and for what all tests do

from journal_suite import DDL, EMPTY, NOW, execute, in_memory


@pytest.fixture(scope="module")
def tables(dsn: str) -> str:
    """Make the suite's tables in the module's database."""
    asyncio.run(execute(dsn, DDL))
    return dsn


@pytest.fixture
async def postgres(tables: str) -> AsyncIterator[PostgresJournal]:
    """The journal on PostgreSQL, its tables empty."""
    await execute(tables, EMPTY)
    journal = await PostgresJournal.open(tables, clock=SystemClock(NOW))
    yield journal
    await journal.close()


@pytest.fixture
def memory() -> MemoryJournal:
    """The journal in memory."""
    return in_memory()


@pytest.fixture(params=["memory", "postgres"])
def journal(request: pytest.FixtureRequest) -> Journal:
    """Each implementation in turn."""
    found: Journal = request.getfixturevalue(request.param)
    return found
