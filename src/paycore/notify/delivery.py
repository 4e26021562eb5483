"""Delivering: what this node has under way, and what becomes of each try.

Notices come in two ways: straight from the commit that made them, and claimed from the
database when they are due. Both wait in the lane of their end point; places go round
the lanes in turn, so that no end point keeps another waiting. Who finds no place is
put back into the database for a little later.
A notice is leased while it is here. A result is written only if the notice still
stands as it was taken: where another node has taken it over meanwhile, ours is void.
"""

import asyncio
from collections import deque
from collections.abc import Coroutine, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

import msgspec

from paycore.desk import service as desk
from paycore.kernel.errors import Unavailable
from paycore.kernel.http import CONTENT, HttpRequest
from paycore.kernel.journal import Change
from paycore.kernel.log import get
from paycore.kernel.node import Node
from paycore.notify import verdict, webhook
from paycore.notify.endpoints import Endpoint, Endpoints, refresh
from paycore.notify.lanes import LONGEST_PAUSE_S, Lane
from paycore.notify.rows import NoticeRow, NoticeStatus
from paycore.notify.verdict import Fate, Judged

log = get(__name__)

TIMEOUT_S = 15.0
"""For a whole try: the least that Standard Webhooks asks a sender to wait."""

LEASE = timedelta(seconds=60)
"""Longer than a try, so that nobody takes a notice over that is merely slow. It ends
with the node's life all the same."""

LEAST_LEASE = timedelta(seconds=TIMEOUT_S + 5)
"""What must be left of a lease when a try begins."""

MAX_UNDER_WAY = 512
"""Tries at once: eight of the widest lanes, all of them hanging."""

MAX_WAITING = 20_000
"""Notices in memory: some thirty megabytes."""

LANES_KEPT = 1000
"""A lane remembers how wide it was; beyond so many only those with trouble are kept."""

CROWDED = timedelta(seconds=1)
"""How long one is put back at least that found its lane full."""

ADDRESS_REFUSALS = ("ADDRESS_REFUSED", "ENDPOINT_ADDRESS_REFUSED")
"""The address that its name has, and the address as it is written."""

TurnedAway = tuple[NoticeRow, timedelta]
"""A notice that found no place, and how long it is to stay away."""


@dataclass(slots=True)
class Deliveries:
    """What this node has under way and waiting."""

    lanes: dict[str, Lane] = field(default_factory=dict)
    turn: deque[str] = field(default_factory=deque)
    """The lanes in which something waits, the next to set out first."""
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    under_way: int = 0
    waiting: int = 0
    stopping: bool = False

    @property
    def room(self) -> int:
        """How many more may wait."""
        return 0 if self.stopping else MAX_WAITING - self.waiting

    # --- in and out ---------------------------------------------------------------

    def take(self, node: Node, rows: Iterable[NoticeRow]) -> list[TurnedAway]:
        """Let leased notices wait in their lanes and set out; give back who may not."""
        now = node.clock.monotonic()
        turned_away = [
            (row, self._stay_away(node, row, now))
            for row in rows
            if not self._queue(row, now)
        ]
        self._set_out(node)
        return turned_away

    def _queue(self, row: NoticeRow, now: float) -> bool:
        assert row.endpoint_id is not None, "what has no end point is parked"
        lane = self.lanes.setdefault(row.endpoint_id, Lane())
        if self.room <= 0 or not lane.admits(now):
            return False
        if not lane.in_turn:
            lane.in_turn = True
            self.turn.append(row.endpoint_id)
        lane.waiting.append(row)
        self.waiting += 1
        return True

    def _stay_away(self, node: Node, row: NoticeRow, now: float) -> timedelta:
        """Until there may be a place again, each for a while of its own."""
        if self.stopping:
            return timedelta(0)
        lane = self.lanes[row.endpoint_id or ""]
        if not lane.shut(now):
            # A slow end point's backlog must not come and go every second: what was
            # here before it goes first.
            full_s = min(lane.clears_in_s, LONGEST_PAUSE_S)
            spread_ms = node.ids.below(2000 + int(full_s * 1000))
            return CROWDED + timedelta(seconds=full_s, milliseconds=spread_ms)
        spread_ms = node.ids.below(int(lane.pause_s * 1000))
        shut = timedelta(seconds=lane.shut_until - now)
        return shut + timedelta(milliseconds=spread_ms)

    def _set_out(self, node: Node) -> None:
        """Give the free places round the lanes, one each in turn."""
        now = node.clock.monotonic()
        passed = 0
        while self.turn and self.under_way < MAX_UNDER_WAY and passed < len(self.turn):
            lane = self.lanes[self.turn[0]]
            if not lane.waiting:
                lane.in_turn = False
                self.turn.popleft()
                continue
            self.turn.rotate(-1)
            if not lane.ready(now):
                passed += 1
                continue
            passed = 0
            self._start(node, lane)

    def _start(self, node: Node, lane: Lane) -> None:
        row = lane.waiting.popleft()
        self.waiting -= 1
        if row.lease_until is None or row.lease_until < node.now() + LEAST_LEASE:
            return  # It has waited too long here: it is due again, for anybody.
        lane.under_way += 1
        self.under_way += 1
        self.spawn(self._try(node, lane, row))

    def spawn(self, work: Coroutine[object, object, None]) -> None:
        """Run on the side; a bug in it is logged, the lease brings the notice back."""
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[None]") -> None:
        self.tasks.discard(task)
        if not task.cancelled() and (bug := task.exception()) is not None:
            log.error("notice_delivery_broke", exc_info=bug)

    # --- one try ------------------------------------------------------------------

    async def _try(self, node: Node, lane: Lane, row: NoticeRow) -> None:
        began = node.clock.monotonic()
        try:
            judged = await _send(node, row)
            now = node.clock.monotonic()
            lane.ended(judged, took_s=now - began, now=now)
        finally:
            lane.under_way -= 1
            self.under_way -= 1
            turned_away = self._leave_shut(node, lane)
            self._set_out(node)
        await _conclude(node, row, judged)
        if turned_away:
            await put_back(node, turned_away)

    def _leave_shut(self, node: Node, lane: Lane) -> list[TurnedAway]:
        """Empty the queue of a lane that has just been shut."""
        now = node.clock.monotonic()
        if not lane.shut(now):
            return []
        left, lane.waiting = list(lane.waiting), deque()
        self.waiting -= len(left)
        return [(row, self._stay_away(node, row, now)) for row in left]

    def forget_idle(self, node: Node) -> None:
        """Let go of lanes that have nothing to tell, where there are many."""
        if len(self.lanes) <= LANES_KEPT:
            return
        now = node.clock.monotonic()
        for endpoint_id in [key for key, lane in self.lanes.items() if lane.idle(now)]:
            del self.lanes[endpoint_id]

    async def drain(self, node: Node, within_s: float) -> None:
        """Take no more, hand over what waits, and finish what is under way."""
        self.stopping = True
        left = [row for lane in self.lanes.values() for row in lane.waiting]
        for lane in self.lanes.values():
            lane.waiting.clear()
        self.waiting = 0
        await put_back(node, [(row, timedelta(0)) for row in left])
        try:
            async with node.clock.timeout(within_s):
                await asyncio.gather(*self.tasks, return_exceptions=True)
        except TimeoutError:
            log.warning("notices_left_under_way", count=len(self.tasks))


async def _send(node: Node, row: NoticeRow) -> Judged:
    """Try once, and judge the answer."""
    endpoint = await _endpoint(node, row)
    if endpoint is None:
        return Judged(fate=Fate.NOWHERE, result="ENDPOINT_UNKNOWN")
    if endpoint.closed is not None:
        return Judged(fate=Fate.NOWHERE, result=f"ENDPOINT_{endpoint.closed}")
    signed = webhook.headers(endpoint.keys, row.notice_id, node.now(), row.body)
    result = await node.transport.send(
        HttpRequest(
            url=endpoint.row.url,
            headers={**CONTENT, **signed},
            body=row.body,
            timeout_s=TIMEOUT_S,
            connect_timeout_s=node.settings.connect_timeout_s,
            public_only=not node.settings.allow_private_endpoints,
        )
    )
    return verdict.judge(result, node.now())


async def _endpoint(node: Node, row: NoticeRow) -> Endpoint | None:
    """The notice's end point; one made a moment ago is looked for once more."""
    endpoints = node.state(Endpoints)
    if row.endpoint_id not in endpoints.by_id:
        await refresh(node)
    return endpoints.by_id.get(row.endpoint_id or "")


# --- what is written of it ------------------------------------------------------------


async def _conclude(node: Node, row: NoticeRow, judged: Judged) -> None:
    """Write down what a try came to, if the notice is still ours."""
    if judged.fate is Fate.GONE:
        await _switch_off(node, row)
    if judged.result in ADDRESS_REFUSALS:
        await _raise_alarm(node, row, judged)
    change = node.change()
    after = _after(node, row, judged)
    change.update(after, version=row.version)
    if after.status is NoticeStatus.PARKED and judged.fate is not Fate.NOWHERE:
        await _open_case(node, change, after)
    try:
        await node.journal.commit(change)
    except Unavailable:
        log.warning("notice_result_not_written", notice_id=row.notice_id)


def _after(node: Node, row: NoticeRow, judged: Judged) -> NoticeRow:
    """The notice after a try."""
    tried = msgspec.structs.replace(
        row,
        tries=row.tries + (judged.fate is not Fate.NOWHERE),
        last_result=judged.result,
        next_check_at=None,
        lease_epoch=None,
        lease_until=None,
    )
    match judged.fate:
        case Fate.DELIVERED:
            return msgspec.structs.replace(
                tried, status=NoticeStatus.DELIVERED, delivered_at=node.now()
            )
        case Fate.GONE | Fate.NOWHERE:
            return msgspec.structs.replace(tried, status=NoticeStatus.PARKED)
        case Fate.FAILED | Fate.SLOW_DOWN:
            wait = verdict.next_try(tried.tries, judged, node.ids.below)
            if wait is None:
                return msgspec.structs.replace(tried, status=NoticeStatus.PARKED)
            return msgspec.structs.replace(tried, next_check_at=node.now() + wait)


async def _open_case(node: Node, change: Change, row: NoticeRow) -> None:
    """Put a parked notice before a person: anew, where it was sent again since."""
    await desk.open_case(
        node,
        change,
        kind="NOTICE_PARKED",
        pay_order_no=row.pay_order_no,
        about=row.notice_id,
        evidence={
            "notice_id": row.notice_id,
            "endpoint_id": row.endpoint_id,
            "type": row.type,
            "tries": row.tries,
            "last_result": row.last_result,
        },
        again=True,
    )


async def _raise_alarm(node: Node, row: NoticeRow, judged: Judged) -> None:
    """One case an end point that leads inside: its owner is led astray, or leads us."""
    endpoint = node.state(Endpoints).by_id.get(row.endpoint_id or "")
    if endpoint is None:
        return
    change = node.change()
    await desk.open_case(
        node,
        change,
        kind="ENDPOINT_LEADS_INSIDE",
        pay_order_no=None,
        # An end point that was changed since, or switched on again, is another matter.
        about=f"{endpoint.row.endpoint_id}@{endpoint.row.version}",
        evidence={
            "endpoint_id": endpoint.row.endpoint_id,
            "biz_line": endpoint.row.biz_line,
            "notice_id": row.notice_id,
            "result": judged.result,
        },
    )
    if change.empty:
        return
    log.warning("endpoint_leads_inside", endpoint_id=row.endpoint_id)
    # Refused: another node has just said so. Not written: the next try says it again.
    with suppress(Unavailable):
        await node.journal.commit(change)


async def _switch_off(node: Node, row: NoticeRow) -> None:
    """Stop sending to an end point that says it is gone; refused where it is off."""
    endpoint = node.state(Endpoints).by_id.get(row.endpoint_id or "")
    if endpoint is None or not endpoint.row.enabled:
        return
    change = node.change()
    off = msgspec.structs.replace(
        endpoint.row, enabled=False, disabled_reason="HTTP 410"
    )
    change.update(off, version=endpoint.row.version)
    try:
        if await node.journal.commit(change) is None:
            log.warning("endpoint_switched_off", endpoint_id=row.endpoint_id)
        await refresh(node)
    except Unavailable:
        log.warning("endpoint_not_switched_off", endpoint_id=row.endpoint_id)


async def put_back(node: Node, turned_away: Iterable[TurnedAway]) -> None:
    """Give notices back to the database, to be claimed a little later by anybody.

    Each is a change of its own, and the journal writes them as one set.
    """
    changes = [_given_back(node, row, wait) for row, wait in turned_away]
    results = await asyncio.gather(*changes, return_exceptions=True)
    for failed in results:
        if isinstance(failed, BaseException) and not isinstance(failed, Unavailable):
            raise failed


async def _given_back(node: Node, row: NoticeRow, wait: timedelta) -> None:
    change = node.change()
    now = node.now()
    if (row.replayed_at or row.created_at) + verdict.HORIZON <= now:
        parked = _after(node, row, Judged(fate=Fate.NOWHERE, result="ENDPOINT_DOWN"))
        change.update(parked, version=row.version)
        await _open_case(node, change, parked)
    else:
        later = msgspec.structs.replace(
            row, next_check_at=now + wait, lease_epoch=None, lease_until=None
        )
        change.update(later, version=row.version)
    await node.journal.commit(change)
