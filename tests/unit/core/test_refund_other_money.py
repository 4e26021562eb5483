"""What a channel says of a refund after it has said yes to other money than ours."""

from datetime import timedelta

import pytest
from a_payment import NOW
from a_refund import a_row
from a_run import converted, run_of
from msgspec.structs import replace

from paycore.core import abandoned
from paycore.core.chain import GuardRefused, LastCall
from paycore.core.other_money import FORCED
from paycore.core.refunds.absorb import absorb, run_for, write
from paycore.core.refunds.refund import Refund
from paycore.core.refunds.run import RefundRun
from paycore.core.refunds.settle import settle
from paycore.core.rows import RefundRow
from paycore.desk.rows import CaseRow
from paycore.gateway.call import OTHER_MONEY, Operation, Reply, not_sent, unknown
from paycore.gateway.rows import MessageRow
from paycore.gateway.service import Answer, Prepared
from paycore.kernel.ids import leg_of_refund
from paycore.kernel.journal import Refused
from paycore.kernel.node import Node
from paycore.kernel.outcome import AfterRefund, Blame, Outcome
from paycore.kernel.terms import RefundStatus

YES = Reply(outcome=Outcome.SUCCEEDED, amount=90, currency="CNY", channel_ref="b1")
OTHER = replace(YES, amount=91)
SEEN_BY_ITS_FILE = unknown(OTHER_MONEY, alarm="amount differs")
NO = Reply(outcome=Outcome.DECLINED, blame=Blame.PAYER, resp_code="OVER_LIMIT")
NOT_FOUND = Reply(outcome=Outcome.UNKNOWN, resp_code="NO_SUCH_ORDER", not_found=True)
LONG_AGO = NOW - timedelta(days=1)


async def a_refund() -> RefundRun:
    """One that was sent long ago, and of which nothing was heard."""
    run = await run_of(converted())
    row = a_row(sends=1, events=1, quiet_from=LONG_AGO, order_at=LONG_AGO)
    return RefundRun(
        node=run.node,
        payment=run.payment,
        line=run.line,
        change=run.change,
        card=run.card,
        refund=Refund(row),
    )


def kinds(run: RefundRun) -> list[str]:
    """The cases that were opened."""
    return [one.row.kind for one in run.change.inserts]


@pytest.mark.parametrize("yes", [OTHER, SEEN_BY_ITS_FILE])
@pytest.mark.parametrize(
    "later", [[NO], [NOT_FOUND], [not_sent("NO_CONNECTION"), NO], [unknown("LATE"), NO]]
)
async def test_no_later_word_is_the_last_one(yes, later):
    """F32, I12: something went back. Neither a no nor "no such refund" frees the money
    for a second one, nor is it sent once more; only a yes to our own money ends it.
    """
    run = await a_refund()
    for reply in [yes, *later]:
        assert AfterRefund.ENQUIRE is await settle(run, reply, call_ended=True)
        row = run.refund.row
        assert (RefundStatus.DOING, True) == (row.status, row.other_money)
        assert (Outcome.UNKNOWN, 1) == (row.outcome, row.sends)
    assert ["CHANNEL_ALARM"] == kinds(run)

    assert AfterRefund.REFUNDED is await settle(run, YES, call_ended=False)
    assert RefundStatus.SUCCESS is run.refund.row.status


@pytest.mark.parametrize(
    ("reply", "step"), [(NO, AfterRefund.FAIL), (YES, AfterRefund.REFUNDED)]
)
async def test_what_was_not_of_other_money_ends_as_before(reply, step):
    """An ordinary refund's last words."""
    run = await a_refund()
    await settle(run, unknown("LATE"), call_ended=True)

    assert step is await settle(run, reply, call_ended=False)
    assert not run.refund.row.other_money


async def test_two_peoples_word_ends_it():
    """They have asked the channel: nothing went back after all."""
    run = await a_refund()
    await settle(run, OTHER, call_ended=True)
    said = replace(NO, resp_code=FORCED)

    assert AfterRefund.FAIL is await settle(run, said, call_ended=False)
    row = run.refund.row
    assert (RefundStatus.FAIL, FORCED) == (row.status, row.resp_code)


async def test_a_look_that_came_second_does_not_drop_the_yes():
    """Somebody committed while an enquiry was answered: what it heard is written down
    over that, with its message and its case, and stands when the bank says no.
    """
    run = await a_refund()
    node, row = run.node, run.refund.row
    store = node.journal.store
    store.checks = store.after = {}  # it is put there as it stands
    change = node.change()
    change.insert(run.payment.row)
    for one in run.payment.attempts.values():
        change.append(one)
    change.append(row)
    assert await node.journal.commit(change) is None
    message = a_message(node, row)
    answer = Answer(reply=OTHER, message=message)
    prepared = Prepared(ask=run.ask(Operation.ENQUIRE, 3.0), opened=None, outgoing=None)
    run.last = LastCall(run.refund.seq, prepared, answer, call_ended=False)
    run.leases.append(NOW)

    second = GuardRefused(Refused("refund", None))
    abandoned.leave_look(node, row, run, second, absorb)
    await abandoned.give_back(node)

    stands = await node.journal.load(RefundRow, row.pay_order_no, row.refund_no)
    assert (RefundStatus.DOING, True) == (stands.status, stands.other_money)
    assert [message] == await node.journal.within(MessageRow, row.pay_order_no)
    cases = [one.kind for one in await node.journal.every(CaseRow)]
    assert ["CHANNEL_ALARM"] == cases
    again = await run_for(node, stands)
    assert AfterRefund.ENQUIRE is await settle(again, NO, call_ended=False)


def a_message(node: Node, row: RefundRow) -> MessageRow:
    """The record of an enquiry's answer."""
    return MessageRow(
        pay_order_no=row.pay_order_no,
        message_id=node.ids.uuid(),
        attempt_seq=leg_of_refund(row.refund_no),
        direction="IN",
        operation="enquire",
        channel=row.channel,
        account=row.account,
        at=node.now(),
        verdict="SUCCEEDED OK",
        body="{}",
    )


@pytest.mark.parametrize("late", [YES, OTHER, SEEN_BY_ITS_FILE])
async def test_after_its_end_it_is_for_a_person(late):
    """The channel's no came first, and then a yes: to ours or to other money."""
    run = await a_refund()
    await settle(run, NO, call_ended=True)
    run.refund.stored()
    await write(run, late, call_ended=True)

    assert RefundStatus.FAIL is run.refund.row.status
    assert ["LATE_REFUND"] == kinds(run)
