"""Stripe's webhooks: whose they are, how old, and what they are about."""

import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import stripe_peer as of
from stripe_peer import CONFIG, HOOKS, INTENT, REFUND

from paycore.core import service as core
from paycore.gateway import service as gateway
from paycore.gateway.call import Ask, Beside, Callback, Operation
from paycore.gateway.channel import Account
from paycore.gateway.channels.stripe import Stripe
from paycore.gateway.rows import MessageRow
from paycore.gateway.stripe.events import genuine
from paycore.kernel.node import Node
from paycore.kernel.outcome import Blame, Outcome

PATH = "/callbacks/stripe/main"
ACCOUNT = Account(channel="stripe", account="main", base_url="", config=CONFIG)


def event(kind: str, about: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "id": "evt_1",
        "object": "event",
        "type": kind,
        "livemode": False,
        "data": {"object": about},
    } | changes


def heard(
    node: Node, told: Mapping[str, Any], *secrets: str
) -> Callback | Beside | None:
    headers, body = of.signed(told, node.now(), *(secrets or HOOKS[:1]))
    return Stripe().callback(ACCOUNT, PATH, headers, body, now=node.now())


@pytest.mark.parametrize(
    ("kind", "status", "outcome", "blame"),
    [
        ("payment_intent.succeeded", "succeeded", Outcome.SUCCEEDED, None),
        ("payment_intent.processing", "processing", Outcome.PENDING, None),
        (
            "payment_intent.payment_failed",
            "requires_payment_method",
            Outcome.DECLINED,
            Blame.CARD,
        ),
        ("payment_intent.canceled", "canceled", Outcome.DECLINED, Blame.CARD),
        ("payment_intent.payment_failed", "requires_action", Outcome.UNKNOWN, None),
    ],
)
def test_what_became_of_a_charge(
    node: Node, kind: str, status: str, outcome: Outcome, blame: Blame | None
) -> None:
    """By the intent's status, not by the event's name."""
    ask = of.deduct(node)
    error = None if outcome is Outcome.SUCCEEDED else of.declined("expired_card")
    told = heard(node, event(kind, of.intent(ask, status, last_payment_error=error)))

    assert isinstance(told, Callback)
    assert (told.request_no, told.pay_order_no) == (ask.request_no, ask.pay_order_no)
    assert told.operation is Operation.DEDUCT
    assert (told.reply.outcome, told.reply.blame) == (outcome, blame)
    assert told.reply.channel_ref == INTENT
    if outcome is Outcome.SUCCEEDED:
        assert (told.reply.amount, told.reply.currency) == (1250, "USD")


@pytest.mark.parametrize(
    ("kind", "status", "outcome"),
    [
        ("refund.updated", "succeeded", Outcome.SUCCEEDED),
        ("refund.updated", "pending", Outcome.PENDING),
        ("refund.failed", "failed", Outcome.DECLINED),
        ("charge.refund.updated", "succeeded", Outcome.SUCCEEDED),
    ],
)
def test_what_became_of_a_refund(
    node: Node, kind: str, status: str, outcome: Outcome
) -> None:
    """Under the refund's own number."""
    ask = of.refund(node)
    told = heard(node, event(kind, of.returned(ask, status)))

    assert isinstance(told, Callback)
    assert (told.request_no, told.operation) == (ask.request_no, Operation.REFUND)
    assert told.reply.outcome is outcome
    assert told.reply.channel_ref == REFUND


@pytest.mark.parametrize("whose", ["account", "context"])
def test_what_happened_on_another_account(node: Node, whose: str) -> None:
    """A platform's end point hears of its connected accounts too, signed by the same
    secret: that one of them was paid, under our number, pays nothing of ours.
    """
    paid = event("payment_intent.succeeded", of.intent(of.deduct(node)))
    back = event("refund.updated", of.returned(of.refund(node)))

    for told in (paid, back):
        assert isinstance(heard(node, told | {whose: None}), Callback)
        assert heard(node, told | {whose: "acct_1canary"}) == Beside()


def test_several_secrets_live_at_once(node: Node) -> None:
    """While one is rolled, each signs: any of them is good, and no other is."""
    told = event("payment_intent.succeeded", of.intent(of.deduct(node)))

    assert heard(node, told, HOOKS[0]) == heard(node, told, HOOKS[1])
    assert heard(node, told, "whsec_stranger", HOOKS[1]) is not None
    assert heard(node, told, "whsec_stranger") is None
    assert heard(node, told, *["whsec_stranger"] * 9, HOOKS[0]) is None


def test_a_byte_that_was_changed(node: Node) -> None:
    """Whichever it is, of the body or of the signature: nobody's."""
    told = event("payment_intent.succeeded", of.intent(of.deduct(node)))
    headers, body = of.signed(told, node.now(), HOOKS[0])
    driver, header = Stripe(), headers["stripe-signature"]

    def heard_as(header: str, body: bytes) -> object:
        given = {"stripe-signature": header}
        return driver.callback(ACCOUNT, PATH, given, body, now=node.now())

    for at in range(len(body)):
        changed = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]

        assert heard_as(header, changed) is None
    digest = header.partition("v1=")[2].partition(",")[0]
    for at in range(len(digest)):
        other = "0" if digest[at] != "0" else "1"
        changed = header.replace(digest, digest[:at] + other + digest[at + 1 :])

        assert heard_as(changed, body) is None
    stamp = header.partition(",")[0]
    for odd in (
        "",
        stamp,
        f"v1={digest}",
        f"t=1,{stamp},v1={digest}",
        header.replace("v1=", "v0="),
        header.replace("t=", "t=+"),
        f"{stamp},v1={digest.upper()}",
        f"{stamp},v1=é",
    ):
        assert heard_as(odd, body) is None
    assert heard_as(header, body) is not None
    assert driver.callback(ACCOUNT, PATH, {}, body, now=node.now()) is None
    assert driver.callback(ACCOUNT, PATH + "/x", headers, body, now=node.now()) is None


@pytest.mark.parametrize(
    ("age_s", "fresh"),
    [(0, True), (299, True), (302, False), (-299, True), (-302, False)],
)
def test_how_old_an_event_may_be(node: Node, age_s: int, *, fresh: bool) -> None:
    """Five minutes, to both sides."""
    told = event("payment_intent.succeeded", of.intent(of.deduct(node)))
    at = node.now() - timedelta(seconds=age_s)
    headers, body = of.signed(told, at, HOOKS[0])
    answer = Stripe().callback(ACCOUNT, PATH, headers, body, now=node.now())

    assert (answer is not None) == fresh


def beside(ask: Ask) -> list[dict[str, Any]]:
    """What is genuine and none of our business."""
    others = of.intent(ask, metadata={"order": "6735"})
    return [
        event("charge.refunded", {"object": "charge", "id": "ch_1"}),
        event("payment_intent.created", of.intent(ask, "requires_action")),
        event("payment_intent.requires_action", of.intent(ask, "requires_action")),
        event("customer.created", {"object": "customer"}),
        event("payment_intent.succeeded", of.intent(ask), livemode=True),
        event("payment_intent.succeeded", others),
        event("payment_intent.succeeded", of.intent(ask, metadata={})),
        {"id": "evt_2", "object": "v2.core.event", "type": "v1.billing.meter"},
    ]


def test_what_is_beside(node: Node) -> None:
    """Signed by them and about nothing that we follow; unsigned it is nobody's."""
    for told in beside(of.deduct(node)):
        assert isinstance(heard(node, told), Beside)
        assert heard(node, told, "whsec_stranger") is None


def test_an_object_that_cannot_be_read(node: Node) -> None:
    """What must be followed and is not understood is refused, so that it is seen."""
    odd = {"object": "payment_intent", "id": INTENT, "status": "succeeded"}

    assert heard(node, event("payment_intent.succeeded", odd)) is None


# --- at our door ----------------------------------------------------------------------


@pytest.fixture
async def here(node: Node) -> Node:
    """A node with our account."""
    await gateway.save_account(
        node,
        channel="stripe",
        account="main",
        driver="stripe",
        base_url="https://api.stripe.com",
        credentials={
            "secret_key": of.KEY,
            "webhook_secrets": HOOKS,
            "livemode": False,
        },
    )
    await gateway.refresh(node)
    return node


async def arrive(node: Node, headers: dict[str, str], body: bytes) -> tuple[int, Any]:
    """An event at our door, as the API takes it: the status, and what was received."""
    received = await gateway.callback(node, "stripe", "main", PATH, headers, body)
    status, _ = received.accept(await core.receive(node, received))
    return status, received


async def test_what_is_beside_is_acknowledged(here: Node) -> None:
    """With 200, else Stripe closes our end point; and it changes nothing. Forged, the
    same words are refused.
    """
    ask = of.deduct(here)
    for told in beside(ask):
        headers, body = of.signed(told, here.now(), HOOKS[0])
        status, received = await arrive(here, headers, body)
        forged, refused = await arrive(here, headers, body + b" ")

        assert (status, forged) == (200, 400)
        assert (received.callback, received.message) == (None, None)
        assert refused.callback is None
    assert [] == await here.journal.within(MessageRow, ask.pay_order_no)


async def test_what_is_received(here: Node) -> None:
    """A charge's end is taken to core, and nothing secret with it."""
    ask = of.deduct(here)
    told = event("payment_intent.succeeded", of.intent(ask))
    headers, body = of.signed(told, here.now(), HOOKS[0])
    received = await gateway.callback(
        here, "stripe", "main", PATH, {n.title(): v for n, v in headers.items()}, body
    )

    assert received.callback is not None
    assert received.accept(True)[0] == 200
    assert received.accept(False)[0] == 400
    assert received.message is not None
    kept = repr(received.message) + repr(received.callback)
    assert [] == [canary for canary in of.CANARIES if canary in kept]
    # No payment has this number: it is refused, and Stripe brings it again.
    assert (await arrive(here, headers, body))[0] == 400


async def test_the_signature_is_the_documented_one() -> None:
    """HMAC-SHA256 over the seconds, a dot and the body, by the secret as it is
    written, prefix and all.
    """
    body = json.dumps({"id": "evt_1"}).encode()
    wanted = hmac.new(b"whsec_test_secret", b"1795910460." + body, "sha256").hexdigest()
    at = datetime.fromtimestamp(1795910460, UTC)

    assert genuine(["whsec_test_secret"], f"t=1795910460,v1={wanted}", body, at)
    assert not genuine([], f"t=1795910460,v1={wanted}", body, at)
