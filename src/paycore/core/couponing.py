"""The coupon of an order where coupons live in a system of the user's own.

Its lock is a foreign call like a channel's: the intent is on record before it leaves,
and an unknown answer is no yes. Without a yes no money is asked for, and what may be
locked there is kept until the order ends; the next confirm asks again, under the same
number. Used or freed it is by the worker, once the order's end is on record.
"""

from paycore.core.chain import Next, Run
from paycore.core.messages import words
from paycore.coupon import service as coupon
from paycore.coupon.rows import HoldRow, HoldStatus
from paycore.desk import service as desk
from paycore.kernel import errors
from paycore.kernel.terms import BizStatus
from paycore.notify import webhook

ALARM = "COUPON_ALARM"

NOT_SENT = coupon.Unknown("NOT_SENT")
"""Nothing was asked: what was said before stands."""


def name(run: Run) -> None:
    """Stage with a new order that it names a coupon."""
    row = run.payment.row
    if row.coupon_no is not None:
        coupon.name(
            run.node,
            run.change,
            pay_order_no=row.pay_order_no,
            biz_line=row.biz_line,
            coupon_no=row.coupon_no,
            amount=row.coupon_amount,
            currency=row.currency,
        )


async def hold_of(run: Run) -> HoldRow | None:
    """The order's hold; None: it has no coupon, or one of ours."""
    row = run.payment.row
    if row.coupon_no is None:
        return None
    return await coupon.hold_of(run.node, run.change, row.pay_order_no)


async def lock(run: Run, held: HoldRow) -> Next:
    """Have it locked, unless it is; what is not locked stops before the money."""
    if held.status is HoldStatus.LOCKED:
        return Next.NEXT
    said = await _ask(run, held)
    if isinstance(said, coupon.No):
        run.note("CouponSystem", "REFUSED", said.code)
        return _refused(run)
    if isinstance(said, coupon.Unknown):
        run.note("CouponSystem", "UNKNOWN", said.why)
        return await _unknown(run, held, said.why)
    run.note("CouponSystem", "LOCKED")
    coupon.stage_locked(run.change, held)
    return Next.NEXT


def end(run: Run, held: HoldRow) -> None:
    """What the order's end owes; until then the coupon stays where it is."""
    status = run.payment.row.biz_status
    if status.final:
        paid = status is BizStatus.SUCCESS
        coupon.end_hold(run.node, run.change, held, paid=paid)


async def _ask(run: Run, held: HoldRow) -> coupon.Answer:
    """Intent, commit, call; and once more where nobody knows, for a lock may be
    repeated.
    """
    if not run.node.lease_holds(run.node.settings.connect_timeout_s):
        raise errors.Unavailable(retry_after_s=1)
    if run.payment.is_deduction:
        run.payment.respond("CONFIRMING", words("CONFIRMING", run.line.language))
    coupon.stage_ask(run.change, held)
    run.lease_payment(run.node.settings.coupon_timeout_s)
    run.note("CouponSystem", "CALL")
    await run.commit()
    said = await _call(run, held)
    if not isinstance(said, coupon.Unknown):
        return said
    again = await _call(run, held)
    return said if again == NOT_SENT else again


async def _call(run: Run, held: HoldRow) -> coupon.Answer:
    """Nothing leaves on a lease that may have run out, nor where our own life may be
    over: another may have the payment, and have ended it.
    """
    node, lease = run.node, run.lease
    assert lease is not None, "its intent took one"
    lives = node.lease_holds(node.settings.connect_timeout_s)
    if not (lives and node.outlasts(lease, node.settings.coupon_timeout_s)):
        return NOT_SENT
    return await coupon.ask_lock(node, held, webhook.headers)


def _refused(run: Run) -> Next:
    """Nothing was charged; a deduction has nobody who could order without it."""
    if run.payment.is_deduction:
        run.coupon_refused = True
        return Next.NEXT
    run.payment.respond("COUPON", words("COUPON", run.line.language))
    return Next.STOP


async def _unknown(run: Run, held: HoldRow, why: str) -> Next:
    """Not begun: the payer may try again, and a deduction is tried again."""
    if why == coupon.DIFFERS:
        await _alarm(run, held)
    if run.payment.is_deduction:
        run.payment.look_again()
    else:
        run.payment.respond("NOT_CHARGED", words("NOT_CHARGED", run.line.language))
    return Next.STOP


async def _alarm(run: Run, held: HoldRow) -> None:
    """It locked something else than was ordered, or says so: a person looks."""
    await desk.open_case(
        run.node,
        run.change,
        kind=ALARM,
        pay_order_no=held.pay_order_no,
        amount=held.amount,
        currency=held.currency,
        evidence={"coupon_no": held.coupon_no, "alarm": coupon.DIFFERS},
    )
