"""Stripe's balance transactions as a statement: how a day comes, and how it is read."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import stripe_peer as of
from stripe_peer import CONFIG, CUT, INTENT, REFUND, Heard, Peer, Says, says

from paycore.gateway.channel import Account
from paycore.gateway.channels.stripe import Stripe
from paycore.gateway.statement import (
    Arrived,
    Fetched,
    StatementBroken,
    StatementLine,
    Trade,
)
from paycore.kernel.node import Node

DAY = date(2026, 11, 26)
BEGINS = int(datetime(2026, 11, 26, tzinfo=UTC).timestamp())
ACCOUNT = Account(channel="stripe", account="main", base_url="", config=CONFIG)
REQUEST, ORDER = "261126081530123ABCDEFGHJKM01", "261126081530123ABCDEFGHJKM"


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    """Somebody at the other end."""
    peer = Peer()
    server = await peer.open()
    yield peer
    server.close()


def charge(**changes: Any) -> dict[str, Any]:
    """A charge's transaction, with all that a careless reader would keep."""
    return {
        "id": "txn_1",
        "object": "balance_transaction",
        "amount": 1250,
        "currency": "usd",
        "created": BEGINS + 29730,
        "exchange_rate": None,
        "fee": 66,
        "net": 1184,
        "status": "pending",
        "type": "charge",
        "source": {
            "id": "ch_1",
            "object": "charge",
            "amount": 1250,
            "amount_captured": 1250,
            "billing_details": of.PAYER,
            "currency": "usd",
            "customer": of.CUSTOMER,
            "metadata": {"request_no": REQUEST, "pay_order_no": ORDER, "name": "Jenny"},
            "payment_intent": INTENT,
            "payment_method": of.METHOD,
        },
    } | changes


def refund(**changes: Any) -> dict[str, Any]:
    """A refund's transaction."""
    numbers = {"request_no": f"{ORDER}R01", "pay_order_no": ORDER}
    return {
        "id": "txn_2",
        "amount": -250,
        "currency": "usd",
        "created": BEGINS + 86399,
        "fee": 0,
        "type": "refund",
        "source": {
            "id": REFUND,
            "object": "refund",
            "amount": 250,
            "currency": "usd",
            "metadata": numbers,
            "payment_intent": INTENT,
        },
    } | changes


def source(entry: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return entry | {"source": entry["source"] | changes}


def book(*entries: dict[str, Any], size: int = 2):
    """A list of theirs, so many to a page."""

    def script(heard: Heard) -> Says:
        names = [one["id"] for one in entries]
        after = heard.query.get("starting_after")
        begin = 0 if after is None else names.index(after) + 1
        return of.listed(
            *entries[begin : begin + size], more=begin + size < len(entries)
        )

    return script


async def fetch(node: Node, peer: Peer, day: date = DAY) -> tuple[Fetched, bytes]:
    """What came of asking, and the file."""
    came: list[bytes] = []

    async def take(octets: bytes) -> None:
        came.append(octets)

    fetched = await Stripe().fetch_statement(node, of.account(peer), day, take)
    return fetched, b"".join(came)


async def read(octets: bytes, *, day: date = DAY, size: int = 7) -> list[StatementLine]:
    """What our file makes of it, however it is cut on its way."""

    async def pieces() -> AsyncIterator[bytes]:
        for at in range(0, len(octets), size):
            yield octets[at : at + size]

    return [one async for one in Stripe().read_statement(ACCOUNT, day, pieces())]


def written(
    *entries: dict[str, Any], day: date = DAY, count: int | None = None
) -> bytes:
    """A file as it is kept."""
    lines = [{"stripe": 1, "day": day.isoformat()}, *entries]
    lines.append({"lines": len(entries) if count is None else count})
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


async def test_a_day_comes_page_by_page(node: Node, peer: Peer) -> None:
    """All of it, by its bounds in UTC, with the charge or refund behind each."""
    made = [charge(id=f"txn_{n}") for n in range(4)]
    peer.script = book(*made, refund(id="txn_last"))
    fetched, file = await fetch(node, peer)
    first = peer.heard[0]

    assert fetched.arrived is Arrived.WHOLE
    assert (first.method, first.path) == ("GET", "/v1/balance_transactions")
    assert first.query == {
        "created[gte]": str(BEGINS),
        "created[lt]": str(BEGINS + 86400),
        "limit": "100",
        "expand[]": "data.source",
    }
    assert [heard.query.get("starting_after") for heard in peer.heard] == [
        None,
        "txn_1",
        "txn_3",
    ]
    for size in (1, 7, 1 << 16):
        lines = await read(file, size=size)

        assert [line.no for line in lines] == [1, 2, 3, 4, 5]
        assert [line.trade for line in lines] == [Trade.CHARGE] * 4 + [Trade.REFUND]


async def test_what_is_kept_of_it(node: Node, peer: Peer) -> None:
    """The fields that decide, and nothing of the payer."""
    peer.script = [of.listed(charge(), refund())]
    _, file = await fetch(node, peer)

    assert [] == [one for one in (*of.CANARIES, "Jenny") if one.encode() in file]
    assert file.endswith(b'{"lines":2}\n')


async def test_a_charge_and_a_refund() -> None:
    """What the payer paid, under our numbers, and what Stripe kept."""
    paid, back = await read(written(charge(), refund()))

    assert paid == StatementLine(
        no=1,
        trade=Trade.CHARGE,
        request_no=REQUEST,
        pay_order_no=ORDER,
        amount=1250,
        currency="USD",
        fee=66,
        moved=True,
        channel_ref=INTENT,
        at=datetime(2026, 11, 26, 8, 15, 30, tzinfo=UTC),
        fault="",
    )
    assert (back.trade, back.amount, back.fee) == (Trade.REFUND, 250, 0)
    assert (back.request_no, back.channel_ref) == (f"{ORDER}R01", REFUND)
    assert back.moved


async def test_what_was_converted() -> None:
    """Settled in another currency: the payer's amount counts, the fee is not known."""
    euros = charge(amount=1150, currency="eur", exchange_rate=0.92, fee=60)
    yen = source(
        charge(amount=333, exchange_rate=0.006),
        amount=50000,
        amount_captured=50000,
        currency="jpy",
    )
    krona = source(
        charge(amount=500, currency="isk", fee=100),
        amount=500,
        amount_captured=500,
        currency="isk",
    )
    one, two, three = await read(written(euros, yen, krona))

    assert (one.amount, one.currency, one.fee) == (1250, "USD", None)
    assert (two.amount, two.currency, two.fee) == (50000, "JPY", None)
    assert (three.amount, three.currency, three.fee) == (5, "ISK", 1)


@pytest.mark.parametrize(
    "kind", ["payout", "stripe_fee", "topup", "reserve_transaction"]
)
async def test_what_is_no_payers_money(kind: str) -> None:
    """Between Stripe and us: counted, and no line."""
    own = charge(type=kind, source="po_1", amount=-90000)
    lines = await read(written(own, charge(), own))

    assert [(line.no, line.trade) for line in lines] == [(1, Trade.CHARGE)]


@pytest.mark.parametrize(
    "odd",
    [
        charge(type="adjustment"),
        charge(type="payment_failure_refund"),
        charge(type="levitation"),
        refund(type="refund_failure", amount=250),
        charge(source="ch_1"),
        charge(source=None),
        charge(amount=-1250),
        refund(amount=250),
        charge(amount=1251),
        charge(currency="eur"),
        source(charge(), currency="isk"),
        charge(amount="1250"),
        charge(created=None),
        {"object": "balance_transaction"},
    ],
)
async def test_a_line_that_nobody_can_place(odd: dict[str, Any]) -> None:
    """A dispute, a new type, a contradiction: it is shown, and spoils no other."""
    before, bad, after = await read(written(charge(), odd, refund()))

    assert (before.fault, after.fault) == ("", "")
    assert (bad.no, bad.trade, bad.amount, bad.moved) == (2, None, None, False)
    assert bad.fault
    assert after.no == 3


async def test_a_charge_by_somebody_else() -> None:
    """Money on our account under no number of ours is a line all the same."""
    (line,) = await read(written(source(charge(), metadata={})))

    assert (line.trade, line.request_no, line.fault) == (Trade.CHARGE, "", "")
    assert line.channel_ref == INTENT


@pytest.mark.parametrize(
    ("octets", "why"),
    [
        (b"", "cut off"),
        (written(charge())[:-14], "cut off"),
        (written(charge(), refund()).rpartition(b'{"lines"')[0], "cut off"),
        (written(charge(), count=2), "counts"),
        (written(charge(), count=0), "counts"),
        (written(day=DAY + timedelta(days=1)), "another day"),
        (b"<html>busy</html>\n", "begin"),
        (written() + b"{}\n", "follow"),
        (written(charge()) * 2, "follow"),
        (b'{"stripe":2,"day":"2026-11-26"}\n{"lines":0}\n', "begin"),
    ],
)
async def test_a_file_that_is_no_good(octets: bytes, why: str) -> None:
    """Cut, miscounted, of another day: it says what is wrong."""
    for size in (11, 1 << 16):
        with pytest.raises(StatementBroken, match=why):
            await read(octets, size=size)


async def test_an_empty_day(node: Node, peer: Peer) -> None:
    """Nothing happened: a whole file without lines."""
    peer.script = [of.listed()]
    fetched, file = await fetch(node, peer)

    assert (fetched.arrived, await read(file)) == (Arrived.WHOLE, [])


async def test_a_day_that_is_not_over(node: Node, peer: Peer) -> None:
    """It is not there yet, and nobody is asked."""
    for day in (node.now().date(), node.now().date() + timedelta(days=1)):
        fetched, file = await fetch(node, peer, day)

        assert (fetched.arrived, file, peer.heard) == (Arrived.ABSENT, b"", [])


@pytest.mark.parametrize(
    "second",
    [
        CUT,
        says({}, 500),
        says({}, 401),
        Says(body=b"<html>"),
        says({"object": "list", "data": [], "has_more": True}),
        says({"object": "list", "data": [{"type": "charge"}], "has_more": True}),
        says({"object": "list", "data": [7], "has_more": False}),
        says({"object": "charge", "data": [], "has_more": False}),
    ],
)
async def test_a_day_that_breaks_off(node: Node, peer: Peer, second: Says) -> None:
    """What did not come whole has no trailer: it can be taken for no file."""
    peer.script = [of.listed(charge(), more=True), second]
    fetched, file = await fetch(node, peer)

    assert fetched.arrived is Arrived.FAILED
    assert fetched.said
    with pytest.raises(StatementBroken):
        await read(file)


def test_the_first_request_of_a_day() -> None:
    """It is asked for by our key, in our version."""
    asked = Stripe().ask_statement(
        ACCOUNT, DAY, at=datetime(2026, 11, 27, tzinfo=UTC), timeout_s=5.0
    )

    assert asked.headers["Authorization"] == f"Bearer {of.KEY}"
    assert asked.url.startswith("/v1/balance_transactions?created%5Bgte%5D=")
