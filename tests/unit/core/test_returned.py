"""What the books say once the desk has something go back."""

import pytest
from a_payment import NO, NOW, sent
from a_refund import a_row
from a_run import an_order, run_of

from paycore.accounting.rows import PostingRow
from paycore.core import late
from paycore.core.refunds.refund import Refund
from paycore.core.refunds.returned import returned
from paycore.core.refunds.run import RefundRun
from paycore.core.rows import RefundRow
from paycore.desk.rows import CaseRow
from paycore.kernel.ids import late_refund_no
from paycore.kernel.terms import AttemptId, Json, RefundKind, RefundStatus

LATE = late_refund_no(AttemptId(f"{NO}01"))


def _ended(**given: object) -> RefundRow:
    """A refund of the same request, as it ended."""
    over = {"finished_at": NOW, "next_check_at": None, "out_refund_no": None}
    return a_row(99, money_amount=100, coupon_amount=0, **over, **given)


async def _posted_after(kind: str) -> list[tuple[str, str]]:
    """What is posted when the return of a case of this kind is back, of a request whose
    late money the bank refused to give back by itself.
    """
    passage = await run_of(an_order())
    node, case_id = passage.node, f"{kind}:{NO}:01:quick_a/main"
    node.journal.store.checks = {}  # what led there is no matter of ours
    before = node.change()
    late = {"kind": RefundKind.LATE_MONEY, "status": RefundStatus.FAIL}
    before.insert(_ended(refund_no=LATE, case_id=f"LATE_MONEY:{NO}:01:", **late))
    about = {"attempt_seq": 1, "amount": 100, "currency": "CNY", "evidence": Json("{}")}
    about |= {"pay_order_no": NO, "opened_at": NOW}
    before.insert(CaseRow(case_id=case_id, kind=kind, **about))
    assert await node.journal.commit(before) is None
    back = {"kind": RefundKind.RETURN, "status": RefundStatus.SUCCESS}
    run = RefundRun(
        node=node,
        payment=passage.payment,
        line=passage.line,
        change=node.change(),
        card=passage.card,
        refund=Refund(_ended(case_id=case_id, **back)),
    )

    await returned(run)

    rows = [one.row for one in run.change.inserts] + run.change.appends
    return [(one.kind, one.fact) for one in rows if isinstance(one, PostingRow)]


@pytest.mark.parametrize(
    ("kind", "more"), [("LATE_MONEY", False), ("RECON_DUPLICATE_LINE", True)]
)
async def test_a_charge_and_what_is_beyond_it_go_back_once_each(kind, more):
    """A return of the one is none of the other, by itself or by the desk."""
    run = await run_of(an_order())
    node, leg = run.node, sent(run.payment, channel="quick_a")
    node.journal.store.checks = {}
    change, case_id = node.change(), f"{kind}:{NO}:01:quick_a/main"
    back = {"kind": RefundKind.RETURN, "status": RefundStatus.SUCCESS}
    row = _ended(case_id=case_id, **back)
    change.insert(row)
    assert await node.journal.commit(change) is None

    assert row == await late.going_back(node, leg, more=more)
    assert await late.going_back(node, leg, more=not more) is None


@pytest.mark.parametrize("kind", ["LATE_MONEY", "CHARGED_WITHOUT_CONFIRM"])
async def test_late_money_is_owed_no_more_once_it_is_back(kind: str):
    """What the case is about is the money itself."""
    assert [("LATE_REFUND", LATE)] == await _posted_after(kind)


@pytest.mark.parametrize("kind", ["RECON_DUPLICATE_LINE", "RECON_AMOUNT"])
async def test_late_money_is_owed_still_when_something_else_is_back(kind: str):
    """A second charge under the same number, or what was taken beyond the amount."""
    assert [] == await _posted_after(kind)
