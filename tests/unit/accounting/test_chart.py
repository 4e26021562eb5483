import pytest
from hypothesis import given
from hypothesis import strategies as st

from paycore.accounting import chart
from paycore.accounting.chart import Account, Fact, Kind, Line, Side

AMOUNTS = st.integers(min_value=1, max_value=10**12)


def fact(*, payable: int, coupon: int) -> Fact:
    return Fact(
        channel="deduct_a",
        account="m1",
        biz_line="shop",
        amount=payable + coupon,
        payable_amount=payable,
        coupon_amount=coupon,
    )


def test_payment_with_coupon():
    """An order of 100 with a coupon of 10: receivable 90, cost 10, pending 100."""
    posting = chart.lines(Kind.PAYMENT, fact(payable=9000, coupon=1000))

    assert [
        ("channel_receivable:deduct_a:m1", "DEBIT", 9000),
        ("marketing_cost", "DEBIT", 1000),
        ("merchant_pending:shop", "CREDIT", 10000),
    ] == [(line.account, line.side, line.amount) for line in posting]
    assert 10000 == chart.total(posting)


def test_payment_without_coupon():
    """Where no coupon paid, no line of nothing is posted."""
    posting = chart.lines(Kind.PAYMENT, fact(payable=500, coupon=0))

    assert ["channel_receivable:deduct_a:m1", "merchant_pending:shop"] == [
        line.account for line in posting
    ]


def test_a_refund_takes_back_what_its_payment_posted():
    """A quarter of an order of 100 with a coupon of 10: the line's 25 off, of which the
    channel owes us 22.50 less and the coupon cost us 2.50 less.
    """
    posting = chart.lines(Kind.REFUND, fact(payable=2250, coupon=250))

    assert [
        ("merchant_pending:shop", "DEBIT", 2500),
        ("channel_receivable:deduct_a:m1", "CREDIT", 2250),
        ("marketing_cost", "CREDIT", 250),
    ] == [(line.account, line.side, line.amount) for line in posting]


@given(payable=AMOUNTS, coupon=st.integers(min_value=0, max_value=10**12))
@pytest.mark.parametrize("kind", list(Kind))
def test_every_posting_balances(kind: Kind, payable: int, coupon: int):
    """Debits equal credits for every kind and amount, and no line is below one."""
    shared = kind in (Kind.PAYMENT, Kind.REFUND)
    posting = chart.lines(
        kind,
        Fact(
            channel="deduct_a",
            account="m1",
            biz_line="shop",
            amount=payable + coupon if shared else payable,
            payable_amount=payable,
            coupon_amount=coupon if shared else 0,
            debit="marketing_cost",
            credit="late_money:shop",
        ),
    )

    assert chart.balanced(posting)
    assert 0 == sum(line.signed for line in posting)


def test_what_does_not_add_up_is_a_bug():
    """A payment whose parts are not its whole is never made into a posting."""
    wrong = Fact(
        channel="c",
        account="a",
        biz_line="b",
        amount=100,
        payable_amount=90,
        coupon_amount=9,
    )

    with pytest.raises(AssertionError):
        chart.lines(Kind.PAYMENT, wrong)


def test_nothing_is_not_a_posting():
    """A posting without lines, or with a negative one, does not count as balanced."""
    minus = (
        Line(account="a", side=Side.DEBIT, amount=-1),
        Line(account="b", side=Side.CREDIT, amount=-1),
    )

    assert not chart.balanced(())
    assert not chart.balanced(minus)


def test_the_total_is_what_is_debited():
    """Asked of whatever lines, in whatever order: the debits, and no credit."""
    posting = (
        Line(account="a", side=Side.CREDIT, amount=7),
        Line(account="b", side=Side.DEBIT, amount=3),
        Line(account="c", side=Side.DEBIT, amount=2),
    )

    assert 5 == chart.total(posting)


def test_every_kind_has_rules_and_every_account_a_use():
    """The table is complete: a kind without rules or an unused account is refused. What
    is written off is where a person said.
    """
    used = {
        account
        for rules in chart.RULES.values()
        for rule in rules
        for account in rule[:2]
    }

    assert set(Kind) == set(chart.RULES)
    assert set(Account) - {Account.DIFFERENCES} == used
