"""What no caller can do over HTTP: change the set-up, leap in time, read bare rows.

A node of the test's own on the stack's database, for as long as one question takes. It
does not work: what runs without a caller is left to the stack's nodes.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from uuid import uuid4

from msgspec.structs import replace
from stack import Stack

from paycore.core.rows import PaymentRow
from paycore.coupon.rows import CouponRow, CouponStatus
from paycore.dev.stack import settings_of
from paycore.kernel.clock import SystemClock
from paycore.kernel.crypto import KeyRing
from paycore.kernel.ids import SystemIds
from paycore.kernel.journal import Row
from paycore.kernel.journal_postgres import PostgresJournal
from paycore.kernel.node import Node
from paycore.kernel.terms import BizLineId, CouponNo
from paycore.kernel.transport import HttpTransport
from paycore.worker import heartbeat, loop

TAKEN_UP_S = loop.REFRESH_EVERY_S + 1.0
"""By then every node has read a changed set-up."""


class LeapingClock(SystemClock):
    """The real clock, which can be put forward."""

    ahead = timedelta(0)

    def now(self) -> datetime:
        """Wall time, and the leaps."""
        return super().now() + self.ahead


def inside(stack: Stack, act: Callable[[Node], Awaitable], **settings: object):
    """What `act` gives, done with a node of our own."""
    return asyncio.run(_inside(stack, act, settings))


async def _inside(stack: Stack, act: Callable, settings: dict[str, object]):
    given = settings_of(stack.on.kept, port=1, **{**stack.overrides, **settings})
    journal = await PostgresJournal.open(stack.on.cluster.dsn)
    clock = LeapingClock(await journal.database_now())
    node = Node(
        settings=given,
        journal=journal,
        clock=clock,
        ids=SystemIds(),
        transport=HttpTransport(),
        key_ring=KeyRing(given.ring_keys),
    )
    try:
        await heartbeat.begin(node)
        await loop.refresh(node)
        return await act(node)
    finally:
        await heartbeat.end(node)
        await node.transport.close()
        await journal.close()


@contextmanager
def changed(
    stack: Stack, kind: type[Row], *key: object, **fields: object
) -> Iterator[None]:
    """A row of the set-up, different while the block runs; every node has seen it."""
    before = inside(stack, lambda node: node.journal.load(kind, *key))
    _write(stack, kind, key, fields)
    time.sleep(TAKEN_UP_S)
    try:
        yield
    finally:
        _write(stack, kind, key, {name: getattr(before, name) for name in fields})
        time.sleep(TAKEN_UP_S)


def _write(stack: Stack, kind: type[Row], key: tuple, fields: dict) -> None:
    async def write(node: Node) -> None:
        row = await node.journal.load(kind, *key)
        change = node.change()
        change.update(replace(row, **fields), version=row.version)
        assert await node.journal.commit(change) is None

    inside(stack, write)


def fresh_coupon(stack: Stack, *, amount: int = 250, line: int = 0) -> str:
    """A coupon of a line that nobody has used."""
    coupon_no = CouponNo(f"T-{uuid4().hex}")

    async def issue(node: Node) -> None:
        change = node.change()
        change.insert(
            CouponRow(
                biz_line=BizLineId(stack.lines[line].biz_line),
                coupon_no=coupon_no,
                amount=amount,
                currency="CNY",
            )
        )
        assert await node.journal.commit(change) is None

    inside(stack, issue)
    return coupon_no


def coupon_is(
    stack: Stack, coupon_no: str, line: int = 0
) -> tuple[CouponStatus, str | None]:
    """Where a coupon stands, and whose it is."""
    biz_line = stack.lines[line].biz_line
    row = inside(stack, lambda node: node.journal.load(CouponRow, biz_line, coupon_no))
    return row.status, row.holder


def answered(payment: PaymentRow) -> bytes:
    """The least that an answer says: which payment it is about."""
    return b'{"pay_order_no":"%s"}' % payment.pay_order_no.encode()


def rows(stack: Stack, kind: type[Row], pay_order_no: str) -> list:
    """A payment's rows of a kind, ordered by key."""
    return inside(stack, lambda node: node.journal.within(kind, pay_order_no))
