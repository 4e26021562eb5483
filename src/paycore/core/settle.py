"""What the answer to a money leg changes: the common door of all three ways in.

The reply to our own call, a callback and an enquiry all become a `Reply` and end here;
none of them can do what the outcome table does not allow.
"""

from datetime import timedelta

from msgspec.structs import replace as replaced

from paycore.core.chain import Run
from paycore.core.messages import words
from paycore.core.other_money import remembering
from paycore.core.payment import Payment, differs
from paycore.core.rows import AttemptRow
from paycore.core.states import Event
from paycore.desk import service as desk
from paycore.gateway import service as gateway
from paycore.gateway.call import Reply, of_other_money
from paycore.kernel.outcome import AfterCharge, allowed
from paycore.kernel.terms import PayType, ProcessStatus, TransType, VerifyStatus


async def settle(
    run: Run, attempt: AttemptRow, reply: Reply, *, call_ended: bool
) -> AfterCharge:
    """Write the answer to an open money leg into the payment.

    `call_ended`: our own call is over, so nobody is sending this request any more.
    """
    payment, now = run.payment, run.now
    reply = await _trusted(run, attempt, reply)
    step = _step(run, attempt, reply, call_ended=call_ended)
    if reply.not_found and step is AfterCharge.FAIL:
        reply = replaced(reply, resp_code="NOT_TAKEN")
    match step:
        case AfterCharge.PAID:
            payment.end(attempt, ProcessStatus.GW_SUCCESS, reply, now)
            _judge(payment, attempt, VerifyStatus.PASS)
            _say(run, "SUCCESS")
            payment.apply(Event.PAID, now=now, attempt_seq=attempt.seq)
        case AfterCharge.FAIL:
            payment.end(attempt, ProcessStatus.GW_FAIL, reply, now)
            _say(run, reply.resp_code)
            payment.apply(
                Event.DECLINED, now=now, cause=reply.resp_code, attempt_seq=attempt.seq
            )
        case AfterCharge.ASK_CODE_AGAIN:
            payment.end(attempt, ProcessStatus.GW_FAIL, reply, now)
            _judge(payment, attempt, reply.verify_status or VerifyStatus.WRONG)
            _say(run, reply.resp_code)
            payment.apply(
                Event.CODE_REFUSED,
                now=now,
                cause=reply.resp_code,
                attempt_seq=attempt.seq,
            )
        case AfterCharge.NOT_TAKEN | AfterCharge.NEXT_DEDUCT_ROUTE:
            payment.end(attempt, ProcessStatus.GW_FAIL, reply, now)
            # Who waits for a deduction is not asked to do anything: we go on.
            _say(run, "CONFIRMING" if payment.is_deduction else "NOT_CHARGED")
            payment.apply(
                Event.NOT_CHARGED,
                now=now,
                cause=reply.resp_code,
                attempt_seq=attempt.seq,
            )
        case AfterCharge.ENQUIRE:
            _wait(run, attempt, reply, call_ended=call_ended)
    return step


async def _trusted(run: Run, attempt: AttemptRow, reply: Reply) -> Reply:
    """The reply, made UNKNOWN where it speaks of other money than ours (F32)."""
    reply = remembering(attempt.resp_code, reply)
    if differs(reply, attempt):
        reply = of_other_money(reply)
    # The same alarm at every enquiry is one case.
    if reply.alarm is not None and attempt.resp_code != reply.resp_code:
        await desk.open_case(
            run.node,
            run.change,
            kind="CHANNEL_ALARM",
            pay_order_no=attempt.pay_order_no,
            attempt_seq=attempt.seq,
            amount=attempt.amount,
            currency=attempt.currency,
            evidence={
                "alarm": reply.alarm,
                "channel": attempt.channel,
                "account": attempt.account,
                "said_amount": reply.amount,
                "said_currency": reply.currency,
            },
        )
    return reply


def _step(
    run: Run, attempt: AttemptRow, reply: Reply, *, call_ended: bool
) -> AfterCharge:
    elsewhere = AfterCharge.NEXT_DEDUCT_ROUTE
    if reply.not_found:
        if not _past_acceptance(run, attempt):
            return AfterCharge.ENQUIRE
        return AfterCharge.FAIL
    step = allowed(reply.outcome, reply.blame).taking_money
    # The code of a deduct was ours and has passed: one that blames it is just refused.
    # And nobody is left to go elsewhere once the chain is over; a confirm never is.
    # But a deduction whose node died has nobody else: a worker goes on with it, if this
    # is the first that is heard of the leg. After an unknown answer it never does.
    unheard = run.payment.is_deduction and attempt.outcome is None
    goes_on = call_ended or unheard
    refused = {AfterCharge.ASK_CODE_AGAIN} | ({elsewhere} if not goes_on else set())
    if attempt.trans_type is not TransType.DEDUCT:
        refused = {elsewhere}
    return AfterCharge.FAIL if step in refused else step


def _past_acceptance(run: Run, attempt: AttemptRow) -> bool:
    """Whether "not found" is the last word: the channel's window had passed, since the
    moment nobody could still be sending, when the channel was asked. What it said then
    may come late, and be written down later still: it says nothing of the time between.

    And really passed: a clock that has just leapt ahead says so too early, by our own
    moment or by that of the node which wrote it, who may send on for a while.
    """
    asked_at = run.asked_at(attempt.seq)
    window: timedelta = gateway.acceptance_window(run.node, attempt.channel)
    steady_s = window.total_seconds() + run.node.unheard_s
    steady_then_s = run.node.clock.steady_s() - (run.now - asked_at).total_seconds()
    return asked_at >= attempt.quiet_from + window and steady_then_s >= steady_s


def _judge(payment: Payment, attempt: AttemptRow, status: VerifyStatus) -> None:
    """In quick pay the channel's answer is also its verdict on the code."""
    if payment.row.pay_type is PayType.QUICK_PAY:
        payment.verified(status)


def _wait(run: Run, attempt: AttemptRow, reply: Reply, *, call_ended: bool) -> None:
    payment = run.payment
    payment.still_open(attempt, reply, now=run.now, call_ended=call_ended)
    _say(run, "CONFIRMING")
    if call_ended:
        payment.first_look()
        payment.apply(
            Event.CHARGE_UNKNOWN,
            now=run.now,
            cause=reply.resp_code,
            attempt_seq=attempt.seq,
        )


def _say(run: Run, code: str) -> None:
    run.payment.respond(code, words(code, run.line.language))
