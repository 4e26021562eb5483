"""Coupons that live in a system of the user's own: whole payments, whatever it does."""

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from coupon_system import AFTER, AMOUNT, BEFORE, BROKEN, FAULTS, SECRET, Coupons, until
from sql import ask
from stack import SHOP, TICKETS, Payer, Stack, key, stacked
from test_recover import recover

pytestmark = pytest.mark.long

NUMBERS = itertools.count(1)
BOTH_WAYS = pytest.mark.parametrize("line", [SHOP, TICKETS])


@pytest.fixture(scope="module")
def told(serving: Coupons) -> Iterator[Stack]:
    """A stack whose coupons live there, and two nodes: one that waits long for them,
    and one that waits a second, and works; audited at its end.
    """
    given = {"coupon_url": serving.url, "coupon_secret": SECRET}
    with stacked(**given, role="api", coupon_timeout_s=20) as stack:
        stack.start_node(role="all", coupon_timeout_s=1)
        yield stack
        until(lambda: nothing_owed(stack))


@pytest.fixture
def coupons(serving: Coupons, told: Stack) -> Iterator[Coupons]:
    """The system, behaving before and after."""
    yield serving
    serving.script.clear()
    serving.down = False
    told.no_faults()


def hasty(payer: Payer, line: int = SHOP) -> Payer:
    """The payer at the node that waits a second: for what is not answered at all."""
    api = payer.stack.client(line, node=1)
    return Payer(payer.stack, api, payer.card_id, payer.phone)


def nothing_owed(stack: Stack) -> bool:
    """Whether it has acknowledged all uses and unlocks."""
    ((owed,),) = ask(
        stack, "SELECT count(*) FROM coupon_hold WHERE next_check_at IS NOT NULL"
    )
    return owed == 0


def fresh(coupons: Coupons, **more: object) -> str:
    """A coupon there that nobody has."""
    return coupons.issue(f"E-{next(NUMBERS)}", **more)


def opened(payer: Payer, coupon_no: str, **changes: object) -> str:
    """An order that names the coupon; its number."""
    answer = payer.open(coupon_no=coupon_no, **changes)
    assert 201 == answer.status_code, answer.text
    order = answer.json()
    assert order["amount"] - 250 == order["payable_amount"]
    return order["pay_order_no"]


def hold(stack: Stack, no: str) -> str:
    """What the order has of its coupon."""
    found = ask(stack, "SELECT status FROM coupon_hold WHERE pay_order_no = $1", no)
    return found[0]["status"] if found else ""


def kinds(stack: Stack, no: str) -> list[str]:
    """The kinds of cases about the order."""
    found = ask(stack, "SELECT kind FROM desk_case WHERE pay_order_no = $1", no)
    return [row["kind"] for row in found]


def test_what_a_restore_forgot_to_have_locked_is_given_back(
    serving: Coupons,
):
    """I10: the lock was asked for in the time that was lost, and has no end there."""
    given = {"coupon_url": serving.url, "coupon_secret": SECRET, "coupon_timeout_s": 1}
    with stacked(**given) as stack:
        payer, coupon_no = stack.payer(SHOP), fresh(serving)
        no = opened(payer, coupon_no)
        assert "NAMED" == hold(stack, no)
        since = datetime.now(UTC).isoformat()
        stack.nodes[0].kill()
        serving.lock(coupon_no, no)

        recover(stack, "--since", since)

        assert "ASKED" == hold(stack, no)
        stack.start_node()
        api = stack.client(SHOP, node=1)
        answer = api.post(f"/v1/payments/{no}/close", headers=key())
        assert "CLOSED" == answer.json()["biz_status"], answer.text
        until(lambda: ("AVAILABLE", None) == serving.is_(coupon_no))


@BOTH_WAYS
def test_a_success_uses_its_coupon_there_once(coupons: Coupons, told: Stack, line: int):
    """Asked for when it is opened, locked before the money, used after it."""
    payer, coupon_no = told.payer(line), fresh(coupons)
    no = opened(payer, coupon_no)
    assert ("AVAILABLE", None) == coupons.is_(coupon_no)
    result = payer.confirm(no).json()

    assert "SUCCESS" == result["biz_status"], result
    until(lambda: hold(told, no) == "USED")
    assert ("USED", no) == coupons.is_(coupon_no)
    assert [1000] == [charge["amount"] for charge in told.charges(no)]
    assert 1 == coupons.uses[coupon_no]


def test_a_failure_gives_the_coupon_back(coupons: Coupons, told: Stack):
    """Declined for good: the coupon is free for another order."""
    payer, coupon_no = told.payer(), fresh(coupons)
    no = opened(payer, coupon_no)
    told.fault("bank.quick_*.confirm", "decline:CARD_LOST", count=1)

    assert "FAIL" == payer.confirm(no).json()["biz_status"]
    until(lambda: hold(told, no) == "FREED")
    assert ("AVAILABLE", None) == coupons.is_(coupon_no)


def test_a_wrong_code_leaves_the_lock(coupons: Coupons, told: Stack):
    """The order is not over: the right code needs no second lock."""
    payer, coupon_no = told.payer(), fresh(coupons)
    no = opened(payer, coupon_no)

    assert "WRONG" == payer.confirm(no, "000000").json()["verify_status"]
    assert ("LOCKED", no) == coupons.is_(coupon_no)
    assert "SUCCESS" == payer.confirm(no).json()["biz_status"]
    assert 1 == coupons.count("lock", no)


def test_a_coupon_in_other_hands_stops_before_the_money(coupons: Coupons, told: Stack):
    """F50: two orders name it, one has it; the other is charged nothing."""
    payer, coupon_no = told.payer(), fresh(coupons)
    first, second = opened(payer, coupon_no), opened(payer, coupon_no)
    code = payer.codes()
    assert "SUCCESS" == payer.confirm(first, code[-2]).json()["biz_status"]
    result = payer.confirm(second, code[-1])

    assert 200 == result.status_code, result.text
    assert ("DOING", "COUPON") == (
        result.json()["biz_status"],
        result.json()["resp_code"],
    )
    assert [] == told.charges(second)
    until(lambda: hold(told, first) == "USED")
    assert ("USED", first) == coupons.is_(coupon_no)
    assert 409 == payer.open(coupon_no=coupon_no).status_code


@pytest.mark.parametrize("fault", FAULTS)
@BOTH_WAYS
def test_an_unknown_lock_asks_for_no_money(
    coupons: Coupons, told: Stack, line: int, fault: str
):
    """F49: nobody is charged while it is not known; the next confirm asks again."""
    payer, coupon_no = told.payer(line), fresh(coupons)
    no = opened(payer, coupon_no)
    coupons.script["lock"] = [fault, fault]
    result = hasty(payer, line).confirm(no).json()

    assert ("DOING", "NOT_CHARGED") == (result["biz_status"], result["resp_code"])
    assert [] == told.charges(no)
    assert "ASKED" == hold(told, no)
    assert (["COUPON_ALARM"] if fault == AMOUNT else []) == kinds(told, no)
    assert "SUCCESS" == payer.confirm(no).json()["biz_status"]
    until(lambda: hold(told, no) == "USED")
    assert 1 == coupons.uses[coupon_no]


@pytest.mark.parametrize("fault", [AFTER, BROKEN, AMOUNT])
def test_one_unknown_lock_is_asked_for_again_at_once(
    coupons: Coupons, told: Stack, fault: str
):
    """A lock may be repeated, so a lost answer costs the payer nothing but time."""
    payer, coupon_no = told.payer(), fresh(coupons)
    no = opened(payer, coupon_no)
    coupons.script["lock"] = [fault]
    chosen = hasty(payer) if fault == AFTER else payer

    assert "SUCCESS" == chosen.confirm(no).json()["biz_status"]
    assert 2 == coupons.count("lock", no) + (fault == BROKEN)


@pytest.mark.parametrize("fault", [BEFORE, AFTER])
def test_an_unknown_lock_of_an_order_that_ends_is_given_back(
    coupons: Coupons, told: Stack, fault: str
):
    """F49: whether it is there or not, the unlock is told until it is acknowledged."""
    payer, coupon_no = told.payer(), fresh(coupons)
    no = opened(payer, coupon_no)
    coupons.script["lock"] = [fault, fault]
    hasty(payer).confirm(no)
    coupons.script["unlock"] = [BROKEN, AFTER]
    closed = payer.api.post(f"/v1/payments/{no}/close", headers=key())

    assert "CLOSED" == closed.json()["biz_status"], closed.text
    until(lambda: hold(told, no) == "FREED")
    assert ("AVAILABLE", None) == coupons.is_(coupon_no)
    assert 2 <= coupons.count("unlock", no)


def test_a_lock_is_given_back_by_a_resend_that_ends_the_order(
    coupons: Coupons, told: Stack
):
    """I10: the order ends where no code can be sent any more, and a confirm before that
    may have locked its coupon.
    """
    payer, coupon_no = told.payer(), fresh(coupons)
    no = opened(payer, coupon_no)
    coupons.script["lock"] = [AFTER, AFTER]
    assert "NOT_CHARGED" == hasty(payer).confirm(no).json()["resp_code"]
    assert ("LOCKED", no) == coupons.is_(coupon_no)
    told.fault("bank.quick_*.send_code", "http_500")
    told.fault("carrier.*.send", "http_500")
    answer = payer.api.post(f"/v1/quick-payments/{no}/codes", headers=key()).json()

    assert ("FAIL", "SEND_FAILED") == (answer["biz_status"], answer["resp_code"])
    until(lambda: hold(told, no) == "FREED")
    assert ("AVAILABLE", None) == coupons.is_(coupon_no)


def test_a_use_that_nobody_takes_undoes_no_payment(coupons: Coupons, told: Stack):
    """F51: SUCCESS stands, with posting and notice; in the end it is used, once."""
    payer, coupon_no = told.payer(), fresh(coupons)
    no = opened(payer, coupon_no)
    coupons.script["use"] = [BROKEN, AFTER, "garbage", AMOUNT]

    assert "SUCCESS" == payer.confirm(no).json()["biz_status"]
    assert "payment.succeeded" == told.notices(no)[0]["type"]
    until(lambda: hold(told, no) == "USED")
    assert ("USED", no) == coupons.is_(coupon_no)
    assert 1 == coupons.uses[coupon_no]
    assert 4 <= coupons.count("use", no)


def test_a_use_that_is_refused_is_for_a_person(coupons: Coupons, told: Stack):
    """Paid, and the other side let it go: the money stands, a case, and it goes on."""
    payer, coupon_no = told.payer(), fresh(coupons)
    no = opened(payer, coupon_no)
    coupons.script["use"] = [BROKEN, BROKEN]
    assert "SUCCESS" == payer.confirm(no).json()["biz_status"]
    coupons.issue(coupon_no, pay_order_no="another", status="LOCKED")
    until(lambda: kinds(told, no) == ["COUPON_GONE"])

    assert "SUCCESS" == payer.get(no)["biz_status"]
    coupons.issue(coupon_no)
    until(lambda: hold(told, no) == "USED")


def test_a_system_that_is_away_opens_no_order(coupons: Coupons, told: Stack):
    """Nothing is recorded of an order whose price nobody knows; its key is still good,
    and later says what it said even while the system is away.
    """
    payer, coupon_no = told.payer(), fresh(coupons)
    body, one = payer.order(coupon_no=coupon_no), key()

    def post():
        return payer.api.post("/v1/quick-payments", json=body, headers=one)

    coupons.down = True
    away = post()
    assert (503, "COUPON_AWAY") == (away.status_code, away.json()["code"])
    assert coupon_no not in away.text
    coupons.down = False
    first = post()
    assert 201 == first.status_code, first.text
    coupons.down = True
    assert first.json() == post().json()


@pytest.mark.parametrize(
    ("more", "changes"),
    [
        ({"amount": 1250}, {}),
        ({"currency": "USD"}, {}),
        ({"expired": True}, {}),
        ({"status": "LOCKED", "pay_order_no": "another"}, {}),
        ({}, {"coupon_no": "none-such"}),
    ],
)
def test_a_coupon_that_does_not_do_is_refused(
    coupons: Coupons, told: Stack, more: dict, changes: dict
):
    """By the code that the built-in one has, and before anything is recorded."""
    payer = told.payer()
    order = payer.order(coupon_no=fresh(coupons, **more)) | changes
    answer = payer.api.post("/v1/quick-payments", json=order, headers=key())

    assert (409, "COUPON") == (answer.status_code, answer.json()["code"])
    found = payer.api.get("/v1/payments", params={"out_biz_no": order["out_biz_no"]})
    assert [] == found.json()["items"]


def test_a_deduction_waits_for_its_lock(coupons: Coupons, told: Stack):
    """Nobody is there to confirm again: a worker asks again, then takes the money."""
    payer, coupon_no = told.payer(), fresh(coupons)
    coupons.script["lock"] = [BROKEN, BROKEN]
    answer = payer.deduct(coupon_no=coupon_no)

    assert ("DOING", 202) == (answer.json()["biz_status"], answer.status_code)
    no = answer.json()["pay_order_no"]
    assert "SUCCESS" == payer.until(no, within_s=60)["biz_status"]
    until(lambda: hold(told, no) == "USED")
    assert 1 == len(told.charges(no))


def test_a_deduction_whose_coupon_is_gone_fails(coupons: Coupons, told: Stack):
    """Nothing is asked for at the higher price."""
    payer, coupon_no = told.payer(), fresh(coupons)
    holder = opened(payer, coupon_no)
    payer.confirm(holder, "000000")
    # As if it was free a moment ago: what `ask` says is no promise.
    coupons.coupons[coupon_no]["status"] = "AVAILABLE"
    answer = payer.deduct(coupon_no=coupon_no).json()

    assert ("FAIL", "COUPON") == (answer["biz_status"], answer["resp_code"])
    assert [] == told.charges(answer["pay_order_no"])
