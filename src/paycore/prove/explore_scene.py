"""The stage of one action: a state's database and banks, and nodes that do one thing.

It is the simulator's world without its chance. Every call has its few possible answers;
which one it gets is a choice that is written down, so that all of them can be tried.
After every commit and every call that arrived the state is kept: it is what is left
where the node is killed there.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from types import MappingProxyType
from typing import Any, TypeVar

import msgspec
from standardwebhooks.webhooks import Webhook

from paycore.core.rows import PaymentRow, TrailRow
from paycore.coupon.rows import CouponRow
from paycore.gateway.registry import Registry
from paycore.gateway.rows import MessageRow
from paycore.kernel.clock import SystemClock
from paycore.kernel.config import Settings
from paycore.kernel.crypto import KeyRing
from paycore.kernel.errors import Unavailable
from paycore.kernel.http import Answered, HttpRequest, HttpResult, NotSent
from paycore.kernel.journal import Change, ChangeRejected, R, Refused, Row, Value
from paycore.kernel.journal_group import Spot, spot_of
from paycore.kernel.journal_memory import MemoryStore, Written
from paycore.kernel.lives import Lives
from paycore.kernel.node import Node
from paycore.kernel.terms import Epoch
from paycore.prove.api import Api
from paycore.prove.coupons import CouponHouse
from paycore.prove.explore_state import State
from paycore.prove.houses import BankHouse
from paycore.prove.ids import SeededIds
from paycore.prove.journal import SimJournal
from paycore.prove.ledger import Ledger
from paycore.prove.loop import Machine, VirtualLoop
from paycore.prove.network import Network, Parcel, SimTransport
from paycore.prove.oracle import Oracle
from paycore.prove.plan import Plan
from paycore.prove.running import Running
from paycore.prove.scrutiny import Scrutiny
from paycore.prove.stage import LINES, WEBHOOK_SECRET, Stage, stage
from paycore.prove.strangers import (
    CarrierHouse,
    LineHouse,
    Text,
    answered,
    houses,
)
from paycore.prove.strikes import Faults
from paycore.prove.world import USUAL, World
from paycore.router.rows import DecisionRow
from paycore.sandbox.orders import Twist, Work
from paycore.sms.registry import Carriers
from paycore.worker import loop as worker

S = TypeVar("S", bound=Row)

NOBODY_READS = (TrailRow, DecisionRow, MessageRow)
"""Kept for people: nothing of our own code looks at it again."""

FOR_EVER_MS = 10**9

CHOICES: Mapping[str, Sequence[str]] = MappingProxyType(
    {
        "send_code": (
            *("ok", "declined", "maintenance", "refused", "lost", "unanswered"),
            *("pending", "ok while close"),
        ),
        "confirm": (
            *("ok", "declined", "refused", "lost", "unanswered", "pending"),
            *("ok after callback", "ok while close", "ok while confirm"),
        ),
        "deduct": (
            *("ok", "declined", "maintenance", "refused", "lost", "unanswered"),
            *("pending", "ok after callback", "ok while close", "ok while confirm"),
        ),
        "enquire": ("ok", "unanswered", "ok after callback"),
        "text": ("ok", "refused", "unanswered"),
    }
)
"""What may become of a call; the first is what should."""

DECLINES: Mapping[str, str] = MappingProxyType(
    {"declined": "INSUFFICIENT_FUNDS", "maintenance": "MAINTENANCE"}
)

Meanwhile = Callable[[str, str, str], Awaitable[None]]
"""What somebody else does while a call is out: what, at which bank, to which order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A call, which of its answers it got, and after how many points."""

    call: str
    taken: int
    point: int


@cache
def base_store() -> MemoryStore:
    """The database as it was set up, without the coupons that nobody wants."""
    store = stage().store.copy()
    for row in store.every(CouponRow):
        if (row.biz_line, row.coupon_no) != (LINES[0], "S000000"):
            store._leave(row)  # noqa: SLF001 a row less to copy each time
    for kind in Row.__subclasses__():
        store.every(kind)  # its table is made, once for all
    return store


@cache
def configuration() -> Mapping[type[object], object]:
    """What a node reads of the set-up: it is the same for every one."""
    scene = Scene(State(), configured=False)
    node = scene.nodes[0]
    assert node is not None
    scene.loop.run(worker.refresh(node.node))
    return dict(node.node._states)  # noqa: SLF001 they are what is wanted


@cache
def quiet() -> Faults:
    """No chance: nothing strikes here by itself."""
    faults = Faults(random.Random, only=())
    faults.on = False
    return faults


class Scene(World):
    """One state, and two nodes that can work on it."""

    def __init__(
        self, state: State, script: Sequence[int] = (), *, configured: bool = True
    ) -> None:
        self.plan = Plan(seed=state.steps, payments=0)
        self.stage: Stage = stage()
        self.loop = VirtualLoop(random.Random(0))
        self.faults = quiet()
        self.settings = settings(self.stage)
        self.story = None
        self.leap, self.leapt_s = timedelta(0), 0.0
        self.leapt_at = float("-inf")
        self.fell_back = False
        self.over = False
        self.database_is_away = self.texts_are_down = False
        self.state, self.script = state, script
        self.choices: list[Choice] = []
        self.points: list[State] = []
        self.keeps_points = True
        self.meanwhile: Meanwhile | None = None
        self._began = USUAL + timedelta(seconds=state.at)
        self._kept: dict[Spot, Row] = dict(state.rows)
        self.base = _database(state)
        self.banks, self.carriers = _houses(self.stage, state)
        self.line = LineHouse(Webhook(WEBHOOK_SECRET))
        self.texts = {}
        for text in state.texts:
            self.texts.setdefault(text.pay_order_no, []).append(text)
        for told in state.told:
            no = str(told.data["pay_order_no"])
            self.line.told.setdefault(no, []).append(told)
        self.asked = state.asked
        self.answers = dict(state.answers)
        self.unasked = state.unasked
        self.ghosts = state.ghosts
        self.coupons, self.ledger = CouponHouse(self), Ledger(self)
        self.oracle = _oracle(self, state)
        self.scrutiny = Scrutiny(self)
        self.base.watch = self._written
        self.network = Calls(self)
        self.api = Api(self)
        self.side = set()
        self.nodes = [_node(self, place, configured=configured) for place in (0, 1)]
        self.machines = [one.machine for one in self.nodes if one is not None]

    # --- what everybody may ask -------------------------------------------------------

    def stream(self, name: str) -> random.Random:
        """The same numbers for the same step; nothing hangs on them here."""
        return random.Random(f"{self.plan.seed}/{name}")

    def database_now(self) -> datetime:
        """The one clock there is."""
        return self._began + timedelta(seconds=self.loop.time())

    def some_node(self, rng: random.Random) -> Running | None:
        """The first; whoever comes while it is at work gets the other."""
        busy = self.nodes[0] is not None and bool(self.nodes[0].callers)
        return self.nodes[1] if busy else self.nodes[0]

    async def perhaps_dies(self, machine: Machine, kind: str) -> None:
        """Nobody dies: what would be left is kept instead."""

    def perhaps_dies_now(self, machine: Machine, kind: str) -> None:
        """The same."""

    # --- choices ----------------------------------------------------------------------

    def choose(self, call: str) -> str:
        """What becomes of a call: as the script says, and then as it should."""
        at = len(self.choices)
        taken = self.script[at] if at < len(self.script) else 0
        self.choices.append(Choice(call=call, taken=taken, point=len(self.points)))
        return CHOICES[call][taken]

    def point(self) -> None:
        """Here the node may be killed."""
        if self.keeps_points:
            left = self.left()
            epochs = (left.epoch, left.epoch + 1)
            held = {getattr(row, "lease_epoch", None) for row in left.rows.values()}
            ghosts = (*left.ghosts, *(one for one in epochs if one in held))
            self.points.append(replace(left, epoch=left.epoch + 2, ghosts=ghosts))

    def left(self) -> State:
        """The state as it is now."""
        return replace(
            self.state,
            at=self.state.at + self.loop.time(),
            steps=self.state.steps + 1,
            rows=dict(self._kept),
            orders={name: dict(one.orders) for name, one in self.banks.items()},
            moves=tuple(m for moves in self.oracle.moves.values() for m in moves),
            texts=tuple(t for texts in self.texts.values() for t in texts),
            told=tuple(t for told in self.line.told.values() for t in told),
            answers=dict(self.answers),
            unasked=self.unasked,
            ghosts=self.ghosts,
            asked=self.asked,
        )

    # --- what happens -----------------------------------------------------------------

    def _written(self, change: Change, rows: Written) -> None:
        for _, new in rows:
            if not isinstance(new, NOBODY_READS):
                self._kept[spot_of(new)] = new
        self.oracle.written(change, rows)

    def texted(self, request_id: str, sent_by: str, code: str) -> None:
        """A code is on the payer's phone."""
        no = request_id[:-2]
        text = Text(
            at=self.state.at + self.loop.time(),
            pay_order_no=no,
            sent_by=sent_by,
            code=code,
            seq=int(request_id[-2:]),
        )
        self.texts.setdefault(no, []).append(text)

    def claimed(self, rows: Sequence[Row]) -> None:
        """Rows that a worker has taken: a claim is written too."""
        for row in rows:
            self._kept[spot_of(row)] = row

    async def settle_down(self) -> None:
        """Wait until nobody is at work any more."""
        while left := [task for task in self._tasks() if not task.done()]:
            await asyncio.wait(left)

    def _tasks(self) -> Iterator["asyncio.Task[Any]"]:
        for machine in self.machines:
            yield from machine.tasks
        yield from self.side

    def close(self) -> None:
        """Let go of it."""
        self.over = True
        self.loop.end(self.machines)


def settings(of: Stage) -> Settings:
    """Few tries and no gap between codes: more of what may happen in fewer steps."""
    return msgspec.structs.replace(
        of.settings,
        code_gap_s=0,
        code_lifetime_s=60,
        code_tries=2,
        code_per_phone_hour=200,
        breaker_calls=1000,
        money_timeout_s=3,
        return_late_money=False,  # no worker for refunds is in the scene
    )


def _database(state: State) -> MemoryStore:
    store = base_store().copy()
    for row in state.rows.values():
        old = store.load(type(row), *row.key())
        if old is not None:
            store._leave(old)  # noqa: SLF001 it is put as it was, not changed
        store._enter(row)  # noqa: SLF001 the same
    return store


def _houses(
    of: Stage, state: State
) -> tuple[dict[str, BankHouse], dict[str, CarrierHouse]]:
    banks, carriers = houses(of.merchants, random.Random(f"bank {state.steps}"))
    for name, orders in state.orders.items():
        house = banks[name]
        house.orders = dict(orders)
        moved = sum(move.bank == name for move in state.moves)
        house.bank.restore(orders.values(), moved=moved)
    return banks, carriers


def _oracle(scene: Scene, state: State) -> Oracle:
    oracle, row = Oracle(scene), state.payment
    for move in state.moves:
        oracle.moves.setdefault(move.pay_order_no, []).append(move)
    oracle.hearing.answers = scene.answers
    if row is not None:
        born = (row.created_at - scene.database_now()).total_seconds()
        oracle._born[row.pay_order_no] = (born, 0.0)  # noqa: SLF001 the same
        if state.unasked:
            oracle.unasked_for.add(row.pay_order_no)
    return oracle


def _node(scene: Scene, place: int, *, configured: bool) -> Running:
    machine = Machine(f"n{place}")
    before = scene.state.at
    node = Node(
        settings=scene.settings,
        journal=Journal(scene, machine),
        clock=SystemClock(
            scene.database_now(), monotonic=lambda: before + scene.loop.time()
        ),
        ids=SeededIds(scene.stream(f"ids {place}")),
        transport=SimTransport(scene, machine),
        key_ring=_ring(),
    )
    node.state(Registry, lambda: scene.stage.channels)
    node.state(Carriers, lambda: Carriers(_drivers=scene.stage.drivers))
    if configured:
        node._states.update(configuration())  # noqa: SLF001 read once for all
    epoch = scene.state.epoch
    node.heartbeat.epoch = Epoch(epoch + place)
    node.heartbeat.live = Lives.of(epoch, epoch + 1, *scene.ghosts)
    node.heartbeat.good_until = float("inf")
    return Running(machine, node, ready=True)


@cache
def _ring() -> KeyRing:
    return KeyRing(stage().settings.ring_keys)


class Journal(SimJournal):
    """A node's way to the database, on which nothing takes time."""

    def __init__(self, scene: Scene, machine: Machine) -> None:
        self._scene, self._machine = scene, machine
        self._world, self._base, self._closed = scene, scene.base, False

    async def _reach(self) -> None:
        if self._scene.over:
            raise asyncio.CancelledError

    async def _answer(self) -> None:
        """At once."""

    async def every(self, kind: type[R]) -> list[R]:
        """All rows, ordered by key."""
        return self._scene.base.every(kind)

    async def due(self, kind: type[R], limit: int, **given: Any) -> list[R]:
        """Claim what is due; what is claimed is written, and its node may die then."""
        rows = self._scene.base.due(kind, limit, **given)
        self._scene.claimed(rows)
        if rows:
            self._scene.point()
        return rows

    async def load(self, kind: type[R], *key: Value) -> R | None:
        """The row under a key."""
        await self._reach()
        return self._scene.base.load(kind, *key)

    async def commit(self, change: Change) -> Refused | None:
        """Write it; here its node may die."""
        await self._reach()
        if self._closed:
            raise Unavailable
        try:
            refused = self._scene.base.commit(change)
        except ChangeRejected as rejected:
            self._scene.oracle.rejected(self._machine, change, rejected)
            raise
        if refused is None:
            self._scene.point()
        return refused


class Calls(Network):
    """What becomes of a call: it is chosen, not thrown."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    def carry(self, parcel: Parcel) -> None:
        """Bring a request to where it goes, and its answer back."""
        self._scene.spawn(self._carry(parcel))

    async def _carry(self, parcel: Parcel) -> None:
        host, path, request = parcel.host, parcel.path, parcel.request
        if host in self._scene.banks:
            result = await self._asked_bank(host, path, request)
        elif host.startswith("carrier_"):
            result = self._asked_carrier(host[-1], path, request)
        else:
            result = self._asked_line(request)
        if result is not None and not parcel.answer.done():
            parcel.answer.set_result(result)

    async def _asked_bank(
        self, host: str, path: str, request: HttpRequest
    ) -> HttpResult | None:
        scene, house = self._scene, self._scene.banks[host]
        how = scene.choose(path.removeprefix("/v1/"))
        if how == "refused":
            return NotSent(reason="refused")
        if how == "lost":
            return None
        asked = house.open(request, path, scene.now_ms())
        twist = Twist(decline=DECLINES.get(how))
        if how == "pending":
            twist = Twist(processing_ms=FOR_EVER_MS)
        done = house.act(asked.call, twist)
        self._happened(host, asked.call.request.request_id, done.work)
        if how == "unanswered":
            return None
        if " " in how:
            assert scene.meanwhile is not None
            number = asked.call.request.request_id
            await scene.meanwhile(how.split()[-1], host, number)
        return house.reply(asked, done, scene.now_ms(), strike=None)

    def _happened(self, host: str, request_id: str, work: Work) -> None:
        """Money that moved and texts that went out."""
        scene = self._scene
        scene.oracle.moved(work.moves)
        for text in work.texts:
            if text.code is not None:
                self._scene.texted(request_id, host, text.code)
        scene.point()

    def _asked_carrier(
        self, name: str, path: str, request: HttpRequest
    ) -> HttpResult | None:
        how, house = self._scene.choose("text"), self._scene.carriers[name]
        if how == "refused":
            return NotSent(reason="refused")
        request_id, code = house.take(request, path, self._scene.now_ms())
        self._scene.texted(request_id, "sms_centre", code)
        self._scene.point()
        if how == "unanswered":
            return None
        return house.reply(request_id, path, self._scene.now_ms(), "OK")

    def _asked_line(self, request: HttpRequest) -> Answered:
        """The line takes every notice: who does not is the simulator's business."""
        scene = self._scene
        taken = scene.line.take(request, scene.state.at + scene.loop.time())
        scene.oracle.announced(request)
        scene.point()
        return answered(b"", {}, 204 if taken else 400)


def payment_of(scene: Scene) -> PaymentRow | None:
    """The scene's payment, as it stands."""
    return next(iter(scene.base.every(PaymentRow)), None)
