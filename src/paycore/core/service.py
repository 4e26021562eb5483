"""The payment core's door: its use cases, behind the service template.

What a surface may call is here and nowhere else: open a quick payment, send its code
again, confirm, close, read, and take in what a channel sends.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import msgspec

from paycore.cards import service as cards
from paycore.core import order as orders
from paycore.core.abandoned import give_back
from paycore.core.absorb import (
    refunded,
    run_for,
    with_attempts,
)
from paycore.core.chain import Run
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
from paycore.core.received import receive
from paycore.core.rows import OutBizNoRow, PaymentRow
from paycore.core.template import (
    Check,
    ServiceCallback,
    ServiceTemplate,
    Standing,
    drain,
)
from paycore.coupon import service as coupon
from paycore.kernel import errors
from paycore.kernel.crypto import content_hash
from paycore.kernel.ids import MAX_ATTEMPTS, pay_order_no
from paycore.kernel.journal import Change
from paycore.kernel.node import Node
from paycore.kernel.terms import (
    BizLineId,
    BizStatus,
    CardId,
    CouponNo,
    Origin,
    PayOrderNo,
    PayType,
)
from paycore.lines import service as lines
from paycore.notify import webhook
from paycore.sms import service as sms

__all__ = [
    "Also",
    "AnswerOf",
    "Check",
    "KeptAnswer",
    "KeyClaim",
    "OpenRequest",
    "Opens",
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


Opens = Callable[[Change, PayOrderNo], Awaitable[None]]
"""Stages, in the change of a payment's first rows, that it is the payment of what its
caller keeps, or refuses; asked anew where that change was refused and begins again.
"""


class _Open(ServiceCallback):
    """POST /v1/quick-payments, POST /v1/deductions."""

    creates = True
    opens: Opens | None = None

    def __init__(
        self,
        request: OpenRequest,
        claim: KeyClaim,
        answer_of: AnswerOf,
        origin: Origin | None,
    ) -> None:
        self.request, self.claim, self.answer_of = request, claim, answer_of
        self._origin = origin

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
            origin=self._origin,
            content=request.content(),
        )

    async def execute(self, run: Run) -> None:
        """Send the code, by whoever can; of a deduction, take the money."""
        if self.opens is not None:
            await self.opens(run.change, run.payment.row.pay_order_no)
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

    origin: Origin | None = None

    async def before_process(self, node: Node) -> Run:
        """Still open, not over its time, with a try left for the code, and not too soon
        after the last one.
        """
        run = await super().before_process(node)
        if run.payment.is_deduction:
            raise errors.DataNotExist(*errors.NO_QUICK_PAY_DETAIL)
        _refuse_finished(run)
        _refuse_exhausted(run)
        row = run.payment.row
        run.resend, run.origin = True, self.origin
        if run.payment.money_leg is not None:
            return run  # which UniqueCheck refuses, and trying later would not help
        if row.pay_type is PayType.DEDUCT and await sms.all_used(
            node, row.pay_order_no
        ):
            raise errors.BizCheckError(*errors.TRIES_USED)
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


Also = Callable[[Change], Awaitable[None]]
"""Stages what a surface keeps with an act, in the act's first change; it is asked anew
where that change was refused and the act begins again, and not where its key is taken
over: that was in the same change.
"""


class _Close(_OnPayment):
    """POST /v1/payments/{pay_order_no}/close."""

    also: Also | None = None

    def had_effect(self, payment: Payment, since: datetime) -> bool:
        """It is closed."""
        return payment.row.biz_status.final

    async def execute(self, run: Run) -> None:
        """A payment that is closed already is answered as it is."""
        begun = run.key is not None and run.key.is_taken_over
        if self.also is not None and not begun:
            await self.also(run.change)
        if run.payment.row.biz_status is not BizStatus.CLOSED:
            run.closing = True
            await CLOSE.execute(run)


async def open_quick_payment(
    node: Node,
    request: OpenRequest,
    claim: KeyClaim,
    answer_of: AnswerOf,
    origin: Origin | None = None,
    *,
    check: Check | None = None,
    opens: Opens | None = None,
) -> KeptAnswer:
    """Open a payment and have its code sent."""
    use_case = _Open(request, claim, answer_of, origin)
    use_case.check, use_case.opens = check, opens
    return await ServiceTemplate(node, use_case).execute()


async def deduct(
    node: Node,
    request: OpenRequest,
    claim: KeyClaim,
    answer_of: AnswerOf,
    *,
    check: Check | None = None,
) -> KeptAnswer:
    """Take money under the card's mandate: no code, and no payer present."""
    use_case = _Open(request, claim, answer_of, origin=None)
    use_case.check = check
    return await ServiceTemplate(node, use_case).execute()


async def resend_code(  # noqa: PLR0917 - one shape for all use cases
    node: Node,
    biz_line: BizLineId,
    no: PayOrderNo,
    claim: KeyClaim,
    answer_of: AnswerOf,
    origin: Origin | None = None,
) -> KeptAnswer:
    """Send the code again."""
    use_case = _Resend(biz_line, no, claim, answer_of)
    use_case.origin = origin
    return await ServiceTemplate(node, use_case).execute()


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
    *,
    also: Also | None = None,
) -> KeptAnswer:
    """Ask the channel, then close."""
    use_case = _Close(biz_line, no, claim, answer_of)
    use_case.also = also
    return await ServiceTemplate(node, use_case).execute()


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


def _refuse_finished(run: Run) -> None:
    row = run.payment.row
    if row.biz_status.final:
        raise errors.BizCheckError(*errors.PAYMENT_FINISHED)
    if run.now >= row.expires_at and run.payment.money_leg is None:
        raise errors.BizCheckError("The payment has expired.", "支付订单已过期")


def _refuse_exhausted(run: Run) -> None:
    """An attempt's number has two digits; one passage may need several. Waiting does
    not help, so it is no 429.
    """
    if run.payment.row.attempts + ATTEMPTS_A_PASSAGE > MAX_ATTEMPTS:
        raise errors.BizCheckError(*errors.TRIES_USED)


async def _coupon_amount(node: Node, request: OpenRequest) -> int:
    if request.coupon_no is None:
        return 0
    return await coupon.worth(
        node,
        request.biz_line,
        request.coupon_no,
        amount=request.amount,
        currency=request.currency,
        sign=webhook.headers,
    )


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
