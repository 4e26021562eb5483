"""A row that does not fit its declaration, or a key that cannot be: nobody else's harm.

A newer node beside an older one writes such rows, and so does a hand.
"""

import asyncio

import structlog
from journal_suite import NOW, SOON, Claim, Job, Line, Paper, execute, inserting, no

from paycore.kernel.journal import RowUnreadable
from paycore.kernel.lives import Lives
from paycore.kernel.terms import Epoch


async def at_once(*asked):
    """What each is answered."""
    return await asyncio.gather(*asked, return_exceptions=True)


async def claim(journal, *, now=NOW, limit=10):
    rows = await journal.due(
        Job,
        limit,
        now=now,
        over=now,
        epoch=Epoch(1),
        live=Lives.of(1),
        lease_until=SOON,
    )
    return [row.name for row in rows]


async def test_what_is_due_comes_without_it(postgres, tables):
    """It is left aside, under its lease, and named in the log without its content."""
    await postgres.commit(inserting(*(Job(name=f"{n}") for n in range(5))))
    await execute(tables, "UPDATE t_job SET shade = 'private' WHERE name = '2'")
    with structlog.testing.capture_logs() as logs:
        claims = [
            await claim(postgres, limit=3),
            await claim(postgres),
            await claim(postgres, now=SOON),
        ]

    assert [["0", "1"], ["3", "4"], ["0", "1", "3", "4"]] == claims
    said = {"event": "row_unreadable", "table": "t_job", "row": ("2",)}
    assert [{**said, "log_level": "error"}] * 2 == logs


async def test_who_asks_for_it_is_told_and_nobody_else(postgres, tables):
    """Those who ask at once are one statement; only its own askers get the error."""
    papers = [Paper(no=no(n), amount=n) for n in range(4)]
    await postgres.commit(inserting(*papers))
    await execute(tables, "UPDATE t_paper SET colour = 'private' WHERE amount = 2")
    found = await at_once(*(postgres.load(Paper, no(n)) for n in (0, 1, 2, 2, 3, 4)))

    assert [*papers[:2], papers[3], None] == [*found[:2], *found[4:]]
    for told in found[2:4]:
        assert isinstance(told, RowUnreadable)
        assert str(told) == f"t_paper ('{no(2)}',)"
        assert told.__cause__ is None
        assert told.__suppress_context__


async def test_its_owner_is_told_and_no_other(postgres, tables):
    """Who reads all of an owner gets all of it, or the error."""
    lines = [Line(no=no(n), seq=seq) for n in range(3) for seq in range(2)]
    await postgres.commit(inserting(*lines))
    await execute(
        tables,
        "ALTER TABLE t_line ALTER text DROP NOT NULL; "
        f"UPDATE t_line SET text = NULL WHERE no = '{no(1)}' AND seq = 0",
    )
    first, second, third = await at_once(
        *(postgres.within(Line, no(n)) for n in range(3))
    )

    assert lines == [*first, *lines[2:4], *third]
    assert isinstance(second, RowUnreadable)


async def test_a_key_that_cannot_be_fails_only_who_asks_for_it(postgres):
    """Others who ask at once are answered."""
    rows = [Claim(biz_line="L", name=f"{n}") for n in range(20)]
    await postgres.commit(inserting(*rows))
    bad = {3: "a\x00b", 11: "\ud800", 12: 7}
    names = [bad.get(n, f"{n}") for n in range(20)]
    found = await at_once(*(postgres.load(Claim, "L", name) for name in names))

    assert list(bad) == [n for n in range(20) if isinstance(found[n], Exception)]
    assert [row for row in rows if int(row.name) not in bad] == [
        row for row in found if not isinstance(row, Exception)
    ]


async def test_a_change_over_it_is_told_and_no_other(postgres, tables):
    """Who would amend it learns why he cannot; those of his group are written."""
    await postgres.commit(inserting(*(Paper(no=no(n), amount=n) for n in range(3))))
    await execute(tables, "UPDATE t_paper SET colour = 'private' WHERE amount = 1")
    changes = [inserting(Claim(biz_line="L", name=f"{n}")) for n in range(3)]
    for n, change in enumerate(changes):
        change.amend(Paper, (no(n),), lambda row: row)
    answers = await at_once(*map(postgres.commit, changes))

    assert [type(None), RowUnreadable, type(None)] == list(map(type, answers))
