"""Which commands each chain has, in which order, and who may begin one."""

from datetime import timedelta

import pytest
from a_payment import NOW, begun
from a_run import an_order, run_of

from paycore.core import chains
from paycore.core.chain import Foreign, Local, Next
from paycore.core.commands import CouponModify, PayResultNotifyBiz, UniqueCheck
from paycore.core.messages import words
from paycore.kernel import errors
from paycore.kernel.clock import SystemClock
from paycore.kernel.lives import Lives
from paycore.kernel.terms import BizStatus, Epoch, TransType


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


def test_the_resend_chain_gives_back_what_a_confirm_had_locked():
    """Where no code can be sent any more, the order ends in this chain."""
    assert [
        "UniqueCheck",
        "CardQuickPaySend",
        "SmsCentreSend",
        "CouponFree",
        "PayResultNotifyBiz",
    ] == _names(chains.CARD_QUICK_PAY_RESEND)


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


# --- who may begin --------------------------------------------------------------------

FINISHED = ("The payment is already finished.", "支付订单已完成")
HELD = ("A person must look at this payment first.", "该支付正在人工核查中")
CONFIRMING = ("The result of this payment is being confirmed.", "支付结果确认中")


@pytest.mark.parametrize(
    ("fields", "leg", "said"),
    [
        ({"biz_status": BizStatus.SUCCESS, "held": "X"}, False, FINISHED),
        ({"held": "X"}, True, HELD),
        ({}, True, CONFIRMING),
    ],
)
async def test_what_may_not_begin_says_why(fields, leg, said):
    """What is over, what a person looks at, what may have been charged: no passage."""
    payment = an_order(**fields)
    if leg:
        begun(payment, TransType.QUICK_PAY_CONFIRM)
    run = await run_of(payment)
    with pytest.raises(errors.BizCheckError) as refused:
        await UniqueCheck().run(run)

    assert said == (refused.value.en, refused.value.zh)


LIVES, DIED, BEGAN = Epoch(9), Epoch(8), Epoch(10)
AWHILE, NONE = timedelta(minutes=1), timedelta(0)


@pytest.mark.parametrize(
    ("epoch", "left", "begins", "free"),
    [
        (None, None, None, True),
        (None, None, TransType.QUICK_PAY_SEND_MSG, False),
        (LIVES, AWHILE, None, False),
        (LIVES, None, None, False),
        (LIVES, NONE, None, True),
        (LIVES, -AWHILE, None, True),
        (LIVES, -AWHILE, TransType.QUICK_PAY_SEND_MSG, False),
        (BEGAN, AWHILE, None, False),
        (BEGAN, -AWHILE, None, True),
        (DIED, AWHILE, None, True),
        (DIED, -AWHILE, None, True),
        (DIED, AWHILE, TransType.QUICK_PAY_SEND_MSG, False),
    ],
)
async def test_whose_payment_it_is_now(epoch, left, begins, free):
    """Nobody's who died or let his time run out, but his who began a moment ago; what
    was left open is ended by a worker first, and whoever asks meanwhile is told when
    to come again.
    """
    payment = an_order(
        lease_epoch=epoch, lease_until=None if left is None else NOW + left
    )
    if begins is not None:
        begun(payment, begins)
    run = await run_of(payment)
    run.node.clock = SystemClock(NOW, monotonic=lambda: 0.0)
    run.node.heartbeat.live = Lives.of(LIVES)
    if free:
        assert Next.NEXT is await UniqueCheck().run(run)
        return
    with pytest.raises(errors.InFlight) as refused:
        await UniqueCheck().run(run)

    assert 1 == refused.value.retry_after_s


@pytest.mark.parametrize("epoch", [None, DIED])
async def test_a_charge_of_unknown_fate_is_nobodys_turn(epoch):
    """Who comes while it is asked for is told so; while a dead node's leg is still
    to be looked at, that he may come again.
    """
    payment = an_order(lease_epoch=epoch)
    begun(payment, TransType.QUICK_PAY_CONFIRM)
    run = await run_of(payment)

    with pytest.raises(errors.InFlight if epoch else errors.BizCheckError):
        await UniqueCheck().run(run)


async def test_one_passage_at_a_time():
    """Nobody's payment may begin, a claimed one too; one in living hands may not."""
    run = await run_of(an_order())
    assert Next.NEXT is await UniqueCheck().run(run)
    run.payment.lease(
        Epoch(9), until=NOW + timedelta(hours=1), look_at=NOW + timedelta(hours=1)
    )
    run.node.heartbeat.live = Lives.of(9)
    with pytest.raises(errors.InFlight):
        await UniqueCheck().run(run)
    run.claimed = True

    assert Next.NEXT is await UniqueCheck().run(run)
