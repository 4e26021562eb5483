"""Turns of a deduction that seldom come: on a node in memory, nobody is called."""

from datetime import timedelta

import pytest
from a_payment import LATER, NO_ANSWER, NOW, YES, begun
from a_run import an_order, events, run_of, says, told

from paycore.core.chain import GuardRefused, Next
from paycore.core.deducting import CardDeduct, MandateCheck
from paycore.core.settle import settle
from paycore.coupon import service as coupon
from paycore.gateway.call import Ask, Reply
from paycore.kernel import errors
from paycore.kernel.journal import Refused
from paycore.kernel.outcome import AfterCharge, Blame, Outcome
from paycore.kernel.terms import BizStatus, CardId, PayType, ProcessStatus, TransType

BUSY = Reply(outcome=Outcome.DECLINED, blame=Blame.CHANNEL, resp_code="MAINTENANCE")
POOR = Reply(outcome=Outcome.DECLINED, blame=Blame.PAYER, resp_code="POOR")
UNSENT = Reply(outcome=Outcome.NOT_SENT, resp_code="REFUSED")


def a_deduction(*, tried: tuple[str, ...] = (), said: Reply = BUSY, **given):
    """A deduction on record, refused so far by these channels."""
    payment = an_order(pay_type=PayType.DEDUCT, **given)
    for channel in tried:
        leg = begun(payment, TransType.DEDUCT, channel=channel, account="main")
        payment.end(leg, ProcessStatus.GW_FAIL, said, LATER)
    return payment


def its_end(run) -> tuple[str, str]:
    """The last event and its cause."""
    return events(run)[-1].event, events(run)[-1].cause


async def test_what_was_tried_is_not_tried_again():
    """By the rows, not by memory: whoever goes on after a crash asks another."""
    run = await run_of(a_deduction(tried=("deduct_a",)), committed=True)

    asked = await CardDeduct().before(run)
    assert isinstance(asked, Ask)
    assert ("deduct_b", 2) == (asked.channel, asked.attempt_seq)
    assert says("CONFIRMING") == told(run)


@pytest.mark.parametrize(
    ("said", "code"), [(BUSY, "MAINTENANCE"), (UNSENT, "NOT_TAKEN")]
)
async def test_where_nothing_is_left_it_fails(said: Reply, code: str):
    """By the last refusal, or by having reached nobody."""
    payment = a_deduction(tried=("deduct_a", "deduct_b"), said=said)
    run = await run_of(payment, committed=True)

    assert Next.NEXT is await CardDeduct().before(run)
    assert ("DECLINED", code) == its_end(run)
    assert says(code) == told(run)


async def test_more_tries_than_may_be_are_not_made():
    """The cap counts legs, whoever made them; whether there were routes left is one."""
    tried = tuple(f"bank_{number}" for number in range(3))
    run = await run_of(a_deduction(tried=tried), committed=True)
    assert 3 == run.node.settings.deduct_tries

    assert Next.NEXT is await CardDeduct().before(run)
    assert ("DECLINED", "MAINTENANCE") == its_end(run)


async def test_a_deduction_over_its_time_is_closed():
    """No try begins after the order's end."""
    payment = a_deduction(tried=("deduct_a",), expires_at=NOW - timedelta(seconds=1))
    run = await run_of(payment, committed=True)

    assert Next.NEXT is await CardDeduct().before(run)
    assert BizStatus.CLOSED is run.payment.row.biz_status
    assert says("EXPIRED") == told(run)


async def test_a_mandate_that_went_meanwhile_ends_it():
    """Asked for again at each try."""
    run = await run_of(a_deduction(tried=("deduct_a",), card_id=CardId("card_none")))

    assert Next.NEXT is await CardDeduct().before(run)
    assert ("DECLINED", "AGREEMENT_GONE") == its_end(run)


async def test_without_a_mandate_nothing_begins():
    """Refused before anything is staged."""
    run = await run_of(a_deduction(card_id=CardId("card_none")))

    with pytest.raises(errors.BizCheckError):
        await MandateCheck().run(run)
    assert run.change.empty


async def test_a_coupon_that_went_to_another():
    """A new order is refused for it; one on record fails, and asks nobody."""
    refused = Refused(coupon.GUARD, None)
    new = await run_of(a_deduction())
    with pytest.raises(GuardRefused):
        CardDeduct().refused(new, refused)

    run = await run_of(a_deduction(tried=("deduct_a",)), committed=True)
    assert Next.AGAIN is CardDeduct().refused(run, refused)
    assert Next.NEXT is await CardDeduct().before(run)
    assert ("DECLINED", "COUPON") == its_end(run)


@pytest.mark.parametrize(
    ("reply", "after", "status"),
    [
        (YES, Next.NEXT, BizStatus.SUCCESS),
        (BUSY, Next.AGAIN, BizStatus.DOING),
        (UNSENT, Next.AGAIN, BizStatus.DOING),
        (POOR, Next.NEXT, BizStatus.FAIL),
        (NO_ANSWER, Next.NEXT, BizStatus.DOING),
        (Reply(outcome=Outcome.PENDING), Next.NEXT, BizStatus.DOING),
    ],
    ids=lambda value: str(getattr(value, "outcome", value)),
)
async def test_it_goes_on_only_where_nothing_was_taken(reply, after, status):
    """After a channel's refusal, or where nothing left us: after nothing else."""
    payment = a_deduction()
    leg = begun(payment, TransType.DEDUCT, channel="deduct_a", account="main")
    run = await run_of(payment, committed=True)

    assert after is await CardDeduct().after(run, leg.seq, reply)
    assert status is run.payment.row.biz_status


async def test_a_refusal_that_comes_late_is_gone_on_from_at_once():
    """The first word on a leg whose node died: it ends, and the next look is soon."""
    payment = a_deduction()
    leg = begun(payment, TransType.DEDUCT, channel="deduct_a", account="main")
    run = await run_of(payment, committed=True)

    step = await settle(run, leg, BUSY, call_ended=False)
    assert AfterCharge.NEXT_DEDUCT_ROUTE is step
    payment.release(NOW)
    assert payment.row.next_check_at <= NOW + timedelta(seconds=2)
    assert says("CONFIRMING") == told(run)


async def test_after_an_unknown_answer_a_late_refusal_is_the_end():
    """What was unknown once is gone on from by nobody, whatever is said of it later."""
    payment = a_deduction()
    leg = begun(payment, TransType.DEDUCT, channel="deduct_a", account="main")
    run = await run_of(payment, committed=True)

    await settle(run, leg, NO_ANSWER, call_ended=True)
    await settle(run, payment.attempts[leg.seq], BUSY, call_ended=False)

    assert ("DECLINED", "MAINTENANCE") == its_end(run)
