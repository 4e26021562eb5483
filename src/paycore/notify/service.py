"""Notices (通知) to business lines; the only door in.

`announce` stages what a business line is to be told into the change that makes it
true: a notice can neither be lost nor come too early. Who has committed that change
says `deliver_now`, and the notice is on its way without a detour over the database.
Whatever does not get there so is claimed when it is due, by whichever node is first.
At least once, therefore: the receiver knows a repeat by its webhook-id.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from paycore.kernel.errors import BadRequest, DataNotExist, InFlight
from paycore.kernel.ids import letters
from paycore.kernel.journal import Change
from paycore.kernel.node import Node
from paycore.kernel.terms import BizLineId, PayOrderNo
from paycore.notify import endpoints, webhook
from paycore.notify.delivery import LEASE, Deliveries, put_back
from paycore.notify.endpoints import Endpoint, Endpoints, refresh
from paycore.notify.replays import enable_endpoint, replay, replay_range
from paycore.notify.rows import EndpointRow, NoticeRow, NoticeStatus

__all__ = [
    "add_endpoint",
    "announce",
    "claim",
    "deliver_now",
    "drain",
    "enable_endpoint",
    "refresh",
    "replay",
    "replay_range",
    "rotate_secret",
]

SECRET_OCTETS = 32

SECRETS_IN_FORCE = 2
"""The new one and the one before: what signs during a change-over."""


def announce(
    node: Node,
    change: Change,
    *,
    pay_order_no: PayOrderNo,
    biz_line: BizLineId,
    type: str,  # noqa: A002 the wire's word
    data: bytes,
    at: datetime,
) -> None:
    """Stage one notice for each end point of the line; `data` is JSON of the order.

    They are ours to deliver (see `deliver_now`) while we live; a line without an end
    point leaves a notice that is parked from the start.
    """
    body = webhook.body(type, at, data)
    found: Sequence[Endpoint | None] = node.state(Endpoints).by_line.get(biz_line, ())
    for endpoint in found or (None,):
        change.append(
            _notice(node, endpoint, pay_order_no, biz_line, type=type, body=body)
        )


def _notice(
    node: Node,
    endpoint: Endpoint | None,
    pay_order_no: PayOrderNo,
    biz_line: BizLineId,
    *,
    type: str,  # noqa: A002 the wire's word
    body: bytes,
) -> NoticeRow:
    """A notice as it is first written: leased to us, or parked."""
    now = node.now()
    leased = endpoint is not None
    # Due before its lease is over: should we die, others need not wait for the lease.
    due = now + timedelta(seconds=node.settings.lease_s)
    return NoticeRow(
        pay_order_no=pay_order_no,
        notice_id=f"msg_{node.ids.uuid().hex}",
        biz_line=biz_line,
        endpoint_id=endpoint.row.endpoint_id if endpoint is not None else None,
        type=type,
        body=body,
        status=NoticeStatus.PENDING if leased else NoticeStatus.PARKED,
        last_result="" if leased else "NO_ENDPOINT",
        created_at=now,
        next_check_at=due if leased else None,
        lease_epoch=node.epoch if leased else None,
        lease_until=now + LEASE if leased else None,
    )


def deliver_now(node: Node, change: Change) -> None:
    """Send the notices of a change that we have just committed; returns at once.

    To be called only when `commit` has said yes. Where that is not known, the notices'
    leases run out and they are sent from the database, if they are there.
    """
    rows = [
        row
        for row in change.appends
        if isinstance(row, NoticeRow) and row.status is NoticeStatus.PENDING
    ]
    if not rows:
        return
    deliveries = node.state(Deliveries)
    turned_away = deliveries.take(node, rows)
    if turned_away:
        deliveries.spawn(put_back(node, turned_away))


async def claim(node: Node, limit: int) -> int:
    """Claim notices that are due, at most so many, and begin to deliver them."""
    deliveries = node.state(Deliveries)
    deliveries.forget_idle(node)
    limit = min(limit, deliveries.room)
    if limit <= 0:
        return 0
    now = node.now()
    rows = await node.journal.due(
        NoticeRow,
        limit,
        now=now,
        over=node.over_by(LEASE),
        epoch=node.epoch,
        live=node.heartbeat.live,
        lease_until=now + LEASE,
    )
    await put_back(node, deliveries.take(node, rows))
    return len(rows)


async def drain(node: Node, within_s: float) -> None:
    """Finish what is under way and hand over what waits, before the node stops."""
    await node.state(Deliveries).drain(node, within_s)


# --- end points -----------------------------------------------------------------------


async def add_endpoint(
    node: Node, biz_line: BizLineId, url: str, secret: str | None = None
) -> tuple[str, str]:
    """A new end point of a line: its id and its secret, made here if not given."""
    await endpoints.check(node, url)
    secret = _checked(node, secret)
    endpoint_id = f"ep_{letters(node.ids, 16)}"
    change = node.change()
    change.insert(
        EndpointRow(
            endpoint_id=endpoint_id,
            biz_line=biz_line,
            url=url,
            secrets=endpoints.sealed(node, endpoint_id, [secret]),
        )
    )
    refused = await node.journal.commit(change)
    assert refused is None, "an id of 80 random bits is new"
    await refresh(node)
    return endpoint_id, secret


async def rotate_secret(node: Node, endpoint_id: str, secret: str | None = None) -> str:
    """A new secret for an end point; the one before it signs too until the next."""
    change = node.change()
    secret = await rotated(node, change, endpoint_id, secret)
    if await node.journal.commit(change) is not None:
        raise InFlight
    await refresh(node)
    return secret


async def rotated(
    node: Node, change: Change, endpoint_id: str, secret: str | None = None
) -> str:
    """Stage the same; DataNotExist where there is no such end point."""
    secret = _checked(node, secret)
    row = await node.journal.load(EndpointRow, endpoint_id)
    if row is None:
        raise DataNotExist("There is no such end point.", "通知地址不存在")
    kept = [secret, *endpoints.unsealed(node, row)][:SECRETS_IN_FORCE]
    change.update(endpoints.with_secrets(node, row, kept), version=row.version)
    return secret


def _checked(node: Node, secret: str | None) -> str:
    if secret is None:
        return webhook.secret_of(node.ids.token(SECRET_OCTETS))
    if webhook.key_of(secret) is None:
        raise BadRequest(
            "A secret is whsec_ and 24 to 64 bytes in base64.",
            "密钥须为 whsec_ 加 24 至 64 字节的 base64",
            field="secret",
        )
    return secret
