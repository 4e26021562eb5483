"""The composition root: the only file that knows every concrete class.

    app = await start(settings, dsn)       # a node: alive, its snapshots taken
    web = await listen(app, host=..., port=...)
    await stop(app, web)                   # within settings.drain_s

A process has one node; a test may start several in one event loop.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime

import uvicorn
from litestar.types import ASGIApp

from paycore.api.application import application
from paycore.api.door import Door
from paycore.api.metrics import Metrics
from paycore.kernel import db, log
from paycore.kernel.clock import SystemClock
from paycore.kernel.config import Settings
from paycore.kernel.crypto import KeyRing
from paycore.kernel.errors import Misconfigured, Unavailable
from paycore.kernel.ids import SystemIds
from paycore.kernel.journal_postgres import PostgresJournal
from paycore.kernel.node import Node
from paycore.kernel.transport import HttpTransport
from paycore.worker import heartbeat, loop

READY_WITHIN_S = 1.0
"""A load balancer asks often; an answer that comes later is a no."""

PARTITIONS_EVERY_S = 3600.0

KEEP_ALIVE_S = 65
"""Longer than a load balancer's usual minute: it must be the one that hangs up."""

WAITS_OF_LOOP = 2
"""`loop.stop` waits for passages, then for checks, as long as it is told each time."""

_log = log.get(__name__)


@dataclass(slots=True, kw_only=True)
class App:
    """A running node, with what has to be let go of in the end."""

    node: Node
    pool: db.Pool
    work: "asyncio.Task[None]"


async def start(settings: Settings, dsn: str) -> App:
    """Begin a life: connect, take an epoch, take the snapshots, work."""
    await _refuse_unmigrated(dsn)
    clock = SystemClock(datetime.min.replace(tzinfo=UTC))
    journal = await _connected(dsn, clock)
    node = Node(
        settings=settings,
        journal=journal,
        clock=clock,
        ids=SystemIds(),
        transport=HttpTransport(),
        key_ring=KeyRing(settings.ring_keys),
    )
    try:
        await heartbeat.begin(node)
        await loop.refresh(node)
        pool = await db.pool(dsn, size=settings.database_connections)
    except BaseException:
        await node.transport.close()
        await journal.close()
        raise
    work = asyncio.create_task(
        loop.run(node, working=settings.role != "api", more=_daily(pool))
    )
    _log.info("node_started", epoch=node.epoch, role=settings.role)
    return App(node=node, pool=pool, work=work)


async def stop(app: App, web: "Web | None" = None) -> None:
    """Stop accepting, finish what runs, hand over the rest; within drain_s.

    While what runs comes to its end the node goes on beating: its leases must hold.
    """
    node = app.node
    ends_at = node.clock.monotonic() + node.settings.drain_s
    if web is not None:
        await web.stop()
    left = max(0.0, ends_at - node.clock.monotonic())
    await loop.stop(node, left / WAITS_OF_LOOP)
    app.work.cancel()
    with suppress(asyncio.CancelledError):
        await app.work
    await node.transport.close()
    await node.journal.close()
    await app.pool.close()
    _log.info("node_stopped", epoch=node.epoch)


def _daily(pool: db.Pool) -> loop.Loops:
    """The months ahead get their partitions long before they are needed."""

    async def partitions(node: Node) -> None:
        await db.ensure_partitions(pool, node.now().date())

    return (("partitions", partitions, PARTITIONS_EVERY_S),)


async def _connected(dsn: str, clock: SystemClock) -> PostgresJournal:
    try:
        return await PostgresJournal.open(dsn, clock=clock)
    except (db.DatabaseUnavailableError, db.DatabaseRefusedError) as error:
        raise Misconfigured(str(error)) from error


async def _refuse_unmigrated(dsn: str) -> None:
    try:
        missing = await db.pending(dsn)
    except (db.DatabaseUnavailableError, db.DatabaseRefusedError) as error:
        raise Misconfigured(str(error)) from error
    if missing:
        raise Misconfigured(
            f"the database lacks {', '.join(missing)}: run `paycore migrate` first, "
            "or start with --migrate"
        )


async def migrate(dsn: str) -> list[str]:
    """Bring the schema up to date, one process at a time."""
    try:
        return await db.migrate(dsn)
    except (db.DatabaseUnavailableError, db.DatabaseRefusedError) as error:
        raise Misconfigured(str(error)) from error


# --- HTTP -----------------------------------------------------------------------------


def make_asgi(app: App) -> ASGIApp:
    """The node's API as an ASGI application."""
    node = app.node

    async def ready() -> dict[str, bool]:
        return {
            "database": await _answers(node),
            "life": node.lease_holds(0),
            "work": not app.work.done(),
        }

    door = Door(node=node, pool=app.pool, metrics=Metrics(node), ready=ready)
    return application(door)


async def _answers(node: Node) -> bool:
    try:
        async with node.clock.timeout(READY_WITHIN_S):
            await node.journal.database_now()
    except (Unavailable, TimeoutError):
        return False
    return True


class Web(uvicorn.Server):
    """Uvicorn, started and stopped by us: signals are the process's business."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield

    async def begin(self) -> None:
        """Accept connections, or raise Misconfigured."""
        self.config.load()
        self.lifespan = self.config.lifespan_class(self.config)
        try:
            await self.startup()
        except SystemExit:
            place = f"{self.config.host}:{self.config.port}"
            raise Misconfigured(f"cannot listen on {place}: is it taken?") from None
        self._main = asyncio.create_task(self.main_loop())

    async def stop(self) -> None:
        """Accept no more, and let what runs come to its end."""
        self.should_exit = True
        await self._main
        await self.shutdown()

    @property
    def url(self) -> str:
        """Where it listens."""
        host, port = self.servers[0].sockets[0].getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def listen(app: App, *, host: str, port: int) -> Web:
    """Serve the node's API; port 0 takes a free one."""
    settings = app.node.settings
    web = Web(
        uvicorn.Config(
            make_asgi(app),
            host=host,
            port=port,
            http="httptools",
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=max(1, int(settings.drain_s / 2)),
        )
    )
    await web.begin()
    return web
