from collections.abc import AsyncIterator

import pytest

from paycore.accounting import queries, service
from paycore.kernel import db
from paycore.kernel.clock import SystemClock
from paycore.kernel.config import Settings
from paycore.kernel.crypto import KeyRing
from paycore.kernel.ids import SystemIds, pay_order_no
from paycore.kernel.journal import ChangeRejected
from paycore.kernel.journal_postgres import PostgresJournal
from paycore.kernel.lives import Lives
from paycore.kernel.node import Heartbeat, Node
from paycore.kernel.terms import BizLineId, Epoch, PayOrderNo
from paycore.kernel.transport import HttpTransport


@pytest.fixture
async def node(dsn: str) -> AsyncIterator[Node]:
    journal = await PostgresJournal.open(dsn)
    settings = Settings.for_dev()
    transport = HttpTransport()
    yield Node(
        settings=settings,
        journal=journal,
        clock=SystemClock(await journal.database_now()),
        ids=SystemIds(),
        transport=transport,
        key_ring=KeyRing(settings.ring_keys),
        heartbeat=Heartbeat(epoch=Epoch(1), slot=1, live=Lives.of(1)),
    )
    await transport.close()
    await journal.close()


async def paid(node: Node, *, coupon: int, currency: str) -> PayOrderNo:
    no = pay_order_no(node.ids, node.now())
    change = node.change()
    service.post_payment(
        node,
        change,
        pay_order_no=no,
        channel="quick_a",
        account="m1",
        amount=1000,
        coupon_amount=coupon,
        payable_amount=1000 - coupon,
        currency=currency,
        biz_line=BizLineId("shop"),
        at=node.now(),
    )
    assert await node.journal.commit(change) is None
    return no


async def test_entries_of_a_payment(dsn: str, node: Node):
    """What was posted for a payment can be read back, line by line."""
    no = await paid(node, coupon=100, currency="EUR")
    pool = await db.pool(dsn, size=1)
    entries = await queries.entries(pool, no)
    await pool.close()

    assert [
        (1, "channel_receivable:quick_a:m1", "DEBIT", 900, "EUR"),
        (2, "marketing_cost", "DEBIT", 100, "EUR"),
        (3, "merchant_pending:shop", "CREDIT", 1000, "EUR"),
    ] == [(e.line, e.account, e.side, e.amount, e.currency) for e in entries]


async def test_balances_are_summed_over_slots(dsn: str, node: Node):
    """Nodes add to rows of their own; who reads sees one balance an account."""
    for slot in (1, 2, 3):
        node.heartbeat.slot = slot
        await paid(node, coupon=0, currency="JPY")
    pool = await db.pool(dsn, size=1)
    balances = await queries.balances(pool)
    await pool.close()

    assert [
        ("channel_receivable:quick_a:m1", 3000),
        ("merchant_pending:shop", -3000),
    ] == [(b.account, b.amount) for b in balances if b.currency == "JPY"]


async def test_books_add_up(dsn: str, node: Node):
    """Each currency's debits equal its credits, and balances equal their entries."""
    for coupon in (0, 1, 999):
        await paid(node, coupon=coupon, currency="CNY")
    pool = await db.pool(dsn, size=1)
    trial = await queries.trial_balance(pool)
    differing = await queries.differing_balances(pool)
    await pool.close()

    assert trial
    assert all(currency.balanced for currency in trial)
    assert [] == differing


async def test_one_posting_a_fact(node: Node):
    """A second posting of the same payment is refused by the database."""
    no = await paid(node, coupon=0, currency="USD")
    change = node.change()
    service.post_payment(
        node,
        change,
        pay_order_no=no,
        channel="quick_a",
        account="m1",
        amount=1000,
        coupon_amount=0,
        payable_amount=1000,
        currency="USD",
        biz_line=BizLineId("shop"),
        at=node.now(),
    )

    with pytest.raises(ChangeRejected) as refused:
        await node.journal.commit(change)
    assert "23505" == refused.value.sqlstate
