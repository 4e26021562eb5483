"""Sending again by hand: an end point is switched on, notices are made due anew.

A replay is the same notice: same webhook-id, same body, its tries counted from the
start. Nothing is sent here; whichever node is first claims what is due.
"""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec

from paycore.kernel.errors import BizCheckError, DataNotExist, InFlight
from paycore.kernel.journal import Change
from paycore.kernel.node import Node
from paycore.kernel.terms import PayOrderNo
from paycore.notify import endpoints, queries
from paycore.notify.delivery import LEASE
from paycore.notify.endpoints import Endpoints
from paycore.notify.queries import Wanted
from paycore.notify.rows import EndpointRow, NoticeRow, NoticeStatus

NOTICES_A_PAGE = 500


async def enable_endpoint(node: Node, endpoint_id: str) -> None:
    """Send there again, if its address may still be sent to; twice is once.

    What was parked while it was off stays parked until it is replayed.
    """
    row = await node.journal.load(EndpointRow, endpoint_id)
    if row is None:
        raise DataNotExist("There is no such end point.", "通知地址不存在")
    await endpoints.check(node, row.url)
    if not row.enabled:
        on = msgspec.structs.replace(row, enabled=True, disabled_reason=None)
        change = node.change()
        change.update(on, version=row.version)
        if await node.journal.commit(change) is not None:
            raise InFlight
    await endpoints.refresh(node)


async def replay(node: Node, pay_order_no: PayOrderNo, notice_id: str) -> None:
    """Send one notice again, delivered or not, as soon as a node comes to it."""
    await endpoints.refresh(node)
    change = node.change()
    await stage(node, change, pay_order_no, notice_id)
    if await node.journal.commit(change) is not None:
        raise InFlight


async def stage(
    node: Node, change: Change, pay_order_no: PayOrderNo, notice_id: str
) -> None:
    """Stage the same, by the end points that the node knows."""
    row = await node.journal.load(NoticeRow, pay_order_no, notice_id)
    if row is None:
        raise DataNotExist("There is no such notice.", "通知不存在")
    if not _free(node, row):
        raise InFlight
    if not _again(node, change, row):
        raise BizCheckError(
            "Its end point is switched off or missing: enable or add one first.",
            "通知地址已停用或不存在,请先启用或添加",
        )


async def replay_range(
    node: Node,
    pool: queries.Pool,
    wanted: Wanted,
    told: Callable[[int], Awaitable[None]] | None = None,
) -> int:
    """Send again all notices of a time; how many. `told` hears it after every page.

    Left alone is what has no end point that is switched on, and what a node is
    sending just now.
    """
    await endpoints.refresh(node)
    count, after = 0, ("", "")
    while page := await queries.made(pool, wanted, after=after, limit=NOTICES_A_PAGE):
        count += await _all_again(node, page)
        after = (page[-1].pay_order_no, page[-1].notice_id)
        if told is not None:
            await told(count)
    return count


async def _all_again(node: Node, rows: list[NoticeRow]) -> int:
    """Each is a change of its own, and the journal writes them as one set."""
    changes = []
    for row in rows:
        change = node.change()
        if _free(node, row) and _again(node, change, row):
            changes.append(change)
    results = await asyncio.gather(*map(node.journal.commit, changes))
    return results.count(None)


def _free(node: Node, row: NoticeRow) -> bool:
    return row.lease_until is None or node.lease_is_over(row.lease_until, LEASE)


def _again(node: Node, change: Change, row: NoticeRow) -> bool:
    """Stage the notice as if it had just been made; False: nobody would get it."""
    known = node.state(Endpoints)
    if row.endpoint_id is None:
        # The line had none when it was made; the first one of now gets this notice.
        targets = [
            found.row.endpoint_id for found in known.by_line.get(row.biz_line, ())
        ]
    else:
        found = known.by_id.get(row.endpoint_id)
        targets = [row.endpoint_id] if found is not None and found.row.enabled else []
    if not targets:
        return False
    fresh = msgspec.structs.replace(
        row,
        endpoint_id=targets[0],
        status=NoticeStatus.PENDING,
        tries=0,
        last_result="",
        delivered_at=None,
        replayed_at=node.now(),
        next_check_at=node.now(),
        lease_epoch=None,
        lease_until=None,
    )
    change.update(fresh, version=row.version)
    for endpoint_id in targets[1:]:
        notice_id = f"msg_{node.ids.uuid().hex}"
        change.append(
            msgspec.structs.replace(
                fresh, endpoint_id=endpoint_id, notice_id=notice_id, version=1
            )
        )
    return True
