"""Books of our own making: attempts as the core leaves them, and days compared."""

import asyncio
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from statement_books import Books

from paycore.kernel import db


@pytest.fixture
async def books(dsn):
    """An account of its own for each test, on a connection of its own."""
    connection = await db.connect(dsn)
    yield Books(connection)
    await connection.close()
    await asyncio.sleep(0)
