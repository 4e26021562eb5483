"""What follows the end of a return: the books and the desk, in the very same commit."""

from paycore.accounting import suspense
from paycore.accounting.suspense import Account
from paycore.core import late
from paycore.core.refunds.run import RefundRun
from paycore.core.rows import RefundRow
from paycore.desk import service as desk
from paycore.kernel.ids import late_refund_no
from paycore.kernel.terms import RefundStatus


async def returned(run: RefundRun) -> None:
    """Given back: nothing of it is in suspense or owed to a payer any more, and the
    case is closed. Refused: the case waits for another cure.
    """
    row = run.refund.row
    assert row.case_id is not None, "only the desk's are told here"
    paid = row.status is RefundStatus.SUCCESS
    if paid:
        await _book(run, row, row.case_id)
    await desk.ended(
        run.node,
        run.change,
        row.case_id,
        done=paid,
        said=f"{row.refund_no}: {row.resp_code}",
    )


async def _book(run: RefundRun, row: RefundRow, case_id: str) -> None:
    """Out of where it stood. Late money that was refused when it went back by itself
    is owed under that refund's number, unless it was something else that went back.
    """
    number = late_refund_no(row.original_request_no)
    owed = await run.node.journal.load(RefundRow, row.pay_order_no, number)
    if owed is not None and not late.is_of_more(case_id):
        late.post(run.node, run.change, owed, at=run.now, returned=True)
    found = await suspense.parked(run.node, row.pay_order_no, case_id)
    if found is not None:
        to = Account.CHANNEL_RECEIVABLE
        suspense.settle(run.node, run.change, found, to=to, at=run.now)
