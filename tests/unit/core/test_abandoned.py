"""A passage that broke off: what it heard is written down, what it held is freed."""

from datetime import timedelta

import pytest
from a_payment import NO, NOW, YES, begun, sent
from a_run import an_order, run_of
from msgspec.structs import replace

from paycore.core import abandoned
from paycore.core import ask as asking
from paycore.core.abandoned import Abandoned, give_back
from paycore.core.absorb import absorb, run_for, with_attempts, write
from paycore.core.chain import GuardRefused, LastCall
from paycore.core.keys import Key, KeyClaim, kept
from paycore.core.recover import enquire
from paycore.core.rows import AttemptRow, IdempotencyRow, PaymentRow
from paycore.desk.rows import CaseRow
from paycore.gateway.call import Operation, Reply
from paycore.gateway.rows import MessageRow
from paycore.gateway.service import Answer, Prepared
from paycore.kernel.clock import SystemClock
from paycore.kernel.errors import InFlight, Unavailable
from paycore.kernel.journal import Refused
from paycore.kernel.journal_memory import MemoryJournal
from paycore.kernel.lives import Lives
from paycore.kernel.outcome import Blame, Outcome
from paycore.kernel.terms import BizStatus, Epoch, ProcessStatus, TransType

CLAIM = KeyClaim(scope=b"s" * 32, fingerprint=b"f" * 32)


class Struck(MemoryJournal):
    """A journal that fails as it is told to."""

    strike: Exception | None = None
    spared: int = 0
    """So many commits come before it strikes."""

    lost: str = ""
    """The guard by which it refuses, so many times."""
    loses: int = 1

    async def commit(self, change):
        """As its parent, where nothing strikes."""
        if self.lost and self.loses > 0:
            self.loses -= 1
            return Refused(self.lost, None)
        self.spared -= 1
        if self.strike is not None and self.spared < 0:
            raise self.strike
        return await super().commit(change)


@pytest.fixture
async def broken():
    """A confirm was answered yes, and no commit took the answer."""
    run = await run_of(an_order(amount=900, coupon_amount=0))
    node, payment = run.node, run.payment
    node.journal = Struck(node.journal.store, clock=lambda: NOW)
    node.heartbeat.epoch = Epoch(7)
    sent(payment, channel="quick_a")
    attempt = begun(payment, TransType.QUICK_PAY_CONFIRM, channel="quick_a")
    run.leases.append(node.lease_until())
    payment.lease(node.epoch, until=run.leases[0], look_at=node.now())
    run.key = Key.fresh(node, CLAIM, NO)
    change = node.change()
    change.insert(payment.row)
    for one in payment.attempts.values():
        change.append(one)
    run.key.stage(change)
    assert await node.journal.commit(change) is None
    message = MessageRow(
        pay_order_no=NO,
        message_id=node.ids.uuid(),
        attempt_seq=attempt.seq,
        direction="IN",
        operation="confirm",
        channel="quick_a",
        account="main",
        at=node.now(),
        verdict="SUCCEEDED OK",
        body="{}",
    )
    yes = replace_reply(YES, attempt)
    prepared = Prepared(ask=None, opened=None, outgoing=None)
    run.last = LastCall(
        attempt.seq, prepared, Answer(reply=yes, message=message), call_ended=True
    )
    return run


def replace_reply(reply: Reply, attempt: AttemptRow) -> Reply:
    """A yes about this very money."""
    return Reply(
        outcome=reply.outcome, amount=attempt.amount, currency=attempt.currency
    )


async def stands(run):
    """The payment and its last leg, as they are on record."""
    row = await run.node.journal.load(PaymentRow, NO)
    legs = await run.node.journal.within(AttemptRow, NO)
    return row, legs[-1]


async def test_what_was_heard_is_written_down_as_soon_as_it_can_be(broken):
    """The yes of a bank is not forgotten because a database was away."""
    abandoned.leave(broken.node, broken, absorb)
    broken.node.journal.strike = Unavailable()
    await give_back(broken.node)
    assert (await stands(broken))[0].biz_status is BizStatus.DOING

    broken.node.journal.strike = None
    await give_back(broken.node)
    row, leg = await stands(broken)
    assert (BizStatus.SUCCESS, None) == (row.biz_status, row.lease_epoch)
    assert leg.process_status is ProcessStatus.GW_SUCCESS
    assert 1 == len(await broken.node.journal.within(MessageRow, NO))
    assert [] == broken.node.state(Abandoned).left


async def test_an_answer_that_is_on_record_is_not_written_again(broken):
    """The commit whose answer was lost had been durable."""
    change = broken.node.change()
    change.append(broken.last.answer.message)
    assert await broken.node.journal.commit(change) is None
    abandoned.leave(broken.node, broken, absorb)
    await give_back(broken.node)

    row, _ = await stands(broken)
    assert (BizStatus.DOING, None) == (row.biz_status, row.lease_epoch)
    assert 1 == len(await broken.node.journal.within(MessageRow, NO))


async def test_a_yes_over_a_no_that_came_meanwhile_goes_to_a_person(broken):
    """A callback said no while the database was away: the bank contradicts itself."""
    row, leg = await stands(broken)
    run = await run_for(broken.node, await with_attempts(broken.node, row))
    no = Reply(outcome=Outcome.DECLINED, blame=Blame.CARD, resp_code="CARD_LOST")
    await write(run, leg.seq, no, call_ended=False)
    await run.commit()
    assert (await stands(broken))[0].biz_status is BizStatus.FAIL
    abandoned.leave(broken.node, broken, absorb)
    await give_back(broken.node)

    (case,) = await broken.node.journal.every(CaseRow)
    assert ("LATE_MONEY", NO) == (case.kind, case.pay_order_no)


async def test_the_key_is_freed_though_others_have_the_payment(broken):
    """Its caller need not wait for the lease's own end."""
    row, _ = await stands(broken)
    later = broken.node.now() + timedelta(minutes=5)
    change = broken.node.change()
    change.update(replace(row, lease_epoch=9, lease_until=later), version=row.version)
    assert await broken.node.journal.commit(change) is None
    broken.last = None
    abandoned.leave(broken.node, broken, absorb)
    await give_back(broken.node)

    key = await broken.node.journal.load(IdempotencyRow, CLAIM.scope)
    assert (None, None) == (key.lease_epoch, key.lease_until)
    assert (9, later) == (
        (await stands(broken))[0].lease_epoch,
        (await stands(broken))[0].lease_until,
    )


async def test_a_key_is_freed_whatever_a_clock_may_say(broken):
    """Where one has leapt (a life's start is a leap) no lease ends by its time, and
    this one is given back all the same.
    """
    node, broken.last = broken.node, None
    node.heartbeat.live = Lives.of(node.epoch)
    node.clock.anchor(node.now() + timedelta(hours=1))
    held = await node.journal.load(IdempotencyRow, CLAIM.scope)
    with pytest.raises(InFlight):
        kept(held, CLAIM, node)
    abandoned.leave(node, broken, absorb)
    await give_back(node)

    key = await node.journal.load(IdempotencyRow, CLAIM.scope)
    assert kept(key, CLAIM, node) is None


async def test_another_passages_key_is_not_freed(broken):
    """The caller came again, by the same node, before it was said that we let go: the
    key is in his passage's hands, which would be refused its answer.
    """
    node = broken.node
    broken.last = None
    abandoned.leave(node, broken, absorb)
    held = await node.journal.load(IdempotencyRow, CLAIM.scope)
    change, later = node.change(), held.lease_until + timedelta(seconds=1)
    change.update(replace(held, lease_until=later), version=held.version)
    assert await node.journal.commit(change) is None
    await give_back(node)

    key = await node.journal.load(IdempotencyRow, CLAIM.scope)
    assert (held.version + 1, later) == (key.version, key.lease_until)


async def test_a_not_found_is_not_the_last_word_by_being_written_late(broken):
    """What was not there when it was asked for may have come meanwhile (I4)."""
    node = broken.node
    row, leg = await stands(broken)
    run = await run_for(node, await with_attempts(node, row))
    run.leases.append(row.lease_until)
    moment = [0.0]
    node.clock = SystemClock(node.now(), monotonic=lambda: moment[0])
    ask = asking.call(run, leg, timeout_s=3.0, operation=Operation.ENQUIRE)
    reply = Reply(outcome=Outcome.UNKNOWN, resp_code="NO_SUCH_ORDER", not_found=True)
    heard = broken.last.answer
    run.last = LastCall(
        leg.seq,
        Prepared(ask=ask, opened=None, outgoing=None),
        Answer(reply=reply, message=heard.message),
        call_ended=False,
    )
    abandoned.leave_look(node, row, run, Unavailable(), absorb)
    moment[0] = 3600.0
    await give_back(node)

    row, leg = await stands(broken)
    assert (BizStatus.DOING, True) == (row.biz_status, leg.process_status.open)


async def test_an_enquiry_that_was_not_sent_says_nothing_of_the_leg(broken):
    """It is not the leg that never left: neither now nor when it is written down."""
    node = broken.node
    row, leg = await stands(broken)
    run = await run_for(node, await with_attempts(node, row))
    run.leases.append(row.lease_until)
    node.heartbeat.good_until = 0.0
    node.journal.strike, node.journal.spared = Unavailable(), 1
    await enquire(run, leg)
    assert Outcome.UNKNOWN is run.last.answer.reply.outcome
    with pytest.raises(Unavailable):
        await run.commit()
    abandoned.leave_look(node, row, run, Unavailable(), absorb)
    node.journal.strike = None
    await give_back(node)

    row, leg = await stands(broken)
    assert (BizStatus.DOING, None) == (row.biz_status, row.lease_epoch)
    assert leg.process_status.open
    assert ["IN", "OUT"] == sorted(
        one.direction for one in await node.journal.within(MessageRow, NO)
    )


async def test_what_a_look_heard_is_not_dropped_because_somebody_was_first(broken):
    """A channel may not say again what it said to who came second; a look that came
    second and had heard nothing leaves nothing behind.
    """
    node, second = broken.node, GuardRefused(Refused("payment", None))
    row, _ = await stands(broken)
    silent = await run_for(node, await with_attempts(node, row))
    abandoned.leave_look(node, row, silent, second, absorb)
    abandoned.leave_look(node, row, None, second, absorb)
    assert [] == node.state(Abandoned).left

    abandoned.leave_look(node, row, broken, second, absorb)
    await give_back(node)

    assert BizStatus.SUCCESS is (await stands(broken))[0].biz_status
    assert [] == [one.kind for one in await node.journal.every(CaseRow)]


async def test_an_answer_that_meets_others_time_and_again_is_not_dropped(broken):
    """It is written down at another turn."""
    broken.node.journal.lost = "payment"
    broken.node.journal.loses = 99
    abandoned.leave(broken.node, broken, absorb)
    await give_back(broken.node)
    assert 1 == len(broken.node.state(Abandoned).left)

    broken.node.journal.loses = 0
    await give_back(broken.node)
    assert [] == broken.node.state(Abandoned).left
    assert BizStatus.SUCCESS is (await stands(broken))[0].biz_status


async def test_a_bug_in_writing_it_down_leaves_the_rest_to_be_said(broken):
    """The lease is given back, and who looks next asks the bank."""
    broken.last = replace(broken.last, seq=99)
    abandoned.leave(broken.node, broken, absorb)
    await give_back(broken.node)

    row, leg = await stands(broken)
    assert (None, BizStatus.DOING) == (row.lease_epoch, row.biz_status)
    assert leg.process_status.open


async def test_one_that_cannot_be_said_does_not_keep_the_others(broken):
    """A bug is logged by the loop, and is not met again at every turn."""
    abandoned.leave(broken.node, broken, absorb)

    broken.node.journal.strike = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        await give_back(broken.node)

    assert [] == broken.node.state(Abandoned).left
