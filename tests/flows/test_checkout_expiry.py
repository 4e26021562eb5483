"""Nobody who was told EXPIRED is ever paid: whichever node said so, by whichever clock,
with requests under way, and with nodes that die in between.
"""

import asyncio
import random
import re
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import httpx2 as httpx
import pytest
from facts import DEDUCT_BANKS, QUICK_BANKS, paid_once
from inside import inside
from sql import ask, session
from stack import PLAIN, SHOP, Payer, Stack, stacked
from test_checkout import SIGN, SLOW, TYPED, Browser, numbered
from wire import AFTER, BEFORE, wired

from paycore.checkout import service as checkouts
from paycore.checkout import steps
from paycore.checkout.rows import CheckoutRow
from paycore.checkout.scene import stage_of
from paycore.kernel.node import Node

NODES, RACERS, LOOKS = 3, 60, 2
SLOW_AROUND_S = 0.3
BLOCKED_WITHIN_S = 10.0
SETTLED_S = 40.0
PAST = "WITH past AS (SELECT set_config('session_replication_role', 'replica', true))"


@pytest.fixture(scope="module")
def three() -> Iterator[Stack]:
    """A stack of our own with three nodes."""
    with stacked() as stack:
        for _ in range(NODES - 1):
            stack.start_node()
        yield stack


@pytest.fixture
def at_three(three: Stack) -> Iterator[Stack]:
    """The three nodes, with all strangers behaving before and after."""
    three.no_faults()
    yield three
    three.no_faults()


def ends_in(stack: Stack, left_s: dict[str, float]) -> dict[str, float]:
    """Put the ends of checkouts near, past the guard, which lets nobody do so; when
    each is, in Unix seconds.
    """
    rows = ask(
        stack,
        f"{PAST} UPDATE checkout AS c SET expires_at = now() + left_s * interval '1 s'"
        " FROM past, unnest($1::text[], $2::float8[]) AS near (no, left_s)"
        " WHERE c.checkout_no = near.no RETURNING c.checkout_no, c.expires_at",
        list(left_s),
        list(left_s.values()),
    )
    assert len(left_s) == len(rows)
    return {no: at.timestamp() for no, at in rows}


def ends(browser: Browser, left_s: float) -> None:
    """One checkout's end is so near."""
    ends_in(browser.stack, {browser.made["checkout_no"]: left_s})


def opened(browser: Browser) -> list[str]:
    """The payments of the order's number; and its checkout names them, or there are
    none.
    """
    rows = ask(
        browser.stack,
        "SELECT p.pay_order_no, c.pay_order_no, c.expired_at IS NOT NULL"
        " FROM checkout c LEFT JOIN payment_out_biz_no p USING (biz_line, out_biz_no)"
        " WHERE c.checkout_no = $1",
        browser.made["checkout_no"],
    )
    ((no, named, over),) = rows
    assert no == named
    assert not (named and over)
    return [no] if no else []


def at(browser: Browser, place: int) -> Browser:
    """The same payer, at another node."""
    browser.at = place
    return browser


@contextmanager
def held(stack: Stack, table: str, mode: str) -> Iterator[None]:
    """Whoever comes to the table waits while the block runs; with SHARE he may read."""
    with session(stack) as holder:
        holder.run("BEGIN")
        holder.run(f"LOCK TABLE {table} IN {mode} MODE")
        yield
        holder.run("ROLLBACK")


def blocked_at(stack: Stack, table: str) -> None:
    """Until somebody waits for it."""
    deadline = time.monotonic() + BLOCKED_WITHIN_S
    question = (
        "SELECT 1 FROM pg_locks WHERE relation = $1::regclass::oid AND NOT granted"
    )
    while not ask(stack, question, table):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_over(browser: Browser) -> None:
    """At every node: EXPIRED, with nothing to pay with and nothing opened; and so it
    stays, whatever the payer sends.
    """
    for place in range(len(browser.stack.nodes)):
        at(browser, place).send("pay", card=browser.payer.card_id)
        page = browser.look().text
        assert "EXPIRED" == browser.stage
        assert "status=EXPIRED" in page
        assert "<form" not in page
    now = browser.now()
    assert ("EXPIRED", None) == (now["status"], now["pay_order_no"])
    assert [] == opened(browser)


def test_a_payment_that_was_about_to_open(at_three):
    """Its request has looked in time and is slow; somebody is told meanwhile, at
    another node: nothing is opened, no code is sent.
    """
    browser = Browser(at_three.payer())
    ends(browser, 1.5)
    with ThreadPoolExecutor(1) as pool:
        with held(at_three, "cards_agreement", "ACCESS EXCLUSIVE"):
            slow: Future = pool.submit(browser.send, "pay", card=browser.payer.card_id)
            blocked_at(at_three, "cards_agreement")
            browser.at = 1
            assert "EXPIRED" == browser.until("EXPIRED")
            assert not slow.done()
        answer = slow.result()

    assert 303 == answer.status_code
    assert "say=" not in answer.headers["location"]
    assert [] == browser.payer.codes()
    is_over(browser)


def test_who_looks_while_a_payment_is_opening_is_told_of_it(at_three):
    """Its first rows are on their way in, and its time is over: the look waits for
    them, or they are not written. Whatever is told first is what stands.
    """
    browser = Browser(at_three.payer())
    ends(browser, 1.5)
    api = at_three.client(SHOP, node=1)
    with ThreadPoolExecutor(2) as pool:
        with held(at_three, "payment_out_biz_no", "SHARE"):
            pool.submit(browser.send, "pay", card=browser.payer.card_id)
            blocked_at(at_three, "payment_out_biz_no")
            time.sleep(2)
            url = f"/v1/checkouts/{browser.made['checkout_no']}"
            look: Future = pool.submit(api.get, url)
            time.sleep(0.5)
        told = look.result().json()
    if told["status"] == "EXPIRED":
        is_over(browser)
        return
    browser.until("CODE")
    browser.send("confirm", code=browser.payer.codes()[-1])

    assert "PAID" == browser.until("PAID")
    assert told["pay_order_no"] == browser.now()["pay_order_no"]
    paid_once(browser.payer, told["pay_order_no"], at=QUICK_BANKS)


def test_a_card_whose_code_was_typed_in_the_last_moment(at_three):
    """Its bank takes its time to add it; the line is told EXPIRED meanwhile. The card
    is the line's, and nothing is paid with it here.
    """
    payer = at_three.payer()
    browser = Browser(payer, card_ids=[], sign=SIGN)
    phone = f"137{int(payer.phone[-8:]) + 504:08d}"
    browser.send("card", **{**TYPED, "number": numbered(phone)}, phone=phone)
    code = at_three.sms(f"+86{phone}")[-1]["code"]
    ends(browser, 1.0)
    at_three.fault("bank.quick_a.sign", SLOW, count=1)
    with ThreadPoolExecutor(1) as pool:
        signing = pool.submit(browser.send, "card-code", code=code)
        at_three.has_struck()
        deadline = time.monotonic() + BLOCKED_WITHIN_S
        while browser.now()["status"] != "EXPIRED":
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert not signing.done()
        signing.result()

    card_id = browser.now()["added_card_id"]
    assert "ACTIVE" == payer.api.get(f"/v1/cards/{card_id}").json()["status"]
    browser.send("pay", card=card_id)
    is_over(browser)


def test_a_node_whose_clock_is_slow(at_three):
    """By it there is time left; it reads what is written, and opens nothing."""
    browser = Browser(at_three.payer())
    no, card_id = browser.made["checkout_no"], browser.payer.card_id
    ends(browser, -1)
    assert "EXPIRED" == browser.stage

    async def pay(node: Node) -> None:
        node.clock.ahead = -timedelta(minutes=5)
        row = await node.journal.load(CheckoutRow, no)
        assert node.now() < row.expires_at
        await steps.pay_with(node, row, card_id, None)

    inside(at_three, pay)

    assert [] == browser.payer.codes()
    is_over(browser)


def test_a_node_whose_clock_is_fast(at_three):
    """It tells so too early: then it is so, at the nodes with the right time as well;
    a payment that it finds open is not.
    """
    early, paying = Browser(at_three.payer()), Browser(at_three.payer())
    paying.send("pay", card=paying.payer.card_id)

    async def look(node: Node, browser: Browser) -> tuple[str, str]:
        node.clock.ahead = timedelta(hours=2)
        no = browser.made["checkout_no"]
        row = await node.journal.load(CheckoutRow, no)
        what = await checkouts.found(node, row)
        return checkouts.status_of(what), stage_of(what, node.now())

    assert ("EXPIRED", "EXPIRED") == inside(at_three, lambda n: look(n, early))
    assert "DOING" == inside(at_three, lambda n: look(n, paying))[0]
    is_over(early)
    paying.send("confirm", code=paying.payer.codes()[-1])
    assert "PAID" == paying.stage


# --- killed in between ----------------------------------------------------------------


@pytest.fixture
def dying() -> Iterator:
    """A payer at a node that will die as it opens his payment, at this end of that
    change; afterwards he is at the node that is left.
    """
    quick = {"money_timeout_s": 2, "enquiry_timeout_s": 1, "heartbeat_s": 1}
    with stacked(**quick, lease_s=4) as stack, wired(stack) as (wire, node):

        def open_and_die(end: str) -> Browser:
            browser = Browser(stack.payer())
            browser.at = stack.nodes.index(node)
            number = ask(
                stack,
                "SELECT out_biz_no FROM checkout WHERE checkout_no = $1",
                browser.made["checkout_no"],
            )[0][0]
            strike = wire.hold(number, "payment_out_biz_no", at=end)
            with ThreadPoolExecutor(1) as pool:
                waiting = pool.submit(browser.send, "pay", card=browser.payer.card_id)
                strike.wait()
                node.kill()
                wire.drop(strike)
                assert isinstance(waiting.exception(), httpx.TransportError)
            browser.at = 0
            return browser

        yield open_and_die


@pytest.mark.long
def test_a_death_before_the_opening_leaves_neither(dying):
    """No payment and no name: somebody may be told EXPIRED, and then it is so."""
    browser = dying(BEFORE)
    assert [] == opened(browser)
    assert "CHOOSE" == browser.stage
    ends(browser, -1)
    assert "EXPIRED" == browser.stage
    browser.send("pay", card=browser.payer.card_id)

    assert "EXPIRED" == browser.stage
    assert [] == opened(browser)
    assert [] == browser.payer.codes()


@pytest.mark.long
def test_a_death_after_the_opening_leaves_both(dying):
    """One transaction wrote the number, the payment and its name; though its time is
    over before anybody looks, nobody is told EXPIRED, and it is paid once.
    """
    browser = dying(AFTER)
    wrote = ask(
        browser.stack,
        "SELECT c.xmin = n.xmin FROM checkout c JOIN payment_out_biz_no n"
        " USING (biz_line, out_biz_no) WHERE c.checkout_no = $1",
        browser.made["checkout_no"],
    )
    ends(browser, -1)
    (no,) = opened(browser)
    assert [(True,)] == [tuple(one) for one in wrote]
    assert ("DOING", no) == tuple(browser.now()[one] for one in ("status", PAY_NO))
    pays(browser)

    paid_once(browser.payer, no, at=QUICK_BANKS + DEDUCT_BANKS)


PAY_NO = "pay_order_no"


def pays(browser: Browser) -> None:
    """The payer waits for his code, or for the box that asks for another one."""
    browser.until("CODE")
    deadline = time.monotonic() + SETTLED_S
    while browser.stage != "PAID":
        assert time.monotonic() < deadline, browser.look().text
        if codes := browser.payer.codes():
            browser.send("confirm", code=codes[-1])
        else:
            browser.send("code")
        time.sleep(0.2)


# --- many at once ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Told:
    """What somebody was told, and when he asked and heard it."""

    asked_at: float
    heard_at: float
    over: bool


@dataclass(slots=True)
class Racer:
    """One checkout at the moment of its end: its payer chooses his card at one node,
    while its page and its line's question go to the others.
    """

    browser: Browser
    ends_at: float
    chooses_at: float
    asked_at: tuple[float, ...]
    """From when on, by the node."""
    place: int
    told: list[Told] = field(default_factory=list)

    async def run(self, client: httpx.AsyncClient) -> None:
        """All of them at once."""
        others = [(self.place + more) % NODES for more in range(1, NODES)]
        looks = (self._looks(client, other) for other in others)
        await asyncio.gather(self._chooses(client), *looks)

    async def _chooses(self, client: httpx.AsyncClient) -> None:
        await _until(self.chooses_at)
        url = f"{self._node(self.place)}{self.browser.path}/pay"
        try:
            await client.post(url, data={"card": self.browser.payer.card_id})
        except httpx.TransportError:
            return

    async def _looks(self, client: httpx.AsyncClient, place: int) -> None:
        await _until(self.asked_at[place])
        for look in (self._page, self._question) * LOOKS:
            asked_at = time.time()
            try:
                over = await look(client, self._node(place))
            except httpx.TransportError:
                return
            self.told.append(Told(asked_at, time.time(), over))

    async def _page(self, client: httpx.AsyncClient, api: str) -> bool:
        answer = await client.get(f"{api}{self.browser.path}")
        said = "status=EXPIRED" in answer.text
        drawn = re.search(r'<body class="(\w+)"', answer.text)
        assert said == (drawn is not None and drawn[1] == "expired"), answer.text
        return said

    async def _question(self, client: httpx.AsyncClient, api: str) -> bool:
        token = self.browser.stack.lines[SHOP].api_key
        answer = await client.get(
            f"{api}/v1/checkouts/{self.browser.made['checkout_no']}",
            headers={"Authorization": f"Bearer {token}"},
        )
        return answer.status_code == 200 and answer.json()["status"] == "EXPIRED"

    def _node(self, place: int) -> str:
        return self.browser.stack.nodes[place].info.api

    @property
    def was_told(self) -> bool:
        """Whether anybody was told that it is over."""
        return any(one.over for one in self.told)

    @property
    def taken_back(self) -> list[Told]:
        """What was told to who asked after somebody else had heard that it is over."""
        heard = [one.heard_at for one in self.told if one.over]
        first = min(heard, default=float("inf"))
        return [one for one in self.told if one.asked_at > first and not one.over]


async def _until(moment: float) -> None:
    await asyncio.sleep(max(0.0, moment - time.time()))


def lined_up(stack: Stack, seed: int) -> list[Racer]:
    """Sixty checkouts that end at one moment; their payers choose in the last ones
    before it, and others look in the first ones after it.
    """
    chance = random.Random(seed)
    payers: list[Payer] = [stack.payer() for _ in range(RACERS)]
    browsers = {(one := Browser(payer)).made["checkout_no"]: one for payer in payers}
    left_s = dict.fromkeys(browsers, 1.5)
    return [
        Racer(
            browser=browsers[no],
            ends_at=ends_at,
            chooses_at=ends_at - chance.uniform(0.0, 2 * SLOW_AROUND_S),
            asked_at=tuple(
                ends_at + chance.uniform(0.0, 2 * SLOW_AROUND_S) for _ in range(NODES)
            ),
            place=chance.randrange(NODES),
        )
        for no, ends_at in ends_in(stack, left_s).items()
    ]


async def raced(racers: list[Racer], strike: float | None = None) -> None:
    """Run them, at a database that is slow to open payments around that moment: many
    that had time left are at work then. With a strike, the last node dies as well.
    """
    stack, moment = racers[0].browser.stack, racers[0].ends_at
    slow = asyncio.create_task(asyncio.to_thread(slow_around, stack, moment))
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=100)
    async with httpx.AsyncClient(timeout=20, verify=PLAIN, limits=limits) as client:
        runs = [racer.run(client) for racer in racers]
        if strike is not None:
            runs.append(_dies(stack, strike))
        await asyncio.gather(*runs)
    await slow


def slow_around(stack: Stack, moment: float) -> None:
    """Whoever has looked, and reads the card's agreements next, waits a while."""
    time.sleep(max(0.0, moment - SLOW_AROUND_S - time.time()))
    with held(stack, "cards_agreement", "ACCESS EXCLUSIVE"):
        time.sleep(max(0.0, moment + SLOW_AROUND_S - time.time()))


async def _dies(stack: Stack, moment: float) -> None:
    await _until(moment)
    stack.nodes[-1].kill()


def judged(racers: list[Racer], living: int) -> None:
    """Told or opened: never both, neither taken back, and whoever was opened is paid
    once, whatever is sent afterwards.
    """
    for racer in racers:
        assert [] == racer.taken_back
    paid = []
    with ThreadPoolExecutor(4) as many:
        for one in many.map(lambda racer: paid_for(racer, living), racers):
            paid += one
    stack = racers[0].browser.stack
    assert [1] * len(paid) == [len(stack.charges(no)) for no in paid]
    told = [racer for racer in racers if racer.was_told]
    assert told, "a race that nobody lost"
    assert paid, "a race that nobody won"


def paid_for(racer: Racer, living: int) -> list[str]:
    """The payment of a checkout, once it is paid; none, where nobody can pay there."""
    browser = racer.browser
    for place in range(living):
        at(browser, place)
        httpx.post(
            f"{browser.stack.nodes[place].info.api}{browser.path}/pay",
            data={"card": browser.payer.card_id},
            verify=PLAIN,
            timeout=20,
        )
    if no := opened(browser):
        assert not racer.was_told, racer.told
        pays(browser)
        return no
    assert "EXPIRED" == browser.stage
    assert [] == browser.payer.codes()
    return []


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.long)])
def test_sixty_at_the_moment_of_their_end(at_three, seed):
    """At three nodes: nobody told EXPIRED is ever paid."""
    racers = lined_up(at_three, seed)
    asyncio.run(raced(racers))

    judged(racers, NODES)


@pytest.mark.long
@pytest.mark.parametrize("seed", [3, 4])
def test_sixty_at_the_moment_of_their_end_and_a_death(seed):
    """One of the nodes dies in the middle of it: nor then."""
    quick = {"money_timeout_s": 2, "enquiry_timeout_s": 1, "heartbeat_s": 1}
    with stacked(**quick, lease_s=4) as stack:
        for _ in range(NODES - 1):
            stack.start_node()
        racers = lined_up(stack, seed)
        asyncio.run(raced(racers, racers[0].ends_at + SLOW_AROUND_S))

        judged(racers, NODES - 1)
        stack.nodes.pop()
