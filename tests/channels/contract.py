"""The promises of every channel: one suite, over the channel's own wire.

A channel's test module subclasses `ChannelContract`, names the class it tests, and
gives a `bench`: a peer that speaks the provider's protocol and misbehaves when told.
What a channel cannot do is absent from its capabilities, and not asked of it here.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Mapping
from time import monotonic
from typing import ClassVar

import pytest
from msgspec.structs import replace

from paycore.gateway import service as gateway
from paycore.gateway.accounts import Accounts
from paycore.gateway.call import Ask, CardFacts, Operation, Reply
from paycore.gateway.channel import Channel
from paycore.gateway.rows import MessageRow
from paycore.kernel.http import Answered, HttpRequest, HttpResult, Transport
from paycore.kernel.node import Node
from paycore.kernel.outcome import Blame, Outcome

CARD = CardFacts(
    number="6222021234567894",
    name="欧阳锋",
    id_no="11010519491231002X",
    phone="+8613812345678",
)
"""Canaries: nothing of it may be found in what is kept."""

STRANGE = "6225881234567898"
"""The number of a card that is not the payer's."""

TIMEOUT_S = 0.25
ACTED_WITHIN_S = 0.5
MONEY = frozenset({Operation.CONFIRM, Operation.DEDUCT, Operation.REFUND})
OPENS_ORDER = frozenset({Operation.SEND_CODE, Operation.DEDUCT})


class Bench(ABC):
    """A peer of one channel, and a node with an account there."""

    node: Node

    @abstractmethod
    async def ask(self, operation: Operation) -> Ask:
        """A new ask that gets a yes; what must come before it has been done."""

    @abstractmethod
    async def fault(self, operation: Operation, fault: str) -> None:
        """Have the peer misbehave (in the words of docs/sandbox.md)."""

    @abstractmethod
    async def charges(self, pay_order_no: str) -> int:
        """How often money moved for a payment, by the peer's own record."""

    @abstractmethod
    async def called_back(self, operation: Operation) -> "Raw":
        """A genuine callback about a call that was answered with yes."""

    def secrets(self) -> tuple[str, ...]:
        """Keys of the account."""
        return ()


class Raw:
    """A callback as it came over the wire."""

    def __init__(
        self, ask: Ask, path: str, headers: Mapping[str, str], body: bytes
    ) -> None:
        self.ask, self.path, self.headers, self.body = ask, path, dict(headers), body


class Tampering:
    """The real transport, with somebody between it and us who changes answers."""

    def __init__(self, real: Transport) -> None:
        self.real = real
        self.last: HttpResult | None = None
        self.replay: HttpResult | None = None
        self.without_headers = False
        self.echo = False

    async def send(self, request: HttpRequest) -> HttpResult:
        """Send for real, and change what comes back."""
        result = await self.real.send(request)
        self.last, result = result, self.replay or result
        if not isinstance(result, Answered):
            return result
        headers = {} if self.without_headers else result.headers
        body = b"<pre>%b" % request.body if self.echo else result.body
        return Answered(status=result.status, headers=headers, body=body)

    async def close(self) -> None:
        """Close for real."""
        await self.real.close()


async def call(node: Node, ask: Ask) -> Reply:
    """One call as core makes it: recorded, made, recorded."""
    before, after = node.change(), node.change()
    prepared = await gateway.prepare(node, ask, before)
    assert await node.journal.commit(before) is None
    answer = await gateway.send(node, prepared)
    gateway.conclude(node, prepared, answer, after)
    assert await node.journal.commit(after) is None
    return answer.reply


async def messages(node: Node, ask: Ask) -> list[MessageRow]:
    """What is kept of a payment's messages."""
    return await node.journal.within(MessageRow, ask.pay_order_no)


def assert_unknown(reply: Reply) -> None:
    assert reply.outcome is Outcome.UNKNOWN
    assert reply.blame is None
    assert not reply.not_found


class ChannelContract:
    """Subclass it as `Test…`, with a fixture `bench`."""

    driver: ClassVar[type[Channel]]
    refusals: ClassVar[Mapping[str, Blame]] = {}
    """The peer's codes, one for each class at least, whatever the operation."""
    of_asking: ClassVar[frozenset[str]] = frozenset()
    """Refusals that, answered to an enquiry, are about the enquiry alone."""
    over_http: ClassVar[frozenset[Operation]]
    """Operations whose answer comes over the network."""
    calls_back: ClassVar[frozenset[Operation]] = frozenset()
    signs: ClassVar[bool] = True
    enquired_after: ClassVar[frozenset[Operation]] = frozenset()

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Ask each promise of each operation that it is about."""
        cls = type(self)
        about = {
            "operation": cls.driver.capabilities,
            "http": cls.over_http,
            "money": cls.driver.capabilities & MONEY,
            "opening": cls.driver.capabilities & OPENS_ORDER & cls.enquired_after,
            "called": cls.calls_back,
            "enquired": cls.enquired_after,
        }
        for name, operations in about.items():
            if name in metafunc.fixturenames:
                values = sorted(operations)
                metafunc.parametrize(
                    name, values, ids=[value.value for value in values]
                )
        if "refusal" in metafunc.fixturenames:
            metafunc.parametrize("refusal", sorted(cls.refusals))

    @pytest.fixture
    def tampering(self, bench: Bench) -> Tampering:
        """Put somebody between the peer and us."""
        between = Tampering(bench.node.transport)
        bench.node.transport = between
        return between

    # --- yes, no, later ---------------------------------------------------------------

    async def test_yes(self, bench: Bench, operation: Operation) -> None:
        """A yes is SUCCEEDED, and for money it names the amount that was asked for."""
        ask = await bench.ask(operation)
        reply = await call(bench.node, ask)

        assert reply.outcome is Outcome.SUCCEEDED
        assert reply.alarm is None
        if operation in MONEY:
            assert (reply.amount, reply.currency) == (ask.amount, ask.currency)
            assert reply.channel_ref

    async def test_no(self, bench: Bench, http: Operation, refusal: str) -> None:
        """A signed no is DECLINED with its class; a refused enquiry is no fact."""
        ask = await bench.ask(http)
        await bench.fault(http, f"decline:{refusal}")
        reply = await call(bench.node, ask)

        if http is Operation.ENQUIRE and refusal in self.of_asking:
            assert_unknown(reply)
            return
        assert (reply.outcome, reply.blame) == (
            Outcome.DECLINED,
            self.refusals[refusal],
        )
        assert reply.resp_code == refusal

    async def test_no_nobody_knows(self, bench: Bench, http: Operation) -> None:
        """A no whose code is not in the table may be anything: unknown."""
        ask = await bench.ask(http)
        await bench.fault(http, "decline:E_NEW_2031")

        assert_unknown(await call(bench.node, ask))

    async def test_later(self, bench: Bench, money: Operation) -> None:
        """An accepted request without a result yet is PENDING."""
        ask = await bench.ask(money)
        await bench.fault(money, "processing:60")
        reply = await call(bench.node, ask)

        assert reply.outcome is Outcome.PENDING

    async def test_every_class_has_a_code(self) -> None:
        """The refusals that are tried here are of every class of DECLINED."""
        if not self.refusals:
            pytest.skip("this channel has codes of its own")

        assert set(self.refusals.values()) == set(Blame)

    # --- nothing to rely on -----------------------------------------------------------

    @pytest.mark.parametrize("fault", ["timeout_before", "timeout_after", "drip:1"])
    async def test_timeout(self, bench: Bench, http: Operation, fault: str) -> None:
        """Silence before or after the peer acted, or a drip: unknown, and in time."""
        ask = replace(await bench.ask(http), timeout_s=TIMEOUT_S)
        await bench.fault(http, fault)
        started = monotonic()
        reply = await call(bench.node, ask)

        assert_unknown(reply)
        assert monotonic() - started < TIMEOUT_S + 1.0

    @pytest.mark.parametrize("fault", ["garbage", "http_500", "bad_signature"])
    async def test_worthless_answer(
        self, bench: Bench, http: Operation, fault: str
    ) -> None:
        """Garbage, a 5xx and a wrong signature say nothing: unknown."""
        if fault == "bad_signature" and not self.signs:
            pytest.skip("answers of this channel are not signed")
        ask = await bench.ask(http)
        await bench.fault(http, fault)
        reply = await call(bench.node, ask)

        assert_unknown(reply)
        if fault == "bad_signature":
            assert reply.alarm

    async def test_missing_signature(
        self, bench: Bench, http: Operation, tampering: Tampering
    ) -> None:
        """An answer that nobody signed is unknown, and somebody looks."""
        if not self.signs:
            pytest.skip("answers of this channel are not signed")
        ask = await bench.ask(http)
        tampering.without_headers = True
        reply = await call(bench.node, ask)

        assert_unknown(reply)
        assert reply.alarm

    async def test_answer_to_another(
        self, bench: Bench, http: Operation, tampering: Tampering
    ) -> None:
        """A genuine answer to another order proves nothing about this one (F32)."""
        await call(bench.node, await bench.ask(http))
        ask = await bench.ask(http)
        tampering.replay = tampering.last
        reply = await call(bench.node, ask)

        assert_unknown(reply)
        assert reply.alarm

    async def test_other_amount(self, bench: Bench, money: Operation) -> None:
        """A yes to another amount is no yes; the amount is kept for the desk (F32)."""
        ask = await bench.ask(money)
        await bench.fault(money, "wrong_amount")
        reply = await call(bench.node, ask)

        assert_unknown(reply)
        assert reply.alarm == "amount differs"
        assert reply.amount not in (None, ask.amount)

    async def test_refused_connection(self, bench: Bench, http: Operation) -> None:
        """A peer that cannot be reached: nothing left."""
        ask = await bench.ask(http)
        await bench.fault(http, "refuse_connection")
        reply = await call(bench.node, ask)

        assert reply.outcome is Outcome.NOT_SENT

    # --- one request number, one effect -----------------------------------------------

    async def test_duplicate(self, bench: Bench, opening: Operation) -> None:
        """A request number that is used again is unknown, and no second effect."""
        ask = await bench.ask(opening)
        await call(bench.node, ask)
        reply = await call(bench.node, ask)

        assert_unknown(reply)
        assert await bench.charges(ask.pay_order_no) == (opening in MONEY)

    async def test_a_refund_under_a_known_number(self, bench: Bench) -> None:
        """Where the file says that a refund's number is never paid twice, it is not:
        what may have got there may be sent again.
        """
        if not self.driver.refunds_once:
            pytest.skip("what this channel does not know is not sent again")
        ask = await bench.ask(Operation.REFUND)
        await call(bench.node, ask)
        moved = await bench.charges(ask.pay_order_no)
        reply = await call(bench.node, ask)

        assert_unknown(reply)
        assert moved == await bench.charges(ask.pay_order_no)

    # --- enquiry ----------------------------------------------------------------------

    async def test_enquiry_after_lost_answer(
        self, bench: Bench, enquired: Operation
    ) -> None:
        """What was done and never answered is found by its request number (F28)."""
        ask = replace(await bench.ask(enquired), timeout_s=ACTED_WITHIN_S)
        await bench.fault(enquired, "timeout_after")
        await call(bench.node, ask)
        reply = await call(bench.node, enquiry(ask))

        if enquired in MONEY:
            assert reply.outcome is Outcome.SUCCEEDED
            assert (reply.amount, reply.currency) == (ask.amount, ask.currency)
        else:
            assert (reply.outcome, reply.not_found) == (Outcome.UNKNOWN, True)

    async def test_enquiry_of_nothing(self, bench: Bench, enquired: Operation) -> None:
        """What never arrived is not found, which is not a failure of the enquiry."""
        ask = await bench.ask(enquired)
        reply = await call(bench.node, enquiry(ask))

        assert (reply.outcome, reply.not_found) == (Outcome.UNKNOWN, True)
        assert reply.alarm is None

    # --- callbacks --------------------------------------------------------------------

    async def test_callback(self, bench: Bench, called: Operation) -> None:
        """A genuine callback says what the answer said, and is written down."""
        raw = await bench.called_back(called)
        received = await arrive(bench, raw)

        assert received.callback is not None
        assert received.callback.request_no == raw.ask.request_no
        assert received.callback.reply.outcome is Outcome.SUCCEEDED
        assert received.callback.reply.amount == raw.ask.amount
        assert received.message is not None
        assert received.message.pay_order_no == raw.ask.pay_order_no
        assert received.message.direction == "CALLBACK"
        assert received.accept(True)[0] == 200
        assert received.accept(False)[0] != 200

    async def test_replayed_callback(self, bench: Bench, called: Operation) -> None:
        """The same callback twice is the same fact twice."""
        raw = await bench.called_back(called)
        once, again = await arrive(bench, raw), await arrive(bench, raw)

        assert once.callback == again.callback

    async def test_forged_callback(self, bench: Bench, called: Operation) -> None:
        """A callback that was changed anywhere is refused, and kept as such (I30)."""
        raw = await bench.called_back(called)
        unsigned = Raw(raw.ask, raw.path, {}, raw.body)
        longer = Raw(raw.ask, raw.path, raw.headers, raw.body + b" ")
        elsewhere = Raw(raw.ask, raw.path + "/x", raw.headers, raw.body)
        for forged in (unsigned, longer, elsewhere):
            received = await arrive(bench, forged)

            assert received.callback is None
            assert received.message is not None
            assert received.message.verdict == "REFUSED"
            assert received.accept(True)[0] != 200

    # --- what is kept -----------------------------------------------------------------

    async def test_recorded_before_it_leaves(
        self, bench: Bench, operation: Operation
    ) -> None:
        """The message is staged before it is sent, and its answer after (I19)."""
        ask = await bench.ask(operation)
        earlier = len(await messages(bench.node, ask))
        change = bench.node.change()
        await gateway.prepare(bench.node, ask, change)
        await bench.node.journal.commit(change)
        kept = (await messages(bench.node, ask))[earlier:]

        assert {row.direction for row in kept} == {"OUT"}
        assert {row.attempt_seq for row in kept} == {ask.attempt_seq}

    async def test_channel_masks_by_itself(
        self, bench: Bench, operation: Operation
    ) -> None:
        """What the channel file itself keeps of a message has no secret in it, and no
        card number that somebody wrote into the subject.
        """
        ask = replace(await bench.ask(operation), subject=f"card {STRANGE}")
        opened = bench.node.state(Accounts).find(ask.channel, ask.account)
        assert opened is not None
        masked = opened.driver.assemble(opened.account, ask).masked

        for secret in (*ask.secrets, *bench.secrets(), STRANGE):
            assert secret not in masked

    @pytest.mark.parametrize("fault", [None, "garbage", "echo"])
    async def test_nothing_secret_is_kept(
        self,
        bench: Bench,
        operation: Operation,
        fault: str | None,
        tampering: Tampering,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        """No fact of the card, code, token or key is in a message, a reply or a log."""
        ask = await bench.ask(operation)
        if fault == "garbage" and operation in self.over_http:
            await bench.fault(operation, fault)
        tampering.echo = fault == "echo"
        reply = await call(bench.node, ask)
        rows = await messages(bench.node, ask)
        kept = " ".join([repr(row) for row in rows] + [repr(reply), repr(ask)])
        kept += "".join(capsys.readouterr())

        assert rows
        for secret in (*ask.secrets, *bench.secrets(), CARD.phone[3:]):
            assert secret not in kept


def enquiry(ask: Ask) -> Ask:
    """The question what became of a call."""
    return replace(
        ask,
        operation=Operation.ENQUIRE,
        enquired_operation=ask.operation,
        timeout_s=5.0,
    )


async def arrive(bench: Bench, raw: Raw) -> gateway.Received:
    """A callback at our door."""
    received = await gateway.callback(
        bench.node, raw.ask.channel, raw.ask.account, raw.path, raw.headers, raw.body
    )
    await asyncio.sleep(0)
    return received
