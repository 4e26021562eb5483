"""What a channel is told of the money that a refund gives back, whoever asks."""

from a_payment import LATER, NOW, YES, begun
from a_refund import a_row
from a_run import an_order, run_of

from paycore.core.refunds.absorb import run_for
from paycore.gateway.call import Operation
from paycore.kernel.terms import PayType, ProcessStatus, TransType


async def test_a_worker_names_the_charge_as_the_line_did():
    """Some channels find a charge by its moment or by their own number only: without
    them a refund that never left could never be sent.
    """
    payment = an_order(pay_type=PayType.DEDUCT)
    leg = begun(payment, TransType.DEDUCT, channel="deduct_a")
    payment.end(leg, ProcessStatus.GW_SUCCESS, YES, LATER)
    node = (await run_of(payment)).node
    node.journal.store.checks = {}  # what led there is no matter of ours
    before = node.change()
    before.insert(payment.row)
    before.insert(payment.attempts[1])
    assert await node.journal.commit(before) is None

    ask = (await run_for(node, a_row())).ask(Operation.REFUND, 5.0)

    told = (ask.original_opened_at, ask.original_channel_ref, ask.original_operation)
    assert (NOW, "r1", Operation.DEDUCT) == told
    assert leg.amount == ask.original_amount
