"""A business line's end point, and nodes whose clocks can leap: for notice tests."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta

import asyncpg
import pytest
from aiohttp import web

from paycore.kernel.clock import SystemClock
from paycore.kernel.config import Settings
from paycore.kernel.config_keys import fresh_keys
from paycore.kernel.crypto import KeyRing
from paycore.kernel.ids import SystemIds, letters, pay_order_no
from paycore.kernel.journal import Change
from paycore.kernel.journal_postgres import PostgresJournal
from paycore.kernel.lives import Lives
from paycore.kernel.node import Heartbeat, Node
from paycore.kernel.terms import BizLineId, Epoch, PayOrderNo
from paycore.kernel.transport import HttpTransport
from paycore.notify import service as notify
from paycore.notify.delivery import Deliveries
from paycore.notify.rows import NoticeRow
from paycore.worker import dispatcher

KEYS = fresh_keys()
"""Nodes of one database share their keys."""

PATIENT = {"connect_timeout_s": 10}
"""On a busy machine it takes long to connect, and what did not leave is due again."""

WITHIN_S = 60.0


class LeapingClock(SystemClock):
    """The real clock, which can be put forward."""

    def __init__(self, database_now: datetime) -> None:
        super().__init__(database_now)
        self.ahead = timedelta(0)

    def now(self) -> datetime:
        """Wall time, and the leaps."""
        return super().now() + self.ahead

    def monotonic(self) -> float:
        """Seconds, and the leaps."""
        return super().monotonic() + self.ahead.total_seconds()


class Receiver:
    """A business line's server: answers as its script says, 204 by default."""

    def __init__(self) -> None:
        self.script: list[int | dict[str, str]] = []
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.url = ""
        self.hang: asyncio.Event | None = None
        self.most_at_once = 0
        self._at_once = 0

    async def answer(self, request: web.Request) -> web.Response:
        """Take one notice."""
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.got.append((headers, body))
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            if self.hang is not None:
                await self.hang.wait()
        finally:
            self._at_once -= 1
        match self.script.pop(0) if self.script else 204:
            case int(status):
                return web.Response(status=status)
            case headers:
                return web.Response(status=302, headers=headers)

    async def has_got(self, count: int) -> None:
        """Wait until so many have come."""
        deadline = time.monotonic() + WITHIN_S
        while len(self.got) < count:
            assert time.monotonic() < deadline, len(self.got)
            await asyncio.sleep(0.01)

    @property
    def ids(self) -> list[str]:
        """The ids of what came, in order."""
        return [headers["webhook-id"] for headers, _ in self.got]


@pytest.fixture
async def receiver() -> AsyncIterator[Callable]:
    """A function that starts receivers."""
    runners, receivers = [], []

    async def start() -> Receiver:
        made = Receiver()
        app = web.Application()
        app.router.add_post("/notices", made.answer)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = site._server.sockets[0].getsockname()
        made.url = f"http://{host}:{port}/notices"
        runners.append(runner)
        receivers.append(made)
        return made

    yield start
    for made in receivers:
        if made.hang is not None:
            made.hang.set()
    for runner in runners:
        await runner.cleanup()


@pytest.fixture
async def nodes(dsn: str) -> AsyncIterator[Callable]:
    """A function that starts nodes; all share the database, which begins empty."""
    started: list[Node] = []
    settings = Settings.for_dev(**KEYS, **PATIENT)
    connection = await asyncpg.connect(dsn)
    await connection.execute("TRUNCATE notify_notice, notify_endpoint, desk_case")
    await connection.close()

    async def start(epoch: int = 1) -> Node:
        journal = await PostgresJournal.open(dsn)
        node = Node(
            settings=settings,
            journal=journal,
            clock=LeapingClock(await journal.database_now()),
            ids=SystemIds(),
            transport=HttpTransport(),
            key_ring=KeyRing(settings.ring_keys),
            heartbeat=Heartbeat(
                epoch=Epoch(epoch),
                slot=epoch,
                live=Lives((Epoch(1), Epoch(2)), newest=Epoch(99)),
                good_until=float("inf"),
            ),
        )
        await notify.refresh(node)
        started.append(node)
        return node

    yield start
    for node in started:
        await notify.drain(node, 0.2)
        await node.transport.close()
        await node.journal.close()


@pytest.fixture
async def node(nodes: Callable) -> Node:
    return await nodes()


def line_of(node: Node) -> BizLineId:
    return BizLineId("line_" + letters(node.ids, 8))


def announced(node: Node, line: BizLineId) -> tuple[PayOrderNo, Change]:
    no = pay_order_no(node.ids, node.now())
    change = node.change()
    notify.announce(
        node,
        change,
        pay_order_no=no,
        biz_line=line,
        type="payment.succeeded",
        data=b'{"pay_order_no":"' + no.encode() + b'"}',
        at=node.now(),
    )
    return no, change


async def tell(node: Node, line: BizLineId) -> PayOrderNo:
    """What core does: stage, commit, deliver."""
    no, change = announced(node, line)
    assert await node.journal.commit(change) is None
    notify.deliver_now(node, change)
    return no


async def left_due(node: Node, line: BizLineId) -> PayOrderNo:
    """What a node leaves that died right after its commit, when its life is over."""
    node.heartbeat.epoch = Epoch(99)
    no, change = announced(node, line)
    node.heartbeat.epoch = Epoch(1)
    assert await node.journal.commit(change) is None
    return no


async def notices(node: Node, no: PayOrderNo) -> list[NoticeRow]:
    return await node.journal.within(NoticeRow, no)


async def becomes(node: Node, no: PayOrderNo, **wanted: object) -> NoticeRow:
    """The order's one notice, as soon as it is as wanted."""
    deadline = time.monotonic() + WITHIN_S
    while True:
        (row,) = await notices(node, no)
        if all(getattr(row, name) == value for name, value in wanted.items()):
            return row
        assert time.monotonic() < deadline, (wanted, row)
        await asyncio.sleep(0.01)


async def settled(node: Node) -> None:
    """Nothing is under way on this node."""
    while tasks := node.state(Deliveries).tasks:
        await asyncio.gather(*tasks)


def leap(node: Node, **by: float) -> None:
    node.clock.ahead += timedelta(**by)


async def due_now(node: Node, no: PayOrderNo) -> NoticeRow:
    """Put the clock to where the order's notice is due, and dispatch."""
    (row,) = await notices(node, no)
    node.clock.ahead += max(row.next_check_at - node.now(), timedelta(0))
    node.clock.ahead += timedelta(milliseconds=1)
    assert await dispatcher.tick(node) >= 1
    await settled(node)
    (row,) = await notices(node, no)
    return row
