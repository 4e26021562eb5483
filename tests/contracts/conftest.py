"""A node that posts, and the ledger that is told; and where its coupons live."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from aiohttp import web

sys.path.insert(0, str(Path(__file__).parent))

from coupon_system import SECRET as COUPON_SECRET
from coupon_system import Coupons
from telling import SECRET, buried, living
from two_coupons import BuiltIn as BuiltInCoupons
from two_coupons import Elsewhere, placed
from two_ledgers import BuiltIn, Reference

from paycore.kernel import db


@pytest.fixture
async def pool(dsn) -> AsyncIterator[db.Pool]:
    """Connections, to books with nothing in them."""
    async with await db.pool(dsn, size=4) as opened:
        async with opened.acquire() as connection:
            await connection.execute("SET session_replication_role = replica")
            for table in (
                *("feed", "entry", "posting", "balance", "day_balance", "day"),
            ):
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


@pytest.fixture
def system() -> Iterator[Coupons]:
    """A coupon system of a user's own, over HTTP."""
    made = Coupons()
    yield made
    made.close()


@pytest.fixture
async def coupons_built_in(dsn) -> AsyncIterator[BuiltInCoupons]:
    """The default: coupons are rows of ours."""
    node = await living(dsn)
    yield placed(BuiltInCoupons, node)
    await buried(node)


@pytest.fixture
async def coupons_elsewhere(dsn, system: Coupons) -> AsyncIterator[Elsewhere]:
    """A node whose coupons live in that system."""
    node = await living(
        dsn,
        coupon_url=system.url,
        coupon_secret=COUPON_SECRET,
        coupon_timeout_s=20,
    )
    made = placed(Elsewhere, node)
    made.system = system
    yield made
    await buried(node)
