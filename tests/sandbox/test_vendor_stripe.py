"""Stripe's simulator over real HTTP, driven by a merchant of his own writing."""

import base64
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from stripe_merchant import (
    CUSTOMER,
    KEY,
    METHOD,
    WEBHOOK_SECRET,
    Merchant,
    config,
    is_theirs,
    new_key,
    told,
)


@pytest.fixture(scope="module")
def running_stripe(start_with: Any, hearing: Any) -> Any:
    return start_with({"stripe": config(hearing)})


@pytest.fixture
def merchant(running_stripe: Any) -> Any:
    running_stripe.clear()
    yield Merchant(sandbox=running_stripe)
    running_stripe.clear()


def events(hearing: Any, thing: dict[str, Any], **kw: Any) -> list[dict[str, Any]]:
    """What was told of a thing, each with a good signature."""
    about = f'"id":"{thing["id"]}"'.encode()
    found = hearing.wait(lambda one: about in one.body, **kw)
    assert all(is_theirs(one.headers, one.body, WEBHOOK_SECRET) for one in found)
    return [told(one) for one in found]


def error(answer: Any) -> tuple[int, str, str | None]:
    """The status, and the envelope's type and code."""
    envelope = answer.body["error"]
    assert envelope["message"]
    return answer.status, envelope["type"], envelope.get("code")


def test_a_deduct_succeeds_and_is_told_once(merchant: Any, hearing: Any) -> None:
    """An intent confirmed off session is paid; it is found again, and told of."""
    paid = merchant.paid()
    found = merchant.get(f"payment_intents/{paid['id']}")
    listed = merchant.get("payment_intents", limit=1)["data"][0]
    query = f"metadata['order']:'{paid['metadata']['order']}'"
    searched = merchant.get("payment_intents/search", query=query)["data"]
    event = events(hearing, paid)[0]
    time.sleep(1.2)

    assert paid["id"].startswith("pi_")
    assert ("payment_intent", "succeeded", False) == (
        paid["object"],
        paid["status"],
        paid["livemode"],
    )
    assert (1234, 1234, "usd") == (
        paid["amount"],
        paid["amount_received"],
        paid["currency"],
    )
    assert paid == found == listed == searched[0]
    assert ("event", "payment_intent.succeeded", False, paid) == (
        event["object"],
        event["type"],
        event["livemode"],
        event["data"]["object"],
    )
    assert 1 == len(events(hearing, paid))
    assert [("charge", 1234)] == merchant.moved(paid)


@pytest.mark.parametrize(
    ("method", "code", "decline_code"),
    [
        ("pm_card_chargeDeclined", "card_declined", "generic_decline"),
        (
            "pm_card_visa_chargeDeclinedInsufficientFunds",
            "card_declined",
            "insufficient_funds",
        ),
        ("pm_card_visa_chargeDeclinedLostCard", "card_declined", "lost_card"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", None),
        ("pm_card_chargeDeclinedProcessingError", "processing_error", None),
        (
            "pm_card_authenticationRequired",
            "authentication_required",
            "authentication_required",
        ),
    ],
)
def test_a_declined_card_is_a_402(
    merchant: Any, hearing: Any, method: str, code: str, decline_code: str | None
) -> None:
    """The error has the intent, which waits for another method, and its event."""
    answer = merchant.create(payment_method=method)
    envelope = answer.body["error"]
    intent = envelope["payment_intent"]
    found = merchant.get(f"payment_intents/{intent['id']}")

    assert (402, "card_error", code) == error(answer)
    assert decline_code == envelope.get("decline_code")
    assert ("requires_payment_method", 0, None) == (
        intent["status"],
        intent["amount_received"],
        intent["payment_method"],
    )
    assert intent == found
    assert code == found["last_payment_error"]["code"]
    assert "payment_intent.payment_failed" == events(hearing, intent)[0]["type"]
    assert [] == merchant.moved(intent)


def test_refunds_never_exceed(merchant: Any, hearing: Any) -> None:
    """In parts, the rest without an amount, and then no more."""
    paid = merchant.paid()
    over = merchant.refund(paid["id"], amount=1235)
    part = merchant.refund(paid["id"], amount=234).body
    charge = {"charge": paid["latest_charge"]}
    rest = merchant.call("POST", "refunds", charge, key=new_key()).body
    more = merchant.refund(paid["id"], amount=1)

    assert (400, "invalid_request_error", "amount_too_large") == error(over)
    assert (400, "invalid_request_error", "charge_already_refunded") == error(more)
    assert [("succeeded", 234), ("succeeded", 1000)] == [
        (refund["status"], refund["amount"]) for refund in (part, rest)
    ]
    assert part == merchant.get(f"refunds/{part['id']}")
    assert [rest, part] == merchant.every("refunds", payment_intent=paid["id"])
    assert "refund.updated" == events(hearing, part)[0]["type"]
    assert [("charge", 1234), ("refund", 234), ("refund", 1000)] == (
        merchant.moved(paid)
    )


def test_only_what_was_paid_can_go_back(merchant: Any) -> None:
    """No such intent, and one that was declined."""
    failed = merchant.create(payment_method="pm_card_chargeDeclined").body["error"]

    assert "resource_missing" == error(merchant.refund("pi_none"))[2]
    assert 400 == merchant.refund(failed["payment_intent"]["id"]).status


def test_a_key_is_used_once(merchant: Any) -> None:
    """Again with the same is the same answer, and says so; with other it is refused."""
    key, declined = new_key(), new_key()
    params = merchant.intent()
    first = merchant.call("POST", "payment_intents", params, key=key)
    again = merchant.call("POST", "payment_intents", params, key=key)
    other = {**params, "amount": 1}
    clash = merchant.call("POST", "payment_intents", other, key=key)
    elsewhere = merchant.call("POST", "refunds", params, key=key)
    poor = merchant.intent(payment_method="pm_card_chargeDeclined")
    no = [merchant.call("POST", "payment_intents", poor, key=declined) for _ in "12"]

    assert (first.status, first.raw) == (again.status, again.raw)
    assert (None, "true") == tuple(
        answer.headers.get("Idempotent-Replayed") for answer in (first, again)
    )
    for answer in (clash, elsewhere):
        assert (400, "idempotency_error", None) == error(answer)
    assert (402, no[0].raw) == (no[1].status, no[1].raw)
    assert [("charge", 1234)] == merchant.moved(first.body)


def test_what_was_malformed_keeps_no_key(merchant: Any) -> None:
    """A call that was never begun can be made again, put right."""
    key = new_key()
    wrong = merchant.create(key=key, amount="12.5")

    assert (400, "parameter_invalid_integer") == (wrong.status, error(wrong)[2])
    assert 200 == merchant.create(key=key).status


def test_a_key_in_use_is_a_conflict(merchant: Any) -> None:
    """Of many at once one is done, and the others are told of it: one charge. Who comes
    when it is over has its answer.
    """
    key, params = new_key(), merchant.intent()
    merchant.sandbox.fault("bank.stripe.deduct", "slow:1", count=1)
    with ThreadPoolExecutor(6) as pool:
        answers = list(
            pool.map(
                lambda _: merchant.call("POST", "payment_intents", params, key=key),
                range(6),
            )
        )
    replayed = [one for one in answers if "Idempotent-Replayed" in one.headers]
    paid = [one for one in answers if one.status == 200 and one not in replayed]
    again = merchant.call("POST", "payment_intents", params, key=key)

    assert {200, 409} == {answer.status for answer in answers}
    assert 1 == len(paid)
    assert {paid[0].raw} == {answer.raw for answer in (again, *replayed)}
    assert [("charge", 1234)] == merchant.moved(again.body)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"amount": None}, "parameter_missing"),
        ({"currency": None}, "parameter_missing"),
        ({"amount": "0"}, "parameter_invalid_integer"),
        ({"amount": "100000000"}, "amount_too_large"),
        ({"currency": "dollar"}, None),
        ({"customer": "cus_none"}, "resource_missing"),
        ({"payment_method": "pm_none"}, "resource_missing"),
        ({"payment_method": None}, "parameter_missing"),
        ({"customer": None}, None),
        ({"confirm": "false"}, None),
        ({"amonut": 1}, "parameter_unknown"),
    ],
)
def test_a_call_that_is_wrong_is_a_400(
    merchant: Any, change: dict[str, Any], code: str | None
) -> None:
    """The envelope says which parameter, and nothing is done."""
    answer = merchant.create(**change)

    assert (400, "invalid_request_error", code) == error(answer)


def test_strangers_and_strange_paths(merchant: Any) -> None:
    """401 without the key, 404 for what is not there."""
    stranger = Merchant(sandbox=merchant.sandbox, secret="sk_test_other")
    for method, path in (("POST", "payment_intents"), ("GET", "balance_transactions")):
        assert (401, "invalid_request_error", None) == error(
            stranger.call(method, path)
        )
    basic = base64.b64encode(f"{KEY}:".encode()).decode()
    url = f"{merchant.sandbox.info['banks']['stripe']}/v1/refunds"
    by_name = merchant.sandbox.http(
        "GET", url, b"", {"Authorization": f"Basic {basic}"}
    )

    assert 200 == by_name.status
    assert 404 == merchant.call("GET", "nothing").status
    for path in ("payment_intents/pi_none", "refunds/re_none"):
        assert (404, "invalid_request_error", "resource_missing") == error(
            merchant.call("GET", path)
        )


def test_an_intent_is_made_first_and_confirmed_later(merchant: Any) -> None:
    """It waits; confirmed it is paid; neither can be done twice."""
    key = new_key()
    params = merchant.intent(confirm=None, off_session=None)
    made = merchant.call("POST", "payment_intents", params, key=key).body
    again = merchant.call("POST", "payment_intents", params, key=key).body
    path = f"payment_intents/{made['id']}"
    waiting = merchant.get(path)
    paid = merchant.call("POST", f"{path}/confirm", {"off_session": "true"})
    twice = merchant.call("POST", f"{path}/confirm")
    canceled = merchant.call("POST", f"{path}/cancel")

    assert "requires_confirmation" == made["status"]
    assert made == again == waiting
    assert ("succeeded", made["id"]) == (paid.body["status"], paid.body["id"])
    for answer in (twice, canceled):
        assert "payment_intent_unexpected_state" == error(answer)[2]
        assert "succeeded" == answer.body["error"]["payment_intent"]["status"]
    assert [("charge", 1234)] == merchant.moved(made)


def test_what_was_declined_is_tried_again_or_canceled(merchant: Any) -> None:
    """With another method it is the same intent; canceled it is nobody's any more."""
    poor = "pm_card_chargeDeclined"
    first, second = (
        merchant.create(payment_method=poor).body["error"]["payment_intent"]["id"]
        for _ in "12"
    )
    paid = merchant.call(
        "POST", f"payment_intents/{first}/confirm", {"payment_method": METHOD}
    )
    canceled = merchant.call("POST", f"payment_intents/{second}/cancel")
    after = merchant.call(
        "POST", f"payment_intents/{second}/confirm", {"payment_method": METHOD}
    )

    assert ("succeeded", first) == (paid.body["status"], paid.body["id"])
    assert "succeeded" == merchant.get(f"payment_intents/{first}")["status"]
    assert (200, "canceled") == (canceled.status, canceled.body["status"])
    assert "canceled" == merchant.get(f"payment_intents/{second}")["status"]
    assert "payment_intent_unexpected_state" == error(after)[2]


def test_a_method_is_attached_used_and_detached(merchant: Any) -> None:
    """What a customer is given charges him until it is taken away, and is shown."""
    path = "payment_methods/pm_card_visa/attach"
    made = merchant.call("POST", path, {"customer": CUSTOMER}, key=new_key()).body
    one = f"payment_methods/{made['id']}"
    merchant.paid(payment_method=made["id"])
    before = merchant.get(one)
    merchant.sandbox.fault("bank.stripe.revoke", "decline:lock_timeout", count=1)
    turned_away = merchant.call("POST", f"{one}/detach", key=new_key())
    ended = merchant.call("POST", f"{one}/detach", key=new_key())
    again = merchant.call("POST", f"{one}/detach", key=new_key())
    refused = merchant.create(payment_method=made["id"])
    strangers = [
        merchant.call("POST", path, {"customer": "cus_nobody"}, key=new_key()),
        merchant.call("POST", "payment_methods/pm_x/attach", {"customer": CUSTOMER}),
        merchant.call("GET", "payment_methods/pm_x"),
    ]

    assert (made["id"], CUSTOMER) == (before["id"], before["customer"])
    assert "lock_timeout" == turned_away.body["error"]["code"]
    assert ended.status == 200
    assert ended.body["customer"] is None
    assert merchant.get(one)["customer"] is None
    assert [400, 400] == [again.status, refused.status]
    assert [400, 404, 404] == [answer.status for answer in strangers]


def test_lists_have_pages_and_bounds(merchant: Any) -> None:
    """The newest first, behind or before a cursor, within `created`."""
    paid = [merchant.paid()["id"] for _ in range(3)]
    newest = merchant.get("payment_intents", limit=2)
    behind = merchant.get("payment_intents", limit=1, starting_after=paid[1])
    before = merchant.get("payment_intents", limit=1, ending_before=paid[1])
    future = {"created[gt]": int(time.time()) + 5}

    assert (paid[:0:-1], True) == (
        [one["id"] for one in newest["data"]],
        newest["has_more"],
    )
    assert [paid[0]] == [one["id"] for one in behind["data"]]
    assert [paid[2]] == [one["id"] for one in before["data"]]
    assert [] == merchant.every("payment_intents", **future)
    assert 400 == merchant.call("GET", "payment_intents", {"limit": 101}).status


# Faults.


def test_no_answer_after_the_money_moved_once(merchant: Any) -> None:
    """`timeout_after`: the same key again is the answer that never came."""
    key, params = new_key(), merchant.intent()
    merchant.sandbox.fault("bank.stripe.deduct", "timeout_after", count=1)
    with pytest.raises(TimeoutError):
        merchant.call("POST", "payment_intents", params, key=key, timeout=0.3)
    order = params["metadata[order]"]
    merchant.sandbox.until(f"charges?pay_order_no={order}", 1)
    give_up = time.monotonic() + 60
    again = merchant.call("POST", "payment_intents", params, key=key)
    while again.status == 409 and time.monotonic() < give_up:
        time.sleep(0.02)
        again = merchant.call("POST", "payment_intents", params, key=key)

    assert ("true", "succeeded") == (
        again.headers["Idempotent-Replayed"],
        again.body["status"],
    )
    assert [("charge", 1234)] == merchant.moved(again.body)


def test_what_takes_time_is_processing_until_it_is_told(
    merchant: Any, hearing: Any
) -> None:
    """The intent, then its event; the key still says what it said first."""
    key, params = new_key(), merchant.intent()
    merchant.sandbox.fault("bank.stripe.deduct", "processing:0.6", count=1)
    first = merchant.call("POST", "payment_intents", params, key=key)
    told_of = events(hearing, first.body)
    again = merchant.call("POST", "payment_intents", params, key=key)
    merchant.sandbox.fault("bank.stripe.refund", "processing:0.2", count=1)
    pending = merchant.refund(first.body["id"]).body
    back = events(hearing, pending)

    assert (200, "processing", 0) == (
        first.status,
        first.body["status"],
        first.body["amount_received"],
    )
    assert ["payment_intent.succeeded"] == [event["type"] for event in told_of]
    assert first.raw == again.raw
    assert "succeeded" == merchant.get(f"payment_intents/{first.body['id']}")["status"]
    assert ("pending", "succeeded") == (
        pending["status"],
        back[0]["data"]["object"]["status"],
    )


def test_forced_declines_and_lies(merchant: Any, hearing: Any) -> None:
    """A bank's code, a decline code of theirs, a wrong amount, a lie to a question."""
    said = []
    for code in ("OVER_LIMIT", "do_not_honor", "authentication_required"):
        merchant.sandbox.fault("bank.stripe.deduct", f"decline:{code}", count=1)
        envelope = merchant.create().body["error"]
        said.append((envelope["code"], envelope["decline_code"]))
    merchant.sandbox.fault("bank.stripe.deduct", "wrong_amount", count=1)
    lied = merchant.paid()
    true = merchant.get(f"payment_intents/{lied['id']}")
    merchant.sandbox.fault("bank.stripe.enquire", "decline:lost_card", count=1)
    doubted = merchant.get(f"payment_intents/{lied['id']}")
    merchant.sandbox.fault("bank.stripe.refund", "decline:lost_card", count=1)
    failed = merchant.refund(lied["id"]).body

    assert [
        ("card_declined", "card_velocity_exceeded"),
        ("card_declined", "do_not_honor"),
        ("authentication_required", "authentication_required"),
    ] == said
    assert (1235, 1234) == (lied["amount_received"], true["amount_received"])
    assert 1235 == events(hearing, lied)[0]["data"]["object"]["amount"]
    assert "requires_payment_method" == doubted["status"]
    assert ("failed", "lost_card") == (failed["status"], failed["failure_reason"])
    assert "refund.failed" == events(hearing, failed)[0]["type"]


@pytest.mark.parametrize("code", ["BAD_REQUEST", "BLACKLISTED"])
def test_a_forced_refusal_is_kept_under_its_key(merchant: Any, code: str) -> None:
    """The same call again is refused in the same words."""
    key, params = new_key(), merchant.intent()
    merchant.sandbox.fault("bank.stripe.deduct", f"decline:{code}", count=1)
    first = merchant.call("POST", "payment_intents", params, key=key)
    again = merchant.call("POST", "payment_intents", params, key=key)

    assert 400 <= first.status < 500
    assert (first.status, first.raw) == (again.status, again.raw)


def test_an_event_may_come_early_and_twice(merchant: Any, hearing: Any) -> None:
    """`callback_before_answer` with `duplicate_callback`: both before the answer."""
    merchant.sandbox.fault("bank.stripe.deduct", "callback_before_answer", count=1)
    merchant.sandbox.fault("bank.stripe.deduct", "duplicate_callback:2", count=1)
    paid = merchant.paid()
    order = paid["metadata"]["order"].encode()

    assert 2 == len([one for one in hearing.heard if b'"%b"' % order in one.body])


def test_an_event_is_sent_until_it_is_heard(merchant: Any, hearing: Any) -> None:
    """302 is no answer; any of the two hundreds is one."""
    order = f"P{new_key()}"
    hearing.statuses[order] = [302, 204]
    paid = merchant.paid(**{"metadata[order]": order})
    told_of = events(hearing, paid, count=2)
    time.sleep(0.3)

    assert 2 == len(told_of) == len(events(hearing, paid))
    assert told_of[0]["id"] == told_of[1]["id"]


def test_a_kill_forgets_no_key(start_with: Any, hearing: Any) -> None:
    """After kill -9 the same key is the same answer, and ids are what they were."""
    merchant = Merchant(sandbox=start_with({"stripe": config(hearing)}))
    key, params = new_key(), merchant.intent()
    first = merchant.call("POST", "payment_intents", params, key=key)
    part = merchant.refund(first.body["id"], amount=1).body
    merchant.sandbox.end(signal.SIGKILL)
    merchant.sandbox.start()
    again = merchant.call("POST", "payment_intents", params, key=key)

    assert first.raw == again.raw
    assert part == merchant.get(f"refunds/{part['id']}")
    assert [first.body] == merchant.every("payment_intents")
