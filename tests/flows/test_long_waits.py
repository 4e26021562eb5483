"""Time as a fault: banks that never end, bytes that trickle, clocks that leap."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from facts import BANKS_OF_LINE, DEDUCT_BANKS, agreed, events, paid_once, took_nothing
from inside import answered, coupon_is, fresh_coupon, inside, rows
from sql import ask
from stack import SHOP, TICKETS, Payer, Stack, key

from paycore.core import service as core
from paycore.core.payment import ENQUIRY_LADDER_S
from paycore.core.rows import AttemptRow
from paycore.core.service import KeyClaim
from paycore.desk.rows import CaseRow
from paycore.gateway.rows import MessageRow
from paycore.kernel import db, errors, partitions
from paycore.kernel.node import Node
from paycore.worker import checker, heartbeat

pytestmark = pytest.mark.long

BOTH_WAYS = pytest.mark.parametrize("line", [SHOP, TICKETS])
MONEY = ("bank.quick_*.confirm", "bank.deduct_*.deduct")
FOR_EVER = "processing:1000000000"


@pytest.fixture(scope="module")
def place(running: Stack) -> Iterator[int]:
    """Where a node is that waits a second for money, and a few for a code."""
    node = running.start_node(money_timeout_s=1, enquiry_timeout_s=1)
    yield len(running.nodes) - 1
    node.stop()


# --- a bank that never ends -----------------------------------------------------------


def hurry(stack: Stack, no: str) -> bool:
    """Let the next look be now: the wait is over, nothing else is changed. Whether a
    person has been told yet.
    """
    ask(
        stack,
        "UPDATE payment SET next_check_at = clock_timestamp() WHERE pay_order_no = $1 "
        "AND lease_epoch IS NULL AND next_check_at > clock_timestamp()",
        no,
    )
    told = ask(stack, "SELECT kind FROM desk_case WHERE pay_order_no = $1", no)
    return "UNKNOWN_TOO_LONG" in {kind for (kind,) in told}


@BOTH_WAYS
def test_processing_for_ever_comes_before_a_person(stack: Stack, place: int, line: int):
    """F33, I11: the whole ladder is climbed, then the desk has it; the coupon stays
    locked, the payer is told to wait, and a late truth is still found.
    """
    payer = stack.payer(line, node=place)
    coupon_no = fresh_coupon(stack, line=line)
    no = payer.open(coupon_no=coupon_no).json()["pay_order_no"]
    stack.fault(MONEY[line], FOR_EVER, count=1)
    assert "DOING" == payer.confirm(no).json()["biz_status"]

    deadline = time.monotonic() + 60
    while not hurry(stack, no):
        assert time.monotonic() < deadline, payer.get(no)
        time.sleep(0.05)

    order = payer.get(no)
    assert ("DOING", "CONFIRMING") == (order["biz_status"], order["resp_code"])
    assert ("LOCKED", no) == coupon_is(stack, coupon_no, line)
    (leg,) = [a for a in rows(stack, AttemptRow, no) if a.trans_type.moves_money]
    assert leg.enquiries >= len(ENQUIRY_LADDER_S)
    took_nothing(payer, no)
    found = inside(stack, lambda node: node.journal.every(CaseRow))
    assert 1 == sum(case.pay_order_no == no for case in found)
    for again in (
        payer.confirm(no),
        payer.api.post(f"/v1/payments/{no}/close", headers=key()),
    ):
        assert 409 == again.status_code


@pytest.mark.parametrize("line", [SHOP])
def test_a_truth_that_comes_after_the_ladder_is_found(
    stack: Stack, place: int, line: int
):
    """F33: the desk has it, and we still ask: SUCCESS once the bank says so."""
    payer = stack.payer(line, node=place)
    no = payer.open().json()["pay_order_no"]
    stack.fault(MONEY[line], "timeout_after", count=1)
    stack.fault("bank.*.enquire", "http_500")
    payer.confirm(no)
    deadline = time.monotonic() + 60
    while not hurry(stack, no):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert "DOING" == payer.get(no)["biz_status"]

    stack.no_faults()
    deadline = time.monotonic() + 60
    while "DOING" == payer.get(no)["biz_status"] and time.monotonic() < deadline:
        hurry(stack, no)
        time.sleep(0.1)

    paid_once(payer, no, at=BANKS_OF_LINE[line])


# --- a byte a second ------------------------------------------------------------------


@BOTH_WAYS
def test_a_trickle_is_cut_off_when_its_time_is_up(stack: Stack, place: int, line: int):
    """F36: an answer that comes byte by byte for a minute has the time of any other:
    unknown after a second, and then found.
    """
    payer = stack.payer(line, node=place)
    no = payer.open().json()["pay_order_no"]
    stack.fault(MONEY[line], "drip:60", count=1)
    began = time.monotonic()

    result = payer.confirm(no).json()

    assert time.monotonic() - began < 45
    assert ("DOING", "CONFIRMING") == (result["biz_status"], result["resp_code"])
    assert "SUCCESS" == payer.until(no)["biz_status"]
    paid_once(payer, no, at=BANKS_OF_LINE[line])
    assert 1 == events(payer, no).count("CHARGE_BEGUN")


def test_a_trickle_at_the_send_converts_in_time(stack: Stack, place: int):
    """F36, F04: the quick bank trickles its answer: after its time we convert."""
    payer = stack.payer(node=place, agreements=agreed("quick_a", "deduct_a"))
    stack.fault("bank.quick_a.send_code", "drip:60", count=1)
    began = time.monotonic()

    order = payer.open().json()

    assert time.monotonic() - began < 45
    assert ("DOING", "DEDUCT") == (order["biz_status"], order["pay_type"])
    no, ours = order["pay_order_no"], payer.codes()[-1]
    assert "SUCCESS" == payer.pays(no, ours)["biz_status"]
    paid_once(payer, no, at=DEDUCT_BANKS)


# --- clocks ---------------------------------------------------------------------------

LEAPS = {
    "an hour ahead": timedelta(hours=1),
    "an hour back": timedelta(hours=-1),
    "a leap day": timedelta(days=(2028 - 2026) * 365 + 99),
    "a year's end": timedelta(days=39, hours=9),
}


async def _confirm(node: Node, payer: Payer, no: str, code: str):
    """Confirm at a node in this process; the payment as it was answered."""
    seen = []

    def answer_of(view: core.View) -> tuple[int, bytes]:
        seen.append(view.payment)
        return 200, answered(view.payment)

    claim = KeyClaim(scope=node.ids.uuid().bytes * 2, fingerprint=b"f" * 32)
    line = payer.stack.lines[payer.line].biz_line
    await core.confirm(node, line, no, code, claim, answer_of)
    return seen[-1]


@pytest.mark.parametrize("leap", list(LEAPS))
def test_the_machines_clock_may_leap(stack: Stack, leap: str):
    """F69, I27: the machine's wall clock leaps in the middle of a payment: the node
    goes by the database's, so the code is as good as before and nothing is closed.
    """
    payer = stack.payer(TICKETS)
    payer.line = TICKETS
    no = payer.open().json()["pay_order_no"]
    code = payer.codes()[-1]

    async def leaping(node: Node):
        before = node.now()
        with time_machine.travel(before + LEAPS[leap], tick=True):
            await heartbeat.beat(node)
            assert timedelta(0) <= node.now() - before < timedelta(minutes=1)
            await checker.tick(node)
            await checker.drain(node, 5)
            order = await core.get(node, stack.lines[TICKETS].biz_line, no)
            assert "DOING" == order.biz_status
            return await _confirm(node, payer, no, code)

    assert "SUCCESS" == inside(stack, leaping).biz_status
    paid_once(payer, no, at=DEDUCT_BANKS)


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2027, 12, 31, 23, 59, 59, 900_000, UTC),
        datetime(2028, 2, 29, 12, tzinfo=UTC),
        datetime(2027, 3, 28, 1, 30, tzinfo=UTC),
    ],
    ids=["year's end", "leap day", "summer time"],
)
def test_the_calendar_has_no_gap(stack: Stack, moment: datetime):
    """F69: an order of such a moment has its number, its month's partition and its end
    by plain arithmetic; the banks live today and refuse its signature, so it fails.
    """
    payer = stack.payer()

    async def then(node: Node):
        pool = await db.pool(stack.on.cluster.dsn, size=1)
        await partitions.ensure(pool, moment.date())
        await pool.close()
        node.clock.anchor(moment)
        request = core.OpenRequest(
            **{**payer.order(), "coupon_no": None, "biz_order_no": None},
            biz_line=stack.lines[SHOP].biz_line,
            expires_in_s=900,
        )
        claim = KeyClaim(scope=node.ids.uuid().bytes * 2, fingerprint=b"f" * 32)
        seen = []
        await core.open_quick_payment(
            node,
            request,
            claim,
            lambda view: (seen.append(view.payment), (201, answered(view.payment)))[1],
        )
        return await core.get(node, request.biz_line, seen[-1].pay_order_no)

    order = inside(stack, then)

    numbered = datetime.strptime(f"{order.pay_order_no[:12]}Z", "%y%m%d%H%M%S%z")
    assert timedelta(seconds=-1) < numbered - moment < timedelta(minutes=1)
    assert timedelta(seconds=900) == order.expires_at - order.created_at
    assert timedelta(0) <= order.created_at - moment < timedelta(minutes=1)
    assert "FAIL" == order.biz_status
    found = payer.get(order.pay_order_no)
    assert order.pay_order_no == found["pay_order_no"]


def test_an_expired_code_stays_expired_when_time_goes_back(stack: Stack):
    """F69, I27: past its end by database time; then the database's own clock is an
    hour back: a node's time never runs backwards, and the code stays refused.
    """
    payer = stack.payer(TICKETS)
    payer.line = TICKETS
    no = payer.open().json()["pay_order_no"]
    code = payer.codes()[-1]

    async def back(node: Node):
        real = node.clock.now()
        node.clock.anchor(real + timedelta(minutes=6))
        expired = node.now()
        node.clock.anchor(real - timedelta(hours=1))
        assert node.now() >= expired
        return await _confirm(node, payer, no, code)

    refused = inside(stack, back)

    assert "EXPIRED" == refused.verify_status
    took_nothing(payer, no)


def test_no_order_is_closed_before_its_end(stack: Stack):
    """F69, I27: a node whose machine is a day ahead finds nothing to close; whoever
    asks by database time within the order's life pays.
    """
    payer = stack.payer()
    payer.line = SHOP
    no = payer.open().json()["pay_order_no"]

    async def ahead(node: Node):
        with time_machine.travel(node.now() + timedelta(days=1), tick=True):
            await heartbeat.beat(node)
            for _ in range(3):
                await checker.tick(node)
                await checker.drain(node, 5)
            return await core.get(node, stack.lines[SHOP].biz_line, no)

    assert "DOING" == inside(stack, ahead).biz_status
    assert "SUCCESS" == payer.confirm(no).json()["biz_status"]
    paid_once(payer, no, at=BANKS_OF_LINE[SHOP])


def test_an_order_whose_end_has_come_is_refused_on_a_slow_machine(stack: Stack):
    """F69, I27: the machine's clock is an hour back, the database says that the order
    is over: a confirm is refused.
    """
    payer = stack.payer()
    payer.line = SHOP
    no = payer.open(expires_in_s=60).json()["pay_order_no"]
    code = payer.codes()[-1]

    async def behind(node: Node):
        real = node.now()
        with time_machine.travel(real - timedelta(hours=1), tick=True):
            node.clock.anchor(real + timedelta(seconds=61))
            with pytest.raises(errors.BizCheckError):
                await _confirm(node, payer, no, code)

    inside(stack, behind)
    took_nothing(payer, no)
    assert [] == [m for m in rows(stack, MessageRow, no) if m.operation == "CONFIRM"]
