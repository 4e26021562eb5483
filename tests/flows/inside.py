"""What no caller can do over HTTP: change the set-up, leap in time, read bare rows.

A node of the test's own on the stack's database, for as long as one question takes. It
does not work: what runs without a caller is left to the stack's nodes.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from uuid import uuid4

import httpx2 as httpx
from msgspec.structs import replace
from stack import PATIENCE_S, PLAIN, Stack

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
from paycore.lines import service as lines
from paycore.worker import heartbeat, loop


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
    # It does not beat, and is in no doubt of its life on a busy machine either.
    lives = {"lease_s": PATIENCE_S}
    given = settings_of(
        stack.on.kept, port=1, **{**stack.overrides, **lives, **settings}
    )
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
    taken_up(stack)
    try:
        yield
    finally:
        _write(stack, kind, key, {name: getattr(before, name) for name in fields})
        taken_up(stack)


def taken_up(stack: Stack) -> None:
    """Until every node has read the set-up as it is now.

    A node that refuses a key which was disabled has begun to read after that; lines
    and keys come first. So who refuses another one, disabled once the first was refused
    everywhere, has come to the end of what he read then.
    """
    places = [node.info.api for node in stack.nodes if node.alive]

    async def wait(node: Node) -> None:
        line = BizLineId(stack.lines[0].biz_line)
        keys = [await lines.create_key(node, line, "taken up") for _ in range(2)]
        async with httpx.AsyncClient(verify=PLAIN, timeout=PATIENCE_S) as client:
            for each in keys:
                await _all_say(client, places, each, httpx.codes.OK)
            for each in keys:
                await lines.disable_key(node, each.split("_")[1])
                await _all_say(client, places, each, httpx.codes.UNAUTHORIZED)

    inside(stack, wait)


async def _all_say(
    client: httpx.AsyncClient, places: list[str], key: str, wanted: int
) -> None:
    """Until each node answers this to who comes with the key."""
    headers, query = {"Authorization": f"Bearer {key}"}, {"out_biz_no": "none"}
    async with asyncio.timeout(PATIENCE_S):
        for api in places:
            url, said = f"{api}/v1/payments", 0
            while said != wanted:
                answer = await client.get(url, params=query, headers=headers)
                said = answer.status_code
                await asyncio.sleep(0 if said == wanted else 0.02)


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
