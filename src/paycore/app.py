"""The composition root: the only file that knows every concrete class.

    app = await start(settings, dsn)       # a node: alive, its snapshots taken
    web = await listen(app, host=..., port=...)
    await stop(app, web)                   # within settings.drain_s

A process has one node; a test may start several in one event loop.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import partial
from typing import cast

import uvicorn
from litestar.types import ASGIApp

from paycore.accounting import service as accounting
from paycore.api.application import application, operations_only
from paycore.api.door import Door, Jobs
from paycore.api.metrics import Metrics
from paycore.api.queries import Backlog, backlog
from paycore.api.room import room_of
from paycore.api.wire import Wire
from paycore.console import pages as console
from paycore.console import site
from paycore.gateway import receipts
from paycore.gateway.registry import Registry
from paycore.kernel import db, log, partitions, trace
from paycore.kernel.clock import SystemClock
from paycore.kernel.config import Settings
from paycore.kernel.crypto import KeyRing
from paycore.kernel.errors import Misconfigured, Unavailable
from paycore.kernel.ids import SystemIds
from paycore.kernel.journal_postgres import PostgresJournal
from paycore.kernel.meters import COMMIT_SECONDS, GROUP_CHANGES, Tally
from paycore.kernel.meters_upkeep import ROWS_MOVED
from paycore.kernel.node import Node
from paycore.kernel.transport import HttpTransport
from paycore.sms import service as sms
from paycore.sms.receipts import Recorder
from paycore.sms.registry import Carriers
from paycore.worker import auditor, calendar, daily, heartbeat, looking, loop

READY_WITHIN_S = 1.0
"""A load balancer asks often; an answer that comes later is a no."""

BACKLOG_WITHIN_S = 5.0
"""A scrape goes without what waits, rather than not at all."""

MONTHS_WITHIN_S = 60.0
"""More than all months of all tables take; what was not made by then is made next."""

PARTITIONS_EVERY_S = 60.0
"""Where nothing lacks it is one question to the catalogue."""

DAILY_EVERY_S = 20.0
"""How often a node looks whether a job by the day is due."""

KEEP_ALIVE_S = 65
"""Longer than a load balancer's usual minute: it must be the one that hangs up."""

CLOSE_WITHIN_S = 2.0
"""A connection that does not close by then is cut: its statement has nobody left."""

FOR_THE_END_S = CLOSE_WITHIN_S + loop.GOODBYE_WITHIN_S

SCHEMA_KNOWN_S = 5.0
"""How long the answer is believed that nobody migrated past us."""

_log = log.get(__name__)


@dataclass(slots=True, kw_only=True)
class App:
    """A running node, with what has to be let go of in the end."""

    node: Node
    pool: db.Pool
    work: "asyncio.Task[None]"
    dsn: str = field(repr=False)


async def start(settings: Settings, dsn: str) -> App:
    """Begin a life: connect, take an epoch, take the snapshots, work."""
    await _refuse_unmigrated(dsn)
    tracing = trace.begin(settings)
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
    node.state(trace.Tracing, lambda: tracing)
    node.state(Recorder).record = receipts.record
    journal.wrote = _counted(node.state(Tally))
    async with AsyncExitStack() as undo:
        undo.push_async_callback(node.transport.close)
        undo.push_async_callback(journal.close)
        # A file or plug-in that is broken is refused now: found later, it would only
        # keep every account from opening.
        node.state(Registry)
        node.state(Carriers)
        pool = await db.pool(dsn, size=settings.database_connections)
        undo.push_async_callback(pool.close)
        # No payment is to be there before its month; and no life, which must beat.
        today = (await journal.database_now()).date()
        with suppress(Unavailable):
            await _make_months(node, pool, today)
        await heartbeat.begin(node)
        await accounting.read(node)
        undo.push_async_callback(sms.let_go, node)
        await loop.refresh(node)
        undo.pop_all()
    work = asyncio.create_task(
        loop.run(
            node,
            working=settings.role != "api",
            more=(
                *_partitions(pool),
                *_daily(settings, dsn),
                *_audits(settings, dsn),
            ),
        )
    )
    _log.info("node_started", epoch=node.epoch, role=settings.role)
    return App(node=node, pool=pool, work=work, dsn=dsn)


async def stop(app: App, web: "Web | None" = None) -> None:
    """Say so, stop accepting, finish what runs, hand over the rest; within drain_s.

    While what runs comes to its end the node goes on beating: its leases must hold.
    """
    node = app.node
    ends_at = node.clock.monotonic() + node.settings.drain_s - FOR_THE_END_S
    node.heartbeat.leaving = True
    _log.info("node_leaving", epoch=node.epoch)
    if web is not None:
        # Still answering, every answer with "Connection: close" and /readyz with 503.
        await node.clock.sleep(node.settings.unready_s)
        await web.stop()
    await loop.stop(node, max(0.0, ends_at - node.clock.monotonic()))
    app.work.cancel()
    with suppress(asyncio.CancelledError):
        await app.work
    await _let_go(app)
    _log.info("node_stopped", epoch=node.epoch)


async def _let_go(app: App) -> None:
    node = app.node
    try:
        async with node.clock.timeout(CLOSE_WITHIN_S):
            await sms.let_go(node)
            await node.transport.close()
            await node.journal.close()
            await app.pool.close()
            await asyncio.to_thread(trace.of(node).close)
    except TimeoutError:
        app.pool.terminate()
        _log.warning("connections_cut", epoch=node.epoch)


def _counted(tally: Tally) -> Callable[[int, float], None]:
    def wrote(changes: int, seconds: float) -> None:
        tally.observe(GROUP_CHANGES, changes)
        tally.observe(COMMIT_SECONDS, seconds)

    return wrote


def _partitions(pool: db.Pool) -> loop.Loops:
    """The months ahead get their partitions long before they are needed."""

    async def months(node: Node) -> None:
        await _make_months(node, pool, node.now().date())

    return (("partitions", months, PARTITIONS_EVERY_S),)


async def _make_months(node: Node, pool: db.Pool, today: date) -> None:
    """What lacks, as far as it can be made now; the rest is told, by what is in the
    way.
    """
    try:
        made = partitions.ensure(pool, today)
        report = await node.clock.within(MONTHS_WITHIN_S, made)
    except db.AWAY as error:
        if db.away(error):
            raise Unavailable from error
        raise
    tally = node.state(Tally)
    for one in report.made:
        partition = one.month.partition
        _log.info("month_made", partition=partition, moved_rows=one.moved)
        if one.moved:
            tally.count(ROWS_MOVED, one.month.table, by=one.moved)
    for why in dict.fromkeys(one.why for one in report.left):
        left = [one.month for one in report.left if one.why == why]
        close = any(month.ahead < partitions.CLOSE for month in left)
        names = [month.partition for month in left]
        (_log.warning if close else _log.info)("months_missing", why=why, lack=names)


def _daily(settings: Settings, dsn: str) -> loop.Loops:
    """Who works runs the jobs by the day."""
    jobs = [job for job in calendar.jobs(settings, dsn) if job.hour >= 0]
    if settings.role == "api" or not jobs:
        return ()

    async def run(node: Node) -> None:
        await daily.tick(node, jobs)

    return (("daily", run, DAILY_EVERY_S),)


def _audits(settings: Settings, dsn: str) -> loop.Loops:
    """Who works audits as well, in turn with the others."""
    if settings.role == "api" or settings.audit_every_s <= 0:
        return ()

    async def audit(node: Node) -> None:
        await auditor.tick(node, dsn)

    return (("audit", audit, settings.audit_every_s),)


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
    """The node's API as an ASGI application; of a mere worker, how it is doing."""
    node = app.node
    schema = _Schema(app)

    async def ready() -> dict[str, bool]:
        return {
            "staying": not node.heartbeat.leaving,
            "database": await _answers(node),
            "schema": await schema.known(),
            "life": node.lease_holds(0),
            "work": not app.work.done(),
        }

    async def waiting() -> Backlog | None:
        try:
            waits = backlog(app.pool, within_s=READY_WITHIN_S)
            return await node.clock.within(BACKLOG_WITHIN_S, waits)
        except Exception as error:  # noqa: BLE001 a scrape is told all the rest
            _log.warning("backlog_unknown", error=type(error).__name__)
            return None

    jobs = calendar.jobs(node.settings, app.dsn)
    door = Door(
        node=node,
        pool=app.pool,
        metrics=Metrics(node, waiting),
        ready=ready,
        jobs=Jobs(
            listed=partial(looking.listed, node, app.pool, jobs),
            refuse=partial(looking.refuse, node, jobs),
            run=partial(looking.run, node, jobs),
        ),
    )
    if node.settings.role == "worker":
        return operations_only(door)
    return application(door, beside=console.handlers(site.built()))


class _Schema:
    """Whether the database's schema is one that this version knows."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._asked_at = float("-inf")
        self._newer: str | None = None

    async def known(self) -> bool:
        """Asked anew every few seconds; while the database is away, as it was."""
        clock = self._app.node.clock
        if clock.monotonic() - self._asked_at >= SCHEMA_KNOWN_S:
            try:
                newer = db.newer(self._app.pool)
                self._newer = await clock.within(READY_WITHIN_S, newer)
            except (*db.AWAY, TimeoutError):
                return self._newer is None
            self._asked_at = clock.monotonic()
        return self._newer is None


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
            http=cast("type[Wire]", partial(Wire, room=room_of(app.node))),
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
