"""Two nodes over one database: any takes any request, and a sleeper does no harm."""

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from facts import BANKS_OF_LINE, events, paid_once
from inside import coupon_is, fresh_coupon
from insistent import Client
from stack import SHOP, TICKETS, Payer, Stack, stacked

pytestmark = pytest.mark.long

BOTH_WAYS = pytest.mark.parametrize("line", [SHOP, TICKETS])
HERE, THERE = 0, 1


@pytest.fixture(scope="module")
def pair() -> Iterator[Stack]:
    """A stack of our own with two nodes."""
    with stacked(money_timeout_s=3, enquiry_timeout_s=1) as stack:
        stack.start_node()
        yield stack


def turned_to(payer: Payer, line: int, *, node: int) -> Payer:
    """The same payer at another node."""
    api = payer.stack.client(line, node=node)
    return Payer(payer.stack, api, payer.card_id, payer.phone)


@BOTH_WAYS
def test_a_payment_may_change_nodes(pair: Stack, line: int):
    """Opened at one node, confirmed at another, read at the first."""
    here = pair.payer(line, node=HERE)
    there = turned_to(here, line, node=THERE)
    no = here.open().json()["pay_order_no"]

    assert "SUCCESS" == there.pays(no)["biz_status"]

    paid_once(here, no, at=BANKS_OF_LINE[line])


@BOTH_WAYS
def test_confirms_at_two_nodes_charge_once(pair: Stack, line: int):
    """F24, I1: fifty confirms over two nodes, one money leg."""
    here = pair.payer(line, node=HERE)
    both = [here, turned_to(here, line, node=THERE)]
    no = here.open().json()["pay_order_no"]
    code = here.codes()[-1]

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda n: both[n % 2].confirm(no, code), range(50)))

    assert {200, 409} >= {answer.status_code for answer in answers}
    here.until(no)
    paid_once(here, no, at=BANKS_OF_LINE[line])


def test_one_coupon_at_two_nodes_is_locked_once(pair: Stack):
    """F52: twenty orders over two nodes want one coupon; one is charged."""
    coupon_no = fresh_coupon(pair)
    payers = [pair.payer(node=n % 2) for n in range(20)]
    numbers = [p.open(coupon_no=coupon_no).json()["pay_order_no"] for p in payers]

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(lambda payer, no: payer.confirm(no), payers, numbers))

    charged = [no for no in numbers if pair.charges(no)]
    assert 1 == len(charged)
    assert "SUCCESS" == payers[0].until(charged[0])["biz_status"]
    assert ("USED", charged[0]) == coupon_is(pair, coupon_no)


@BOTH_WAYS
def test_a_sleeper_that_wakes_charges_nothing_twice(pair: Stack, line: int):
    """F48: a node stops in the middle of a charge, another finds the truth; what the
    sleeper heard meanwhile is evidence and no second effect.
    """
    payer = pair.payer(line, node=THERE)
    awake = turned_to(payer, line, node=HERE)
    no = payer.open().json()["pay_order_no"]
    target = "bank.quick_*.confirm" if line == SHOP else "bank.deduct_*.deduct"
    pair.no_faults()  # that have struck: the bank has the call before the node stops
    pair.fault(target, "slow:2", count=1)
    with ThreadPoolExecutor() as pool:
        confirming = pool.submit(payer.confirm, no)
        pair.has_struck()
        with asleep(pair, THERE):
            order = awake.until(no, within_s=60)
        late = confirming.result()

    assert "SUCCESS" == order["biz_status"]
    assert late.status_code in {200, 503}, late.text
    paid_once(awake, no, at=BANKS_OF_LINE[line])
    assert 1 == events(awake, no).count("PAID")


@contextmanager
def asleep(stack: Stack, node: int) -> Iterator[None]:
    """A node, stopped while the block runs."""
    pid = stack.nodes[node].pid
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_a_sleep_under_load_loses_nothing(pair: Stack):
    """F48, I1: a node sleeps through its own death among thirty charges, and wakes. The
    banks have each of them by then: of one that never left, an order may fail.
    """
    clients = []
    for n in range(30):
        payer = pair.payer(n % 2, node=n // 2 % 2)
        other = pair.client(n % 2, node=1 - n // 2 % 2)
        clients.append(Client(payer, other))
    with ThreadPoolExecutor(len(clients)) as pool:
        opened = list(pool.map(Client.open, clients))
        pair.no_faults()
        pair.fault("bank.quick_*.confirm", "slow:1")
        pair.fault("bank.deduct_*.deduct", "slow:1")
        paying = [
            pool.submit(client.confirm, order)
            for client, order in zip(clients, opened, strict=True)
        ]
        pair.has_struck(len(clients))
        with asleep(pair, THERE):
            time.sleep(9)
        orders = [each.result() for each in paying]

    pair.no_faults()
    for client, order in zip(clients, orders, strict=True):
        assert "SUCCESS" == order["biz_status"], order
        both = BANKS_OF_LINE[SHOP] + BANKS_OF_LINE[TICKETS]
        paid_once(client.payer, order["pay_order_no"], at=both)


def test_a_node_told_to_stop_finishes_what_it_began(pair: Stack):
    """SIGTERM in the middle of ten charges: each of them gets its answer, SUCCESS."""
    leaving = pair.start_node(money_timeout_s=20)
    payers = [pair.payer(n % 2, node=len(pair.nodes) - 1) for n in range(10)]
    numbers = [payer.open().json()["pay_order_no"] for payer in payers]
    pair.fault("bank.*.*", "slow:1")
    with ThreadPoolExecutor(len(payers)) as pool:
        confirming = [
            pool.submit(payer.confirm, no)
            for payer, no in zip(payers, numbers, strict=True)
        ]
        pair.has_struck(len(payers))
        leaving.stop()
        results = [each.result().json() for each in confirming]

    pair.no_faults()
    assert 0 == leaving.process.returncode
    assert {"SUCCESS"} == {result["biz_status"] for result in results}
    for n, (payer, no) in enumerate(zip(payers, numbers, strict=True)):
        there = turned_to(payer, n % 2, node=HERE)
        paid_once(there, no, at=BANKS_OF_LINE[n % 2])


def test_the_api_answers_in_time_and_the_charge_goes_on(pair: Stack):
    """9.13, K08: when the time is up the answer is DOING, and stays so under its key;
    the charge comes to its end.
    """
    hasty = pair.start_node(answer_within_s=0.5, money_timeout_s=20)
    here = pair.payer(node=HERE)
    payer = turned_to(here, SHOP, node=len(pair.nodes) - 1)
    no = here.open().json()["pay_order_no"]
    pair.fault("bank.quick_*.confirm", "slow:3", count=1)
    headers = {"Idempotency-Key": "in-time"}

    first = payer.confirm(no, **headers)

    assert (200, "DOING") == (first.status_code, first.json()["biz_status"])
    assert "SUCCESS" == payer.until(no)["biz_status"]
    assert first.content == payer.confirm(no, **headers).content
    paid_once(payer, no, at=BANKS_OF_LINE[SHOP])
    hasty.stop()
