"""kill -9, in the middle of everything: of a node, and of the database.

What a payer was told stays true, what a bank did is found, nothing is done twice.
"""

import time
import uuid
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import httpx2 as httpx
import pytest
from facts import BANKS_OF_LINE, DEDUCT_BANKS, agreed, events, paid_once, took_nothing
from inside import coupon_is, fresh_coupon, inside
from insistent import Client
from stack import SHOP, TICKETS, Payer, Stack, stacked

from paycore.core.rows import PaymentRow

pytestmark = pytest.mark.long

MOVING_WITHIN_S = 60.0
"""By then no payment waits any more for a node that is dead, on a busy machine too."""
LET_GO_WITHIN_S = 30.0
SURVIVOR = 0


@pytest.fixture(scope="module")
def crashing() -> Iterator[Stack]:
    """A stack of our own, with one node that survives; its life is the default one."""
    with stacked(money_timeout_s=2, enquiry_timeout_s=1) as stack:
        yield stack


@dataclass
class Wreck:
    """Payments in whose middle a node was killed."""

    stack: Stack
    killed_at: float = 0.0
    payers: dict[str, Payer] = field(default_factory=dict)
    numbers: dict[str, str] = field(default_factory=dict)
    coupons: dict[str, str] = field(default_factory=dict)
    lost: dict[str, "Future[httpx.Response]"] = field(default_factory=dict)
    """Requests that never got their answer."""

    def survivor(self, name: str) -> Payer:
        """The payer, turned to the node that is left."""
        payer = self.payers[name]
        line = TICKETS if name in ("deducted", "not deducted", "texting") else SHOP
        api = self.stack.client(line, node=SURVIVOR)
        return Payer(self.stack, api, payer.card_id, payer.phone)


@pytest.fixture(scope="module")
def wreck(crashing: Stack) -> Wreck:
    """Six payments, each in the middle of another call, when their node is killed."""
    patient = dict.fromkeys(
        ("money_timeout_s", "send_code_timeout_s", "sms_timeout_s"), 5
    )
    node = crashing.start_node(**patient)
    place = len(crashing.nodes) - 1
    found = Wreck(crashing)
    for name, line, card in (
        ("sending", SHOP, agreed("quick_a", "deduct_a")),
        ("confirmed", SHOP, agreed("quick_a", "deduct_a")),
        ("not confirmed", SHOP, agreed("quick_b", "deduct_b")),
        ("deducted", TICKETS, agreed("deduct_a")),
        ("not deducted", TICKETS, agreed("deduct_b")),
        ("texting", TICKETS, agreed("deduct_a")),
    ):
        found.payers[name] = crashing.payer(line, node=place, agreements=card)
        found.coupons[name] = fresh_coupon(crashing, line=line)
    with ThreadPoolExecutor(8) as pool:
        _begin(found, pool)
        crashing.has_struck(len(found.payers))
        node.kill()
        found.killed_at = time.monotonic()
    crashing.no_faults()
    return found


def _begin(wreck: Wreck, pool: ThreadPoolExecutor) -> None:
    """Let each payment go up to the call in which it will be left."""
    charged = ("confirmed", "not confirmed", "deducted", "not deducted")
    for name in charged:
        order = wreck.payers[name].open(coupon_no=wreck.coupons[name]).json()
        wreck.numbers[name] = order["pay_order_no"]
    stack = wreck.stack
    stack.fault("bank.quick_a.send_code", "slow:4")
    stack.fault("carrier.*.send", "slow:4")
    stack.fault("bank.quick_a.confirm", "slow:4")
    stack.fault("bank.deduct_a.deduct", "slow:4")
    stack.fault("bank.quick_b.confirm", "timeout_before")
    stack.fault("bank.deduct_b.deduct", "timeout_before")
    for name in charged:
        payer, no = wreck.payers[name], wreck.numbers[name]
        wreck.lost[name] = pool.submit(payer.confirm, no)
    for name in ("sending", "texting"):
        payer, order = wreck.payers[name], {"out_biz_no": uuid.uuid4().hex}
        wreck.lost[name] = pool.submit(payer.open, **order)
        wreck.numbers[name] = order["out_biz_no"]


def number_of(payer: Payer, out_biz_no: str) -> str:
    """The one order under the line's own number."""
    found = payer.api.get("/v1/payments", params={"out_biz_no": out_biz_no}).json()
    (order,) = found["items"]
    return order["pay_order_no"]


def until_codes(payer: Payer, wreck: Wreck, carriers: tuple[str, ...]) -> None:
    """Wait for a text by our carriers, which comes after the kill."""
    while not {text["carrier"] for text in wreck.stack.sms(payer.phone)} & {*carriers}:
        assert time.monotonic() < wreck.killed_at + MOVING_WITHIN_S, "no new code"
        time.sleep(0.1)


def until_sent(payer: Payer, wreck: Wreck, no: str) -> None:
    """Wait until it is written down that a code is out."""
    while payer.get(no)["code"] is None:
        assert time.monotonic() < wreck.killed_at + MOVING_WITHIN_S, "no code is out"
        time.sleep(0.1)


def test_a_node_that_dies_sending_is_replaced_by_a_conversion(wreck: Wreck):
    """F14, F04: the quick send's fate is unknown, so another node converts."""
    payer = wreck.survivor("sending")
    no = number_of(payer, wreck.numbers["sending"])

    until_codes(payer, wreck, ("a", "b"))

    assert isinstance(wreck.lost["sending"].exception(), httpx.TransportError)
    until_sent(payer, wreck, no)
    assert "DEDUCT" == payer.get(no)["pay_type"]
    assert "SUCCESS" == payer.pays(no)["biz_status"]
    paid_once(payer, no, at=DEDUCT_BANKS)


def test_a_node_that_dies_texting_leaves_one_good_code(wreck: Wreck):
    """F15: whether the text left is unknown, so a new code replaces it."""
    payer = wreck.survivor("texting")
    no = number_of(payer, wreck.numbers["texting"])
    while len(payer.codes()) < 2:
        assert time.monotonic() < wreck.killed_at + MOVING_WITHIN_S
        time.sleep(0.1)
    until_sent(payer, wreck, no)
    old, new = payer.codes()

    assert "WRONG" == payer.confirm(no, old).json()["verify_status"]
    assert "SUCCESS" == payer.pays(no, new)["biz_status"]
    paid_once(payer, no, at=DEDUCT_BANKS)


@pytest.mark.parametrize(("name", "line"), [("confirmed", SHOP), ("deducted", TICKETS)])
def test_a_charge_whose_node_died_is_found(wreck: Wreck, name: str, line: int):
    """F44: the bank acted, nobody heard it: another node enquires: SUCCESS, once."""
    payer, no = wreck.survivor(name), wreck.numbers[name]

    order = payer.until(no, within_s=MOVING_WITHIN_S)

    assert isinstance(wreck.lost[name].exception(), httpx.TransportError)
    assert "SUCCESS" == order["biz_status"]
    paid_once(payer, no, at=BANKS_OF_LINE[line])
    assert ("USED", no) == coupon_is(wreck.stack, wreck.coupons[name], line)
    assert 1 == events(payer, no).count("CHARGE_BEGUN")


@pytest.mark.parametrize(
    ("name", "line"), [("not confirmed", SHOP), ("not deducted", TICKETS)]
)
def test_a_charge_that_died_before_the_bank_acted_fails(
    wreck: Wreck, name: str, line: int
):
    """F43: never heard of at the bank: FAIL after the window, coupon free."""
    payer, no = wreck.survivor(name), wreck.numbers[name]

    order = payer.until(no, within_s=60)

    assert ("FAIL", "NOT_TAKEN") == (order["biz_status"], order["resp_code"])
    assert ("AVAILABLE", None) == coupon_is(wreck.stack, wreck.coupons[name], line)
    took_nothing(payer, no)


def all_is_well(stack: Stack, clients: list[Client], orders: list[dict]) -> None:
    """Every payment is final, banks and books agree, nothing told was taken back."""
    for client, order in zip(clients, orders, strict=True):
        no, payer = order["pay_order_no"], client.payer
        assert order["biz_status"] in ("SUCCESS", "FAIL")
        charges = stack.charges(no)
        assert (order["biz_status"] == "SUCCESS") == (1 == len(charges)), charges
        assert len(charges) <= 1
        payer.api = stack.client(payer.line, node=SURVIVOR)
        if order["biz_status"] == "SUCCESS":
            paid_once(payer, no, at=BANKS_OF_LINE[0] + BANKS_OF_LINE[1])
        told = [said["biz_status"] for said in client.acknowledged]
        final = [status for status in told if status != "DOING"]
        assert set(final) <= {order["biz_status"]}


def clients_at(stack: Stack, count: int, *nodes: int) -> list[Client]:
    """So many payers, spread over lines and nodes, each able to turn to any node."""
    made = []
    for n in range(count):
        line, node = n % 2, nodes[n // 2 % len(nodes)]
        payer = stack.payer(line, node=node)
        payer.line = line
        others = [stack.client(line, node=other) for other in nodes if other != node]
        made.append(Client(payer, *others))
    return made


def test_a_node_killed_under_load_loses_nothing(crashing: Stack):
    """F44, F64, I1: thirty payments over two nodes, one killed: every one ends, charges
    are the successes, and within half a minute nothing waits for the dead.
    """
    victim = crashing.start_node()
    place = len(crashing.nodes) - 1
    clients = clients_at(crashing, 30, SURVIVOR, place)
    crashing.fault("bank.*.*", "slow:0.4")
    crashing.fault("carrier.*.send", "slow:0.4")
    with ThreadPoolExecutor(len(clients)) as pool:
        paying = [pool.submit(client.pay) for client in clients]
        time.sleep(0.9)
        victim.kill()
        killed_at = time.monotonic()
        while held_by(crashing, victim.info.epoch):
            assert time.monotonic() < killed_at + LET_GO_WITHIN_S
            time.sleep(0.5)
        orders = [each.result() for each in paying]

    crashing.no_faults()
    assert time.monotonic() - killed_at < 2 * MOVING_WITHIN_S
    assert any(client.turned_away for client in clients)
    all_is_well(crashing, clients, orders)


def held_by(stack: Stack, epoch: int) -> int:
    """How many payments are in the hands of a node's life."""
    found = inside(stack, lambda node: node.journal.every(PaymentRow))
    return sum(row.lease_epoch == epoch for row in found)


def test_a_database_killed_under_load_loses_nothing(crashing: Stack):
    """F64, F65: PostgreSQL dies and comes back: callers wait or are told 503, nothing
    told is lost, and all goes on by itself.
    """
    clients = clients_at(crashing, 20, SURVIVOR)
    crashing.fault("bank.*.*", "slow:0.3")
    with ThreadPoolExecutor(len(clients)) as pool:
        paying = [pool.submit(client.pay) for client in clients]
        time.sleep(0.6)
        crashing.on.cluster.kill()
        time.sleep(1)
        crashing.on.cluster.restart()
        orders = [each.result() for each in paying]

    crashing.no_faults()
    all_is_well(crashing, clients, orders)
