"""Operators in a simulated world who leave accounts out for a time or switch them off,
and what must hold of it: nobody is sent where a node knows that nobody is to go.

They act by the console's own calls, under keys that they repeat; what each did is in
their log. What was begun at an account before goes on there.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from paycore.dev.seeds import ACCOUNT
from paycore.gateway.rows import AccountRow
from paycore.kernel.journal import Row
from paycore.operators.chain import NOTHING, hash_of
from paycore.operators.rows import EntryRow
from paycore.prove.loop import Machine
from paycore.prove.serving import Asked
from paycore.router.rows import DecisionRow, TransTypeRow, WindowRow
from paycore.router.service import Router

if TYPE_CHECKING:
    from paycore.prove.api import Answer
    from paycore.prove.world import World

ACTS_WITHIN_S = 20.0
BEGINS_WITHIN_S = 40
LASTS_S = (20, 60, 150)
TRIES = 12
AGAIN_AFTER_S = 1.0

KNOWN_WITHIN_S = 60.0
"""By then every node knows what was written: longer than a pause and a database that
is away take together, and what was decided before that is written by then."""

MOST_OFF = 2
"""Accounts that are off at a time: somebody is to be paid."""


# --- who acts -------------------------------------------------------------------------


@dataclass(slots=True)
class Opened:
    """A window that an operator was told is there."""

    channel: str
    window_id: str


class Keepers:
    """The operators, where this run has them."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._people: list[Keeper] = []
        self._working: list[asyncio.Future[None]] = []

    def open(self) -> None:
        """They begin to work."""
        world = self._world
        if world.faults.strikes("windows_set"):
            self._people = [Keeper(world, one) for one in world.stage.operators]
            self._working = [asyncio.ensure_future(one.work()) for one in self._people]

    async def close(self) -> None:
        """They go home, and leave everything switched on."""
        for person in self._people:
            person.over = True
        await asyncio.gather(*self._working)
        for person in self._people:
            await person.leave()


class Keeper:
    """One of them."""

    def __init__(self, world: "World", name: str) -> None:
        self._world, self._name = world, name
        self._rng = world.stream(f"operator {name}")
        self._serial = 0
        self._opened: list[Opened] = []
        self._off: list[str] = []
        self.over = False

    async def work(self) -> None:
        """A window at once, so that it is known when it begins; then now and then."""
        await self._plan(self._some_channel())
        while not self.over:
            await asyncio.sleep(self._rng.random() * ACTS_WITHIN_S)
            if self._opened and self._strikes("window_ended"):
                await self._end(self._rng.choice(self._opened))
            elif self._may_switch_off() and self._strikes("switched_off"):
                self._off.append(self._some_channel())
                await self._switch(self._off[-1], enabled=False)
            elif self._off and self._rng.random() < 0.4:
                await self._switch(self._off.pop(), enabled=True)
            elif self._strikes("window_at_once"):
                await self._open(self._some_channel(), begins_in_s=0)
            elif self._rng.random() < 0.2:
                await self._plan(self._some_channel())

    async def leave(self) -> None:
        """All is calm: what he switched off is on again."""
        while self._off:
            await self._switch(self._off.pop(), enabled=True)

    # --- what he does -----------------------------------------------------------------

    async def _plan(self, channel: str) -> None:
        """A window that is to come, and perhaps another one over it."""
        begins_in_s = 5 + self._rng.randrange(BEGINS_WITHIN_S)
        await self._open(channel, begins_in_s=begins_in_s)
        if self._strikes("windows_overlap"):
            later = begins_in_s + self._rng.randrange(20)
            await self._open(channel, begins_in_s=later)

    async def _open(self, channel: str, *, begins_in_s: int) -> None:
        begins = self._world.database_now() + timedelta(seconds=begins_in_s)
        ends = begins + timedelta(seconds=self._rng.choice(LASTS_S))
        said = {
            "from": begins.isoformat(),
            "to": ends.isoformat(),
            "why": "the bank has said so",
        }
        # By the time somebody hears of it, it may be over.
        answer = await self._act(f"{channel}/{ACCOUNT}/windows", said, {201, 400})
        if answer is not None and answer.status == 201:
            self._opened.append(Opened(channel, answer.read()["window_id"]))

    async def _end(self, window: Opened) -> None:
        """End one; of one that is over by itself that is refused."""
        path = f"{window.channel}/{ACCOUNT}/windows/{window.window_id}/end"
        self._opened.remove(window)
        await self._act(path, {"why": "it was shorter"}, {200, 409})

    def _may_switch_off(self) -> bool:
        rows = self._world.base.every(AccountRow)
        return sum(not row.enabled for row in rows) < MOST_OFF

    async def _switch(self, channel: str, *, enabled: bool) -> None:
        said = {"enabled": enabled, "why": "the bank has said so"}
        await self._act(f"{channel}/{ACCOUNT}/switch", said, {200})

    async def _act(
        self, path: str, said: Mapping[str, object], good: set[int]
    ) -> "Answer | None":
        """One call, until there is an answer."""
        world = self._world
        self._serial += 1
        asked = Asked(
            method="POST",
            target=f"/v1/console/channels/{path}",
            headers={
                "authorization": f"Bearer {world.stage.operators[self._name]}",
                "content-type": "application/json",
                "idempotency-key": f"{self._name}-{self._serial}",
            },
            body=msgspec.json.encode(said),
        )
        answer = None
        for _ in range(TRIES):
            answer = await self._call(asked)
            busy = answer is not None and answer.code == "idempotency_in_flight"
            if answer is not None and answer.status < 500 and not busy:
                world.note(None, "operator", f"{self._name} {path} {answer.status}")
                what = f"an operator is refused: {answer.status} {answer.code}"
                world.oracle.holds("I26", answer.status in good, what)
                return answer
            await asyncio.sleep(AGAIN_AFTER_S * (0.5 + self._rng.random()))
        return answer

    async def _call(self, asked: Asked) -> "Answer | None":
        """Once; it gets lost on the way there, or its answer on the way back."""
        key = asked.headers["idempotency-key"]
        lost = self._strikes("act_lost")
        if lost and self._rng.random() < 0.5:
            return None
        answer = await self._world.api.http(asked, key)
        return None if lost else answer

    def _some_channel(self) -> str:
        return self._rng.choice(sorted(self._world.banks))

    def _strikes(self, name: str) -> bool:
        return self._world.faults.strikes(name, self._rng)


# --- what must hold -------------------------------------------------------------------


class WindowWatch:
    """Looks at windows, switches and what is decided; what it finds is the oracle's.

    A node must keep to a window that it knows: since when it does is seen whenever it
    reads the windows anew, by what it decides from then. Whatever it knows, it must
    within `KNOWN_WITHIN_S`.
    """

    def __init__(self, world: "World") -> None:
        self._world = world
        self._born: dict[str, float] = {}
        """When a window came to be."""
        self._known: dict[tuple[Machine, str], datetime] = {}
        """Since when a node has a window before its eyes, by its own clock."""
        self._off: dict[str, float] = {}
        """Since when an account is switched off that was on before."""

    def _holds(self, invariant: str, good: object, what: str, no: str = "") -> None:
        self._world.oracle.holds(invariant, good, what, no)

    def reads(self, machine: Machine) -> None:
        """A node is about to read the windows: those it has it has had by now."""
        for running in self._world.nodes:
            if running is None or running.machine is not machine:
                continue
            snapshot = running.node.state(Router).snapshot
            for row in () if snapshot is None else snapshot.tables.windows:
                known = (machine, row.window_id)
                if known not in self._known:
                    self._known[known] = running.node.now()

    def written(self, old: Row | None, new: Row, writer: Machine | None) -> None:
        """A window, a switch or a decision that others can see from now on."""
        match new:
            case WindowRow():
                self._set(old, new)
            case AccountRow():
                self._switched(old, new)
            case DecisionRow():
                self._decided(new, writer)

    def _set(self, old: Row | None, new: WindowRow) -> None:
        """A window is set, or ended."""
        said = f"{new.channel} {new.starts_at:%H:%M:%S}-{new.ends_at:%H:%M:%S}"
        self._world.note(None, "window", said)
        if old is None:
            self._born[new.window_id] = self._world.loop.time()
            return
        assert isinstance(old, WindowRow)
        kept = msgspec.structs.replace(old, ends_at=new.ends_at, version=new.version)
        good = kept == new and new.starts_at <= new.ends_at <= old.ends_at
        self._holds("I26", good, "ended, and another window than before")

    def _switched(self, old: Row | None, new: AccountRow) -> None:
        """An account is switched."""
        if isinstance(old, AccountRow) and old.enabled != new.enabled:
            said = f"{new.channel} {'on' if new.enabled else 'off'}"
            self._world.note(None, "switch", said)
            self._off.pop(new.channel, None)
            if not new.enabled:
                begun = self._world.lives > 0
                now = self._world.loop.time() if begun else float("-inf")
                self._off[new.channel] = now

    def may_be_on(self, channel: str) -> bool:
        """Whether a node may not know yet that an account is off."""
        since = self._off.get(channel)
        return since is not None and self._world.loop.time() - since < KNOWN_WITHIN_S

    def _decided(self, row: DecisionRow, writer: Machine | None) -> None:
        """Somebody is sent to an account: not into a window of its."""
        if row.chosen is None or not self._born:
            return
        chosen = self._world.base.load(TransTypeRow, row.chosen)
        assert chosen is not None, "a route is one of those there are"
        for one in self._world.base.every(WindowRow):
            if (one.channel, one.account) != (chosen.channel, chosen.account):
                continue
            inside = one.starts_at <= row.at < one.ends_at
            known = self._knew(one, row, writer)
            if known or not inside:
                what = f"chosen in a window of {chosen.channel}"
                self._holds("I21", not inside, what, row.pay_order_no)

    def _knew(self, one: WindowRow, row: DecisionRow, writer: Machine | None) -> bool:
        """Whether whoever decided knew of a window, or must have."""
        world = self._world
        if world.loop.time() - self._born[one.window_id] > KNOWN_WITHIN_S:
            return True
        since = None if writer is None else self._known.get((writer, one.window_id))
        # By a clock that fell back nobody can say what was before what.
        return since is not None and row.at > since and not world.fell_back

    def judge(self) -> None:
        """What operators did and their log, compared."""
        base = self._world.base
        entries = base.every(EntryRow)
        before = NOTHING
        for entry in entries:
            good = entry.previous == before and entry.hash == hash_of(entry)
            self._holds("I26", good, "an entry that is not the next one")
            before = entry.hash
        told: dict[str, set[str]] = {}
        for entry in entries:
            detail = msgspec.json.decode(entry.detail, type=dict[str, Any])
            told.setdefault(entry.act, set()).add(detail.get("window_id", ""))
        windows = base.every(WindowRow)
        opened = [entry for entry in entries if entry.act == "openWindow"]
        same = len(opened) == len(windows)
        self._holds("I26", same, "so many windows, another number of entries")
        ended = {row.window_id for row in windows if row.version > 1}
        self._holds("I26", ended == told.get("endWindow", set()), "ended by nobody")
