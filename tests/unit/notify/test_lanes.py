from collections import deque
from datetime import UTC, datetime

import pytest

from paycore.kernel.terms import BizLineId, PayOrderNo
from paycore.notify import lanes
from paycore.notify.lanes import Lane
from paycore.notify.rows import NoticeRow
from paycore.notify.verdict import Fate, Judged

WELL = Judged(fate=Fate.DELIVERED, result="HTTP 204")
WRONG = Judged(fate=Fate.FAILED, result="HTTP 500")
NOTICE = NoticeRow(
    pay_order_no=PayOrderNo("26112212000000001234567890"),
    notice_id="msg_1",
    biz_line=BizLineId("shop"),
    endpoint_id="ep_1",
    type="payment.succeeded",
    body=b"{}",
    created_at=datetime(2026, 11, 22, tzinfo=UTC),
    next_check_at=datetime(2026, 11, 22, tzinfo=UTC),
)


def fail(lane: Lane, times: int, now: float) -> None:
    for _ in range(times):
        lane.ended(WRONG, took_s=0.1, now=now)


def test_widens():
    """Who answers well and soon gets more at once, up to a bound."""
    lane = Lane()
    for _ in range(1000):
        lane.ended(WELL, took_s=0.01, now=1.0)

    assert lanes.WIDEST_WINDOW == lane.window


def test_narrows_when_slow():
    """Who answers well but slowly gets less at once, yet never nothing."""
    lane = Lane(window=lanes.WIDEST_WINDOW)
    for _ in range(10):
        lane.ended(WELL, took_s=lanes.SLOW_S, now=1.0)

    assert lanes.NARROWEST_SLOW == lane.window
    assert not lane.shut(1.0)


def test_says_when_it_is_clear():
    """A slow lane's queue takes as long as its tries; a quick one's is over at once."""
    slow, quick = (Lane(waiting=deque([NOTICE] * 64)) for _ in range(2))
    for _ in range(50):
        slow.ended(WELL, took_s=5.0, now=1.0)
        quick.ended(WELL, took_s=0.005, now=1.0)

    assert 75 < slow.clears_in_s <= 80
    assert quick.clears_in_s < 0.01


def test_shuts():
    """After some failures in a row nothing is sent for a while, then one at a time."""
    lane = Lane(waiting=deque([NOTICE]))
    fail(lane, lanes.TRIP - 1, now=1.0)
    assert not lane.shut(1.0)
    fail(lane, 1, now=1.0)

    assert lane.shut(1.0)
    assert not lane.ready(1.0)
    assert not lane.admits(1.0)
    reopened = 1.0 + lanes.FIRST_PAUSE_S
    assert lane.ready(reopened)
    assert 1 == lane.window


def test_one_failure_once():
    """What was under way when the lane was shut does not lengthen the pause."""
    lane = Lane()
    fail(lane, lanes.FIRST_WINDOW, now=1.0)

    assert 1.0 + lanes.FIRST_PAUSE_S == lane.shut_until


def test_pause_grows():
    """Each failed trial doubles the pause, up to five minutes."""
    lane, now, pauses = Lane(), 0.0, []
    fail(lane, lanes.TRIP - 1, now)
    for _ in range(8):
        fail(lane, 1, now)
        pauses.append(lane.shut_until - now)
        now = lane.shut_until

    assert [5, 10, 20, 40, 80, 160, 300, 300] == pauses


def test_recovers():
    """One success ends the suspicion; the lane widens again from there."""
    lane = Lane()
    fail(lane, lanes.TRIP, now=0.0)
    lane.ended(WELL, took_s=0.1, now=10.0)

    assert (0, lanes.FIRST_PAUSE_S, 2) == (lane.failures, lane.pause_s, lane.window)


@pytest.mark.parametrize(("asked", "pause"), [(0, 5.0), (90, 90.0)])
def test_slow_down(asked: int, pause: float):
    """Who asks for less is left alone at once, for as long as he says."""
    lane = Lane()
    slow = Judged(fate=Fate.SLOW_DOWN, result="HTTP 429", retry_after_s=asked)
    lane.ended(slow, took_s=0.1, now=1.0)

    assert 1.0 + pause == lane.shut_until


def test_waiting_is_bounded():
    """No more wait in memory than the lane's width can take."""
    lane = Lane()
    while lane.admits(0.0):
        lane.waiting.append(NOTICE)

    assert lanes.FIRST_WINDOW * lanes.WAITING_A_PLACE == len(lane.waiting)
