"""One passage of one refund: the runner's own, over another aggregate.

The payment that it belongs to is read and not written; only where late money held one
that is open, its going back says so there (core/refunds/late.py).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from paycore.core import ask as asking
from paycore.core.chain import Run
from paycore.core.messages import refund_words
from paycore.core.refunds.refund import Refund
from paycore.core.rows import OutRefundNoRow, RefundRow, RefundTotalRow
from paycore.gateway.call import Ask, Operation
from paycore.kernel.journal import KeyOf, Row
from paycore.kernel.terms import AttemptId


@dataclass(slots=True, kw_only=True)
class RefundRun(Run):
    """What the commands of a refund share."""

    refund: Refund
    total: RefundTotalRow | None = None
    """Of a new refund: the payment's total as it was read."""
    number: OutRefundNoRow | None = None
    """Of a new refund: the business line's own number, to be taken for ever."""

    @property
    def leased(self) -> tuple[type[Row], KeyOf]:
        """The row that the passage has the lease of."""
        row = self.refund.row
        return RefundRow, (row.pay_order_no, row.refund_no)

    @property
    def quiet_from(self) -> datetime:
        """As its last send has it."""
        return self.refund.row.quiet_from

    def take_lease(self, ask: Ask) -> None:
        """As for a payment; only a call for the money moves the moment from which
        nobody is sending any more.
        """
        until = self.lease_taken(ask.timeout_s)
        if ask.operation is Operation.REFUND:
            self.refund.quiet_after(until + timedelta(seconds=ask.timeout_s))
        look_at = self.now + timedelta(seconds=self.node.settings.lease_s)
        self.refund.lease(self.node.epoch, until=until, look_at=look_at)

    def release(self) -> None:
        """Give the lease back, where it is ours."""
        until = self.refund.row.lease_until
        if until is None or until in self.leases:
            self.refund.release(self.now)

    def stage_rows(self) -> None:
        """The refund, and what it holds of its payment's total."""
        self.refund.stage(self.change)

    def rows_stored(self) -> None:
        """The commit succeeded."""
        self.refund.stored()

    def say(self, code: str) -> None:
        """What the business line reads, in its language."""
        self.refund.respond(code, refund_words(code, self.line.language))

    def ask(self, operation: Operation, timeout_s: float) -> Ask:
        """One call to the gateway about the refund: by the leg that was charged, and
        under the refund's own number, always.
        """
        row, enquiring = self.refund.row, operation is Operation.ENQUIRE
        base = self.node.settings.public_url
        opener = self.payment.opener(row.original_request_no)
        return Ask(
            operation=operation,
            pay_order_no=row.pay_order_no,
            attempt_seq=self.refund.seq,
            request_no=AttemptId(row.refund_no),
            inst_trans_id=row.inst_trans_id,
            channel=row.channel,
            account=row.account,
            amount=row.money_amount,
            currency=row.currency,
            asked_at=self.now,
            timeout_s=timeout_s,
            card_id=self.payment.row.card_id,
            subject=self.payment.row.subject,
            payee=self.line.title,
            card_tail=self.card.tail,
            language=self.line.language,
            notify_url=f"{base}/callbacks/{row.channel}/{row.account}"
            if base
            else None,
            enquired_operation=Operation.REFUND if enquiring else None,
            opened_at=self.refund.order_at,
            channel_ref=row.channel_ref,
            original_request_no=row.original_request_no,
            original_opened_at=None if opener is None else opener.created_at,
            original_channel_ref=row.original_channel_ref
            or self.payment.reference_of(row.original_request_no),
            original_operation=self._charged_by(row.original_request_no),
            original_amount=None if opener is None else opener.amount,
        )

    def _charged_by(self, request_no: AttemptId) -> Operation | None:
        """The operation that took the money under this number."""
        leg = next(
            (leg for leg in self.payment.money_legs if leg.request_no == request_no),
            None,
        )
        return None if leg is None else asking.operation_of(leg.trans_type)
