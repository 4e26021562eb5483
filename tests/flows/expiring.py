"""Checkouts at the moment of their end: let it come, hold up who is at work then, race
for it; and what must be true of each afterwards.
"""

import asyncio
import random
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx2 as httpx
from sql import ask, session
from stack import PATIENCE_S, PLAIN, SHOP, Payer, Stack
from test_checkout import Browser

NODES, RACERS, LOOKS = 3, 60, 2
SLOW_AROUND_S = 0.3
BLOCKED_WITHIN_S = 60.0
SETTLED_S = 90.0
IN_TIME = TOO_LATE = 5
"""So many choose early, so many when it is over: somebody wins on a busy machine too,
and somebody loses on one that is not."""
PAST = "WITH past AS (SELECT set_config('session_replication_role', 'replica', true))"


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


def ends(browser: Browser, left_s: float) -> float:
    """One checkout's end is so near; when it is, in Unix seconds."""
    no = browser.made["checkout_no"]
    return ends_in(browser.stack, {no: left_s})[no]


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
    before it, a few in the first ones after it, when others look as well.
    """
    chance = random.Random(seed)
    payers: list[Payer] = [stack.payer() for _ in range(RACERS)]
    browsers = {(one := Browser(payer)).made["checkout_no"]: one for payer in payers}
    left_s = dict.fromkeys(browsers, 3.0)
    return [
        Racer(
            browser=browsers[no],
            ends_at=ends_at,
            chooses_at=ends_at
            - chance.uniform(0.0, 2 * SLOW_AROUND_S)
            - (2.0 if number < IN_TIME else 0.0)
            + (2 * SLOW_AROUND_S if number >= RACERS - TOO_LATE else 0.0),
            asked_at=tuple(
                ends_at + chance.uniform(0.0, 2 * SLOW_AROUND_S) for _ in range(NODES)
            ),
            place=chance.randrange(NODES),
        )
        for number, (no, ends_at) in enumerate(ends_in(stack, left_s).items())
    ]


async def raced(racers: list[Racer], strike: float | None = None) -> None:
    """Run them, at a database that is slow to open payments around that moment: many
    that had time left are at work then. With a strike, the last node dies as well.
    """
    stack, moment = racers[0].browser.stack, racers[0].ends_at
    slow = asyncio.create_task(asyncio.to_thread(slow_around, stack, moment))
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=100)
    async with httpx.AsyncClient(
        timeout=PATIENCE_S, verify=PLAIN, limits=limits
    ) as client:
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
            timeout=PATIENCE_S,
        )
    if no := opened(browser):
        assert not racer.was_told, racer.told
        pays(browser)
        return no
    assert "EXPIRED" == browser.stage
    assert [] == browser.payer.codes()
    return []
