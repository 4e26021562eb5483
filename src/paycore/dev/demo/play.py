"""What a scene acts with: parties from outside, a screen, and the marks it leaves."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from paycore.dev.demo.outside import (
    Control,
    DemoBroke,
    Heard,
    Item,
    Notice,
    Order,
    Refund,
    Shop,
)
from paycore.dev.demo.show import Screen
from paycore.dev.demo.stage import Stage

POLL_S = 0.05
SETTLED_WITHIN_S = 40.0
"""A dead node's payments wait for the end of its lease; the rest is for machines that
are slow."""
NOTICED_WITHIN_S = 10.0

T = TypeVar("T")


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
    def mall(self) -> Shop:
        """The line of the providers, where some were asked for."""
        return self.stage.shops[-1]

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

    async def deduct(self, shop: Shop, subject: str, amount: int) -> Order:
        """Take money with nobody present; how it stands when the API answers."""
        self.opened += 1
        order = await shop.deduct(
            out_biz_no=f"demo-{self.opened}", subject=subject, amount=amount
        )
        self.screen.opened(shop.line.biz_line, subject, order, verb="deducts")
        return order

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
            now = await self.until(
                partial(shop.order, order.pay_order_no),
                lambda order: order.final,
                within_s=SETTLED_WITHIN_S,
            )
        if now.final:
            self.screen.say("payer", f"sees {now.biz_status}: {now.resp_msg}")
        else:
            self.screen.say("payer", f"sees no result after {SETTLED_WITHIN_S:g} s")
        return now

    async def given_back(self, shop: Shop, order: Order) -> list[Refund]:
        """The payment's refunds, once each has its last word or the time is up."""
        return await self.until(
            partial(shop.refunds, order.pay_order_no),
            lambda refunds: all(one.final for one in refunds),
            within_s=SETTLED_WITHIN_S,
        )

    async def noticed(self, order: Order, *, wanted: int) -> list[Notice]:
        """What the line was told, once it was told so much."""
        return await self.until(
            partial(self.control.notices, order.pay_order_no),
            lambda told: len(told) >= wanted,
            within_s=NOTICED_WITHIN_S,
        )

    async def until(
        self,
        ask: Callable[[], Awaitable[T]],
        good: Callable[[T], bool],
        *,
        within_s: float,
    ) -> T:
        """Ask until the answer is good or the time is up; the last answer."""
        clock = self.stage.clock
        until = clock.monotonic() + within_s
        while not good(found := await ask()) and clock.monotonic() < until:
            await clock.sleep(POLL_S)
        return found


Act = Callable[[Play], Awaitable[tuple[Shop, Order]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One story; it ends with the payment that it is about."""

    title: str
    story: str
    act: Act
