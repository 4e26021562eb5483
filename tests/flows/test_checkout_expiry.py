"""Nobody who was told EXPIRED is ever paid: whichever node said so, by whichever clock,
with requests under way, and with nodes that die in between.
"""

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta

import httpx2 as httpx
import pytest
from expiring import (
    BLOCKED_WITHIN_S,
    NODES,
    SLOW_AROUND_S,
    blocked_at,
    ends,
    held,
    is_over,
    judged,
    lined_up,
    opened,
    pays,
    raced,
)
from facts import DEDUCT_BANKS, QUICK_BANKS, paid_once
from inside import inside
from sql import ask
from stack import SHOP, Stack, stacked
from test_checkout import SIGN, TYPED, Browser, numbered
from wire import AFTER, BEFORE, wired

from paycore.checkout import service as checkouts
from paycore.checkout import steps
from paycore.checkout.rows import CheckoutRow
from paycore.checkout.scene import stage_of
from paycore.kernel.node import Node


@pytest.fixture(scope="module")
def three() -> Iterator[Stack]:
    """A stack of our own with three nodes, which live long without a beat, and wait
    long for a bank.
    """
    waits = ("money_timeout_s", "send_code_timeout_s", "enquiry_timeout_s")
    with stacked(lease_s=30, **dict.fromkeys(waits, 30)) as stack:
        for _ in range(NODES - 1):
            stack.start_node()
        yield stack


@pytest.fixture
def at_three(three: Stack) -> Iterator[Stack]:
    """The three nodes, none in doubt of its life, with all strangers behaving before
    and after: whoever was kept from beating sends nothing, and converts.
    """
    three.no_faults()
    for at in range(3):
        while three.client(node=at).get("/readyz").status_code != 200:
            time.sleep(0.1)
    yield three
    three.no_faults()


def test_a_payment_that_was_about_to_open(at_three):
    """Its request has looked in time and is slow; somebody is told meanwhile, at
    another node: nothing is opened, no code is sent.
    """
    browser = Browser(at_three.payer())
    ends(browser, 4.0)
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


def test_who_looks_while_a_payment_is_opening(at_three):
    """Its first rows are on their way in, and its time is over: the look waits for
    them, or they are not written. Whatever is told first is what stands.
    """
    browser = Browser(at_three.payer())
    over = ends(browser, 4.0)
    api = at_three.client(SHOP, node=1)
    with ThreadPoolExecutor(2) as pool:
        with held(at_three, "payment_out_biz_no", "SHARE"):
            pool.submit(browser.send, "pay", card=browser.payer.card_id)
            blocked_at(at_three, "payment_out_biz_no")
            # Its node may not beat meanwhile: for less than would put it in doubt.
            time.sleep(max(0.0, over - time.time()) + 0.2)
            url = f"/v1/checkouts/{browser.made['checkout_no']}"
            look: Future = pool.submit(api.get, url)
            time.sleep(0.3)
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
    phone = f"131{payer.phone[-8:]}"
    browser.send("card", **{**TYPED, "number": numbered(phone)}, phone=phone)
    code = at_three.sms(f"+86{phone}")[-1]["code"]
    ends(browser, 3.0)
    at_three.fault("bank.quick_a.sign", "slow:8", count=1)
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
    paying.until("PAID")


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
    assert ("DOING", no) == tuple(
        browser.now()[one] for one in ("status", "pay_order_no")
    )
    pays(browser)

    paid_once(browser.payer, no, at=QUICK_BANKS + DEDUCT_BANKS)


# --- many at once ---------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.parametrize("seed", [1, 2])
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
