"""What a cure does: it stages the rows of a normal operation, and none of its own."""

from collections.abc import Mapping
from types import MappingProxyType

from paycore.accounting import suspense
from paycore.accounting.suspense import Account
from paycore.core import recover
from paycore.core.refunds import recover as refunds
from paycore.core.refunds import returns
from paycore.cures import queries
from paycore.cures.facts import Facts
from paycore.cures.plans import notice_of
from paycore.cures.table import Cure
from paycore.desk.rows import CureRow
from paycore.kernel.journal import Change
from paycore.kernel.node import Node
from paycore.kernel.terms import PayOrderNo
from paycore.notify import replays
from paycore.recovery import adopting

FINISHES = frozenset(Cure) - {Cure.ENQUIRE, Cure.REFUND}
"""These are the end of their case. What an enquiry comes to is still to be seen, and a
refund ends its case itself."""

_TO: Mapping[Cure, Account] = MappingProxyType(
    {
        Cure.ADJUST: Account.MERCHANT_PENDING,
        Cure.WRITE_OFF: Account.DIFFERENCES,
        Cure.RELEASE: Account.CHANNEL_RECEIVABLE,
    }
)

_SAID: Mapping[Cure, str] = MappingProxyType(
    {
        Cure.NOTE: "closed",
        Cure.FORCE_NOT_TAKEN: "written down as not taken",
        Cure.FORCE_NOT_REFUNDED: "written down as not given back",
    }
)


async def stage(
    node: Node, change: Change, facts: Facts, cure: Cure, row: CureRow
) -> str:
    """Stage it; what came of it so far, in words. A forced state is not staged here:
    it is the core's own passage (`recover.force_not_taken`, and of refunds).
    """
    match cure:
        case Cure.ENQUIRE:
            return _enquire(node, change, facts)
        case Cure.RENOTIFY:
            no = PayOrderNo(facts.case.pay_order_no or "")
            await replays.stage(node, change, no, notice_of(facts.case))
            return "on its way"
        case Cure.REFUND:
            return await _refund(node, change, facts, row)
        case Cure.ADJUST | Cure.WRITE_OFF | Cure.RELEASE:
            return _out_of_suspense(node, change, facts, cure)
        case Cure.ADOPT | Cure.CLOSE:
            return await _after_a_restore(node, change, facts, cure)
        case Cure.NOTE | Cure.FORCE_NOT_TAKEN | Cure.FORCE_NOT_REFUNDED:
            return _SAID[cure]


async def _after_a_restore(node: Node, change: Change, facts: Facts, cure: Cure) -> str:
    assert facts.payment is not None, "it was planned"
    if cure is Cure.CLOSE:
        return await adopting.close(node, change, facts.payment)
    assert facts.leg is not None, "it was planned"
    return await adopting.adopt(node, change, facts.payment, facts.leg)


def _enquire(node: Node, change: Change, facts: Facts) -> str:
    payment, refund = facts.payment, facts.refund
    assert payment is not None, "it was planned"
    no = payment.row.pay_order_no
    if refund is None:
        recover.look_now(change, no, node.now())
    else:
        refunds.look_now(change, no, refund.refund_no, node.now())
    return "asked for"


async def _refund(node: Node, change: Change, facts: Facts, row: CureRow) -> str:
    assert facts.payment is not None, "it was planned"
    assert facts.leg is not None, "it was planned"
    assert row.amount is not None, "it was planned"
    number = await returns.stage(
        *(node, change, facts.payment.row, facts.leg),
        amount=row.amount,
        case_id=row.case_id,
        why=row.why,
        channel_ref=queries.reference_of(facts.case),
    )
    return f"refund {number}"


def _out_of_suspense(node: Node, change: Change, facts: Facts, cure: Cure) -> str:
    assert facts.parked is not None, "it was planned"
    at = node.now()
    if facts.payment is None:
        suspense.settle(node, change, facts.parked, to=_TO[cure], at=at)
    else:
        line = facts.payment.row.biz_line
        suspense.settle(node, change, facts.parked, to=_TO[cure], biz_line=line, at=at)
    return "out of suspense"
