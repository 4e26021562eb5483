"""Jobs by the day: once, at one node, and again where one failed or did not end."""

from datetime import UTC, datetime, timedelta

import pytest

from paycore.kernel.clock import SystemClock
from paycore.kernel.config import Settings
from paycore.kernel.crypto import KeyRing
from paycore.kernel.errors import Unavailable
from paycore.kernel.ids import SystemIds
from paycore.kernel.jobs import JobRow
from paycore.kernel.journal_memory import MemoryJournal, MemoryStore
from paycore.kernel.lives import Lives
from paycore.kernel.meters import Tally
from paycore.kernel.meters_upkeep import JOB_FAILURES
from paycore.kernel.node import Node
from paycore.worker import daily, heartbeat
from paycore.worker.daily import Job, Ran

NIGHT = datetime(2026, 11, 22, 1, tzinfo=UTC)
HOUR = 3


class Day:
    """The time of all nodes, and what one job did in it."""

    def __init__(self):
        self.now, self.ran = NIGHT, []
        self.store = MemoryStore()
        self.comes_to = [Ran(done=True, said="all")]

    async def work(self, node):
        """As the test has it come to, the last of it from then on."""
        self.ran.append((node.epoch, self.now))
        comes_to = self.comes_to.pop(0) if self.comes_to[1:] else self.comes_to[0]
        if isinstance(comes_to, Exception):
            raise comes_to
        return comes_to

    @property
    def job(self):
        """Once a day, from three o'clock on."""
        return Job(name="test", hour=HOUR, work=self.work)

    async def node(self):
        """One more node."""
        settings = Settings.for_dev()
        made = Node(
            settings=settings,
            journal=MemoryJournal(self.store, lambda: self.now),
            clock=Follows(self),
            ids=SystemIds(),
            transport=None,
            key_ring=KeyRing(settings.ring_keys),
        )
        await heartbeat.begin(made)
        return made

    async def at(self, node, *, hours=0.0, minutes=0.0, day=0):
        """Let a node look at that time of the day."""
        began = NIGHT.replace(hour=0) + timedelta(days=day)
        self.now = began + timedelta(hours=hours, minutes=minutes)
        node.heartbeat.good_until = float("inf")
        return await daily.tick(node, (self.job,))

    async def rows(self, node):
        """What stands of the job."""
        return await node.journal.every(JobRow)


class Follows(SystemClock):
    """A clock that says what time the day has."""

    ahead = timedelta(0)

    def __init__(self, day):
        super().__init__(NIGHT)
        self._day = day

    def now(self):
        """The day's time."""
        return self._day.now

    def leapt(self, within_s):
        """As the test has it."""
        return self.ahead


@pytest.fixture
def day():
    return Day()


async def test_a_job_waits_for_its_hour(day):
    """Before it there is not even a row."""
    node = await day.node()
    assert 0 == await day.at(node, hours=2.9)
    assert [] == await day.rows(node)
    assert 1 == await day.at(node, hours=3.1)

    (row,) = await day.rows(node)
    assert ("test", "2026-11-22", "all") == (row.job, row.day, row.result)
    assert (day.now, None) == (row.finished_at, row.next_check_at)


async def test_it_runs_once_a_day_however_many_nodes_there_are(day):
    """Whoever is first has it, and it comes again on the next day."""
    nodes = [await day.node() for _ in range(3)]
    for on in (0, 1):
        for hours in (3.1, 3.2, 23.9):
            for node in nodes:
                await day.at(node, hours=hours, day=on)

    assert 2 == len(day.ran)
    assert 24 == (day.ran[1][1] - day.ran[0][1]) / timedelta(hours=1)


async def test_a_node_that_starts_late_still_runs_it(day):
    """The hour is from when on, not when."""
    node = await day.node()
    await day.at(node, hours=23.9)

    assert 1 == len(day.ran)


async def test_what_failed_is_tried_again_more_and_more_slowly(day):
    """After five minutes, ten, twenty, an hour at the most; how often stands in its
    row, with the name of what was raised and nothing of its words.
    """
    node = await day.node()
    day.comes_to = [ValueError("6222020200112233446")]
    for minutes in range(60):
        await day.at(node, hours=3, minutes=minutes)
    (row,) = await day.rows(node)
    assert [0, 5, 15, 35] == [at.minute for _, at in day.ran]
    assert (4, "failed: ValueError") == (row.tries, row.result)
    assert 4 == node.state(Tally).counts[JOB_FAILURES.name]["test",]
    day.comes_to = [Ran(done=True, said="all")]
    await day.at(node, hours=5)

    (row,) = await day.rows(node)
    assert (4, "all", 5) == (row.tries, row.result, row.finished_at.hour)


async def test_what_did_not_come_to_the_end_goes_on(day):
    """A minute later, at whichever node, and that is no failure."""
    first, second = await day.node(), await day.node()
    day.comes_to = [Ran(done=False, said="half"), Ran(done=True, said="all")]
    await day.at(first, hours=3)
    assert 0 == await day.at(second, hours=3, minutes=0.5)
    assert 1 == await day.at(second, hours=3, minutes=1.1)

    (row,) = await day.rows(first)
    assert ("all", 0) == (row.result, row.tries)
    assert [1, 2] == [epoch for epoch, _ in day.ran]


async def test_what_a_dead_node_had_is_taken_over(day):
    """Its claim ends with its life, and not only with its lease."""
    first, second = await day.node(), await day.node()
    await day.at(first, hours=2)
    await daily._open(first, Job(name="test", hour=0, work=day.work))
    claimed = await first.journal.due(
        JobRow,
        1,
        now=day.now,
        over=day.now,
        epoch=first.epoch,
        live=second.heartbeat.live,
        lease_until=day.now + daily.LEASE,
    )
    assert 1 == len(claimed)
    second.heartbeat.live = Lives.of(first.epoch, second.epoch)
    assert 0 == await day.at(second, hours=2.1)
    second.heartbeat.live = Lives.of(second.epoch)
    assert 1 == await day.at(second, hours=2.1)

    assert [second.epoch] == [epoch for epoch, _ in day.ran]


async def test_whose_life_is_in_doubt_runs_nothing(day):
    """Nor does one that is leaving: others are there."""
    node = await day.node()
    day.now = NIGHT + timedelta(hours=5)
    node.heartbeat.good_until = float("-inf")
    assert 0 == await daily.tick(node, (day.job,))
    node.heartbeat.good_until, node.heartbeat.leaving = float("inf"), True
    assert 0 == await daily.tick(node, (day.job,))

    assert [] == day.ran


async def test_a_job_of_another_version_is_left_to_its_nodes(day):
    """What a node does not know it puts back."""
    node = await day.node()
    change = node.change()
    change.insert(JobRow(job="new", day="2026-11-22", next_check_at=NIGHT))
    await node.journal.commit(change)
    await day.at(node, hours=2)

    (row,) = await day.rows(node)
    assert (None, "") == (row.lease_epoch, row.result)
    assert row.next_check_at > day.now


async def test_a_database_that_was_away_is_no_failure(day):
    """What was interrupted goes on a minute later."""
    node = await day.node()
    day.comes_to = [Unavailable(), Ran(done=True, said="all")]
    await day.at(node, hours=4)
    (row,) = await day.rows(node)
    assert (daily.AWAY, 0) == (row.result, row.tries)
    await day.at(node, hours=4, minutes=1.1)

    (row,) = await day.rows(node)
    assert "all" == row.result


# --- by hand --------------------------------------------------------------------------


async def test_by_hand_it_runs_now_and_no_node_runs_it_again(day):
    """Before its hour, and with its node, time and result on record."""
    node = await day.node()
    row = await daily.at_once(node, day.job)

    assert ("all", node.settings.node_name) == (row.result, row.node)
    assert row.finished_at == NIGHT
    assert 0 == await day.at(node, hours=HOUR, minutes=1)
    assert 1 == len(day.ran)


async def test_by_hand_it_runs_again_what_is_done(day):
    """A day's job that came to its end is done once more, in the same row."""
    node = await day.node()
    await day.at(node, hours=HOUR)
    await daily.at_once(node, day.job)

    assert 2 == len(day.ran)
    assert 1 == len(await day.rows(node))


async def test_by_hand_and_by_a_node_at_once_it_runs_once(day):
    """Whoever has it refuses the other, and a node finds nothing that is due."""
    node, other = await day.node(), await day.node()
    seen, day.now = [], NIGHT.replace(hour=HOUR)

    async def work(_):
        seen.append(await day.at(other, hours=HOUR, minutes=2))
        with pytest.raises(Unavailable):
            await daily.at_once(other, day.job)
        return Ran(done=True, said="mine")

    row = await daily.at_once(node, Job(name="test", hour=HOUR, work=work))

    assert ([0], "mine", []) == (seen, row.result, day.ran)


async def test_by_hand_a_leap_of_the_clock_ends_nobodys_turn(day):
    """Whoever has just leapt ahead cannot say that another has had it long enough."""
    node, other = await day.node(), await day.node()

    async def work(_):
        day.now += daily.LEASE + timedelta(seconds=1)
        other.clock.ahead = timedelta(minutes=15)
        with pytest.raises(Unavailable):
            await daily.at_once(other, day.job)
        return Ran(done=True, said="mine")

    row = await daily.at_once(node, Job(name="test", hour=HOUR, work=work))

    assert ("mine", []) == (row.result, day.ran)


async def test_what_died_by_hand_is_gone_on_with_by_a_node(day):
    """After the lease that a command took, and not before."""
    node, other = await day.node(), await day.node()

    async def dies(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await daily.at_once(node, Job(name="test", hour=HOUR, work=dies))
    assert 0 == await day.at(other, hours=1, minutes=14)
    assert 1 == await day.at(other, hours=1, minutes=16)
