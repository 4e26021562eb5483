"""What an object of Stripe's says of a request of ours, as a `Reply`. Pure.

A status decides, not the HTTP code beside it: an intent that "requires a payment
method" cannot take money any more unless somebody confirms it anew, for which he needs
our key or the intent's client secret, and neither leaves us. One that "requires action"
still can: the payer may finish at his bank what began there. So that is no refusal
before it is cancelled.
"""

from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace

from paycore.gateway.call import Ask, Operation, Reply, of_other_money, unknown
from paycore.gateway.stripe.amounts import ours
from paycore.gateway.stripe.objects import (
    PAY_ORDER_NO,
    REQUEST_NO,
    Intent,
    Metadata,
    Refund,
    Refusal,
)
from paycore.gateway.stripe.refusals import CANCELED, REFUND_FAILURES, REFUSALS
from paycore.kernel.outcome import Blame, Outcome

WAITS: Final = frozenset(
    {"requires_action", "requires_confirmation", "requires_capture"}
)
"""Statuses from which money may still be taken, though nobody works on it."""

_WAITS: Final = "an intent may still take money: cancel it in the Dashboard"
_OTHER_ORDER: Final = "the answer is about another order"
_OTHER_MODE: Final = "the answer is of the other mode, live or test"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What an object must be, to be about a request of ours."""

    request_no: str
    pay_order_no: str
    amount: int
    currency: str
    livemode: bool
    original_ref: str | None = None
    """For a refund: the intent whose money goes back, where that is known."""

    @classmethod
    def by(cls, ask: Ask, *, livemode: bool) -> "Wanted":
        """As asked."""
        about = ask.enquired_operation or ask.operation
        return cls(
            request_no=ask.request_no,
            pay_order_no=ask.pay_order_no,
            amount=ask.amount,
            currency=ask.currency,
            livemode=livemode,
            original_ref=(
                ask.original_channel_ref if about is Operation.REFUND else None
            ),
        )

    def strange(self, metadata: Metadata) -> bool:
        """Whether these are another request's numbers."""
        told = metadata.get(REQUEST_NO), metadata.get(PAY_ORDER_NO)
        return told != (self.request_no, self.pay_order_no)

    def held_to(self, reply: Reply) -> Reply:
        """A success over another amount is none: a person looks (design, F32)."""
        told = reply.amount, reply.currency
        if reply.outcome is not Outcome.SUCCEEDED:
            return reply
        if told == (self.amount, self.currency):
            return reply
        return of_other_money(reply)


def of_intent(wanted: Wanted, intent: Intent) -> Reply:
    """An intent that must be ours."""
    if wanted.strange(intent.metadata):
        return unknown("OTHER_ORDER", alarm=_OTHER_ORDER)
    if intent.livemode is not wanted.livemode:
        return unknown("OTHER_MODE", alarm=_OTHER_MODE)
    return wanted.held_to(judged_intent(intent))


def of_refund(wanted: Wanted, refund: Refund) -> Reply:
    """A refund that must be ours, and of the money that was to go back."""
    if wanted.strange(refund.metadata):
        return unknown("OTHER_ORDER", alarm=_OTHER_ORDER)
    if wanted.original_ref not in (None, refund.payment_intent):
        return unknown("OTHER_ORDER", alarm="the refund is of another charge")
    return wanted.held_to(judged_refund(refund))


def judged_intent(intent: Intent) -> Reply:
    """Whoever's it is: what it says, and the money that it says it took."""
    currency = intent.currency.upper()
    said = Reply(
        outcome=Outcome.UNKNOWN,
        resp_code=intent.status,
        channel_ref=intent.id,
        currency=currency,
    )
    match intent.status:
        case "succeeded":
            amount = ours(intent.amount_received, currency)
            said = replace(said, outcome=Outcome.SUCCEEDED, amount=amount)
        case "processing":
            said = replace(said, outcome=Outcome.PENDING)
        case _ if intent.amount_received:
            # A no that took money: there is none in their documents.
            said = replace(said, alarm=f"{intent.status}, and it took money")
        case "canceled":
            said = refused(said, intent.last_payment_error, otherwise=CANCELED)
        case "requires_payment_method":
            said = refused(said, intent.last_payment_error)
        case status if status in WAITS:
            said = replace(said, alarm=_WAITS)
    return said


def judged_refund(refund: Refund) -> Reply:
    """Whoever's it is: what it says, and the money that it says it gave back."""
    currency = refund.currency.upper()
    status = refund.status or ""
    said = Reply(
        outcome=Outcome.UNKNOWN,
        resp_code=status,
        channel_ref=refund.id,
        currency=currency,
    )
    match status:
        case "succeeded":
            amount = ours(refund.amount, currency)
            return replace(said, outcome=Outcome.SUCCEEDED, amount=amount)
        case "pending" | "requires_action":
            return replace(said, outcome=Outcome.PENDING)
        case "canceled":
            return _declined(said, CANCELED, Blame.REQUEST)
        case "failed":
            reason = refund.failure_reason or "unknown"
            blame = REFUND_FAILURES.get(reason)
            if blame is not None:
                return _declined(said, reason, blame)
            return replace(said, resp_code=reason)
    return said


def refused(said: Reply, error: Refusal | None, *, otherwise: str = "") -> Reply:
    """A definite no, if its word is known; `otherwise` is the word for what is definite
    without one.
    """
    name = error.name if error is not None else ""
    outcome, blame = REFUSALS.get(name, (Outcome.UNKNOWN, None))
    if outcome is Outcome.UNKNOWN and otherwise:
        name, (outcome, blame) = otherwise, REFUSALS[otherwise]
    return replace(
        said,
        outcome=outcome,
        blame=blame,
        resp_code=name or said.resp_code,
        resp_msg=(error.message or "") if error is not None else "",
    )


def _declined(said: Reply, code: str, blame: Blame) -> Reply:
    return replace(said, outcome=Outcome.DECLINED, blame=blame, resp_code=code)
