"""Windows of accounts: by the clock to the moment, whatever is remembered."""

import dataclasses
from datetime import timedelta

import msgspec
import pytest

from paycore.kernel.errors import BadRequest, BizCheckError, DataNotExist
from paycore.router import service, windows
from paycore.router.rows import WindowRow
from paycore.router.rules import decide
from paycore.router.snapshot import compile_tables

KEY = ("bank_a", "main")
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)


def window(begins, ends) -> WindowRow:
    """A window of the first bank."""
    return WindowRow(
        window_id="mw_1",
        channel="bank_a",
        account="main",
        starts_at=begins,
        ends_at=ends,
        why="so",
        opened_by="ann",
        opened_at=begins,
    )


def with_window(make, begins, ends):
    """Two banks, the first of them with a window."""
    tables = make.tables(make.offer("bank_a", priority=1), make.offer("bank_b")).tables
    return compile_tables(dataclasses.replace(tables, windows=[window(begins, ends)]))


def test_one_snapshot_closes_and_opens_to_the_moment(make):
    """The same facts, asked before, in and after: the first moment is in, the last is
    not, and nothing that was remembered of one is told of another.
    """
    now = make.ask().now
    snapshot = with_window(make, now, now + HOUR)
    for at, goes_to in (
        (now - SECOND, "bank_a"),
        (now, "bank_b"),
        (now + HOUR - SECOND, "bank_b"),
        (now + HOUR, "bank_a"),
        (now, "bank_b"),
    ):
        question = make.ask("bank_a", "bank_b", now=at)
        decision = decide(snapshot, question, {}, lambda _: 0)

        assert goes_to == decision.route.channel, at
        (told,) = (one for one in decision.candidates if one.channel == "bank_a")
        assert ("maintenance" == told.stage) is (goes_to == "bank_b")


def test_what_was_ended_before_it_began_closes_nothing(make):
    """From one moment to the same one."""
    now = make.ask().now
    snapshot = with_window(make, now, now)
    decision = decide(snapshot, make.ask("bank_a", "bank_b"), {}, lambda _: 0)

    assert "bank_a" == decision.route.channel


async def opened(node, begins, ends, key=KEY) -> WindowRow:
    """Opened and written."""
    change = node.change()
    row = await windows.opened(
        node, change, key, begins=begins, ends=ends, why="so", by="ann"
    )
    assert await node.journal.commit(change) is None
    return row


async def ended(node, window_id, key=KEY) -> WindowRow:
    """Ended and written."""
    change = node.change()
    row = await windows.ended(node, change, key, window_id)
    assert await node.journal.commit(change) is None
    return row


async def test_the_router_knows_of_it_with_its_next_look(node, make):
    """And drops from its snapshot what was over a minute ago."""
    await service.save_trans_type(node, make.offer("bank_a"))
    await service.allow(node, "shop", "bank_a", "main")
    now = node.now()
    row = await opened(node, now - HOUR, now + HOUR)
    await service.refresh(node)
    asked = make.ask("bank_a", now=node.now())
    closed = await service.explain(node, asked)
    await ended(node, row.window_id)
    await service.refresh(node)
    open_again = await service.explain(
        node, msgspec.structs.replace(asked, now=node.now())
    )
    known = node.state(service.Router).snapshot.tables.windows

    assert now <= row.starts_at
    assert (None, "maintenance") == (closed.route, closed.candidates[0].stage)
    assert "bank_a" == open_again.route.channel
    assert [row.window_id] == [one.window_id for one in known]
    later = service._standing(await service.tables(node), node.now() + HOUR)
    assert [] == later.windows


async def test_a_window_has_bounds(node):
    """It ends after it begins, not in the past, within a month and a year; so many."""
    now = node.now()
    for begins, ends in (
        (now, now),
        (now + HOUR, now),
        (now - HOUR, now - SECOND),
        (now, now + timedelta(days=32)),
        (now + timedelta(days=400), now + timedelta(days=401)),
    ):
        with pytest.raises(BadRequest):
            await opened(node, begins, ends)
    for _ in range(windows.MOST):
        await opened(node, now + HOUR, now + 2 * HOUR)
    with pytest.raises(BizCheckError):
        await opened(node, now + HOUR, now + 2 * HOUR)


async def test_a_window_is_ended_once_by_its_account(node):
    """Not begun, it never does; over is over."""
    now = node.now()
    key = ("bank_b", "main")
    row = await opened(node, now + HOUR, now + 2 * HOUR, key)
    with pytest.raises(DataNotExist):
        await ended(node, row.window_id)
    over = await ended(node, row.window_id, key)

    assert over.starts_at == over.ends_at
    with pytest.raises(BizCheckError):
        await ended(node, row.window_id, key)
