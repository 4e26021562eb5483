"""Notices of several nodes, and of end points that keep others waiting."""

import asyncio
from collections.abc import Callable

from receivers import (
    announced,
    becomes,
    due_now,
    leap,
    left_due,
    line_of,
    node,
    nodes,
    notices,
    receiver,
    settled,
    tell,
)

from paycore.desk.rows import CaseRow
from paycore.kernel.lives import Lives
from paycore.kernel.node import Node
from paycore.notify import service as notify
from paycore.notify import verdict
from paycore.notify.delivery import LEASE
from paycore.notify.rows import NoticeStatus
from paycore.worker import dispatcher

__all__ = ["node", "nodes", "receiver"]  # fixtures


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
    for each in (one, two):
        leap(each, seconds=7)
    claimed = await asyncio.gather(dispatcher.tick(one), dispatcher.tick(two))
    assert 100 == sum(claimed)

    # On a busy machine a connection may come too late: that notice is due again.
    for _ in range(6):
        await settled(one)
        await settled(two)
        rows = [row for no in orders for row in await notices(one, no)]
        if {NoticeStatus.DELIVERED} == {row.status for row in rows}:
            break
        for each in (one, two):
            leap(each, seconds=60)
        await asyncio.gather(dispatcher.tick(one), dispatcher.tick(two))

    assert {NoticeStatus.DELIVERED} == {row.status for row in rows}
    assert 100 == len(shop.got) == len(set(shop.ids))


async def test_late_result_is_void(nodes: Callable, receiver: Callable):
    """A node that lost its notice to another writes nothing over the other's result."""
    one, two = await nodes(1), await nodes(2)
    shop, line = await receiver(), line_of(one)
    await notify.add_endpoint(one, line, shop.url)
    await notify.refresh(two)
    shop.hang, shop.script = asyncio.Event(), [204, 500]
    no = await tell(one, line)
    two.heartbeat.live = Lives.of(2)
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
    await dispatcher.drain(node, 60.0)
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
    await dead.has_got(8)

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
    began = node.now()
    while not shop.got:
        assert await dispatcher.tick(node) > 0
        await settled(node)
    rows = [row for order in backlog for row in await notices(node, order)]
    tried = [row for row in rows if row.tries]

    assert NoticeStatus.DELIVERED is (await notices(node, no))[0].status
    assert len(tried) <= 16, "few find out that it is dead, the others are put back"
    assert all(row.next_check_at > began for row in rows)


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
