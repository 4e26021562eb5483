"""Notices on real parts: told once it is true, tried again, signed as promised."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from receivers import (
    KEYS,
    PATIENT,
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
from standardwebhooks.webhooks import Webhook

from paycore.desk.rows import CaseRow
from paycore.kernel.config import Settings
from paycore.kernel.errors import BadRequest, DataNotExist
from paycore.kernel.node import Node
from paycore.notify import service as notify
from paycore.notify.rows import EndpointRow, NoticeStatus
from paycore.worker import dispatcher

__all__ = ["node", "nodes", "receiver"]  # fixtures


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
    before = node.now()
    no = await tell(node, line)
    failed = await becomes(node, no, tries=1)
    after = node.now()
    row = await due_now(node, no)

    assert failed.next_check_at - before > timedelta(seconds=4)
    assert failed.next_check_at - after <= timedelta(seconds=6)
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
    node.settings = Settings.for_dev(**KEYS, **PATIENT, allow_private_endpoints=False)
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
