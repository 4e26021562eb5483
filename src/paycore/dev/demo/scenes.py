"""The stories: what the payer, the bank and the machine do. No story knows how a
payment is carried through; each only acts from outside, and tells what it saw.

Here are those of a payer who types a code; `agreed` has what is agreed with him before,
`afterwards` what comes after the money.
"""

import asyncio
import signal
from functools import partial

from paycore.dev.demo import afterwards, agreed
from paycore.dev.demo.outside import DemoBroke, Order, Shop
from paycore.dev.demo.play import Play, Scene
from paycore.dev.demo.stage import LEASE_S, MONEY_TIMEOUT_S

CHARGED_WITHIN_S = 10.0
HANGS_S = 60
"""Longer than the story of the kill lasts: the answer never comes."""


async def normal(play: Play) -> tuple[Shop, Order]:
    """Nothing goes wrong."""
    shop = play.shop
    order, code = await play.open(
        shop, "Two cups of tea", 1250, coupon_no=shop.line.coupon_no
    )
    await play.type_(shop, order, code)
    return shop, order


async def no_quick_channel(play: Play) -> tuple[Shop, Order]:
    """The line's channels can only deduct."""
    shop = play.tickets
    order, code = await play.open(shop, "Two seats, row 7", 36000)
    await play.type_(shop, order, code)
    return shop, order


async def send_fails(play: Play) -> tuple[Shop, Order]:
    """Every quick channel's bank is ill."""
    await play.control.break_("bank.quick_*.send_code", "http_500", count=None)
    play.screen.say("bank", "from now on, asked to send a code, answers HTTP 500")
    order, code = await play.open(play.shop, "A teapot", 8800)
    await play.type_(play.shop, order, code)
    return play.shop, order


async def wrong_then_right(play: Play) -> tuple[Shop, Order]:
    """The payer's finger slips."""
    order, code = await play.open(play.shop, "Green tea, 100 g", 4500)
    slipped = code[:-1] + str((int(code[-1]) + 1) % 10)
    await play.type_(play.shop, order, slipped)
    await play.type_(play.shop, order, code)
    return play.shop, order


async def charge_times_out(play: Play) -> tuple[Shop, Order]:
    """The money moves and the answer is lost."""
    await play.control.break_("bank.*.confirm", "timeout_after", count=1)
    play.screen.say("bank", "will take the money next time, and never answer")
    order, code = await play.open(play.shop, "White tea, 250 g", 12000)
    with play.screen.waiting(f"the call's time-out ({MONEY_TIMEOUT_S} s) runs out"):
        heard = await play.shop.confirm(order.pay_order_no, code)
    play.screen.typed(code, heard)
    return play.shop, order


async def killed(play: Play) -> tuple[Shop, Order]:
    """The node dies while the bank has the money and we have no answer."""
    await play.control.break_("bank.*.confirm", f"slow:{HANGS_S}", count=1)
    play.screen.say(
        "bank", f"will take the money next time, and answer {HANGS_S} s later"
    )
    order, code = await play.open(play.shop, "Oolong, 500 g", 25600)
    confirm = partial(
        play.shop.confirm, order.pay_order_no, code, key=f"confirm-{order.pay_order_no}"
    )
    confirming = asyncio.create_task(confirm())
    with play.screen.waiting("the charge is under way"):
        await _charged(play, order)
    _kill(play)
    play.screen.typed(code, await confirming)
    with play.screen.waiting("another node starts"):
        node = play.stage.start_node()
    play.mark("machine", f"starts another node (epoch {node.info.epoch})")
    await play.settled(play.shop, order)
    again = await confirm()
    said = again.biz_status if again else "no answer"
    play.mark("line", f"sends its request again, under the same key: {said}")
    return play.shop, order


async def _charged(play: Play, order: Order) -> None:
    """Wait until the bank has taken the money, but not until it answers."""
    ask = partial(play.control.charges, order.pay_order_no)
    if not await play.until(ask, bool, within_s=CHARGED_WITHIN_S):
        raise DemoBroke("the bank was never asked for the money")


def _kill(play: Play) -> None:
    node = play.stage.node
    assert node is not None
    node.kill()
    sign = signal.Signals(-node.process.returncode).name
    play.mark("machine", f"kill -9: the node (epoch {node.info.epoch}) died of {sign}")


SCENES = (
    Scene(
        title="A normal quick pay",
        story="The bank texts its own code; the payer types it; the bank takes the "
        "money. A coupon pays a part.",
        act=normal,
    ),
    Scene(
        title="A line without a quick channel",
        story="Nobody can send a bank's code for this line. The payment is converted: "
        "our own SMS centre texts a code, and a deduct takes the money. "
        "The payer notices nothing.",
        act=no_quick_channel,
    ),
    Scene(
        title="The bank fails to send its code",
        story="Whether that text left is unknown, and no money can have moved: "
        "converted, without interrupting the payer.",
        act=send_fails,
    ),
    Scene(
        title="A wrong code, then the right one",
        story="A wrong code takes no money and may be followed by the right one.",
        act=wrong_then_right,
    ),
    Scene(
        title="The charge times out after the bank acted",
        story="The bank took the money and its answer was lost. That is unknown, not "
        "failed: nothing is sent again, the bank is asked. (A node waits 10 s "
        f"for money; here PAYCORE_MONEY_TIMEOUT_S is {MONEY_TIMEOUT_S}.)",
        act=charge_times_out,
    ),
    Scene(
        title="kill -9 in the middle of the charge",
        story="The node dies between the bank's taking the money and its answer. "
        f"Another one waits until it has been silent for {LEASE_S} s, finds what was "
        "written before the call, and asks the bank.",
        act=killed,
    ),
    Scene(
        title="A card is signed, and pays",
        story="The four elements go to a bank, which texts its code; with that it "
        "agrees that this line may charge this card. Then the card pays like any.",
        act=agreed.signed,
    ),
    Scene(
        title="A deduction, from bank to bank",
        story="Money is taken under a mandate, with nobody present. The first bank "
        "is in maintenance, so surely took nothing: the next one is asked.",
        act=agreed.deducted,
    ),
    Scene(
        title="A part goes back",
        story="One of two cups was broken: a part of the payment is refunded, by the "
        "leg that was charged. The rest stays paid.",
        act=afterwards.refunded,
    ),
    Scene(
        title="Money comes after the close",
        story="The line closes an order; then the bank takes the money all the same. "
        "Closed stays closed: the money goes back by itself, and the line is told.",
        act=afterwards.late,
    ),
    Scene(
        title="The bank's statement has a line twice",
        story="The day is reconciled with all banks. One line is there twice: what it "
        "would come to is parked, a case opens, and two people settle it.",
        act=afterwards.reconciled,
    ),
)
