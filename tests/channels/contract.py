"""The promises of every channel: one suite, over the channel's own wire.

A channel's test module subclasses `ChannelContract`, names the class it tests, and
gives a `bench`: a peer that speaks the provider's protocol and misbehaves when told.
What a channel cannot do is absent from its capabilities, and not asked of it here; in
what else channels differ is declared by the attributes of the class.
"""

import asyncio
from collections.abc import Iterable, Mapping
from time import monotonic
from typing import ClassVar

import pytest
from channel_bench import (
    CARD,
    MONEY,
    STRANGE,
    Bench,
    Raw,
    Tampering,
    arrive,
    assert_unknown,
    call,
    enquiry,
    messages,
)
from msgspec.structs import replace

from paycore.gateway import service as gateway
from paycore.gateway.accounts import Accounts
from paycore.gateway.call import Ask, Operation
from paycore.gateway.channel import Channel
from paycore.kernel.http import Answered
from paycore.kernel.outcome import Blame, Outcome
from paycore.kernel.terms import VerifyStatus

TIMEOUT_S = 0.25
LATE_S = 10.0
"""What a busy machine may add; who is silent is so for longer."""
ACTED_WITHIN_S = 0.5
NOTICED_S = 0.02
OPENS_ORDER = frozenset({Operation.SEND_CODE, *MONEY})
JUDGES_CODE = frozenset({Operation.CONFIRM, Operation.SIGN_CONFIRM})


async def has_moved(bench: Bench, ask: Ask, times: int) -> None:
    """Wait until the peer says that money moved so often."""
    async with asyncio.timeout(60):
        while await bench.charges(ask.pay_order_no) < times:  # noqa: ASYNC110
            await asyncio.sleep(NOTICED_S)


class ChannelContract:
    """Subclass it as `Test…`, with a fixture `bench`."""

    driver: ClassVar[type[Channel]]
    refusals: ClassVar[Mapping[str, Blame]] = {}
    """The peer's codes, one for each class at least, whatever the operation."""
    own_refusals: ClassVar[Mapping[Operation, Mapping[str, Blame]]] = {}
    """Those of operations that are refused in words of their own."""
    provoked_by: ClassVar[Mapping[str, str]] = {}
    """Of a code that the peer has another name for: that name."""
    of_asking: ClassVar[frozenset[str]] = frozenset()
    """Refusals that, answered to an enquiry, are about the enquiry alone."""
    blames: ClassVar[frozenset[Blame]] = frozenset(Blame)
    """The classes that a no of this channel can be of."""
    strange: ClassVar[str] = "E_NEW_2031"
    """A code that the channel's file does not know."""
    tried: ClassVar[frozenset[Operation]] = frozenset(Operation)
    """Of what it can, what is tried here; the rest is tried elsewhere."""
    over_http: ClassVar[frozenset[Operation]]
    """Operations whose answer comes over the network."""
    calls_back: ClassVar[frozenset[Operation]] = frozenset()
    signs: ClassVar[bool] = True
    """Whether its answers are signed: else TLS is all that proves them."""
    enquired_after: ClassVar[frozenset[Operation]] = frozenset()
    taken_in: ClassVar[frozenset[Operation]] = frozenset()
    """Money that is only taken in at first: its yes comes by enquiry and callback."""

    waits: ClassVar[frozenset[Operation]] = frozenset()
    """What never arrived, of an order that an earlier step has opened: that is still to
    be paid, and nobody says more."""

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Ask each promise of each operation that it is about."""
        cls = type(self)
        can = cls.driver.capabilities & cls.tried
        about = {
            "operation": can,
            "http": cls.over_http,
            "money": can & MONEY,
            "opening": can & OPENS_ORDER & cls.enquired_after,
            "called": cls.calls_back,
            "enquired": cls.enquired_after,
            "judged": cls.over_http & JUDGES_CODE,
        }
        for name, operations in about.items():
            if name in metafunc.fixturenames:
                values = sorted(operations)
                metafunc.parametrize(
                    name, values, ids=[value.value for value in values]
                )
        if "refused" in metafunc.fixturenames:
            pairs = [
                (operation, code)
                for operation in sorted(cls.over_http)
                for code in sorted(cls.no_of(operation))
            ]
            names = [f"{operation}-{code}" for operation, code in pairs]
            metafunc.parametrize("refused,refusal", pairs, ids=names)

    @classmethod
    def no_of(cls, operation: Operation) -> Mapping[str, Blame]:
        """The codes by which an operation is refused."""
        return cls.own_refusals.get(operation, cls.refusals)

    def unsigned(self, answered: Answered) -> Answered:
        """A genuine answer without its signature."""
        return replace(answered, headers={})

    def forged(self, raw: Raw) -> Iterable[Raw]:
        """A genuine callback without its signature, and changed in other ways."""
        yield Raw(raw.ask, raw.path, {}, raw.body)
        yield Raw(raw.ask, raw.path, raw.headers, raw.body + b" ")
        yield Raw(raw.ask, raw.path + "/x", raw.headers, raw.body)

    @pytest.fixture
    def tampering(self, bench: Bench) -> Tampering:
        """Put somebody between the peer and us."""
        between = Tampering(bench.node.transport)
        bench.node.transport = between
        return between

    # --- yes, no, later ---------------------------------------------------------------

    async def test_yes(self, bench: Bench, operation: Operation) -> None:
        """A yes is SUCCEEDED, and for money it names the amount that was asked for,
        which moved once; what is only taken in says so, and then the enquiry yes.
        """
        ask = await bench.ask(operation)
        before = await bench.charges(ask.pay_order_no)
        reply = await call(bench.node, ask)
        if operation in self.taken_in:
            assert (reply.outcome, reply.alarm) == (Outcome.PENDING, None)
            reply = await call(bench.node, enquiry(ask))

        assert reply.outcome is Outcome.SUCCEEDED
        assert reply.alarm is None
        if operation in MONEY:
            assert (reply.amount, reply.currency) == (ask.amount, ask.currency)
            assert reply.channel_ref
        moved = await bench.charges(ask.pay_order_no) - before
        assert moved == (operation in MONEY)

    async def test_no(self, bench: Bench, refused: Operation, refusal: str) -> None:
        """A signed no is DECLINED with its class, and nothing moved; a refused enquiry
        is no fact.
        """
        ask = await bench.ask(refused)
        before = await bench.charges(ask.pay_order_no)
        provoked_by = self.provoked_by.get(refusal, refusal)
        await bench.fault(refused, f"decline:{provoked_by}")
        reply = await call(bench.node, ask)

        if refused is Operation.ENQUIRE and refusal in self.of_asking:
            assert_unknown(reply)
            return
        assert (reply.outcome, reply.blame) == (
            Outcome.DECLINED,
            self.no_of(refused)[refusal],
        )
        assert reply.resp_code == refusal
        assert before == await bench.charges(ask.pay_order_no)

    async def test_no_nobody_knows(self, bench: Bench, http: Operation) -> None:
        """A no whose code is not in the table may be anything: unknown, by its code."""
        ask = await bench.ask(http)
        await bench.fault(http, f"decline:{self.strange}")
        reply = await call(bench.node, ask)

        assert_unknown(reply)
        assert reply.resp_code == self.strange

    async def test_wrong_code(self, bench: Bench, judged: Operation) -> None:
        """A wrong code is refused as such, and the right one passes after it; no money
        moves for the first, and some once for the second.
        """
        ask = await bench.ask(judged)
        other = "000000" if ask.code != "000000" else "111111"
        wrong = await call(bench.node, replace(ask, code=other))
        assert await bench.charges(ask.pay_order_no) == 0
        right = await call(bench.node, ask)
        if judged in self.taken_in:
            right = await call(bench.node, enquiry(ask))

        assert (wrong.outcome, wrong.blame) == (Outcome.DECLINED, Blame.CODE)
        assert wrong.verify_status is VerifyStatus.WRONG
        assert right.verify_status is VerifyStatus.PASS
        assert await bench.charges(ask.pay_order_no) == (judged in MONEY)

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

        assert set(self.refusals.values()) == self.blames

    # --- nothing to rely on -----------------------------------------------------------

    @pytest.mark.parametrize("fault", ["timeout_before", "timeout_after", "drip:30"])
    async def test_timeout(self, bench: Bench, http: Operation, fault: str) -> None:
        """Silence before or after the peer acted, or a drip: unknown, and in time;
        money moved once or never.
        """
        ask = replace(await bench.ask(http), timeout_s=TIMEOUT_S)
        before = await bench.charges(ask.pay_order_no)
        await bench.fault(http, fault)
        started = monotonic()
        reply = await call(bench.node, ask)

        assert_unknown(reply)
        assert monotonic() - started < TIMEOUT_S + LATE_S
        moved = await bench.charges(ask.pay_order_no) - before
        assert moved <= (http in MONEY and fault != "timeout_before")

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
        tampering.changed = self.unsigned
        reply = await call(bench.node, ask)

        assert_unknown(reply)
        assert reply.alarm

    async def test_answer_to_another(
        self, bench: Bench, http: Operation, tampering: Tampering
    ) -> None:
        """A genuine answer to another order proves nothing about this one (F32)."""
        await call(bench.node, await bench.ask(http))
        answer = tampering.last
        ask = await bench.ask(http)
        tampering.replay = answer
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
        # What was kept open is gone as well: sent into it, nobody knew where it is. Who
        # answers another question has closed it, and we hear of that.
        await bench.charges(ask.pay_order_no)
        await asyncio.sleep(NOTICED_S)
        reply = await call(bench.node, ask)

        assert reply.outcome is Outcome.NOT_SENT

    # --- one request number, one effect -----------------------------------------------

    async def test_duplicate(self, bench: Bench, opening: Operation) -> None:
        """A request number that is used again is unknown, and no second effect; what
        became of the first is told when it is asked after.
        """
        ask = await bench.ask(opening)
        before = await bench.charges(ask.pay_order_no)
        await call(bench.node, ask)
        reply = await call(bench.node, ask)

        assert_unknown(reply)
        moved = await bench.charges(ask.pay_order_no) - before
        assert moved == (opening in MONEY)
        if opening in MONEY:
            found = await call(bench.node, enquiry(ask))
            assert found.outcome is Outcome.SUCCEEDED

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
        before = await bench.charges(ask.pay_order_no)
        await bench.fault(enquired, "timeout_after")
        await call(bench.node, ask)
        if enquired in MONEY:  # it may act after we have left
            await has_moved(bench, ask, before + 1)
        reply = await call(bench.node, enquiry(ask))

        assert await bench.charges(ask.pay_order_no) == before + (enquired in MONEY)
        if enquired in MONEY:
            assert reply.outcome is Outcome.SUCCEEDED
            assert (reply.amount, reply.currency) == (ask.amount, ask.currency)
        else:
            assert (reply.outcome, reply.not_found) == (Outcome.UNKNOWN, True)

    async def test_enquiry_of_nothing(self, bench: Bench, enquired: Operation) -> None:
        """What never arrived is not found, which is not a failure of the enquiry."""
        ask = await bench.ask(enquired)
        reply = await call(bench.node, enquiry(ask))

        assert reply.alarm is None
        if enquired in self.waits:
            assert reply.outcome is Outcome.PENDING
        else:
            assert (reply.outcome, reply.not_found) == (Outcome.UNKNOWN, True)

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
        for secret in (*raw.ask.secrets, *bench.secrets()):
            assert secret not in repr(received.message)

    async def test_replayed_callback(self, bench: Bench, called: Operation) -> None:
        """The same callback twice is the same fact twice."""
        raw = await bench.called_back(called)
        once, again = await arrive(bench, raw), await arrive(bench, raw)

        assert once.callback == again.callback

    async def test_forged_callback(self, bench: Bench, called: Operation) -> None:
        """A callback that was changed anywhere is refused, and kept as such (I30)."""
        raw = await bench.called_back(called)
        for forged in self.forged(raw):
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
        # Our own number has so many digits that a code may be among them by chance.
        kept = kept.replace(ask.pay_order_no, "")

        assert rows
        for secret in (*ask.secrets, *bench.secrets(), CARD.phone[3:]):
            assert secret not in kept
