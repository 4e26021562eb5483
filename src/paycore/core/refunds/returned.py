"""What follows the end of a return: suspense and the desk, in the very same commit."""

from paycore.accounting import suspense
from paycore.accounting.suspense import Account
from paycore.core.refunds.run import RefundRun
from paycore.desk import service as desk
from paycore.kernel.terms import RefundStatus


async def returned(run: RefundRun) -> None:
    """Given back: nothing is in suspense any more, and the case is closed. Refused: the
    case waits for another cure.
    """
    row = run.refund.row
    assert row.case_id is not None, "only the desk's are told here"
    paid = row.status is RefundStatus.SUCCESS
    if paid:
        found = await suspense.parked(run.node, row.pay_order_no, row.case_id)
        if found is not None:
            to = Account.CHANNEL_RECEIVABLE
            suspense.settle(run.node, run.change, found, to=to, at=run.now)
    await desk.ended(
        run.node,
        run.change,
        row.case_id,
        done=paid,
        said=f"{row.refund_no}: {row.resp_code}",
    )
