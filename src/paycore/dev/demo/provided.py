"""The article's two ways over real providers' protocols: quick pay by UnionPay, deduct
by Huifu and by Stripe, codes by whichever carrier was asked for.

Each provider is played by the sandbox, which was written from that provider's own
documents and knows nothing of the files that speak to it.
"""

from datetime import date, datetime, timedelta, timezone

from paycore.dev import vendors
from paycore.dev.demo.outside import DemoBroke, Order, Shop
from paycore.dev.demo.play import Play, Scene
from paycore.kernel.errors import BadRequest

NEEDED = ("unionpay", "huifu", "stripe")


def stories_for(names: tuple[str, ...]) -> tuple[Scene, ...]:
    """The stories; BadRequest where they lack somebody who plays in them."""
    lack = [name for name in NEEDED if name not in names]
    if lack or not any(name in vendors.CARRIERS for name in names):
        raise BadRequest(
            f"The stories need {', '.join(NEEDED)} and one of"
            f" {', '.join(vendors.CARRIERS)}."
        )
    return SCENES


async def quick(play: Play) -> tuple[Shop, Order]:
    """UnionPay accepts, and says later that it took the money."""
    shop = play.mall
    order, code = await play.open(
        shop, "Two cups of tea", 1250, coupon_no=shop.line.coupon_no
    )
    await play.type_(shop, order, code)
    return shop, order


async def converted(play: Play) -> tuple[Shop, Order]:
    """UnionPay is ill: our own code, and Huifu."""
    await play.control.break_("bank.unionpay.send_code", "http_500", count=None)
    play.screen.say("bank", "UnionPay, asked to send a code, answers HTTP 500")
    shop = play.mall
    order, code = await play.open(shop, "A teapot", 8800)
    await play.type_(shop, order, code)
    return shop, order


async def elsewhere(play: Play) -> tuple[Shop, Order]:
    """Huifu cannot be reached either: surely nothing was taken there, so Stripe."""
    await play.control.break_("bank.unionpay.send_code", "http_500", count=None)
    await play.control.break_("bank.huifu.*", "refuse_connection", count=None)
    play.screen.say("bank", "UnionPay answers HTTP 500; Huifu refuses connections")
    shop = play.mall
    order, code = await play.open(shop, "A tea table", 36000)
    await play.type_(shop, order, code)
    return shop, order


async def unanswered(play: Play) -> tuple[Shop, Order]:
    """UnionPay takes the money, and its answer is lost."""
    await play.control.break_("bank.unionpay.confirm", "timeout_after", count=1)
    play.screen.say("bank", "UnionPay will take the money next time, and not answer")
    shop = play.mall
    order, code = await play.open(shop, "White tea, 250 g", 12000)
    await play.type_(shop, order, code)
    return shop, order


async def refunded(play: Play) -> tuple[Shop, Order]:
    """One of two cups comes back, by the leg that was charged."""
    shop = play.mall
    order, code = await play.open(shop, "Two tasting cups", 9000)
    await play.type_(shop, order, code)
    order = await play.settled(shop, order)
    await shop.refund(order.pay_order_no, amount=4500, reason="one was broken")
    play.mark("line", "gives 45.00 CNY back: “one was broken”")
    (refund,) = await play.given_back(shop, order)
    if refund.biz_status != "SUCCESS":
        raise DemoBroke(f"the refund is {refund.biz_status}")
    return shop, order


async def reconciled(play: Play) -> tuple[Shop, Order]:
    """A provider's own file says what the books say."""
    shop = play.mall
    order = await play.deduct(shop, "Tea for the office", 120000)
    order = await play.settled(shop, order)
    charges = await play.control.charges()
    # A day is the provider's: Beijing's may be tomorrow's already.
    days = sorted(
        {day for charge in charges for day in (charge.at.date(), _beijing(charge.at))}
    )
    await play.control.it_is(days[-1] + timedelta(days=1))
    async with play.stage.desk() as desk:
        for day in days:
            with play.screen.waiting(f"the statements of {day} are fetched"):
                said = await desk.reconcile(day)
            play.mark("desk", f"reconciles {day}: {said}")
        cases = [case.kind for case in await desk.cases()]
    if cases:
        raise DemoBroke(f"statements and books differ: {cases}")
    play.screen.say("desk", "finds no difference")
    await play.control.it_is(None)
    return shop, order


def _beijing(at: datetime) -> date:
    return at.astimezone(timezone(timedelta(hours=8))).date()


SCENES = (
    Scene(
        title="Quick pay at UnionPay",
        story="UnionPay texts its own code and accepts the payer's; whether it took the"
        " money it says a moment later, by its notice.",
        act=quick,
    ),
    Scene(
        title="Converted: our code, and Huifu",
        story="UnionPay cannot send its code. Our SMS centre texts one by a real"
        " carrier's protocol, and Huifu withholds the money.",
        act=converted,
    ),
    Scene(
        title="Converted: our code, and Stripe",
        story="Huifu cannot be reached, so nothing was taken there. Stripe, which can"
        " only deduct, takes the money.",
        act=elsewhere,
    ),
    Scene(
        title="An answer that never comes",
        story="The money moves at UnionPay and the answer is lost: the order is asked"
        " after under its own number, and nobody is charged twice.",
        act=unanswered,
    ),
    Scene(
        title="A partial refund at UnionPay",
        story="It goes back by the leg that was charged; UnionPay accepts it, and says"
        " later that it is done.",
        act=refunded,
    ),
    Scene(
        title="A deduction, and UnionPay's day reconciled",
        story="Huifu takes money under a mandate. UnionPay's file of fixed columns is"
        " fetched, unpacked and compared, line by line; those of who has no file"
        " before his day is over are waited for.",
        act=reconciled,
    ),
)
