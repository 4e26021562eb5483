"""A node killed at each boundary of a payment, by -9, exactly there.

Where the boundaries of the matrix have become one commit, the test shows that one
transaction holds both sides: there is no between any more.
"""

import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx2 as httpx
import pytest
from facts import BANKS_OF_LINE, events, paid_once, took_nothing
from inside import coupon_is, fresh_coupon
from refunding import given_back, got, refund, told, until
from sql import ask
from stack import SHOP, TICKETS, Payer, Stack, key, stacked
from wire import AFTER, BEFORE, Wire, wired

from paycore.dev.processes import NodeProcess

pytestmark = pytest.mark.long

BOTH_WAYS = pytest.mark.parametrize("line", [SHOP, TICKETS])
SURVIVOR = 0
MOVING_WITHIN_S = 60.0


@pytest.fixture(scope="module")
def crashing() -> Iterator[Stack]:
    """A stack of our own, whose first node survives all of it."""
    with stacked(
        money_timeout_s=2, enquiry_timeout_s=1, heartbeat_s=1, lease_s=4
    ) as stack:
        yield stack


class Doomed:
    """A payment at a node that will die, with its payer at that node and elsewhere."""

    def __init__(self, stack: Stack, wire: Wire, node: NodeProcess, line: int) -> None:
        self.stack, self.wire, self.node, self.line = stack, wire, node, line
        self.payer = stack.payer(line, node=stack.nodes.index(node))
        api = stack.client(line, node=SURVIVOR)
        self.elsewhere = Payer(stack, api, self.payer.card_id, self.payer.phone)
        self.coupon_no = fresh_coupon(stack, line=line)
        self.no = ""

    def open(self) -> str:
        """An order with a coupon, whose code is out."""
        self.no = self.payer.open(coupon_no=self.coupon_no).json()["pay_order_no"]
        return self.no

    def confirm(self, one_key: dict[str, str] | None = None):
        """Confirm where there is somebody to confirm at; a node that a busy machine has
        kept from beating says 503, and is asked again.
        """
        deadline, one = time.monotonic() + MOVING_WITHIN_S, one_key or {}
        while (answer := self.elsewhere.confirm(self.no, **one)).status_code == 503:
            assert time.monotonic() < deadline, answer.text
            time.sleep(0.3)
        return answer

    @contextmanager
    def dying(self, *words: str, at: str, doing) -> Iterator[None]:
        """Inside the block the node stands still at the COMMIT that says these words;
        at its end the node is dead, and who waited for it knows.
        """
        strike = self.wire.hold(*words, at=at)
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(doing)
            strike.wait()
            yield
            self.node.kill()
            self.wire.drop(strike)
            assert isinstance(waiting.exception(), httpx.TransportError)

    def one_transaction(self, *tables: str) -> None:
        """The payment's newest rows in these tables were written by one transaction."""
        wrote = {}
        for table in tables:
            owner = "holder" if table == "coupon" else "pay_order_no"
            newest = f"SELECT max(xmin::text::bigint) FROM {table} WHERE {owner} = $1"
            ((wrote[table],),) = ask(self.stack, newest, self.no)
        assert None not in wrote.values(), wrote
        assert 1 == len(set(wrote.values())), wrote

    def coupon(self) -> tuple[str, str | None]:
        """Where the coupon stands."""
        return coupon_is(self.stack, self.coupon_no, self.line)

    def is_paid_once(self) -> None:
        """SUCCESS, one charge, one posting, one notice, and the coupon is used."""
        order = self.elsewhere.until(self.no, within_s=MOVING_WITHIN_S)
        assert "SUCCESS" == order["biz_status"], order
        paid_once(self.elsewhere, self.no, at=BANKS_OF_LINE[self.line])
        assert ("USED", self.no) == self.coupon()
        told = events(self.elsewhere, self.no)
        assert (1, 1) == (told.count("CHARGE_BEGUN"), told.count("PAID")), told

    def insist(self, act):
        """Until it is not answered that somebody is at it."""
        deadline = time.monotonic() + MOVING_WITHIN_S
        while (answer := act()).status_code == 409:
            assert time.monotonic() < deadline, answer.text
            assert "idempotency_in_flight" == answer.json()["code"], answer.text
            time.sleep(0.3)
        return answer


@pytest.fixture
def doomed(crashing: Stack) -> Iterator:
    """A function that starts a node that will die, with a payer."""
    crashing.no_faults()
    with wired(crashing) as (wire, node):
        yield lambda line: Doomed(crashing, wire, node, line)


@BOTH_WAYS
def test_a_death_before_the_first_commit_leaves_nothing(doomed, line: int):
    """F40: checked, and nothing written: no order, no text; the same key opens it."""
    it = doomed(line)
    body, one = it.payer.order(coupon_no=it.coupon_no), key()

    def post(payer: Payer):
        return payer.api.post("/v1/quick-payments", json=body, headers=one)

    with it.dying(body["out_biz_no"], at=BEFORE, doing=lambda: post(it.payer)):
        pass

    found = it.elsewhere.api.get(
        "/v1/payments", params={"out_biz_no": body["out_biz_no"]}
    )
    assert [] == found.json()["items"]
    assert [] == it.elsewhere.codes()
    again = post(it.elsewhere)
    assert 201 == again.status_code, again.text
    it.no = again.json()["pay_order_no"]
    assert 1 == len(it.elsewhere.codes())
    assert 200 == it.confirm().status_code
    it.is_paid_once()


@BOTH_WAYS
def test_a_death_after_the_checks_of_a_confirm_leaves_no_lease(doomed, line: int):
    """F40: the lease is only written with an intent; before it the same key and code
    do all of it elsewhere, at once.
    """
    it, one = doomed(line), {"Idempotency-Key": uuid.uuid4().hex}
    no = it.open()
    intent = "CHARGE_BEGUN" if line == SHOP else "SMS_VERIFY"

    with it.dying(no, intent, at=BEFORE, doing=lambda: it.payer.confirm(no, **one)):
        pass

    assert ("AVAILABLE", None) == it.coupon()
    took_nothing(it.elsewhere, no)
    assert 200 == it.confirm(one).status_code
    it.is_paid_once()


def test_a_death_with_the_lease_in_its_hands_ends_the_lease(doomed):
    """F40: the try is counted, the lease written, the node dead: others wait until it
    is declared so, then the same code pays.
    """
    it = doomed(TICKETS)
    no = it.open()

    with it.dying(no, "SMS_VERIFY", at=AFTER, doing=lambda: it.payer.confirm(no)):
        assert 409 == it.confirm().status_code

    assert 200 == it.insist(it.confirm).status_code
    assert 1 == len(it.elsewhere.codes())
    it.is_paid_once()


def test_a_death_between_the_pass_and_the_money_needs_no_new_code(doomed):
    """F41: the code was right and nothing of it is stored: the same code pays."""
    it = doomed(TICKETS)
    no = it.open()

    with it.dying(no, "CHARGE_BEGUN", at=BEFORE, doing=lambda: it.payer.confirm(no)):
        pass

    assert ("AVAILABLE", None) == it.coupon()
    assert 200 == it.insist(it.confirm).status_code
    assert 1 == len(it.elsewhere.codes())
    it.is_paid_once()


@BOTH_WAYS
def test_pass_lock_and_money_leg_are_one_commit(doomed, line: int):
    """F41, F42, F43: there is no lock without its leg: one transaction wrote PASS,
    lock and leg. Dead right after it, nothing was sent: FAIL, and the coupon is free.
    """
    it = doomed(line)
    no = it.open()

    with it.dying(no, "CHARGE_BEGUN", at=AFTER, doing=lambda: it.payer.confirm(no)):
        assert ("LOCKED", no) == it.coupon()
        written = ["payment", "attempt", "transition", "coupon"]
        if line == TICKETS:
            written.append("sms_code")
            ((passed,),) = ask(
                it.stack, "SELECT status FROM sms_code WHERE pay_order_no = $1", no
            )
            assert "PASSED" == passed
        it.one_transaction(*written)

    order = it.elsewhere.until(no, within_s=60)
    assert ("FAIL", "NOT_TAKEN") == (order["biz_status"], order["resp_code"])
    assert ("AVAILABLE", None) == it.coupon()
    took_nothing(it.elsewhere, no)


@BOTH_WAYS
def test_a_death_before_the_result_is_written_loses_no_money(doomed, line: int):
    """F44, F45: the bank charged and nothing of it is stored: another node asks, and
    status, coupon, posting and notice come with its answer, once.
    """
    it = doomed(line)
    no = it.open()

    with it.dying(no, "PAID", at=BEFORE, doing=lambda: it.payer.confirm(no)):
        assert 1 == len(it.stack.charges(no))
        assert ("LOCKED", no) == it.coupon()

    it.is_paid_once()


@BOTH_WAYS
def test_status_coupon_posting_and_notice_are_one_commit(doomed, line: int):
    """F45, F46, F51, F53: no tail can be missing: one transaction wrote all of it.
    Dead right after it, the notice is delivered by another node.
    """
    it = doomed(line)
    no = it.open()

    with it.dying(no, "PAID", at=AFTER, doing=lambda: it.payer.confirm(no)):
        assert "SUCCESS" == it.elsewhere.get(no)["biz_status"]
        assert ("USED", no) == it.coupon()
        assert [] == it.stack.notices(no, within_s=0)
        it.one_transaction(
            "payment",
            "attempt",
            "transition",
            "coupon",
            "accounting_posting",
            "accounting_entry",
            "notify_notice",
            "idempotency_key",
        )

    it.is_paid_once()


def test_a_death_inside_a_refund_keeps_its_reservation(doomed):
    """F47: reserved and recorded in one commit, and dead before the first byte: nobody
    else gives the money back, another node asks the bank, and sends the same number.
    """
    it = doomed(SHOP)
    no = it.open()
    assert "SUCCESS" == it.elsewhere.pays(no)["biz_status"]

    with it.dying(
        no, "REFUND_BEGUN", at=AFTER, doing=lambda: refund(it.payer, no, 900)
    ):
        assert "REFUND_EXCEEDS" == refund(it.elsewhere, no, 900).json()["code"]
        it.one_transaction(
            "refund",
            "refund_total",
            "refund_transition",
            "refund_out_refund_no",
            "gateway_message",
            "idempotency_key",
        )
        assert [] == given_back(it.elsewhere, no)

    done = until(it.elsewhere, f"{no}R01")
    assert ("SUCCESS", 900) == (done["biz_status"], done["amount"])
    assert [done["money_amount"]] == given_back(it.elsewhere, no)
    assert ["refund.succeeded"] == told(it.elsewhere, f"{no}R01")


def test_a_death_before_a_refunds_result_is_written_gives_back_once(doomed):
    """F47: the bank gave back and nothing of it is stored: another node finds it."""
    it = doomed(TICKETS)
    no = it.open()
    assert "SUCCESS" == it.elsewhere.pays(no)["biz_status"]

    with it.dying(no, "REFUNDED", at=BEFORE, doing=lambda: refund(it.payer, no, 1250)):
        assert 1 == len(given_back(it.elsewhere, no))
        assert "DOING" == got(it.elsewhere, f"{no}R01")["biz_status"]

    done = until(it.elsewhere, f"{no}R01")
    assert "SUCCESS" == done["biz_status"]
    assert [done["money_amount"]] == given_back(it.elsewhere, no)
    assert 1250 == it.elsewhere.get(no)["refunded_amount"]


def _deducting(it: Doomed, **changes):
    """A deduction at the node that will die; its body and how it is asked for."""
    body, one = it.payer.order(coupon_no=it.coupon_no, **changes), key()

    def post(payer: Payer):
        return payer.api.post("/v1/deductions", json=body, headers=one)

    return body, post


def _number(it: Doomed, body) -> str:
    """The number of the order that a dead node has opened."""
    params = {"out_biz_no": body["out_biz_no"]}
    (found,) = it.elsewhere.api.get("/v1/payments", params=params).json()["items"]
    it.no = found["pay_order_no"]
    return it.no


def test_a_death_before_the_leg_of_a_deduction_is_sent_takes_nothing(doomed):
    """F43: order, lock and leg are one commit; dead right after it, the bank is asked
    and knows nothing: no other bank is, and the same key has the end of it.
    """
    it = doomed(TICKETS)
    body, post = _deducting(it)

    with it.dying("CHARGE_BEGUN", at=AFTER, doing=lambda: post(it.payer)):
        no = _number(it, body)
        it.one_transaction("payment", "attempt", "transition", "coupon")

    order = it.elsewhere.until(no, within_s=60)
    assert ("FAIL", "NOT_TAKEN") == (order["biz_status"], order["resp_code"])
    assert ("AVAILABLE", None) == it.coupon()
    took_nothing(it.elsewhere, no)
    assert order == it.insist(lambda: post(it.elsewhere)).json()


def test_a_death_between_two_tries_of_a_deduction_loses_neither(doomed):
    """F40: the bank has refused and nothing of it is stored: another node finds that
    out and goes on with the other bank, which takes the money once.
    """
    it = doomed(TICKETS)
    body, post = _deducting(it)
    it.stack.fault("bank.deduct_*.deduct", "decline:MAINTENANCE", count=1)

    with it.dying("NOT_CHARGED", at=BEFORE, doing=lambda: post(it.payer)):
        no = _number(it, body)

    order = it.elsewhere.until(no, within_s=60)
    assert "SUCCESS" == order["biz_status"], order
    paid_once(it.elsewhere, no, at=BANKS_OF_LINE[TICKETS])
    assert ("USED", no) == it.coupon()
    assert ["CHARGE_BEGUN", "NOT_CHARGED", "CHARGE_BEGUN", "PAID"] == events(
        it.elsewhere, no
    )
    assert no == it.insist(lambda: post(it.elsewhere)).json()["pay_order_no"]


def test_a_death_before_the_result_of_a_deduction_is_written_charges_once(doomed):
    """F44, F45: the bank charged and nothing of it is stored: another node asks."""
    it = doomed(TICKETS)
    body, post = _deducting(it)

    with it.dying("PAID", at=BEFORE, doing=lambda: post(it.payer)):
        assert 1 == len(it.stack.charges(_number(it, body)))

    it.is_paid_once()
