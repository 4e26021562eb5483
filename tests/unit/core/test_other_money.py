"""What a channel says after it has said yes to other money than ours."""

from datetime import timedelta

import pytest
from a_payment import NO_ANSWER, NOW, YES, begun
from a_run import converted, run_of
from msgspec.structs import replace

from paycore.core.absorb import write
from paycore.core.other_money import FORCED, remembering
from paycore.core.settle import settle
from paycore.gateway.call import OTHER_MONEY, Reply, of_other_money
from paycore.kernel.outcome import AfterCharge, Blame, Outcome
from paycore.kernel.terms import BizStatus, ProcessStatus, TransType

DEDUCT, OPEN = TransType.DEDUCT, ProcessStatus.GW_DOING
DECLINED = Reply(outcome=Outcome.DECLINED, blame=Blame.CARD, resp_code="CARD_LOST")
NOT_FOUND = Reply(outcome=Outcome.UNKNOWN, resp_code="NO_SUCH_ORDER", not_found=True)
PENDING = Reply(outcome=Outcome.PENDING, resp_code="PROCESSING")


@pytest.mark.parametrize("reply", [DECLINED, NOT_FOUND, PENDING, NO_ANSWER])
def test_no_later_word_undoes_it(reply):
    """Neither a no nor an answer that says nothing: it is remembered by its code."""
    heard = remembering(OTHER_MONEY, reply)

    assert (Outcome.UNKNOWN, None) == (heard.outcome, heard.blame)
    assert (OTHER_MONEY, False) == (heard.resp_code, heard.not_found)
    assert heard == of_other_money(reply)


@pytest.mark.parametrize("reply", [DECLINED, NOT_FOUND, PENDING, NO_ANSWER, YES])
def test_what_was_not_of_other_money_is_as_it_is(reply):
    """An ordinary leg's answers, and the yes that ends any."""
    assert reply is remembering("NO_ANSWER", reply)
    assert YES is remembering(OTHER_MONEY, YES)


def test_two_peoples_word_ends_it():
    """They have asked the channel: nothing was taken after all."""
    said = Reply(outcome=Outcome.DECLINED, blame=Blame.PAYER, resp_code=FORCED)

    assert said is remembering(OTHER_MONEY, said)


@pytest.mark.parametrize(
    "later",
    [
        [DECLINED],
        [replace(DECLINED, blame=Blame.CHANNEL)],
        [NOT_FOUND],
        [NO_ANSWER, DECLINED],
        [PENDING, NOT_FOUND],
    ],
)
async def test_after_a_yes_over_other_money_no_no_is_the_last_word(later):
    """F32, I4: the channel has said that it took something. Whatever else it says, the
    leg stays open for a person; only a yes to our own money ends it.
    """
    long_ago = NOW - timedelta(days=1)
    payment = converted()
    leg = begun(payment, DEDUCT, channel="deduct_a", quiet_from=long_ago)
    run = await run_of(payment)
    other = replace(YES, amount=901)
    for reply in [other, *later]:
        leg = payment.attempts[leg.seq]
        step = await settle(run, leg, reply, call_ended=False)
        leg = payment.attempts[leg.seq]
        assert (AfterCharge.ENQUIRE, OPEN) == (step, leg.process_status)
        assert (Outcome.UNKNOWN, "AMOUNT_DIFFERS") == (leg.outcome, leg.resp_code)
    (alarm,) = run.change.inserts
    assert "CHANNEL_ALARM" == alarm.row.kind

    assert AfterCharge.PAID is await settle(run, leg, YES, call_ended=False)


async def test_a_yes_over_other_money_after_the_end_is_for_a_person():
    """The bank's no came first: what it took all the same is a case, and does not go
    back by itself, whether core or the channel's file saw that it is another amount.
    """
    for late in (
        replace(YES, amount=901),
        Reply(outcome=Outcome.UNKNOWN, resp_code=OTHER_MONEY, amount=901),
    ):
        payment = converted()
        leg = begun(payment, DEDUCT, channel="deduct_a")
        run = await run_of(payment)
        await settle(run, leg, DECLINED, call_ended=False)
        await write(run, leg.seq, late, call_ended=True)

        assert BizStatus.FAIL is payment.row.biz_status
        assert ["LATE_MONEY"] == [one.row.kind for one in run.change.inserts]
