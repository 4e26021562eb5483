"""Asking Stripe what became of a request: it only ever reads, and reads all of it."""

from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import pairwise

import pytest
import stripe_peer as of
from msgspec.structs import replace
from stripe_peer import CUT, INTENT, REFUND, SILENCE, Heard, Peer, Says, call, says

from paycore.gateway import service as gateway
from paycore.gateway.call import Operation
from paycore.gateway.checking import account as check
from paycore.kernel.node import Node
from paycore.kernel.outcome import Blame, Outcome


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    """Somebody at the other end, to whom no enquiry ever sends anything."""
    peer = Peer()
    server = await peer.open()
    yield peer
    server.close()
    assert {"GET"} >= {heard.method for heard in peer.heard}
    assert [] == [heard for heard in peer.heard if heard.form]


def book(*objects: dict, size: int = 2):
    """A list of theirs, newest first, so many to a page."""

    def script(heard: Heard) -> Says:
        names = [one["id"] for one in objects]
        after = heard.query.get("starting_after")
        begin = 0 if after is None else names.index(after) + 1
        page = objects[begin : begin + size]
        return of.listed(*page, more=begin + size < len(objects))

    return script


async def test_an_intent_by_its_id(node: Node, peer: Peer) -> None:
    """One request, where Stripe told its number."""
    ask = of.deduct(node)
    enquiry = of.enquiry(ask, channel_ref=INTENT)
    reply = await call(node, peer, enquiry, says(of.intent(ask)))

    assert [heard.path for heard in peer.heard] == [f"/v1/payment_intents/{INTENT}"]
    assert (reply.outcome, reply.amount) == (Outcome.SUCCEEDED, 1250)


async def test_an_intent_by_its_time(node: Node, peer: Peer) -> None:
    """Without it, all of about that time is read, page by page, for our number."""
    ask, others = of.deduct(node), [of.deduct(node) for _ in range(7)]
    made = [of.intent(one, id=f"pi_{n}") for n, one in enumerate(others)]
    peer.script = book(*made[:5], of.intent(ask), *made[5:])
    reply = await call(node, peer, of.enquiry(ask))
    first = peer.heard[0]
    opened = int(ask.opened_at.timestamp())

    assert (reply.outcome, reply.channel_ref) == (Outcome.SUCCEEDED, INTENT)
    assert [heard.query.get("starting_after") for heard in peer.heard] == [
        None,
        "pi_1",
        "pi_3",
    ]
    assert first.path == "/v1/payment_intents"
    assert first.query == {
        "created[gte]": str(opened - 300),
        "created[lte]": str(opened + 900),
        "limit": "100",
    }
    assert all(
        left.query == {n: v for n, v in right.query.items() if n != "starting_after"}
        for left, right in pairwise([first, peer.heard[1]])
    )


async def test_an_intent_by_its_customer(node: Node, peer: Peer) -> None:
    """While it is known whose it is, it is found wherever our clock was at its opening:
    what lies outside of "about that time" is no "not found".
    """
    ask, other = of.deduct(node), of.intent(of.deduct(node), id="pi_1")

    def script(heard: Heard) -> Says:
        opened = int(ask.opened_at.timestamp())
        made = opened - 3600
        since, until = (int(heard.query[f"created[{one}]"]) for one in ("gte", "lte"))
        hers = heard.query.get("customer", of.CUSTOMER) == of.CUSTOMER
        mine = [of.intent(ask)] if hers and since <= made <= until else []
        return of.listed(other, *mine)

    peer.script = script
    by_time = await call(node, peer, of.enquiry(ask))
    by_customer = await call(node, peer, of.enquiry(ask, agreement=ask.agreement))

    assert by_time.not_found
    assert (by_customer.outcome, by_customer.amount) == (Outcome.SUCCEEDED, 1250)
    assert [of.CUSTOMER] == [heard.query["customer"] for heard in peer.heard]
    assert of.CUSTOMER not in by_customer.kept


@pytest.mark.parametrize(
    "first",
    [
        of.listed(),
        says({"error": {"code": "resource_missing"}}, 400),
        says({"error": {"code": "resource_missing"}}, 404),
    ],
)
async def test_a_customer_who_has_nothing(node: Node, peer: Peer, first: Says) -> None:
    """Or is not known any more: then everybody's intents of that time are read, and
    only what is in neither list is not found.
    """
    ask, other = of.deduct(node), of.intent(of.deduct(node), id="pi_1")
    enquiry = of.enquiry(ask, agreement=ask.agreement)
    found = await call(node, peer, enquiry, first, of.listed(other, of.intent(ask)))
    lost = await call(node, peer, enquiry, first, of.listed(other))

    assert (found.outcome, found.channel_ref) == (Outcome.SUCCEEDED, INTENT)
    assert ["customer" in heard.query for heard in peer.heard] == [True, False]
    assert lost.not_found
    broken = await call(node, peer, enquiry, first, says({}, 500))

    assert (broken.outcome, broken.not_found) == (Outcome.UNKNOWN, False)


@pytest.mark.parametrize("count", [0, 1, 2, 5])
async def test_not_found_is_said_of_a_whole_list(
    node: Node, peer: Peer, count: int
) -> None:
    """Nobody's number but others', to the end: there is no such order."""
    ask = of.deduct(node)
    made = [of.intent(of.deduct(node), id=f"pi_{n}") for n in range(count)]
    peer.script = book(*made)
    reply = await call(node, peer, of.enquiry(ask))

    assert (reply.outcome, reply.not_found) == (Outcome.UNKNOWN, True)
    assert reply.alarm is None
    assert len(peer.heard) == max(1, -(-count // 2))


@pytest.mark.parametrize(
    "second",
    [
        SILENCE,
        CUT,
        says({}, 500),
        says({"error": {"type": "rate_limit_error"}}, 429),
        says({"error": {"type": "invalid_request_error"}}, 400),
        says({"error": {"code": "resource_missing"}}, 404),
        says({"error": {}}, 401),
        Says(body=b"<html>"),
        says({"object": "list", "data": [], "has_more": True}),
        says({"object": "list", "data": [{"id": "pi_9"}], "has_more": False}),
        says({"object": "list", "data": ["pi_9"], "has_more": False}),
        says({"object": "list", "has_more": False}),
        says({"object": "search_result", "data": [], "has_more": False}),
    ],
)
async def test_a_list_that_breaks_off(node: Node, peer: Peer, second: Says) -> None:
    """What was not read to its end knows nothing: never "not found"."""
    ask, other = of.deduct(node, timeout_s=0.4), of.deduct(node)
    first = of.listed(of.intent(other, id="pi_1"), more=True)
    for answers in ([first, second], [second]):
        reply = await call(node, peer, of.enquiry(ask), *answers)

        assert (reply.outcome, reply.not_found) == (Outcome.UNKNOWN, False)
        assert reply.blame is None


async def test_a_list_without_an_end(node: Node, peer: Peer) -> None:
    """It is left when the time of the call is over."""
    ask, other = of.deduct(node, timeout_s=1.0), of.intent(of.deduct(node), id="pi_1")
    peer.script = lambda _: of.listed(other, more=True)
    reply = await call(node, peer, of.enquiry(ask))

    assert (reply.outcome, reply.not_found) == (Outcome.UNKNOWN, False)
    assert len(peer.heard) > 1


async def test_two_with_our_number(node: Node, peer: Peer) -> None:
    """Which of them is ours nobody can say: a person looks."""
    ask = of.deduct(node)
    both = of.listed(of.intent(ask), of.intent(ask, "processing", id="pi_2"))
    reply = await call(node, peer, of.enquiry(ask), both)

    assert (reply.outcome, reply.resp_code) == (Outcome.UNKNOWN, "TWICE")
    assert reply.alarm


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("processing", Outcome.PENDING),
        ("canceled", Outcome.DECLINED),
        ("requires_action", Outcome.UNKNOWN),
        ("requires_confirmation", Outcome.UNKNOWN),
        ("requires_capture", Outcome.UNKNOWN),
        ("requires_payment_method", Outcome.UNKNOWN),
        ("levitating", Outcome.UNKNOWN),
    ],
)
async def test_a_status_that_is_found(
    node: Node, peer: Peer, status: str, outcome: Outcome
) -> None:
    """What may still take money is no refusal: a person cancels it, and then it is."""
    ask = of.deduct(node)
    reply = await call(node, peer, of.enquiry(ask), of.listed(of.intent(ask, status)))
    waits = {"requires_action", "requires_confirmation", "requires_capture"}

    assert (reply.outcome, reply.resp_code) == (outcome, status)
    assert (reply.alarm is not None) == (status in waits)
    assert not reply.not_found


async def test_what_stripe_told_and_does_not_know(node: Node, peer: Peer) -> None:
    """A number of its own that it has forgotten is no "no such order"."""
    lost = says(
        {"error": {"type": "invalid_request_error", "code": "resource_missing"}}, 404
    )
    enquiry = of.enquiry(of.deduct(node), channel_ref=INTENT)
    reply = await call(node, peer, enquiry, lost)

    assert (reply.outcome, reply.not_found) == (Outcome.UNKNOWN, False)
    assert reply.alarm


async def test_an_answer_to_another_question(node: Node, peer: Peer) -> None:
    """The charge's own answer is no list: that somebody repeated it proves nothing."""
    ask = of.deduct(node)
    reply = await call(node, peer, of.enquiry(ask), says(of.intent(ask)))

    assert (reply.outcome, reply.not_found) == (Outcome.UNKNOWN, False)
    assert reply.alarm


async def test_what_cannot_be_asked(node: Node, peer: Peer) -> None:
    """Neither a time nor a number: it is said, and is no "not found"."""
    ask, back = of.deduct(node, opened_at=None), of.refund(node)
    for asked in (
        of.enquiry(ask),
        of.enquiry(ask, channel_ref="x/y", enquired_operation=Operation.DEDUCT),
        of.enquiry(back, original_channel_ref=None),
        of.enquiry(ask, enquired_operation=Operation.CONFIRM),
        of.enquiry(ask, enquired_operation=None),
    ):
        reply = await call(node, peer, asked)

        assert (reply.outcome, reply.resp_code) == (Outcome.UNKNOWN, "NOT_ENQUIRABLE")
        assert not reply.not_found
    assert [] == peer.heard


async def test_nobody_there(node: Node, peer: Peer) -> None:
    """An enquiry that cannot leave has not left."""
    peer.url = "http://127.0.0.1:1"
    reply = await call(node, peer, of.enquiry(of.deduct(node)))

    assert reply.outcome is Outcome.NOT_SENT


# --- refunds --------------------------------------------------------------------------


async def test_a_refund_by_its_charge(node: Node, peer: Peer) -> None:
    """All refunds of the charge are read for the refund's own number."""
    ask = of.refund(node)
    others = [of.returned(of.refund(node), id=f"re_{n}") for n in range(3)]
    peer.script = book(*others, of.returned(ask))
    reply = await call(node, peer, of.enquiry(ask))

    assert (reply.outcome, reply.amount) == (Outcome.SUCCEEDED, 250)
    assert reply.channel_ref == REFUND
    assert peer.heard[0].path == "/v1/refunds"
    assert peer.heard[0].query == {"payment_intent": INTENT, "limit": "100"}
    assert len(peer.heard) == 2
    peer.script = book(*others)

    assert (await call(node, peer, of.enquiry(ask))).not_found


async def test_a_refund_by_its_id(node: Node, peer: Peer) -> None:
    """One request, where Stripe told its number."""
    ask = of.refund(node)
    enquiry = of.enquiry(ask, channel_ref=REFUND)
    reply = await call(node, peer, enquiry, says(of.returned(ask)))

    assert [heard.path for heard in peer.heard] == [f"/v1/refunds/{REFUND}"]
    assert reply.outcome is Outcome.SUCCEEDED


@pytest.mark.parametrize(
    ("changes", "outcome", "blame"),
    [
        ({"status": "pending"}, Outcome.PENDING, None),
        ({"status": "requires_action"}, Outcome.PENDING, None),
        ({"status": "canceled"}, Outcome.DECLINED, Blame.REQUEST),
        ({"status": "failed"}, Outcome.DECLINED, Blame.CHANNEL),
        (
            {"status": "failed", "failure_reason": "lost_or_stolen_card"},
            Outcome.DECLINED,
            Blame.CARD,
        ),
        ({"status": "failed", "failure_reason": "E_NEW"}, Outcome.UNKNOWN, None),
        ({"status": None}, Outcome.UNKNOWN, None),
        ({"amount": 251}, Outcome.UNKNOWN, None),
        ({"currency": "eur"}, Outcome.UNKNOWN, None),
        ({"metadata": {}}, Outcome.UNKNOWN, None),
        ({"payment_intent": "pi_another"}, Outcome.UNKNOWN, None),
    ],
)
async def test_how_a_refund_stands(
    node: Node,
    peer: Peer,
    changes: dict[str, object],
    outcome: Outcome,
    blame: Blame | None,
) -> None:
    """By its status, if it is ours, whole and of the charge that was to be refunded."""
    ask = of.refund(node)
    enquiry = of.enquiry(ask, channel_ref=REFUND)
    reply = await call(node, peer, enquiry, says(of.returned(ask, **changes)))

    assert (reply.outcome, reply.blame) == (outcome, blame)
    odd = {"amount", "currency", "metadata", "payment_intent"} & changes.keys()
    assert (reply.alarm is not None) == bool(odd)


# --- by the gateway -------------------------------------------------------------------


async def test_a_test_call(node: Node, peer: Peer) -> None:
    """Asking after a number that nobody has moves nothing, and finds it good."""
    credentials = {"secret_key": of.KEY, "webhook_secrets": [], "livemode": False}
    await gateway.save_account(
        node,
        channel="stripe",
        account="main",
        driver="stripe",
        base_url=peer.url,
        credentials=credentials,
    )
    peer.script = [of.listed(), says({"error": {"type": "x"}}, 401)]
    good = await check(node, "stripe", "main")
    bad = await check(node, "stripe", "main")

    assert (good.good, bad.good) == (True, False)
    assert "secret_key" in bad.explanation


async def test_a_charge_that_was_lost_is_found(node: Node, peer: Peer) -> None:
    """From the time-out to the truth, as core goes: sent once, then only read."""
    ask = of.deduct(node, timeout_s=0.5)
    lost = await call(node, peer, ask, SILENCE)
    peer.heard.clear()
    asked = replace(of.enquiry(ask), timeout_s=30.0, asked_at=node.now() + timedelta(1))
    found = await call(node, peer, asked, of.listed(of.intent(ask)))

    assert (lost.outcome, found.outcome) == (Outcome.UNKNOWN, Outcome.SUCCEEDED)
