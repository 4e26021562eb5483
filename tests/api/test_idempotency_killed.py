"""K17-K20 on every POST under /v1: nodes and the database killed, or put to sleep, in
the middle of the first request of a key; then the same key again, elsewhere.
"""

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache, partial

import asyncpg
import httpx2 as httpx
import pytest
from posting import is_shown
from posts import CASES, Post, fresh, ready, replays
from setup_posts import OnNewest
from stack import Stack, key, stacked

pytestmark = pytest.mark.long

SURVIVOR = 0
UNTIL_ANSWERED_S = 120.0
"""A money leg that nobody heard of is final after the channel's acceptance window."""

FAULTS = {"K17": "timeout_before", "K18": "slow:20"}
"""What the stranger does while the node dies: nothing yet, or all but answer."""
HOPES_S = 6
"""So long the node that is killed waits for a stranger: until it is killed, however
long that takes to happen on a busy machine."""

OF_RULES = ("routes, publish", "routes, roll back")
"""One of them at a time: of two that are about the newest rules, one is refused."""

WRECKED = {
    fault: [name for name in CASES if name != other]
    for fault, other in zip(FAULTS, OF_RULES, strict=True)
}
"""All cases but one of those; each is in one of the lists at least."""

LOOKS = {"routes, validate", "routes, try"}
"""What an operator asks and the log has nothing of, for it changes nothing."""

OF_THE_CHARGED = {"payment, tell again", "payment, enquire"}
"""What is about a payment for which the bank has taken money before."""

OVERTAKEN = {"payment, enquire"}
"""What may be refused in the end, for meanwhile a node did it by itself."""


@pytest.fixture(scope="module")
def crashing() -> Iterator[Stack]:
    """A stack of our own: the node that survives, and room for others."""
    with stacked(money_timeout_s=3, enquiry_timeout_s=1) as stack:
        yield stack


@dataclass
class Broken:
    """Requests whose first try got no good answer."""

    calls: dict[str, Post] = field(default_factory=dict)
    keys: dict[str, dict[str, str]] = field(default_factory=dict)
    before: dict[str, dict[str, int]] = field(default_factory=dict)
    first: dict[str, "Future[httpx.Response]"] = field(default_factory=dict)

    def make_ready(self, stack: Stack, names: Iterable[str], *, node: int) -> None:
        """Make the cases ready at a node, with no fault left of that."""
        for name in names:
            call = self.calls[name] = ready(name, stack, node=node)
            self.keys[name] = key()
            if isinstance(call, OnNewest):
                call.settle()
        stack.no_faults()
        self.before = {name: call.effects() for name, call in self.calls.items()}

    def begin(self, pool: ThreadPoolExecutor, *, asking: bool) -> None:
        """Send those that ask a stranger on their way, or those that do not."""
        for name, call in self.calls.items():
            if bool(call.slow) is asking:
                self.first[name] = pool.submit(call.send, self.keys[name])

    def again(self, name: str) -> tuple[set[tuple], httpx.Response]:
        """The same key at the survivor, until it is answered; what it said before."""
        call = self.calls[name]
        api = call.client(SURVIVOR)
        deadline, meanwhile = time.monotonic() + UNTIL_ANSWERED_S, set()
        while (answer := call.send(self.keys[name], api=api)).is_error:
            if is_shown(answer) or was_overtaken(name, answer):
                break
            meanwhile.add((answer.status_code, answer.json()["code"]))
            assert time.monotonic() < deadline, (name, meanwhile)
            time.sleep(0.3)
        return meanwhile, answer

    def has_one_effect(self, name: str, answer: httpx.Response) -> None:
        """Never two of what there must be one of, since before the first try."""
        call = self.calls[name]
        gained = call.gained(self.before[name])
        status = None if name in OF_THE_CHARGED else answer.json().get("biz_status")
        paid, told = status == "SUCCESS", status in {"SUCCESS", "FAIL", "CLOSED"}
        acted = call.person is not None and name not in LOOKS
        assert gained["orders"] == name.startswith(("open", "deduction")), gained
        assert gained["cards"] == name.startswith("card"), gained
        assert gained["charges"] == paid, gained
        if name in OVERTAKEN:  # charged before; a node may have heard of it since
            assert gained["postings"] == gained["notices"] <= 1, gained
        else:
            assert (gained["postings"], gained["notices"]) == (paid, told), gained
        assert gained["steps"] == name.startswith("desk"), gained
        assert gained["entries"] == (acted and not was_overtaken(name, answer)), gained


@contextmanager
def nothing_is_written(stack: Stack) -> Iterator[None]:
    """Let every commit of a payment, card, case, act or key wait, while the block
    runs.
    """
    held, let_go = threading.Event(), threading.Event()

    async def lock_all(connection: asyncpg.Connection) -> None:
        async with connection.transaction():
            await connection.execute(
                "LOCK TABLE payment, cards_card, desk_case, operators_head,"
                " idempotency_key IN EXCLUSIVE MODE"
            )
            held.set()
            await asyncio.to_thread(let_go.wait)

    async def hold() -> None:
        connection = await asyncpg.connect(stack.on.cluster.dsn)
        try:
            while not held.is_set():
                # A commit under way may have locked them in another order.
                with suppress(asyncpg.DeadlockDetectedError):
                    await lock_all(connection)
        finally:
            await connection.close()

    thread = threading.Thread(target=lambda: asyncio.run(hold()))
    thread.start()
    assert held.wait(60)
    try:
        yield
    finally:
        let_go.set()
        thread.join()


def was_overtaken(name: str, answer: httpx.Response) -> bool:
    """Whether it is refused for somebody else was first."""
    refused = answer.is_error and "BIZ_CHECK_ERROR" == answer.json()["code"]
    return name in OVERTAKEN and refused


@pytest.fixture(scope="module")
def wreck(crashing: Stack) -> Callable[[str], Broken]:
    """Every POST in its middle, when its node is killed with -9; of a fault, once."""
    return cache(partial(wrecked, crashing))


def wrecked(stack: Stack, row: str) -> Broken:
    """What asks a stranger is in that call; the rest is in its one commit."""
    names = WRECKED[row]
    doomed = stack.start_node(
        **dict.fromkeys(
            (f"{what}_timeout_s" for what in ("send_code", "sms", "money", "enquiry")),
            HOPES_S,
        )
    )
    broken = Broken()
    broken.make_ready(stack, names, node=-1)
    for target in {call.slow for call in broken.calls.values() if call.slow}:
        stack.fault(target, FAULTS[row])
    with ThreadPoolExecutor(len(names)) as pool:
        broken.begin(pool, asking=True)
        stack.has_struck(len(broken.first))
        with nothing_is_written(stack):
            broken.begin(pool, asking=False)
            time.sleep(0.4)
            doomed.kill()
    stack.nodes.remove(doomed)
    stack.no_faults()
    return broken


@pytest.mark.parametrize(
    ("row", "name"), [(row, name) for row, names in WRECKED.items() for name in names]
)
def test_k17_k18_a_killed_node(row, name, wreck: Callable[[str], Broken]):
    """Nobody got an answer; the same key elsewhere gets one, once it is known, and
    keeps it: one order, one charge at most, and no work of its own is done twice.
    """
    broken = wreck(row)
    meanwhile, answer = broken.again(name)
    call = broken.calls[name]
    after = call.effects()
    again = call.send(broken.keys[name], api=call.client(SURVIVOR))

    assert isinstance(broken.first[name].exception(), httpx.TransportError)
    assert {(409, "idempotency_in_flight")} >= meanwhile
    assert was_overtaken(name, again) or replays(answer, again)
    assert after == call.effects()
    broken.has_one_effect(name, answer)


def test_k19_a_database_that_is_away(crashing: Stack):
    """Every POST while the database is dead: 503, which is not kept; once it is back
    the same key is processed, for the first time.
    """
    broken = Broken()
    broken.make_ready(crashing, WRECKED["K17"], node=SURVIVOR)
    with ThreadPoolExecutor(len(CASES)) as pool:
        crashing.on.cluster.kill()
        try:
            broken.begin(pool, asking=True)
            broken.begin(pool, asking=False)
            first = [sent.result() for sent in broken.first.values()]
        finally:
            crashing.on.cluster.restart()

    assert {(503, "UNAVAILABLE")} == {(a.status_code, a.json()["code"]) for a in first}
    for name in broken.calls:
        _, answer = broken.again(name)
        assert fresh(answer) or was_overtaken(name, answer), answer.text
        broken.has_one_effect(name, answer)


def test_k19_a_database_that_dies_in_the_middle(crashing: Stack):
    """The database dies while every stranger is being asked: whatever is answered, the
    same key goes on from what is recorded, and there is one effect.
    """
    broken = Broken()
    broken.make_ready(crashing, WRECKED["K18"], node=SURVIVOR)
    for target in {call.slow for call in broken.calls.values() if call.slow}:
        crashing.fault(target, "slow:1")
    with ThreadPoolExecutor(len(CASES)) as pool:
        broken.begin(pool, asking=True)
        time.sleep(0.5)
        crashing.on.cluster.kill()
        broken.begin(pool, asking=False)
        time.sleep(1)
        crashing.on.cluster.restart()
        first = {name: sent.result() for name, sent in broken.first.items()}
    crashing.no_faults()

    assert {
        answer.status_code
        for name, answer in first.items()
        if not was_overtaken(name, answer)
    } <= {200, 201, 503}
    for name in broken.calls:
        meanwhile, answer = broken.again(name)
        assert {(409, "idempotency_in_flight"), (503, "UNAVAILABLE")} >= meanwhile
        if first[name].is_success:
            assert replays(first[name], answer)
        broken.has_one_effect(name, answer)


def test_k20_a_sleeper_changes_nothing(crashing: Stack):
    """A node sleeps in the middle of every POST until others have taken over; what it
    says and writes when it wakes changes nothing: one effect, one stored answer.
    """
    sleeper = crashing.start_node()
    broken = Broken()
    broken.make_ready(crashing, CASES, node=-1)
    asking = [name for name, call in broken.calls.items() if call.slow]
    for target in {broken.calls[name].slow for name in asking}:
        crashing.fault(target, "slow:1")
    with ThreadPoolExecutor(len(CASES)) as pool:
        broken.begin(pool, asking=True)
        time.sleep(0.5)
        os.kill(sleeper.pid, signal.SIGSTOP)
        crashing.no_faults()
        try:
            kept = {name: broken.again(name)[1] for name in asking}
        finally:
            os.kill(sleeper.pid, signal.SIGCONT)
        late = {name: broken.first[name].result() for name in asking}
    time.sleep(1)

    for name in asking:
        assert replays(kept[name], broken.again(name)[1])
        told = late[name]
        assert told.is_error or told.content == kept[name].content, told.text
        assert not told.is_error or told.status_code in {409, 503}, told.text
        broken.has_one_effect(name, kept[name])
    sleeper.stop()
    crashing.nodes.remove(sleeper)
