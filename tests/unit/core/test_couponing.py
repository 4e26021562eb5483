"""The lock of a coupon that lives elsewhere: who may ask for it, and how often."""

from base64 import b64encode

import pytest
from a_payment import NO, begun
from a_run import an_order, run_of
from msgspec.structs import replace

from paycore.core import couponing, recover
from paycore.core.chain import Next
from paycore.coupon.rows import HoldRow, HoldStatus
from paycore.kernel.http import NoAnswer
from paycore.kernel.terms import (
    SMS_CENTRE,
    BizLineId,
    BizStatus,
    CouponNo,
    Epoch,
    TransType,
)


class Deaf:
    """A network that answers nothing; what it carried, and what else befalls then."""

    def __init__(self, befalls=lambda: None):
        self.befalls, self.asked = befalls, []

    async def send(self, request):
        """It may have arrived."""
        self.asked.append(request.url)
        self.befalls()
        return NoAnswer(reason="timed out")


async def ordered():
    """A passage of an order whose coupon lives elsewhere, on a node that lives."""
    run = await run_of(an_order(coupon_no="C1"))
    node = run.node
    node.settings = replace(
        node.settings,
        coupon_url="http://coupons.test",
        coupon_secret=b64encode(b"k" * 32).decode(),
    )
    node.heartbeat.epoch = Epoch(7)
    node.heartbeat.good_until = node.clock.monotonic() + 3600
    hold = HoldRow(
        pay_order_no=NO,
        biz_line=BizLineId("shop"),
        coupon_no=CouponNo("C1"),
        amount=100,
        currency="CNY",
    )
    change = node.change()
    change.insert(run.payment.row)
    change.insert(hold)
    assert await node.journal.commit(change) is None
    return run, hold


def dies(run):
    run.node.heartbeat.good_until = run.node.clock.monotonic()


def is_over(run):
    run.lease = replace(run.lease, deadline=run.node.clock.monotonic())


def is_born_again(run):
    run.node.heartbeat.epoch = Epoch(9)


@pytest.mark.parametrize(
    ("end", "asked"), [(None, 2), (dies, 1), (is_over, 1), (is_born_again, 1)]
)
async def test_a_lost_lock_is_asked_for_again_by_whom_the_payment_is(end, asked):
    """While the answer was waited for, another may have taken the payment and ended it:
    then nothing more leaves.
    """
    run, hold = await ordered()
    run.node.transport = Deaf((lambda: end(run)) if end else (lambda: None))

    assert Next.STOP is await couponing.lock(run, hold)
    assert asked == len(run.node.transport.asked)
    kept = await run.node.journal.load(HoldRow, NO)
    assert HoldStatus.ASKED is kept.status
    assert "NOT_CHARGED" == run.payment.row.resp_code


@pytest.mark.parametrize("sender", ["quick_a", SMS_CENTRE])
async def test_a_send_whose_node_died_gives_back_what_was_locked_before_it(sender):
    """I10: no code can be sent any more, so the worker ends the order, and a confirm
    before that send may have locked its coupon.
    """
    run, hold = await ordered()
    if sender == SMS_CENTRE:
        run.payment.convert(cause="ROUTE_NONE", now=run.now)
    couponing.coupon.stage_ask(run.change, hold)
    await run.commit()
    attempt = begun(run.payment, TransType.QUICK_PAY_SEND_MSG, channel=sender)
    await run.commit()
    run.too_many = True
    await recover.complete(run, attempt)
    await run.commit()

    assert BizStatus.FAIL is run.payment.row.biz_status
    kept = await run.node.journal.load(HoldRow, NO)
    assert HoldStatus.FREEING is kept.status
