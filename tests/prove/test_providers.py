"""Banks that speak as providers do: drawn by the seed, and nothing breaks."""

import json
import random
from collections import Counter
from urllib.parse import urlencode

import pytest

from paycore.gateway.rows import AccountRow, MessageRow
from paycore.kernel.http import HttpRequest
from paycore.prove.houses import Bent
from paycore.prove.plan import Plan
from paycore.prove.providers import contract
from paycore.prove.run import story
from paycore.prove.stage import stage
from paycore.prove.stripe import StripeHouse, agreement
from paycore.prove.world import World
from paycore.sandbox.bank import Bank

KIND = "speaks_as_a_provider"
SEEDS = range(1, 5)
NOW = 1_780_000_000_000
PAYMENTS = 15
ONLY_DEDUCTED = (
    *("line_deducts", "deducts", "refunds", "revokes_given"),
    *("money_unanswered", "refund_unanswered", "callback_lost", "enquiry_lies"),
)
"""What has a bank that only deducts be called, and asked what became of it."""
AT_STRIPE = (7, 9)
"""Seeds in which both banks that deduct speak as Stripe."""


def world(seed, **given):
    """A run that is over."""
    made = World(Plan(seed=seed, payments=PAYMENTS, **given))
    made.run()
    return made


@pytest.fixture(scope="module")
def worlds():
    """Runs in which banks speak as providers."""
    return [world(seed, always=(KIND,)) for seed in SEEDS]


@pytest.fixture(scope="module")
def deducting():
    """Runs in which a bank speaks as Stripe, and is deducted by."""
    return [world(seed, always=(KIND, *ONLY_DEDUCTED)) for seed in AT_STRIPE]


def calls(worlds):
    """How often each driver answered to each operation."""
    called = Counter()
    for one in worlds:
        driver = {row.channel: row.driver for row in one.base.every(AccountRow)}
        for row in one.base.every(MessageRow):
            if row.direction != "OUT":
                called[driver.get(row.channel), row.operation] += 1
    return called


def test_nothing_is_broken(worlds, deducting):
    """All that must hold of the house's own banks holds of them."""
    every = (*worlds, *deducting)
    broken = {w.plan.command: w.oracle.violations for w in every}

    assert {} == {command: found for command, found in broken.items() if found}


def test_each_adapter_is_called_and_answered(worlds):
    """Codes, money, enquiries and refunds, at banks that keep their names."""
    called = calls(worlds)

    for driver in ("unionpay", "huifu"):
        for operation in ("send_code", "confirm", "enquire", "refund"):
            assert called[driver, operation], (driver, operation)
    assert called["huifu", "deduct"]


def test_stripe_is_deducted_by_and_asked(deducting):
    """Charges, refunds and enquiries by id and by list, events, under lost answers."""
    called = calls(deducting)
    struck = sum((one.faults.hits for one in deducting), Counter())

    for operation in ("deduct", "refund", "enquire"):
        assert called["stripe", operation], operation
    assert all(struck[kind] for kind in ("money_unanswered", "revokes_given"))


def test_some_seeds_draw_it_and_most_do_not():
    """It costs, so that most runs go without; a run without it has the own banks."""
    drawn = [bool(World(Plan(seed=seed, payments=1)).spoken) for seed in range(1, 41)]

    assert 0 < sum(drawn) < len(drawn) / 2


def test_the_same_seed_is_the_same_run():
    """Whatever keys the process has made, and whatever chance is in what is sealed."""
    plan = Plan(seed=3, payments=4, always=(KIND,))

    assert story(plan)[1] == story(plan)[1]


def test_a_list_may_deny_one_of_those_in_it():
    """A bank that lists where others ask lies about one charge, and no other."""
    house, cards = stripe_house()
    for number, card in enumerate(cards[:2], 1):
        charged(house, f"P{number}01", card)
    listed = asked(house, "/v1/payment_intents")

    answers = [
        json.loads(house.reply(listed, house.act(listed.call), NOW, strike=one).body)
        for one in (None, "enquiry_lies")
    ]

    said = [[one["status"] for one in answer["data"]] for answer in answers]
    assert ["P201", "P101"] == [order.request_id for order in house.lists(listed)]
    assert "P201" == house.denied(listed).request_id
    assert [["succeeded"] * 2, ["requires_payment_method", "succeeded"]] == said


def test_what_is_told_of_another_payment_has_its_numbers():
    """Also where they stand inside of a text: in an intent's metadata."""
    house, cards = stripe_house()
    order = charged(house, "P101", cards[0])

    _, body = house.told(order, NOW, Bent.ELSEWHERE)

    told = json.loads(body)["data"]["object"]["metadata"]
    assert {"request_no": "PZ01", "pay_order_no": "PZ"} == told


def stripe_house():
    """A bank that speaks as Stripe, and the cards that are saved there."""
    cards = stage().cards
    bank = Bank("deduct_a", number=3, rng=random.Random(1))
    return StripeHouse(bank, cards, contract("stripe").sandbox), cards


def asked(house, path, *, method="GET", form=(), key=""):
    """A call, as the house reads it."""
    secret = contract("stripe").sandbox["secret_key"]
    headers = {"Authorization": f"Bearer {secret}", "Idempotency-Key": key}
    request = HttpRequest(
        method=method,
        url=f"https://deduct_a.sim{path}",
        headers=headers,
        body=urlencode(form).encode(),
        timeout_s=1.0,
    )
    return house.open(request, path, NOW)


def charged(house, number, card):
    """An order that was charged to a card."""
    customer, _, method = agreement(card).partition("/")
    form = {
        "amount": "500",
        "currency": "cny",
        "customer": customer,
        "payment_method": method,
        "off_session": "true",
        "confirm": "true",
        "metadata[request_no]": number,
        "metadata[pay_order_no]": number[:-2],
    }
    call = asked(house, "/v1/payment_intents", method="POST", form=form, key=number)
    house.act(call.call)
    return house.orders[number]
