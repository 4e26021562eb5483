"""What the simulator says of how things stand in the end."""

import asyncio
from datetime import timedelta

import pytest
from msgspec.structs import replace

from paycore.core.late import UNASKED
from paycore.core.rows import PaymentRow, RefundRow
from paycore.desk.rows import CaseRow
from paycore.kernel.journal import Change
from paycore.kernel.journal_memory import MemoryStore
from paycore.kernel.outcome import Outcome
from paycore.kernel.terms import (
    AttemptId,
    BizStatus,
    RefundKind,
    RefundNo,
)
from paycore.notify.rows import NoticeRow, NoticeStatus
from paycore.prove import verdict
from paycore.prove.plan import Plan
from paycore.prove.world import World

OVERDUE_S = verdict.OVERDUE.total_seconds()
LEASE_S = 60.0


@pytest.fixture(scope="module")
def calm():
    """A world after a quiet run of three nodes."""
    world = World(Plan(seed=1, payments=2, nodes=3, only=()))
    world.run()
    assert [] == world.oracle.violations
    return world


ALIVE, DEAD, NOBODY = "alive", "dead", "nobody"


@pytest.mark.parametrize(
    ("holder", "due_s", "lease_s", "late"),
    [
        (NOBODY, OVERDUE_S - 1, None, False),
        (NOBODY, OVERDUE_S + 1, None, True),
        (ALIVE, 3 * OVERDUE_S, -1.0, False),
        (ALIVE, OVERDUE_S + 1, 1.0, False),
        (ALIVE, OVERDUE_S + LEASE_S, OVERDUE_S - 1, False),
        (ALIVE, OVERDUE_S + LEASE_S, OVERDUE_S + 1, True),
        (DEAD, OVERDUE_S - 1, -1.0, False),
        (DEAD, OVERDUE_S + 1, -1.0, True),
    ],
)
def test_a_notice_is_late_a_minute_after_anybody_may_have_it(
    calm, holder, due_s, lease_s, late
):
    """I16: it is due, and nobody who lives has it, or his lease was over so long ago:
    where he could not give it back, nobody else may send it before.
    """
    world, now = calm, calm.database_now()
    row = world.base.every(NoticeRow)[0]
    alive = world.nodes[0].node.epoch
    stands = replace(
        row,
        status=NoticeStatus.PENDING,
        delivered_at=None,
        replayed_at=now,
        next_check_at=now - timedelta(seconds=due_s),
        lease_epoch={ALIVE: alive, DEAD: alive + 1000, NOBODY: None}[holder],
        lease_until=None if lease_s is None else now - timedelta(seconds=lease_s),
    )
    change = Change(world.nodes[0].node.ids.uuid())
    change.update(stands, version=row.version)
    assert world.base.commit(change) is None
    world.oracle.violations.clear()

    asyncio.run(verdict.judge(world, []))
    said = [one.what for one in world.oracle.violations]
    assert (["a notice that nobody sends"] if late else []) == said


TOLD = "REFUND_UNKNOWN_TOO_LONG"


@pytest.mark.parametrize(
    ("held", "sends", "kinds", "over"),
    [
        (UNASKED, 1, (UNASKED, TOLD), True),
        (UNASKED, 1, (UNASKED,), False),
        (UNASKED, 0, (UNASKED, TOLD), False),
        (None, 1, (UNASKED, TOLD), False),
    ],
)
def test_an_order_waits_with_its_unasked_money_where_a_person_has_that(
    calm, held, sends, kinds, over
):
    """I28: what nobody asked for goes back before its order closes. The charge's own
    case excuses no open order; the case of a refund that nobody can tell about does,
    but not one that never left, which is still to be sent.
    """
    world, now = World(Plan(seed=1, payments=1, only=())), calm.database_now()
    world.base = MemoryStore()
    row = calm.base.every(PaymentRow)[0]
    no = row.pay_order_no
    order = replace(row, biz_status=BizStatus.DOING, held=held)
    back = RefundRow(
        pay_order_no=no,
        refund_no=RefundNo(f"{no}M01"),
        biz_line=row.biz_line,
        kind=RefundKind.LATE_MONEY,
        out_refund_no=None,
        case_id=f"{UNASKED}:{no}",
        amount=100,
        money_amount=100,
        coupon_amount=0,
        currency="CNY",
        reason=None,
        channel="quick_a",
        account="main",
        inst_trans_id="quick_a.main",
        original_request_no=AttemptId(f"{no}01"),
        sends=sends,
        outcome=Outcome.UNKNOWN,
        created_at=now,
        quiet_from=now,
        next_check_at=now,
    )
    change = Change(calm.nodes[0].node.ids.uuid())
    change.insert(back)
    assert world.base.commit(change) is None
    cases = [
        CaseRow(
            case_id=f"{kind}:{no}",
            kind=kind,
            pay_order_no=no,
            attempt_seq=1,
            amount=100,
            currency="CNY",
            evidence="{}",
            opened_at=now,
        )
        for kind in kinds
    ]

    assert over is verdict.settled(world, order, cases)
