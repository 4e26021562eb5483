"""The commands that have a code sent: by the quick channel, or by our own SMS centre.

Here, and only here, a payment converts: while its code is being sent, and no money has
been asked for.
"""

from datetime import timedelta

from msgspec.structs import replace

from paycore.core import ask as asking
from paycore.core import conversion
from paycore.core.chain import Foreign, GuardRefused, Next, Run
from paycore.core.messages import words
from paycore.core.rows import AttemptRow
from paycore.core.states import Event
from paycore.gateway.call import Ask, Reply
from paycore.kernel.journal import Refused
from paycore.kernel.outcome import AfterSend, Outcome
from paycore.kernel.terms import (
    SMS_CENTRE,
    CodeSender,
    PayType,
    ProcessStatus,
    TransType,
)
from paycore.router import service as router
from paycore.sms import service as sms


class CardQuickPaySend(Foreign):
    """Have the channel text its code; where it cannot, convert."""

    async def before(self, run: Run) -> Ask | Next:
        """Route, and record the attempt."""
        payment = run.payment
        if payment.row.pay_type is not PayType.QUICK_PAY:
            return Next.NEXT
        if run.too_many:
            return _send_failed(run, "TOO_MANY")
        if run.line.always_converted and not payment.sends:
            return await _convert_or_fail(run, conversion.LINE_DEDUCTS)
        found = await asking.agreements(run, PayType.QUICK_PAY)
        send = payment.send_in_force if run.resend else None
        wanted = asking.question(
            run,
            TransType.QUICK_PAY_SEND_MSG,
            found,
            named=send.channel if send is not None else None,
        )
        route = await router.route(run.node, wanted, run.change)
        if route is None:
            cause = run.cause or router.cause_of(run.change)
            return await _convert_or_fail(run, cause)
        timeout_s = run.node.settings.send_code_timeout_s
        attempt = asking.begin(run, TransType.QUICK_PAY_SEND_MSG, route, timeout_s)
        ask = asking.call(
            run,
            attempt,
            timeout_s=timeout_s,
            agreement=asking.agreement_at(run, found, route),
            with_card=True,
        )
        assert ask.card is not None
        run.texting = sms.take_for_bank(
            run.node, ask.card.phone, run.origin, run.change
        )
        return ask

    async def after(self, run: Run, seq: int, reply: Reply) -> Next:
        """What the outcome table allows: the code is out, another route, or convert."""
        payment, now = run.payment, run.now
        attempt = payment.attempts[seq]
        run.tries += 1
        if sms.give_back_unsent(run.texting, reply.outcome, run.change):
            run.texting = ()
        match conversion.after_send(reply.outcome, reply.blame, quick_tries=run.tries):
            case AfterSend.CODE_OUT:
                sent = payment.end(attempt, ProcessStatus.GW_SUCCESS, reply, now)
                _code_out(run, sent, CodeSender.CHANNEL, reply)
                return Next.NEXT
            case AfterSend.NEXT_ROUTE:
                payment.end(attempt, ProcessStatus.GW_FAIL, reply, now)
                run.exclude(attempt)
                run.cause = conversion.cause_of(reply.outcome)
                return Next.AGAIN
            case AfterSend.CONVERT:
                payment.end(attempt, ProcessStatus.GW_FAIL, reply, now)
                return await _convert_or_fail(run, conversion.cause_of(reply.outcome))
            case AfterSend.FAIL:
                payment.end(attempt, ProcessStatus.GW_FAIL, reply, now)
                return _send_failed(run, reply.resp_code)

    def refused(self, run: Run, refused: Refused) -> Next:
        """A limit that was full by the time of the commit: the next route. Where it is
        the payer's of texts, none: another sender texts the same phone.
        """
        if refused.guard.startswith("sms."):
            return _too_many(run, refused)
        return asking.next_route(run, refused)


class SmsCentreSend(Foreign):
    """After a conversion our own SMS centre texts the code."""

    async def before(self, run: Run) -> Ask | Next:
        """Only for a converted payment: ask the router for the SMS centre by name."""
        payment = run.payment
        if payment.row.biz_status.final or payment.row.pay_type is PayType.QUICK_PAY:
            return Next.NEXT
        if run.too_many:
            return _send_failed(run, "TOO_MANY")
        wanted = asking.question(
            run, TransType.QUICK_PAY_SEND_MSG, None, named=SMS_CENTRE
        )
        route = await router.route(run.node, wanted, run.change)
        if route is None:
            return _send_failed(run, "SEND_FAILED")
        timeout_s = run.node.texting_s
        attempt = asking.begin(run, TransType.QUICK_PAY_SEND_MSG, route, timeout_s)
        ask = asking.call(run, attempt, timeout_s=timeout_s, with_card=True)
        return replace(ask, texted=bool(run.texting))

    async def after(self, run: Run, seq: int, reply: Reply) -> Next:
        """The code is out, or the order ends here: nothing was charged."""
        payment, attempt = run.payment, run.payment.attempts[seq]
        if reply.outcome is Outcome.SUCCEEDED:
            sent = payment.end(attempt, ProcessStatus.GW_SUCCESS, reply, run.now)
            _code_out(run, sent, CodeSender.SMS_CENTRE, reply)
            return Next.NEXT
        payment.end(attempt, ProcessStatus.GW_FAIL, reply, run.now)
        return _send_failed(run, "SEND_FAILED")

    def refused(self, run: Run, refused: Refused) -> Next:
        """Too many texts. Whose carrier's money went meanwhile asks the others: each
        time another text went out, so this has an end.
        """
        if refused.guard == sms.SPEND:
            return Next.AGAIN
        if not refused.guard.startswith("sms."):
            raise GuardRefused(refused)
        return _too_many(run, refused)


def _too_many(run: Run, refused: Refused) -> Next:
    """Refuse the request, or, where the payment already stands on record, end it."""
    if not run.committed:
        raise GuardRefused(refused)
    run.too_many = True
    return Next.AGAIN


def _code_out(run: Run, attempt: AttemptRow, by: CodeSender, reply: Reply) -> None:
    lifetime = timedelta(seconds=run.node.settings.code_lifetime_s)
    run.payment.respond("CODE_SENT", words("CODE_SENT", run.line.language))
    run.payment.code_sent(
        attempt,
        by=by,
        phone=run.card.phone_masked,
        until=reply.code_expires_at or run.now + lifetime,
        now=run.now,
    )


async def _convert_or_fail(run: Run, cause: str) -> Next:
    """Convert where a deduct is possible now; else an honest failure, and no text."""
    payment = run.payment
    if not conversion.may_convert(
        payment.row.pay_type, money_leg_sent=payment.money_leg_sent
    ):
        return _send_failed(run, cause)
    found = await asking.agreements(run, PayType.DEDUCT)
    tried, run.excluded = run.excluded, set()
    wanted = asking.question(run, TransType.DEDUCT, found)
    route = await router.probe(run.node, wanted) if found else None
    if route is None:
        run.excluded = tried
        return _send_failed(run, cause)
    payment.convert(cause=cause, now=run.now)
    return Next.NEXT


def _send_failed(run: Run, code: str) -> Next:
    """The order fails, unless an earlier code is still good."""
    payment, language = run.payment, run.line.language
    if payment.send_in_force is not None:
        payment.respond("RESEND_FAILED", words("RESEND_FAILED", language))
        return Next.STOP
    payment.respond(code, words(code, language))
    payment.apply(Event.SEND_FAILED, now=run.now, cause=code)
    return Next.NEXT
