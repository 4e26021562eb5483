"""How a refund is shared between the card and the coupon: one rule. Pure.

A refund is of the order's amount. The money part of all refunds together, done and in
flight, is the order's own proportion, rounded down; so each refund takes what its
predecessors left of that, and the one that completes the order takes the rest of both.
A refund that fails takes its own parts out again, roundings included: the next one
makes up for them. Whatever failed between, all refunds together come to exactly what
was taken from the card, and to exactly the coupon.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What an order cost and what refunds have of it by now."""

    amount: int
    """What the order costs."""
    payable: int
    """What was taken from the card; the rest was the coupon."""
    taken: int = 0
    """Of the amount: refunds that are done or in flight."""
    money: int = 0
    """Of what was taken from the card."""

    @property
    def left(self) -> int:
        """How much of the order may still be refunded."""
        return self.amount - self.taken


def money_part(order: Taken, refund: int) -> int:
    """What goes to the card of a refund that fits; the rest is the coupon's share.

    Never more than the refund, or than is left of either part: after failures the rule
    alone could ask for that.
    """
    assert 1 <= refund <= order.left, (order, refund)
    all_together = (order.taken + refund) * order.payable // order.amount
    coupon_left = order.amount - order.payable - (order.taken - order.money)
    least = max(0, refund - coupon_left)
    most = min(refund, order.payable - order.money)
    return min(max(all_together - order.money, least), most)
