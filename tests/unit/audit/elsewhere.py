"""Payments whose coupon lives in a system of the user's own, at a node of its own."""

from coupon_system import BROKEN, SECRET, Coupons, until
from sql import ask
from stack import SHOP, Payer, Stack

FOR_EVER = "processing:1000000000"


def held(stack: Stack) -> dict[str, str]:
    """One whose coupon is used, one whose use is owed, one that nobody knows of yet."""
    coupons = Coupons()
    node = stack.start_node(coupon_url=coupons.url, coupon_secret=SECRET)
    try:
        payer = stack.payer(SHOP, node=stack.nodes.index(node))
        return {
            "used_elsewhere": _used(stack, payer, coupons),
            "owed_elsewhere": _owed(payer, coupons),
            "unknown_elsewhere": _unknown(stack, payer, coupons),
        }
    finally:
        node.stop()
        stack.nodes.remove(node)
        coupons.close()
        # As if a node went on telling it, however long the tests take.
        ask(
            stack,
            "UPDATE coupon_hold SET lease_epoch = NULL, lease_until = NULL,"
            " next_check_at = clock_timestamp() + interval '1 day'"
            " WHERE next_check_at IS NOT NULL",
        )


def _opened(payer: Payer, coupons: Coupons) -> str:
    coupon_no = coupons.issue(f"E-{len(coupons.coupons)}")
    return payer.open(coupon_no=coupon_no).json()["pay_order_no"]


def _used(stack: Stack, payer: Payer, coupons: Coupons) -> str:
    no = _opened(payer, coupons)
    assert "SUCCESS" == payer.confirm(no).json()["biz_status"]
    assert stack.notices(no)
    held = "SELECT status FROM coupon_hold WHERE pay_order_no = $1"
    until(lambda: ask(stack, held, no)[0]["status"] == "USED")
    return no


def _owed(payer: Payer, coupons: Coupons) -> str:
    no = _opened(payer, coupons)
    coupons.script["use"] = [BROKEN] * 100
    assert "SUCCESS" == payer.confirm(no).json()["biz_status"]
    assert payer.stack.notices(no)
    return no


def _unknown(stack: Stack, payer: Payer, coupons: Coupons) -> str:
    no = _opened(payer, coupons)
    stack.fault("bank.quick_*.confirm", FOR_EVER, count=1)
    assert "DOING" == payer.confirm(no).json()["biz_status"]
    stack.no_faults()
    return no
