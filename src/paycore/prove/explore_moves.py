"""What can happen next to an explored payment, and how it ends when all is well.

An action is what somebody does, with what becomes of each of its calls and, perhaps,
the point at which its node is killed. Each runs production code until nobody is at
work.
"""

import asyncio
from collections.abc import Awaitable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

from msgspec.structs import replace

from paycore.core.payment import ENQUIRY_LADDER_S
from paycore.core.rows import AttemptRow, PaymentRow
from paycore.core.service import OpenRequest
from paycore.coupon.rows import CouponRow
from paycore.kernel.errors import InFlight
from paycore.kernel.lives import Lives
from paycore.kernel.node import Node
from paycore.kernel.terms import BizLineId, CardId, CouponNo
from paycore.notify.rows import NoticeRow
from paycore.prove import verdict
from paycore.prove.api import Answer
from paycore.prove.explore_scene import CHOICES, Choice, Scene, payment_of
from paycore.prove.explore_state import WINDOW, Asked, State
from paycore.prove.listening import listening
from paycore.prove.oracle import Violation
from paycore.prove.stage import LINES
from paycore.sandbox.orders import Order
from paycore.worker import checker, dispatcher, loop

LINE = LINES[0]

ONE_MS = 0.001

LONG_S = 60.0
"""The order's code is good as long, and the order itself twice that."""

PACE_S = 0.2
"""How often a worker looks for what is due."""

CALM_S = 2400.0
"""Within so long everything must be final or a person's."""

DEVIATIONS = MappingProxyType({"open": 2, "confirm": 2, "silence": 0})
"""Calls of one action that do not go as they should; of any other one."""

USES = frozenset({"open", "resend", "confirm", "close"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One action, and where it led."""

    action: str
    state: State
    now: datetime
    violations: tuple[Violation, ...] = ()


# --- what can be done ---------------------------------------------------------------


def actions(state: State, now: datetime) -> Iterator[str]:
    """What somebody can do now."""
    row = state.payment
    if state.asked is not None:
        yield "again"
    if state.ghosts:
        yield "recover"
    if row is None:
        if state.asked is None:
            yield "open"
        return
    for bank, orders in state.orders.items():
        for order in orders.values():
            yield from _bank_actions(state, bank, order)
    if not row.biz_status.final:
        yield from _payers_actions(state)
        yield from _times_actions(state, row, now)


def _bank_actions(state: State, bank: str, order: Order) -> Iterator[str]:
    """What a bank does by itself: tell, tell again, settle late, charge unasked."""
    name = f"{bank} {order.request_id}"
    if order.status == "PROCESSING":
        yield f"settle {name}"
        yield f"refuse {name}"
    elif order.status == "OPEN":
        if not state.moves and not order.code_is_dead(0):
            yield f"charge {name}"
    elif order.operation == "deduct" or order.sms_code is not None:
        yield f"callback {name}"


def _payers_actions(state: State) -> Iterator[str]:
    yield "resend"
    yield "close"
    if state.texts:
        yield "confirm right"
        yield "confirm wrong"
    if len(state.texts) > 1:
        yield "confirm old"


def _times_actions(state: State, row: PaymentRow, now: datetime) -> Iterator[str]:
    yield "look"
    if now < row.expires_at:
        yield "expire"
    if row.code_expires_at is not None and now < row.code_expires_at:
        yield "code expires"
    leg = _open_leg(state)
    if leg is not None:
        yield "silence"
        if now < leg.quiet_from + WINDOW:
            yield "window"


def _open_leg(state: State) -> AttemptRow | None:
    return next((a for a in state.of(AttemptRow) if a.process_status.open), None)


# --- doing it -----------------------------------------------------------------------


def steps(state: State, now: datetime) -> Iterator[Step]:
    """All that can happen next, in all its ways, killed at each of its points."""
    for action in actions(state, now):
        yield from _ways(state, action)


def _ways(state: State, action: str) -> Iterator[Step]:
    """An action with every answer that its calls may get."""
    deviations = DEVIATIONS.get(action.split(" ", 1)[0], 1)
    scripts: list[tuple[int, ...]] = [()]
    while scripts:
        script = scripts.pop()
        scene = Scene(state, script)
        run(scene, act(scene, action))
        taken = tuple(choice.taken for choice in scene.choices)
        name = _named(action, scene.choices)
        yield _step(scene, name, scene.left())
        odd = sum(map(bool, taken))
        if odd <= min(1, deviations):
            yield from _killed(scene, name, len(script))
        if odd < deviations:
            scripts += _others(scene.choices, len(script))


def _others(choices: list[Choice], known: int) -> Iterator[tuple[int, ...]]:
    """The scripts that differ from this one at one of its new calls."""
    for at in range(known, len(choices)):
        before = tuple(choice.taken for choice in choices[:at])
        for other in range(1, len(CHOICES[choices[at].call])):
            yield (*before, other)


def _killed(scene: Scene, name: str, known: int) -> Iterator[Step]:
    """The same, killed on the way; before its last choice another way has it."""
    since = scene.choices[known - 1].point if known else 0
    # After the last commit nothing is left to lose but the answer, where there is one.
    points = scene.points if scene.asked is None else scene.points[:-1]
    for number, left in enumerate(points):
        if number >= since:
            yield _step(scene, f"{name}, killed at {number + 1}", left)


def _step(scene: Scene, action: str, left: State) -> Step:
    now = scene.database_now() - timedelta(
        seconds=scene.state.at + scene.loop.time() - left.at
    )
    return Step(
        action=action,
        state=left,
        now=now,
        violations=tuple(scene.oracle.violations),
    )


def _named(action: str, choices: list[Choice]) -> str:
    odd = [f"{c.call} {CHOICES[c.call][c.taken]}" for c in choices if c.taken]
    return f"{action} ({', '.join(odd)})" if odd else action


def run(scene: Scene, doing: Awaitable[None]) -> None:
    """Do something on a scene until nobody is at work."""

    async def whole() -> None:
        await doing
        await scene.settle_down()

    with listening(scene):
        scene.loop.run(whole())
        for broken in scene.loop.broken:
            scene.oracle.bug(None, broken)
        scene.close()


async def act(scene: Scene, action: str) -> None:
    """Do what an action says."""
    scene.meanwhile = lambda what, bank, request: _meanwhile(scene, what, bank, request)
    what, *more = action.split(" ")
    if what in USES:
        await call(scene, what, _code(scene.state, more), f"{scene.state.steps}")
    elif what == "again":
        assert scene.asked is not None
        asked = scene.asked
        await call(scene, asked.use, asked.code, asked.key)
    elif what == "callback":
        await _callback(scene, more[0], more[1])
    elif what in ("settle", "refuse", "charge"):
        _by_itself(scene, what, more[0], more[1])
    else:
        await _time(scene, what)


def _code(state: State, which: list[str]) -> str:
    match which:
        case ["right"]:
            return state.code
        case ["old"]:
            return state.texts[0].code
        case ["wrong"]:
            return f"{(int(state.code) + 1) % 10**6:06d}"
        case _:
            return ""


async def call(scene: Scene, use: str, code: str, key: str) -> None:
    """The line calls; until it is answered, it is a call that may be repeated."""
    scene.asked = Asked(use=use, key=key, code=code)
    answer = await _called(scene, use, code, key)
    if answer is None:
        return
    if answer.code != InFlight.code:
        scene.asked = None
    if answer.status in (200, 201):
        scene.oracle.hearing.heard(answer.read())
        # What a bank took by itself is paid by no code at all.
        if use == "confirm" and not scene.unasked:
            row = payment_of(scene)
            assert row is not None
            scene.oracle.hearing.confirmed(row.pay_order_no, code, answer)


async def _called(scene: Scene, use: str, code: str, key: str) -> Answer | None:
    row = payment_of(scene)
    if use == "open":
        return await scene.api.open(ordered(scene), key)
    assert row is not None
    if use == "confirm":
        return await scene.api.confirm(LINE, row.pay_order_no, code, key)
    if use == "resend":
        return await scene.api.resend(LINE, row.pay_order_no, key)
    return await scene.api.close(LINE, row.pay_order_no, key)


def ordered(scene: Scene) -> OpenRequest:
    """What is ordered: a good card, with a coupon."""
    return OpenRequest(
        biz_line=BizLineId(LINE),
        out_biz_no="order-1",
        biz_order_no=None,
        amount=3000,
        currency="CNY",
        card_id=CardId(scene.stage.cards[0].card_id),
        subject="two cups of tea",
        coupon_no=CouponNo("S000000"),
        expires_in_s=int(2 * LONG_S),
    )


async def _meanwhile(scene: Scene, what: str, bank: str, request_id: str) -> None:
    """Somebody else, at the other node, while a call is out."""
    if what == "callback":
        await _callback(scene, bank, request_id)
        return
    row, kept = payment_of(scene), scene.asked
    assert row is not None
    code = scene.state.code if what == "confirm" else ""
    await call(scene, what, code, f"{scene.state.steps}b")
    scene.asked = kept


async def _callback(scene: Scene, bank: str, request_id: str) -> None:
    house = scene.banks[bank]
    order = house.orders.get(request_id)
    if order is None or order.status in ("OPEN", "PROCESSING"):
        return
    message = house.told(order, scene.now_ms())
    assert message is not None, "a house bank tells of every end"
    await scene.api.callback(bank, house.callback_path, *message)


def _by_itself(scene: Scene, what: str, bank: str, request_id: str) -> None:
    house = scene.banks[bank]
    order = house.orders[request_id]
    if what == "charge":
        scene.oracle.unasked(order.pay_order_no)
        scene.unasked = True
        done = house.confirm_by_itself(order, scene.now_ms())
    else:
        if what == "refuse":
            order = replace_code(scene, bank, order)
        settled = house.settle(order, scene.now_ms())
        assert settled is not None
        done = settled
    scene.oracle.moved(done.work.moves)
    for text in done.work.texts:
        if text.code is not None:
            scene.texted(request_id, bank, text.code)


def replace_code(scene: Scene, bank: str, order: Order) -> Order:
    """The bank makes up its mind: it will be no."""
    no = replace(order, code="INSUFFICIENT_FUNDS")
    scene.banks[bank].bank.restore([no], moved=len(scene.state.moves))
    return no


# --- time ---------------------------------------------------------------------------


async def _time(scene: Scene, what: str) -> None:
    """Time goes on to a moment, and a worker looks at what is due."""
    row = payment_of(scene)
    if what == "recover":
        await asyncio.sleep(scene.settings.lease_s)
        bury(scene)
    elif what == "silence":
        await _silence(scene)
        return
    assert row is not None or what == "recover"
    if row is not None:
        await _until(scene, _moment(scene, what, row))
        await tick(scene)


def _moment(scene: Scene, what: str, row: PaymentRow) -> datetime | None:
    match what:
        case "look":
            return row.next_check_at
        case "expire":
            return row.expires_at
        case "code":
            return row.code_expires_at
        case "window":
            leg = _open_leg(scene.state)
            return leg.quiet_from + WINDOW if leg is not None else None
        case _:
            return None


async def _until(scene: Scene, moment: datetime | None) -> None:
    if moment is not None:
        left = (moment - scene.database_now()).total_seconds()
        await asyncio.sleep(max(0.0, left) + ONE_MS)


async def _silence(scene: Scene) -> None:
    """The banks say nothing for as long as the ladder of enquiries is."""
    scene.keeps_points = False
    silent = CHOICES["enquire"].index("unanswered")
    for _ in ENQUIRY_LADDER_S:
        row = payment_of(scene)
        if row is None or row.next_check_at is None:
            return
        scene.script = (*scene.script, *[silent] * 40)
        await _until(scene, row.next_check_at)
        await tick(scene)


def bury(scene: Scene) -> None:
    """The lives that have ended are known to have ended."""
    scene.ghosts = ()
    for running in scene.nodes:
        assert running is not None
        beat = running.node.heartbeat
        beat.live = Lives.of(*(e for e in beat.live.known if e >= scene.state.epoch))


async def tick(scene: Scene) -> None:
    """A worker's loops, once each."""
    running = scene.nodes[0]
    assert running is not None
    context = scene.loop.context_of(running.machine)
    task = scene.loop.create_task(_ticks(running.node), context=context)
    await asyncio.wait({task})
    await task
    await scene.settle_down()


async def _ticks(node: Node) -> None:
    await checker.tick(node)
    await dispatcher.tick(node)
    await loop.sweep(node)


# --- all is well --------------------------------------------------------------------


def calm(state: State) -> tuple[bool, tuple[Violation, ...]]:
    """Whether it ends by itself once nothing goes wrong any more, and what is wrong
    then: banks answer and settle, workers work, forty minutes pass.
    """
    if state.payment is None:
        return True, ()
    scene = Scene(state)
    scene.keeps_points = False
    ended: list[bool] = []
    run(scene, _calm(scene, ended))
    return ended[0], tuple(scene.oracle.violations)


async def _calm(scene: Scene, ended: list[bool]) -> None:
    await asyncio.sleep(scene.settings.lease_s)
    bury(scene)
    for bank, house in scene.banks.items():
        for order in list(house.orders.values()):
            if order.status == "PROCESSING":
                _by_itself(scene, "settle", bank, order.request_id)
    # Callbacks may have been lost, and everything must end without. But money that
    # nobody asked for is brought until somebody takes it: who should ask after it?
    for bank, house in scene.banks.items():
        for order in list(house.orders.values()):
            if scene.unasked and order.bank_ref is not None:
                await _callback(scene, bank, order.request_id)
    await tick(scene)
    began = scene.loop.time()
    while scene.loop.time() < began + CALM_S:
        moment = _next(scene)
        if moment is None or (_ended(scene) and not _owed(scene)):
            break
        await _until(scene, moment)
        await tick(scene)
        await asyncio.sleep(PACE_S)
    ended.append(_ended(scene))
    await scene.settle_down()
    await verdict.judge(scene, [])


def _ended(scene: Scene) -> bool:
    """Whether the order is over, or rightly a person's."""
    row, cases = payment_of(scene), verdict.cases_of(scene)
    return row is None or verdict.settled(scene, row, cases[row.pay_order_no])


def _next(scene: Scene) -> datetime | None:
    """When something is due next."""
    base = scene.base
    due = [
        *(row.next_check_at for row in base.waiting(PaymentRow)),
        *(row.next_check_at for row in base.waiting(NoticeRow)),
        *(row.next_check_at for row in base.waiting(CouponRow)),
    ]
    return min((moment for moment in due if moment is not None), default=None)


def _owed(scene: Scene) -> bool:
    """Whether a notice is still to be sent, or a coupon's lock to be looked at."""
    row = payment_of(scene)
    final = row is not None and row.biz_status.final
    late = any(True for _ in scene.base.waiting(NoticeRow))
    return late or (final and any(True for _ in scene.base.waiting(CouponRow)))
