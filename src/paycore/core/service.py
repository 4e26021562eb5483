"""The payment core's door: its use cases, behind the service template.

What a surface may call is here and nowhere else: open a quick payment, send its code
again, confirm, close, read, and take in what a channel sends.
"""

from datetime import datetime, timedelta

import msgspec

from paycore.cards import service as cards
from paycore.core import order as orders
from paycore.core.abandoned import give_back
from paycore.core.absorb import (
    load_payment,
    refunded,
    run_for,
    with_attempts,
    write,
)
from paycore.core.chain import GuardRefused, Run
from paycore.core.chains import (
    CARD_DEDUCT,
    CARD_DEDUCT_RECEIPT,
    CARD_QUICK_PAY_CONFIRM,
    CARD_QUICK_PAY_RESEND,
    CARD_QUICK_PAY_SEND,
    CLOSE,
)
from paycore.core.keys import AnswerOf, KeptAnswer, KeyClaim, View, once
from paycore.core.payment import Payment
from paycore.core.refunds import service as refunds
from paycore.core.rows import OutBizNoRow, PaymentRow
from paycore.core.template import ServiceCallback, ServiceTemplate, Standing, drain
from paycore.coupon import service as coupon
from paycore.desk import service as desk
from paycore.gateway.call import Operation
from paycore.gateway.service import Received
from paycore.kernel import errors, trace
from paycore.kernel.crypto import content_hash
from paycore.kernel.ids import MAX_ATTEMPTS, pay_order_no, payment_of
from paycore.kernel.node import Node
from paycore.kernel.outcome import Outcome
from paycore.kernel.terms import (
    BizLineId,
    BizStatus,
    CardId,
    CouponNo,
    PayOrderNo,
    PayType,
    TransType,
)
from paycore.lines import service as lines

__all__ = [
    "AnswerOf",
    "KeptAnswer",
    "KeyClaim",
    "OpenRequest",
    "View",
    "close",
    "confirm",
    "deduct",
    "drain",
    "get",
    "give_back",
    "once",
    "open_quick_payment",
    "receive",
    "refunded",
    "resend_code",
]

TIMES_TO_TRY = 5

ATTEMPTS_A_PASSAGE = 9
"""More than the longest passage can need: a verification and every deduct route, or
two quick routes and the SMS centre; and what a worker may need after a crash."""


class OpenRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a business line orders; its shape was checked by the surface."""

    biz_line: BizLineId
    out_biz_no: str
    biz_order_no: str | None
    amount: int
    currency: str
    card_id: CardId
    subject: str
    coupon_no: CouponNo | None
    expires_in_s: int
    pay_type: PayType = PayType.QUICK_PAY
    """DEDUCT is a deduction: another order than the quick payment of the same words."""

    def content(self) -> bytes:
        """Fingerprint by which a repeat is told from a clash."""
        return content_hash(msgspec.json.encode(self))


class _Open(ServiceCallback):
    """POST /v1/quick-payments, POST /v1/deductions."""

    creates = True

    def __init__(
        self, request: OpenRequest, claim: KeyClaim, answer_of: AnswerOf
    ) -> None:
        self.request, self.claim, self.answer_of = request, claim, answer_of

    async def before_process(self, node: Node) -> Run:
        """The line's currency, the line's active card, a coupon that can be locked."""
        request = self.request
        line = lines.line(node, request.biz_line)
        if request.currency not in lines.currencies(line):
            raise errors.BadRequest(
                "This line has no account for the currency.",
                "该业务线未开通此币种",
                field="currency",
            )
        card = await cards.card_of(node, request.biz_line, request.card_id)
        if card.status != "ACTIVE":
            raise errors.BizCheckError("The card is not active.", "银行卡已解约")
        coupon_amount = await _coupon_amount(node, request)
        payment = Payment(_opened(node, request, coupon_amount), new=True)
        return Run(
            node=node,
            payment=payment,
            line=line,
            change=node.change(),
            card=card,
            content=request.content(),
        )

    async def execute(self, run: Run) -> None:
        """Send the code, by whoever can; of a deduction, take the money."""
        deducts = self.request.pay_type is PayType.DEDUCT
        await (CARD_DEDUCT if deducts else CARD_QUICK_PAY_SEND).execute(run)

    async def standing(self, node: Node) -> OutBizNoRow | None:
        """What stands under the line's own number."""
        request = self.request
        return await node.journal.load(
            OutBizNoRow, request.biz_line, request.out_biz_no
        )

    def repeats(self, standing: Standing) -> bool:
        """The same content under another key is the same order."""
        return standing.content == self.request.content()

    def had_effect(self, payment: Payment, since: datetime) -> bool:
        """The order and its key are one commit: where one is, the other is."""
        return True


class _OnPayment(ServiceCallback):
    """A use case on a payment that stands."""

    def __init__(
        self,
        biz_line: BizLineId,
        no: PayOrderNo,
        claim: KeyClaim,
        answer_of: AnswerOf,
    ) -> None:
        self.biz_line, self.no = biz_line, no
        self.claim, self.answer_of = claim, answer_of

    async def before_process(self, node: Node) -> Run:
        """The line's own payment, with its attempts."""
        row = await get(node, self.biz_line, self.no)
        return await run_for(node, await with_attempts(node, row))


class _Resend(_OnPayment):
    """POST /v1/quick-payments/{pay_order_no}/codes."""

    async def before_process(self, node: Node) -> Run:
        """Still open, not over its time, and not too soon after the last code."""
        run = await super().before_process(node)
        if run.payment.is_deduction:
            raise errors.DataNotExist(*errors.NO_QUICK_PAY_DETAIL)
        _refuse_finished(run)
        _refuse_exhausted(run)
        row = run.payment.row
        run.resend = True
        if run.payment.money_leg is not None:
            return run  # which UniqueCheck refuses, and trying later would not help
        wait = orders.resend_after_s(
            row, now=node.now(), code_gap_s=node.settings.code_gap_s
        )
        if wait > 0:
            raise errors.TooMany(retry_after_s=wait)
        return run

    def had_effect(self, payment: Payment, since: datetime) -> bool:
        """A send was begun."""
        return any(attempt.created_at >= since for attempt in payment.sends)

    async def execute(self, run: Run) -> None:
        """By whoever sent last."""
        await CARD_QUICK_PAY_RESEND.execute(run)


class _Confirm(_OnPayment):
    """POST /v1/quick-payments/{pay_order_no}/confirm."""

    def __init__(
        self,
        biz_line: BizLineId,
        no: PayOrderNo,
        claim: KeyClaim,
        answer_of: AnswerOf,
        *,
        code: str,
    ) -> None:
        super().__init__(biz_line, no, claim, answer_of)
        self._code = code

    async def before_process(self, node: Node) -> Run:
        """The article's three checks, in its order."""
        run = await super().before_process(node)
        _refuse_finished(run)
        _refuse_exhausted(run)
        if not run.payment.sends:
            raise errors.DataNotExist(*errors.NO_QUICK_PAY_DETAIL)
        if run.payment.send_in_force is None:
            raise errors.BizCheckError(*errors.CODE_NOT_SENT)
        run.code = self._code
        return run

    def had_effect(self, payment: Payment, since: datetime) -> bool:
        """Money was asked for: then the answer is what became of it."""
        return any(attempt.created_at >= since for attempt in payment.money_legs)

    async def execute(self, run: Run) -> None:
        """By the payment's type; a type we do not know is nobody's deduct."""
        match run.payment.row.pay_type:
            case PayType.QUICK_PAY:
                await CARD_QUICK_PAY_CONFIRM.execute(run)
            case PayType.DEDUCT:
                await CARD_DEDUCT_RECEIPT.execute(run)


class _Close(_OnPayment):
    """POST /v1/payments/{pay_order_no}/close."""

    def had_effect(self, payment: Payment, since: datetime) -> bool:
        """It is closed."""
        return payment.row.biz_status.final

    async def execute(self, run: Run) -> None:
        """A payment that is closed already is answered as it is."""
        if run.payment.row.biz_status is not BizStatus.CLOSED:
            await CLOSE.execute(run)


async def open_quick_payment(
    node: Node, request: OpenRequest, claim: KeyClaim, answer_of: AnswerOf
) -> KeptAnswer:
    """Open a payment and have its code sent."""
    return await ServiceTemplate(node, _Open(request, claim, answer_of)).execute()


async def deduct(
    node: Node, request: OpenRequest, claim: KeyClaim, answer_of: AnswerOf
) -> KeptAnswer:
    """Take money under the card's mandate: no code, and no payer present."""
    return await ServiceTemplate(node, _Open(request, claim, answer_of)).execute()


async def resend_code(
    node: Node,
    biz_line: BizLineId,
    no: PayOrderNo,
    claim: KeyClaim,
    answer_of: AnswerOf,
) -> KeptAnswer:
    """Send the code again."""
    return await ServiceTemplate(
        node, _Resend(biz_line, no, claim, answer_of)
    ).execute()


async def confirm(  # noqa: PLR0917 - one shape for all use cases
    node: Node,
    biz_line: BizLineId,
    no: PayOrderNo,
    code: str,
    claim: KeyClaim,
    answer_of: AnswerOf,
) -> KeptAnswer:
    """Take the code, and with it the money."""
    use_case = _Confirm(biz_line, no, claim, answer_of, code=code)
    return await ServiceTemplate(node, use_case).execute()


async def close(
    node: Node,
    biz_line: BizLineId,
    no: PayOrderNo,
    claim: KeyClaim,
    answer_of: AnswerOf,
) -> KeptAnswer:
    """Ask the channel, then close."""
    return await ServiceTemplate(node, _Close(biz_line, no, claim, answer_of)).execute()


async def get(node: Node, biz_line: BizLineId, no: PayOrderNo) -> PaymentRow:
    """The payment as of now; another line's is as good as none."""
    row = await node.journal.load(PaymentRow, no)
    if row is None or row.biz_line != biz_line:
        raise errors.DataNotExist
    return row


async def status_of(node: Node, no: PayOrderNo) -> BizStatus | None:
    """What became of an order; None where there is none."""
    row = await node.journal.load(PaymentRow, no)
    return row.biz_status if row is not None else None


async def receive(node: Node, received: Received) -> bool:
    """Absorb a callback; whether it is to be acknowledged.

    One that we cannot place, or that is not to be trusted, changes no state.
    """
    callback = received.callback
    named = payment_of(callback.request_no) if callback is not None else None
    placed: bool | None = None
    if named is not None and received.message is not None:
        of = refunds.receive if refunds.is_of_refund(named[1]) else _of_payment
        placed = await of(node, received)
    return await _keep_refused(node, received) if placed is None else placed


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


async def _keep_refused(node: Node, received: Received) -> bool:
    """What is refused is kept all the same, where it names a payment's number."""
    if received.message is not None:
        change = node.change()
        change.append(received.message)
        await node.journal.commit(change)
    return False


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
    """Money that we did not ask for is a person's; the channel need not repeat it.

    While the payment is open it is held: no second charge may follow (I1).
    """
    callback, message = received.callback, received.message
    assert callback is not None
    assert message is not None
    change = node.change()
    change.append(message)
    if not payment.row.biz_status.final and payment.row.held is None:
        payment.hold("CHARGED_WITHOUT_CONFIRM")
        payment.stage(change)
    await desk.open_case(
        node,
        change,
        kind="CHARGED_WITHOUT_CONFIRM",
        pay_order_no=message.pay_order_no,
        attempt_seq=message.attempt_seq,
        amount=callback.reply.amount,
        currency=callback.reply.currency,
        evidence={
            "channel": message.channel,
            "account": message.account,
            "channel_ref": callback.reply.channel_ref,
        },
    )
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


def _refuse_finished(run: Run) -> None:
    row = run.payment.row
    if row.biz_status.final:
        raise errors.BizCheckError(*errors.PAYMENT_FINISHED)
    if run.now >= row.expires_at and run.payment.money_leg is None:
        raise errors.BizCheckError("The payment has expired.", "支付订单已过期")


def _refuse_exhausted(run: Run) -> None:
    """An attempt's number has two digits; one passage may need several."""
    if run.payment.row.attempts + ATTEMPTS_A_PASSAGE > MAX_ATTEMPTS:
        raise errors.TooMany("Too many attempts at this payment.", "该支付尝试次数过多")


async def _coupon_amount(node: Node, request: OpenRequest) -> int:
    if request.coupon_no is None:
        return 0
    row = await coupon.usable(
        node,
        request.biz_line,
        request.coupon_no,
        amount=request.amount,
        currency=request.currency,
    )
    return row.amount


def _opened(node: Node, request: OpenRequest, coupon_amount: int) -> PaymentRow:
    now = node.now()
    expires_at = now + timedelta(seconds=request.expires_in_s)
    return PaymentRow(
        pay_order_no=pay_order_no(node.ids, now),
        biz_line=request.biz_line,
        out_biz_no=request.out_biz_no,
        biz_order_no=request.biz_order_no,
        amount=request.amount,
        coupon_no=request.coupon_no,
        coupon_amount=coupon_amount,
        payable_amount=request.amount - coupon_amount,
        currency=request.currency,
        card_id=request.card_id,
        subject=request.subject,
        pay_type=request.pay_type,
        created_at=now,
        expires_at=expires_at,
        next_check_at=expires_at,
    )
