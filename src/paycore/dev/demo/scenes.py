"""The six stories: what the payer, the bank and the machine do. No story knows how a
payment is carried through; each only acts from outside, and tells what it saw.
"""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial

from paycore.dev.demo.outside import (
    Control,
    DemoBroke,
    Heard,
    Item,
    Notice,
    Order,
    Shop,
)
from paycore.dev.demo.show import Screen
from paycore.dev.demo.stage import LEASE_S, MONEY_TIMEOUT_S, Stage

POLL_S = 0.05
SETTLED_WITHIN_S = 40.0
"""A dead node's payments wait for the end of its lease; the rest is for machines that
are slow."""
NOTICED_WITHIN_S = 10.0
CHARGED_WITHIN_S = 10.0
HANGS_S = 60
"""Longer than the story of the kill lasts: the answer never comes."""


@dataclass(slots=True, kw_only=True)
class Play:
    """What a scene acts with, and the marks that it leaves on the timeline."""

    stage: Stage
    screen: Screen
    marks: list[Item] = field(default_factory=list)
    opened: int = 0

    @property
    def shop(self) -> Shop:
        """The line with two quick channels."""
        return self.stage.shops[0]

    @property
    def tickets(self) -> Shop:
        """The line without any."""
        return self.stage.shops[1]

    @property
    def control(self) -> Control:
        """The sandbox."""
        return self.stage.control

    def mark(self, who: str, what: str) -> None:
        """Say what only we know, now and on the timeline."""
        self.marks.append(Item(at=self.stage.clock.now(), kind=who, title=what))
        self.screen.say(who, what)

    async def open(
        self, shop: Shop, subject: str, amount: int, *, coupon_no: str | None = None
    ) -> tuple[Order, str]:
        """Open a payment; the order and the code that was texted for it."""
        self.opened += 1
        order = await shop.open(
            out_biz_no=f"demo-{self.opened}",
            subject=subject,
            amount=amount,
            coupon_no=coupon_no,
        )
        self.screen.opened(shop.line.biz_line, subject, order)
        if order.code is None:
            raise DemoBroke(f"no code was sent: {order.resp_code} {order.resp_msg}")
        text = await self.control.last_text(shop.line.phone)
        ours = order.code.sent_by == "sms_centre"
        sender = f"our SMS centre, by carrier {text.carrier}" if ours else text.carrier
        self.screen.say("payer", f"is texted by {sender}: “{text.text}”")
        return order, text.code

    async def type_(self, shop: Shop, order: Order, code: str) -> Heard | None:
        """Type a code; None where the answer never came."""
        heard = await shop.confirm(order.pay_order_no, code)
        self.screen.typed(code, heard)
        return heard

    async def settled(self, shop: Shop, order: Order) -> Order:
        """Wait for the last word; the order as it stands, if there is none in time."""
        now = await shop.order(order.pay_order_no)
        if now.final:
            return now
        with self.screen.waiting("the result is unknown: the bank is asked"):
            now = await self._final(shop, now)
        if now.final:
            self.screen.say("payer", f"sees {now.biz_status}: {now.resp_msg}")
        else:
            self.screen.say("payer", f"sees no result after {SETTLED_WITHIN_S:g} s")
        return now

    async def _final(self, shop: Shop, now: Order) -> Order:
        clock = self.stage.clock
        until = clock.monotonic() + SETTLED_WITHIN_S
        while not now.final and clock.monotonic() < until:
            await clock.sleep(POLL_S)
            now = await shop.order(now.pay_order_no)
        return now

    async def noticed(self, order: Order) -> list[Notice]:
        """What the line was told, once it was."""
        clock = self.stage.clock
        until = clock.monotonic() + NOTICED_WITHIN_S
        while not (told := await self.control.notices(order.pay_order_no)):
            if clock.monotonic() > until:
                break
            await clock.sleep(POLL_S)
        return told


Act = Callable[[Play], Awaitable[tuple[Shop, Order]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One story; it ends with the payment that it is about."""

    title: str
    story: str
    act: Act


# --- the stories ---


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
    clock = play.stage.clock
    until = clock.monotonic() + CHARGED_WITHIN_S
    while not await play.control.charges(order.pay_order_no):
        if clock.monotonic() > until:
            raise DemoBroke("the bank was never asked for the money")
        await clock.sleep(POLL_S)


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
)
