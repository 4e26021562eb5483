"""The one rule by which a refund is shared between the card and the coupon."""

from hypothesis import given
from hypothesis import strategies as st

from paycore.core.refunds.share import Taken, money_part

AMOUNTS = st.integers(min_value=1, max_value=10**12) | st.integers(1, 300)


@st.composite
def orders(draw) -> Taken:
    amount = draw(AMOUNTS)
    return Taken(amount=amount, payable=draw(st.integers(1, amount)))


def with_refund(order: Taken, amount: int, money: int) -> Taken:
    return Taken(
        amount=order.amount,
        payable=order.payable,
        taken=order.taken + amount,
        money=order.money + money,
    )


def test_a_full_refund_gives_back_what_was_taken():
    """An order of 100 with a coupon of 10: 90 to the card, whatever the rounding."""
    assert 90 == money_part(Taken(amount=100, payable=90), 100)


def test_shares_are_proportional_and_the_last_takes_the_rest():
    """Three thirds of an order of 100 that cost its payer 50: 16, 17 and 17."""
    order, parts = Taken(amount=100, payable=50), []
    for amount in (33, 33, 34):
        money = money_part(order, amount)
        parts.append(money)
        order = with_refund(order, amount, money)

    assert [16, 17, 17] == parts


def test_where_the_coupon_paid_nearly_all_little_goes_back():
    """A part of so small a price is nothing; only who completes it gets the unit."""
    order = Taken(amount=100, payable=1)

    assert 0 == money_part(order, 99)
    assert 1 == money_part(order, 100)


@given(orders(), st.data())
def test_without_a_coupon_the_card_gets_all(order, data):
    """Nothing is shared where nothing else paid."""
    alone = Taken(amount=order.amount, payable=order.amount)

    amount = data.draw(st.integers(1, alone.left))
    assert amount == money_part(alone, amount)


@given(orders(), st.data())
def test_together_they_come_to_what_was_taken_whatever_fails_between(order, data):
    """Refunds begin and fail in any order: each part fits into its refund and into what
    is left, right after each the money is the rule's own sum, and once the order is
    given back whole both sums are exact. The last never lacks a unit for the card.
    """
    begun, live, taken = order, [], order
    for _ in range(data.draw(st.integers(0, 30))):
        if live and data.draw(st.booleans()):
            amount, money = live.pop(data.draw(st.integers(0, len(live) - 1)))
            taken = with_refund(taken, -amount, -money)
        elif taken.left > 1:
            amount = data.draw(st.integers(1, taken.left - 1))
            money = money_part(taken, amount)
            coupon_left = begun.amount - begun.payable - (taken.taken - taken.money)
            assert 0 <= money <= min(amount, begun.payable - taken.money)
            assert 0 <= amount - money <= coupon_left
            if money == 0:
                continue  # which is refused
            live.append((amount, money))
            taken = with_refund(taken, amount, money)
        assert taken.money <= begun.payable - 1
        assert 0 <= taken.taken - taken.money <= begun.amount - begun.payable

    rest = taken.left
    money = money_part(taken, rest)

    assert 1 <= money <= rest
    whole = with_refund(taken, rest, money)
    assert (begun.amount, begun.payable) == (whole.taken, whole.money)


@given(orders(), st.data())
def test_after_each_the_sum_is_the_rules_while_none_fails(order, data):
    """The money of all together is the order's proportion, rounded down."""
    taken = order
    while taken.left and data.draw(st.booleans()):
        amount = data.draw(st.integers(1, taken.left))
        taken = with_refund(taken, amount, money_part(taken, amount))
        assert taken.taken * order.payable // order.amount == taken.money
