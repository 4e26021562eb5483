"""Stripe by what goes out and what is made of what comes back, over real HTTP."""

import dataclasses
import json
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import stripe_peer as of
from msgspec.structs import replace
from stripe_peer import CUT, INTENT, KEY, METHOD, REFUND, SILENCE, Peer, call, says

from paycore.gateway.call import OTHER_MONEY, Operation
from paycore.gateway.channels.stripe import Stripe
from paycore.gateway.stripe.amounts import ours, theirs
from paycore.gateway.stripe.refusals import REFUSALS
from paycore.kernel.node import Node
from paycore.kernel.outcome import Blame, Outcome


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    """Somebody at the other end."""
    peer = Peer()
    server = await peer.open()
    yield peer
    server.close()


# --- amounts --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("currency", "we_say", "they_say"),
    [
        ("USD", 1250, 1250),
        ("CNY", 1, 1),
        ("JPY", 500, 500),
        ("XPF", 1, 1),
        ("ISK", 5, 500),
        ("UGX", 5, 500),
        ("MGA", 500, 5),
        ("HUF", 1045, 1045),
        ("TWD", 80045, 80045),
        ("KWD", 5120, 5120),
    ],
)
def test_an_amount_is_said_exactly(currency: str, we_say: int, they_say: int) -> None:
    """In Stripe's units, which are not everywhere ISO's, and back without a loss."""
    assert theirs(we_say, currency) == they_say
    assert ours(they_say, currency) == we_say


@pytest.mark.parametrize(
    ("currency", "amount"),
    [("MGA", 501), ("KWD", 5124), ("IQD", 5000), ("CLF", 100), ("UYI", 1), ("ABC", 1)],
)
async def test_what_cannot_be_said_is_not_sent(
    node: Node, peer: Peer, currency: str, amount: int
) -> None:
    """Neither rounded nor guessed: nothing leaves, so it may go elsewhere."""
    for ask in (of.deduct(node), of.refund(node)):
        reply = await call(node, peer, replace(ask, amount=amount, currency=currency))

        assert reply.outcome is Outcome.NOT_SENT
    assert [] == peer.heard
    assert ours(501, "ISK") is None
    assert ours(1, "ABC") is None


async def test_their_units_come_back_as_ours(node: Node, peer: Peer) -> None:
    """Five króna are asked for as 500, and 500 is what was asked for."""
    ask = of.deduct(node, amount=5, currency="ISK")
    took = of.intent(ask, currency="isk", amount_received=500)
    reply = await call(node, peer, ask, says(took))

    assert "500" == peer.heard[0].form["amount"]
    assert (reply.outcome, reply.amount, reply.currency) == (
        Outcome.SUCCEEDED,
        5,
        "ISK",
    )


# --- what leaves ----------------------------------------------------------------------


async def test_a_charge_as_it_leaves(node: Node, peer: Peer) -> None:
    """Off session, confirmed at once, under our number, by card only."""
    ask = of.deduct(node)
    reply = await call(node, peer, ask, says(of.intent(ask)))
    (heard,) = peer.heard

    assert (heard.method, heard.path) == ("POST", "/v1/payment_intents")
    assert heard.form == {
        "amount": "1250",
        "currency": "usd",
        "customer": of.CUSTOMER,
        "payment_method": METHOD,
        "payment_method_types[]": "card",
        "off_session": "true",
        "confirm": "true",
        "metadata[request_no]": ask.request_no,
        "metadata[pay_order_no]": ask.pay_order_no,
    }
    assert heard.headers["idempotency-key"] == ask.request_no
    assert heard.headers["authorization"] == f"Bearer {KEY}"
    assert heard.headers["stripe-version"] == of.CONFIG.api_version
    assert reply.outcome is Outcome.SUCCEEDED
    assert (reply.amount, reply.currency, reply.channel_ref) == (1250, "USD", INTENT)


async def test_a_refund_as_it_leaves(node: Node, peer: Peer) -> None:
    """Of the intent that was charged, under the refund's own number."""
    ask = of.refund(node)
    reply = await call(node, peer, ask, says(of.returned(ask)))
    (heard,) = peer.heard

    assert (heard.method, heard.path) == ("POST", "/v1/refunds")
    assert heard.form == {
        "payment_intent": INTENT,
        "amount": "250",
        "metadata[request_no]": ask.request_no,
        "metadata[pay_order_no]": ask.pay_order_no,
    }
    assert heard.headers["idempotency-key"] == ask.request_no
    assert (reply.outcome, reply.amount, reply.channel_ref) == (
        Outcome.SUCCEEDED,
        250,
        REFUND,
    )


@pytest.mark.parametrize("ref", [None, "", "pi_1/../x", "ch_123", "pi_1?a=b"])
async def test_a_refund_of_nobody_knows_what(
    node: Node, peer: Peer, ref: str | None
) -> None:
    """Without the intent's id nothing is sent."""
    ask = of.refund(node, original_channel_ref=ref)
    reply = await call(node, peer, ask)

    assert (reply.outcome, peer.heard) == (Outcome.NOT_SENT, [])


@pytest.mark.parametrize(
    "agreement", [None, "cus_1", "pm_1/cus_1", "cus_1/pm_1/detach"]
)
async def test_an_agreement_that_is_none(
    node: Node, peer: Peer, agreement: str | None
) -> None:
    """What does not name a customer and a method charges nobody."""
    for operation in (Operation.DEDUCT, Operation.REVOKE):
        ask = of.deduct(node, agreement=agreement, operation=operation)
        reply = await call(node, peer, ask)

        assert (reply.outcome, peer.heard) == (Outcome.NOT_SENT, [])


# --- results --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "blame"),
    [
        ("insufficient_funds", Blame.PAYER),
        ("generic_decline", Blame.PAYER),
        ("authentication_required", Blame.PAYER),
        ("lost_card", Blame.CARD),
        ("stolen_card", Blame.CARD),
        ("expired_card", Blame.CARD),
        ("pickup_card", Blame.CARD),
        ("restricted_card", Blame.CARD),
        ("processing_error", Blame.CHANNEL),
        ("issuer_not_available", Blame.CHANNEL),
        ("try_again_later", Blame.CHANNEL),
    ],
)
async def test_a_card_that_is_declined(
    node: Node, peer: Peer, code: str, blame: Blame
) -> None:
    """A 402 and an intent that needs another method: nothing moves any more."""
    ask = of.deduct(node)
    reply = await call(node, peer, ask, of.refused(ask, code))
    asked = of.enquiry(ask, channel_ref=INTENT)
    body = of.intent(
        ask, "requires_payment_method", last_payment_error=of.declined(code)
    )
    enquired = await call(node, peer, asked, says(body))

    for said in (reply, enquired):
        assert (said.outcome, said.blame, said.resp_code) == (
            Outcome.DECLINED,
            blame,
            code,
        )
        assert said.channel_ref == INTENT


@pytest.mark.parametrize("code", ["E_NEW_2031", "duplicate_transaction"])
async def test_a_decline_that_nobody_knows(node: Node, peer: Peer, code: str) -> None:
    """A word that is not in the table, or speaks of another request, is unknown."""
    ask = of.deduct(node)
    reply = await call(node, peer, ask, of.refused(ask, code))

    assert (reply.outcome, reply.blame) == (Outcome.UNKNOWN, None)
    assert reply.channel_ref == INTENT


@pytest.mark.parametrize(
    ("status", "error", "blame"),
    [
        (400, {"code": "parameter_missing"}, Blame.REQUEST),
        (400, {"code": "amount_too_small"}, Blame.REQUEST),
        (400, {}, Blame.REQUEST),
        (404, {"code": "resource_missing"}, Blame.REQUEST),
        (402, {"type": "card_error", "code": "expired_card"}, Blame.CARD),
        (400, {"code": "E_NEW_2031"}, None),
        (400, {"type": "idempotency_error"}, None),
        (400, {"type": "api_error"}, None),
        (400, {"type": ""}, None),
    ],
)
async def test_a_request_that_is_refused(
    node: Node, peer: Peer, status: int, error: dict[str, str], blame: Blame | None
) -> None:
    """Definite where Stripe's word for it is known; a key's second use is not."""
    body = {"error": {"type": "invalid_request_error", **error}}
    for ask in (of.deduct(node), of.refund(node)):
        reply = await call(node, peer, ask, says(body, status))
        expected = Outcome.UNKNOWN if blame is None else Outcome.DECLINED

        assert (reply.outcome, reply.blame) == (expected, blame)
        assert reply.resp_code


@pytest.mark.parametrize("status", [401, 403, 409, 424, 429, 500, 502, 503, 302, 201])
async def test_an_answer_that_is_no_fact(node: Node, peer: Peer, status: int) -> None:
    """A refused key, a lock, too many, a failure of theirs: unknown, asked after."""
    body = {"error": {"type": "invalid_request_error", "message": f"Bad {KEY}"}}
    for ask in (of.deduct(node), of.refund(node)):
        reply = await call(node, peer, ask, says(body, status))

        assert (reply.outcome, reply.blame) == (Outcome.UNKNOWN, None)
        assert reply.resp_code == f"HTTP_{status}"
        assert (reply.alarm is not None) == (status in (401, 403))
        assert KEY not in repr(reply)


@pytest.mark.parametrize(
    "answer",
    [SILENCE, CUT, of.Says(body=b"<html>"), says([]), says({"id": INTENT}), says(None)],
)
async def test_no_answer_at_all(node: Node, peer: Peer, answer: of.Says) -> None:
    """Silence, a cut line and garbage say nothing."""
    for ask in (of.deduct(node), of.refund(node)):
        reply = await call(node, peer, replace(ask, timeout_s=0.5), answer)

        assert (reply.outcome, reply.blame) == (Outcome.UNKNOWN, None)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"metadata": {}}, "OTHER_ORDER"),
        ({"livemode": True}, "OTHER_MODE"),
        ({"object": "charge"}, "OTHER_OBJECT"),
        ({"amount_received": 1251}, OTHER_MONEY),
        ({"amount_received": 1250, "currency": "eur"}, OTHER_MONEY),
    ],
)
async def test_a_yes_that_is_not_ours(
    node: Node, peer: Peer, changes: dict[str, object], code: str
) -> None:
    """Another's order, the other mode, another amount: a person looks (F32)."""
    ask = of.deduct(node)
    for asked in (ask, of.enquiry(ask, channel_ref=INTENT)):
        reply = await call(node, peer, asked, says(of.intent(ask) | changes))

        assert (reply.outcome, reply.resp_code) == (Outcome.UNKNOWN, code)
        assert reply.alarm
        if "amount_received" in changes:
            assert reply.alarm == "amount differs"
            assert reply.amount == changes["amount_received"]


@pytest.mark.parametrize("status", ["requires_payment_method", "canceled"])
async def test_a_no_that_took_money(node: Node, peer: Peer, status: str) -> None:
    """A refusal beside a received amount is none."""
    ask = of.deduct(node)
    odd = of.intent(ask, status, amount_received=1, last_payment_error=of.declined("x"))
    reply = await call(node, peer, ask, says(odd))

    assert reply.outcome is Outcome.UNKNOWN
    assert reply.alarm


async def test_what_is_processing_is_pending(node: Node, peer: Peer) -> None:
    """It is taken in, and its number is known from now on."""
    ask, back = of.deduct(node), of.refund(node)
    reply = await call(node, peer, ask, says(of.intent(ask, "processing")))
    refund = await call(node, peer, back, says(of.returned(back, "pending")))

    assert (reply.outcome, reply.channel_ref) == (Outcome.PENDING, INTENT)
    assert (refund.outcome, refund.channel_ref) == (Outcome.PENDING, REFUND)


async def test_an_answer_that_was_stored(node: Node, peer: Peer) -> None:
    """What is replayed says that there was an earlier request, and is asked after."""
    ask = of.deduct(node)
    for status in ("succeeded", "requires_action"):
        answer = says(of.intent(ask, status), idempotent_replayed="true")
        reply = await call(node, peer, ask, answer)

        assert (reply.outcome, reply.resp_code) == (Outcome.UNKNOWN, "REPLAYED")
        assert (reply.channel_ref, len(peer.heard)) == (INTENT, 1)
    stored = {"Idempotent-Replayed": "true"}
    no = dataclasses.replace(of.refused(ask, "lost_card"), headers=stored)
    reply = await call(node, peer, ask, no)

    assert (reply.outcome, reply.blame) == (Outcome.UNKNOWN, None)


# --- an intent that waits for the payer -----------------------------------------------


async def test_what_waits_for_the_payer_is_cancelled(node: Node, peer: Peer) -> None:
    """It is a no once it is cancelled, and only then."""
    ask = of.deduct(node)
    waits, ended = of.intent(ask, "requires_action"), of.intent(ask, "canceled")
    reply = await call(node, peer, ask, says(waits), says(ended))

    assert [heard.path for heard in peer.heard] == [
        "/v1/payment_intents",
        f"/v1/payment_intents/{INTENT}/cancel",
    ]
    assert "idempotency-key" not in peer.heard[1].headers
    assert (reply.outcome, reply.blame, reply.resp_code) == (
        Outcome.DECLINED,
        Blame.PAYER,
        "authentication_required",
    )


@pytest.mark.parametrize(
    "second",
    [
        SILENCE,
        CUT,
        says({}, 500),
        says({"error": {"type": "invalid_request_error"}}, 404),
        says({"error": {"type": "card_error", "code": "lost_card"}}, 402),
        of.Says(body=b"<html>"),
    ],
)
async def test_a_cancellation_that_is_not_confirmed(
    node: Node, peer: Peer, second: of.Says
) -> None:
    """Then the payer may still pay: unknown, and somebody looks."""
    ask = of.deduct(node, timeout_s=1.0)
    reply = await call(node, peer, ask, says(of.intent(ask, "requires_action")), second)

    assert (reply.outcome, reply.blame) == (Outcome.UNKNOWN, None)
    assert reply.alarm
    assert reply.channel_ref == INTENT
    assert len(peer.heard) == 2


async def test_a_cancellation_that_comes_too_late(node: Node, peer: Peer) -> None:
    """Where the payer was faster, his money is ours; where he failed, it is not."""
    ask = of.deduct(node)
    waits = says(of.intent(ask, "requires_action"))
    paid, ended = of.intent(ask), of.intent(ask, "canceled")
    error = {"type": "invalid_request_error", "code": "payment_intent_unexpected_state"}
    late = says({"error": {**error, "payment_intent": paid}}, 400)
    twice = says({"error": {**error, "payment_intent": ended}}, 400)
    other = says(of.intent(ask, "canceled", id="pi_another"))

    assert (await call(node, peer, ask, waits, late)).outcome is Outcome.SUCCEEDED
    assert (await call(node, peer, ask, waits, twice)).outcome is Outcome.DECLINED
    assert (await call(node, peer, ask, waits, other)).outcome is Outcome.UNKNOWN


# --- revoking -------------------------------------------------------------------------


def method(**changes: object) -> dict[str, object]:
    return {
        "id": METHOD,
        "object": "payment_method",
        "customer": None,
        "livemode": False,
        "billing_details": of.PAYER,
    } | changes


async def test_a_card_is_detached(node: Node, peer: Peer) -> None:
    """Nobody's card charges nobody; one that still is somebody's was not revoked."""
    ask = of.deduct(node, operation=Operation.REVOKE)
    reply = await call(node, peer, ask, says(method()))
    (heard,) = peer.heard

    assert (heard.method, heard.path) == (
        "POST",
        f"/v1/payment_methods/{METHOD}/detach",
    )
    assert "idempotency-key" not in heard.headers
    assert reply.outcome is Outcome.SUCCEEDED
    for odd in (method(customer=of.CUSTOMER), method(id="pm_x"), method(livemode=True)):
        reply = await call(node, peer, ask, says(odd))

        assert (reply.outcome, reply.not_found) == (Outcome.UNKNOWN, False)


async def test_a_card_that_was_detached_before(node: Node, peer: Peer) -> None:
    """Stripe refuses it, and it is as it should be: looked at, not guessed."""
    ask = of.deduct(node, operation=Operation.REVOKE)
    no = says(
        {"error": {"type": "invalid_request_error", "message": "impossible"}}, 400
    )
    done = await call(node, peer, ask, no, says(method()))
    ways = [heard.method for heard in peer.heard]
    still = await call(node, peer, ask, no, says(method(customer=of.CUSTOMER)))
    lost = await call(node, peer, ask, no, CUT)

    assert ways == ["POST", "GET"]
    assert done.outcome is Outcome.SUCCEEDED
    assert (still.outcome, still.blame) == (Outcome.DECLINED, Blame.REQUEST)
    assert lost.outcome is Outcome.DECLINED


async def test_enquiry_of_a_revocation(node: Node, peer: Peer) -> None:
    """The card itself says whether it was revoked, to who knows its name."""
    ask = of.deduct(node, operation=Operation.REVOKE)
    named = of.enquiry(ask, agreement=ask.agreement)
    gone = await call(node, peer, named, says(method()))
    there = await call(node, peer, named, says(method(customer=of.CUSTOMER)))
    nameless = await call(node, peer, of.enquiry(ask))

    assert gone.outcome is Outcome.SUCCEEDED
    assert (there.outcome, there.not_found) == (Outcome.UNKNOWN, True)
    assert (nameless.resp_code, nameless.not_found) == ("NOT_ENQUIRABLE", False)


# --- what is kept ---------------------------------------------------------------------


async def test_nothing_secret_is_kept(node: Node, peer: Peer) -> None:
    """No key, no name that charges, no client secret, nothing of the payer."""
    ask, driver = of.deduct(node), Stripe()
    back, ended = of.refund(node), replace(ask, operation=Operation.REVOKE)
    echo = "&".join(f"{k}={v}" for k, v in {"a": of.CUSTOMER, "b": METHOD}.items())
    kept = [
        repr(await call(node, peer, ask, says(of.intent(ask)))),
        repr(await call(node, peer, ask, of.refused(ask, "lost_card"))),
        repr(await call(node, peer, ended, says(method()))),
        repr(await call(node, peer, ask, of.Says(body=f"<pre>{echo}".encode()))),
        repr(await call(node, peer, of.enquiry(ask), of.listed(of.intent(ask)))),
        driver.scrub(json.dumps({"keys": [KEY, *of.HOOKS]})),
        driver.scrub(json.dumps(of.intent(ask), indent=1)[:700]),
    ]
    for asked in (ask, back, ended, of.enquiry(ended, agreement=ask.agreement)):
        outgoing = driver.assemble(of.account(peer), asked)
        kept += [outgoing.masked, repr(asked)]
    for text in kept:
        assert [] == [canary for canary in of.CANARIES if canary in text]
    assert ask.request_no in kept[0]
    assert INTENT in kept[0]


def test_every_refusal_has_its_class() -> None:
    """A word for no blames somebody; a word for neither blames nobody."""
    assert all(
        (said is Outcome.DECLINED) == bool(who) for said, who in REFUSALS.values()
    )
    assert {Blame.PAYER, Blame.CARD, Blame.CHANNEL, Blame.REQUEST, None} == {
        who for _, who in REFUSALS.values()
    }
    assert timedelta(minutes=5) == Stripe.acceptance_window
    assert not Stripe.refunds_once
