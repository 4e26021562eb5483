"""The line before the writer: who goes together, and who keeps his place."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from paycore.core.rows import OutBizNoRow, TransitionRow
from paycore.kernel.journal import Change, LimitCounter, Refused
from paycore.kernel.journal_group import LOOK_AHEAD, MAX_GROUP, Gathering, Waiting
from paycore.kernel.terms import BizLineId, BizStatus, PayOrderNo

NOW = datetime(2026, 5, 1, tzinfo=UTC)


def moved(serial: int, day: str, seq: int = 1) -> Change:
    """A change of one payment of a day."""
    change = Change(UUID(int=serial))
    change.append(
        TransitionRow(
            pay_order_no=PayOrderNo(f"{day}120000000{serial:011d}"),
            seq=seq,
            from_status=BizStatus.DOING,
            event="PAID",
            to_status=BizStatus.SUCCESS,
            cause="",
            attempt_seq=None,
            at=NOW,
        )
    )
    return change


def named(serial: int, name: str) -> Change:
    """A change of a row that is of no day."""
    change = Change(UUID(int=serial))
    change.insert(
        OutBizNoRow(
            biz_line=BizLineId("shop"),
            out_biz_no=name,
            pay_order_no=PayOrderNo("x"),
            content=b"",
        )
    )
    return change


def groups(*changes: Change) -> list[list[int]]:
    """The serials of each group, until the line is empty."""
    line = Gathering()
    for change in changes:
        line.join(Waiting(change))
    taken = []
    while line:
        assert len(taken) < len(changes)
        taken.append([waiting.change.id.int for waiting in line.take()])
    return taken


async def test_who_touches_other_rows_goes_together():
    """One group, in the order of the line."""
    assert [[1, 2, 3]] == groups(named(1, "a"), named(2, "b"), named(3, "c"))


async def test_a_group_has_its_size():
    """A group ends at its most, and the rest is the next one."""
    line = [named(n, f"n{n}") for n in range(MAX_GROUP + 1)]

    assert [MAX_GROUP, 1] == [len(group) for group in groups(*line)]


async def test_a_hot_row_is_looked_past_only_so_far():
    """Who wants the row waits his turn; beyond the look-ahead nobody is found."""
    hot = [named(n, "hot") for n in range(LOOK_AHEAD)]
    line = Gathering()
    for change in (*hot, named(LOOK_AHEAD, "cold")):
        line.join(Waiting(change))

    assert [0] == [waiting.change.id.int for waiting in line.take()]
    assert [1, LOOK_AHEAD] == [waiting.change.id.int for waiting in line.take()]


async def test_who_was_passed_over_keeps_his_place():
    """Nobody overtakes over a row, not even by way of a third."""
    first, second = named(1, "a"), named(2, "a")
    second.insert(named(9, "b").inserts[0].row)

    assert [[1, 4], [2], [3]] == groups(first, second, named(3, "b"), named(4, "c"))


async def test_the_same_change_twice_is_two_groups():
    """A change that came again finds what its first try has left."""
    again = named(1, "b")

    assert [[1, 3], [1]] == groups(named(1, "a"), again, named(3, "c"))


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (("260501", "260501"), [[0, 1]]),
        (("260501", "260502"), [[0], [1]]),
        (("260501", "260502", "260501"), [[0, 2], [1]]),
        ((None, "260501", "260502"), [[0, 1], [2]]),
        ((None, "260501", "260502", "260501"), [[0, 1, 3], [2]]),
        (("260501", None, "260501"), [[0, 1, 2]]),
    ],
)
async def test_a_group_is_of_one_day(days, expected):
    """A statement looks into the partitions of its group's day, and into no others."""
    changes = [
        named(n, f"n{n}") if day is None else moved(n, day)
        for n, day in enumerate(days)
    ]

    assert expected == groups(*changes)


async def test_an_answer_reaches_who_waits():
    """A refusal is given as it is."""
    waiting = Waiting(named(1, "a"))
    refused = Refused("g", LimitCounter(counter="c", used=1, expires_at=NOW))
    waiting.settle(refused)

    assert refused is await waiting.answer
