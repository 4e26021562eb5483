"""What a channel says of a refund after it has said yes to other money than ours."""

from datetime import timedelta

import pytest
from a_payment import NOW
from a_refund import a_row, a_total
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
from paycore.kernel.terms import Epoch, RefundStatus

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
    await put(run, row)
    message = heard(run, Operation.ENQUIRE, OTHER)

    stands = await came_second(run)

    assert (RefundStatus.DOING, True) == (stands.status, stands.other_money)
    assert [message] == await node.journal.within(MessageRow, row.pay_order_no)
    cases = [one.kind for one in await node.journal.every(CaseRow)]
    assert ["CHANNEL_ALARM"] == cases
    again = await run_for(node, stands)
    assert AfterRefund.ENQUIRE is await settle(again, NO, call_ended=False)


@pytest.mark.parametrize(
    ("reply", "status"),
    [
        (NO, RefundStatus.DOING),
        (unknown("LATE"), RefundStatus.DOING),
        (not_sent("NO_CONNECTION"), RefundStatus.DOING),
        (OTHER, RefundStatus.DOING),
        (YES, RefundStatus.SUCCESS),
    ],
)
@pytest.mark.parametrize("asked", [Operation.REFUND, Operation.ENQUIRE])
async def test_what_was_asked_before_a_send_says_no_of_none_later(reply, status, asked):
    """I12: another node has sent it again since and may be paid: neither is the money
    free, nor the moment nearer from which nobody is sending. A yes is a yes.
    """
    run = await a_refund()
    later = {"sends": 2, "events": 2, "lease_epoch": Epoch(9)}
    quiet = NOW + timedelta(minutes=2)
    until = NOW + timedelta(minutes=1)
    row = replace(run.refund.row, **later, quiet_from=quiet, lease_until=until)
    await put(run, row)
    heard(run, asked, reply)

    stands = await came_second(run)

    assert status is stands.status
    if status is RefundStatus.DOING:
        assert (2, Epoch(9), until) == (
            *(stands.sends, stands.lease_epoch),
            stands.lease_until,
        )
        assert quiet == stands.quiet_from
        assert stands.other_money is (reply is OTHER)


async def test_the_answer_to_the_last_send_ends_it():
    """The same, where nobody has sent it since."""
    run = await a_refund()
    await put(run, run.refund.row)
    heard(run, Operation.REFUND, NO)

    assert RefundStatus.FAIL is (await came_second(run)).status


async def put(run: RefundRun, row: RefundRow) -> None:
    """On record, as it stands."""
    node, store = run.node, run.node.journal.store
    store.checks = store.after = {}
    change = node.change()
    change.insert(run.payment.row)
    for one in run.payment.attempts.values():
        change.append(one)
    change.append(row)
    change.insert(a_total(taken_amount=100, taken_money=90, refunds=1))
    assert await node.journal.commit(change) is None


def heard(run: RefundRun, operation: Operation, reply: Reply) -> MessageRow:
    """The passage has an answer that is not on record."""
    message = a_message(run.node, run.refund.row)
    ask = run.ask(operation, 3.0)
    run.last = LastCall(
        run.refund.seq,
        Prepared(ask=ask, opened=None, outgoing=None),
        Answer(reply=reply, message=message),
        call_ended=operation is Operation.REFUND,
        quiet_from=run.quiet_from,
    )
    run.leases.append(NOW)
    return message


async def came_second(run: RefundRun) -> RefundRow:
    """The refund, when what its look had heard is written down after all."""
    node, row = run.node, run.refund.row
    second = GuardRefused(Refused("refund", None))
    abandoned.leave_look(node, row, run, second, absorb)
    await abandoned.give_back(node)
    found = await node.journal.load(RefundRow, row.pay_order_no, row.refund_no)
    assert found is not None
    return found


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
