"""Which numbers to ask after, and where.

Of a payment that was open in the backup: whatever it may have sent in the time that was
lost. Its next attempts' numbers, at every account that takes money, for it may have
been converted or gone from channel to channel; and the numbers of the sends that we
know, for the confirm of one is asked after under the send's. Of what had an end, that
end once more, where it is so young that a backup may be wrong about it.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from paycore.core.payment import Payment
from paycore.core.rows import AttemptRow, PaymentRow, RefundRow
from paycore.gateway.accounts import AccountKey, Accounts
from paycore.gateway.call import Operation
from paycore.gateway.rows import AccountRow
from paycore.kernel.errors import BadRequest, Misconfigured
from paycore.kernel.ids import (
    MAX_ATTEMPTS,
    MAX_REFUNDS,
    REFUND_LEGS,
    attempt_id,
    leg_of_refund,
    payment_of,
    refund_no,
)
from paycore.kernel.node import Node
from paycore.kernel.terms import (
    SMS_CENTRE,
    AttemptId,
    ProcessStatus,
    RefundStatus,
    TransType,
)
from paycore.recovery.match import Difference, Found, Question

NOTHING_SENT = "RESTORED"
"""Stands in for the transaction type that a lost attempt had."""

_ASKED_AFTER = MappingProxyType(
    {
        TransType.QUICK_PAY_CONFIRM: Operation.CONFIRM,
        TransType.DEDUCT: Operation.DEDUCT,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An account that takes money, and what is asked after there."""

    channel: str
    account: str
    operation: Operation


async def places(node: Node, without: Collection[AccountKey] = ()) -> list[Place]:
    """Every account that takes money, switched off or not, but those that a person does
    without; a refusal where another does not open: what was paid there would be found
    nowhere.
    """
    opened = dict(node.state(Accounts).every())
    rows = await node.journal.every(AccountRow)
    known = {(row.channel, row.account) for row in rows}
    if strange := set(without) - known:
        raise BadRequest(f"--without: there is no account {_names(strange)}.")
    if shut := known - set(opened) - set(without):
        raise Misconfigured(
            f"{_names(shut)} cannot be asked: its credentials do not open, or no"
            " channel file speaks to it. Set the nodes' keys, then run this again"
        )
    found = []
    for (channel, account), one in sorted(opened.items()):
        if (channel, account) in without:
            continue
        can = one.driver.capabilities
        taking = [op for op in (Operation.DEDUCT, Operation.CONFIRM) if op in can]
        if taking:
            found.append(Place(channel=channel, account=account, operation=taking[0]))
    return found


def _names(keys: Iterable[AccountKey]) -> str:
    return ", ".join("/".join(key) for key in sorted(keys))


def of_open(payment: Payment, at: Sequence[Place], *, ahead: int) -> Iterator[Question]:
    """What an open payment may have sent that we do not know of."""
    yield from _of_sends(payment)
    yield from of_ended(payment, payment.money_legs)
    row = payment.row
    last = min(MAX_ATTEMPTS, row.attempts + ahead)
    for seq in range(row.attempts + 1, last + 1):
        for place in at:
            yield Question(
                pay_order_no=row.pay_order_no,
                seq=seq,
                request_no=attempt_id(row.pay_order_no, seq),
                channel=place.channel,
                account=place.account,
                operation=place.operation,
                amount=row.payable_amount,
                currency=row.currency,
                inst_trans_id=NOTHING_SENT,
            )


def _of_sends(payment: Payment) -> Iterator[Question]:
    """Orders that a quick channel opened for us; an open confirm asks for itself."""
    asked = {
        leg.request_no
        for leg in payment.money_legs
        if leg.process_status is not ProcessStatus.GW_FAIL
    }
    for send in payment.sends:
        if send.channel != SMS_CENTRE and send.request_no not in asked:
            opened_at = payment.opened_at(send.request_no)
            yield _of_attempt(send, Operation.CONFIRM, opened_at=opened_at)


def of_ended(payment: Payment, legs: Iterable[AttemptRow]) -> Iterator[Question]:
    """The end that we know of money legs; their numbers once each."""
    sent = {send.request_no for send in payment.sends}
    for leg in legs:
        paid = leg.process_status is ProcessStatus.GW_SUCCESS
        under_its_send = leg.request_no in sent
        if leg.process_status.open or (under_its_send and not paid):
            continue  # asked after as ever; or with the send whose number it has
        if leg.process_status is not ProcessStatus.ROUTE_FAIL:
            yield _of_attempt(
                leg,
                _ASKED_AFTER[leg.trans_type],
                paid=paid,
                opened_at=payment.opened_at(leg.request_no),
            )


def _of_attempt(
    attempt: AttemptRow,
    operation: Operation,
    *,
    paid: bool = False,
    opened_at: datetime | None = None,
) -> Question:
    return Question(
        pay_order_no=attempt.pay_order_no,
        seq=attempt.seq,
        request_no=attempt.request_no,
        channel=attempt.channel,
        account=attempt.account,
        operation=operation,
        amount=attempt.amount,
        currency=attempt.currency,
        inst_trans_id=attempt.inst_trans_id,
        known=True,
        paid=paid,
        opened_at=opened_at,
        channel_ref=attempt.channel_ref,
    )


def of_leg(leg: AttemptRow) -> Question:
    """A money leg of ours, whatever is known of it."""
    return _of_attempt(leg, _ASKED_AFTER[leg.trans_type])


def of_refunds(
    leg: AttemptRow, refunds: Sequence[RefundRow], *, first: int, count: int
) -> Iterator[Question]:
    """The next refunds that a payment may have had, by the leg that was charged, or may
    have been.
    """
    no = leg.pay_order_no
    taken = {refund.refund_no for refund in refunds}
    for number in range(first, min(MAX_REFUNDS, first + count - 1) + 1):
        wanted = refund_no(no, number)
        if wanted not in taken:
            yield Question(
                pay_order_no=no,
                seq=REFUND_LEGS + number,
                request_no=AttemptId(wanted),
                channel=leg.channel,
                account=leg.account,
                operation=Operation.REFUND,
                amount=leg.amount,
                currency=leg.currency,
                inst_trans_id=leg.inst_trans_id,
                original=leg.request_no,
                original_channel_ref=leg.channel_ref,
            )


def of_ended_refunds(refunds: Iterable[RefundRow]) -> Iterator[Question]:
    """The end that we know of refunds."""
    for refund in refunds:
        if refund.status.final:
            yield Question(
                pay_order_no=refund.pay_order_no,
                seq=leg_of_refund(refund.refund_no),
                request_no=AttemptId(refund.refund_no),
                channel=refund.channel,
                account=refund.account,
                operation=Operation.REFUND,
                amount=refund.money_amount,
                currency=refund.currency,
                inst_trans_id=refund.inst_trans_id,
                known=True,
                paid=refund.status is RefundStatus.SUCCESS,
                original=refund.original_request_no,
                opened_at=refund.order_at or refund.created_at,
                channel_ref=refund.channel_ref,
                original_channel_ref=refund.original_channel_ref,
            )


def of_statement(one: Difference, payment: PaymentRow, at: Sequence[Place]) -> Question:
    """What a statement tells of a payment that we know, under a number that we do not:
    asked after like the rest.
    """
    named = payment_of(one.number)
    assert named is not None, "it names a payment"
    here = (place for place in at if place.channel == one.channel)
    taking = next((place.operation for place in here), Operation.DEDUCT)
    stated = one.theirs or payment.payable_amount, one.currency or payment.currency
    return Question(
        pay_order_no=payment.pay_order_no,
        seq=named[1],
        request_no=AttemptId(one.number),
        channel=one.channel,
        account=one.account,
        operation=Operation.REFUND if one.found is Found.REFUNDED_THERE else taking,
        amount=stated[0],
        currency=stated[1],
        inst_trans_id=NOTHING_SENT,
        stated=stated,
    )
