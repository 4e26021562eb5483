"""What of reconciliation's differences a restore explains."""

from datetime import UTC, datetime

import pytest

from paycore.recon.match import Kind, Status
from paycore.recon.rows import Difference as ReconDifference
from paycore.recovery.match import Found, Source
from paycore.recovery.telling import of_statement

NO = "261128091500000ABCDEFGHJKM"


def difference(kind: Kind, **given: object) -> ReconDifference:
    """A charge of 100 in a statement."""
    return ReconDifference(
        **{
            "channel": "deduct_a",
            "account": "main",
            "kind": kind,
            "fact": f"CHARGE:{NO}04",
            "day": "2026-11-28",
            "trade": "CHARGE",
            "request_no": f"{NO}04",
            "their_amount": 100,
            "their_currency": "CNY",
            "found_at": datetime(2026, 11, 29, tzinfo=UTC),
            **given,
        }
    )


def test_what_they_have_and_we_have_not_was_forgotten():
    """With its number, its amount, and the case that reconciliation opened."""
    told = of_statement(difference(Kind.WE_LACK), None)

    assert told is not None
    assert (Found.CHARGED_THERE, f"{NO}04", None, 100) == (
        *(told.found, told.number),
        *(told.ours, told.theirs),
    )
    assert f"RECON_WE_LACK:::deduct_a/main:CHARGE:{NO}04" == told.case_id
    assert frozenset({Source.STATEMENT}) == told.sources


@pytest.mark.parametrize("kind", [Kind.FEE, Kind.OTHER_DAY, Kind.DUPLICATE_LINE])
def test_what_has_another_cause_is_left_to_reconciliation(kind: Kind):
    """No backup makes a fee."""
    assert of_statement(difference(kind), None) is None


def test_a_leg_that_is_open_here_is_no_difference():
    """It is asked after as ever, and has its end from that."""
    behind = difference(Kind.STATUS_OURS, our_status=Status.OPEN, our_amount=100)

    assert of_statement(behind, NO) is None
