"""What a line and a leg say of each other: row by row, and for anything at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paycore.gateway.statement import Trade
from paycore.recon.match import (
    CHECKS,
    CURES,
    Kind,
    Leg,
    Line,
    Seen,
    Status,
    Terms,
    fee_of,
    judge,
    lacking,
)

OURS = "26112808153012300000000000" + "01"
TERMS = Terms(charge_rate=3800, refund_rate=0)
GOOD = {
    "trade": Trade.CHARGE,
    "request_no": OURS,
    "amount": 1250,
    "currency": "CNY",
    "fee": 5,
    "moved": True,
}
PAID = {"status": Status.PAID, "amount": 1250, "currency": "CNY"}


def kind_of(line=(), leg=(), *, terms=TERMS):
    """The verdict on a good line and leg, but for what is changed; leg None: none."""
    ours = None if leg is None else Leg(**{**PAID, **dict(leg)})
    return judge(Seen(line=Line(**{**GOOD, **dict(line)}), leg=ours, terms=terms))


@pytest.mark.parametrize(
    ("line", "leg", "kind"),
    [
        ({}, {}, None),
        ({}, None, Kind.WE_LACK),
        ({"request_no": "#00ff"}, None, Kind.UNKNOWN_LINE),
        ({"readable": False}, None, Kind.UNKNOWN_LINE),
        ({"request_no": "#00ff", "by_reference": True}, {}, Kind.UNKNOWN_LINE),
        ({"first": False}, {}, Kind.DUPLICATE_LINE),
        ({"first": False}, None, Kind.DUPLICATE_LINE),
        ({"amount": 1249}, {}, Kind.AMOUNT),
        ({"amount": 1251}, {}, Kind.AMOUNT),
        ({"currency": "USD"}, {}, Kind.CURRENCY),
        ({"fee": 6}, {}, Kind.FEE),
        ({"fee": None}, {}, None),
        ({"moved": False}, {}, Kind.STATUS_THEIRS),
        ({"moved": False}, {"status": Status.FAILED}, None),
        # Another line of its number is the one that moved.
        ({"moved": False, "beside": True}, {}, None),
        ({"moved": False, "beside": True}, {"status": Status.OPEN}, None),
        ({"moved": False}, {"status": Status.OPEN}, Kind.STATUS_OURS),
        ({}, {"status": Status.OPEN}, Kind.STATUS_OURS),
        ({}, {"status": Status.FAILED}, Kind.STATUS_OURS),
        ({"of_this_day": False}, {}, Kind.OTHER_DAY),
        # What is worse is told first, and nothing is told twice.
        ({"amount": 1, "fee": 0, "of_this_day": False}, {}, Kind.AMOUNT),
        ({"currency": "USD", "amount": 1}, {}, Kind.CURRENCY),
        ({"amount": 1}, {"status": Status.OPEN}, Kind.STATUS_OURS),
        ({"amount": 1, "by_reference": True}, {}, Kind.AMOUNT),
        # A refund gives no fee back.
        ({"trade": Trade.REFUND, "fee": 0}, {}, None),
        ({"trade": Trade.REFUND, "fee": 5}, {}, Kind.FEE),
    ],
)
def test_the_table_of_verdicts(line, leg, kind):
    """Each kind is named for what is wrong, and what agrees is no difference."""
    assert kind == kind_of(line, leg)


def test_without_terms_no_fee_is_judged():
    """What was not agreed cannot differ."""
    assert None is kind_of({"fee": 999}, terms=None)


@pytest.mark.parametrize(
    ("amount", "fee"), [(1, 0), (131, 0), (132, 1), (1250, 5), (10**12, 3_800_000_000)]
)
def test_fees_are_rounded_half_up(amount, fee):
    """To the minor unit, in integers."""
    assert fee == fee_of(amount, 3800)
    assert isinstance(fee_of(amount, 3800), int)


def test_what_stands_in_no_statement_is_named_by_its_way():
    """A charge that they lack is another thing than a refund that is missing."""
    assert Kind.THEY_LACK is lacking(Trade.CHARGE)
    assert Kind.REFUND_MISSING is lacking(Trade.REFUND)


def test_every_kind_can_be_found_and_has_a_cure():
    """By a check, or by its standing nowhere; and a person is told what to do."""
    found = {kind for kind, _ in CHECKS} | {lacking(trade) for trade in Trade}

    assert set(Kind) == found == set(CURES)


lines = st.builds(
    Line,
    trade=st.sampled_from([*Trade, None]),
    request_no=st.sampled_from([OURS, "", "#00ff"]),
    amount=st.one_of(st.none(), st.integers(1, 5000)),
    currency=st.sampled_from(["CNY", "USD"]),
    fee=st.one_of(st.none(), st.integers(0, 20)),
    moved=st.booleans(),
    readable=st.booleans(),
    first=st.booleans(),
    of_this_day=st.booleans(),
    by_reference=st.booleans(),
)
legs = st.builds(
    Leg,
    status=st.sampled_from(Status),
    amount=st.integers(1, 5000),
    currency=st.sampled_from(["CNY", "USD"]),
)


@given(lines, st.one_of(st.none(), legs), st.sampled_from([TERMS, None]))
def test_agreement_is_never_a_guess(line, leg, terms):
    """Whatever comes: a line passes as agreed only where money moved by both words,
    the same amount of the same currency, once, on that day, or by neither word.
    """
    kind = judge(Seen(line=line, leg=leg, terms=terms))
    if kind is not None:
        return
    assert leg is not None
    assert (True, True, True, False) == (
        line.readable,
        line.first,
        line.of_this_day,
        line.by_reference,
    )
    if line.moved:
        assert (Status.PAID, line.amount) == (leg.status, leg.amount)
        assert line.currency == leg.currency
    else:
        assert Status.FAILED is leg.status
