"""Notices from the commit that makes them to the end point that takes them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta

import asyncpg
import pytest
from aiohttp import web
from standardwebhooks.webhooks import Webhook

from paycore.desk.rows import CaseRow
from paycore.kernel.clock import SystemClock
from paycore.kernel.config import Settings, fresh_keys
from paycore.kernel.crypto import KeyRing
from paycore.kernel.errors import BadRequest, DataNotExist
from paycore.kernel.ids import SystemIds, letters, pay_order_no
from paycore.kernel.journal import Change
from paycore.kernel.journal_postgres import PostgresJournal
from paycore.kernel.node import Heartbeat, Node
from paycore.kernel.terms import BizLineId, Epoch, PayOrderNo
from paycore.kernel.transport import HttpTransport
from paycore.notify import service as notify
from paycore.notify import verdict
from paycore.notify.delivery import LEASE, Deliveries
from paycore.notify.rows import EndpointRow, NoticeRow, NoticeStatus
from paycore.worker import dispatcher

KEYS = fresh_keys()
"""Nodes of one database share their keys."""


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
        for _ in range(300):
            if len(self.got) >= count:
                return
            await asyncio.sleep(0.01)
        raise AssertionError(len(self.got))

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
    settings = Settings.for_dev(**KEYS)
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
                epoch=Epoch(epoch), slot=epoch, live=(Epoch(1), Epoch(2))
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
    for _ in range(300):
        (row,) = await notices(node, no)
        if all(getattr(row, name) == value for name, value in wanted.items()):
            return row
        await asyncio.sleep(0.01)
    raise AssertionError((wanted, row))


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


# --- delivered ------------------------------------------------------------------------


async def test_at_once(node: Node, receiver: Callable):
    """A notice is on its way with the commit that made it, signed, without a claim."""
    shop, line = await receiver(), line_of(node)
    _, secret = await notify.add_endpoint(node, line, shop.url)
    no = await tell(node, line)
    row = await becomes(node, no, status=NoticeStatus.DELIVERED)
    ((headers, body),) = shop.got
    payload = Webhook(secret).verify(body, headers)

    assert (1, 2, "HTTP 204") == (row.tries, row.version, row.last_result)
    assert (None, None, None) == (row.next_check_at, row.lease_epoch, row.lease_until)
    assert "payment.succeeded" == payload["type"]
    assert {"pay_order_no": no} == payload["data"]
    assert row.notice_id == headers["webhook-id"]
    assert "application/json" == headers["content-type"]


async def test_nothing_before_the_commit(node: Node, receiver: Callable):
    """What is only staged is told to nobody (I17)."""
    shop, line = await receiver(), line_of(node)
    await notify.add_endpoint(node, line, shop.url)
    announced(node, line)
    leap(node, minutes=5)
    await dispatcher.tick(node)
    await settled(node)

    assert [] == shop.got


async def test_every_endpoint(node: Node, receiver: Callable):
    """Each end point of a line gets a notice of its own, signed with its secret."""
    shops, line = [await receiver(), await receiver()], line_of(node)
    secrets = [(await notify.add_endpoint(node, line, s.url))[1] for s in shops]
    await tell(node, line)
    await settled(node)

    for shop, secret in zip(shops, secrets, strict=True):
        ((headers, body),) = shop.got
        Webhook(secret).verify(body, headers)
    assert shops[0].ids != shops[1].ids


async def test_no_endpoint(node: Node):
    """A line without an end point leaves a parked notice that a person can see."""
    no = await tell(node, line_of(node))
    (row,) = await notices(node, no)

    assert (NoticeStatus.PARKED, "NO_ENDPOINT") == (row.status, row.last_result)


async def test_change_of_secret(node: Node, receiver: Callable):
    """While a secret is being changed both verify, and the one before them does not."""
    shop, line = await receiver(), line_of(node)
    endpoint, oldest = await notify.add_endpoint(node, line, shop.url)
    old = await notify.rotate_secret(node, endpoint)
    new = await notify.rotate_secret(node, endpoint)
    await tell(node, line)
    await settled(node)
    ((headers, body),) = shop.got
    Webhook(old).verify(body, headers)
    Webhook(new).verify(body, headers)

    with pytest.raises(Exception, match="No matching signature"):
        Webhook(oldest).verify(body, headers)


# --- tried again ----------------------------------------------------------------------


async def test_again_after_a_failure(node: Node, receiver: Callable):
    """A failed try is repeated five seconds later under the same id."""
    shop, line = await receiver(), line_of(node)
    await notify.add_endpoint(node, line, shop.url)
    shop.script = [500]
    no = await tell(node, line)
    failed = await becomes(node, no, tries=1)
    wait = failed.next_check_at - node.now()
    row = await due_now(node, no)

    assert timedelta(seconds=4) < wait <= timedelta(seconds=6)
    assert "HTTP 500" == failed.last_result
    assert (NoticeStatus.DELIVERED, 2) == (row.status, row.tries)
    assert [row.notice_id] * 2 == shop.ids


async def test_parked_after_the_tenth(node: Node, receiver: Callable):
    """After ten tries over three days the notice is parked, with a case on the desk."""
    shop, line = await receiver(), line_of(node)
    await notify.add_endpoint(node, line, shop.url)
    shop.script = [500] * 100
    began = node.now()
    no = await tell(node, line)
    row = await becomes(node, no, tries=1)
    while row.status is NoticeStatus.PENDING:
        row = await due_now(node, no)
    cases = [c for c in await node.journal.every(CaseRow) if c.pay_order_no == no]

    assert (NoticeStatus.PARKED, 10) == (row.status, row.tries)
    assert 10 == len(shop.got)
    assert 75 < (node.now() - began) / timedelta(hours=1) < 92
    assert ["NOTICE_PARKED"] == [case.kind for case in cases]


async def test_redirect_is_not_followed(node: Node, receiver: Callable):
    """A redirect is a failure, and where it leads nobody is asked."""
    shop, elsewhere, line = await receiver(), await receiver(), line_of(node)
    await notify.add_endpoint(node, line, shop.url)
    shop.script = [{"location": elsewhere.url}]
    no = await tell(node, line)
    row = await becomes(node, no, tries=1)

    assert (NoticeStatus.PENDING, "HTTP 302") == (row.status, row.last_result)
    assert [] == elsewhere.got


async def test_gone(node: Node, receiver: Callable):
    """410 switches the end point off: this notice and later ones are parked."""
    shop, line = await receiver(), line_of(node)
    endpoint, _ = await notify.add_endpoint(node, line, shop.url)
    shop.script = [410]
    row = await becomes(node, await tell(node, line), status=NoticeStatus.PARKED)
    (later,) = await notices(node, await tell(node, line))
    kept = await node.journal.load(EndpointRow, endpoint)

    assert "HTTP 410" == row.last_result
    assert "NO_ENDPOINT" == later.last_result
    assert (False, "HTTP 410") == (kept.enabled, kept.disabled_reason)
    assert 1 == len(shop.got)


async def test_nobody_listens(node: Node):
    """A closed port is a failure like any other: tried again."""
    line = line_of(node)
    await notify.add_endpoint(node, line, "http://127.0.0.1:9/notices")
    row = await becomes(node, await tell(node, line), tries=1)

    assert (NoticeStatus.PENDING, "NOT_SENT") == (row.status, row.last_result)


# --- other nodes ----------------------------------------------------------------------


async def test_taken_over(node: Node, receiver: Callable):
    """What a dead node committed and did not send, another sends."""
    shop, line = await receiver(), line_of(node)
    await notify.add_endpoint(node, line, shop.url)
    no = await left_due(node, line)
    assert 0 == await dispatcher.tick(node)
    row = await due_now(node, no)

    assert NoticeStatus.DELIVERED is row.status
    assert 1 == len(shop.got)


async def test_not_taken_from_the_living(nodes: Callable, receiver: Callable):
    """While a node lives and its lease holds, no other sends its notice."""
    one, two = await nodes(1), await nodes(2)
    shop, line = await receiver(), line_of(one)
    await notify.add_endpoint(one, line, shop.url)
    await notify.refresh(two)
    no, change = announced(one, line)
    assert await one.journal.commit(change) is None
    leap(two, seconds=LEASE.total_seconds() - 5)
    assert 0 == await dispatcher.tick(two)
    leap(two, seconds=10)
    assert 1 == await dispatcher.tick(two)
    row = await becomes(two, no, status=NoticeStatus.DELIVERED)

    assert [row.notice_id] == shop.ids


async def test_many_nodes(nodes: Callable, receiver: Callable):
    """Nodes that dispatch at the same time share what is due: each notice goes once."""
    one, two = await nodes(1), await nodes(2)
    shop, line = await receiver(), line_of(one)
    await notify.add_endpoint(one, line, shop.url)
    await notify.refresh(two)
    orders = [await left_due(one, line) for _ in range(100)]
    for node in (one, two):
        leap(node, seconds=7)
    claimed = await asyncio.gather(dispatcher.tick(one), dispatcher.tick(two))
    await settled(one)
    await settled(two)
    rows = [row for no in orders for row in await notices(one, no)]

    assert 100 == sum(claimed)
    assert 100 == len(shop.got) == len(set(shop.ids))
    assert {NoticeStatus.DELIVERED} == {row.status for row in rows}


async def test_late_result_is_void(nodes: Callable, receiver: Callable):
    """A node that lost its notice to another writes nothing over the other's result."""
    one, two = await nodes(1), await nodes(2)
    shop, line = await receiver(), line_of(one)
    await notify.add_endpoint(one, line, shop.url)
    await notify.refresh(two)
    shop.hang, shop.script = asyncio.Event(), [204, 500]
    no = await tell(one, line)
    two.heartbeat.live = (Epoch(2),)
    leap(two, seconds=7)
    assert 1 == await dispatcher.tick(two)
    await shop.has_got(2)
    shop.hang.set()
    await settled(one)
    await settled(two)
    (row,) = await notices(one, no)

    assert 1 == row.tries
    assert 3 == row.version, "made, claimed, concluded by the second node"


async def test_drain(node: Node, nodes: Callable, receiver: Callable):
    """A stopping node finishes what is under way and leaves the rest to others."""
    shop, line = await receiver(), line_of(node)
    await notify.add_endpoint(node, line, shop.url)
    shop.hang = asyncio.Event()
    orders = [await tell(node, line) for _ in range(20)]
    await shop.has_got(8)
    asyncio.get_running_loop().call_later(0.1, shop.hang.set)
    await dispatcher.drain(node)
    other = await nodes(2)
    rows = [row for no in orders for row in await notices(node, no)]
    waiting = [row for row in rows if row.status is NoticeStatus.PENDING]

    assert 8 == len(rows) - len(waiting)
    assert all(row.lease_epoch is None for row in waiting)
    assert 12 == await dispatcher.tick(other)
    await settled(other)
    assert set(orders) == {row.pay_order_no for row in rows}
    assert 20 == len(shop.got)


# --- nobody waits for another's end point ---------------------------------------------


async def test_hanging_endpoint(node: Node, receiver: Callable):
    """An end point that hangs holds few places and delays no other."""
    dead, shop = await receiver(), await receiver()
    dead.hang = asyncio.Event()
    bad, good = line_of(node), line_of(node)
    await notify.add_endpoint(node, bad, dead.url)
    await notify.add_endpoint(node, good, shop.url)
    for _ in range(300):
        await tell(node, bad)
    no = await tell(node, good)
    await becomes(node, no, status=NoticeStatus.DELIVERED)

    assert 8 == dead.most_at_once


async def test_backlog_of_a_dead_endpoint(node: Node, receiver: Callable):
    """A dead end point's backlog, older and due, does not keep another's from going."""
    shop = await receiver()
    bad, good = line_of(node), line_of(node)
    await notify.add_endpoint(node, bad, "http://127.0.0.1:9/notices")
    await notify.add_endpoint(node, good, shop.url)
    backlog = [await left_due(node, bad) for _ in range(500)]
    no = await left_due(node, good)
    leap(node, seconds=30)
    while not shop.got:
        assert await dispatcher.tick(node) > 0
        await settled(node)
    rows = [row for order in backlog for row in await notices(node, order)]
    tried = [row for row in rows if row.tries]

    assert NoticeStatus.DELIVERED is (await notices(node, no))[0].status
    assert len(tried) <= 16, "few find out that it is dead, the others are put back"
    assert all(row.next_check_at > node.now() - timedelta(seconds=5) for row in rows)


async def test_backlog_goes_when_the_endpoint_is_back(node: Node, receiver: Callable):
    """An end point that recovers gets all that waited for it, each once."""
    shop, line = await receiver(), line_of(node)
    await notify.add_endpoint(node, line, shop.url)
    shop.script = [500] * 8
    orders = [await left_due(node, line) for _ in range(100)]
    leap(node, seconds=30)
    for _ in range(200):
        await dispatcher.tick(node)
        await settled(node)
        leap(node, seconds=5)
        rows = [row for no in orders for row in await notices(node, no)]
        if all(row.status is NoticeStatus.DELIVERED for row in rows):
            break

    assert {NoticeStatus.DELIVERED} == {row.status for row in rows}
    assert 100 == len(set(shop.ids))
    assert len(shop.got) <= 100 + 8


async def test_given_up_with_its_endpoint(node: Node):
    """What waited for days behind a dead end point is put before a person untried."""
    line = line_of(node)
    await notify.add_endpoint(node, line, "http://127.0.0.1:9/notices")
    orders = [await left_due(node, line) for _ in range(30)]
    leap(node, seconds=verdict.HORIZON.total_seconds())
    await dispatcher.tick(node)
    await settled(node)
    rows = [row for no in orders for row in await notices(node, no)]
    down = [row for row in rows if row.last_result == "ENDPOINT_DOWN"]
    cases = {case.pay_order_no for case in await node.journal.every(CaseRow)}

    assert down
    assert {NoticeStatus.PARKED} == {row.status for row in down}
    assert {row.pay_order_no for row in down} <= cases


# --- end points -----------------------------------------------------------------------


async def test_private_endpoint_is_refused(node: Node):
    """Outside development an end point on a private address is not taken."""
    node.settings = Settings.for_dev(allow_private_endpoints=False)

    with pytest.raises(BadRequest):
        await notify.add_endpoint(node, line_of(node), "https://10.0.0.1/notices")


async def test_private_endpoint_is_not_sent_to(node: Node, receiver: Callable):
    """One that was taken in development is not sent to by a node that may not."""
    shop, line = await receiver(), line_of(node)
    await notify.add_endpoint(node, line, shop.url)
    no = await left_due(node, line)
    node.settings = Settings.for_dev(**KEYS, allow_private_endpoints=False)
    node._states.clear()
    await notify.refresh(node)
    row = await due_now(node, no)

    assert "ENDPOINT_ADDRESS_REFUSED" == row.last_result
    assert [] == shop.got


async def test_secret_is_sealed(node: Node):
    """A secret stands nowhere in the clear, and a bad one is refused."""
    line = line_of(node)
    endpoint, secret = await notify.add_endpoint(node, line, "http://localhost/a")
    row = await node.journal.load(EndpointRow, endpoint)

    assert secret.encode() not in row.secrets
    with pytest.raises(BadRequest):
        await notify.add_endpoint(node, line, "http://localhost/a", "whsec_short")
    with pytest.raises(DataNotExist):
        await notify.rotate_secret(node, "ep_none")
