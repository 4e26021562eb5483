"""Money that comes when it must not, and what an order that was held for some does."""

import pytest
from a_payment import NO, NOW, sent
from a_refund import a_row
from a_run import an_order, run_of
from msgspec.structs import replace

from paycore.core import late
from paycore.gateway.call import Reply
from paycore.kernel.ids import late_refund_no
from paycore.kernel.outcome import Outcome
from paycore.kernel.terms import AttemptId, BizStatus, RefundKind, RefundStatus

MORE = Reply(outcome=Outcome.SUCCEEDED, amount=150, currency="CNY", channel_ref="r")
"""Another amount than was ever asked for: nothing goes back by itself."""


async def _heard(status: BizStatus, *, going_back: RefundStatus | None = None):
    """What the order is held by, and what is staged, when strange money is heard of."""
    payment = an_order(held=late.AFTER_ITS_END)
    run = await run_of(payment)
    node, leg = run.node, sent(payment, channel="quick_a")
    if status.final:
        payment.row = replace(payment.row, biz_status=status, next_check_at=None)
    node.journal.store.checks = {}
    if going_back is not None:
        change = node.change()
        ended = {"finished_at": NOW} if going_back.final else {}
        other = {"refund_no": late_refund_no(AttemptId(f"{NO}09")), "coupon_amount": 0}
        other |= {"original_request_no": AttemptId(f"{NO}09"), "out_refund_no": None}
        kind = {"kind": RefundKind.LATE_MONEY, "case_id": f"LATE_MONEY:{NO}:09:"}
        change.insert(a_row(1, status=going_back, **other, **kind, **ended))
        assert await node.journal.commit(change) is None
    await late.take_in(
        *(node, run.change, payment, leg, MORE), kind=late.AFTER_ITS_END, evidence={}
    )
    return payment.row.held, [one.row.kind for one in run.change.inserts]


@pytest.mark.parametrize("status", [BizStatus.SUCCESS, BizStatus.CLOSED])
async def test_an_order_that_is_over_gets_its_case_all_the_same(status):
    """It was held once for other money, and there is nothing more to be closed."""
    assert (late.AFTER_ITS_END, ["LATE_MONEY"]) == await _heard(status)


async def test_an_open_one_may_close():
    """A person gives back only what no order covers."""
    assert ("LATE_MONEY_AT_DESK", ["LATE_MONEY"]) == await _heard(BizStatus.DOING)


@pytest.mark.parametrize(
    ("going_back", "held"),
    [
        (RefundStatus.DOING, late.AFTER_ITS_END),
        (RefundStatus.FAIL, "LATE_MONEY_AT_DESK"),
    ],
)
async def test_while_other_money_goes_back_it_stays_open(going_back, held):
    """The end of that lets it close."""
    found, _ = await _heard(BizStatus.DOING, going_back=going_back)

    assert held == found
