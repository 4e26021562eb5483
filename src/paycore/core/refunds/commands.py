"""The commands of a refund, and their chain.

As with payments: a command looks at the refund and does the one right thing, so that
the same list serves a first passage, a recovery and a repeat.
"""

import msgspec

from paycore.accounting import service as accounting
from paycore.core.chain import Command, CommandChain, Foreign, Local, Next, Run
from paycore.core.refunds.document import refund_of
from paycore.core.refunds.late import late_end
from paycore.core.refunds.refund import reserved
from paycore.core.refunds.returned import returned
from paycore.core.refunds.run import RefundRun
from paycore.core.refunds.settle import settle
from paycore.core.states import Audience
from paycore.gateway.call import Ask, Operation, Reply
from paycore.kernel.terms import RefundKind, RefundStatus
from paycore.notify import service as notify


class RefundReserve(Local):
    """Take the refund of what is left of the payment, or nothing at all."""

    async def run(self, run: Run) -> Next:
        """Stage the total with this refund in it, over the total as it was read: who
        was faster refuses it. The line's own number goes with it, for ever.
        """
        assert isinstance(run, RefundRun)
        assert run.number is not None
        assert run.total is not None
        row, before = run.refund.row, run.total
        total = reserved(before, amount=row.amount, money=row.money_amount)
        if before.refunds:
            run.change.update(total, version=before.version)
        else:
            run.change.insert(total)
        run.change.insert(run.number)
        return Next.NEXT


class CardRefund(Foreign):
    """Give the money back where it was taken: same channel, account and request."""

    async def before(self, run: Run) -> Ask | Next:
        """Record the send; no routing."""
        assert isinstance(run, RefundRun)
        run.refund.sending(now=run.now)
        return run.ask(Operation.REFUND, run.node.settings.money_timeout_s)

    async def after(self, run: Run, seq: int, reply: Reply) -> Next:
        """Whatever came: record it, and let the tail do what follows."""
        assert isinstance(run, RefundRun)
        await settle(run, reply, call_ended=True)
        return Next.NEXT


class RefundResultNotifyBiz(Local):
    """Tell accounting and the business line, in the commit of the status."""

    async def run(self, run: Run) -> Next:
        """Only what the transition table says, and only on a final status."""
        assert isinstance(run, RefundRun)
        row, told = run.refund.row, run.refund.told
        if run.refund.late:
            await late_end(run)
            return Next.NEXT
        if row.kind is RefundKind.RETURN:
            if told:
                await returned(run)
            told.clear()
            return Next.NEXT
        if Audience.ACCOUNTING in told:
            accounting.post_refund(
                run.node,
                run.change,
                pay_order_no=row.pay_order_no,
                refund_no=row.refund_no,
                channel=row.channel,
                account=row.account,
                amount=row.amount,
                coupon_amount=row.coupon_amount,
                money_amount=row.money_amount,
                currency=row.currency,
                biz_line=row.biz_line,
                at=run.now,
            )
        if Audience.BIZ_LINE in told:
            _announce(run)
        told.clear()
        return Next.NEXT


CARD_REFUND = CommandChain(
    "CARD_REFUND",
    (
        RefundReserve,  # nobody else may give the same money back
        CardRefund,  # by the leg that was charged; the answer may be "unknown"
        RefundResultNotifyBiz,  # accounting and business line
    ),
)

SEND_AGAIN: tuple[type[Command], ...] = (CardRefund, RefundResultNotifyBiz)
"""The same number once more, where that is surely no second refund."""

TAIL: tuple[type[Command], ...] = (RefundResultNotifyBiz,)


def _announce(run: RefundRun) -> None:
    row = run.refund.row
    paid = row.status is RefundStatus.SUCCESS
    notify.announce(
        run.node,
        run.change,
        pay_order_no=row.pay_order_no,
        biz_line=row.biz_line,
        type="refund.succeeded" if paid else "refund.failed",
        data=msgspec.json.encode(refund_of(row)),
        at=run.now,
    )
