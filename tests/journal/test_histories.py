"""Generated histories: whatever is asked of both journals, they answer alike.

Each example is a list of steps; a step commits some changes at once, or claims what is
due. PostgreSQL groups what comes at once; the model writes it one by one, in the order
in which the groups took them. After each step answers and tables are the same.
"""

import asyncio
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from journal_suite import (
    EMPTY,
    KINDS,
    NOW,
    Balance,
    Claim,
    Coupon,
    Job,
    Leg,
    Line,
    Paper,
    execute,
    in_memory,
    no,
)

from paycore.kernel.journal import Change, ChangeRejected, LimitCounter, Refused
from paycore.kernel.journal_group import Gathering, Waiting
from paycore.kernel.lives import Lives
from paycore.kernel.terms import Epoch

replace = msgspec.structs.replace


class Op(NamedTuple):
    """One thing that a change stages; numbers choose key, version and amount."""

    verb: str
    key: int
    amount: int
    stale: bool


VERBS = ("paper", "claim", "update", "coupon", "amend", "line", "add", "job", "finish")
LIMITED = (*VERBS, "repaint", "repaint", "count", "count", "count")

ops = st.builds(
    Op,
    verb=st.sampled_from(LIMITED),
    key=st.integers(0, 3),
    amount=st.integers(-3, 5),
    stale=st.integers(0, 4).map(lambda n: n == 0),
)
changes = st.lists(ops, min_size=1, max_size=4)
steps = st.one_of(
    st.lists(changes, min_size=1, max_size=6),
    st.integers(1, 4),
)


def hold(amount):
    """A step for `amend` that refuses some of what stands."""

    def step(coupon):
        if coupon.holder is not None and amount < 1:
            return None
        return replace(coupon, holder=f"{amount}")

    return step


def repaint(amount):
    """A step for `amend` on a row that has a version."""

    def step(paper):
        return None if amount < -1 else replace(paper, amount=paper.amount + amount)

    return step


def stage(change, op, version, serial):  # noqa: C901 one row a verb
    """Stage one operation; `version` is what the row's version was before the step."""
    wanted = version + op.stale
    match op.verb:
        case "paper":
            change.insert(Paper(no=no(op.key), amount=op.amount))
        case "claim":
            change.insert(Claim(biz_line="L", name=f"{op.key}", by=f"{serial}"))
        case "update":
            change.update(Paper(no=no(op.key), amount=op.amount), version=wanted)
        case "coupon":
            change.insert(Coupon(coupon_no=f"{op.key}"))
        case "amend":
            change.amend(Coupon, (f"{op.key}",), hold(op.amount))
        case "repaint":
            change.amend(Paper, (no(op.key),), repaint(op.amount))
        case "line":
            change.append(Line(no=no(op.key), seq=op.amount, text=f"{serial}"))
        case "add":
            change.add(Balance(account="a", slot=op.key, amount=op.amount))
        case "job":
            moment = NOW + timedelta(seconds=op.amount)
            change.insert(Job(name=f"{op.key}", next_check_at=moment))
        case "finish":
            change.update(Job(name=f"{op.key}", next_check_at=None), version=wanted)
        case "count":
            change.count(
                f"{op.key % 2}", op.amount, limit=8, expires_at=NOW, guard=f"{serial}"
            )


async def versions(model):
    """The version of each row that has one."""
    rows = [*await model.every(Paper), *await model.every(Job)]
    return {(type(row), row.key()): row.version for row in rows}


def change_of(ops_, serial, known):
    """A change of these operations, as somebody makes it who has just read."""
    change = Change(UUID(int=serial))
    for op in ops_:
        kind, key = (Paper, no(op.key)) if op.verb == "update" else (Job, f"{op.key}")
        stage(change, op, known.get((kind, (key,)), 1), serial)
    return change


async def answer_of(journal, change):
    """An answer that can be compared."""
    try:
        return await journal.commit(change)
    except ChangeRejected as rejected:
        return rejected.sqlstate


def order_of(changes_):
    """The order in which groups take changes that come at once."""
    line, ordered = Gathering(), []
    for change in changes_:
        try:
            line.join(Waiting(change))
        except ChangeRejected:
            ordered.append(change)
    while line:
        ordered += [waiting.change for waiting in line.take()]
    return ordered


async def both_commit(postgres, model, changes_):
    """Commit on both; what they answer, by the change."""
    answers = await asyncio.gather(*(answer_of(postgres, c) for c in changes_))
    theirs = dict(zip((c.id for c in changes_), answers, strict=True))
    ours = {c.id: await answer_of(model, c) for c in order_of(changes_)}
    return theirs, ours


async def both_claim(postgres, model, limit, at):
    """Claim on both what is due."""
    now = NOW + timedelta(seconds=at)
    claims = [
        await journal.due(
            Job,
            limit,
            now=now,
            over=now if at % 2 else now - timedelta(hours=1),
            epoch=Epoch(at % 3),
            live=Lives.of(0, 1),
            lease_until=now + timedelta(seconds=2),
        )
        for journal in (postgres, model)
    ]
    return tuple(claims)


@given(history=st.lists(steps, max_size=12))
@settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
async def test_both_answer_alike(tables, postgres, history):
    """Answers, refusals with their rows, rejections and tables are the same."""
    await execute(tables, EMPTY)
    model, serial = in_memory(), 0
    for at, step in enumerate(history):
        if isinstance(step, int):
            theirs, ours = await both_claim(postgres, model, step, at)
        else:
            known = await versions(model)
            made = []
            for ops_ in step:
                serial += 1
                made.append(change_of(ops_, serial, known))
            theirs, ours = await both_commit(postgres, model, made)

        assert ours == theirs
        for kind in (*KINDS, LimitCounter):
            assert await model.every(kind) == await postgres.every(kind)


@given(
    wants=st.lists(st.sets(st.integers(0, 5), min_size=1, max_size=3), max_size=30),
    days=st.lists(st.sampled_from(["261121", "261122"]), min_size=6, max_size=6),
)
async def test_nobody_overtakes_over_a_row(wants, days):
    """Groups keep the order of each row's changes, and no row is in one group twice."""
    line, groups = Gathering(), []
    for serial, keys in enumerate(wants):
        change = Change(UUID(int=serial))
        for key in keys:
            change.append(Leg(no=no(key, days[key]), seq=1))
        line.join(Waiting(change))
    while line:
        groups.append([waiting.change.id.int for waiting in line.take()])
        touched = [key for serial in groups[-1] for key in wants[serial]]
        assert len(set(touched)) == len(touched)
        assert {days[key] for key in touched} == {
            days[key] for key in wants[groups[-1][0]]
        }

    taken = [serial for group in groups for serial in group]
    assert sorted(taken) == list(range(len(wants)))
    for key in range(6):
        mine = [serial for serial in taken if key in wants[serial]]
        assert mine == sorted(mine)


async def test_a_refusal_is_compared_by_its_row():
    """The suite would see a refusal with another row, or another guard."""
    row = Coupon(coupon_no="A")

    assert Refused("a", row) != Refused("a", replace(row, holder="b"))
    assert Refused("a", row) != Refused("b", row)
