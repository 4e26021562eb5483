"""Absorb an answer that comes by another door, or too late for its own.

Load the payment as it stands, write the reply to the attempt it belongs to if that is
still open, run the tail. A reply to an attempt that has had its last word changes
nothing: where it agrees it is only kept, where it contradicts it goes to the desk.
"""

from collections.abc import Mapping

from paycore.cards.rows import CardRow
from paycore.core import late
from paycore.core.chain import Run, run_commands
from paycore.core.commands import CouponModify, PayResultNotifyBiz
from paycore.core.payment import Payment
from paycore.core.rows import AttemptRow, PaymentRow, RefundTotalRow
from paycore.core.settle import settle
from paycore.desk import service as desk
from paycore.gateway import service as gateway
from paycore.gateway.call import OTHER_MONEY, Reply
from paycore.kernel.node import Node
from paycore.kernel.outcome import Outcome
from paycore.kernel.terms import BizStatus, PayOrderNo, ProcessStatus
from paycore.lines import service as lines

TAIL = (CouponModify, PayResultNotifyBiz)


async def load_payment(node: Node, no: PayOrderNo | None) -> Payment | None:
    """The aggregate as stored: the guarding row first, then what it guards."""
    if no is None:
        return None
    row = await node.journal.load(PaymentRow, no)
    if row is None:
        return None
    return await with_attempts(node, row)


async def with_attempts(node: Node, row: PaymentRow) -> Payment:
    """The aggregate around a row just loaded."""
    return Payment(row, await node.journal.within(AttemptRow, row.pay_order_no))


async def refunded(node: Node, row: PaymentRow) -> int:
    """How much of the order was given back by now."""
    if row.biz_status is not BizStatus.SUCCESS:
        return 0
    total = await node.journal.load(RefundTotalRow, row.pay_order_no)
    return total.done_amount if total is not None else 0


async def run_for(node: Node, payment: Payment) -> Run:
    """A passage over a payment that stands."""
    card = await node.journal.load(CardRow, payment.row.card_id)
    assert card is not None, "a payment's card is never deleted"
    line = lines.line(node, payment.row.biz_line)
    return Run(node=node, payment=payment, line=line, change=node.change(), card=card)


async def absorb(refused: Run, *, coupon_gone: bool = False) -> Run:
    """A passage whose commit was refused, anew over what stands; not yet committed."""
    payment = await load_payment(refused.node, refused.payment.row.pay_order_no)
    assert payment is not None
    run = await run_for(refused.node, payment)
    run.key, run.tries_left, run.committed = refused.key, refused.tries_left, True
    run.last, run.coupon_gone = refused.last, coupon_gone
    run.leases = refused.leases
    if refused.last is not None:
        last = refused.last
        if payment.attempts[last.seq].trans_type.moves_money:
            gateway.conclude(run.node, last.prepared, last.answer, run.change)
        else:
            # Too late for a code to take over, or to pass: the payment knows another
            # one by now, or will, and the two must agree on which is in force.
            run.change.append(last.answer.message)
        await write(run, last.seq, last.answer.reply, call_ended=last.call_ended)
    return run


async def write(run: Run, seq: int, reply: Reply, *, call_ended: bool) -> None:
    """The reply to attempt `seq`, into the payment, with the tail it calls for."""
    attempt = run.payment.attempts[seq]
    if not attempt.process_status.open:
        await _compare(run, attempt, reply)
    elif attempt.trans_type.moves_money:
        await settle(run, attempt, reply, call_ended=call_ended)
        await run_commands(run, TAIL)


async def _compare(run: Run, attempt: AttemptRow, reply: Reply) -> None:
    """The first final fact wins; a contradiction is a person's (F34, F38)."""
    if not attempt.trans_type.moves_money:
        return
    charged = attempt.process_status is ProcessStatus.GW_SUCCESS
    # A yes to other money is no yes to ours, but something was taken.
    says_yes = reply.outcome is Outcome.SUCCEEDED or reply.resp_code == OTHER_MONEY
    says_no = reply.outcome is Outcome.DECLINED
    if (charged and not says_no) or (not charged and not says_yes):
        return
    evidence = {
        "channel": attempt.channel,
        "account": attempt.account,
        "attempt_status": attempt.process_status,
        "biz_status": run.payment.row.biz_status,
        "said": reply.outcome,
        "said_code": reply.resp_code,
        "channel_ref": reply.channel_ref,
    }
    if says_yes:
        await _late(run, attempt, reply, evidence)
        return
    await desk.open_case(
        run.node,
        run.change,
        kind="CONTRADICTION",
        pay_order_no=attempt.pay_order_no,
        attempt_seq=attempt.seq,
        amount=reply.amount or attempt.amount,
        currency=attempt.currency,
        evidence=evidence,
    )


async def _late(
    run: Run, attempt: AttemptRow, reply: Reply, evidence: Mapping[str, object]
) -> None:
    """Money for a leg that had ended without: it goes back, and while the payment is
    open no second charge follows (I1).
    """
    payment = run.payment
    if (
        not payment.row.biz_status.final
        and payment.row.held is None
        and not late.another_leg_has_it(payment, attempt)
    ):
        payment.hold(late.AFTER_ITS_END)
    await late.take_in(
        run.node,
        run.change,
        payment,
        attempt,
        reply,
        kind=late.AFTER_ITS_END,
        evidence=evidence,
    )
