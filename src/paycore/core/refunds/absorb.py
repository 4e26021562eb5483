"""Absorb an answer about a refund: by another door, or too late for its own."""

from msgspec.structs import replace

from paycore.cards.rows import CardRow
from paycore.core.absorb import with_attempts
from paycore.core.chain import Run, run_commands
from paycore.core.refunds.commands import TAIL
from paycore.core.refunds.refund import Refund
from paycore.core.refunds.run import RefundRun
from paycore.core.refunds.settle import compare, settle
from paycore.core.rows import PaymentRow, RefundRow
from paycore.gateway import service as gateway
from paycore.gateway.call import Reply
from paycore.kernel.node import Node
from paycore.kernel.outcome import Outcome
from paycore.lines import service as lines


async def run_for(node: Node, row: RefundRow) -> RefundRun:
    """A passage over a refund that stands. With the payment's attempts: of them a call
    says what gives the money back.
    """
    found = await node.journal.load(PaymentRow, row.pay_order_no)
    assert found is not None, "a refund has its payment"
    payment = await with_attempts(node, found)
    card = await node.journal.load(CardRow, found.card_id)
    assert card is not None, "a payment's card is never deleted"
    return RefundRun(
        node=node,
        payment=payment,
        line=lines.line(node, row.biz_line),
        change=node.change(),
        card=card,
        refund=Refund(row),
    )


async def absorb(refused: Run, *, coupon_gone: bool = False) -> RefundRun:
    """A passage whose commit was refused, anew over what stands; not yet committed. A
    refund has no coupon that could be gone.
    """
    assert isinstance(refused, RefundRun)
    assert not coupon_gone
    node, last = refused.node, refused.last
    kind, key = refused.leased
    row = await node.journal.load(kind, *key)
    assert isinstance(row, RefundRow)
    run = await run_for(node, row)
    run.key, run.committed, run.last = refused.key, True, last
    run.leases = refused.leases
    if last is not None:
        gateway.conclude(node, last.prepared, last.answer, run.change)
        reply, ended = last.answer.reply, last.call_ended
        if last.quiet_from is not None and run.quiet_from > last.quiet_from:
            reply, ended = _of_an_earlier_send(reply), False
        await write(run, reply, call_ended=ended)
    return run


def _of_an_earlier_send(reply: Reply) -> Reply:
    """It was sent again since this was asked for. A yes is one, whichever send it is
    about. A no says nothing of the later one, which may be paid: it would free the
    money meanwhile.
    """
    if reply.outcome is Outcome.SUCCEEDED:
        return reply
    return replace(reply, outcome=Outcome.UNKNOWN, blame=None)


async def write(run: RefundRun, reply: Reply, *, call_ended: bool) -> None:
    """The reply into the refund, with the tail it calls for."""
    if run.refund.row.status.final:
        await compare(run, reply)
        return
    await settle(run, reply, call_ended=call_ended)
    await run_commands(run, TAIL)
