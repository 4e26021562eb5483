"""EXPIRED is final: whoever is told so finds it written, and no payment comes of it."""

from datetime import datetime, timedelta
from functools import partial
from uuid import uuid4

import asyncpg
import pytest
from msgspec.structs import replace

from paycore.checkout import service as checkouts
from paycore.checkout import token
from paycore.checkout.rows import CheckoutRow
from paycore.checkout.scene import Stage, stage_of
from paycore.core.rows import OutBizNoRow, PaymentRow
from paycore.kernel.clock import SystemClock
from paycore.kernel.errors import BizCheckError, Duplicate
from paycore.kernel.ids import pay_order_no
from paycore.kernel.journal import ChangeRejected
from paycore.kernel.journal_postgres import PostgresJournal
from paycore.kernel.node import Node
from paycore.kernel.terms import BizLineId, CardId, Json, PayOrderNo

LINE, CARD = BizLineId("shop"), CardId("card_1")
GUARD = "23514"


class SkewedClock(SystemClock):
    """The real clock, wrong by so much."""

    off = timedelta(0)

    def now(self) -> datetime:
        """Wall time as this node has it."""
        return super().now() + self.off


@pytest.fixture
async def other(node: Node, dsn: str):
    """Another node on the same database, whose clock can be wrong."""
    journal = await PostgresJournal.open(dsn)
    yield Node(
        settings=node.settings,
        journal=journal,
        clock=SkewedClock(await journal.database_now()),
        ids=node.ids,
        transport=node.transport,
        key_ring=node.key_ring,
    )
    await journal.close()


async def made(node: Node, left_s: float) -> CheckoutRow:
    """A checkout with so much time left."""
    bearer, salt = token.fresh(node)
    now = node.now()
    row = CheckoutRow(
        checkout_no=bearer.id,
        biz_line=LINE,
        key_id="k",
        salt=salt,
        digest=bearer.digest,
        out_biz_no=f"c-{uuid4().hex}",
        biz_order_no=None,
        amount=1250,
        currency="CNY",
        subject="Tea",
        coupon_no=None,
        coupon_amount=0,
        card_ids=Json(f'["{CARD}"]'),
        sign=None,
        own_cards=Json("[]"),
        return_url="https://shop.example/",
        locale=None,
        created_at=now - timedelta(minutes=1),
        expires_at=now + timedelta(seconds=left_s),
    )
    change = node.change()
    change.insert(row)
    assert await node.journal.commit(change) is None
    return row


async def opening(node: Node, row: CheckoutRow, *, here: bool = True):
    """The change of the first rows of its payment, staged and not committed; at the
    checkout, or as if its line had called the API.
    """
    now = node.now()
    no = PayOrderNo(pay_order_no(node.ids, now))
    change = node.change()
    if here:
        await checkouts.open_as(node, row, change, no)
    change.insert(
        PaymentRow(
            pay_order_no=no,
            biz_line=row.biz_line,
            out_biz_no=row.out_biz_no,
            biz_order_no=None,
            amount=row.amount,
            coupon_no=None,
            coupon_amount=0,
            payable_amount=row.amount,
            currency=row.currency,
            card_id=CARD,
            subject=row.subject,
            created_at=now,
            expires_at=now + timedelta(minutes=5),
            next_check_at=now + timedelta(minutes=5),
        )
    )
    change.insert(
        OutBizNoRow(
            biz_line=row.biz_line,
            out_biz_no=row.out_biz_no,
            pay_order_no=no,
            content=b"c",
        )
    )
    return no, change


async def standing(node: Node, row: CheckoutRow) -> CheckoutRow:
    """What is written."""
    found = await node.journal.load(CheckoutRow, row.checkout_no)
    assert found is not None
    return found


async def told(node: Node, row: CheckoutRow) -> tuple[str, Stage]:
    """What a line and a payer are told by a node that has read this row."""
    what = await checkouts.found(node, row)
    return checkouts.status_of(what), stage_of(what, node.now())


OVER = ("EXPIRED", Stage.EXPIRED)
TO_CHOOSE = ("OPEN", Stage.CHOOSE)


async def test_who_is_told_so_finds_it_written(node):
    """Before its time nothing is; then it is, once, however often somebody looks."""
    early = await made(node, 60)
    assert TO_CHOOSE == await told(node, early)
    assert (None, 1) == _written(await standing(node, early))

    late = await made(node, -1)
    assert OVER == await told(node, late)
    first = await standing(node, late)
    assert first.expired_at is not None
    assert OVER == await told(node, late)
    assert OVER == await told(node, first)
    assert _written(first) == _written(await standing(node, late))


def _written(row: CheckoutRow) -> tuple[datetime | None, int]:
    return row.expired_at, row.version


async def test_a_slow_clock_says_what_is_written(node, other):
    """A node by whose clock there is time left tells and opens nothing else."""
    row = await made(node, -1)
    other.clock.off = -timedelta(minutes=5)
    assert OVER == await told(node, row)

    assert OVER == await told(other, await standing(other, row))
    with pytest.raises(BizCheckError):
        await opening(other, row)


async def test_a_fast_clock_ends_it_for_all(node, other):
    """Who is told so early is told so for ever."""
    row = await made(node, 60)
    other.clock.off = timedelta(minutes=5)
    assert OVER == await told(other, row)

    assert OVER == await told(node, await standing(node, row))
    with pytest.raises(BizCheckError):
        await opening(node, row)


async def test_what_was_begun_in_time_opens_nothing_after_it(node, other):
    """A slow opening has looked before somebody was told: none of its rows is written.
    That it begins anew, as whoever was not first does, is refused.
    """
    row = await made(node, 60)
    no, change = await opening(node, row)
    other.clock.off = timedelta(minutes=5)
    assert OVER == await told(other, row)

    refused = await node.journal.commit(change)

    assert refused is not None
    assert "checkout" == refused.guard
    assert await node.journal.load(PaymentRow, no) is None
    assert await node.journal.load(OutBizNoRow, LINE, row.out_biz_no) is None
    with pytest.raises(BizCheckError):
        await opening(node, row)


async def test_what_was_opened_in_time_is_nowhere_expired(node, other):
    """The payment and its name came in one change: even a node that has read the row
    before, and by whose clock the time is over, tells of the payment.
    """
    row = await made(node, 60)
    no, change = await opening(node, row)
    other.clock.off = timedelta(minutes=5)
    assert await node.journal.commit(change) is None

    assert no == (await standing(node, row)).pay_order_no
    for read in (row, await standing(other, row)):
        what = await checkouts.found(other, read)
        assert ("DOING", no) == (checkouts.status_of(what), what.row.pay_order_no)
    assert (await standing(node, row)).expired_at is None


async def test_the_look_that_is_overtaken_by_an_opening(node, other):
    """It has seen no payment and the time over; by the time that it would write so
    there is one: it tells of that.
    """
    row = await made(node, 60)
    no, change = await opening(node, row)
    other.clock.off = timedelta(minutes=5)
    other.journal = Overtaken(other.journal, partial(node.journal.commit, change))

    what = await checkouts.found(other, row)

    assert ("DOING", no) == (checkouts.status_of(what), what.row.pay_order_no)


class Overtaken:
    """A node's journal where somebody is faster by one change."""

    def __init__(self, journal, act) -> None:
        self._journal, self._act = journal, act

    def __getattr__(self, name):
        return getattr(self._journal, name)

    async def commit(self, change):
        """First the faster one's, once."""
        act, self._act = self._act, None
        if act is not None:
            assert await act() is None
        return await self._journal.commit(change)


async def test_one_payment_at_most(node):
    """Who comes second with another is refused, before and at its commit."""
    row = await made(node, 60)
    _, first = await opening(node, row)
    _, second = await opening(node, row)
    assert await node.journal.commit(first) is None

    assert "checkout" == (await node.journal.commit(second)).guard
    with pytest.raises(Duplicate):
        await opening(node, row)


async def test_its_time_is_over_and_nobody_has_looked_yet(node):
    """Nothing is opened then either."""
    row = await made(node, -1)

    with pytest.raises(BizCheckError):
        await opening(node, row)
    assert (await standing(node, row)).expired_at is None


@pytest.mark.parametrize("seen", ["before", "after"])
async def test_what_the_line_opens_itself_is_not_the_checkouts(node, seen):
    """Under the number of a checkout that is over a line may call the API: its status
    stays, and the page says that the order is another's.
    """
    row = await made(node, -1)
    assert OVER == await told(node, row)
    _, change = await opening(node, row, here=False)
    assert await node.journal.commit(change) is None

    read = row if seen == "before" else await standing(node, row)
    assert ("EXPIRED", Stage.TAKEN) == await told(node, read)
    assert (await standing(node, row)).pay_order_no is None


async def test_what_the_line_opened_in_time_is_named(node):
    """Before anybody was told otherwise it is the checkout's, as it always was; though
    nobody has looked until its time was over.
    """
    row = await made(node, -1)
    no, change = await opening(node, row, here=False)
    assert await node.journal.commit(change) is None

    assert "DOING" == (await told(node, row))[0]
    assert no == (await standing(node, row)).pay_order_no


@pytest.mark.parametrize(
    "after",
    [
        {"expired_at": None},
        {"expired_at": "later"},
        {"pay_order_no": "p", "opened_at": "later"},
        {"expired_at": None, "pay_order_no": "p", "opened_at": "later"},
    ],
)
async def test_the_database_takes_nothing_back(node, after):
    """Whatever is written past all of this: over is over."""
    row = await made(node, -1)
    await told(node, row)
    over = await standing(node, row)
    later = node.now() + timedelta(seconds=1)
    wrong = {name: later if at == "later" else at for name, at in after.items()}

    assert GUARD == await _refused(node, replace(over, **wrong))


async def test_the_database_lets_none_be_over_that_has_its_payment(node):
    """Nor before its time."""
    row = await made(node, 60)
    early = replace(row, expired_at=node.now())
    assert GUARD == await _refused(node, early)
    _, change = await opening(node, row)
    assert await node.journal.commit(change) is None
    opened = await standing(node, row)

    over = replace(opened, expired_at=opened.expires_at)
    assert GUARD == await _refused(node, over)


async def _refused(node: Node, row: CheckoutRow) -> str:
    change = node.change()
    change.update(row, version=row.version)
    with pytest.raises(ChangeRejected) as raised:
        await node.journal.commit(change)
    return raised.value.sqlstate


async def test_beside_a_node_of_the_version_before(node, dsn):
    """It knows no `expired_at`, and has opened a payment under a checkout that we said
    is over: it cannot name it, and so not confirm it there; we show nothing of it.
    """
    row = await made(node, -1)
    assert OVER == await told(node, row)
    no, change = await opening(node, row, here=False)
    assert await node.journal.commit(change) is None
    connection = await asyncpg.connect(dsn)
    try:
        with pytest.raises(asyncpg.CheckViolationError):
            await connection.execute(
                "UPDATE checkout SET pay_order_no = $1, opened_at = now()"
                " WHERE checkout_no = $2",
                no,
                row.checkout_no,
            )
    finally:
        await connection.close()

    assert ("EXPIRED", Stage.TAKEN) == await told(node, await standing(node, row))
