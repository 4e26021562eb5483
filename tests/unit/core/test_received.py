"""What a channel sends of its own accord, and what it is no word about."""

import pytest
from a_payment import NO, NOW, YES, begun
from a_run import an_order, run_of

from paycore.core import received
from paycore.core.rows import AttemptRow, PaymentRow
from paycore.gateway.call import Callback, Operation
from paycore.gateway.callback import Received
from paycore.gateway.rows import MessageRow
from paycore.kernel.terms import BizStatus, TransType


@pytest.mark.parametrize("kind", [TransType.DEDUCT, TransType.QUICK_PAY_CONFIRM])
async def test_money_that_went_back_is_no_money_that_came(kind):
    """A yes to a refund that has the number of a charge, as one that somebody made in
    the channel's console may: the charge is asked after, and not taken for paid.
    """
    payment = an_order()
    leg = begun(payment, kind)
    node = (await run_of(payment)).node
    node.journal.store.checks = {}  # what led there is no matter of ours
    before = node.change()
    before.insert(payment.row)
    before.insert(payment.attempts[1])
    assert await node.journal.commit(before) is None

    taken = await received.receive(node, told(leg, Operation.REFUND))

    row = await node.journal.load(PaymentRow, NO)
    attempt = await node.journal.load(AttemptRow, NO, 1)
    assert not taken
    assert (BizStatus.DOING, None) == (row.biz_status, row.held)
    assert attempt.process_status.open
    # It is kept, whatever it was.
    assert 1 == len(await node.journal.within(MessageRow, NO))


def told(leg: AttemptRow, operation: Operation) -> Received:
    """A callback that names this leg."""
    callback = Callback(
        request_no=leg.request_no,
        pay_order_no=NO,
        operation=operation,
        merchant="M",
        reply=YES,
    )
    message = MessageRow(
        pay_order_no=NO,
        message_id=f"{operation}",
        attempt_seq=leg.seq,
        direction="CALLBACK",
        operation=operation,
        channel=leg.channel,
        account=leg.account,
        at=NOW,
        verdict="",
        body="",
    )
    return Received(callback=callback, message=message, accept=lambda _: (200, b""))
