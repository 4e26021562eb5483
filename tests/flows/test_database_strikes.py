"""A database that answers badly: never a half of anything, never a second charge.

What strikes is the server's own: real SQLSTATEs, real deadlocks, no connection left,
an answer that is lost at COMMIT; see `wire.py` and `sql.py`.
"""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import asyncpg
import pytest
from facts import BANKS_OF_LINE, DEDUCT_BANKS, agreed, events, paid_once, took_nothing
from inside import coupon_is, fresh_coupon, inside, rows
from sql import Session, ask, failing, session
from stack import SHOP, TICKETS, Payer, Stack, key, stacked
from wire import AFTER, BEFORE, OPEN, Wire, wired

from paycore.core.rows import AttemptRow, PaymentRow
from paycore.kernel.terms import ProcessStatus, TransType
from paycore.router.rows import DecisionRow
from paycore.worker import heartbeat

pytestmark = pytest.mark.long

BOTH_WAYS = pytest.mark.parametrize("line", [SHOP, TICKETS])
RECOVERS_WITHIN_S = 30.0
MOVING_WITHIN_S = 30.0
"""A node that lives lets go of what it could not finish."""


@pytest.fixture(scope="module")
def struck(running: Stack) -> Iterator[Stack]:
    """A stack of our own: what befalls its database befalls nobody else."""
    with stacked(enquiry_timeout_s=1, answer_within_s=15) as stack:
        yield stack


@pytest.fixture
def stack(struck: Stack) -> Iterator[Stack]:
    """The struck stack, with all strangers behaving."""
    struck.no_faults()
    yield struck
    struck.no_faults()


@pytest.fixture(scope="module")
def wire(struck: Stack) -> Iterator[tuple[Wire, int]]:
    """A wire, and the place of the node behind it."""
    with wired(struck) as (wire, node):
        yield wire, struck.nodes.index(node)


def eventually(ask_again, wanted: int):
    """The answer once it has the wanted status; 503 is said until then."""
    deadline = time.monotonic() + RECOVERS_WITHIN_S
    while (answer := ask_again()).status_code != wanted:
        assert time.monotonic() < deadline, answer.text
        assert answer.status_code in {409, 503}, answer.text
        time.sleep(0.2)
    return answer


def pays(payer: Payer, no: str, code: str) -> None:
    """The code pays, as soon as it is taken, once."""
    answer = eventually(lambda: payer.confirm(no, code), 200)
    assert "SUCCESS" == answer.json()["biz_status"], answer.text
    paid_once(payer, no, at=BANKS_OF_LINE[SHOP])


def is_refused_for_now(answer) -> None:
    """503, come again, and it says when."""
    said = (answer.status_code, answer.json()["code"])
    assert (503, "UNAVAILABLE") == said, answer.text
    assert int(answer.headers["Retry-After"]) >= 1


# --- an answer that is lost at COMMIT -------------------------------------------------


@BOTH_WAYS
@pytest.mark.parametrize("at", [BEFORE, AFTER, OPEN])
@pytest.mark.parametrize("word", ["CODE_SENT", "CHARGE_BEGUN", "PAID"])
def test_a_commit_without_an_answer_is_looked_up(
    stack: Stack, wire: tuple[Wire, int], line: int, word: str, at: str
):
    """F65: whatever became of the COMMIT, it is done once; the caller sees nothing."""
    proxy, place = wire
    payer, one = stack.payer(line, node=place), key()
    coupon_no = fresh_coupon(stack, line=line)
    strike = proxy.cut(word, at=at)

    opened = payer.open(coupon_no=coupon_no)
    no = opened.json()["pay_order_no"]
    code = payer.codes()[-1]
    answer = payer.confirm(no, code, **one)
    proxy.drop(strike)

    assert strike.reached.is_set()
    assert "SUCCESS" == answer.json()["biz_status"], answer.text
    assert answer.content == payer.confirm(no, code, **one).content
    assert 1 == len(payer.codes())
    paid_once(payer, no, at=BANKS_OF_LINE[line])
    assert ("USED", no) == coupon_is(stack, coupon_no, line)
    told = events(payer, no)
    assert [1, 1, 1] == [told.count(e) for e in ("CODE_SENT", "CHARGE_BEGUN", "PAID")]


# --- who cannot be served -------------------------------------------------------------


def test_a_real_deadlock_is_tried_again(stack: Stack):
    """F66: somebody holds what we want and wants what we hold; the server ends our
    transaction, we write it again, and the payer sees nothing.
    """
    payer = stack.payer()
    coupon_no = fresh_coupon(stack)
    no = payer.open(coupon_no=coupon_no).json()["pay_order_no"]
    before = _deadlocks(stack)
    with session(stack) as other, ThreadPoolExecutor(1) as pool:
        # It never looks for a deadlock itself: ours is the one that is ended.
        other.run("SET deadlock_timeout = '1h'")
        other.run("BEGIN")
        lock = "SELECT 1 FROM {} FOR UPDATE"
        other.run(lock.format("payment WHERE pay_order_no = $1"), no)
        confirming = pool.submit(payer.confirm, no)
        _until_somebody_waits(stack)
        other.run(lock.format("coupon WHERE coupon_no = $1"), coupon_no)
        other.run("COMMIT")
        answer = confirming.result()

    assert "SUCCESS" == answer.json()["biz_status"], answer.text
    paid_once(payer, no, at=BANKS_OF_LINE[SHOP])
    assert ("USED", no) == coupon_is(stack, coupon_no)
    _until_more_deadlocks(stack, than=before)


def _until_more_deadlocks(stack: Stack, *, than: int) -> None:
    """A session tells what it has counted when it next ends a transaction, or has been
    idle for ten seconds, at the latest after a minute.
    """
    gives_up = time.monotonic() + 75
    while _deadlocks(stack) <= than:
        assert time.monotonic() < gives_up, "the server has ended nobody for a deadlock"
        time.sleep(0.1)


def _deadlocks(stack: Stack) -> int:
    """How many the server has ended, as far as its sessions have told."""
    ((count,),) = ask(
        stack,
        "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()",
    )
    return count


def _until_somebody_waits(stack: Stack) -> None:
    gives_up = time.monotonic() + 60
    while not ask(stack, "SELECT 1 FROM pg_locks WHERE NOT granted"):
        assert time.monotonic() < gives_up, "nobody waits for the lock"
        time.sleep(0.02)


@pytest.mark.parametrize("sqlstate", ["40001", "40P01"])
def test_what_never_serialises_is_given_up(stack: Stack, sqlstate: str):
    """F66: tries are bounded: then 503, nothing done, and the same key works later."""
    payer, one = stack.payer(), key()
    coupon_no = fresh_coupon(stack)
    no = payer.open(coupon_no=coupon_no).json()["pay_order_no"]
    code, began = payer.codes()[-1], time.monotonic()
    with failing(stack, "coupon", sqlstate=sqlstate):
        answer = payer.confirm(no, code, **one)

    assert time.monotonic() - began < RECOVERS_WITHIN_S
    is_refused_for_now(answer)
    took_nothing(payer, no)
    assert ("AVAILABLE", None) == coupon_is(stack, coupon_no)
    answer = payer.confirm(no, code, **one)
    assert "SUCCESS" == answer.json()["biz_status"], answer.text
    paid_once(payer, no, at=BANKS_OF_LINE[SHOP])


def test_without_a_connection_left_all_is_refused_before_any_effect(stack: Stack):
    """F67: the server has no connection for us: 503 with Retry-After, no order, no
    text, no charge; when there are some again all goes on by itself.
    """
    payer, body, one = stack.payer(), None, key()
    waiting = payer.open().json()["pay_order_no"]
    code, body = payer.codes()[-1], payer.order()
    taken = _take_all(stack)
    try:
        is_refused_for_now(_post(payer, body, one))
        is_refused_for_now(payer.confirm(waiting, code))
        is_refused_for_now(payer.api.get(f"/v1/payments/{waiting}"))
        is_refused_for_now(payer.api.get("/v1/payments"))
        assert [code] == payer.codes()
        assert [] == stack.charges(waiting)
    finally:
        for connection in taken:
            connection.close()
    time.sleep(2 * heartbeat.AGAIN_S)  # what lives too short a while sends nothing

    no = eventually(lambda: _post(payer, body, one), 201).json()["pay_order_no"]
    assert 2 == len(payer.codes())
    for each in (waiting, no):
        given = code if each == waiting else payer.codes()[-1]
        answer = eventually(
            lambda each=each, given=given: payer.confirm(each, given), 200
        )
        assert "SUCCESS" == answer.json()["biz_status"]
        paid_once(payer, each, at=BANKS_OF_LINE[SHOP])


def _post(payer: Payer, body: dict, one: dict[str, str]):
    return payer.api.post("/v1/quick-payments", json=body, headers=one)


def _take_all(stack: Stack) -> list[Session]:
    """Every connection that the server has to give, those of the nodes too: it has all
    been taken once the only clients are ours, for a while, and no more can be had.
    """
    taken = [Session(stack)]
    clients = "FROM pg_stat_activity WHERE backend_type = 'client backend'"
    quiet = 0
    while quiet < 5:
        taken[0].run(
            f"SELECT pg_terminate_backend(pid) {clients} "
            "AND application_name LIKE 'paycore%'"
        )
        had = len(taken)
        with suppress(asyncpg.TooManyConnectionsError):
            while True:
                taken.append(Session(stack))
        time.sleep(0.1)
        ((all_of_them,),) = taken[0].run(f"SELECT count(*) {clients}")
        quiet = quiet + 1 if had == len(taken) == all_of_them else 0
    return taken


def test_a_pool_whose_connections_all_wait_sheds(stack: Stack):
    """F67: every reading connection is busy with a table that is locked: forty callers
    are told 503 within the API's time, none waits for ever, and all goes on after it.
    """
    payer = stack.payer()
    no = payer.open().json()["pay_order_no"]
    code = payer.codes()[-1]
    with session(stack) as other, ThreadPoolExecutor(40) as pool:
        other.run("BEGIN")
        other.run("LOCK TABLE payment IN ACCESS EXCLUSIVE MODE")
        began = time.monotonic()
        asked = [
            *(pool.submit(payer.confirm, no, code) for _ in range(20)),
            *(pool.submit(payer.api.get, "/v1/payments") for _ in range(20)),
        ]
        answers = [each.result() for each in asked]
        took = time.monotonic() - began
        other.run("ROLLBACK")

    assert took < 40, took
    assert {503} == {answer.status_code for answer in answers}
    is_refused_for_now(answers[0])
    is_refused_for_now(answers[-1])
    assert [] == stack.charges(no)
    answer = eventually(lambda: payer.confirm(no, code), 200)
    assert "SUCCESS" == answer.json()["biz_status"]
    assert 200 == payer.api.get("/v1/payments").status_code
    paid_once(payer, no, at=BANKS_OF_LINE[SHOP])


# --- no room left ---------------------------------------------------------------------

FULL = "53100"


def test_a_full_disk_refuses_what_is_new(stack: Stack):
    """F68: nothing at all can be written: no order, no text, no charge; with room again
    the same requests work, also after longer than a life without a beat.
    """
    payer, one = stack.payer(), key()
    waiting = payer.open().json()["pay_order_no"]
    code, body = payer.codes()[-1], payer.order()
    with failing(stack, "journal_change", sqlstate=FULL):
        is_refused_for_now(_post(payer, body, one))
        is_refused_for_now(payer.confirm(waiting, code))
        assert "DOING" == payer.get(waiting)["biz_status"]
        time.sleep(7)
        assert 503 == payer.api.get("/readyz").status_code
    assert [code] == payer.codes()
    assert [] == stack.charges(waiting)

    no = eventually(lambda: _post(payer, body, one), 201).json()["pay_order_no"]
    for each in (waiting, no):
        given = code if each == waiting else payer.codes()[-1]
        answer = eventually(
            lambda each=each, given=given: payer.confirm(each, given), 200
        )
        assert "SUCCESS" == answer.json()["biz_status"]
        paid_once(payer, each, at=BANKS_OF_LINE[SHOP])


@BOTH_WAYS
def test_a_full_disk_begins_no_charge(stack: Stack, line: int):
    """F68: the money leg cannot be recorded, so nothing is sent; the coupon is free."""
    payer = stack.payer(line)
    coupon_no = fresh_coupon(stack, line=line)
    no = payer.open(coupon_no=coupon_no).json()["pay_order_no"]
    legs = "NEW.trans_type IN ('QUICK_PAY_CONFIRM', 'DEDUCT')"
    with failing(stack, "attempt", sqlstate=FULL, when=legs, on="INSERT"):
        is_refused_for_now(payer.confirm(no))
        took_nothing(payer, no)
        assert ("AVAILABLE", None) == coupon_is(stack, coupon_no, line)

    answer = eventually(lambda: payer.confirm(no), 200)
    assert "SUCCESS" == answer.json()["biz_status"], answer.text
    paid_once(payer, no, at=BANKS_OF_LINE[line])


def test_what_a_broken_passage_began_is_ended_before_the_next(stack: Stack):
    """F68: the verdict on a code finds no room, so nothing was verified; whoever types
    it again at once waits until that try has its end, and nothing stays open behind.
    """
    payer = stack.payer(TICKETS)
    no = payer.open().json()["pay_order_no"]
    passed = "NEW.event = 'CODE_PASSED'"
    with failing(stack, "transition", sqlstate=FULL, when=passed, on="INSERT"):
        is_refused_for_now(payer.confirm(no))
        took_nothing(payer, no)

    answer = eventually(lambda: payer.confirm(no), 200)

    assert "SUCCESS" == answer.json()["biz_status"], answer.text
    tries = [
        attempt.process_status
        for attempt in rows(stack, AttemptRow, no)
        if attempt.trans_type is TransType.SMS_VERIFY
    ]
    assert [ProcessStatus.GW_FAIL, ProcessStatus.GW_SUCCESS] == tries
    paid_once(payer, no, at=DEDUCT_BANKS)


@pytest.mark.parametrize(
    "table", ["payment", "coupon", "accounting_posting", "notify_notice"]
)
@BOTH_WAYS
def test_a_full_disk_finishes_nothing_by_half(stack: Stack, line: int, table: str):
    """F68: charged, and one row of the end finds no room: no status, no use, no
    posting, no notice; with room again the bank is asked, and all of it is there.
    """
    payer = stack.payer(line)
    coupon_no = fresh_coupon(stack, line=line)
    no = payer.open(coupon_no=coupon_no).json()["pay_order_no"]
    last = {"payment": "NEW.biz_status = 'SUCCESS'", "coupon": "NEW.status = 'USED'"}
    with failing(stack, table, sqlstate=FULL, when=last.get(table, "true")):
        is_refused_for_now(payer.confirm(no))
        assert 1 == len(stack.charges(no))
        assert "DOING" == stored(stack, no).biz_status
        assert ("LOCKED", no) == coupon_is(stack, coupon_no, line)
        assert [] == stack.notices(no, within_s=0)
        for kept in ("accounting_posting", "notify_notice"):
            assert [] == ask(stack, f"SELECT 1 FROM {kept} WHERE pay_order_no = $1", no)

    assert "SUCCESS" == payer.until(no, within_s=MOVING_WITHIN_S)["biz_status"]
    paid_once(payer, no, at=BANKS_OF_LINE[line])
    assert ("USED", no) == coupon_is(stack, coupon_no, line)


def stored(stack: Stack, no: str) -> PaymentRow:
    """The payment as it stands in the database."""
    return inside(stack, lambda node: node.journal.load(PaymentRow, no))


# --- the router's reads ---------------------------------------------------------------


def test_a_router_that_cannot_read_converts_in_time(
    stack: Stack, wire: tuple[Wire, int]
):
    """F02: what the router must read does not come: 300 ms, then a clean "none" with
    its own cause, and one code all the same.
    """
    proxy, place = wire
    limited = [*agreed("quick_a", daily_limit=1_000_000), *agreed("deduct_a")]
    payer = stack.payer(node=place, agreements=limited)
    payer.open()
    stall = proxy.stall('"limit_counter"', 10)

    began = time.monotonic()
    order = payer.open().json()
    took = time.monotonic() - began

    assert 1 == stall.struck
    assert took < 8, took
    assert ("DOING", "DEDUCT") == (order["biz_status"], order["pay_type"])
    no = order["pay_order_no"]
    decisions = rows(stack, DecisionRow, no)
    assert "ROUTE_ERROR" in {decision.cause for decision in decisions}
    assert 2 == len(payer.codes())
    assert "SUCCESS" == payer.confirm(no).json()["biz_status"]
    paid_once(payer, no, at=BANKS_OF_LINE[TICKETS])
