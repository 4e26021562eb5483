"""What a cure is judged by: the case, and what stands now of what it is about."""

from dataclasses import dataclass

from paycore.accounting import service as accounting
from paycore.accounting import suspense
from paycore.accounting.suspense import Parked
from paycore.core import late
from paycore.core.absorb import load_payment
from paycore.core.payment import Payment
from paycore.core.refunds.service import is_of_refund
from paycore.core.rows import AttemptRow, RefundRow
from paycore.cures import queries
from paycore.desk.rows import CaseRow
from paycore.kernel.ids import refund_at
from paycore.kernel.node import Node
from paycore.kernel.terms import ProcessStatus

RECON = "RECON_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All of it, as loaded."""

    case: CaseRow
    payment: Payment | None
    leg: AttemptRow | None
    """The attempt that the case names."""
    refund: RefundRow | None
    """Or the refund."""
    given_back: RefundRow | None
    """The return of the leg."""
    parked: Parked | None
    moved_there: int | None
    """How much a statement's line says that moved."""
    healed: bool
    """Whether the difference is none any more."""

    @property
    def charged(self) -> bool:
        """Whether the leg's request is one that the order was paid by."""
        if self.payment is None or self.leg is None:
            return False
        return any(
            one.process_status is ProcessStatus.GW_SUCCESS
            and one.trans_type.moves_money
            and one.request_no == self.leg.request_no
            for one in self.payment.attempts.values()
        )


async def gather(node: Node, pool: queries.Pool, case: CaseRow) -> Facts:
    """Load it."""
    payment = await load_payment(node, case.pay_order_no)
    seq, refund, leg = case.attempt_seq or 0, None, None
    if payment is not None and is_of_refund(seq):
        number = refund_at(payment.row.pay_order_no, seq)
        refund = await node.journal.load(RefundRow, payment.row.pay_order_no, number)
    elif payment is not None:
        leg = payment.attempts.get(seq)
    return Facts(
        case=case,
        payment=payment,
        leg=leg,
        refund=refund,
        given_back=None if leg is None else await _given_back(node, case, leg),
        parked=await _parked(node, case),
        moved_there=queries.moved_there(case),
        healed=await queries.healed(pool, case),
    )


async def _given_back(node: Node, case: CaseRow, leg: AttemptRow) -> RefundRow | None:
    """Of what this case is about: the charge, or what was taken beyond it."""
    return await late.going_back(node, leg, more=late.is_of_more(case.case_id))


async def _parked(node: Node, case: CaseRow) -> Parked | None:
    day = queries.day_of(case)
    if not case.kind.startswith(RECON) or (case.pay_order_no is None and day is None):
        return None
    no = case.pay_order_no or accounting.of_no_payment(day or "")
    return await suspense.parked(node, no, case.case_id)
