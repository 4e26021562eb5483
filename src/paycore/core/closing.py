"""Closing an order that nobody paid: by its business line, or because it expired.

Never over a money leg whose fate is unknown, and where a channel has an open order of
ours, not before that channel was asked.
"""

from paycore.core import ask as asking
from paycore.core import late
from paycore.core.chain import Foreign, Local, Next, Run
from paycore.core.messages import words
from paycore.core.payment import MAY_CLOSE
from paycore.core.states import Event
from paycore.gateway.call import Ask, Operation, Reply
from paycore.kernel.outcome import Outcome
from paycore.kernel.terms import CodeSender

MAX_ASKS_ON_EXPIRY = 5
"""A channel that cannot be asked does not keep an expired order open for ever: no
confirm was ever sent, so no money was asked for."""


class AskBeforeClose(Foreign):
    """Ask the quick channel what it knows of the order it sent a code for."""

    async def before(self, run: Run) -> Ask | Next:
        """Only where a channel of ours has an open order, of which we do not know
        already that its money was taken.
        """
        if run.payment.row.held in MAY_CLOSE:
            return Next.NEXT
        send = run.payment.send_in_force
        if send is None or run.payment.row.code_by is not CodeSender.CHANNEL:
            return Next.NEXT
        return asking.call(
            run,
            send,
            timeout_s=run.node.settings.enquiry_timeout_s,
            operation=Operation.ENQUIRE,
        )

    async def after(self, run: Run, seq: int, reply: Reply) -> Next:
        """Nothing taken: close. Money taken: that first goes back. No answer: later."""
        if reply.outcome is Outcome.SUCCEEDED:
            send = run.payment.attempts[seq]
            run.payment.hold(late.UNASKED)
            await late.take_in(
                run.node,
                run.change,
                run.payment,
                send,
                reply,
                kind=late.UNASKED,
                evidence={"channel": send.channel, "channel_ref": reply.channel_ref},
            )
            return Next.STOP
        if reply.not_found or reply.outcome is Outcome.DECLINED:
            return Next.NEXT
        run.payment.look_again()
        if run.expiring and run.payment.row.checks >= MAX_ASKS_ON_EXPIRY:
            return Next.NEXT
        return Next.STOP


class ClosePayment(Local):
    """CLOSED, and from now on for good."""

    async def run(self, run: Run) -> Next:
        """By its line, or because its time is over."""
        event = Event.EXPIRED if run.expiring else Event.CLOSED
        run.payment.respond(event, words(event, run.line.language))
        run.payment.apply(event, now=run.now, cause=event)
        return Next.NEXT
