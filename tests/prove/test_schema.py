"""What a migration refuses the simulated database refuses too, and takes what it takes.

Every change goes to both; an answer of one that is not the other's is a difference.
"""

from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import UUID

import pytest
from msgspec.structs import asdict, replace

from paycore.core.agreements.rows import (
    AgreementTransitionRow,
    NumberRow,
    SigningRow,
)
from paycore.core.agreements.states import AgreementStatus
from paycore.core.rows import AttemptRow, PaymentRow, RefundRow
from paycore.desk.rows import CaseRow, CureRow, CureStatus, StepRow
from paycore.kernel.journal import Change, ChangeRejected
from paycore.kernel.terms import (
    AttemptId,
    BizLineId,
    BizStatus,
    CardId,
    Json,
    PayOrderNo,
    PayType,
    ProcessStatus,
    RefundKind,
    RefundNo,
    RefundStatus,
    TransType,
)
from paycore.prove.mirror import Mirror, template
from paycore.prove.schema import empty_store

NOW = datetime(2026, 5, 4, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
SHARED = "AAAAAAAAAAA"
NO = PayOrderNo(f"260504090000000{SHARED}")
CARD = CardId(f"card_{SHARED}")
SIGNING = SigningRow(
    card_id=CARD,
    signing_no=NO,
    biz_line=BizLineId("shop"),
    pay_type=PayType.DEDUCT,
    channel="deduct_a",
    account="main",
    scope="tea",
    single_limit=100,
    daily_limit=1000,
    ends_at=NOW + timedelta(days=1),
    slot=b"slot",
    created_at=NOW,
    expires_at=NOW,
    quiet_from=NOW,
    next_check_at=NOW,
)


@pytest.fixture(scope="module")
def server(cluster):
    """A server with a migrated database to copy."""
    with template(cluster.dsn):
        yield cluster.dsn


@pytest.fixture(scope="module")
def both(server):
    """The database in memory, and a real one beside it."""
    mirror = Mirror(empty_store(), server, name="schema")
    yield mirror
    mirror.close()


SERIAL = count(1)


class Hand:
    """Writes to both, and says what they answered. Each has a payment, a card and a
    place of its own, so that all may use one database.
    """

    def __init__(self, both) -> None:
        self.both, self.mine = both, f"{next(SERIAL):011d}"

    def insert(self, *rows):
        """New rows: the code of their refusal, or nothing."""
        change = self.change()
        for row in rows:
            change.insert(self.own(row))
        return self.write(change)

    def update(self, row):
        """A row as it shall be, over the one that stands."""
        change = self.change()
        change.update(self.own(row), version=row.version)
        return self.write(change)

    def change(self) -> Change:
        """A new one."""
        return Change(UUID(int=10_000 + next(SERIAL)))

    def own(self, row):
        """The same row about what is this hand's."""
        named = {
            name: value.replace(SHARED, self.mine)
            for name, value in asdict(row).items()
            if type(value) is str
        }
        if isinstance(row, SigningRow):
            named["slot"] = row.slot + self.mine.encode()
        return replace(row, **named)

    def write(self, change):
        """The code of a refusal, or nothing; never a guard's."""
        try:
            assert self.both.commit(change) is None
        except ChangeRejected as rejected:
            return rejected.sqlstate
        return None


@pytest.fixture
def hand(both):
    """Writes; at the end the two must have agreed."""
    made = Hand(both)
    yield made
    assert [] == both.differences()


ACTIVE = replace(
    SIGNING, status=AgreementStatus.ACTIVE, last_event="SIGNED", signed_at=NOW, step=""
)
REVOKING = replace(
    SIGNING, status=AgreementStatus.REVOKING, last_event="REVOKE_ASKED", ended_at=NOW
)


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

CASE = f"LATE_MONEY:{NO}:01:"
OVER = PaymentRow(
    pay_order_no=NO,
    biz_line=BizLineId("shop"),
    out_biz_no=f"order-{SHARED}",
    biz_order_no=None,
    amount=500,
    coupon_no=None,
    coupon_amount=0,
    payable_amount=500,
    currency="CNY",
    card_id=CARD,
    subject="tea",
    biz_status=BizStatus.CLOSED,
    last_event="EXPIRED",
    created_at=NOW,
    expires_at=NOW,
    finished_at=NOW,
    next_check_at=None,
)
OPEN = replace(
    OVER, biz_status=BizStatus.DOING, finished_at=None, next_check_at=NOW + HOUR
)
LEG = AttemptRow(
    pay_order_no=NO,
    seq=1,
    trans_type=TransType.QUICK_PAY_CONFIRM,
    process_status=ProcessStatus.GW_FAIL,
    channel="quick_a",
    account="main",
    inst_trans_id="quick_a.quick_pay_confirm",
    request_no=AttemptId(f"{NO}01"),
    amount=500,
    currency="CNY",
    created_at=NOW,
    quiet_from=NOW,
    finished_at=NOW,
)
LATE_CASE = CaseRow(
    case_id=CASE,
    kind="LATE_MONEY",
    pay_order_no=NO,
    attempt_seq=1,
    amount=500,
    currency="CNY",
    evidence=Json("{}"),
    opened_at=NOW,
)
CURE = CureRow(
    case_id=CASE,
    number=1,
    cure="REFUND",
    amount=500,
    currency="CNY",
    does="goes back",
    seen=b"seen",
    needs_second=True,
    proposed_by="ann",
    why="the bank says so",
    proposed_at=NOW,
)
APPROVED = replace(CURE, approved_by="bert", approved_at=NOW)
EXECUTED = replace(
    APPROVED, status=CureStatus.EXECUTED, executed_by="ann", executed_at=NOW
)
DONE = replace(EXECUTED, status=CureStatus.DONE, ended_at=NOW)
RETURN = RefundRow(
    pay_order_no=NO,
    refund_no=RefundNo(f"{NO}R99"),
    biz_line=BizLineId("shop"),
    kind=RefundKind.RETURN,
    out_refund_no=None,
    case_id=CASE,
    amount=500,
    money_amount=500,
    coupon_amount=0,
    currency="CNY",
    reason="late",
    channel="quick_a",
    account="main",
    inst_trans_id="quick_a.quick_pay_confirm",
    original_request_no=AttemptId(f"{NO}01"),
    created_at=NOW,
    quiet_from=NOW,
    next_check_at=NOW,
)


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
