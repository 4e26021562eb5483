"""What the tests of the schema share: rows that both databases take, and whose hand
writes them.
"""

from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import UUID

from msgspec.structs import asdict, replace

from paycore.core.agreements.rows import SigningRow
from paycore.core.agreements.states import AgreementStatus
from paycore.core.rows import AttemptRow, PaymentRow, RefundRow
from paycore.desk.rows import CaseRow, CureRow, CureStatus
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
    TransType,
)

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


ACTIVE = replace(
    SIGNING, status=AgreementStatus.ACTIVE, last_event="SIGNED", signed_at=NOW, step=""
)
REVOKING = replace(
    SIGNING, status=AgreementStatus.REVOKING, last_event="REVOKE_ASKED", ended_at=NOW
)
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
        return self.put(row, over=[row])

    def put(self, row, *, over):
        """A row over the one of these that stands under its key, or a new one."""
        return self.write(self.change_to(row, over=over))

    def change_to(self, row, *, over):
        """The change that writes it."""
        change = self.change()
        own, kind = self.own(row), type(row)
        if (kind, row.key()) not in [(type(one), one.key()) for one in over]:
            change.insert(own)
        elif kind.__table__.versioned:
            change.update(own, version=own.version)
        else:
            change.amend(kind, own.key(), lambda _: own)
        return change

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
