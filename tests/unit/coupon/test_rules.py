from datetime import UTC, datetime, timedelta

import msgspec

from paycore.coupon import rules
from paycore.coupon.rows import CouponRow, CouponStatus
from paycore.kernel.terms import BizLineId, CouponNo, PayOrderNo

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
LOOK_AT = NOW + timedelta(minutes=2)
MINE = PayOrderNo("26112212000000001234567890")
OTHER = PayOrderNo("26112212000000009999999999")

FREE = CouponRow(
    biz_line=BizLineId("shop"),
    coupon_no=CouponNo("C1"),
    amount=100,
    currency="CNY",
    valid_until=NOW + timedelta(days=1),
)
LOCKED = rules.locked(FREE, MINE, NOW, LOOK_AT)
USED = rules.used(LOCKED, MINE, NOW)


def test_lock():
    """A free coupon is locked for the order, and the sweeper is told when to look."""
    assert msgspec.structs.replace(
        FREE,
        status=CouponStatus.LOCKED,
        holder=MINE,
        locked_at=NOW,
        next_check_at=LOOK_AT,
    ) == rules.locked(FREE, MINE, NOW, LOOK_AT)


def test_lock_lets_go():
    """Whoever was looking at it, no lease stays on what is locked now."""
    leased = msgspec.structs.replace(FREE, lease_epoch=3, lease_until=NOW)
    again = msgspec.structs.replace(LOCKED, lease_epoch=3, lease_until=NOW)

    for row in (leased, again):
        assert LOCKED == rules.locked(row, MINE, NOW, LOOK_AT)


def test_lock_again():
    """The same order may lock again, which only moves the sweeper's look."""
    later = NOW + timedelta(minutes=1)
    again = rules.locked(LOCKED, MINE, later, LOOK_AT + timedelta(minutes=1))

    assert NOW == again.locked_at
    assert LOOK_AT + timedelta(minutes=1) == again.next_check_at


def test_lock_of_another():
    """What another order locked or used is refused."""
    assert rules.locked(LOCKED, OTHER, NOW, LOOK_AT) is None
    assert rules.locked(USED, OTHER, NOW, LOOK_AT) is None
    assert rules.locked(USED, MINE, NOW, LOOK_AT) is None


def test_validity_is_judged_at_the_lock():
    """Past its last day a coupon is not locked; locked in time, it may be used."""
    late = FREE.valid_until

    assert rules.locked(FREE, MINE, late, late) is None
    assert rules.locked(LOCKED, MINE, late, late) is not None
    assert CouponStatus.USED is rules.used(LOCKED, MINE, late).status


def test_use():
    """Use is for good, may be said twice by its order, and by no other."""
    assert (CouponStatus.USED, MINE, NOW, None) == (
        USED.status,
        USED.holder,
        USED.used_at,
        USED.next_check_at,
    )
    assert USED == rules.used(USED, MINE, NOW + timedelta(hours=1))
    assert rules.used(USED, OTHER, NOW) is None
    assert rules.used(LOCKED, OTHER, NOW) is None


def test_use_without_a_lock():
    """Money that moved at the reduced price uses a coupon whose lock was lost."""
    assert MINE == rules.used(FREE, MINE, NOW).holder


def test_free():
    """An unlock makes the coupon as it was before the lock."""
    assert FREE == msgspec.structs.replace(rules.freed(LOCKED, MINE), version=1)


def test_free_of_another():
    """An unlock by an order that does not hold the coupon changes nothing."""
    assert LOCKED == rules.freed(LOCKED, OTHER)
    assert USED == rules.freed(USED, OTHER)
    assert USED == rules.freed(USED, MINE)
    assert FREE == rules.freed(FREE, MINE)


def test_fits():
    """Something must be left to pay, in the coupon's own money."""
    assert rules.fits(FREE, amount=101, currency="CNY")
    assert not rules.fits(FREE, amount=100, currency="CNY")
    assert not rules.fits(FREE, amount=101, currency="USD")
