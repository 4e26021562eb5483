"""What a channel sends by itself, taken in: of a payment's own leg, of a refund, of an
agreement, or of nothing that we know.
"""

from datetime import timedelta

from msgspec.structs import replace

from paycore.core import late
from paycore.core.absorb import load_payment, run_for, write
from paycore.core.agreements import service as agreements
from paycore.core.chain import GuardRefused
from paycore.core.payment import Payment
from paycore.core.refunds import service as refunds
from paycore.core.restored import RESTORED
from paycore.core.rows import PaymentRow
from paycore.coupon import service as coupon
from paycore.gateway.call import Operation
from paycore.gateway.rows import MessageRow
from paycore.gateway.service import Received
from paycore.kernel import log, trace
from paycore.kernel.ids import numbered_at, pay_order_no, payment_of
from paycore.kernel.node import Node
from paycore.kernel.outcome import Outcome
from paycore.kernel.terms import PayOrderNo, TransType

TIMES_TO_TRY = 5

_log = log.get(__name__)


async def receive(node: Node, received: Received) -> bool:
    """Absorb a callback; whether it is to be acknowledged.

    One that we cannot place, or that is not to be trusted, changes no state.
    """
    callback = received.callback
    named = payment_of(callback.request_no) if callback is not None else None
    placed: bool | None = None
    if named is not None and received.message is not None:
        of = refunds.receive if refunds.is_of_refund(named[1]) else _of_leg
        of = agreements.receive if agreements.is_of_signing(named[1]) else of
        placed = await of(node, received)
    if placed is None:
        await _keep(node, received)
    return bool(placed)


async def _of_leg(node: Node, received: Received) -> bool | None:
    """None where it says that money went back: that is no word on money that came,
    whatever number it has.
    """
    assert received.callback is not None
    if received.callback.operation is Operation.REFUND:
        return None
    return await _of_payment(node, received)


async def _of_payment(node: Node, received: Received) -> bool | None:
    """A callback about a payment's own leg; None where it has no such leg."""
    callback, message = received.callback, received.message
    assert callback is not None
    assert message is not None
    coupon_gone = False
    for _ in range(TIMES_TO_TRY):
        payment = await load_payment(node, message.pay_order_no)
        if payment is None:
            return None
        seq = _leg_of(payment, callback.request_no, callback.operation)
        if seq == 0 and _took_unasked(payment, received):
            if await _keep_unasked(node, payment, received):
                return True
            continue
        if seq == 0 or not _ours(payment, seq, received):
            return None
        if payment.row.held == RESTORED and not _paid(received):
            # A no ends nothing while another leg may be forgotten that was paid.
            await _keep(node, received)
            return True
        run = await run_for(node, payment)
        run.change.append(message)
        run.coupon_gone = coupon_gone
        run.note("Callback", str(callback.reply.outcome), callback.reply.resp_code)
        try:
            with trace.of(node).payment("Callback", message.pay_order_no):
                await write(run, seq, callback.reply, call_ended=False)
                if run.payment.row.lease_epoch is None:
                    run.payment.release(run.now)
                await run.commit()
        except GuardRefused as error:
            coupon_gone = coupon_gone or error.refused.guard == coupon.GUARD
            continue
        return True
    return False


def _paid(received: Received) -> bool:
    assert received.callback is not None
    return received.callback.reply.outcome is Outcome.SUCCEEDED


async def _keep(node: Node, received: Received) -> None:
    """What nothing follows from is kept all the same: what a channel has signed always,
    for it may be of money that we forgot; what nobody vouches for only beside messages
    of ours, so that a stranger writes into no month of his own choice.
    """
    message = received.message
    if message is None:
        return
    ours = await _is_ours(node, message.pay_order_no)
    if received.callback is None and not (ours and _has_messages(node, message)):
        _log.info("refused_callback_not_kept", channel=message.channel)
        return
    change = node.change()
    change.append(message if ours else _placed(node, message))
    await node.journal.commit(change)


async def _is_ours(node: Node, no: PayOrderNo) -> bool:
    """Whether a payment or a signing has this number."""
    if await node.journal.load(PaymentRow, no) is not None:
        return True
    return await agreements.knows(node, no)


def _has_messages(node: Node, message: MessageRow) -> bool:
    """Whether its number's other messages are not gone by their age yet."""
    kept = timedelta(days=node.settings.keep_messages_days)
    return message.pay_order_no >= numbered_at(node.now(), -kept)


def _placed(node: Node, message: MessageRow) -> MessageRow:
    """Under a number of this month where its own is of a later one, or of none: a month
    must have no rows before it is there. Its words still say the other.
    """
    now = node.now()
    if message.pay_order_no[:4] <= f"{now:%y%m}":
        return message
    return replace(message, pay_order_no=pay_order_no(node.ids, now))


def _took_unasked(payment: Payment, received: Received) -> bool:
    """Whether a channel charged an order that it opened for us and that we did not
    confirm there: the payment was closed, or converted (F19, F38).
    """
    callback, message = received.callback, received.message
    assert callback is not None
    assert message is not None
    return callback.reply.outcome is Outcome.SUCCEEDED and any(
        attempt.request_no == callback.request_no
        and (attempt.channel, attempt.account) == (message.channel, message.account)
        for attempt in payment.attempts.values()
    )


async def _keep_unasked(node: Node, payment: Payment, received: Received) -> bool:
    """Money that we did not ask for goes back; the channel need not repeat it.

    While the payment is open it is held: no second charge may follow (I1).
    """
    callback, message = received.callback, received.message
    assert callback is not None
    assert message is not None
    attempt = payment.attempts[message.attempt_seq]
    change = node.change()
    change.append(message)
    if not payment.row.biz_status.final and payment.row.held is None:
        payment.hold(late.UNASKED)
    await late.take_in(
        node,
        change,
        payment,
        attempt,
        callback.reply,
        kind=late.UNASKED,
        evidence={
            "channel": message.channel,
            "account": message.account,
            "channel_ref": callback.reply.channel_ref,
        },
        # What speaks of another kind of call than the order was opened for is odd.
        to_go_back=callback.operation is Operation.CONFIRM
        and attempt.trans_type is TransType.QUICK_PAY_SEND_MSG,
    )
    payment.stage(change)
    return await node.journal.commit(change) is None


def _leg_of(payment: Payment, request_no: str, operation: Operation) -> int:
    """The latest money leg under a request number: what the channel speaks of; or 0."""
    wanted = (
        TransType.DEDUCT
        if operation is Operation.DEDUCT
        else TransType.QUICK_PAY_CONFIRM
    )
    legs = [
        attempt.seq
        for attempt in payment.attempts.values()
        if attempt.request_no == request_no and attempt.trans_type is wanted
    ]
    return max(legs, default=0)


def _ours(payment: Payment, seq: int, received: Received) -> bool:
    assert received.message is not None
    attempt = payment.attempts[seq]
    place = (received.message.channel, received.message.account)
    return place == (attempt.channel, attempt.account)
