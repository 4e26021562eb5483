"""The commands, in chain order, with the article's names (without its suffix).

A command holds business only: leases, commits and idempotency are the runner's. No
command branches on another; each looks at the payment and does the one right thing,
so that the same list serves a first passage, a recovery and a repeat.
"""

from paycore.accounting import service as accounting
from paycore.cards.rows import AgreementRow
from paycore.core import ask as asking
from paycore.core import conversion, couponing
from paycore.core.chain import Foreign, GuardRefused, Local, Next, Run
from paycore.core.keys import leased
from paycore.core.messages import words
from paycore.core.notices import announce
from paycore.core.payment import MAY_CLOSE
from paycore.core.rows import OutBizNoRow
from paycore.core.settle import settle
from paycore.core.states import Audience, Event
from paycore.coupon import service as coupon
from paycore.desk import service as desk
from paycore.gateway import service as gateway
from paycore.gateway.call import Ask, Reply
from paycore.kernel import errors
from paycore.kernel.journal import Refused
from paycore.kernel.outcome import AfterCharge, Outcome
from paycore.kernel.terms import (
    BizStatus,
    PayType,
    ProcessStatus,
    TransType,
    VerifyStatus,
)
from paycore.router import service as router
from paycore.router.question import Route

MAX_DEDUCT_ROUTES = 3
"""Polling over deduct channels within one confirm: the payer is waiting."""


class UniqueCheck(Local):
    """One passage at a time, and none over money whose fate is unknown.

    A lease on the payment, not a lasting key: a wrong code may be tried again. What
    is unique for ever is the money leg, and the database holds that.
    """

    async def run(self, run: Run) -> Next:
        """Refuse what may not start now; the lease is taken with the first intent."""
        if run.payment.row.biz_status.final:
            raise errors.BizCheckError(*run.finished_words)
        held = run.payment.row.held
        if held is not None and not (run.closing and held in MAY_CLOSE):
            raise errors.BizCheckError(
                "A person must look at this payment first.", "该支付正在人工核查中"
            )
        if not run.claimed and _in_other_hands(run):
            raise errors.InFlight(retry_after_s=1)
        if run.payment.money_leg is not None:
            raise errors.BizCheckError(
                "The result of this payment is being confirmed.", "支付结果确认中"
            )
        return Next.NEXT


class OpenPayment(Local):
    """Record the order, and with it for ever the business line's own number."""

    async def run(self, run: Run) -> Next:
        """Stage the number; the payment itself is staged with every commit."""
        row = run.payment.row
        run.change.insert(
            OutBizNoRow(
                biz_line=row.biz_line,
                out_biz_no=row.out_biz_no,
                pay_order_no=row.pay_order_no,
                content=run.content,
            )
        )
        couponing.name(run)
        return Next.NEXT


class QuickPaySmsVerify(Foreign):
    """Our own SMS centre sent the code, so it says whether this is the one."""

    async def before(self, run: Run) -> Ask | Next:
        """Record the attempt; its commit counts the try, before comparing."""
        send = run.payment.send_in_force
        assert send is not None
        timeout_s = run.node.settings.sms_timeout_s
        if run.too_many:
            run.tries_left = 0
            return _code_refused(run, VerifyStatus.LOCKED, "CODE_LOCKED", None)
        attempt = asking.begin(
            run,
            TransType.SMS_VERIFY,
            Route(
                inst_trans_id=send.inst_trans_id,
                channel=send.channel,
                account=send.account,
            ),
            timeout_s,
        )
        return asking.call(run, attempt, timeout_s=timeout_s, code=run.code)

    async def after(self, run: Run, seq: int, reply: Reply) -> Next:
        """A PASS is kept until the code's end; all else stops before money."""
        payment, attempt = run.payment, run.payment.attempts[seq]
        run.tries_left = reply.tries_left
        if (
            reply.outcome is Outcome.SUCCEEDED
            and reply.verify_status is VerifyStatus.PASS
        ):
            payment.end(attempt, ProcessStatus.GW_SUCCESS, reply, run.now)
            payment.verified(VerifyStatus.PASS, pass_until=payment.row.code_expires_at)
            payment.apply(Event.CODE_PASSED, now=run.now, attempt_seq=seq)
            return Next.NEXT
        payment.end(attempt, ProcessStatus.GW_FAIL, reply, run.now)
        if reply.verify_status is None:
            # Not judged at all: the payer may type the same code again.
            payment.respond("NOT_CHARGED", words("NOT_CHARGED", run.line.language))
            payment.apply(Event.NOT_CHARGED, now=run.now, attempt_seq=seq)
            return Next.STOP
        code = f"CODE_{reply.verify_status}"
        return _code_refused(run, reply.verify_status, code, seq)

    def refused(self, run: Run, refused: Refused) -> Next:
        """Too many wrong codes for this card today: locked, without comparing."""
        if not refused.guard.startswith("sms."):
            raise GuardRefused(refused)
        run.too_many = True
        return Next.AGAIN


class CouponLock(Local):
    """Nobody else may spend the coupon meanwhile."""

    async def run(self, run: Run) -> Next:
        """Stage the lock: it is committed with the money leg, or not at all. One that
        lives elsewhere is asked for, and no money without a yes.
        """
        row = run.payment.row
        held = await couponing.hold_of(run)
        if held is not None:
            return await couponing.lock(run, held)
        if row.coupon_no is not None:
            coupon.lock(
                run.node, run.change, row.biz_line, row.coupon_no, row.pay_order_no
            )
            run.coupon_staged = True
        return Next.NEXT


class CardQuickPayConfirm(Foreign):
    """Take the money where the code was sent from: same channel, account and token."""

    async def before(self, run: Run) -> Ask | Next:
        """Record the money leg; no routing."""
        payment = run.payment
        send = payment.send_in_force
        assert send is not None
        agreement = await asking.agreement_of(run, PayType.QUICK_PAY, send)
        if agreement is None:
            return declined(run, "AGREEMENT_GONE")
        inherits = gateway.confirm_inherits(run.node, send.channel)
        place = (send.channel, send.account)
        names_card = await gateway.confirm_names_card(run.node, *place)
        timeout_s = run.node.settings.money_timeout_s
        attempt = asking.begin(
            run,
            TransType.QUICK_PAY_CONFIRM,
            Route(
                inst_trans_id=send.inst_trans_id,
                channel=send.channel,
                account=send.account,
            ),
            timeout_s,
            request_no=send.request_no if inherits else None,
        )
        payment.apply(Event.CHARGE_BEGUN, now=run.now, attempt_seq=attempt.seq)
        return asking.call(
            run,
            attempt,
            timeout_s=timeout_s,
            agreement=agreement,
            channel_token=send.channel_token,
            code=run.code,
            with_card=names_card,
        )

    async def after(self, run: Run, seq: int, reply: Reply) -> Next:
        """Whatever came: record it, and let the tail do what follows."""
        await settle(run, run.payment.attempts[seq], reply, call_ended=True)
        return Next.NEXT


class CardDeductReceipt(Foreign):
    """Route to a deduct channel, then take the money; the code has passed."""

    async def before(self, run: Run) -> Ask | Next:
        """Route over what is left, and record the money leg."""
        payment, row = run.payment, run.payment.row
        assert row.verify_status is VerifyStatus.PASS, row.verify_status
        if run.coupon_refused:
            drop_coupon(run)
            payment.respond("COUPON", words("COUPON", run.line.language))
            return Next.STOP
        found = await asking.agreements(run, PayType.DEDUCT)
        if not found and not run.tries:
            # Revoked, or over, since it converted: nobody is asked for money.
            return declined(run, "AGREEMENT_GONE")
        route = None
        if run.tries < MAX_DEDUCT_ROUTES:
            wanted = asking.question(run, TransType.DEDUCT, found)
            route = await router.route(run.node, wanted, run.change)
        if route is None:
            return _no_deduct(run)
        return deduct_at(run, route, found)

    async def after(self, run: Run, seq: int, reply: Reply) -> Next:
        """Elsewhere only where it is provable that nothing was taken."""
        run.tries += 1
        attempt = run.payment.attempts[seq]
        step = await settle(run, attempt, reply, call_ended=True)
        if step not in (AfterCharge.NEXT_DEDUCT_ROUTE, AfterCharge.NOT_TAKEN):
            return Next.NEXT
        run.exclude(attempt)
        run.last_refusal = (
            reply.resp_code if reply.outcome is Outcome.DECLINED else None
        )
        return Next.AGAIN

    def refused(self, run: Run, refused: Refused) -> Next:
        """The coupon went to another order, or a limit filled up meanwhile."""
        if refused.guard == coupon.GUARD:
            run.coupon_refused = True
            return Next.AGAIN
        return asking.next_route(run, refused)


class CouponModify(Local):
    """Use the coupon, free it, or leave it locked: as the status says."""

    async def run(self, run: Run) -> Next:
        """The same after success, refusal, unknown and recovery."""
        row = run.payment.row
        if row.coupon_no is None or run.payment.money_leg is not None:
            return Next.NEXT
        held = await couponing.hold_of(run)
        if held is not None:
            couponing.end(run, held)
            return Next.NEXT
        if run.coupon_gone:
            await _coupon_gone(run)
            return Next.NEXT
        if run.coupon_staged and row.biz_status is not BizStatus.SUCCESS:
            drop_coupon(run)
            return Next.NEXT
        settle_coupon = (
            coupon.use if row.biz_status is BizStatus.SUCCESS else coupon.free
        )
        settle_coupon(
            run.node, run.change, row.biz_line, row.coupon_no, row.pay_order_no
        )
        return Next.NEXT


class CouponFree(Local):
    """Give back what an earlier confirm had locked, where no code can be sent any more.

    Only what lives elsewhere: one of ours is never locked without a money leg.
    """

    async def run(self, run: Run) -> Next:
        """While the order goes on it keeps what it has, for its next confirm."""
        if run.payment.row.biz_status.final:
            held = await couponing.hold_of(run)
            if held is not None:
                couponing.end(run, held)
        return Next.NEXT


class PayResultNotifyBiz(Local):
    """Tell accounting and the business line, in the commit of the status."""

    async def run(self, run: Run) -> Next:
        """Only what the transition table says, and only on a final status."""
        payment, row = run.payment, run.payment.row
        if Audience.ACCOUNTING in payment.told:
            leg = payment.charged
            accounting.post_payment(
                run.node,
                run.change,
                pay_order_no=row.pay_order_no,
                channel=leg.channel,
                account=leg.account,
                amount=row.amount,
                coupon_amount=row.coupon_amount,
                payable_amount=row.payable_amount,
                currency=row.currency,
                biz_line=row.biz_line,
                at=run.now,
            )
        if Audience.BIZ_LINE in payment.told:
            announce(run)
        payment.told.clear()
        return Next.NEXT


def deduct_at(run: Run, route: Route, found: list[AgreementRow]) -> Ask:
    """Record the leg of a deduct, under the mandate that the card has there."""
    timeout_s = run.node.settings.money_timeout_s
    attempt = asking.begin(run, TransType.DEDUCT, route, timeout_s)
    run.payment.apply(Event.CHARGE_BEGUN, now=run.now, attempt_seq=attempt.seq)
    return asking.call(
        run,
        attempt,
        timeout_s=timeout_s,
        agreement=asking.agreement_at(run, found, route),
        with_card=True,
    )


def declined(run: Run, code: str) -> Next:
    """The order fails here: definitely, and nothing was taken."""
    run.payment.respond(code, words(code, run.line.language))
    run.payment.apply(Event.DECLINED, now=run.now, cause=code)
    return Next.NEXT


def drop_coupon(run: Run) -> None:
    """Take back a lock that is staged and not committed."""
    run.change.amends = [a for a in run.change.amends if a.guard != coupon.GUARD]
    run.coupon_staged = False


def _in_other_hands(run: Run) -> bool:
    """Another passage has it, or broke off over an attempt that a worker ends first.

    A money leg is open without a lease while its fate is asked for; anything else that
    is open was left so by a passage that gave its lease back.
    """
    row, begun = run.payment.row, run.payment.open_attempt
    if row.lease_epoch is None:
        return begun is not None and not begun.trans_type.moves_money
    over = run.node.lease_is_over(row.lease_until)
    alive = leased(run.node, row.lease_epoch) and not over
    return alive or begun is not None


def _code_refused(run: Run, status: VerifyStatus, code: str, seq: int | None) -> Next:
    run.payment.verified(status)
    run.payment.respond(code, words(code, run.line.language))
    run.payment.apply(Event.CODE_REFUSED, now=run.now, cause=status, attempt_seq=seq)
    return Next.STOP


def _no_deduct(run: Run) -> Next:
    """No deduct channel is left: a definite end, but where nothing ever left us the
    payer may try again while his PASS is good.
    """
    could_not_ask = router.cause_of(run.change) == conversion.ROUTE_ERROR
    if could_not_ask or (run.tries and run.last_refusal is None):
        run.payment.respond("NOT_CHARGED", words("NOT_CHARGED", run.line.language))
        return Next.NEXT
    return declined(run, run.last_refusal or conversion.ROUTE_NONE)


async def _coupon_gone(run: Run) -> None:
    """Paid with a coupon that another order holds: the money stands, a person looks."""
    row = run.payment.row
    await desk.open_case(
        run.node,
        run.change,
        kind="COUPON_GONE",
        pay_order_no=row.pay_order_no,
        amount=row.coupon_amount,
        currency=row.currency,
        evidence={"coupon_no": row.coupon_no, "biz_status": row.biz_status},
    )
