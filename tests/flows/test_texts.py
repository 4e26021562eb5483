"""F17: a storm of texts meets its budgets, over two nodes and real HTTP, whoever texts:
our own SMS centre, a quick bank, or the bank that a card is signed at.
"""

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from facts import paid_once, within_an_hour
from inside import changed, inside
from sql import ask
from stack import TICKETS, Payer, Stack, key

from paycore.sms.rows import CarrierRow

MOST = 3


@pytest.fixture(autouse=True)
def _within_an_hour() -> None:
    within_an_hour()


@pytest.fixture(scope="module")
def places(running: Stack) -> Iterator[tuple[int, int]]:
    """Two nodes that allow few texts to one address."""
    limits = {"code_per_payer_hour": MOST, "code_per_caller_hour": MOST}
    nodes = [running.start_node(**limits) for _ in range(2)]
    last = len(running.nodes)
    yield last - 2, last - 1
    for node in nodes:
        node.stop()


def address() -> str:
    """One that no other test has."""
    return f"2001:db8:{uuid.uuid4().hex[:4]}:{uuid.uuid4().hex[:4]}::1"


def opened(payer: Payer, payer_address: str):
    """Open a payment for a payer at an address; the answer."""
    told = {"Payer-Address": payer_address}
    return payer.api.post(
        "/v1/quick-payments", json=payer.order(), headers={**key(), **told}
    )


def test_a_storm_from_one_address_meets_its_limit(stack: Stack, places):
    """F17: of ten payers at one address exactly three get a text, at whichever node;
    the others are told when to come again, and nothing of theirs is kept.
    """
    payers = [stack.payer(TICKETS, node=places[at % 2]) for at in range(10)]
    where = address()
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda payer: opened(payer, where), payers))
    texts = sum(len(payer.codes()) for payer in payers)
    refused = [answer for answer in answers if answer.status_code != 201]

    assert MOST == texts == len(answers) - len(refused)
    for answer in refused:
        assert (429, "TOO_MANY") == (answer.status_code, answer.json()["code"])
        assert 0 < int(answer.headers["Retry-After"]) <= 3601
        assert where not in answer.text
    cards = [payer.card_id for payer in payers]
    kept = ask(stack, "SELECT 1 FROM payment WHERE card_id = ANY($1)", cards)
    assert MOST == len(kept)


def test_neighbours_in_one_network_are_one(stack: Stack, places):
    """F17: an address of the same IPv6 subscriber is no new one."""
    where = address()
    for at in range(MOST):
        near = where.removesuffix("1") + f"a{at}"
        assert 201 == opened(stack.payer(TICKETS, node=places[0]), near).status_code

    assert 429 == opened(stack.payer(TICKETS, node=places[0]), where).status_code


def test_the_quick_banks_own_texts_take_nothing_of_ours(stack: Stack, places):
    """F17: what a bank texts costs us nothing: the address may go on."""
    where = address()
    for _ in range(MOST + 1):
        answer = opened(stack.payer(node=places[0]), where)
        assert "channel" == answer.json()["code"]["sent_by"]


@pytest.fixture(scope="module")
def strict(running: Stack) -> Iterator[int]:
    """A node that has few texts sent to one phone, and by banks to one address."""
    node = running.start_node(
        code_per_phone_hour=MOST, code_by_bank_per_payer_hour=MOST, code_gap_s=0
    )
    yield len(running.nodes) - 1
    node.stop()


def says_when(answer) -> bool:
    """Whether it is refused as too much for now."""
    said = (answer.status_code, answer.json()["code"])
    return (429, "TOO_MANY") == said and 0 < int(answer.headers["Retry-After"]) <= 3601


def test_a_banks_texts_take_of_the_phone(stack: Stack, strict: int):
    """F17: a phone is texted so often an hour, whoever does it and for whichever order;
    what is refused is not converted, since its text would go to the same phone.
    """
    payer = stack.payer(node=strict)
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: payer.open(), range(10)))
    good = [answer.json() for answer in answers if answer.status_code == 201]

    assert MOST == len(good) == len(payer.codes())
    assert {"QUICK_PAY"} == {order["pay_type"] for order in good}
    assert all(says_when(answer) for answer in answers if answer.status_code != 201)
    kept = ask(stack, "SELECT 1 FROM payment WHERE card_id = $1", payer.card_id)
    assert MOST == len(kept)
    again = f"/v1/quick-payments/{good[0]['pay_order_no']}/codes"
    assert says_when(payer.api.post(again, json={}, headers=key()))


def test_a_converted_order_takes_of_the_same_phone(stack: Stack, strict: int):
    """F17: our own texts and a bank's are one count, and the bank's that refused is
    none.
    """
    payer = stack.payer(node=strict)
    ways = [payer.open().json()["pay_type"] for _ in range(MOST - 1)]
    stack.fault("bank.quick_*.send_code", "decline:MAINTENANCE")
    ways.append(payer.open().json()["pay_type"])

    assert ["QUICK_PAY"] * (MOST - 1) + ["DEDUCT"] == ways
    assert says_when(payer.open())
    assert MOST == len(payer.codes())


def test_a_text_that_nobody_knows_of_is_no_others_place(stack: Stack, strict: int):
    """F04, F17: at the last text of the hour too, a bank that does not answer is made
    good by our own; both are counted.
    """
    payer = stack.payer(node=strict)
    for _ in range(MOST - 1):
        payer.open()
    stack.fault("bank.quick_*.send_code", "timeout_before")
    order = payer.open().json()
    stack.no_faults()

    assert ("DEDUCT", "CODE_SENT") == (order["pay_type"], order["resp_code"])
    assert "SUCCESS" == payer.pays(order["pay_order_no"])["biz_status"]
    assert says_when(payer.open())


def test_a_text_that_a_bank_refuses_takes_nothing(stack: Stack, strict: int):
    """F17: where surely nothing was sent the phone may be texted as often as before."""
    payer = stack.payer(node=strict)
    stack.fault("bank.quick_*.send_code", "decline:WRONG_PHONE")
    ends = {payer.open().json()["biz_status"] for _ in range(MOST + 1)}
    stack.no_faults()

    assert {"FAIL"} == ends
    assert [201] * MOST + [429] == [payer.open().status_code for _ in range(MOST + 1)]


def test_signing_takes_of_the_phone(stack: Stack, strict: int):
    """F17: other cards, other holders, one phone: so many codes to sign with an hour;
    of what is refused no card is kept, and no place is taken.
    """
    payer = stack.payer(node=strict)
    wish = {"pay_type": "QUICK_PAY", "channel": "quick_a", "account": "main"}

    def sign():
        body = {
            "number": "6222020200112233446",
            "name": "王五",
            "id_no": f"E{uuid.uuid4().hex[:20]}",
            "phone": payer.phone,
            "sign": wish,
        }
        return payer.api.post("/v1/cards", json=body, headers=key())

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: sign(), range(10)))
    refused = [answer for answer in answers if answer.status_code != 201]

    assert MOST == len(answers) - len(refused) == len(payer.codes())
    assert all(says_when(answer) for answer in refused)
    cards = ask(
        stack,
        "SELECT 1 FROM cards_card WHERE phone_hash ="
        " (SELECT phone_hash FROM cards_card WHERE card_id = $1)",
        payer.card_id,
    )
    assert MOST + 1 == len(cards)
    assert says_when(payer.open())


def test_a_storm_of_a_banks_texts_from_one_address_meets_its_limit(
    stack: Stack, strict: int
):
    """F17: other phones, one address: so many an hour, where the line tells it."""
    payers = [stack.payer(node=strict) for _ in range(MOST + 1)]
    where = address()
    answers = [opened(payer, where) for payer in payers]

    assert [201] * MOST == [answer.status_code for answer in answers[:MOST]]
    assert says_when(answers[-1])
    assert 201 == payers[-1].open().status_code


@pytest.mark.parametrize("wrong", ["", "localhost", "10.0.0.1, 10.0.0.2", "1" * 400])
def test_what_is_no_address_is_refused_and_not_repeated(stack: Stack, wrong: str):
    """F17: 400, and no order."""
    payer = stack.payer(TICKETS)
    answer = opened(payer, wrong)

    assert (400, "BAD_REQUEST") == (answer.status_code, answer.json()["code"])
    assert not wrong or wrong not in answer.text
    assert not ask(stack, "SELECT 1 FROM payment WHERE card_id = $1", payer.card_id)


def test_a_spent_budget_refuses_and_its_day_is_told_once(stack: Stack):
    """F17: at the money's end the next carrier texts, then none; who has a code pays.

    The fuse is on record once, however often it was met.
    """
    now = inside(stack, _today)
    names = [f"text.spend:{carrier}:{now}" for carrier in ("a", "b")]
    money = {"price": 50_000, "spend_per_day": 50_000}
    with (
        changed(stack, CarrierRow, "a", **money),
        changed(stack, CarrierRow, "b", **money),
    ):
        payers = [stack.payer(TICKETS) for _ in range(4)]
        answers = [payer.open() for payer in payers]
        assert [201, 201, 429, 429] == [each.status_code for each in answers]
        assert 0 < int(answers[2].headers["Retry-After"]) <= 86_401
        carriers = [stack.sms(payer.phone)[-1]["carrier"] for payer in payers[:2]]
        assert ["a", "b"] == carriers

    used = ask(
        stack,
        "SELECT counter, used FROM limit_counter WHERE counter = ANY($1)"
        " ORDER BY counter",
        [*names, *(f"told.{name}" for name in names)],
    )
    assert [50_000, 50_000, 1, 1] == [row["used"] for row in used]
    no = answers[0].json()["pay_order_no"]
    assert "SUCCESS" == payers[0].confirm(no).json()["biz_status"]
    paid_once(payers[0], no, at=("deduct_a", "deduct_b"))


async def _today(node) -> str:
    return f"{node.now():%Y%m%d}"
