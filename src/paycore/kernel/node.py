"""What a running node holds; the only state there is.

Services are functions that take the node first. No module keeps state, so three nodes
can live in one process. What a neighbour must remember between calls (health windows,
the router's snapshot) is its own class, one instance a node, by `Node.state`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

import msgspec

from paycore.kernel.clock import Clock
from paycore.kernel.config import Settings
from paycore.kernel.crypto import KeyRing
from paycore.kernel.http import Transport
from paycore.kernel.ids import Ids
from paycore.kernel.journal import Change, Journal, Row, table
from paycore.kernel.lives import Lives
from paycore.kernel.terms import Epoch

S = TypeVar("S")

LEASE_MARGIN_S = 1.0
"""Between our last byte's moment and the first of whoever takes over: clocks drift."""

CARRIERS_IN_ONE_SEND = 2
"""A carrier's time-out is followed by one more carrier within the same call."""


class Lease(msgspec.Struct, frozen=True, gc=False):
    """A lease as its taker reckons with it."""

    epoch: Epoch
    """The life that took it."""
    until: datetime
    """What others read: until when it holds at the longest."""
    deadline: float
    """On the taker's monotonic clock: until then it surely holds, if its life does."""


@table("node", key="epoch", versioned=True)
class NodeRow(Row, frozen=True, kw_only=True):
    """One life of one node: alive while it beats, dead for ever once declared so."""

    epoch: int
    version: int = 1
    name: str
    slot: int
    """Which row of each unlimited balance this life adds to."""
    started_at: datetime
    beat_at: datetime
    died_at: datetime | None = None


@dataclass(slots=True)
class Heartbeat:
    """What the node knows of its own life and of the others'."""

    epoch: Epoch = field(default_factory=lambda: Epoch(0))
    begun_at: datetime | None = None
    """When this life began: another cluster's life may have the same number."""
    over: bool = False
    """We have said goodbye: nothing is begun any more, and no other life either."""
    slot: int = 0
    good_until: float = 0.0
    """On the monotonic clock: past it our leases may be another's."""
    live: Lives = field(default_factory=Lives)
    heard: dict[int, tuple[datetime, float]] = field(default_factory=dict)
    """By epoch: the last beat that we saw, and when, on our monotonic clock."""
    leaving: bool = False
    """Told to stop: it finishes what it began, takes nothing new, and says so."""


@dataclass(slots=True)
class Node:
    """One running node."""

    settings: Settings
    journal: Journal
    clock: Clock
    ids: Ids
    transport: Transport
    key_ring: KeyRing
    heartbeat: Heartbeat = field(default_factory=Heartbeat)
    _states: dict[type[Any], Any] = field(default_factory=dict)

    def state(self, kind: type[S], make: Callable[[], S] | None = None) -> S:
        """This node's one instance of a neighbour's own state, made on first use."""
        found: S | None = self._states.get(kind)
        if found is None:
            found = self._states[kind] = (make or kind)()
        return found

    def now(self) -> datetime:
        """Shorthand for the clock's wall time."""
        return self.clock.now()

    def change(self) -> Change:
        """An empty change with an id of its own."""
        return Change(self.ids.uuid())

    @property
    def epoch(self) -> Epoch:
        """The life we live now."""
        return self.heartbeat.epoch

    @property
    def lease_lasts_s(self) -> float:
        """How long a lease holds while its epoch lives, where nothing longer is called
        than for money.
        """
        return self.lease_lasts_for(self.settings.money_timeout_s)

    def lease_lasts_for(self, call_s: float) -> float:
        """The same for a call that may take so long: three of it, or of a call for
        money, so that only what hangs for ever is taken from a living node.
        """
        return 3.0 * max(call_s, self.settings.money_timeout_s)

    @property
    def longest_lease_s(self) -> float:
        """What no lease of a payment outlasts."""
        settings = self.settings
        return self.lease_lasts_for(
            max(
                settings.enquiry_timeout_s,
                settings.send_code_timeout_s,
                settings.coupon_timeout_s,
                self.texting_s,
            )
        )

    @property
    def texting_s(self) -> float:
        """How long a text may take, by all the carriers that are tried."""
        return self.settings.sms_timeout_s * CARRIERS_IN_ONE_SEND

    @property
    def unheard_s(self) -> float:
        """How long after a leap of the clock who has not heard of it may still send:
        until his life is in doubt, and the longest call that he has then begun.
        """
        return self.settings.lease_s + self.settings.money_timeout_s

    def lease_until(self) -> datetime:
        """Until when a lease taken now holds at the longest."""
        return self.now() + timedelta(seconds=self.lease_lasts_s)

    def lease_for(self, call_s: float) -> Lease:
        """A lease that is taken now, at the next commit, for a call that may take so
        long. Our own deadline is reckoned first: it is over before others begin.
        """
        lasts_s = self.lease_lasts_for(call_s)
        deadline = self.clock.monotonic() + lasts_s - LEASE_MARGIN_S
        until = self.now() + timedelta(seconds=lasts_s)
        return Lease(epoch=self.epoch, until=until, deadline=deadline)

    def outlasts(self, lease: Lease, call_s: float) -> bool:
        """Whether a lease of ours surely outlasts a call that begins now: not where
        another has it by then, nor where we have begun a new life since.
        """
        ours = lease.epoch == self.epoch
        return ours and self.clock.monotonic() + call_s < lease.deadline

    def over_by(self, lasts: timedelta | None = None) -> datetime:
        """Leases that end by then are over, where they last so long (None: those of
        payments).

        To a clock that has just leapt ahead (a node's start is such a leap) a lease is
        old that was taken a moment ago, by one who lives and has not heard of it yet.
        He hears of it at his next beat, or his life is in doubt and he takes nothing:
        within a life and a lease he is behind by no more than our clock has leapt in
        it. That much is taken off, whether he was or not; a lease of another's that is
        older than that is over by either clock. And clocks that leap again and again
        still end what hangs.
        """
        lasts_s = self.longest_lease_s if lasts is None else lasts.total_seconds()
        now = self.now()
        return now - self.clock.leapt(lasts_s + self.settings.lease_s)

    def lease_is_over(
        self, until: datetime | None, lasts: timedelta | None = None
    ) -> bool:
        """Whether a lease has ended by its time; `lasts` as of `over_by`."""
        return until is not None and until <= self.over_by(lasts)

    def lease_holds(self, seconds: float) -> bool:
        """Whether our own life surely outlasts a call of so many seconds' beginning.

        Asked directly before the first byte: a node that has missed its heartbeats
        sends nothing, because another may have taken over what it holds.
        """
        return self.clock.monotonic() + seconds <= self.heartbeat.good_until

    def leaves_in_time(self, call_s: float) -> Callable[[], bool]:
        """What a door asks once more when a call's connection stands.

        Between `lease_holds` and the first byte a process may stand still for as long
        as its machine likes (a stopped container, a machine that is moved). When it
        goes on another may have asked what became of the call, have been told that
        nobody knows it, and have ended the payment: it must not leave then.
        """
        until = min(self.clock.monotonic() + call_s, self.heartbeat.good_until)
        return lambda: self.clock.monotonic() <= until
