"""What a channel says after it has said yes to other money than ours."""

import pytest
from a_payment import NO_ANSWER, YES

from paycore.core.other_money import FORCED, of_other_money, remembering
from paycore.gateway.call import OTHER_MONEY, Reply
from paycore.kernel.outcome import Blame, Outcome

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
