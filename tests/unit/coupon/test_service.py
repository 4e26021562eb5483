import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from paycore.coupon import service
from paycore.coupon.rows import CouponRow, CouponStatus
from paycore.kernel.clock import SystemClock
from paycore.kernel.config import Settings
from paycore.kernel.crypto import KeyRing
from paycore.kernel.errors import BadRequest, CouponRefused
from paycore.kernel.ids import SystemIds, letters, pay_order_no
from paycore.kernel.journal import Journal, Refused
from paycore.kernel.journal_memory import MemoryJournal
from paycore.kernel.journal_postgres import PostgresJournal
from paycore.kernel.lives import Lives
from paycore.kernel.node import Heartbeat, Node
from paycore.kernel.terms import BizLineId, BizStatus, CouponNo, Epoch, PayOrderNo
from paycore.kernel.transport import HttpTransport
from paycore.prove.schema import empty_store

SHOP = BizLineId("shop")


@pytest.fixture(params=["memory", "postgres"])
def opening(request: pytest.FixtureRequest) -> Callable[[], Awaitable[Journal]]:
    """Opens each journal in turn: a coupon's rules are the same on both."""
    if request.param == "postgres":
        dsn: str = request.getfixturevalue("dsn")
        return lambda: PostgresJournal.open(dsn)

    async def in_memory() -> Journal:
        return MemoryJournal(empty_store(), clock=lambda: datetime.now(UTC))

    return in_memory


@pytest.fixture
async def node(opening: Callable[[], Awaitable[Journal]]) -> AsyncIterator[Node]:
    journal = await opening()
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


def order(node: Node) -> PayOrderNo:
    return pay_order_no(node.ids, node.now())


async def issue(node: Node, **fields: object) -> CouponRow:
    row = CouponRow(
        biz_line=SHOP,
        coupon_no=CouponNo(letters(node.ids, 12)),
        **{"amount": 100, "currency": "CNY", **fields},
    )
    change = node.change()
    change.insert(row)
    assert await node.journal.commit(change) is None
    return row


async def step(node: Node, verb, coupon: CouponRow, no: PayOrderNo) -> Refused | None:
    change = node.change()
    verb(node, change, SHOP, coupon.coupon_no, no)
    return await node.journal.commit(change)


async def stands(node: Node, coupon: CouponRow) -> CouponRow:
    return await node.journal.load(CouponRow, SHOP, coupon.coupon_no)


async def again(node: Node, coupon: CouponRow, no: PayOrderNo) -> Refused | None:
    """Locked for an order that may have paid already."""
    change = node.change()
    await service.lock_if_free(node, change, SHOP, coupon.coupon_no, no)
    return await node.journal.commit(change)


# --- issuing --------------------------------------------------------------------------


async def test_issue(node: Node):
    """What is issued can be spent: so many, each its own number, as was asked."""
    until = node.now() + timedelta(days=1)
    numbers = await service.issue(
        node, SHOP, count=3, amount=1, currency="JPY", valid_until=until
    )
    rows = [await node.journal.load(CouponRow, SHOP, number) for number in numbers]

    assert 3 == len(set(numbers))
    assert {service.NUMBER_LETTERS} == {len(number) for number in numbers}
    assert [
        CouponRow(
            biz_line=SHOP,
            coupon_no=number,
            amount=1,
            currency="JPY",
            valid_until=row.valid_until,
        )
        for number, row in zip(numbers, rows, strict=True)
    ] == rows
    assert {until} == {row.valid_until for row in rows}


async def test_issue_for_ever(node: Node):
    """Where no last day is asked for, there is none."""
    (number,) = await service.issue(node, SHOP, count=1, amount=5, currency="CNY")

    assert (await node.journal.load(CouponRow, SHOP, number)).valid_until is None


@pytest.mark.parametrize("count", [1, service.MOST_AT_ONCE])
async def test_issue_at_the_bounds(node: Node, count: int):
    """One coupon and the most at once are both allowed."""
    numbers = await service.issue(node, SHOP, count=count, amount=1, currency="CNY")

    assert count == len(numbers)


@pytest.mark.parametrize(
    ("asked", "field", "words"),
    [
        ({"count": 0}, None, "1 to 10000 coupons of at least 1 minor unit."),
        ({"count": 10_001}, None, "1 to 10000 coupons of at least 1 minor unit."),
        ({"amount": 0}, None, "1 to 10000 coupons of at least 1 minor unit."),
        ({"currency": "XYZ"}, "currency", "The currency is an ISO 4217 code."),
        (
            {"valid_until": datetime(2020, 1, 1, tzinfo=UTC)},
            "valid_until",
            "They would have expired already.",
        ),
    ],
)
async def test_not_issued(node: Node, asked: dict[str, object], field, words: str):
    """What nobody could ever spend is refused, and the refusal says what is wrong."""
    before = await node.journal.every(CouponRow)
    with pytest.raises(BadRequest) as refused:
        await service.issue(
            node, SHOP, **{"count": 1, "amount": 5, "currency": "CNY", **asked}
        )

    assert (words, field) == (refused.value.en, refused.value.field)
    assert before == await node.journal.every(CouponRow)


async def test_a_last_day_that_is_now_is_over(node: Node):
    """At the very moment a coupon ends it can be neither issued nor spent."""
    node.clock = SystemClock(node.now(), monotonic=lambda: 0.0)
    with pytest.raises(BadRequest):
        await service.issue(
            node, SHOP, count=1, amount=5, currency="CNY", valid_until=node.now()
        )
    coupon = await issue(node, valid_until=node.now())
    with pytest.raises(CouponRefused):
        await service.usable(node, SHOP, coupon.coupon_no, amount=101, currency="CNY")


async def test_lock_use(node: Node):
    """A coupon goes from free to locked to used, each step twice if need be."""
    coupon, no = await issue(node), order(node)
    for verb in (service.lock, service.lock, service.use, service.use):
        assert await step(node, verb, coupon, no) is None
    row = await stands(node, coupon)

    assert (CouponStatus.USED, no) == (row.status, row.holder)


async def test_lock_free(node: Node):
    """A freed coupon can be locked by another order."""
    coupon, first, second = await issue(node), order(node), order(node)
    assert await step(node, service.lock, coupon, first) is None
    assert await step(node, service.free, coupon, first) is None
    assert await step(node, service.lock, coupon, second) is None

    assert second == (await stands(node, coupon)).holder


async def test_free_of_a_coupon_that_another_used(node: Node):
    """An unlock that comes late leaves a coupon used by another, and is no error."""
    coupon, late, user = await issue(node), order(node), order(node)
    assert await step(node, service.use, coupon, user) is None
    assert await step(node, service.free, coupon, late) is None
    row = await stands(node, coupon)

    assert (CouponStatus.USED, user) == (row.status, row.holder)


async def test_refused_by_name(node: Node):
    """A use or lock of another's coupon is refused by the guard "coupon"."""
    coupon, mine, other = await issue(node), order(node), order(node)
    assert await step(node, service.lock, coupon, mine) is None
    refusals = [
        await step(node, verb, coupon, other) for verb in (service.lock, service.use)
    ]

    assert ["coupon", "coupon"] == [refusal.guard for refusal in refusals]
    assert [mine, mine] == [refusal.row.holder for refusal in refusals]


async def test_race_for_one_coupon(node: Node):
    """Of a hundred orders that want one coupon at once, one gets it (F52)."""
    coupon = await issue(node)
    answers = await asyncio.gather(
        *(step(node, service.lock, coupon, order(node)) for _ in range(100))
    )

    assert 1 == answers.count(None)


async def test_usable(node: Node):
    """A coupon is usable while it is free, valid, and less than the order's amount."""
    coupon = await issue(node)
    found = await service.usable(
        node, SHOP, coupon.coupon_no, amount=101, currency="CNY"
    )

    assert coupon == found


async def test_not_usable(node: Node):
    """What is too big, of other money, expired, locked or another line's is refused."""
    fits, big = await issue(node), await issue(node, amount=101)
    yen = await issue(node, currency="JPY")
    expired = await issue(node, valid_until=node.now())
    locked = await issue(node)
    assert await step(node, service.lock, locked, order(node)) is None
    for line, coupon in (
        (SHOP, big),
        (SHOP, yen),
        (SHOP, expired),
        (SHOP, locked),
        (BizLineId("other"), fits),
    ):
        with pytest.raises(CouponRefused):
            await service.usable(
                node, line, coupon.coupon_no, amount=101, currency="CNY"
            )


EXPIRED = ("The coupon has expired.", "优惠券已过期")
NO_FIT = (
    "The coupon does not fit the order's amount or currency.",
    "优惠券与订单金额或币种不符",
)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"status": CouponStatus.USED}, (CouponRefused.default_en, "优惠券不可用")),
        ({"valid_until": datetime(2020, 1, 1, tzinfo=UTC)}, EXPIRED),
        ({"amount": 101}, NO_FIT),
        ({"currency": "JPY"}, NO_FIT),
    ],
)
async def test_not_usable_says_why(node: Node, fields: dict[str, object], words):
    """Who may not spend it reads why, in both languages."""
    if "status" in fields:
        fields = {**fields, "holder": order(node), "used_at": node.now()}
    coupon = await issue(node, **fields)
    with pytest.raises(CouponRefused) as refused:
        await service.usable(node, SHOP, coupon.coupon_no, amount=101, currency="CNY")

    assert words == (refused.value.en, refused.value.zh)


async def test_lock_says_when_to_look(node: Node):
    """The sweeper comes when a payment would be over, not before."""
    node.clock = SystemClock(node.now(), monotonic=lambda: 0.0)
    coupon, no = await issue(node), order(node)
    assert await step(node, service.lock, coupon, no) is None
    row = await stands(node, coupon)

    assert (node.now(), node.now() + service.LOCK_CHECK) == (
        row.locked_at,
        row.next_check_at,
    )


async def test_a_day_that_is_over_locks_nothing(node: Node):
    """Found usable in time and locked too late is refused by the guard."""
    coupon = await issue(node, valid_until=node.now())
    refused = await step(node, service.lock, coupon, order(node))

    assert ("coupon", coupon) == (refused.guard, refused.row)


# --- the sweeper ----------------------------------------------------------------------


async def left_behind(node: Node, *, age: timedelta = timedelta(0)) -> CouponRow:
    """A coupon whose lock the sweeper is to look at now."""
    coupon, no = await issue(node), order(node)
    assert await step(node, service.lock, coupon, no) is None
    row = await stands(node, coupon)
    change = node.change()
    change.update(
        msgspec.structs.replace(
            row, locked_at=node.now() - age, next_check_at=node.now()
        ),
        version=row.version,
    )
    assert await node.journal.commit(change) is None
    return row


async def swept(node: Node, coupon: CouponRow, status: BizStatus | None) -> CouponRow:
    asked: list[PayOrderNo] = []

    async def status_of(no: PayOrderNo) -> BizStatus | None:
        asked.append(no)
        return status

    assert 1 == await service.sweep(node, status_of)
    assert [coupon.holder] == asked
    return await stands(node, coupon)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (BizStatus.SUCCESS, CouponStatus.USED),
        (BizStatus.FAIL, CouponStatus.AVAILABLE),
        (BizStatus.CLOSED, CouponStatus.AVAILABLE),
        (BizStatus.DOING, CouponStatus.LOCKED),
        (None, CouponStatus.LOCKED),
    ],
)
async def test_sweep(node: Node, status: BizStatus | None, expected: CouponStatus):
    """A lock left behind follows its order; of an undecided one it stays (I11)."""
    row = await swept(node, await left_behind(node), status)

    assert expected is row.status
    assert (None, None) == (row.lease_epoch, row.lease_until)
    assert row.next_check_at is None or row.next_check_at > node.now()


async def test_what_is_looked_at_is_the_sweepers(node: Node):
    """While an order is asked after, its coupon is leased to our life, and no longer
    than any lease.
    """
    node.clock = SystemClock(node.now(), monotonic=lambda: 0.0)
    coupon, seen = await left_behind(node), []

    async def status_of(_: PayOrderNo) -> BizStatus:
        seen.append(await stands(node, coupon))
        return BizStatus.DOING

    assert 1 == await service.sweep(node, status_of)
    assert [(node.epoch, node.lease_until())] == [
        (row.lease_epoch, row.lease_until) for row in seen
    ]


@pytest.mark.parametrize(("asked", "swept"), [({}, 100), ({"limit": 3}, 3)])
async def test_so_many_at_a_time(node: Node, asked: dict[str, int], swept: int):
    """A sweep takes a hundred unless it is told otherwise, and leaves the rest."""
    change = node.change()
    for _ in range(101):
        change.insert(
            CouponRow(
                biz_line=SHOP,
                coupon_no=CouponNo(letters(node.ids, 12)),
                amount=100,
                currency="CNY",
                status=CouponStatus.LOCKED,
                holder=order(node),
                locked_at=node.now(),
                next_check_at=node.now(),
            )
        )
    assert await node.journal.commit(change) is None

    async def status_of(_: PayOrderNo) -> BizStatus:
        return BizStatus.FAIL

    assert swept == await service.sweep(node, status_of, **asked)
    assert 101 - swept == await service.sweep(node, status_of, limit=500)


async def test_an_orphan_of_just_that_age_is_freed(node: Node):
    """The age at which a lock is nobody's is reached, not passed."""
    node.clock = SystemClock(node.now(), monotonic=lambda: 0.0)
    coupon = await left_behind(node, age=service.ORPHAN_AGE)

    assert CouponStatus.AVAILABLE is (await swept(node, coupon, None)).status


async def test_sweep_of_an_orphan(node: Node):
    """A lock of an order that does not exist is freed after a time."""
    coupon = await left_behind(node, age=service.ORPHAN_AGE)

    assert CouponStatus.AVAILABLE is (await swept(node, coupon, None)).status


# --- for what may be paid already -----------------------------------------------------


async def test_a_free_coupon_is_locked_for_what_may_be_paid(node: Node):
    """As at any order, so that nobody else takes it meanwhile."""
    coupon, no = await issue(node), order(node)

    assert await again(node, coupon, no) is None

    stood = await stands(node, coupon)
    assert (CouponStatus.LOCKED, no) == (stood.status, stood.holder)


async def test_who_has_a_coupon_keeps_it_and_refuses_nobody(node: Node):
    """Another order's, and one whose last day has passed: the money does not wait."""
    first = order(node)
    taken = await issue(node)
    over = await issue(node, valid_until=node.now() - timedelta(days=1))
    assert await step(node, service.lock, taken, first) is None

    for coupon in (taken, over):
        before = await stands(node, coupon)
        assert await again(node, coupon, order(node)) is None
        after = await stands(node, coupon)
        assert (before.status, before.holder) == (after.status, after.holder)


async def test_a_coupon_that_lives_elsewhere_is_not_locked_here(node: Node):
    """There is no row of it, and nothing to refuse for."""
    no, elsewhere = order(node), CouponNo("Z" * 12)
    change = node.change()

    await service.lock_if_free(node, change, SHOP, elsewhere, no)

    assert change.empty
