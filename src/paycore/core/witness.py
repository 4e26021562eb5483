"""What a commit meant, for those who watch: counters, and a line at a payment's end.

Asked once a commit has said yes, so nothing is told that did not happen. Nothing is
decided here, and nothing is read back.
"""

from paycore.core.rows import PaymentRow, TransitionRow
from paycore.core.states import Event
from paycore.kernel import log
from paycore.kernel.journal import Change
from paycore.kernel.meters import CONVERSIONS, FINISHED, OPENED, Tally
from paycore.kernel.node import Node

_log = log.get(__name__)


def committed(node: Node, row: PaymentRow, change: Change, *, new: bool) -> None:
    """A payment's change is on record."""
    tally = node.state(Tally)
    if new:
        tally.count(OPENED, row.pay_type)
    for staged in change.appends:
        if not isinstance(staged, TransitionRow):
            continue
        if staged.event == Event.CONVERTED:
            tally.count(CONVERSIONS, staged.cause)
        if staged.to_status.final:
            tally.count(FINISHED, staged.to_status, row.pay_type)
            _tell_end(node, row)


def _tell_end(node: Node, row: PaymentRow) -> None:
    _log.info(
        "payment_ended",
        pay_order_no=row.pay_order_no,
        epoch=node.epoch,
        biz_line=row.biz_line,
        biz_status=row.biz_status.value,
        pay_type=row.pay_type.value,
        converted=row.convert_cause,
        because=row.last_event,
        resp_code=row.resp_code,
    )
