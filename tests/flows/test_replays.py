"""Notices sent again by hand: the same notice, under the same id."""

from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta

import pytest
from msgspec.structs import replace
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
from paycore.kernel import db
from paycore.kernel.errors import BizCheckError, DataNotExist, InFlight
from paycore.kernel.node import Node
from paycore.kernel.terms import BizLineId, PayOrderNo
from paycore.notify import service as notify
from paycore.notify import upkeep, verdict
from paycore.notify.queries import Wanted
from paycore.notify.rows import NoticeRow, NoticeStatus
from paycore.worker import dispatcher

__all__ = ["node", "nodes", "receiver"]  # fixtures


@pytest.fixture
async def pool(dsn: str) -> AsyncIterator[db.Pool]:
    opened = await db.pool(dsn, size=1)
    yield opened
    await opened.close()


async def test_after_gone(node: Node, receiver: Callable):
    """An end point that was switched off by its 410 is switched on again by hand."""
    shop, line = await receiver(), line_of(node)
    endpoint_id, _ = await notify.add_endpoint(node, line, shop.url)
    shop.script = [410]
    no = await tell(node, line)
    parked = await becomes(node, no, status=NoticeStatus.PARKED)
    with pytest.raises(BizCheckError):
        await notify.replay(node, no, parked.notice_id)
    await notify.enable_endpoint(node, endpoint_id)
    await notify.replay(node, no, parked.notice_id)
    row = await due_now(node, no)

    assert (NoticeStatus.DELIVERED, 1) == (row.status, row.tries)
    assert [row.notice_id] * 2 == shop.ids


async def test_parked_again(node: Node, receiver: Callable):
    """A notice that comes to nothing again is put before a person again, where the
    first case was closed; where it is still open, that one is enough.
    """
    shop, line = await receiver(), line_of(node)
    endpoint_id, _ = await notify.add_endpoint(node, line, shop.url)
    shop.script = [410] * 3
    no = await tell(node, line)
    row = await becomes(node, no, status=NoticeStatus.PARKED)
    await _again(node, endpoint_id, row)
    (first,) = await _cases(node, no)
    change = node.change()
    change.update(replace(first, status="CLOSED"), version=first.version)
    assert await node.journal.commit(change) is None
    await _again(node, endpoint_id, row)

    assert 3 == len(shop.got)
    assert ["CLOSED", "OPEN"] == [case.status for case in await _cases(node, no)]


async def _again(node: Node, endpoint_id: str, row: NoticeRow) -> None:
    """Send a notice again to an end point that had gone."""
    await notify.enable_endpoint(node, endpoint_id)
    await notify.replay(node, row.pay_order_no, row.notice_id)
    assert NoticeStatus.PARKED is (await due_now(node, row.pay_order_no)).status


async def _cases(node: Node, no: PayOrderNo) -> list[CaseRow]:
    cases = await node.journal.every(CaseRow)
    return sorted((c for c in cases if c.pay_order_no == no), key=CaseRow.key)


async def test_delivered(node: Node, receiver: Callable):
    """What was delivered is sent again under its id, with the same body."""
    shop, line = await receiver(), line_of(node)
    await notify.add_endpoint(node, line, shop.url)
    no = await tell(node, line)
    first = await becomes(node, no, status=NoticeStatus.DELIVERED)
    await notify.replay(node, no, first.notice_id)
    again = await due_now(node, no)

    assert NoticeStatus.DELIVERED is again.status
    assert shop.got[0][1] == shop.got[1][1]
    assert [first.notice_id] * 2 == shop.ids


async def test_made_without_an_endpoint(node: Node, receiver: Callable):
    """What nobody could be told goes to the end points of now, each under an id."""
    line = line_of(node)
    no = await tell(node, line)
    (parked,) = await notices(node, no)
    shops = [await receiver(), await receiver()]
    for shop in shops:
        await notify.add_endpoint(node, line, shop.url)
    await notify.replay(node, no, parked.notice_id)
    leap(node, seconds=1)
    await dispatcher.tick(node)
    await settled(node)
    ids = {notice_id for shop in shops for notice_id in shop.ids}

    assert [1, 1] == [len(shop.got) for shop in shops]
    assert 2 == len(ids)
    assert parked.notice_id in ids


async def test_under_way(node: Node, receiver: Callable):
    """What a node claims meanwhile is not replayed over its head."""
    shop, line = await receiver(), line_of(node)
    await notify.add_endpoint(node, line, shop.url)
    with pytest.raises(DataNotExist):
        await notify.replay(node, line, "msg_none")
    no, change = announced(node, line)
    assert await node.journal.commit(change) is None
    (row,) = await notices(node, no)
    with pytest.raises(InFlight):
        await notify.replay(node, no, row.notice_id)
    notify.deliver_now(node, change)

    assert 1 == (await becomes(node, no, status=NoticeStatus.DELIVERED)).tries


async def test_under_way_when_a_clock_leaps(
    node: Node, pool: db.Pool, receiver: Callable
):
    """Who has just leapt ahead cannot say that another has had it long enough."""
    shop, line = await receiver(), line_of(node)
    await notify.add_endpoint(node, line, shop.url)
    since = node.now() - timedelta(hours=1)
    no, change = announced(node, line)
    assert await node.journal.commit(change) is None
    (row,) = await notices(node, no)
    node.clock.anchor(node.now() + timedelta(hours=1))

    assert row.lease_until < node.now()
    with pytest.raises(InFlight):
        await notify.replay(node, no, row.notice_id)
    assert 0 == await notify.replay_range(node, pool, of(line, since, node.now()))


def of(line: BizLineId, since: datetime, until: datetime) -> Wanted:
    """A line's notices of a time."""
    return Wanted(since=since, until=until, biz_line=line)


async def test_range(node: Node, pool: db.Pool, receiver: Callable):
    """All that a line was told in a time is sent again, and nothing else."""
    shop, other = await receiver(), await receiver()
    line, neighbour = line_of(node), line_of(node)
    await notify.add_endpoint(node, line, shop.url)
    await notify.add_endpoint(node, neighbour, other.url)
    early = await tell(node, line)
    await settled(node)
    leap(node, hours=2)
    since = node.now()
    orders = [await tell(node, line) for _ in range(20)]
    await tell(node, neighbour)
    await settled(node)
    until = node.now() + timedelta(seconds=1)
    count = await notify.replay_range(node, pool, of(line, since, until))
    leap(node, seconds=1)
    await dispatcher.tick(node)
    await settled(node)

    assert 20 == count
    assert (21 + 20, 1) == (len(shop.got), len(other.got))
    assert (early, 1) == ((await notices(node, early))[0].pay_order_no, 1)
    assert {2} == {
        shop.ids.count((await notices(node, no))[0].notice_id) for no in orders
    }


@pytest.mark.parametrize("until", ["2100-01-01T00:00Z", "9999-12-31T23:59Z"])
async def test_range_without_an_end(
    node: Node, pool: db.Pool, receiver: Callable, until: str
):
    """A time that no number can name is after all of them."""
    shop, line = await receiver(), line_of(node)
    await notify.add_endpoint(node, line, shop.url)
    since = node.now() - timedelta(seconds=1)
    no = await tell(node, line)
    await becomes(node, no, status=NoticeStatus.DELIVERED)
    to = datetime.fromisoformat(until)

    assert 1 == await notify.replay_range(node, pool, of(line, since, to))


async def test_range_of_what_is_off(node: Node, pool: db.Pool, receiver: Callable):
    """What would reach nobody is left as it stands."""
    shop, line = await receiver(), line_of(node)
    endpoint_id, _ = await notify.add_endpoint(node, line, shop.url)
    no = await tell(node, line)
    await settled(node)
    await upkeep.disable_endpoint(node, endpoint_id)
    leap(node, seconds=1)
    since = node.now() - timedelta(hours=1)

    assert 0 == await notify.replay_range(node, pool, of(line, since, node.now()))
    assert NoticeStatus.DELIVERED is (await notices(node, no))[0].status


async def test_old_ones_count_as_new(node: Node, pool: db.Pool, receiver: Callable):
    """What is replayed after weeks has days again before it is put before a person."""
    shop, line = await receiver(), line_of(node)
    await notify.add_endpoint(node, line, shop.url)
    orders = [await left_due(node, line) for _ in range(30)]
    since = node.now() - timedelta(hours=1)
    leap(node, seconds=2 * verdict.HORIZON.total_seconds())
    count = await notify.replay_range(node, pool, of(line, since, node.now()))
    shop.script = [500] * 30
    leap(node, seconds=1)
    await dispatcher.tick(node)
    await settled(node)
    rows = [row for no in orders for row in await notices(node, no)]

    assert 30 == count
    assert {NoticeStatus.PENDING} == {row.status for row in rows}
