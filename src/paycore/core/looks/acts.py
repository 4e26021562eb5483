"""What operators do to one payment by itself: stage the rows of a normal operation."""

from paycore.core import recover
from paycore.core.absorb import load_payment
from paycore.core.looks.document import why_not_enquire
from paycore.kernel.errors import BizCheckError, DataNotExist
from paycore.kernel.journal import Change
from paycore.kernel.node import Node
from paycore.kernel.terms import BizLineId, BizStatus, PayOrderNo
from paycore.notify import endpoints, replays
from paycore.notify.rows import NoticeRow


async def standing(node: Node, no: PayOrderNo) -> tuple[BizLineId, BizStatus]:
    """Whose a payment is and what became of it; DataNotExist without one."""
    payment = await load_payment(node, no)
    if payment is None:
        raise DataNotExist
    return payment.row.biz_line, payment.row.biz_status


async def stage_enquiry(node: Node, change: Change, no: PayOrderNo) -> BizStatus:
    """Stage that whoever works asks the channel at once; refused where no money was
    asked for whose result is unknown.
    """
    payment = await load_payment(node, no)
    if payment is None:
        raise DataNotExist
    why_not = why_not_enquire(payment)
    if why_not is not None:
        raise BizCheckError(*why_not)
    recover.look_now(change, no, node.now())
    return payment.row.biz_status


async def stage_notices(node: Node, change: Change, no: PayOrderNo) -> int:
    """Stage that all notices of a payment are sent again; how many."""
    await standing(node, no)
    rows = await node.journal.within(NoticeRow, no)
    if not rows:
        raise BizCheckError("There is no notice of it yet.", "尚无通知")
    await endpoints.refresh(node)
    for row in rows:
        await replays.stage(node, change, no, row.notice_id)
    return len(rows)
