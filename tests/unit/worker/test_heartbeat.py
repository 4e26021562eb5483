"""A node's time: it follows the database's clock, and no late answer holds it back."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from paycore.kernel.clock import SystemClock
from paycore.kernel.config import Settings
from paycore.kernel.crypto import KeyRing
from paycore.kernel.ids import SystemIds
from paycore.kernel.journal import Row, table
from paycore.kernel.journal_memory import MemoryJournal, MemoryStore
from paycore.kernel.node import Node, NodeRow
from paycore.worker import heartbeat

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
EARLY = datetime.min.replace(tzinfo=UTC)
CLOSE = timedelta(milliseconds=50)


@table("held", key="name", claimed=True)
class Held(Row, frozen=True, kw_only=True):
    """What is in a node's hands."""

    name: str
    version: int = 1
    next_check_at: datetime | None = None
    lease_epoch: int | None = None
    lease_until: datetime | None = None


class LateJournal(MemoryJournal):
    """Its answers about the time come late, as they do to a node that is busy."""

    late_s = 0.0
    moment = (0.0,)

    async def database_now(self) -> datetime:
        """The time when it was asked."""
        now = await super().database_now()
        if self.late_s:
            self.moment[0] += self.late_s
        return now


@pytest.fixture
def truth():
    """The database's clock."""
    return SystemClock(NOON)


@pytest.fixture
def node(truth):
    """A node that has not begun."""
    settings = Settings.for_dev()
    return Node(
        settings=settings,
        journal=LateJournal(MemoryStore(), truth.now),
        clock=SystemClock(EARLY),
        ids=SystemIds(),
        transport=None,
        key_ring=KeyRing(settings.ring_keys),
    )


@pytest.fixture
def calm(node, moment):
    """A node that has not begun, and the database's clock: no time passes for them but
    what a test says.
    """
    truth = SystemClock(NOON, monotonic=lambda: moment[0])
    node.clock = SystemClock(EARLY, monotonic=lambda: moment[0])
    node.journal = LateJournal(MemoryStore(), truth.now)
    node.journal.moment = moment
    return node, truth


async def test_a_late_answer_does_not_hold_the_clock_back(calm):
    """Among nodes of different load a moment of one is not the future of another."""
    node, truth = calm
    await heartbeat.begin(node)
    node.journal.late_s = 0.3
    for _ in range(2):
        await heartbeat.beat(node)

    assert truth.now() - node.now() < CLOSE


async def test_a_clock_that_began_late_catches_up(calm):
    """The first answer was late; the first one that is not puts it right."""
    node, truth = calm
    node.journal.late_s = 0.3
    await heartbeat.begin(node)
    assert truth.now() - node.now() > timedelta(seconds=0.25)

    node.journal.late_s = 0.0
    await heartbeat.beat(node)

    assert abs(node.now() - truth.now()) < CLOSE


async def test_a_clock_that_runs_ahead_waits(calm, moment):
    """Where ours is surely ahead the database is right; it goes on at half its pace
    until then, and never runs backwards.
    """
    node, truth = calm
    await heartbeat.begin(node)
    node.clock.anchor(truth.now() + timedelta(seconds=0.2))
    ahead = node.now()
    await heartbeat.beat(node)

    assert ahead <= node.now() <= ahead + CLOSE
    moment[0] += 0.5
    assert abs(node.now() - truth.now()) < CLOSE


def another(node):
    """One more node, on the same database."""
    return Node(
        settings=node.settings,
        journal=node.journal.another(),
        clock=SystemClock(EARLY),
        ids=SystemIds(),
        transport=None,
        key_ring=KeyRing(node.settings.ring_keys),
    )


async def test_a_database_clock_that_leaps_makes_nobody_dead(node, truth):
    """Silence is measured by the listener's own clock, not by the database's."""
    other = another(node)
    await heartbeat.begin(node)
    await heartbeat.begin(other)
    for leap in (timedelta(hours=1), timedelta(0)):
        truth.anchor(NOON + leap)
        await heartbeat.beat(node)
        await heartbeat.beat(other)

    assert {1, 2} == set(node.heartbeat.live.known) == set(other.heartbeat.live.known)


@pytest.fixture
def moment():
    """The monotonic clock of all machines."""
    return [0.0]


@pytest.fixture
async def two(node, moment):
    """Two nodes that have heard of each other."""
    other = another(node)
    for one in (node, other):
        one.clock = SystemClock(NOON, monotonic=lambda: moment[0])
        await heartbeat.begin(one)
    await heartbeat.beat(node)
    return node, other


async def held_by(node):
    """A payment's lease, as it is taken now; it is looked for in claims of `Held`."""
    change = node.change()
    until = node.lease_until()
    change.insert(
        Held(name="a", next_check_at=NOON, lease_epoch=node.epoch, lease_until=until)
    )
    assert await node.journal.commit(change) is None
    return until


async def claimed_by(node):
    """Whether it gets that payment."""
    return await node.journal.due(
        Held,
        1,
        now=node.now(),
        over=node.over_by(),
        epoch=node.epoch,
        live=node.heartbeat.live,
        lease_until=node.lease_until(),
    )


async def test_a_leap_that_one_has_heard_of_ends_no_lease(two, truth, moment):
    """F48, F69: a clock that leaps ahead ends nothing that a living node has taken by
    the old time, not even in its last moment, until that has lasted as long as it may.
    """
    leapt, behind = two
    truth.anchor(NOON + timedelta(hours=1))
    await heartbeat.beat(leapt)
    moment[0] = leapt.settings.lease_s
    until = await held_by(behind)
    assert until < leapt.now()

    for seconds in (0.0, 10.0, leapt.lease_lasts_s - 0.001):
        moment[0] = leapt.settings.lease_s + seconds
        assert not leapt.lease_is_over(until)
        assert [] == await claimed_by(leapt)

    moment[0] = leapt.settings.lease_s + leapt.lease_lasts_s
    assert leapt.lease_is_over(until)
    assert ["a"] == [row.name for row in await claimed_by(leapt)]


async def test_who_begins_after_a_leap_ends_no_lease(two, truth, moment):
    """F48: a life's start is a leap: it has not seen how long anybody has held what."""
    _, behind = two
    until = await held_by(behind)
    truth.anchor(NOON + timedelta(hours=1))
    young = another(behind)
    young.clock = SystemClock(EARLY, monotonic=lambda: moment[0])
    await heartbeat.begin(young)

    assert until < young.now()
    assert not young.lease_is_over(until)
    assert [] == await claimed_by(young)


async def test_a_lease_ends_by_a_clock_that_goes_on(two, moment):
    """What hangs in a living node is free when its lease ends, and not before; a lease
    that lasts longer is asked for by what it lasts.
    """
    node, other = two
    until = await held_by(other)
    moment[0] = node.lease_lasts_s - 1.0
    assert not node.lease_is_over(until)
    moment[0] = node.lease_lasts_s + 1.0
    assert node.lease_is_over(until)
    assert not node.lease_is_over(None)

    node.clock.anchor(node.now() + timedelta(hours=1))
    moment[0] += 60.0
    assert node.over_by() == node.now()
    assert node.over_by(timedelta(seconds=54)) == node.now()
    hour = timedelta(hours=1)
    assert node.over_by(timedelta(seconds=54.001)) == node.now() - hour


async def test_who_leaps_again_and_again_still_ends_leases(two, truth, moment):
    """Where the database's clock has fallen back its nodes follow one another by small
    leaps, until it has caught up: what hangs in a living node is free before that.
    """
    node, other = two
    until = await held_by(other)
    truth.anchor(NOON - timedelta(minutes=30))
    while moment[0] < 2 * node.lease_lasts_s:
        moment[0] += node.settings.heartbeat_s
        for one in two:
            await heartbeat.beat(one)
        if moment[0] < node.lease_lasts_s:
            assert not node.lease_is_over(until)
        node.clock.anchor(node.now() + timedelta(seconds=1.5))

    assert node.clock.steady_s() == 0.0
    assert node.lease_is_over(until)
    assert ["a"] == [row.name for row in await claimed_by(node)]


class Stale:
    """A journal whose reader gets what was there before, and perhaps late."""

    def __init__(self, journal, rows, late=lambda: None):
        self._journal, self._rows, self._late = journal, rows, late

    def __getattr__(self, name):
        return getattr(self._journal, name)

    async def every(self, _kind):
        """As it was."""
        self._late()
        return self._rows


async def test_a_look_that_took_long_makes_nobody_dead(two, moment):
    """How long the listener himself was away is nobody's silence."""
    node, _ = two

    def late():
        moment[0] += 1.5 * node.settings.lease_s

    node.journal = Stale(node.journal, await node.journal.every(NodeRow), late)
    await heartbeat.beat(node)

    assert {1, 2} == set(node.heartbeat.live.known)


async def test_who_beats_while_he_is_declared_dead_lives(two, moment):
    """A death that the database refuses, because there was a beat, is none."""
    node, other = two
    rows = await node.journal.every(NodeRow)
    moment[0] += 1.5 * node.settings.lease_s
    await heartbeat.beat(other)
    node.journal = Stale(node.journal, rows)
    await heartbeat.beat(node)

    assert {1, 2} == set(node.heartbeat.live.known)


async def test_a_life_that_nobody_knows_of_yet_is_no_dead_one(two):
    """What it holds is its own, from its first moment to the end that others see."""
    node, _ = two
    young = another(node)
    await heartbeat.begin(young)
    assert 3 not in node.heartbeat.live.known
    assert young.epoch in node.heartbeat.live
    await heartbeat.beat(node)
    assert 3 in node.heartbeat.live.known
    await heartbeat.end(young)
    await heartbeat.beat(node)

    assert young.epoch not in node.heartbeat.live


async def test_who_is_silent_beyond_the_lease_is_dead(two, moment):
    """By the listener's clock, and written down."""
    node, other = two
    moment[0] += 1.5 * node.settings.lease_s
    await heartbeat.beat(node)
    row = await node.journal.load(NodeRow, other.epoch)

    assert (node.epoch,) == node.heartbeat.live.known
    assert row.died_at is not None


async def test_who_has_said_goodbye_sends_nothing_and_is_not_born_again(node):
    """His leases are another's from that moment on; a beat that comes late is none."""
    await heartbeat.begin(node)
    await heartbeat.end(node)
    assert not node.lease_holds(0)
    await heartbeat.beat(node)

    (row,) = await node.journal.every(NodeRow)
    assert (1, True) == (row.epoch, row.died_at is not None)
    assert not node.lease_holds(0)


async def test_a_life_of_the_same_number_is_another(two):
    """Set back to a backup, the database gives the numbers of living nodes anew."""
    node, _ = two
    new = another(node)
    new.settings = replace(node.settings, node_name="new")
    new.journal = node.journal = LateJournal(MemoryStore(), new.clock.now)
    await heartbeat.begin(new)
    assert node.epoch == new.epoch
    await heartbeat.beat(node)

    assert {1: "new", 2: node.settings.node_name} == {
        row.epoch: row.name for row in await node.journal.every(NodeRow)
    }
    assert (1, 2) == (new.epoch, node.epoch)


async def test_a_node_begins_with_the_time_that_others_have_told(node):
    """After the database's clock fell back, what is due is due by the time before."""
    ahead = SystemClock(NOON + timedelta(hours=1))
    node.journal.clock = ahead.now
    await heartbeat.begin(node)
    late = another(node)
    late.journal.clock = SystemClock(NOON).now
    await heartbeat.begin(late)

    assert NOON + timedelta(hours=1) <= late.now()


async def test_nodes_go_by_one_time(two):
    """Who is behind what another has told follows: leases are read by all clocks."""
    node, other = two
    other.journal.clock = SystemClock(NOON + timedelta(minutes=3)).now
    await heartbeat.beat(other)
    node.journal.clock = SystemClock(NOON).now
    await heartbeat.beat(node)

    assert NOON + timedelta(minutes=3) <= node.now()


async def test_who_comes_back_acts_only_when_he_knows_who_lives(node):
    """A view from before the silence would take from nodes that were born since."""
    await heartbeat.begin(node)
    reborn = []
    look = node.journal.every

    async def watched(kind):
        if node.epoch != 1:
            reborn.append(node.lease_holds(0))
        return await look(kind)

    change = node.change()
    (row,) = await look(NodeRow)
    change.update(replace(row, died_at=node.now()), version=row.version)
    other = replace(row, epoch=2, slot=5, name="other")
    change.insert(other)
    assert await node.journal.commit(change) is None
    node.heartbeat.good_until = 0.0
    node.journal.every = watched
    await heartbeat.beat(node)

    assert [False] == reborn
    assert ((2, 3), True) == (node.heartbeat.live.known, node.lease_holds(0))
