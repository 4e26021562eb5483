"""Which notice a final status makes, and what it says."""

import msgspec

from paycore.core.chain import Run
from paycore.core.order import order_of
from paycore.kernel.terms import BizStatus
from paycore.notify import service as notify

_TYPES = (
    (BizStatus.SUCCESS, "payment.succeeded"),
    (BizStatus.FAIL, "payment.failed"),
    (BizStatus.CLOSED, "payment.closed"),
)


def announce(run: Run) -> None:
    """Stage the notice of a payment that has just become final."""
    row, now = run.payment.row, run.now
    order = order_of(row, now=now, code_gap_s=run.node.settings.code_gap_s)
    notify.announce(
        run.node,
        run.change,
        pay_order_no=row.pay_order_no,
        biz_line=row.biz_line,
        type=dict(_TYPES)[row.biz_status],
        data=msgspec.json.encode(order),
        at=now,
    )
