"""What a person does about a payment of which a restore made us forget a charge.

Adopt: write the leg down again that we forgot, as open, and go on as with every leg:
it is asked after under its number, and what its channel says of it is its end. Only the
confirm of a send that we still know: of any other the code, the route and the mandate
are forgotten with it, and nothing here makes them up.
Close: the order is over here; its money is a matter of the channel and the line.
"""

import msgspec
from msgspec.structs import replace

from paycore.core.payment import AT_DESK, Payment
from paycore.core.restored import RESTORED, Restored, RestoredRow
from paycore.core.rows import AttemptRow
from paycore.core.states import Event
from paycore.coupon import service as coupon
from paycore.desk.rows import CaseRow
from paycore.gateway.call import Operation
from paycore.gateway.rows import MessageRow
from paycore.kernel import errors
from paycore.kernel.journal import Change
from paycore.kernel.node import Node
from paycore.kernel.terms import PayType, TransType

LOST = '{"lost_in_a_restore":true}'
"""In place of the message: it left, as its channel says, and its record is lost."""


def refuse_unheld(payment: Payment | None) -> Payment:
    """Only what is held for a restore."""
    if payment is None or payment.row.held != RESTORED:
        raise errors.BizCheckError(
            "It is not held for a restore any more.", "该支付已不在恢复核查中"
        )
    if payment.row.biz_status.final:
        raise errors.BizCheckError("It has had its end.", "该支付已完结")
    return payment


def adoptable(
    payment: Payment | None, send: AttemptRow | None, case: CaseRow
) -> AttemptRow:
    """The send whose confirm is written down again; a refusal where it cannot be."""
    held = refuse_unheld(payment)
    said = msgspec.json.decode(case.evidence, type=dict[str, object])
    known = send is not None and (
        send.trans_type is TransType.QUICK_PAY_SEND_MSG
        and send is held.send_in_force
        and send.request_no == said.get("request_no")
        and [send.channel, send.account] == [said.get("channel"), said.get("account")]
    )
    quick = held.row.pay_type is PayType.QUICK_PAY and held.money_leg is None
    if send is None or not (known and quick):
        raise errors.BizCheckError(
            "What led to this charge is forgotten: it cannot be written down again.",
            "该扣款的来龙去脉已丢失,无法补记",
        )
    if said.get("theirs") not in (None, send.amount):
        raise errors.BizCheckError("Another amount was taken.", "扣款金额不一致")
    return send


async def adopt(node: Node, change: Change, payment: Payment, send: AttemptRow) -> str:
    """Stage the forgotten leg, open; whoever works asks after it at once."""
    row, now = payment.row, node.now()
    payment.row = replace(row, held=None)
    payment.first_look()
    leg = payment.begin(
        TransType.QUICK_PAY_CONFIRM,
        channel=send.channel,
        account=send.account,
        inst_trans_id=send.inst_trans_id,
        now=now,
        quiet_from=now,
        request_no=send.request_no,
    )
    payment.apply(Event.CHARGE_BEGUN, now=now, cause=RESTORED, attempt_seq=leg.seq)
    payment.release(now)
    payment.stage(change)
    change.append(_record(node, leg))
    if row.coupon_no is not None:
        await coupon.lock_if_free(
            *(node, change, row.biz_line, row.coupon_no, row.pay_order_no)
        )
    await _clear(node, change, payment)
    return f"{leg.request_no} is asked after"


async def close(node: Node, change: Change, payment: Payment) -> str:
    """Stage that nothing begins any more, and nothing stands in the way of a close."""
    payment.may_close(AT_DESK, node.now())
    payment.stage(change)
    await _clear(node, change, payment)
    return "it closes at its time"


async def _clear(node: Node, change: Change, payment: Payment) -> None:
    restored = await node.journal.load(RestoredRow, payment.row.pay_order_no)
    if restored is not None:
        change.update(replace(restored, state=Restored.CLEAR), version=restored.version)


def _record(node: Node, leg: AttemptRow) -> MessageRow:
    return MessageRow(
        pay_order_no=leg.pay_order_no,
        message_id=node.ids.uuid(),
        attempt_seq=leg.seq,
        direction="OUT",
        operation=Operation.CONFIRM,
        channel=leg.channel,
        account=leg.account,
        at=leg.created_at,
        verdict="",
        body=LOST,
        elapsed_ms=None,
    )
