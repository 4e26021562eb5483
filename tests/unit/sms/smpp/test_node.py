"""A whole node on PostgreSQL: started, texting, told of it, and stopped."""

import asyncio

import pytest
from message_centre import DELIVER, DELIVER_RESP, UNBIND, receipt
from smpp_client import PASSWORD, WITHIN_S, until

from paycore import app
from paycore.gateway.rows import MessageRow
from paycore.kernel.config import Settings
from paycore.kernel.ids import attempt_id, pay_order_no
from paycore.kernel.outcome import Outcome
from paycore.kernel.terms import CardId
from paycore.sms import registry, service
from paycore.sms.service import SendRequest


@pytest.fixture
async def running(dsn):
    """As `paycore serve` starts it."""
    started = await app.start(Settings.for_dev(drain_s=6), dsn)
    yield started
    if not started.work.done():
        await app.stop(started)


async def send(node, no):
    """One code, with its commits."""
    request = SendRequest(
        pay_order_no=no,
        seq=1,
        request_no=attempt_id(no, 1),
        amount=12_50,
        currency="CNY",
        card_id=CardId("card-1"),
        phone="+8613812345678",
        payee="一家名字很长的电影票网上商店" * 4,
        subject="Order 1001",
        card_tail="7894",
        language="zh",
        sign="Acme",
    )
    change = node.change()
    prepared = await service.prepare_send(node, request, change)
    assert await node.journal.commit(change) is None
    sent = await service.send(node, prepared, within_s=WITHIN_S)
    change = node.change()
    service.conclude_send(node, prepared, sent, change)
    assert await node.journal.commit(change) is None
    return sent


async def test_from_the_first_bind_to_the_last_goodbye(running, centre) -> None:
    """A carrier that is set up is bound within a second; its texts go out, what it
    tells of each part is on the timeline once, and a node that stops unbinds and leaves
    no task behind.
    """
    node = running.node
    await registry.save(
        node,
        carrier="smsc",
        driver="smpp",
        base_url=centre.url,
        credentials={"system_id": "acme", "password": PASSWORD},
    )
    await until(lambda: centre.calls and centre.call.got)
    no = pay_order_no(node.ids, node.now())
    sent = await send(node, no)
    parts = len(centre.submits)
    for sequence in range(2 * parts):
        number = f"{sequence % parts + 1:010d}"
        centre.call.say(DELIVER, sequence, receipt(f"id:{number} stat:DELIVRD err:000"))
    await until(lambda: len(centre.call.of(DELIVER_RESP)) == 2 * parts)
    rows = await node.journal.within(MessageRow, no)
    await app.stop(running)
    await asyncio.wait_for(centre.call.hung_up.wait(), WITHIN_S)

    assert (Outcome.SUCCEEDED, True) == (sent.outcome, parts > 1)
    assert {0} == {got.status for got in centre.call.of(DELIVER_RESP)}
    assert ["DELIVERED DELIVRD 000"] * parts == [
        row.verdict for row in rows if row.direction == "RECEIPT"
    ]
    assert 1 == len(centre.call.of(UNBIND))
    left = {task.get_coro().__qualname__ for task in asyncio.all_tasks()}
    assert not [name for name in left if name.startswith(("Bind", "Session"))]


async def test_a_carrier_that_is_switched_off_is_left(running, centre) -> None:
    """Within a second; and bound again when it is switched on."""
    node = running.node
    await registry.save(
        node,
        carrier="off",
        driver="smpp",
        base_url=centre.url,
        credentials={"system_id": "acme", "password": PASSWORD},
    )
    await until(lambda: centre.calls and centre.call.got)
    first = centre.call
    await registry.switch(node, "off", enabled=False)
    await asyncio.wait_for(first.hung_up.wait(), WITHIN_S)
    await registry.switch(node, "off", enabled=True)
    await until(lambda: centre.call is not first)

    assert 1 == len(first.of(UNBIND))
