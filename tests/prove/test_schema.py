"""What a migration refuses the simulated database refuses too, and takes what it takes.

Every change goes to both; an answer of one that is not the other's is a difference.
"""

import pytest
from msgspec.structs import replace
from schema_rows import (
    ACTIVE,
    APPROVED,
    CASE,
    CURE,
    DONE,
    EXECUTED,
    LATE_CASE,
    LEG,
    NO,
    NOW,
    OPEN,
    OVER,
    RETURN,
    REVOKING,
    SHARED,
    SIGNING,
)
from schema_violations import ASKED, CHARGED, GOOD, NEXT, PAID, TOTAL, VOID
from schema_violations_setup import ACT, OPERATOR

from paycore.core.agreements.rows import (
    AgreementTransitionRow,
    NumberRow,
)
from paycore.core.agreements.states import AgreementStatus
from paycore.desk.rows import StepRow
from paycore.kernel.terms import (
    BizLineId,
    RefundKind,
    RefundNo,
    RefundStatus,
)
from paycore.sms.rows import CodeStatus


@pytest.mark.parametrize(
    "row",
    [
        replace(SIGNING, step="ELSE"),
        replace(SIGNING, scope=""),
        replace(SIGNING, single_limit=None),
        replace(SIGNING, ends_at=None),
        replace(SIGNING, next_check_at=None),
        replace(SIGNING, ended_at=NOW),
        ACTIVE,
        REVOKING,
    ],
)
def test_an_agreement_begins_as_it_must(hand, row):
    """Asked for, with its terms, and looked at."""
    assert "23514" == hand.insert(row)


@pytest.mark.parametrize(
    ("row", "refused"),
    [
        (ACTIVE, None),
        (REVOKING, None),
        (replace(SIGNING, confirms=1), None),
        (replace(ACTIVE, signed_at=None), "23514"),
        (replace(ACTIVE, last_event="SIGN_FOUND"), "23514"),
        (replace(REVOKING, ended_at=None), "23514"),
        (replace(SIGNING, daily_limit=5), "23514"),
        (replace(SIGNING, slot=b"another"), "23514"),
        (replace(ACTIVE, status=AgreementStatus.REVOKED, ended_at=NOW), "23514"),
    ],
)
def test_an_agreement_moves_by_its_table(hand, row, refused):
    """Nothing else moves it, and its terms stay."""
    hand.insert(SIGNING)

    assert refused == hand.update(row)


def test_what_was_ended_stays_ended(hand):
    """A final agreement changes no more."""
    over = replace(
        *(SIGNING,),
        status=AgreementStatus.REFUSED,
        last_event="SIGN_REFUSED",
        ended_at=NOW,
        next_check_at=None,
        step="",
    )
    hand.insert(SIGNING)
    hand.update(over)

    assert "23514" == hand.update(replace(over, version=2, resp_code="ELSE"))


def test_what_a_signing_is_found_by_stays(hand):
    """Its history and its numbers are written once."""
    told = AgreementTransitionRow(
        card_id=SIGNING.card_id,
        signing_no=NO,
        seq=1,
        from_status=AgreementStatus.PENDING,
        event="CODE_SENT",
        to_status=AgreementStatus.PENDING,
        cause="",
        at=NOW,
    )
    named = NumberRow(name=NO, card_id=SIGNING.card_id, signing_no=NO)

    assert None is hand.insert(SIGNING, told, named)


# --- the desk -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("order", "cure", "row", "refused"),
    [
        (OVER, EXECUTED, RETURN, None),
        (OVER, APPROVED, RETURN, None),
        (OVER, replace(CURE, needs_second=False), RETURN, None),
        (OVER, CURE, RETURN, "23514"),
        (OVER, DONE, RETURN, "23514"),
        (OVER, replace(EXECUTED, cure="NOTE"), RETURN, "23514"),
        (OVER, replace(EXECUTED, amount=499), RETURN, "23514"),
        (OVER, replace(EXECUTED, currency="USD"), RETURN, "23514"),
        (OVER, replace(EXECUTED, case_id=f"ELSE-{SHARED}"), RETURN, "23514"),
        (OPEN, EXECUTED, RETURN, "23514"),
        (OVER, EXECUTED, replace(RETURN, channel="quick_b"), "23514"),
        (OVER, EXECUTED, replace(RETURN, biz_line=BizLineId("else")), "23514"),
        (OVER, EXECUTED, replace(RETURN, case_id=None), "23514"),
        (OVER, EXECUTED, replace(RETURN, out_refund_no="mine"), "23514"),
        (OVER, EXECUTED, replace(RETURN, refund_no=RefundNo(f"{NO}M01")), "23514"),
        (
            *(OVER, EXECUTED),
            replace(RETURN, money_amount=400, coupon_amount=100),
            "23514",
        ),
    ],
)
def test_a_return_is_born_of_its_cure(hand, order, cure, row, refused):
    """Of an order that is over, by a leg of it, as much as was agreed on."""
    hand.insert(order, LEG, cure)

    assert refused == hand.insert(row)


@pytest.mark.parametrize("kind", [RefundKind.RETURN, RefundKind.LATE_MONEY])
def test_the_same_money_goes_back_once(hand, kind):
    """By itself or by a person; again only where it was refused."""
    late = replace(RETURN, kind=kind)
    if kind is RefundKind.LATE_MONEY:
        late = replace(late, refund_no=RefundNo(f"{NO}M01"))
        hand.insert(LATE_CASE)
    again = replace(RETURN, refund_no=RefundNo(f"{NO}R98"))
    hand.insert(OVER, LEG, EXECUTED)

    assert None is hand.insert(late)
    assert "23505" == hand.insert(again)
    failed = replace(
        *(late,),
        status=RefundStatus.FAIL,
        last_event="REFUND_REFUSED",
        finished_at=NOW,
        next_check_at=None,
    )
    assert None is hand.update(failed)
    assert None is hand.insert(again)


@pytest.mark.parametrize(
    "row",
    [
        replace(CURE, approved_by="ann"),
        replace(CURE, why="  "),
        replace(CURE, proposed_by=""),
        replace(CURE, executed_by="ann"),
        replace(EXECUTED, approved_by=None),
        replace(EXECUTED, executed_by=None),
        replace(EXECUTED, ended_at=NOW),
        replace(DONE, ended_at=None),
    ],
)
def test_a_cure_is_agreed_on_by_two(hand, row):
    """Nothing else is even kept."""
    assert "23514" == hand.insert(row)


@pytest.mark.parametrize(
    ("before", "after", "refused"),
    [
        (CURE, APPROVED, None),
        (APPROVED, EXECUTED, None),
        (EXECUTED, DONE, None),
        (EXECUTED, APPROVED, "23514"),
        (DONE, replace(DONE, result="else"), "23514"),
        (APPROVED, replace(APPROVED, approved_by="carl"), "23514"),
        (APPROVED, CURE, "23514"),
        (CURE, replace(CURE, amount=1), "23514"),
        (CURE, replace(CURE, needs_second=False), "23514"),
        (CURE, replace(CURE, seen=b"else"), "23514"),
    ],
)
def test_a_cure_stays_as_it_was_agreed_on(hand, before, after, refused):
    """It goes on, and never back."""
    hand.insert(before)

    assert refused == hand.update(after)


def test_one_cure_of_a_case_is_under_way(hand):
    """The next one waits for its end."""
    hand.insert(EXECUTED)

    assert "23505" == hand.insert(replace(EXECUTED, number=2))
    assert None is hand.insert(replace(EXECUTED, number=2, case_id=f"another-{SHARED}"))


@pytest.mark.parametrize(
    ("who", "why", "refused"),
    [("ann", "so", None), ("", "so", "23514"), ("ann", " ", "23514")],
)
def test_a_step_names_who_and_why(hand, who, why, refused):
    """I26."""
    step = StepRow(case_id=CASE, seq=1, at=NOW, who=who, what="TAKEN", why=why)

    assert refused == hand.insert(step)


# --- one change that writes much ------------------------------------------------------


@pytest.mark.parametrize("turned", [False, True])
def test_a_code_takes_the_place_of_another(hand, turned):
    """In whatever order they were staged: who looks AFTER sees both."""
    hand.insert(GOOD)
    hand.insert(NEXT)
    change = hand.change()
    rows = [VOID, replace(NEXT, status=CodeStatus.ACTIVE)]
    for row in reversed(rows) if turned else rows:
        change.update(hand.own(row), version=1)

    assert None is hand.write(change)


@pytest.mark.parametrize("turned", [False, True])
def test_a_refund_does_not_come_with_its_reservation(hand, turned):
    """In whatever order they were staged: kinds are inserted one after the other."""
    hand.insert(PAID)
    hand.insert(CHARGED)
    change = hand.change()
    for row in (ASKED, TOTAL) if turned else (TOTAL, ASKED):
        change.insert(hand.own(row))

    assert "23514" == hand.write(change)


@pytest.mark.parametrize("turned", [False, True])
def test_an_act_does_not_come_with_its_operator(hand, turned):
    """A foreign key is looked at when its own kind is written."""
    change = hand.change()
    for row in (ACT, OPERATOR) if turned else (OPERATOR, ACT):
        change.insert(hand.own(row))

    assert "23503" == hand.write(change)


@pytest.mark.parametrize("turned", [False, True])
def test_a_refund_fails_with_its_reservation_given_back(hand, turned):
    """Both are written at once, and who looks AFTER sees both."""
    for row in (PAID, CHARGED, TOTAL, ASKED):
        hand.insert(row)
    failed = replace(
        *(ASKED,),
        status=RefundStatus.FAIL,
        last_event="REFUND_REFUSED",
        finished_at=NOW,
        next_check_at=None,
    )
    rows = [failed, replace(TOTAL, taken_amount=0, taken_money=0)]
    change = hand.change()
    for row in reversed(rows) if turned else rows:
        change.update(hand.own(row), version=1)

    assert None is hand.write(change)
