import pytest

from paycore.core import chains
from paycore.core.chain import Foreign, Local
from paycore.core.commands import CouponModify, PayResultNotifyBiz, UniqueCheck
from paycore.core.messages import words


def _names(chain) -> list[str]:
    return [command.name() for command in chain.commands]


def test_the_confirm_chain_is_the_articles():
    """A quick confirm runs the five commands of the article, in its order."""
    assert [
        "UniqueCheck",
        "CouponLock",
        "CardQuickPayConfirm",
        "CouponModify",
        "PayResultNotifyBiz",
    ] == _names(chains.CARD_QUICK_PAY_CONFIRM)


def test_the_receipt_chain_is_the_articles():
    """A converted confirm runs the six: the code first, then coupon and money."""
    assert [
        "UniqueCheck",
        "QuickPaySmsVerify",
        "CouponLock",
        "CardDeductReceipt",
        "CouponModify",
        "PayResultNotifyBiz",
    ] == _names(chains.CARD_DEDUCT_RECEIPT)


def test_the_send_chain_converts_before_our_own_code_is_sent():
    """The order is on record before anybody is asked, and its end is told."""
    assert [
        "UniqueCheck",
        "OpenPayment",
        "CardQuickPaySend",
        "SmsCentreSend",
        "PayResultNotifyBiz",
    ] == _names(chains.CARD_QUICK_PAY_SEND)


@pytest.mark.parametrize("chain", chains.CHAINS, ids=lambda chain: chain.name)
def test_every_chain_begins_with_the_check_and_ends_with_the_word(chain):
    """One passage at a time, and whatever became final is told in its commit."""
    assert UniqueCheck is chain.commands[0]
    assert PayResultNotifyBiz is chain.commands[-1]


@pytest.mark.parametrize("chain", chains.CHAINS, ids=lambda chain: chain.name)
def test_a_chain_that_locks_a_coupon_settles_it(chain):
    """No chain leaves a coupon locked that it could use or free."""
    names = _names(chain)
    if "CouponLock" in names:
        assert names.index("CouponLock") < names.index("CouponModify")


def test_the_tail_is_written_once():
    """What follows the last word on a money leg is the same through every door."""
    assert (CouponModify, PayResultNotifyBiz) == chains.TAIL
    for chain in (chains.CARD_QUICK_PAY_CONFIRM, chains.CARD_DEDUCT_RECEIPT):
        assert chains.TAIL == chain.commands[-2:]


@pytest.mark.parametrize("chain", chains.CHAINS, ids=lambda chain: chain.name)
def test_a_command_is_local_or_foreign(chain):
    """Every command says whether somebody outside is asked, and none says both."""
    for command in chain.commands:
        assert issubclass(command, Local) != issubclass(command, Foreign), command


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_code_of_the_channels_own_still_reads_as_a_failure(language):
    """A business line never sees the words of a channel, whatever its code."""
    assert words("WHATEVER", language) == words("INSUFFICIENT_FUNDS", language)
    assert words("SUCCESS", language) != words("WHATEVER", language)
