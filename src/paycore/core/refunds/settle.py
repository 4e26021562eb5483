"""What an answer about a refund changes: the common door of call, callback, enquiry."""

from datetime import timedelta

from paycore.core.other_money import remembering
from paycore.core.refunds.refund import MAX_SENDS
from paycore.core.refunds.run import RefundRun
from paycore.core.states import RefundEvent
from paycore.desk import service as desk
from paycore.gateway import service as gateway
from paycore.gateway.call import OTHER_MONEY, Reply, of_other_money
from paycore.kernel.outcome import REFUNDS, AfterRefund, Outcome
from paycore.kernel.terms import RefundStatus


async def settle(run: RefundRun, reply: Reply, *, call_ended: bool) -> AfterRefund:
    """Write the answer to an open refund into it.

    `call_ended`: our own call is over, so nobody is sending this number any more.
    """
    refund, now = run.refund, run.now
    reply = await _trusted(run, reply)
    step = _step(run, reply, call_ended=call_ended)
    refund.heard(reply, now=now, call_ended=call_ended)
    match step:
        case AfterRefund.REFUNDED:
            run.say("REFUNDED")
            refund.apply(RefundEvent.REFUNDED, now=now)
        case AfterRefund.FAIL:
            code = "NOT_REFUNDED" if reply.not_found else reply.resp_code
            run.say(code)
            refund.apply(RefundEvent.REFUND_REFUSED, now=now, cause=code)
        case AfterRefund.SEND_AGAIN:
            run.say("REFUNDING")
            event = (
                RefundEvent.REFUND_NOT_FOUND
                if reply.not_found
                else RefundEvent.REFUND_NOT_SENT
            )
            refund.apply(event, now=now, cause=reply.resp_code)
        case AfterRefund.ENQUIRE:
            run.say("REFUNDING")
            if call_ended:
                refund.apply(RefundEvent.REFUND_UNKNOWN, now=now, cause=reply.resp_code)
    return step


async def compare(run: RefundRun, reply: Reply) -> None:
    """A refund that has had its last word: the first final fact wins, and where this
    one contradicts it a person must look.
    """
    row = run.refund.row
    paid = row.status is RefundStatus.SUCCESS
    # A yes to other money is no yes to ours, but something was given back.
    says_yes = reply.outcome is Outcome.SUCCEEDED or reply.resp_code == OTHER_MONEY
    says_no = reply.outcome is Outcome.DECLINED
    if (paid and not says_no) or (not paid and not says_yes):
        return
    await _case(
        run,
        "LATE_REFUND" if says_yes else "REFUND_CONTRADICTION",
        amount=reply.amount,
        evidence={"status": row.status, "said": reply.outcome, "code": reply.resp_code},
    )


async def out_of_schedule(run: RefundRun) -> None:
    """The ladder is climbed, or the channel lost it too often: a person has it now, and
    we go on asking slowly.
    """
    row = run.refund.row
    await _case(
        run,
        "REFUND_UNKNOWN_TOO_LONG",
        evidence={"looks": row.checks, "sends": row.sends, "since": row.created_at},
    )


async def _trusted(run: RefundRun, reply: Reply) -> Reply:
    """The reply, made UNKNOWN where it speaks of other money than ours."""
    row = run.refund.row
    reply = remembering(OTHER_MONEY if row.other_money else "", reply)
    ours = (row.money_amount, row.currency)
    if reply.outcome is Outcome.SUCCEEDED and (reply.amount, reply.currency) != ours:
        reply = of_other_money(reply)
    if reply.alarm is not None:
        said = {"said_amount": reply.amount, "said_currency": reply.currency}
        await _case(run, "CHANNEL_ALARM", evidence={"alarm": reply.alarm, **said})
    return reply


def _step(run: RefundRun, reply: Reply, *, call_ended: bool) -> AfterRefund:
    """As the table says, but for what the channel does not know: past its window that
    is sent again, where it never pays a number twice, and else was surely not paid.
    """
    if not reply.not_found:
        step = REFUNDS[reply.outcome]
        unsent = step is AfterRefund.SEND_AGAIN
        # Only the refund's own call says that it did not leave.
        return AfterRefund.ENQUIRE if unsent and not call_ended else step
    row = run.refund.row
    if not _past_acceptance(run):
        return AfterRefund.ENQUIRE
    if not gateway.refunds_once(run.node, row.channel):
        return AfterRefund.FAIL
    lost_too_often = row.sends >= MAX_SENDS
    return AfterRefund.ENQUIRE if lost_too_often else AfterRefund.SEND_AGAIN


def _past_acceptance(run: RefundRun) -> bool:
    """Whether "not found" is the last word, by both clocks; see core/settle.py."""
    row, asked_at = run.refund.row, run.asked_at(run.refund.seq)
    window: timedelta = gateway.acceptance_window(run.node, row.channel)
    steady_s = window.total_seconds() + run.node.unheard_s
    steady_then_s = run.node.clock.steady_s() - (run.now - asked_at).total_seconds()
    return asked_at >= row.quiet_from + window and steady_then_s >= steady_s


async def _case(
    run: RefundRun, kind: str, *, amount: int | None = None, evidence: dict[str, object]
) -> None:
    row = run.refund.row
    await desk.open_case(
        run.node,
        run.change,
        kind=kind,
        pay_order_no=row.pay_order_no,
        attempt_seq=run.refund.seq,
        amount=row.money_amount if amount is None else amount,
        currency=row.currency,
        evidence={
            "refund_no": row.refund_no,
            "channel": row.channel,
            "account": row.account,
            "channel_ref": row.channel_ref,
            **evidence,
        },
    )
