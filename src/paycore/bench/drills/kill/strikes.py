"""What may happen in a round: drawn from a seed, then done.

What is drawn (kinds, places, pauses) is the same for the same seed. What it meets is
not: that is up to processes and networks, as in life.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from time import time
from typing import TypeVar

import msgspec

from paycore.bench.drills.kill.parts import LEASE_S, NODES, Parts, Place
from paycore.bench.drills.proxy import Proxy
from paycore.kernel.journal_oneway import CALLED

K = TypeVar("K")


class Kind(StrEnum):
    """What happens."""

    NODE = "node"
    NODE_AT_COMMIT = "node at its commit"
    """At the moment at which a COMMIT of its own has left it."""
    NODE_AT_MONEY = "node as money is asked for"
    """At the moment at which a bank is asked for money; by it, or by the other."""
    BOTH = "both nodes"
    DATABASE = "database"
    DATABASE_AT_COMMIT = "database at a commit"
    FROZEN = "node frozen past its lease"
    CUT = "cut"
    REFUSED = "refused"
    SWALLOWED = "swallowed"
    DELAYED = "delayed"
    ANSWERS_LOST = "answers lost"
    STRANDED = "stranded"
    """Some calls for money are held up, and everything later overtakes them."""


class Network(StrEnum):
    """Before whom the network breaks."""

    DATABASE = "database"
    BANKS = "banks"
    CARRIERS = "carriers"
    BIZ = "business line"


_WEIGHTS = (
    (Kind.NODE, 5),
    (Kind.NODE_AT_COMMIT, 4),
    (Kind.NODE_AT_MONEY, 3),
    (Kind.BOTH, 1),
    (Kind.DATABASE, 3),
    (Kind.DATABASE_AT_COMMIT, 3),
    (Kind.FROZEN, 1),
    (Kind.CUT, 3),
    (Kind.REFUSED, 3),
    (Kind.SWALLOWED, 3),
    (Kind.DELAYED, 3),
    (Kind.ANSWERS_LOST, 4),
    (Kind.STRANDED, 4),
)
_NETWORKS = (
    (Network.DATABASE, 5),
    (Network.BANKS, 6),
    (Network.CARRIERS, 2),
    # Its notices are tried at long intervals: a little of it goes a long way.
    (Network.BIZ, 1),
)

LONGEST_GAP_S = 1.2
PAUSES_S = 2.5
BOTH_READY_SHARE = 0.4
READY_WITHIN_S = 4.0
"""Most kills wait, not for ever, until there is somebody to kill: who strikes only
what lies on the ground already learns nothing."""
AIM_WITHIN_S = 2.0
"""So long the moment aimed at is waited for."""

SHORTEST_S = 0.3
SWALLOWED_AT_MOST_S = 3.0
"""Well inside the ten seconds after which a bank's "not found" is final: what is late
must not be later than the bank promised."""
STRANDED_S = (3.5, 7.0)
"""The same: past the call's own time-out, and past the first enquiries, which find
nothing then. Twelve seconds after it was sent the bank's word is final."""
CUT_OFF_AT_MOST_S = LEASE_S + 2.0
"""Before the database: long enough to be taken for dead."""

_COMMIT = b"\x00" + CALLED.encode()
"""Asks for a whole group, and commits it; few groups are written in steps."""
_MONEY = (b"POST /v1/confirm ", b"POST /v1/deduct ")


class Strike(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is to happen, with everything about it that is left to chance."""

    gap_s: float
    """How long nothing happens before it."""
    kind: Kind
    ready: int
    """How many nodes are to be ready before one is killed, if that can be had."""
    place: int
    """Which node, where it is about one."""
    network: Network
    which: int | None
    """Which of the network's proxies; None is all of them."""
    pause_s: float
    """How long what was killed stays dead."""
    lasts_s: float
    there_s: float
    back_s: float
    count: int

    @property
    def name(self) -> str:
        """How it is counted."""
        about_a_network = self.kind in _NETWORK_KINDS
        return f"{self.kind}: {self.network}" if about_a_network else str(self.kind)


_NETWORK_KINDS = frozenset(
    {
        *(Kind.CUT, Kind.REFUSED, Kind.SWALLOWED, Kind.DELAYED),
        *(Kind.ANSWERS_LOST, Kind.STRANDED),
    }
)


class Struck(msgspec.Struct, frozen=True, kw_only=True):
    """What happened."""

    at: float
    """Unix time."""
    name: str
    what: str
    kills: int = 0


def draw(dice: Random) -> Strike:
    """The next one; every draw takes as many throws, so that a seed stays a seed."""
    gap_s = dice.uniform(0.0, LONGEST_GAP_S)
    kind = _weighted(dice, _WEIGHTS)
    network = _weighted(dice, _NETWORKS)
    if kind is Kind.STRANDED:
        network = Network.BANKS  # where being overtaken matters
    whole, which = dice.random() < 0.3, dice.randrange(12)
    ready = NODES if dice.random() < BOTH_READY_SHARE else 1
    at_once, pause_s = dice.random() < 0.5, dice.uniform(0.0, PAUSES_S)
    return Strike(
        gap_s=gap_s,
        kind=kind,
        ready=ready,
        place=dice.randrange(NODES),
        network=network,
        which=None if whole else which,
        pause_s=0.0 if at_once else pause_s,
        lasts_s=dice.uniform(*_lasts_s(kind, network)),
        there_s=dice.choice((0.0, dice.uniform(0.02, 0.4))),
        back_s=dice.uniform(0.02, 0.4),
        count=dice.randint(1, 4),
    )


def _lasts_s(kind: Kind, network: Network) -> tuple[float, float]:
    """The shortest and the longest."""
    if kind is Kind.STRANDED:
        return STRANDED_S
    if network is Network.DATABASE:
        return SHORTEST_S, CUT_OFF_AT_MOST_S
    return SHORTEST_S, SWALLOWED_AT_MOST_S


def _weighted(dice: Random, table: Sequence[tuple[K, int]]) -> K:
    kinds = [kind for kind, _ in table]
    return dice.choices(kinds, [weight for _, weight in table])[0]


@dataclass(slots=True, kw_only=True)
class Striker:
    """Does what was drawn, and writes down what it came to."""

    parts: Parts
    struck: list[Struck] = field(default_factory=list)
    _busy: set[int] = field(default_factory=set)
    """Ports of the proxies in bad weather: one thing at a time."""
    _weather: set[asyncio.Task[None]] = field(default_factory=set)

    async def strike(self, strike: Strike) -> int:
        """Do it; how many were killed."""
        if strike.kind not in _NETWORK_KINDS:
            await self.parts.until_ready(strike.ready, within_s=READY_WITHIN_S)
        match strike.kind:
            case Kind.NODE | Kind.NODE_AT_COMMIT | Kind.NODE_AT_MONEY:
                return await self._node(strike)
            case Kind.BOTH:
                return self._both(strike)
            case Kind.DATABASE | Kind.DATABASE_AT_COMMIT:
                return await self._database(strike)
            case Kind.FROZEN:
                return self._freeze(strike)
            case _:
                return self._network(strike)

    async def end(self) -> None:
        """No more of it: the weather is healed by who waits for quiet."""
        for task in list(self._weather):
            task.cancel()
        await asyncio.gather(*self._weather, return_exceptions=True)
        self._busy.clear()

    # --- kills ------------------------------------------------------------------------

    async def _node(self, strike: Strike) -> int:
        place = self._target(strike)
        if place is None:
            return 0
        aimed = True
        match strike.kind:
            case Kind.NODE_AT_COMMIT:
                aimed = await self._aim([place.proxy], (_COMMIT,), place.shoot)
            case Kind.NODE_AT_MONEY:
                banks = list(self.parts.banks.values())
                aimed = await self._aim(banks, _MONEY, place.shoot)
            case _:
                place.shoot()
        if not aimed and not place.shoot():
            return 0  # it was gone before
        name = strike.name if aimed else str(Kind.NODE)
        self.parts.bury(place, pause_s=strike.pause_s)
        return self._note(name, f"node {place.number}", kills=1)

    def _both(self, strike: Strike) -> int:
        shot = [place for place in self.parts.places if place.shoot()]
        for place in shot:
            self.parts.bury(place, pause_s=strike.pause_s)
        if len(shot) < NODES:
            return self._note(str(Kind.NODE), "the only one up", kills=len(shot))
        return self._note(strike.name, "both nodes", kills=NODES)

    async def _database(self, strike: Strike) -> int:
        shoot, aimed = self.parts.shoot_database, True
        if not self.parts.database_up:
            return 0
        if strike.kind is Kind.DATABASE_AT_COMMIT:
            proxies = [place.proxy for place in self.parts.places]
            aimed = await self._aim(proxies, (_COMMIT,), shoot)
        if (strike.kind is Kind.DATABASE or not aimed) and not shoot():
            return 0
        self.parts.bury_database(pause_s=strike.pause_s)
        name = strike.name if aimed else str(Kind.DATABASE)
        return self._note(name, "PostgreSQL", kills=1)

    def _freeze(self, strike: Strike) -> int:
        place = self._target(strike)
        if place is None or any(each.frozen for each in self.parts.places):
            return 0
        lasts_s = LEASE_S + strike.lasts_s
        self.parts.freeze(place, lasts_s=lasts_s)
        return self._note(strike.name, f"node {place.number} for {lasts_s:.1f} s")

    def _target(self, strike: Strike) -> Place | None:
        """The node that was drawn, or the other where that one is dead just now."""
        first, other = (self.parts.places[n - strike.place] for n in range(NODES))
        return next((place for place in (first, other) if place.up), None)

    @staticmethod
    async def _aim(
        proxies: Sequence[Proxy], patterns: Sequence[bytes], shoot: Callable[[], bool]
    ) -> bool:
        """Shoot when one of them passes; whether it was hit before time was up."""
        hit = asyncio.Event()

        def passed() -> None:
            if not hit.is_set() and shoot():
                hit.set()

        watches = [p.watch(pattern, passed) for p in proxies for pattern in patterns]
        try:
            async with asyncio.timeout(AIM_WITHIN_S):
                await hit.wait()
        except TimeoutError:
            return False
        finally:
            for forget in watches:
                forget()
        return True

    # --- network ----------------------------------------------------------------------

    def _network(self, strike: Strike) -> int:
        group = self._group(strike.network)
        if strike.which is not None:
            group = [group[strike.which % len(group)]]
        group = [proxy for proxy in group if proxy.port not in self._busy]
        if not group:
            return 0
        self._busy |= {proxy.port for proxy in group}
        task = asyncio.create_task(self._bad_weather(group, strike))
        self._weather.add(task)
        task.add_done_callback(self._weather.discard)
        return self._note(strike.name, f"{len(group)} for {strike.lasts_s:.1f} s")

    async def _bad_weather(self, group: Sequence[Proxy], strike: Strike) -> None:
        for proxy in group:
            await _worsen(proxy, strike)
        await asyncio.sleep(0 if strike.kind is Kind.CUT else strike.lasts_s)
        for proxy in group:
            await proxy.heal()
        self._busy -= {proxy.port for proxy in group}

    def _group(self, network: Network) -> list[Proxy]:
        parts = self.parts
        match network:
            case Network.DATABASE:
                return [place.proxy for place in parts.places]
            case Network.BANKS:
                return list(parts.banks.values())
            case Network.CARRIERS:
                return list(parts.carriers.values())
            case Network.BIZ:
                return [parts.biz]

    def _note(self, name: str, what: str, *, kills: int = 0) -> int:
        self.struck.append(Struck(at=time(), name=name, what=what, kills=kills))
        return kills


async def _worsen(proxy: Proxy, strike: Strike) -> None:
    match strike.kind:
        case Kind.CUT:
            proxy.cut()
        case Kind.REFUSED:
            await proxy.refuse()
            proxy.cut()
        case Kind.SWALLOWED:
            proxy.swallow()
        case Kind.DELAYED:
            proxy.delay(there_s=strike.there_s, back_s=strike.back_s)
        case Kind.STRANDED:
            proxy.strand(strike.count, _MONEY)
        case _:
            after = _COMMIT if strike.network is Network.DATABASE else b""
            proxy.lose_answers(strike.count, after=after)
