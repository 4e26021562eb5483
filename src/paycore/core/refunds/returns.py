"""Returns: refunds of money that no order covers, ordered by the desk.

A channel charged twice, or after we had closed: what it took beyond the order goes back
by the leg that took it. It is a refund like any other to whoever works and to the
channel; only its number is counted from the other end, it takes nothing of what is left
of the order, and no line is told.
"""

from paycore.core import late
from paycore.core.rows import AttemptRow, PaymentRow, RefundRow
from paycore.core.states import RefundEvent
from paycore.gateway import service as gateway
from paycore.gateway.call import Operation
from paycore.kernel import errors
from paycore.kernel.ids import MAX_REFUNDS, refund_no
from paycore.kernel.journal import Change
from paycore.kernel.node import Node
from paycore.kernel.terms import PayOrderNo, RefundKind, RefundNo


def refuse_incapable(node: Node, leg: AttemptRow) -> None:
    """Not every channel gives back."""
    if leg.channel not in gateway.capable(node, Operation.REFUND):
        raise errors.BizCheckError(
            "The channel of this payment gives nothing back.", "该渠道不支持退款"
        )


async def stage(
    node: Node,
    change: Change,
    payment: PaymentRow,
    leg: AttemptRow,
    *,
    amount: int,
    case_id: str,
    why: str,
    channel_ref: str | None = None,
) -> RefundNo:
    """Stage a return; whoever works sends it at once. `channel_ref`: the channel's own
    number of that money, where it is not the leg's.
    """
    now, no = node.now(), payment.pay_order_no
    number = await _number(node, no)
    row = RefundRow(
        pay_order_no=no,
        refund_no=number,
        biz_line=payment.biz_line,
        kind=RefundKind.RETURN,
        out_refund_no=None,
        case_id=case_id,
        amount=amount,
        money_amount=amount,
        coupon_amount=0,
        currency=payment.currency,
        reason=why,
        channel=leg.channel,
        account=leg.account,
        inst_trans_id=leg.inst_trans_id,
        original_request_no=leg.request_no,
        original_channel_ref=channel_ref or leg.channel_ref,
        created_at=now,
        quiet_from=now,
        next_check_at=now,
    )
    late.stage_birth(change, row, RefundEvent.RETURN_AGREED, case_id)
    return number


async def _number(node: Node, no: PayOrderNo) -> RefundNo:
    """From the last number down: the line's own are counted up."""
    kinds = [row.kind for row in await node.journal.within(RefundRow, no)]
    returns = kinds.count(RefundKind.RETURN)
    if returns + kinds.count(RefundKind.ASKED) >= MAX_REFUNDS:
        raise errors.BizCheckError(
            "Too many refunds of this payment.", "该支付退款次数过多"
        )
    return refund_no(no, MAX_REFUNDS - returns)
