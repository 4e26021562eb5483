"""Postings of our own making, and a node whose clock is where a test wants it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from itertools import count

from paycore.accounting import service
from paycore.kernel.clock import SystemClock
from paycore.kernel.config import Settings
from paycore.kernel.crypto import KeyRing
from paycore.kernel.ids import SystemIds
from paycore.kernel.journal_postgres import PostgresJournal
from paycore.kernel.node import Node
from paycore.kernel.terms import BizLineId, PayOrderNo

NUMBERS = count(1)


@asynccontextmanager
async def node_of(dsn: str, **settings: object) -> AsyncIterator[Node]:
    """A node without a life of its own."""
    journal = await PostgresJournal.open(dsn)
    made = Settings.for_dev(**settings)
    yield Node(
        settings=made,
        journal=journal,
        clock=SystemClock(await journal.database_now()),
        ids=SystemIds(),
        transport=None,
        key_ring=KeyRing(made.ring_keys),
    )
    await journal.close()


def number(at: datetime) -> PayOrderNo:
    """A payment's number, of a time."""
    return PayOrderNo(f"{at:%y%m%d%H%M%S}000{next(NUMBERS):011d}")


async def pay(
    node: Node,
    at: datetime,
    *,
    channel: str = "quick_a",
    amount: int = 1000,
    coupon: int = 0,
    currency: str = "CNY",
) -> PayOrderNo:
    """Post a payment with this time."""
    change, no = node.change(), number(at)
    service.post_payment(
        node,
        change,
        pay_order_no=no,
        channel=channel,
        account="main",
        amount=amount,
        coupon_amount=coupon,
        payable_amount=amount - coupon,
        currency=currency,
        biz_line=BizLineId("shop"),
        at=at,
    )
    assert await node.journal.commit(change) is None
    return no
