"""Late money: what a channel took when it must not, and how it goes back.

A payment is over, or another leg has paid it, or nobody confirmed there; and then a
channel says that it took the money. Whoever hears that stages one change: a person is
told, the books have it, and a refund of the whole is born, so that a crash can lose
none of the three. From there it is driven like any refund (core/refunds). What became
of the payment stays; what it cost its payer does not.
"""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Final

from msgspec.structs import replace

from paycore.accounting import service as accounting
from paycore.core.messages import refund_words
from paycore.core.payment import AT_DESK, Payment
from paycore.core.restored import RESTORED, RestoredRow
from paycore.core.rows import AttemptRow, RefundRow, RefundTransitionRow
from paycore.core.states import RefundEvent, refund_transition
from paycore.desk import service as desk
from paycore.desk.rows import CaseRow
from paycore.gateway import service as gateway
from paycore.gateway.call import Operation, Reply
from paycore.kernel.ids import late_refund_no
from paycore.kernel.journal import Change
from paycore.kernel.node import Node
from paycore.kernel.terms import ProcessStatus, RefundKind, RefundStatus
from paycore.lines import service as lines

AFTER_ITS_END: Final = "LATE_MONEY"
"""A yes for a leg that had ended without money."""

OF_MORE: Final = frozenset({"RECON_DUPLICATE_LINE", "RECON_AMOUNT"})

UNASKED: Final = "CHARGED_WITHOUT_CONFIRM"
"""A charge that we never asked for, of an order that a channel had opened for us."""


class Late(StrEnum):
    """What became of money that a channel took though its order did not come about."""

    NONE = "NONE"
    """There was none that we know of."""
    TAKEN = "TAKEN"
    """It is on its way back, or a person has it."""
    GIVEN_BACK = "GIVEN_BACK"


async def known_of(node: Node, payment: Payment) -> Late:
    """What a payer can be told of such money: by its cases and their refunds."""
    no = payment.row.pay_order_no
    names = (
        desk.case_id(kind, no, seq, "")
        for kind in (AFTER_ITS_END, UNASKED)
        for seq in payment.attempts
    )
    found = await asyncio.gather(*(node.journal.load(CaseRow, one) for one in names))
    cases = {case.case_id for case in found if case is not None}
    if not cases:
        return Late.NONE
    refunds = await node.journal.within(RefundRow, no)
    back = {one.case_id for one in refunds if one.status is RefundStatus.SUCCESS}
    return Late.GIVEN_BACK if cases <= back else Late.TAKEN


async def take_in(
    node: Node,
    change: Change,
    payment: Payment,
    attempt: AttemptRow,
    reply: Reply,
    *,
    kind: str,
    evidence: Mapping[str, object],
    to_go_back: bool = True,
) -> None:
    """Stage what follows from a channel's yes to money that must not have come: once,
    however often it is said.
    """
    number = late_refund_no(attempt.request_no)
    if await node.journal.load(RefundRow, attempt.pay_order_no, number) is not None:
        return
    to_go_back = (
        to_go_back
        and _goes_back(node, payment, attempt, reply)
        and await going_back(node, attempt, more=False) is None
        # Of what a restore made us forget a person has said what becomes of it.
        and await node.journal.load(RestoredRow, attempt.pay_order_no) is None
    )
    case_id = await desk.open_case(
        node,
        change,
        kind=kind,
        pay_order_no=attempt.pay_order_no,
        attempt_seq=attempt.seq,
        amount=reply.amount or attempt.amount,
        currency=reply.currency or attempt.currency,
        evidence={**evidence, **({"refund_no": number} if to_go_back else {})},
    )
    if case_id is not None and to_go_back:
        row = _born(node, payment, attempt, reply, case_id=case_id)
        stage_birth(change, row, RefundEvent.LATE_MONEY_CAME, case_id)
        post(node, change, row, at=row.created_at, returned=False)
    elif payment.row.held == kind and await _waits_for_nothing(node, payment):
        payment.may_close(AT_DESK, node.now())


def another_leg_has_it(payment: Payment, attempt: AttemptRow) -> bool:
    """Whether the money of this request is that of a leg which paid, or may have: under
    one number a channel takes it once.
    """
    return any(
        leg.request_no == attempt.request_no
        and (leg.process_status.open or leg.process_status is ProcessStatus.GW_SUCCESS)
        for leg in payment.money_legs
    )


def _goes_back(node: Node, payment: Payment, attempt: AttemptRow, reply: Reply) -> bool:
    """Whether it is beyond doubt what to give back, and the channel can.

    Another amount than was ever asked of it (F32) is nothing to act upon by oneself.
    """
    said = (reply.amount, reply.currency)
    return (
        node.settings.return_late_money
        # What a restore made us forget was asked for, and its line may have been told.
        and payment.row.held != RESTORED
        and said == (attempt.amount, attempt.currency)
        and attempt.channel in gateway.capable(node, Operation.REFUND)
        and not another_leg_has_it(payment, attempt)
    )


async def _waits_for_nothing(node: Node, payment: Payment) -> bool:
    """Whether nothing by itself will say that a payment may close; one that is over
    does not wait for that.
    """
    if payment.row.biz_status.final:
        return False
    refunds = await node.journal.within(RefundRow, payment.row.pay_order_no)
    return not any(
        row.kind is RefundKind.LATE_MONEY and not row.status.final for row in refunds
    )


def is_of_more(case_id: str) -> bool:
    """Whether a case is about what a channel took beyond what a request took rightly or
    by itself: when that goes back, the rest of the request is where it was.
    """
    return case_id.partition(":")[0] in OF_MORE


async def going_back(node: Node, leg: AttemptRow, *, more: bool) -> RefundRow | None:
    """What of a leg that no order covers is under way or was given back, by a person
    or by itself: the charge goes back once, and once what was taken beyond it. Whoever
    has another begin in this moment is met at the index of what goes back once.
    """
    for row in await node.journal.within(RefundRow, leg.pay_order_no):
        lives = row.kind is not RefundKind.ASKED and row.status is not RefundStatus.FAIL
        of_leg = row.original_request_no == leg.request_no
        if lives and of_leg and is_of_more(row.case_id or "") is more:
            return row
    return None


def _born(
    node: Node, payment: Payment, attempt: AttemptRow, reply: Reply, *, case_id: str
) -> RefundRow:
    """The refund of all that this request took, due at once. The channel's own number
    of that money is in its late word: what it said before was of none.
    """
    now = node.now()
    language = lines.line(node, payment.row.biz_line).language
    return RefundRow(
        pay_order_no=attempt.pay_order_no,
        refund_no=late_refund_no(attempt.request_no),
        biz_line=payment.row.biz_line,
        kind=RefundKind.LATE_MONEY,
        out_refund_no=None,
        case_id=case_id,
        amount=attempt.amount,
        money_amount=attempt.amount,
        coupon_amount=0,
        currency=attempt.currency,
        reason=None,
        channel=attempt.channel,
        account=attempt.account,
        inst_trans_id=attempt.inst_trans_id,
        original_request_no=attempt.request_no,
        original_channel_ref=reply.channel_ref or attempt.channel_ref,
        resp_code="REFUNDING",
        resp_msg=refund_words("REFUNDING", language),
        created_at=now,
        quiet_from=now,
        next_check_at=now,
    )


def stage_birth(
    change: Change, row: RefundRow, event: RefundEvent, case_id: str
) -> None:
    """A refund that no line asked for, with its first step: by which kind of case."""
    born = refund_transition(row.status, event)
    change.insert(replace(row, last_event=born.event, events=1))
    change.append(
        RefundTransitionRow(
            pay_order_no=row.pay_order_no,
            refund_no=row.refund_no,
            seq=1,
            from_status=born.source,
            event=born.event,
            to_status=born.target,
            cause=case_id.partition(":")[0],
            at=row.created_at,
        )
    )


def post(
    node: Node, change: Change, row: RefundRow, *, at: datetime, returned: bool
) -> None:
    """Stage that the money of this refund came, or that it went back."""
    accounting.post_late(
        node,
        change,
        pay_order_no=row.pay_order_no,
        refund_no=row.refund_no,
        channel=row.channel,
        account=row.account,
        amount=row.money_amount,
        currency=row.currency,
        biz_line=row.biz_line,
        at=at,
        returned=returned,
    )
