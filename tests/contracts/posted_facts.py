"""What happens, as core has it posted."""

from datetime import datetime
from itertools import count

from paycore.accounting import service
from paycore.kernel.ids import pay_order_no
from paycore.kernel.journal import Change
from paycore.kernel.node import Node
from paycore.kernel.terms import BizLineId, PayOrderNo, RefundNo

NUMBERS = count(1)


async def paid(node: Node, *, amount: int = 1000, coupon: int = 0) -> PayOrderNo:
    """A payment succeeds."""
    change = node.change()
    no = staged(node, change, amount=amount, coupon=coupon)
    assert await node.journal.commit(change) is None
    return no


def staged(
    node: Node, change: Change, *, amount: int = 1000, coupon: int = 0
) -> PayOrderNo:
    """A payment's success is in a change that nobody has committed yet."""
    no = pay_order_no(node.ids, node.now())
    service.post_payment(
        node,
        change,
        pay_order_no=no,
        channel="quick_a",
        account="main",
        amount=amount,
        coupon_amount=coupon,
        payable_amount=amount - coupon,
        currency="CNY",
        biz_line=BizLineId("shop"),
        at=node.now(),
    )
    return no


async def refunded(
    node: Node, no: PayOrderNo, nth: int, *, amount: int, at: datetime | None = None
) -> None:
    """A refund of it succeeds."""
    change = node.change()
    service.post_refund(
        node,
        change,
        pay_order_no=no,
        refund_no=RefundNo(f"{no}R{nth:02d}"),
        channel="quick_a",
        account="main",
        amount=amount,
        coupon_amount=0,
        money_amount=amount,
        currency="CNY",
        biz_line=BizLineId("shop"),
        at=at or node.now(),
    )
    assert await node.journal.commit(change) is None
