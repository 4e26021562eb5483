"""Stories of what comes after the money: a refund, a late success, a statement."""

from contextlib import suppress
from datetime import date, timedelta

from paycore.cures.table import Cure
from paycore.desk.rows import CaseRow, CureStatus
from paycore.dev.demo.desk import Desk
from paycore.dev.demo.outside import Charge, DemoBroke, Order, Shop
from paycore.dev.demo.play import SETTLED_WITHIN_S, Play
from paycore.dev.demo.show import UNASKED, money
from paycore.kernel.errors import SecondPerson
from paycore.recon.match import Kind

SENT = "OUT send_code "
TWICE = "duplicate_line"
RECON = "RECON_"
SEEDS = 50
"""Far more than a bank of the demo has lines, of which each seed strikes one."""


async def refunded(play: Play) -> tuple[Shop, Order]:
    """One of two cups comes back."""
    shop = play.shop
    order, code = await play.open(shop, "Two tasting cups", 9000)
    await play.type_(shop, order, code)
    await shop.refund(order.pay_order_no, amount=4500, reason="one was broken")
    play.mark("line", "gives 45.00 CNY back: “one was broken”")
    (refund,) = await play.given_back(shop, order)
    if refund.biz_status != "SUCCESS":
        raise DemoBroke(f"the refund is {refund.biz_status}")
    return shop, order


async def late(play: Play) -> tuple[Shop, Order]:
    """The payer types the bank's code at the bank, when the order is closed."""
    shop = play.shop
    order, code = await play.open(shop, "A tea caddy", 15800)
    closed = await shop.close(order.pay_order_no)
    play.mark("line", f"closes the order: {closed.biz_status}")
    if closed.biz_status != "CLOSED":
        raise DemoBroke("an order that nobody paid could not be closed")
    bank = play.stage.bank(await _asked(shop, order))
    await play.control.break_(
        f"bank.{bank.name}.confirm", "duplicate_callback:1", count=1
    )
    play.mark("payer", f"{UNASKED} and types {code}")
    at = play.stage.clock.now()
    await bank.confirm(order, code, api=shop.api, at=at)
    with play.screen.waiting("the bank calls back: its money goes back by itself"):
        back = await play.until(
            lambda: play.given_back(shop, order), bool, within_s=SETTLED_WITHIN_S
        )
    if [(one.kind, one.biz_status) for one in back] != [("LATE_MONEY", "SUCCESS")]:
        raise DemoBroke("the late money did not go back by itself")
    return shop, order


async def _asked(shop: Shop, order: Order) -> str:
    """Which bank sent the code."""
    items = await shop.timeline(order.pay_order_no)
    sent = [item.title for item in items if item.title.startswith(SENT)]
    return sent[-1].removeprefix(SENT).split("/")[0]


async def reconciled(play: Play) -> tuple[Shop, Order]:
    """A line stands there twice, and the money moved once."""
    shop = play.shop
    order = await play.deduct(shop, "Tea for the office", 120000)
    order = await play.settled(shop, order)
    charge, *more = await play.control.charges(order.pay_order_no)
    if more:
        raise DemoBroke("the bank charged a deduction more than once")
    day = charge.at.date()
    # Their statement desks believe that the day is over; nobody else does.
    await play.control.it_is(day + timedelta(days=1))
    await _plant(play, charge, day)
    async with play.stage.desk() as desk:
        case = await _found(play, desk, order, day)
        await _ask_the_bank(play, desk, charge, day)
        await _settle(play, desk, case)
    await play.control.it_is(None)
    return shop, order


async def _plant(play: Play, charge: Charge, day: date) -> None:
    """Have this very charge stand twice in its bank's statement."""
    for seed in range(SEEDS):
        (struck,) = await play.control.plant(charge.bank, day, TWICE, seed=seed)
        if (struck.kind, struck.pay_order_no) == ("charge", charge.pay_order_no):
            play.screen.say("bank", f"{charge.bank} lists that charge twice")
            return
        await play.control.correct()
    raise DemoBroke("the charge is not in its bank's statement")


async def _found(play: Play, desk: Desk, order: Order, day: date) -> CaseRow:
    """Reconcile, and find the one case that it must open."""
    with play.screen.waiting("the statements of four banks are fetched and compared"):
        said = await desk.reconcile(day)
    play.mark("desk", f"reconciles {day}: {said}")
    cases = [case for case in await desk.cases() if case.kind.startswith(RECON)]
    found = [(case.kind, case.pay_order_no) for case in cases]
    if found != [(f"{RECON}{Kind.DUPLICATE_LINE}", order.pay_order_no)]:
        raise DemoBroke(f"other differences were found than were planted: {found}")
    (case,) = cases
    parked = money(case.amount or 0, case.currency or "")
    play.screen.say("desk", f"case {case.kind}: {parked} are parked in suspense")
    return case


async def _ask_the_bank(play: Play, desk: Desk, charge: Charge, day: date) -> None:
    """Did the money move twice, or only the line: that is asked before all else."""
    moved = await play.control.charges(charge.pay_order_no)
    times = "once" if len(moved) == 1 else f"{len(moved)} times"
    play.screen.say(
        "bank", f"is asked, and says that it charged {times}. It corrects its file"
    )
    await play.control.correct()
    said = await desk.reconcile(day)
    play.mark("desk", f"reconciles again: {said}")


async def _settle(play: Play, desk: Desk, case: CaseRow) -> None:
    """One person proposes, another agrees, and it is done once."""
    parked = money(case.amount or 0, case.currency or "")
    why = "the bank took its second line back"
    cure = await desk.preview(case, Cure.RELEASE, who="anna", why=why)
    play.mark("anna", f"previews {cure.cure}: “{why}”")
    play.screen.say("desk", f"{parked} would leave suspense, as if never parked")
    with suppress(SecondPerson):
        await desk.execute(cure, who="anna")
        raise DemoBroke("one person alone could settle it")
    play.screen.say("anna", "would execute it alone: refused, it needs a second person")
    await desk.approve(cure, who="bert", why="seen the corrected file")
    play.mark("bert", "approves: “seen the corrected file”")
    done = await desk.execute(cure, who="anna")
    play.mark("anna", f"executes it: {done.status}")
    if done.status is not CureStatus.DONE:
        raise DemoBroke(f"the cure is {done.status}")
