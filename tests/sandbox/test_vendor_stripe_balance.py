"""Stripe's balance transactions: what moved, and what is planted there."""

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from stripe_merchant import METHOD, Merchant, config

pytestmark = pytest.mark.usefixtures("one_hour")


def say(merchant: Any, path: str, **what: Any) -> Any:
    url = f"{merchant.sandbox.info['control']}/control/{path}"
    answer = merchant.sandbox.http("POST", url, json.dumps(what).encode())
    assert answer.status < 300, answer.raw
    return json.loads(answer.raw)


@pytest.fixture
def fresh(start_with: Any, hearing: Any) -> Any:
    """A sandbox with two payments, and a part of one gone back."""
    merchant = Merchant(sandbox=start_with({"stripe": config(hearing)}))
    paid = merchant.paid(amount=10_000)
    merchant.paid()
    merchant.refund(paid["id"], amount=2500)
    return merchant


def test_the_balance_is_what_moved(fresh: Any) -> None:
    """Every move is a transaction, with its fee and what it is of."""
    charges = fresh.sandbox.control("charges")
    listed = fresh.every("balance_transactions", limit=1, **{"expand[]": "data.source"})
    bare = fresh.every("balance_transactions", type="refund")
    bounds = {
        "created[gte]": int(time.time()) - 60,
        "created[lt]": int(time.time()) + 9,
    }

    assert [(c["kind"], c["amount"]) for c in reversed(charges)] == [
        (one["type"], abs(one["amount"])) for one in listed
    ]
    assert [(-2500, 0, -2500), (1234, 5, 1229), (10_000, 38, 9962)] == [
        (one["amount"], one["fee"], one["net"]) for one in listed
    ]
    back, _, paid = (one["source"] for one in listed)
    assert ("refund", "charge") == (back["object"], paid["object"])
    assert paid["payment_intent"] == back["payment_intent"]
    assert paid["id"] == back["charge"]
    assert [back["id"]] == [one["source"] for one in bare]
    assert 3 == len(fresh.every("balance_transactions", **bounds))
    assert [] == fresh.every("balance_transactions", **{"created[lt]": 1})


def test_planted_differences_stand_in_the_balance(fresh: Any) -> None:
    """What is missing, of another amount, a day late, held back, or cut."""
    day = datetime.now(UTC).date()
    tomorrow = str(day + timedelta(days=1))
    about = {"bank": "stripe", "date": str(day)}
    gone = say(fresh, "statement_faults", fault="missing_refund", **about)
    other = say(fresh, "statement_faults", fault="other_amount", **about)[0]
    say(fresh, "statement_faults", fault="next_day", **about)
    today = fresh.every("balance_transactions")
    say(fresh, "statement_days", today=tomorrow)
    both = fresh.every("balance_transactions")
    say(fresh, "statement_faults", fault="late:3", **about)
    late = fresh.every("balance_transactions")
    say(fresh, "statement_faults", fault="truncated", bank="stripe", date=tomorrow)
    cut = fresh.call("GET", "balance_transactions")

    assert 1 == len(gone)
    assert [int(other["now"].split(",")[3])] == [one["amount"] for one in today]
    assert (2, 1) == (len(both), len(late))
    with pytest.raises(json.JSONDecodeError):
        _ = cut.body


def test_a_payment_method_is_detached_for_good(fresh: Any) -> None:
    """Once; then nothing can be taken with it."""
    path = f"payment_methods/{METHOD}/detach"
    detached = fresh.call("POST", path)
    twice = fresh.call("POST", path)

    assert (METHOD, None) == (detached.body["id"], detached.body["customer"])
    assert (400, 400) == (twice.status, fresh.create().status)
    assert 404 == fresh.call("POST", "payment_methods/pm_none/detach").status
