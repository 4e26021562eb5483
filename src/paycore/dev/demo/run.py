"""The demo from its first line to its last: set up, play, compare, take down."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta

import msgspec
from rich.console import Console

from paycore.dev.demo.compare import (
    Compared,
    compare,
    converted,
    deducted,
    recovered,
)
from paycore.dev.demo.outside import Charge, Item, Order, Refund, Shop
from paycore.dev.demo.play import Play, Scene
from paycore.dev.demo.scenes import SCENES
from paycore.dev.demo.show import UNASKED, Screen, money
from paycore.dev.demo.stage import Stage, folder, set_up
from paycore.dev.processes import free_port
from paycore.dev.stack import Ground

ASKED = ("OUT confirm ", "OUT deduct ", UNASKED)
ANSWERED = ("IN confirm ", "IN deduct ", "LATE_MONEY_CAME")
ASKED_BACK = ("OUT refund ",)
ANSWERED_BACK = ("IN refund ",)
TICK = timedelta(microseconds=1)


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """The last line of the demo."""

    payments: int
    converted: int
    recovered: int
    """Paid, and known only because the bank was asked afterwards."""
    signed: int
    """Cards that a bank has signed for a line."""
    deducted: int
    """Taken under a mandate, with nobody present."""
    refunded: int
    """Parts of payments that went back because the line asked for it."""
    returned: int
    """Money that came too late and went back by itself."""
    cases: int
    """On the exception desk."""
    open_cases: int
    """Of these not settled."""
    unbalanced: int
    """Currencies whose trial balance is not zero."""
    differences: int
    """Payments about which bank, order and books do not agree."""

    @property
    def good(self) -> bool:
        """Whether nothing is left for anybody to look into."""
        return not (self.open_cases or self.unbalanced or self.differences)


def run(
    console: Console, scenes: Sequence[Scene] = SCENES, vendors: Sequence[str] = ()
) -> Result:
    """Play the scenes on a stage of their own; nothing of it is left."""
    screen, port = Screen(console), free_port()
    with ExitStack() as stack:
        with screen.waiting("a database, a sandbox of banks and a node start"):
            ground = stack.enter_context(folder(vendors, port))
        return asyncio.run(_run(ground, screen, scenes, port))


async def _run(
    ground: Ground, screen: Screen, scenes: Sequence[Scene], port: int
) -> Result:
    with screen.waiting("tables, keys, cards and routes are made"):
        stage = await set_up(ground, port)
    try:
        with screen.waiting("a node starts"):
            node = stage.start_node()
        screen.say(
            "machine",
            f"a node (epoch {node.info.epoch}) runs as a process, on its own "
            f"PostgreSQL; {_strangers(ground)} are another process",
        )
        play = Play(stage=stage, screen=screen)
        for number, scene in enumerate(scenes, 1):
            await _play(play, scene, f"{number}/{len(scenes)}")
        return await _close(stage, screen)
    finally:
        await stage.close()


def _strangers(ground: Ground) -> str:
    named = ", ".join(ground.vendors)
    return f"four banks, two SMS carriers{f' and {named}' if named else ''}"


async def _play(play: Play, scene: Scene, number: str) -> None:
    """One story, and what everybody says of its payment afterwards."""
    play.marks.clear()
    play.screen.scene(number, scene.title, scene.story)
    shop, order = await scene.act(play)
    order = await play.settled(shop, order)
    await play.control.mend()
    refunds = await play.given_back(shop, order)
    told = await play.noticed(order, wanted=1 + len(refunds))
    items = await shop.timeline(order.pay_order_no)
    charges = await play.control.charges(order.pay_order_no)
    known = [*items, *play.marks]
    moved = [_moved(charge, known) for charge in charges]
    play.screen.timeline([*known, *moved], order.currency)
    (one,) = compare([order], charges, {order.pay_order_no: items}, refunds)
    play.screen.verdict(one, charges, told)


def _moved(charge: Charge, items: Sequence[Item]) -> Item:
    """The bank's money as a line of the timeline.

    The bank's clock is a stranger's and some milliseconds off: its line stands after
    whoever asked it for money last and before the answer to that, if one came.
    """
    took = charge.kind == "charge"
    asked_by, answered_by = (ASKED, ANSWERED) if took else (ASKED_BACK, ANSWERED_BACK)
    asked = max(item.at for item in items if item.title.startswith(asked_by))
    answers = [item.at for item in items if item.title.startswith(answered_by)]
    at = max(charge.at, asked + TICK)
    if later := [answer for answer in answers if answer > asked]:
        at = min(at, later[0] - TICK)
    amount = money(charge.amount, charge.currency)
    verb = "takes" if took else "gives back"
    return Item(at=at, kind="bank", title=f"{charge.bank} {verb} {amount}")


async def _close(stage: Stage, screen: Screen) -> Result:
    """Ask everybody for everything, and count."""
    told = await _told(stage.shops)
    rows = compare(told.orders, await stage.control.charges(), told.items, told.refunds)
    rows.sort(key=_number)
    with screen.waiting("the books are asked what stands in them"):
        async with stage.desk() as desk:
            books, cases = await desk.books(), await desk.cases()
    screen.closing(rows, books)
    back = Counter(one.kind for one in told.refunds if one.biz_status == "SUCCESS")
    return Result(
        payments=len(told.orders),
        converted=sum(map(converted, told.items.values())),
        recovered=sum(map(recovered, told.items.values())),
        signed=told.signed,
        deducted=sum(
            deducted(order, told.items[order.pay_order_no]) for order in told.orders
        ),
        refunded=back["ASKED"],
        returned=back["LATE_MONEY"],
        cases=len(cases),
        open_cases=sum(case.status == "OPEN" for case in cases),
        unbalanced=books.unbalanced,
        differences=sum(not row.agrees for row in rows),
    )


@dataclass(slots=True, kw_only=True)
class _Told:
    """What we tell the business lines."""

    orders: list[Order] = field(default_factory=list)
    items: dict[str, list[Item]] = field(default_factory=dict)
    """Each payment's timeline."""
    refunds: list[Refund] = field(default_factory=list)
    signed: int = 0


async def _told(shops: Sequence[Shop]) -> _Told:
    """All payments and refunds of all lines, and how many cards were signed."""
    found = _Told()
    for shop in shops:
        for order in await shop.orders():
            found.orders.append(order)
            found.items[order.pay_order_no] = await shop.timeline(order.pay_order_no)
        found.refunds += await shop.refunds()
        found.signed += sum(
            card.status == "ACTIVE" and card.signing is not None
            for card in await shop.cards()
        )
    return found


def _number(row: Compared) -> str:
    """Payment numbers sort by time."""
    return row.pay_order_no
