"""What was found, told: a case each, once, and the difference for the report."""

from collections.abc import Mapping
from types import MappingProxyType

from paycore.desk import service as desk
from paycore.kernel.journal import Change
from paycore.kernel.node import Node
from paycore.recon.match import Kind, Status
from paycore.recon.rows import Difference as ReconDifference
from paycore.recon.service import CASE as RECON
from paycore.recovery.asking import Told
from paycore.recovery.match import Difference, Found, Source

CASE = "RESTORE_"

OF_A_STATEMENT: Mapping[tuple[Kind, str | None], Found] = MappingProxyType(
    {
        (Kind.WE_LACK, "CHARGE"): Found.CHARGED_THERE,
        (Kind.WE_LACK, "REFUND"): Found.REFUNDED_THERE,
        (Kind.STATUS_OURS, "CHARGE"): Found.CHARGED_THERE,
        (Kind.STATUS_OURS, "REFUND"): Found.REFUNDED_THERE,
        (Kind.STATUS_THEIRS, "CHARGE"): Found.CHARGED_HERE,
        (Kind.STATUS_THEIRS, "REFUND"): Found.REFUNDED_HERE,
        (Kind.THEY_LACK, "CHARGE"): Found.CHARGED_HERE,
        (Kind.REFUND_MISSING, "REFUND"): Found.REFUNDED_HERE,
        (Kind.AMOUNT, "CHARGE"): Found.CHARGED_AMOUNT,
        (Kind.AMOUNT, "REFUND"): Found.REFUNDED_AMOUNT,
    }
)
"""What a difference of reconciliation is after a restore; the others are as ever."""


async def of_enquiry(
    node: Node, change: Change, told: Told, found: Found
) -> Difference:
    """Stage the case of what an enquiry found."""
    question, reply = told.question, told.reply
    about = f"{question.channel}/{question.account}"
    new = await desk.open_case(
        node,
        change,
        kind=f"{CASE}{found}",
        pay_order_no=question.pay_order_no,
        attempt_seq=question.seq,
        amount=reply.amount or question.amount,
        currency=reply.currency or question.currency,
        about=about,
        evidence={
            "channel": question.channel,
            "account": question.account,
            "request_no": question.request_no,
            "asked_after": question.operation,
            "known_here": question.known,
            "ours": question.amount if question.paid else None,
            "theirs": reply.amount,
            "said": reply.outcome,
            "said_code": reply.resp_code,
            "channel_ref": reply.channel_ref,
        },
    )
    theirs_moved = found not in (Found.CHARGED_HERE, Found.REFUNDED_HERE)
    return Difference(
        found=found,
        number=question.request_no,
        pay_order_no=question.pay_order_no,
        channel=question.channel,
        account=question.account,
        ours=question.amount if question.paid else None,
        theirs=(reply.amount or question.amount) if theirs_moved else None,
        currency=reply.currency or question.currency,
        case_id=desk.case_id(
            f"{CASE}{found}", question.pay_order_no, question.seq, about
        ),
        sources=frozenset({Source.ENQUIRY}),
        new=new is not None,
    )


def of_statement(one: ReconDifference, pay_order_no: str | None) -> Difference | None:
    """What a statement found, whose case is reconciliation's; None: nothing that was
    forgotten, or a leg that is open here and is asked after as ever.
    """
    found = OF_A_STATEMENT.get((one.kind, one.trade))
    open_here = one.our_status == Status.OPEN
    if found is None or open_here:
        return None
    about = f"{one.channel}/{one.account}:{one.fact}"
    here = found in (Found.CHARGED_HERE, Found.REFUNDED_HERE)
    there = found in (Found.CHARGED_THERE, Found.REFUNDED_THERE)
    return Difference(
        found=found,
        number=one.request_no,
        pay_order_no=pay_order_no,
        channel=one.channel,
        account=one.account,
        ours=None if there else one.our_amount,
        theirs=None if here else one.their_amount,
        currency=one.currency,
        case_id=desk.case_id(
            f"{RECON}{one.kind}", one.pay_order_no, one.attempt_seq, about
        ),
        sources=frozenset({Source.STATEMENT}),
    )
