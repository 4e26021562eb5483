"""The door to refunds: ask for one, read it, and take in what a channel says of it."""

from dataclasses import dataclass
from typing import ClassVar

import msgspec

from paycore.cards.rows import CardRow
from paycore.core.absorb import with_attempts
from paycore.core.chain import GuardRefused, Run
from paycore.core.keys import AnswerOf, KeptAnswer, KeyClaim, View
from paycore.core.payment import Payment
from paycore.core.refunds.absorb import absorb, run_for, write
from paycore.core.refunds.commands import CARD_REFUND
from paycore.core.refunds.refund import Refund, taken
from paycore.core.refunds.run import RefundRun
from paycore.core.refunds.share import money_part
from paycore.core.restored import RestoredRow
from paycore.core.rows import (
    AttemptRow,
    IdempotencyRow,
    OutRefundNoRow,
    PaymentRow,
    RefundRow,
    RefundTotalRow,
)
from paycore.core.template import Check, ServiceCallback, ServiceTemplate, Standing
from paycore.gateway import service as gateway
from paycore.gateway.call import Operation
from paycore.gateway.service import Received
from paycore.kernel import errors, trace
from paycore.kernel.crypto import content_hash
from paycore.kernel.ids import MAX_REFUNDS, REFUND_LEGS, payment_of, refund_no
from paycore.kernel.node import Node
from paycore.kernel.terms import (
    BizLineId,
    BizStatus,
    PayOrderNo,
    RefundKind,
    RefundNo,
)
from paycore.lines import service as lines

TIMES_TO_TRY = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundRequest:
    """What a business line asks for; its shape was checked by the surface."""

    biz_line: BizLineId
    pay_order_no: PayOrderNo
    out_refund_no: str
    amount: int
    reason: str | None

    def content(self) -> bytes:
        """Fingerprint by which a repeat is told from a clash."""
        return content_hash(msgspec.json.encode(self))


class _Refund(ServiceCallback):
    """POST /v1/refunds."""

    creates = True
    tries: ClassVar[int] = 20
    """Refunds of one payment follow one another; none is turned away at once."""

    def __init__(
        self, request: RefundRequest, claim: KeyClaim, answer_of: AnswerOf
    ) -> None:
        self.request, self.claim, self.answer_of = request, claim, answer_of

    async def before_process(self, node: Node) -> RefundRun:
        """The line's own payment, that succeeded, and of which so much is left."""
        payment = await _refundable(node, self.request)
        leg = payment.charged
        if leg.channel not in gateway.capable(node, Operation.REFUND):
            raise errors.BizCheckError(
                "The channel of this payment gives nothing back.", "该渠道不支持退款"
            )
        total = await _total(node, payment.row)
        card = await node.journal.load(CardRow, payment.row.card_id)
        assert card is not None, "a payment's card is never deleted"
        lost = await node.journal.load(RestoredRow, payment.row.pay_order_no)
        row = _born(*(node, self.request, payment.row), leg=leg, total=total, lost=lost)
        return RefundRun(
            node=node,
            payment=payment,
            line=lines.line(node, row.biz_line),
            change=node.change(),
            card=card,
            refund=Refund(row, new=True),
            total=total,
            number=OutRefundNoRow(
                biz_line=row.biz_line,
                out_refund_no=self.request.out_refund_no,
                pay_order_no=row.pay_order_no,
                refund_no=row.refund_no,
                content=self.request.content(),
            ),
        )

    async def execute(self, run: Run) -> None:
        """By the leg that was charged."""
        await CARD_REFUND.execute(run)

    def view(self, run: Run) -> View:
        """The refund, as the last commit will leave it."""
        assert isinstance(run, RefundRun)
        return _view(run.payment.row, run.refund.row)

    async def absorb(self, refused: Run, *, coupon_gone: bool) -> Run:
        """A callback or another node was faster."""
        return await absorb(refused, coupon_gone=coupon_gone)

    async def standing(self, node: Node) -> OutRefundNoRow | None:
        """What stands under the line's own number."""
        request = self.request
        return await node.journal.load(
            OutRefundNoRow, request.biz_line, request.out_refund_no
        )

    def repeats(self, standing: Standing) -> bool:
        """The same content under another key is the same refund."""
        return standing.content == self.request.content()

    def clash(self) -> errors.Refusal:
        """Another refund has the number."""
        return errors.Duplicate(
            "This out_refund_no already names a refund with other content.",
            "外部退款号已用于另一笔内容不同的退款",
        )

    async def left_by(self, node: Node, key: IdempotencyRow) -> View | None:
        """The refund and its key are one commit: where one is, the other is."""
        standing = await self.standing(node)
        if standing is None:
            return None
        view = await _view_of(node, standing)
        if view.refund is not None and view.refund.lease_epoch is not None:
            raise errors.InFlight(retry_after_s=2)
        return view

    async def numbered(self, node: Node, standing: Standing) -> View:
        """The refund that has the number, as of now."""
        assert isinstance(standing, OutRefundNoRow)
        view = await _view_of(node, standing)
        return View(payment=view.payment, refund=view.refund)

    async def doing(self, node: Node, run: Run) -> View:
        """The refund whose answer does not come."""
        assert isinstance(run, RefundRun)
        kind, key = run.leased
        row = await node.journal.load(kind, *key)
        assert isinstance(row, RefundRow)
        return _view(run.payment.row, row)

    def had_effect(self, payment: Payment, since: object) -> bool:
        """Told by the refund itself (`left_by`)."""
        raise AssertionError


async def refund(
    node: Node,
    request: RefundRequest,
    claim: KeyClaim,
    answer_of: AnswerOf,
    *,
    check: Check | None = None,
) -> KeptAnswer:
    """Give money back."""
    use_case = _Refund(request, claim, answer_of)
    use_case.check = check
    return await ServiceTemplate(node, use_case).execute()


async def get(node: Node, biz_line: BizLineId, no: RefundNo) -> RefundRow:
    """The refund as of now; another line's is as good as none."""
    named = payment_of(no)
    row = await node.journal.load(RefundRow, named[0], no) if named else None
    if row is None or row.biz_line != biz_line or row.kind is RefundKind.RETURN:
        raise errors.DataNotExist
    return row


async def receive(node: Node, received: Received) -> bool | None:
    """Absorb a callback about a refund; whether it is to be acknowledged, None where it
    is not of a refund of ours and is to be refused.
    """
    callback, message = received.callback, received.message
    assert callback is not None
    assert message is not None
    number = RefundNo(callback.request_no)
    for _ in range(TIMES_TO_TRY):
        row = await node.journal.load(RefundRow, message.pay_order_no, number)
        place = (message.channel, message.account)
        if row is None or place != (row.channel, row.account):
            return None
        if callback.operation is not Operation.REFUND:
            return None
        run = await run_for(node, row)
        run.change.append(message)
        run.note("Callback", str(callback.reply.outcome), callback.reply.resp_code)
        try:
            with trace.of(node).payment("Callback", row.pay_order_no):
                await write(run, callback.reply, call_ended=False)
                if run.refund.row.lease_epoch is None:
                    run.refund.release(run.now)
                await run.commit()
        except GuardRefused:
            continue
        return True
    return False


def is_of_refund(seq: int) -> bool:
    """Whether a number in a payment is a refund's."""
    return seq > REFUND_LEGS


async def _refundable(node: Node, request: RefundRequest) -> Payment:
    row = await node.journal.load(PaymentRow, request.pay_order_no)
    if row is None or row.biz_line != request.biz_line:
        raise errors.DataNotExist
    if row.biz_status is not BizStatus.SUCCESS:
        raise errors.BizCheckError(
            "Only a payment that succeeded is refunded.", "只有支付成功的订单可以退款"
        )
    return await with_attempts(node, row)


async def _total(node: Node, row: PaymentRow) -> RefundTotalRow:
    """As it stands, or as it begins."""
    found = await node.journal.load(RefundTotalRow, row.pay_order_no)
    return found or RefundTotalRow(
        pay_order_no=row.pay_order_no,
        amount=row.amount,
        payable_amount=row.payable_amount,
    )


def _born(
    node: Node,
    request: RefundRequest,
    payment: PaymentRow,
    *,
    leg: AttemptRow,
    total: RefundTotalRow,
    lost: RestoredRow | None,
) -> RefundRow:
    """A new refund with its share; refused where it does not fit into what is left.
    What was lost in a restore went back all the same, and has its numbers for ever.
    """
    order, now = taken(total), node.now()
    if request.amount > order.left - (lost.lost_refunded if lost else 0):
        raise errors.RefundExceeds
    number = total.refunds + 1 + (lost.lost_refunds if lost else 0)
    if number > MAX_REFUNDS:
        raise errors.BizCheckError(
            "Too many refunds of this payment.", "该支付退款次数过多"
        )
    money = money_part(order, request.amount)
    # What was lost is of the money: a coupon's share is not in it.
    if lost and money > order.payable - order.money - lost.lost_refunded:
        raise errors.RefundExceeds
    if money == 0:
        raise errors.BizCheckError(
            "The coupon paid so much that nothing of this amount goes to the card.",
            "该金额全部由优惠券承担,无可退资金",
        )
    return RefundRow(
        pay_order_no=payment.pay_order_no,
        refund_no=refund_no(payment.pay_order_no, number),
        biz_line=payment.biz_line,
        out_refund_no=request.out_refund_no,
        amount=request.amount,
        money_amount=money,
        coupon_amount=request.amount - money,
        currency=payment.currency,
        reason=request.reason,
        channel=leg.channel,
        account=leg.account,
        inst_trans_id=leg.inst_trans_id,
        original_request_no=leg.request_no,
        original_channel_ref=leg.channel_ref,
        created_at=now,
        quiet_from=now,
        next_check_at=now,
    )


def _view(payment: PaymentRow, row: RefundRow) -> View:
    return View(payment=payment, refund=row, created=True)


async def _view_of(node: Node, standing: OutRefundNoRow) -> View:
    payment = await node.journal.load(PaymentRow, standing.pay_order_no)
    row = await node.journal.load(RefundRow, standing.pay_order_no, standing.refund_no)
    assert payment is not None
    assert row is not None
    return _view(payment, row)
