"""What banks send of their own accord: callbacks, in time or not, true or not.

A bank brings a result until somebody acknowledges it, for a while. What it brings by a
fault of its own (money that nobody asked for, a truth after a lie) it brings for ever:
only reconciliation could find it otherwise.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from paycore.prove.houses import BankHouse, Bent, Exchange
from paycore.sandbox.orders import Order

if TYPE_CHECKING:
    from paycore.prove.network import Network
    from paycore.prove.world import World

Message = tuple[Mapping[str, str], bytes]
"""Headers and body."""

FOR_EVER_MS = 10**9

AGAIN_AFTER_S = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0)
"""When a bank brings a callback that nobody acknowledges."""

SURE = ("money_no_then_yes", "refund_no_then_yes")
"""Lies whose truth must come: nothing else would bring it."""

OLD_S = 600
"""Older than anybody believes."""


class Couriers:
    """Those who carry callbacks."""

    def __init__(self, world: "World", network: "Network") -> None:
        self._world, self._network = world, network

    def tell(self, house: BankHouse, exchange: Exchange, strike: str | None) -> None:
        """Bring the result of an order to the merchant, now or when it is settled."""
        done, order = exchange.answer, exchange.order
        if done.settles is not None:
            if self._world.faults.strikes("callback_forged"):
                self._forge(house, done.settles)
            self._settle_later(house, done.settles, sure=strike in SURE)
            return
        if exchange.call.operation == "send_code":
            self._perhaps_unasked(house, exchange)
            return
        if order is None or order.notify_url is None:
            return
        if self._world.faults.strikes("callback_first"):
            self.bring(house, order, after=0.0)
        else:
            self._tell_end(house, order)
        self._tell_wrongly(house, order)

    def _tell_wrongly(self, house: BankHouse, order: Order) -> None:
        """What comes besides the result, and must have no effect."""
        faults = self._world.faults
        if faults.strikes("callback_reordered"):
            self.bring(house, order, Bent.WAITING, after=2.0)
        if faults.strikes("callback_other_amount") and order.amount is not None:
            self.bring(house, order, Bent.MORE, after=0.5)
        if faults.strikes("callback_forged"):
            self._forge(house, order)
        if faults.strikes("callback_elsewhere"):
            self.bring(house, order, Bent.ELSEWHERE)
        if faults.strikes("callback_stale"):
            self.bring(house, order, after=OLD_S / 60, old_s=OLD_S)

    def _tell_end(self, house: BankHouse, order: Order) -> None:
        """The callback of a result, with its own bad luck."""
        faults = self._world.faults
        if faults.strikes("callback_lost"):
            return
        late = (
            30 + self._network.rng.random() * 90
            if faults.strikes("callback_late")
            else None
        )
        for _ in range(3 if faults.strikes("callback_doubled") else 1):
            self.bring(house, order, after=late)

    def tell_ended(self, house: BankHouse, order: Order) -> None:
        """An agreement that its payer ended at the bank: told until it is heard, for
        it is asked for by nobody; perhaps late, perhaps several times at once.
        """
        faults = self._world.faults
        late = (
            30 + self._network.rng.random() * 90
            if faults.strikes("callback_late")
            else None
        )
        for _ in range(2 if faults.strikes("callback_doubled") else 0):
            self.bring(house, order, after=late)
        self.bring(house, order, after=late, persistent=True)

    def _settle_later(self, house: BankHouse, order: Order, *, sure: bool) -> None:
        after = (order.due_ms or 0) / 1000 - self._world.now_ms() / 1000
        if after < FOR_EVER_MS / 2000:
            self._network.later(
                self._settled, house, order, sure, after=max(0.0, after)
            )

    def _settled(self, house: BankHouse, order: Order, sure: bool) -> None:  # noqa: FBT001 a callback's argument
        world = self._world
        done = house.settle(order, world.now_ms())
        if done is None:
            return
        world.note(None, f"bank {house.bank.name}", "settled", order.pay_order_no)
        world.oracle.moved(done.work.moves)
        for text in done.work.texts:
            if text.code is not None:
                self._network.texted(order.request_id, house.bank.name, text.code)
        if done.final is None or done.final.notify_url is None:
            return
        if sure:
            self.bring(house, done.final, persistent=True, after=5.0)
        else:
            self._tell_end(house, done.final)

    def _perhaps_unasked(self, house: BankHouse, exchange: Exchange) -> None:
        order = house.orders.get(exchange.call.request.request_id)
        if order is None or order.status != "OPEN" or not house.charges_unasked:
            return
        if self._world.faults.strikes("charged_unasked"):
            after = self._network.rng.random() * 120
            self._network.later(self._charge, house, order.request_id, after=after)

    def _charge(self, house: BankHouse, request_id: str) -> None:
        """The bank takes the money of an order that nobody confirmed."""
        world, order = self._world, house.orders[request_id]
        if order.status != "OPEN" or order.sms_code is None:
            world.faults.hits["charged_unasked"] -= 1
            return
        done = house.confirm_by_itself(order, world.now_ms())
        world.note(None, f"bank {house.bank.name}", "unasked", order.pay_order_no)
        world.oracle.unasked(order.pay_order_no)
        world.oracle.moved(done.work.moves)
        if done.final is not None:
            self.bring(house, done.final, persistent=True)

    def _forge(self, house: BankHouse, order: Order) -> None:
        message = house.forged(order, self._world.now_ms())
        if message is not None:
            self._network.later(self._deliver, house, order, message, (0.0,), None)

    def bring(
        self,
        house: BankHouse,
        order: Order,
        bent: Bent | None = None,
        *,
        after: float | None = None,
        persistent: bool = False,
        old_s: int = 0,
    ) -> None:
        """Post a callback, again where nobody acknowledges; if need be for ever."""
        at_ms = self._world.now_ms() - old_s * 1000
        message = house.told(order, at_ms, bent)
        if message is None:
            return
        if bent is None:
            self._world.scrutiny.tells(house.bank.name, order)
        waits = AGAIN_AFTER_S if after is None else (after, *AGAIN_AFTER_S[1:])
        again = waits if old_s == 0 else waits[:1]
        # What a bank brings again after a while it signs again.
        anew = (lambda: house.told(order, self._world.now_ms())) if persistent else None
        self._network.later(
            self._deliver, house, order, message, again, anew, after=0.0
        )

    def _deliver(
        self,
        house: BankHouse,
        order: Order,
        message: Message,
        waits: tuple[float, ...],
        anew: Callable[[], Message | None] | None,
    ) -> None:
        self._world.spawn(self._courier(house, order, message, waits, anew))

    async def _courier(
        self,
        house: BankHouse,
        order: Order,
        message: Message,
        waits: tuple[float, ...],
        anew: Callable[[], Message | None] | None,
    ) -> None:
        world, name = self._world, house.bank.name
        waiting = list(waits)
        while waiting:
            await asyncio.sleep(waiting.pop(0) + self._network.one_way())
            headers, body = message
            said = await world.api.callback(name, house.callback_path, headers, body)
            if said is not None and house.acknowledged(order, said.status, said.body):
                return
            if anew is not None and not waiting:
                waiting.append(16.0)
                message = anew() or message
