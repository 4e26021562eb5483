"""A database, and a node that posts to it."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from ledger_books import node_of

from paycore.kernel import db
from paycore.kernel.node import Node


@pytest.fixture
async def pool(dsn) -> AsyncIterator[db.Pool]:
    """Connections as a node has them."""
    async with await db.pool(dsn, size=4) as opened:
        yield opened
    await asyncio.sleep(0.01)  # for what was terminated to be gone


@pytest.fixture
async def node(dsn) -> AsyncIterator[Node]:
    """A node without a life of its own."""
    async with node_of(dsn) as made:
        yield made
