"""The end of a refund of late money (core/late.py): the books, the case, the payment
that was held for it, and the business line.
"""

import msgspec

from paycore.core import late
from paycore.core.payment import RETURNED, Payment
from paycore.core.refunds.document import refund_of
from paycore.core.refunds.run import RefundRun
from paycore.core.rows import PaymentRow, RefundRow
from paycore.core.states import Audience
from paycore.desk import service as desk
from paycore.kernel.terms import RefundStatus
from paycore.notify import service as notify

HELD = (late.AFTER_ITS_END, late.UNASKED)
"""What a payment is held by that waits for late money to go back."""


async def late_end(run: RefundRun) -> None:
    """In the commit of a final status: back, it is through with, and the line is told;
    refused, the case says so and stays a person's.
    """
    row, told = run.refund.row, run.refund.told
    if not told:
        return
    back = row.status is RefundStatus.SUCCESS
    await _into_the_case(run, row, back=back)
    if Audience.ACCOUNTING in told:
        late.post(run.node, run.change, row, at=run.now, returned=True)
    await _let_close(run)
    if back:
        _announce(run, row)
    told.clear()


async def _into_the_case(run: RefundRun, row: RefundRow, *, back: bool) -> None:
    assert row.case_id is not None, "late money has its case"
    await desk.found_out(
        run.node,
        run.change,
        row.case_id,
        what="GIVEN_BACK" if back else "REFUND_REFUSED",
        found={"refund_status": row.status, "refund_code": row.resp_code},
        close=back,
    )


async def _let_close(run: RefundRun) -> None:
    """A payment that was held for this money may be closed; still nothing begins: its
    channel would take another confirm for the charge that went back, or that it keeps
    for a person to cure once the payment is over.
    """
    stands = await run.node.journal.load(PaymentRow, run.refund.row.pay_order_no)
    assert stands is not None, "a refund has its payment"
    if stands.biz_status.final or stands.held not in HELD:
        return
    payment = Payment(stands)
    payment.may_close(RETURNED, run.now)
    payment.stage(run.change)


def _announce(run: RefundRun, row: RefundRow) -> None:
    notify.announce(
        run.node,
        run.change,
        pay_order_no=row.pay_order_no,
        biz_line=row.biz_line,
        type="refund.late_payment",
        data=msgspec.json.encode(refund_of(row)),
        at=run.now,
    )
