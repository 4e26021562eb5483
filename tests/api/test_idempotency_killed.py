"""K17-K20 on every POST under /v1: nodes and the database killed, or put to sleep, in
the middle of the first request of a key; then the same key again, elsewhere.
"""

import asyncio
import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import asyncpg
import httpx2 as httpx
import pytest
from posting import is_shown
from posts import CASES, Post, fresh, ready, replays
from stack import Stack, key, stacked

pytestmark = pytest.mark.long

SURVIVOR = 0
UNTIL_ANSWERED_S = 45.0
"""A money leg that nobody heard of is final after the channel's acceptance window."""

FAULTS = {"K17": "timeout_before", "K18": "slow:2"}
"""What the stranger does while the node dies: nothing yet, or all but answer."""


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

    def make_ready(self, stack: Stack, *, node: int) -> None:
        """Make every case ready at a node."""
        for name in CASES:
            self.calls[name] = ready(name, stack, node=node)
            self.keys[name] = key()
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
            if is_shown(answer):
                break
            meanwhile.add((answer.status_code, answer.json()["code"]))
            assert time.monotonic() < deadline, (name, meanwhile)
            time.sleep(0.3)
        return meanwhile, answer

    def gained(self, name: str) -> dict[str, int]:
        """What was done, since before the first try."""
        return self.calls[name].gained(self.before[name])


@contextmanager
def nothing_is_written(stack: Stack) -> Iterator[None]:
    """Let every commit of a payment, card, case or act wait, while the block runs."""
    held, let_go = threading.Event(), threading.Event()

    async def hold() -> None:
        connection = await asyncpg.connect(stack.on.cluster.dsn)
        try:
            async with connection.transaction():
                await connection.execute(
                    "LOCK TABLE payment, cards_card, desk_case, operators_head"
                    " IN EXCLUSIVE MODE"
                )
                held.set()
                await asyncio.to_thread(let_go.wait)
        finally:
            await connection.close()

    thread = threading.Thread(target=lambda: asyncio.run(hold()))
    thread.start()
    assert held.wait(5)
    try:
        yield
    finally:
        let_go.set()
        thread.join()


@pytest.fixture(scope="module", params=FAULTS)
def wreck(request, crashing: Stack) -> Broken:
    """Every POST in its middle, when its node is killed with -9.

    What asks a stranger is in that call; the rest is in its one commit.
    """
    doomed = crashing.start_node()
    broken = Broken()
    broken.make_ready(crashing, node=-1)
    for target in {call.slow for call in broken.calls.values() if call.slow}:
        crashing.fault(target, FAULTS[request.param])
    with ThreadPoolExecutor(len(CASES)) as pool:
        broken.begin(pool, asking=True)
        time.sleep(0.7)
        with nothing_is_written(crashing):
            broken.begin(pool, asking=False)
            time.sleep(0.4)
            doomed.kill()
    crashing.nodes.remove(doomed)
    crashing.no_faults()
    return broken


@pytest.mark.parametrize("name", CASES)
def test_k17_k18_a_killed_node(name, wreck: Broken):
    """Nobody got an answer; the same key elsewhere gets one, once it is known, and
    keeps it: one order, one charge at most, and no work of its own is done twice.
    """
    meanwhile, answer = wreck.again(name)
    api = wreck.calls[name].client(SURVIVOR)
    after = wreck.calls[name].effects()
    again = wreck.calls[name].send(wreck.keys[name], api=api)

    assert isinstance(wreck.first[name].exception(), httpx.TransportError)
    assert {(409, "idempotency_in_flight")} >= meanwhile
    assert replays(answer, again)
    assert after == wreck.calls[name].effects()
    one_effect(name, wreck.gained(name), answer)


def one_effect(name: str, gained: dict[str, int], answer: httpx.Response) -> None:
    """Never two of what there must be one of."""
    order = answer.json()
    status = order.get("biz_status")
    paid, told = status == "SUCCESS", status in {"SUCCESS", "FAIL", "CLOSED"}
    assert gained["orders"] == name.startswith(("open", "deduction")), gained
    assert gained["cards"] == name.startswith("card"), gained
    assert gained["charges"] == gained["postings"] == paid, gained
    assert gained["notices"] == told, gained
    assert gained["steps"] == name.startswith("desk"), gained
    assert gained["entries"] == name.startswith(("desk", "operators")), gained


def test_k19_a_database_that_is_away(crashing: Stack):
    """Every POST while the database is dead: 503, which is not kept; once it is back
    the same key is processed, for the first time.
    """
    broken = Broken()
    broken.make_ready(crashing, node=SURVIVOR)
    with ThreadPoolExecutor(len(CASES)) as pool:
        crashing.on.cluster.kill()
        broken.begin(pool, asking=True)
        broken.begin(pool, asking=False)
        first = [sent.result() for sent in broken.first.values()]
        crashing.on.cluster.restart()

    assert {(503, "UNAVAILABLE")} == {(a.status_code, a.json()["code"]) for a in first}
    for name in CASES:
        _, answer = broken.again(name)
        assert fresh(answer), answer.text
        one_effect(name, broken.gained(name), answer)


def test_k19_a_database_that_dies_in_the_middle(crashing: Stack):
    """The database dies while every stranger is being asked: whatever is answered, the
    same key goes on from what is recorded, and there is one effect.
    """
    broken = Broken()
    broken.make_ready(crashing, node=SURVIVOR)
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

    assert {answer.status_code for answer in first.values()} <= {200, 201, 503}
    for name in CASES:
        meanwhile, answer = broken.again(name)
        assert {(409, "idempotency_in_flight"), (503, "UNAVAILABLE")} >= meanwhile
        if first[name].is_success:
            assert replays(first[name], answer)
        one_effect(name, broken.gained(name), answer)


def test_k20_a_sleeper_changes_nothing(crashing: Stack):
    """A node sleeps in the middle of every POST until others have taken over; what it
    says and writes when it wakes changes nothing: one effect, one stored answer.
    """
    sleeper = crashing.start_node()
    broken = Broken()
    broken.make_ready(crashing, node=-1)
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
        one_effect(name, broken.gained(name), kept[name])
    sleeper.stop()
    crashing.nodes.remove(sleeper)
