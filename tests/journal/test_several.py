"""Generated histories of several journals at once, as several nodes have.

Each example is a list of steps; in a step each of three journals commits some changes,
all at the same time: each gathers its own into groups, whose locks and keys meet those
of the others. What they answered must be what some order of the changes answers, asked
of the model one by one, and after each step the tables are those of that order.
"""

import asyncio
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from journal_suite import (
    EMPTY,
    KINDS,
    NOW,
    Coupon,
    Job,
    Paper,
    execute,
    in_memory,
    inserting,
    no,
)
from test_histories import Op, answer_of, change_of, versions

from paycore.kernel.clock import SystemClock
from paycore.kernel.journal import ChangeRejected, LimitCounter
from paycore.kernel.journal_memory import MemoryStore
from paycore.kernel.journal_postgres import PostgresJournal

JOURNALS = 3
TABLES = (*KINDS, LimitCounter)

MEETING = ("update", "finish", "repaint", "amend", "count", "add", "claim", "line")
"""What a row that stands, a counter or a new key can be met over."""

ops = st.builds(
    Op,
    verb=st.sampled_from(MEETING),
    key=st.integers(0, 1),
    amount=st.integers(-1, 5),
    stale=st.just(value=False),
)
changes = st.lists(ops, min_size=1, max_size=3)
steps = st.lists(st.lists(changes, max_size=3), min_size=JOURNALS, max_size=JOURNALS)
"""What each journal commits in a step."""


STANDING = [
    *(Paper(no=no(key), amount=5) for key in range(2)),
    *(Coupon(coupon_no=f"{key}") for key in range(2)),
    *(Job(name=f"{key}") for key in range(2)),
]
"""Rows to meet over."""


@pytest.fixture
async def journals(tables):
    """Three on one database."""
    made = [
        await PostgresJournal.open(tables, clock=SystemClock(NOW))
        for _ in range(JOURNALS)
    ]
    yield made
    for journal in made:
        await journal.close()


async def committed(journal, change, order):
    """What it answers; when it did is a first guess at the order."""
    answer = await answer_of(journal, change)
    order.append(change)
    return change.id, answer


def said(store, change):
    """What the model answers."""
    try:
        return store.commit(change)
    except ChangeRejected as rejected:
        return rejected.sqlstate


def as_answered(store, left, answers) -> Iterator[MemoryStore]:
    """Every database that an order of these changes leaves, which answers so."""
    if not left:
        yield store
    for at, change in enumerate(left):
        after = store.copy()
        if said(after, change) == answers[change.id]:
            yield from as_answered(after, left[:at] + left[at + 1 :], answers)


def rows(store):
    """All there is."""
    return [store.every(kind) for kind in TABLES]


@given(history=st.lists(steps, min_size=1, max_size=4))
@settings(
    max_examples=100,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
async def test_several_answer_as_one_after_the_other(tables, journals, history):
    """Answers, refusals with their rows and tables are those of some order."""
    await execute(tables, EMPTY)
    model, serial = in_memory(), 0
    for journal in (model, journals[0]):
        assert None is await journal.commit(inserting(*STANDING))
    for step in history:
        known = await versions(model)
        work, order = [], []
        for journal, wanted in zip(journals, step, strict=True):
            for ops in wanted:
                serial += 1
                change = change_of(ops, serial, known)
                work.append(committed(journal, change, order))
        answers = dict(await asyncio.gather(*work))
        stands = [await journals[0].every(kind) for kind in TABLES]

        possible = as_answered(model.store, order, answers)
        left = next((store for store in possible if rows(store) == stands), None)
        assert left is not None, (answers, stands)
        model.store = left
