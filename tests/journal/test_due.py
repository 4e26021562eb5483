"""What `due` promises, asked of both journals: claims, leases, lives."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from journal_suite import (
    NOW,
    SOON,
    Job,
    inserting,
    new,
)

from paycore.kernel.lives import Lives
from paycore.kernel.terms import Epoch

MINE, OTHER, DEAD, YOUNG = Epoch(1), Epoch(2), Epoch(3), Epoch(4)
LIVES = Lives((MINE, OTHER), newest=DEAD)
EARLY = datetime.min.replace(tzinfo=UTC)
"""What a clock says that has leapt since it began."""


async def claim(journal, *, now=NOW, over=NOW, limit=10, epoch=MINE, live=LIVES):
    rows = await journal.due(
        Job, limit, now=now, over=over, epoch=epoch, live=live, lease_until=SOON
    )
    return [row.name for row in rows]


async def test_due_gives_the_oldest_first(journal):
    """What is due comes by its moment, then by key; what is not due stays."""
    moments = {"b": 0, "a": 0, "old": 60, "future": -1}
    rows = [
        Job(name=name, next_check_at=NOW - timedelta(seconds=ago))
        for name, ago in moments.items()
    ]
    await journal.commit(inserting(*rows, Job(name="final", next_check_at=None)))

    assert ["old", "a"] == await claim(journal, limit=2)
    assert ["b"] == await claim(journal)
    assert [] == await claim(journal)


async def test_a_claimed_row_has_its_lease(journal):
    """Claiming writes lease and version, and gives the row so."""
    await journal.commit(inserting(Job(name="a", version=4)))
    claimed = await journal.due(
        Job, 1, now=NOW, over=NOW, epoch=MINE, live=LIVES, lease_until=SOON
    )

    assert claimed == [Job(name="a", version=5, lease_epoch=MINE, lease_until=SOON)]
    assert claimed == await journal.every(Job)


@pytest.mark.parametrize(
    ("epoch", "until", "free"),
    [
        (None, None, True),
        (OTHER, SOON, False),
        (OTHER, NOW, True),
        (DEAD, SOON, True),
        (YOUNG, SOON, False),
        (YOUNG, NOW, True),
        (MINE, SOON, False),
        (OTHER, None, False),
    ],
)
async def test_a_lease_holds_while_its_node_lives(journal, epoch, until, free):
    """Free is what nobody holds, whose lease has passed, or whose node is dead; one
    that began since who claims looked round is not.
    """
    await journal.commit(inserting(Job(name="a", lease_epoch=epoch, lease_until=until)))

    assert free == (await claim(journal) == ["a"])


@pytest.mark.parametrize(("epoch", "free"), [(OTHER, False), (DEAD, True)])
@pytest.mark.parametrize("over", [EARLY, NOW - timedelta(microseconds=1)])
async def test_a_time_before_its_end_ends_no_lease(journal, epoch, free, over):
    """F48, F69: what is due by now is not yet free by now, but where its node is dead;
    what nobody holds needs no lease to end.
    """
    held = Job(name="held", lease_epoch=epoch, lease_until=NOW)
    await journal.commit(inserting(held, Job(name="loose")))

    claimed = await claim(journal, over=over)
    assert (["held", "loose"] if free else ["loose"]) == claimed


async def test_a_claim_makes_older_views_stale(journal):
    """An update made before the claim is refused after it."""
    await journal.commit(inserting(Job(name="a")))
    await claim(journal)
    change = new()
    change.update(Job(name="a", next_check_at=None), version=1)

    assert (await journal.commit(change)).row.lease_epoch == MINE


async def test_claimers_at_once_share_the_work(journal):
    """No row is claimed twice, and none is left."""
    await journal.commit(inserting(*(Job(name=f"{n:03}") for n in range(60))))
    live = Lives.of(*range(9))
    claims = await asyncio.gather(
        *(claim(journal, limit=15, epoch=Epoch(n), live=live) for n in range(5))
    )
    names = [name for names in claims for name in names]

    assert sorted(names) == [f"{n:03}" for n in range(60)]


async def test_the_database_tells_the_time(journal):
    """`database_now` is aware of its zone."""
    assert (await journal.database_now()).utcoffset() == timedelta(0)
