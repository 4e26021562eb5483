"""A node that posts, and the ledger that is told."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

sys.path.insert(0, str(Path(__file__).parent))

from telling import SECRET, buried, living
from two_ledgers import BuiltIn, Reference

from paycore.kernel import db


@pytest.fixture
async def pool(dsn) -> AsyncIterator[db.Pool]:
    """Connections, to books with nothing in them."""
    async with await db.pool(dsn, size=4) as opened:
        async with opened.acquire() as connection:
            await connection.execute("SET session_replication_role = replica")
            for table in ("feed", "entry", "posting", "balance"):
                await connection.execute(f"DELETE FROM accounting_{table}")
            await connection.execute("DELETE FROM desk_case")
            await connection.execute("RESET session_replication_role")
        yield opened
    await asyncio.sleep(0.01)  # for what was terminated to be gone


@pytest.fixture
async def reference() -> AsyncIterator[Reference]:
    """A ledger of a user's own, over HTTP."""
    made = Reference(SECRET)
    app = web.Application()
    app.router.add_post("/postings", made.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = site._server.sockets[0].getsockname()
    made.url = f"http://{host}:{port}/postings"
    yield made
    await runner.cleanup()


@pytest.fixture
async def built_in(dsn, pool):
    """The default: a node, and our own books."""
    node = await living(dsn)
    yield node, BuiltIn(pool)
    await buried(node)


@pytest.fixture
async def own(dsn, pool, reference):
    """A node that tells a user's ledger, and that ledger."""
    node = await living(dsn, ledger_url=reference.url, ledger_secret=SECRET)
    yield node, reference
    await buried(node)
    await asyncio.sleep(0)
