"""Which way the money of a difference went, kind by kind."""

from datetime import UTC, datetime

import pytest

from paycore.gateway.statement import Trade
from paycore.recon.match import Kind
from paycore.recon.rows import Difference
from paycore.recon.stake import OF_A_CHARGE, surplus_of


def difference(kind: Kind, **said: object) -> Difference:
    """One of a charge, if nothing else is said."""
    about = {"channel": "a", "account": "main", "fact": "x", "day": "2026-11-28"}
    at = datetime(2026, 11, 29, tzinfo=UTC)
    given = {"trade": Trade.CHARGE, **said}
    return Difference(kind=kind, found_at=at, **about, **given)


def test_every_kind_has_a_side():
    """None is forgotten."""
    assert set(Kind) == set(OF_A_CHARGE)


@pytest.mark.parametrize(
    ("kind", "said", "surplus"),
    [
        (Kind.THEY_LACK, {}, False),
        (Kind.REFUND_MISSING, {"trade": Trade.REFUND}, True),
        (Kind.WE_LACK, {}, True),
        (Kind.WE_LACK, {"moved": True}, True),
        (Kind.WE_LACK, {"moved": False}, None),
        (Kind.WE_LACK, {"trade": Trade.REFUND}, False),
        (Kind.AMOUNT, {"our_amount": 100, "their_amount": 101}, True),
        (Kind.AMOUNT, {"our_amount": 100, "their_amount": 99}, False),
        (
            Kind.AMOUNT,
            {"trade": Trade.REFUND, "our_amount": 100, "their_amount": 101},
            False,
        ),
        (Kind.FEE, {"our_fee": 3, "their_fee": 4}, None),
        (Kind.STATUS_OURS, {"our_status": "FAILED"}, True),
        (Kind.STATUS_OURS, {"our_status": "OPEN"}, None),
        (Kind.STATUS_THEIRS, {}, False),
        (Kind.DUPLICATE_LINE, {}, True),
        (Kind.DUPLICATE_LINE, {"trade": Trade.REFUND}, False),
        (Kind.CURRENCY, {}, None),
        (Kind.OTHER_DAY, {}, None),
        (Kind.UNKNOWN_LINE, {"trade": None}, None),
    ],
)
def test_who_has_too_much(kind, said, surplus):
    """What they have and our books have not is a surplus, of a refund the other way
    round; what cannot be booked is neither.
    """
    assert surplus == surplus_of(difference(kind, **said))
