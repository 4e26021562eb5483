"""What the gateway does around any channel: accounts, lease, breaker, stumbles."""

import asyncio
from time import monotonic
from typing import ClassVar

import msgspec
import pytest
from channel_bench import CARD, call, messages
from huifu_peer import private_pem, public_pem
from msgspec.structs import replace
from strangers import Strangers

from paycore.gateway import service as gateway
from paycore.gateway.call import Ask, Operation, Reply
from paycore.gateway.callback import REFUSED_STORED_A_MINUTE
from paycore.gateway.channel import Account
from paycore.gateway.channels.sandbox import Sandbox
from paycore.gateway.registry import Registry
from paycore.gateway.rows import AccountRow
from paycore.kernel.clock import SystemClock
from paycore.kernel.errors import BadRequest, Misconfigured
from paycore.kernel.http import Answered, HttpRequest, HttpResult
from paycore.kernel.ids import attempt_id, pay_order_no
from paycore.kernel.meters import CALLS, Tally
from paycore.kernel.node import Node
from paycore.kernel.outcome import Outcome
from paycore.kernel.terms import CardId, Epoch

KEY = ("deduct_a", "main")


@pytest.fixture
async def bank(node: Node, strangers: Strangers) -> Node:
    """A node with one account, at a bank that is well."""
    await save(node, strangers)
    await gateway.refresh(node)
    return node


async def save(node: Node, strangers: Strangers, **changes: object) -> None:
    fields: dict[str, object] = {
        "channel": "deduct_a",
        "account": "main",
        "driver": "sandbox",
        "base_url": strangers.banks["deduct_a"],
        "credentials": {
            "merchant": strangers.merchant,
            "secret": strangers.secret,
            "encryption_key": strangers.encryption_key,
        },
    }
    await gateway.save_account(node, **(fields | changes))  # type: ignore[arg-type]


def deduct(node: Node) -> Ask:
    no = pay_order_no(node.ids, node.now())
    return Ask(
        operation=Operation.DEDUCT,
        pay_order_no=no,
        attempt_seq=1,
        request_no=attempt_id(no, 1),
        inst_trans_id="deduct_a.main",
        channel="deduct_a",
        account="main",
        amount=1250,
        currency="CNY",
        asked_at=node.now(),
        timeout_s=5.0,
        card_id=CardId("c1"),
        card=CARD,
        agreement="agr_0000000001",
    )


@pytest.mark.parametrize("operation", [Operation.DEDUCT, Operation.ENQUIRE])
async def test_what_cannot_be_asked_opens_no_breaker(
    bank: Node, strangers: Strangers, operation: Operation
) -> None:
    """A line whose mandates are none, or a restore that asks after what has no day,
    shuts a channel for nobody else.
    """
    place = {"channel": "huifu", "driver": "huifu", "base_url": "http://127.0.0.1:1"}
    keys = {"private_key": private_pem("us"), "huifu_public_key": public_pem("them")}
    who = {"sys_id": "6666", "product_id": "YYZY", "huifu_id": "6666"}
    await save(bank, strangers, **place, credentials=keys | who)
    ask = replace(deduct(bank), channel="huifu", operation=operation, currency="CNY")

    replies = [await call(bank, ask) for _ in range(12)]

    assert "breaker" not in {reply.resp_msg for reply in replies}
    assert [] == gateway.breakers_open(bank)


async def test_no_route_is_a_bug(bank: Node) -> None:
    """A call that core did not route is refused: the gateway does not choose."""
    with pytest.raises(AssertionError):
        await gateway.prepare(
            bank, replace(deduct(bank), inst_trans_id=""), bank.change()
        )


async def test_message_names_outcome_and_time(bank: Node) -> None:
    """The message that came in says what it came to and how long it took."""
    ask = deduct(bank)
    await call(bank, ask)
    out, came = sorted(await messages(bank, ask), key=lambda row: row.direction == "IN")

    assert (out.direction, out.verdict, out.elapsed_ms) == ("OUT", "", None)
    assert (came.direction, came.verdict) == ("IN", "SUCCEEDED OK")
    assert came.elapsed_ms is not None
    assert msgspec.json.decode(out.body)["number"] == "622202******7894"


async def test_lease_that_ran_out(bank: Node, strangers: Strangers) -> None:
    """A node that missed its heartbeats sends nothing."""
    bank.heartbeat.good_until = bank.clock.monotonic()
    reply = await call(bank, deduct(bank))

    assert (reply.outcome, reply.resp_msg) == (Outcome.NOT_SENT, "lease")


async def test_a_node_that_stood_still_sends_nothing(
    bank: Node, strangers: Strangers
) -> None:
    """Stopped behind its last look at the lease and before the first byte, for longer
    than its life lasts: when it goes on nothing leaves, the bank knows of nothing, and
    no breaker hears of it.
    """
    ahead, door = [0.0], bank.transport

    class StandsStill:
        async def send(self, request: HttpRequest) -> HttpResult:
            ahead[0] = 60.0
            return await door.send(request)

    bank.clock = SystemClock(bank.now(), monotonic=lambda: monotonic() + ahead[0])
    bank.transport = StandsStill()  # type: ignore[assignment]
    bank.heartbeat.good_until = bank.clock.monotonic() + 5
    asks = [deduct(bank) for _ in range(12)]
    replies = []
    for ask in asks:
        ahead[0] = 0.0
        replies.append(await call(bank, ask))
    ahead[0], bank.transport = 0.0, door
    known = [
        await call(bank, replace(ask, operation=Operation.ENQUIRE)) for ask in asks
    ]

    assert {(Outcome.NOT_SENT, "too late")} == {
        (r.outcome, r.resp_msg) for r in replies
    }
    assert all(reply.not_found for reply in known)
    assert [] == gateway.breakers_open(bank)


@pytest.mark.parametrize("lost", ["over", "too short", "another life's"])
async def test_no_call_outlasts_its_lease(bank: Node, lost: str) -> None:
    """A call that might go on when another has what it is about is not begun: so its
    message says, and it counts.
    """
    ask = deduct(bank)
    prepared = await gateway.prepare(bank, ask, bank.change())
    lease, left_s = bank.lease_for(ask.timeout_s), 0.0
    if lost == "another life's":
        lease = replace(lease, epoch=Epoch(bank.epoch + 1))
    else:
        left_s = 0.0 if lost == "over" else ask.timeout_s
        lease = replace(lease, deadline=bank.clock.monotonic() + left_s)
    answer = await gateway.send(bank, prepared, lease)

    assert answer.reply.outcome is Outcome.NOT_SENT
    told = "NOT_SENT NOT_SENT lease ran out before the call"
    assert told == answer.message.verdict
    counted = bank.state(Tally).counts[CALLS.name]
    assert {("deduct_a", "deduct", "NOT_SENT"): 1} == counted


async def test_breaker(bank: Node, strangers: Strangers) -> None:
    """Ten calls without an answer open the breaker: the next is not made at all."""
    await save(bank, strangers, base_url="http://127.0.0.1:1")
    await gateway.refresh(bank)
    for _ in range(10):
        await call(bank, deduct(bank))
    reply = await call(bank, deduct(bank))

    assert (reply.outcome, reply.resp_msg) == (Outcome.NOT_SENT, "breaker")
    assert KEY in gateway.broken(bank, Operation.DEDUCT)
    assert KEY not in gateway.broken(bank, Operation.ENQUIRE)


async def test_refusals_do_not_break(bank: Node) -> None:
    """A bank that declines, or knows no such order, is well."""
    for _ in range(12):
        ask = replace(deduct(bank), operation=Operation.ENQUIRE, card=None)
        assert (await call(bank, ask)).not_found

    assert KEY not in gateway.broken(bank, Operation.ENQUIRE)


async def test_capabilities_by_channel(bank: Node) -> None:
    """Capabilities are given by channel, and only where there is an account."""
    assert gateway.capable(bank, Operation.DEDUCT) == {"deduct_a"}
    assert gateway.capable(bank, Operation.VERIFY_CODE) == frozenset()


async def test_disabled_account(bank: Node, strangers: Strangers) -> None:
    """No new payment goes to a disabled account; what was begun there is finished."""
    await save(bank, strangers, enabled=False)
    await gateway.refresh(bank)
    ask = replace(deduct(bank), operation=Operation.ENQUIRE, card=None)

    assert KEY in gateway.broken(bank, Operation.DEDUCT)
    assert (await call(bank, ask)).not_found


async def test_account_newer_than_the_snapshot(
    node: Node, strangers: Strangers
) -> None:
    """An account that a route leads to and this node has not seen is looked up."""
    await save(node, strangers)
    reply = await call(node, deduct(node))

    assert reply.outcome is Outcome.SUCCEEDED


async def test_account_that_is_not_there(bank: Node) -> None:
    """A route that leads nowhere sends nothing, and the attempt says why."""
    ask = replace(deduct(bank), account="other")
    reply = await call(bank, ask)

    assert (reply.outcome, reply.resp_msg) == (Outcome.NOT_SENT, "no such account")


async def test_operation_that_cannot_be_done(bank: Node) -> None:
    """What a channel has not declared is not asked of it."""
    reply = await call(bank, replace(deduct(bank), operation=Operation.VERIFY_CODE))

    assert (reply.outcome, reply.resp_msg) == (Outcome.NOT_SENT, "cannot do that")


async def test_credentials_do_not_move(bank: Node) -> None:
    """Credentials that were sealed for one account do not open at another."""
    row = await bank.journal.load(AccountRow, *KEY)
    assert row is not None
    change = bank.change()
    change.insert(msgspec.structs.replace(row, account="moved"))
    await bank.journal.commit(change)
    await gateway.refresh(bank)
    reply = await call(bank, replace(deduct(bank), account="moved"))

    assert (reply.outcome, reply.resp_msg) == (Outcome.NOT_SENT, "no such account")
    assert ("deduct_a", "moved") in gateway.broken(bank, Operation.DEDUCT)
    assert (await call(bank, deduct(bank))).outcome is Outcome.SUCCEEDED


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"driver": "nobody"}, "driver"),
        ({"credentials": {}}, "credentials"),
        (
            {"credentials": {"merchant": "m", "secret": "s", "encryption_key": "k"}},
            "credentials",
        ),
    ],
)
async def test_account_that_would_not_open(
    bank: Node, strangers: Strangers, changes: dict[str, object], field: str
) -> None:
    """An account that could not be called is not saved, and its keys not repeated."""
    with pytest.raises(BadRequest) as refused:
        await save(bank, strangers, **changes)

    assert refused.value.field == field
    assert strangers.secret not in str(refused.value)


class Stumbling(Sandbox):
    """A channel file with a bug."""

    code: ClassVar[str] = "stumbling"

    def read(self, account: Account, ask: Ask, answered: Answered) -> Reply:
        """Break over any answer."""
        raise KeyError("bank_ref")


async def test_channel_file_that_breaks(bank: Node, strangers: Strangers) -> None:
    """A bug in a channel file after the request left is an unknown result, no crash."""
    bank.state(Registry)._by_code["stumbling"] = Stumbling()
    await save(bank, strangers, driver="stumbling")
    await gateway.refresh(bank)
    reply = await call(bank, deduct(bank))

    assert (reply.outcome, reply.resp_code) == (Outcome.UNKNOWN, "CHANNEL_BROKE")
    assert reply.alarm


class Binary(Sandbox):
    """A bank whose texts no column takes."""

    code: ClassVar[str] = "binary"

    def read(self, account: Account, ask: Ask, answered: Answered) -> Reply:
        """Say what cannot be stored, at length."""
        return Reply(
            outcome=Outcome.UNKNOWN,
            resp_code="\x00" * 999,
            resp_msg=f"\ud800\x00 {CARD.number} {CARD.name}" * 999,
            channel_ref="\x00",
            channel_token="\x00",
        )


async def test_texts_that_cannot_be_stored(bank: Node, strangers: Strangers) -> None:
    """What a bank writes is bounded, masked and storable before it goes anywhere."""
    bank.state(Registry)._by_code["binary"] = Binary()
    await save(bank, strangers, driver="binary")
    await gateway.refresh(bank)
    reply = await call(bank, deduct(bank))

    assert len(reply.resp_code) <= 64
    assert len(reply.resp_msg) <= 256
    assert "\x00" not in f"{reply.resp_code}{reply.resp_msg}{reply.channel_ref}"
    assert CARD.number not in reply.resp_msg
    assert CARD.name not in reply.resp_msg
    assert reply.channel_token is None


async def test_two_channel_files_with_one_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two files that claim one code are refused at start."""
    monkeypatch.setattr("paycore.gateway.registry._elsewhere", lambda: [Sandbox])

    with pytest.raises(Misconfigured, match="sandbox"):
        Registry()


async def test_callback_to_an_unknown_account(bank: Node) -> None:
    """A message to an account that is not ours is nobody's."""
    received = await gateway.callback(bank, "deduct_a", "nobody", "/", {}, b"{}")

    assert (received.callback, received.message) == (None, None)
    assert received.accept(True) == (404, b"")


async def test_flood_of_forged_callbacks(bank: Node) -> None:
    """Strangers cannot fill the disk: refused callbacks are stored sparingly."""
    body = pay_order_no(bank.ids, bank.now()).encode()
    arrived = [
        await gateway.callback(bank, *KEY, "/callbacks/deduct_a/main", {}, body)
        for _ in range(REFUSED_STORED_A_MINUTE + 10)
    ]

    stored = [received for received in arrived if received.message is not None]
    assert len(stored) == REFUSED_STORED_A_MINUTE


async def test_cancelled_probe(bank: Node, strangers: Strangers) -> None:
    """A probe that is cancelled does not hold the breaker open for ever."""
    breaker = gateway._health(bank).breaker(KEY, Operation.DEDUCT)
    for _ in range(10):
        now = bank.clock.monotonic() - 6
        breaker.record(now, breaker.admit(now), failed=True)
    prepared = await gateway.prepare(bank, deduct(bank), bank.change())
    probe = asyncio.create_task(gateway.send(bank, prepared, None))
    await asyncio.sleep(0)
    probe.cancel()
    with pytest.raises(asyncio.CancelledError):
        await probe

    assert (await call(bank, deduct(bank))).outcome is Outcome.SUCCEEDED


async def test_what_leaves_is_in_no_repr(bank: Node) -> None:
    """A call that is ready has the code and the token in it, the card sealed."""
    ask = replace(deduct(bank), code="639471")
    prepared = await gateway.prepare(bank, ask, bank.change())
    assert prepared.outgoing is not None
    assert prepared.outgoing.http is not None
    shown = repr(prepared.outgoing) + repr(prepared.outgoing.http) + repr(prepared)

    body = prepared.outgoing.http.body.decode()
    assert ask.agreement in body
    for secret in (*ask.secrets, *prepared.secrets, body[:40]):
        assert secret not in shown
