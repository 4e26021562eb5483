"""What a worker does with a payment that is due: the one look that fits its state.

State is the truth: nothing here needs to know what happened, only what stands. A money
leg without its last word is enquired, never sent again; a code whose sending died is
sent anew or converted; without a money leg we never carry a payment to the money
ourselves; what is over its time is closed.
"""

from collections.abc import Callable
from datetime import datetime

from msgspec.structs import replace

from paycore.core import abandoned
from paycore.core import ask as asking
from paycore.core.absorb import TAIL, absorb, run_for, with_attempts, write
from paycore.core.chain import GuardRefused, LastCall, Next, Run, run_commands
from paycore.core.chains import CARD_DEDUCT_ON, CLOSE
from paycore.core.commands import CouponFree, CouponModify, PayResultNotifyBiz
from paycore.core.messages import words
from paycore.core.other_money import FORCED
from paycore.core.payment import Payment
from paycore.core.restored import RESTORED
from paycore.core.rows import AttemptRow, PaymentRow
from paycore.core.sending import CardQuickPaySend, SmsCentreSend
from paycore.core.settle import settle
from paycore.core.states import Event
from paycore.coupon import service as coupon
from paycore.desk import service as desk
from paycore.gateway import service as gateway
from paycore.gateway.call import Operation, Reply
from paycore.kernel import errors, trace
from paycore.kernel.journal import Change
from paycore.kernel.node import Node
from paycore.kernel.outcome import Blame, Outcome
from paycore.kernel.terms import (
    SMS_CENTRE,
    PayOrderNo,
    PayType,
    ProcessStatus,
    TransType,
    VerifyStatus,
)

Due = PaymentRow
"""A payment that was due, claimed."""

INTERRUPTED = Reply(outcome=Outcome.UNKNOWN, resp_code="INTERRUPTED")
"""Stands in for an answer that nobody is left to hear."""


SENT_ANEW = (SmsCentreSend, CouponFree, PayResultNotifyBiz)
"""What follows a send that was interrupted: the end of every chain that sends."""


async def claim(node: Node, limit: int) -> list[Due]:
    """Take the lease of payments that are due and in nobody's hands."""
    return await node.journal.due(
        PaymentRow,
        limit,
        now=node.now(),
        over=node.over_by(),
        epoch=node.epoch,
        live=node.heartbeat.live,
        lease_until=node.lease_until(),
    )


async def look(node: Node, row: Due) -> None:
    """Do what a claimed payment's state calls for, and give the lease back.

    Refused by a guard means that somebody else did something meanwhile: then it is no
    longer ours to do, and what stands has its own next look. But what a channel has
    told us by then is written down over it: it may not say so again.
    """
    run: Run | None = None
    try:
        run = await run_for(node, await with_attempts(node, row))
        assert row.lease_until is not None, "it was claimed"
        run.leases.append(row.lease_until)
        await _look_and_release(run)
    except GuardRefused as error:
        abandoned.leave_look(node, row, run, error, absorb)
    except Exception as error:
        abandoned.leave_look(node, row, run, error, absorb)
        raise


async def look_at(node: Node, no: PayOrderNo) -> None:
    """Take a payment's lease out of turn, and look; nothing where another has it."""
    row = await node.journal.load(PaymentRow, no)
    if row is None or row.biz_status.final or row.lease_epoch in node.heartbeat.live:
        return
    taken = replace(row, lease_epoch=node.epoch, lease_until=node.lease_until())
    change = node.change()
    change.update(taken, version=row.version)
    if await node.journal.commit(change) is None:
        await look(node, replace(taken, version=row.version + 1))


async def _look_and_release(run: Run) -> None:
    run.claimed = True
    try:
        with trace.of(run.node).payment("Look", run.payment.row.pay_order_no):
            if run.payment.row.held != RESTORED:
                # Else `paycore recover` asks first what more was sent of it.
                await _look(run)
            run.release()
            await run.commit()
    except GuardRefused as error:
        if error.refused.guard != coupon.GUARD:
            raise
        await _without_coupon(run)


async def _without_coupon(refused: Run) -> None:
    """Paid, and another order has the coupon: the desk has it, the money stands."""
    run = await absorb(refused, coupon_gone=True)
    run.release()
    await run.commit()


async def _look(run: Run) -> None:
    payment = run.payment
    attempt = payment.open_attempt
    if payment.money_leg is not None:
        await enquire(run, payment.money_leg)
    elif attempt is not None:
        await complete(run, attempt)
    elif payment.waits_for_a_person:
        pass
    elif run.now >= payment.row.expires_at:
        await _expire(run)
    elif payment.row.held is not None:
        pass  # its money went back: nothing begins any more
    elif payment.is_deduction:
        run.committed = True
        await CARD_DEDUCT_ON.execute(run)
    else:
        await set_free(run)


async def _expire(run: Run) -> None:
    """Its time is over."""
    run.closing = run.expiring = True
    await CLOSE.execute(run)


def look_now(change: Change, no: PayOrderNo, at: datetime) -> None:
    """Stage that whoever works asks at once; refused where the payment has ended."""

    def due(row: PaymentRow) -> PaymentRow | None:
        return None if row.biz_status.final else replace(row, next_check_at=at)

    change.amend(PaymentRow, (no,), due)


async def force_not_taken(
    node: Node, payment: Payment, seq: int, stage: Callable[[Change], None]
) -> None:
    """A person's word that a leg took no money, in the place of the channel's: it goes
    by the same door as an answer. What `stage` stages is in the commit that says so,
    which is refused where the payment is not as it was loaded.
    """
    run = await run_for(node, payment)
    if not run.payment.attempts[seq].process_status.open:
        raise errors.BizCheckError("The leg has had its last word.", "已有最终结果")
    run.note("Desk", "FORCED", f"{seq:02d}")
    said = Reply(outcome=Outcome.DECLINED, blame=Blame.PAYER, resp_code=FORCED)
    await write(run, seq, said, call_ended=False)
    if run.payment.row.lease_epoch is None:
        run.payment.release(run.now)
    stage(run.change)
    await run.commit()


async def enquire(run: Run, leg: AttemptRow) -> None:
    """Ask the channel for the same request number, and write what it says."""
    ask = asking.call(
        run,
        leg,
        timeout_s=run.node.settings.enquiry_timeout_s,
        operation=Operation.ENQUIRE,
        agreement=await _agreement_of(run, leg),
    )
    prepared = await gateway.prepare(run.node, ask, run.change)
    run.take_lease(ask)
    run.note("Enquirer", "CALL", f"{leg.channel}/{leg.account}")
    await run.commit()
    answer = await gateway.send(run.node, prepared, run.lease)
    run.note("Enquirer", str(answer.reply.outcome), answer.reply.resp_code)
    # From here on, also where it is written down later, it speaks of the leg.
    answer = replace(answer, reply=_as_enquiry(answer.reply))
    run.last = LastCall(leg.seq, prepared, answer, call_ended=False)
    gateway.conclude(run.node, prepared, answer, run.change)
    await settle(run, run.payment.attempts[leg.seq], answer.reply, call_ended=False)
    run.payment.look_again()
    if run.payment.money_leg is not None and run.payment.out_of_schedule:
        await _out_of_schedule(run, leg)
    await run_commands(run, TAIL)


async def _agreement_of(run: Run, leg: AttemptRow) -> str | None:
    """Under what a deduct was asked for, also where that is over: it says whose order
    it was where a channel has to look for it, and without it an order that is there may
    be found to be nowhere.
    """
    if leg.trans_type is not TransType.DEDUCT:
        return None
    return await asking.former_agreement_of(run, PayType.DEDUCT, leg)


def _as_enquiry(reply: Reply) -> Reply:
    """An enquiry that did not get through says nothing about the leg itself."""
    if reply.outcome is Outcome.NOT_SENT:
        return Reply(outcome=Outcome.UNKNOWN, resp_code=reply.resp_code)
    return reply


async def _out_of_schedule(run: Run, leg: AttemptRow) -> None:
    """The ladder is climbed: a person has it now, and we go on asking slowly."""
    await desk.open_case(
        run.node,
        run.change,
        kind="UNKNOWN_TOO_LONG",
        pay_order_no=leg.pay_order_no,
        attempt_seq=leg.seq,
        amount=leg.amount,
        currency=leg.currency,
        evidence={
            "channel": leg.channel,
            "account": leg.account,
            "request_no": leg.request_no,
            "enquiries": run.payment.row.checks,
            "since": leg.created_at.isoformat(),
        },
    )


async def complete(run: Run, attempt: AttemptRow) -> None:
    """Go on from an attempt, not a money leg, whose node died in the middle."""
    run.note("Completer", attempt.trans_type, "interrupted")
    run.committed = True
    run.resend = run.payment.send_in_force is not None
    reply = INTERRUPTED
    if run.payment.row.held is not None:
        # A person has it: nothing is sent again, and nothing closes.
        run.payment.end(attempt, ProcessStatus.GW_FAIL, reply, run.now)
    elif run.now >= run.payment.row.expires_at:
        run.payment.end(attempt, ProcessStatus.GW_FAIL, reply, run.now)
        await _expire(run)
    elif attempt.trans_type is TransType.SMS_VERIFY:
        await _free_verification(run, attempt, reply)
    elif attempt.channel == SMS_CENTRE:
        # The text may have left: a new code replaces whatever the payer got.
        run.payment.end(attempt, ProcessStatus.GW_FAIL, reply, run.now)
        await run_commands(run, SENT_ANEW)
    else:
        result = await CardQuickPaySend().after(run, attempt.seq, reply)
        if result is not Next.STOP:
            await run_commands(run, SENT_ANEW)


async def _free_verification(run: Run, attempt: AttemptRow, reply: Reply) -> None:
    """The try is counted, nothing was charged: the next one is the payer's."""
    run.payment.end(attempt, ProcessStatus.GW_FAIL, reply, run.now)
    await set_free(run)


async def set_free(run: Run) -> None:
    """No money leg, not over its time: lease and coupon are freed, a PASS stays."""
    payment = run.payment
    if payment.row.verify_status is not VerifyStatus.PASS:
        payment.respond("NOT_CHARGED", words("NOT_CHARGED", run.line.language))
    payment.apply(Event.INTERRUPTED, now=run.now)
    await run_commands(run, (CouponModify,))
