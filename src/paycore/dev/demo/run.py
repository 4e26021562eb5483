"""The demo from its first line to its last: set up, play, compare, take down."""

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import timedelta

import msgspec
from rich.console import Console

from paycore.dev.demo.compare import Compared, compare, converted, recovered
from paycore.dev.demo.outside import Charge, Item, Order, Shop
from paycore.dev.demo.scenes import SCENES, Play, Scene
from paycore.dev.demo.show import Screen, money
from paycore.dev.demo.stage import Stage, folder, set_up
from paycore.dev.stack import Ground

ASKED = ("OUT confirm ", "OUT deduct ")
ANSWERED = ("IN confirm ", "IN deduct ")
TICK = timedelta(microseconds=1)


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """The last line of the demo."""

    payments: int
    converted: int
    recovered: int
    """Paid, and known only because the bank was asked afterwards."""
    differences: int
    """Payments about which bank, order and books do not agree."""


def run(console: Console, scenes: Sequence[Scene] = SCENES) -> Result:
    """Play the scenes on a stage of their own; nothing of it is left."""
    screen = Screen(console)
    with ExitStack() as stack:
        with screen.waiting("a database, a sandbox of banks and a node start"):
            ground = stack.enter_context(folder())
        return asyncio.run(_run(ground, screen, scenes))


async def _run(ground: Ground, screen: Screen, scenes: Sequence[Scene]) -> Result:
    with screen.waiting("tables, keys, cards and routes are made"):
        stage = await set_up(ground)
    try:
        with screen.waiting("a node starts"):
            node = stage.start_node()
        screen.say(
            "machine",
            f"a node (epoch {node.info.epoch}) runs as a process, on its own "
            "PostgreSQL; four banks and two SMS carriers are another process",
        )
        play = Play(stage=stage, screen=screen)
        for number, scene in enumerate(scenes, 1):
            await _play(play, scene, f"{number}/{len(scenes)}")
        return await _close(stage, screen)
    finally:
        await stage.close()


async def _play(play: Play, scene: Scene, number: str) -> None:
    """One story, and what everybody says of its payment afterwards."""
    play.marks.clear()
    play.screen.scene(number, scene.title, scene.story)
    shop, order = await scene.act(play)
    order = await play.settled(shop, order)
    await play.control.mend()
    told = await play.noticed(order)
    items = await shop.timeline(order.pay_order_no)
    charges = await play.control.charges(order.pay_order_no)
    moved = [_moved(charge, items) for charge in charges]
    play.screen.timeline([*items, *play.marks, *moved], order.currency)
    (one,) = compare([order], charges, {order.pay_order_no: items})
    play.screen.verdict(one, charges, told)


def _moved(charge: Charge, items: Sequence[Item]) -> Item:
    """The bank's money as a line of the timeline.

    The bank's clock is a stranger's and some milliseconds off: its line stands after
    our last call for money and before the answer to that, if one came.
    """
    asked = max(item.at for item in items if item.title.startswith(ASKED))
    answers = [item.at for item in items if item.title.startswith(ANSWERED)]
    at = max(charge.at, asked + TICK)
    if later := [answer for answer in answers if answer > asked]:
        at = min(at, later[0] - TICK)
    amount = money(charge.amount, charge.currency)
    return Item(at=at, kind="bank", title=f"{charge.bank} takes {amount}")


async def _close(stage: Stage, screen: Screen) -> Result:
    """Ask everybody for everything, and count."""
    orders, items = await _told(stage.shops)
    rows = compare(orders, await stage.control.charges(), items)
    rows.sort(key=_number)
    screen.closing(rows)
    return Result(
        payments=len(orders),
        converted=sum(map(converted, items.values())),
        recovered=sum(map(recovered, items.values())),
        differences=sum(not row.agrees for row in rows),
    )


async def _told(
    shops: Sequence[Shop],
) -> tuple[list[Order], dict[str, list[Item]]]:
    """All payments of all lines, with their timelines."""
    orders: list[Order] = []
    items: dict[str, list[Item]] = {}
    for shop in shops:
        for order in await shop.orders():
            orders.append(order)
            items[order.pay_order_no] = await shop.timeline(order.pay_order_no)
    return orders, items


def _number(row: Compared) -> str:
    """Payment numbers sort by time."""
    return row.pay_order_no
