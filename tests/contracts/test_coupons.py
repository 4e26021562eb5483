"""One contract, two coupon systems: the built-in one and one of a user's own."""

import pytest


@pytest.fixture(params=["coupons_built_in", "coupons_elsewhere"])
def orders(request):
    """A node's orders, and where their coupons live."""
    return request.getfixturevalue(request.param)


async def test_an_order_has_its_coupon_for_itself(orders):
    """Locked once, however often the order says so; another order is refused."""
    coupon_no = await orders.issued()
    first, second = await orders.opened(coupon_no), await orders.opened(coupon_no)

    assert await orders.locked(first)
    assert await orders.locked(first)
    assert not await orders.locked(second)
    assert ("LOCKED", first) == await orders.is_(coupon_no)


async def test_it_is_used_after_a_success(orders):
    """By that order, for good: the other that names it never has it."""
    coupon_no = await orders.issued()
    paid, late = await orders.opened(coupon_no), await orders.opened(coupon_no)
    assert await orders.locked(paid)
    await orders.ended(paid, "SUCCESS")
    await orders.worked()

    assert ("USED", paid) == await orders.is_(coupon_no)
    assert not await orders.locked(late)
    await orders.ended(late, "CLOSED")
    await orders.worked()
    assert ("USED", paid) == await orders.is_(coupon_no)


@pytest.mark.parametrize("end", ["FAIL", "CLOSED"])
async def test_it_is_free_after_a_failure(orders, end: str):
    """For the next order, which can pay with it."""
    coupon_no = await orders.issued()
    failed = await orders.opened(coupon_no)
    assert await orders.locked(failed)
    await orders.ended(failed, end)
    await orders.worked()

    assert ("AVAILABLE", None) == await orders.is_(coupon_no)
    following = await orders.opened(coupon_no)
    assert await orders.locked(following)
    await orders.ended(following, "SUCCESS")
    await orders.worked()
    assert ("USED", following) == await orders.is_(coupon_no)


async def test_it_stays_locked_while_its_order_is_open(orders):
    """I11: however long, whoever looks."""
    coupon_no = await orders.issued()
    no = await orders.opened(coupon_no)
    assert await orders.locked(no)
    await orders.worked()
    await orders.worked()

    assert ("LOCKED", no) == await orders.is_(coupon_no)


async def test_an_order_that_never_locked_frees_nobody_elses(orders):
    """It was opened with the coupon, and ends while another has it."""
    coupon_no = await orders.issued()
    holder, idle = await orders.opened(coupon_no), await orders.opened(coupon_no)
    assert await orders.locked(holder)
    assert not await orders.locked(idle)
    await orders.ended(idle, "CLOSED")
    await orders.worked()

    assert ("LOCKED", holder) == await orders.is_(coupon_no)


@pytest.mark.parametrize(
    "more", [{"amount": 1250}, {"amount": 2000}, {"currency": "USD"}, {"expired": True}]
)
async def test_a_coupon_that_does_not_do_opens_no_order(orders, more: dict):
    """Too much, other money, or over."""
    assert "COUPON" == await orders.opened(await orders.issued(**more))


async def test_one_that_nobody_issued_or_somebody_has_opens_no_order(orders):
    """By the same code."""
    coupon_no = await orders.issued()
    assert await orders.locked(await orders.opened(coupon_no))

    assert "COUPON" == await orders.opened(coupon_no)
    assert "COUPON" == await orders.opened("none-such")


async def test_a_coupon_that_expires_once_it_is_locked_is_used(orders):
    """What was locked in time may be used later."""
    coupon_no = await orders.issued()
    no = await orders.opened(coupon_no)
    assert await orders.locked(no)
    if hasattr(orders, "system"):
        orders.system.coupons[coupon_no]["expired"] = True
    await orders.ended(no, "SUCCESS")
    await orders.worked()

    assert ("USED", no) == await orders.is_(coupon_no)
