"""What a worker does with a refund that is due: the one look that fits its state.

What surely never left is sent; anything else is asked after under its number, and only
where the channel surely does not know it, and never pays a number twice, it is sent
once more, under the same number. There never is a second number for a refund.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from msgspec.structs import replace

from paycore.core import abandoned
from paycore.core.chain import GuardRefused, LastCall, run_commands
from paycore.core.other_money import FORCED
from paycore.core.refunds.absorb import absorb, run_for, write
from paycore.core.refunds.commands import SEND_AGAIN, TAIL
from paycore.core.refunds.run import RefundRun
from paycore.core.refunds.settle import out_of_schedule, settle
from paycore.core.rows import RefundRow
from paycore.gateway import service as gateway
from paycore.gateway.call import Operation, Reply
from paycore.kernel import errors, trace
from paycore.kernel.journal import Change
from paycore.kernel.node import Node
from paycore.kernel.outcome import AfterRefund, Blame, Outcome
from paycore.kernel.terms import PayOrderNo, RefundNo

Due = RefundRow
"""A refund that was due, claimed."""


async def claim(node: Node, limit: int) -> list[Due]:
    """Take the lease of refunds that are due and in nobody's hands."""
    return await node.journal.due(
        RefundRow,
        limit,
        now=node.now(),
        over=node.over_by(),
        epoch=node.epoch,
        live=node.heartbeat.live,
        lease_until=node.lease_until(),
    )


def look_now(change: Change, no: PayOrderNo, refund_no: RefundNo, at: datetime) -> None:
    """Stage that whoever works asks after it at once; refused where it has ended."""

    def due(row: RefundRow) -> RefundRow | None:
        return None if row.status.final else replace(row, next_check_at=at)

    change.amend(RefundRow, (no, refund_no), due)


def refuse_under_way(node: Node, row: RefundRow) -> None:
    """Refuse a word about a refund that may still reach its channel: it is sent more
    than once, and what was so a moment ago says nothing of a call on its way.
    """
    window = gateway.acceptance_window(node, row.channel)
    if node.now() < row.quiet_from + window + timedelta(seconds=node.unheard_s):
        raise errors.BizCheckError(
            "It may still be on its way to the channel: try again in some minutes.",
            "退款请求可能仍在途中，请数分钟后再试",
        )


async def force_not_refunded(
    node: Node, row: RefundRow, stage: Callable[[Change], None]
) -> None:
    """Two people's word that a refund gave nothing back, in the place of its channel's:
    it goes by the same door as an answer. What `stage` stages is in the commit that
    says so, which is refused where the refund is not as it was loaded.
    """
    run = await run_for(node, row)
    run.note("Desk", "FORCED", row.refund_no)
    said = Reply(outcome=Outcome.DECLINED, blame=Blame.PAYER, resp_code=FORCED)
    await write(run, said, call_ended=False)
    stage(run.change)
    await run.commit()


async def look(node: Node, row: Due) -> None:
    """Do what a claimed refund's state calls for, and give the lease back.

    Refused by a guard means that somebody else did something meanwhile: what a channel
    has told us by then is written down over it, for it may not say so again.
    """
    run: RefundRun | None = None
    try:
        run = await run_for(node, row)
        assert row.lease_until is not None, "it was claimed"
        run.leases.append(row.lease_until)
        with trace.of(node).payment("Refund", row.pay_order_no):
            await _look(run)
            run.release()
            await run.commit()
    except GuardRefused as error:
        abandoned.leave_look(node, row, run, error, absorb)
    except Exception as error:
        abandoned.leave_look(node, row, run, error, absorb)
        raise


async def _look(run: RefundRun) -> None:
    refund = run.refund
    refund.look_again()
    if refund.surely_unsent or await enquire(run) is AfterRefund.SEND_AGAIN:
        await run_commands(run, SEND_AGAIN)
    else:
        await run_commands(run, TAIL)
    if refund.out_of_schedule and not refund.row.status.final:
        await out_of_schedule(run)


async def enquire(run: RefundRun) -> AfterRefund:
    """Ask the channel for the refund's number, and write what it says."""
    timeout_s = run.node.settings.enquiry_timeout_s
    ask = run.ask(Operation.ENQUIRE, timeout_s)
    prepared = await gateway.prepare(run.node, ask, run.change)
    run.take_lease(ask)
    run.note("Enquirer", "CALL", f"{ask.channel}/{ask.account}")
    await run.commit()
    answer = await gateway.send(run.node, prepared, run.lease)
    run.note("Enquirer", str(answer.reply.outcome), answer.reply.resp_code)
    answer = replace(answer, reply=_as_enquiry(answer.reply))
    run.last = LastCall(
        *(run.refund.seq, prepared, answer),
        call_ended=False,
        quiet_from=run.quiet_from,
    )
    gateway.conclude(run.node, prepared, answer, run.change)
    return await settle(run, answer.reply, call_ended=False)


def _as_enquiry(reply: Reply) -> Reply:
    """An enquiry that did not get through says nothing about the refund itself."""
    if reply.outcome is Outcome.NOT_SENT:
        return Reply(outcome=Outcome.UNKNOWN, resp_code=reply.resp_code)
    return reply
