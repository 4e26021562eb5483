"""The promises of every carrier: one suite, over the carrier's own wire.

A test module subclasses `CarrierContract` and names the class of its bench. A carrier
says yes, no, or nothing that can be relied on; that a text is a yes is all that core
ever believes of it, and what it tells later is for people to read.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from time import monotonic
from typing import ClassVar

import pytest
from carrier_bench import OTHER, CarrierBench
from channel_bench import Tampering, call, messages
from door import Door
from msgspec.structs import replace
from strangers import Strangers

from paycore.gateway import checking, receipts
from paycore.gateway import service as gateway
from paycore.gateway.call import Ask, Operation, Reply
from paycore.kernel.http import Answered
from paycore.kernel.node import Node
from paycore.kernel.outcome import Blame, Outcome
from paycore.kernel.terms import VerifyStatus
from paycore.sms import receipts as sms_receipts

TIMEOUT_S = 0.25
LATE_S = 10.0
"""What a busy machine may add; who is silent is so for longer."""
NOTICED_S = 0.02


def assert_unknown(reply: Reply) -> None:
    assert (reply.outcome, reply.blame) == (Outcome.UNKNOWN, None)


class CarrierContract:
    """Subclass it as `Test…`."""

    bench_of: ClassVar[type[CarrierBench]]
    refusals: ClassVar[Mapping[str, str]]
    """What it refuses a text with → the code that is kept: of every kind there is."""
    throttles: ClassVar[str]
    """The one that says: too many."""
    unsure: ClassVar[Sequence[str]]
    """What is no no: the carrier's own trouble, and a code that nobody knows."""
    silent: ClassVar[Sequence[str]] = ("timeout_before", "timeout_after", "drip:30")
    signs: ClassVar[bool] = False
    """Whether its answers are signed: else TLS is all that proves them."""
    over_http: ClassVar[bool] = True
    tells: ClassVar[bool] = True
    """Whether there are receipts."""
    undone: ClassVar[tuple[bytes, bytes]] = (b"", b"")
    """A receipt's words for a yes and for a no, where receipts are posted to us."""
    wrong: ClassVar[Mapping[str, object]] = {}
    """Credentials that it does not take, one by one; none where it cannot be tried."""

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Try all that is declared."""
        cls = type(self)
        for name, values in (
            ("refusal", cls.refusals),
            ("unsure", cls.unsure),
            ("silence", cls.silent),
            ("wrong", cls.wrong),
        ):
            if name in metafunc.fixturenames:
                metafunc.parametrize(name, sorted(values))

    @pytest.fixture(autouse=True)
    def _looked_after_soon(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Receipts of texts that a test never heard of come too, and hold up others."""
        monkeypatch.setattr(sms_receipts, "LOOKED_AFTER_S", (0.0, 0.1))

    @pytest.fixture
    async def bench(
        self, light_node: Node, strangers: Strangers, door: Door
    ) -> AsyncIterator[CarrierBench]:
        """Set up the carrier, and nothing behind it."""
        made = self.bench_of(light_node, strangers, door)
        await made.open()
        yield made
        await made.control.clear()

    # --- yes, no, later ---------------------------------------------------------------

    async def test_yes(self, bench: CarrierBench) -> None:
        """A yes is SUCCEEDED: one text, to the payer's phone, with the code that
        passes.
        """
        ask = bench.ask()
        reply = await call(bench.node, ask)
        (text,) = await bench.texts(ask)
        typed = await call(bench.node, typing(ask, text["code"]))

        assert (reply.outcome, reply.alarm) == (Outcome.SUCCEEDED, None)
        assert text["code"] in text["text"]
        assert typed.verify_status is VerifyStatus.PASS

    async def test_no(self, bench: CarrierBench, refusal: str) -> None:
        """A no is DECLINED by its code, and no text; it is the carrier's fault."""
        ask = bench.ask()
        await bench.fault(f"decline:{refusal}")
        reply = await call(bench.node, ask)

        assert (reply.outcome, reply.blame) == (Outcome.DECLINED, Blame.CHANNEL)
        assert reply.resp_code == self.refusals[refusal]
        assert not await bench.texts(ask)

    async def test_too_many(self, bench: CarrierBench) -> None:
        """Who takes no more for the moment is passed over: the next one texts."""
        assert self.throttles in self.refusals
        ask = bench.ask()
        await bench.set_up_other()
        await bench.fault(f"decline:{self.throttles}")
        reply = await call(bench.node, ask)
        await bench.put_away_other()

        assert reply.outcome is Outcome.SUCCEEDED
        assert not await bench.texts(ask)
        assert len(await bench.texts(ask, OTHER)) == 1

    async def test_no_nobody_knows(self, bench: CarrierBench, unsure: str) -> None:
        """The carrier's own trouble, or a code that is not known: perhaps it texted."""
        await bench.fault(f"decline:{unsure}")

        assert_unknown(await call(bench.node, bench.ask()))

    # --- nothing to rely on -----------------------------------------------------------

    async def test_timeout(self, bench: CarrierBench, silence: str) -> None:
        """Silence before or after the text went out: unknown, in time, and one text or
        none.
        """
        ask = bench.ask(TIMEOUT_S)
        await bench.fault(silence)
        started = monotonic()
        reply = await call(bench.node, ask)

        assert_unknown(reply)
        assert monotonic() - started < TIMEOUT_S + LATE_S
        assert len(await bench.texts(ask)) <= (silence != "timeout_before")

    @pytest.mark.parametrize("fault", ["garbage", "http_500"])
    async def test_worthless_answer(self, bench: CarrierBench, fault: str) -> None:
        """Garbage and a failure of the carrier's own say nothing: unknown."""
        await bench.fault(fault)

        assert_unknown(await call(bench.node, bench.ask(TIMEOUT_S)))

    async def test_bad_signature(self, bench: CarrierBench) -> None:
        """A wrong signature and none say nothing, and somebody looks."""
        if not self.signs:
            pytest.skip("answers of this carrier are not signed")
        await bench.fault("bad_signature")
        wrong = await call(bench.node, bench.ask())
        await bench.control.clear()
        between = Tampering(bench.node.transport)
        between.changed = unsigned
        bench.node.transport = between
        missing = await call(bench.node, bench.ask())

        for reply in (wrong, missing):
            assert_unknown(reply)
            assert reply.alarm

    async def test_refused_connection(self, bench: CarrierBench) -> None:
        """A carrier that cannot be reached: nothing left."""
        await call(bench.node, bench.ask())
        ask = bench.ask()
        await bench.fault("refuse_connection")
        # What was kept open is gone as well: sent into it, nobody knew where it is. Who
        # answers another question has closed it, and we hear of that.
        await bench.texts(ask)
        await asyncio.sleep(NOTICED_S)
        reply = await call(bench.node, ask)

        assert reply.outcome is Outcome.NOT_SENT
        assert not await bench.texts(ask)

    # --- receipts ---------------------------------------------------------------------

    @pytest.mark.parametrize("delivered", [True, False])
    async def test_receipt(self, bench: CarrierBench, *, delivered: bool) -> None:
        """What is told of a text is on the timeline, once, however often it is told."""
        if not self.tells:
            pytest.skip("this carrier tells nothing")
        if not delivered:
            await bench.fault("undelivered")
        ask = bench.ask()
        await call(bench.node, ask)
        first = await bench.receipts(ask)
        again = [
            await receipts.receive(
                bench.node, bench.name, came.path.split("/")[3], came.headers, came.body
            )
            for came in bench.posted()
        ]
        rows = await bench.receipts(ask)

        assert [row.message_id for row in rows] == [row.message_id for row in first]
        assert len(rows) == 1
        said = "DELIVERED" if delivered else "NOT_DELIVERED"
        assert rows[0].verdict.split()[0] == said
        assert rows[0].account == bench.name
        assert {status for status, _ in again} <= {200}
        assert bool(again) == any(self.undone)

    async def test_forged_receipt(self, bench: CarrierBench) -> None:
        """What comes to another address than the carrier was given is refused."""
        if not any(self.undone):
            pytest.skip("nothing is posted to us")
        ask = bench.ask()
        await call(bench.node, ask)
        first = await bench.receipts(ask)
        genuine = bench.posted()[-1]
        yes, no = self.undone
        assert yes in genuine.body
        for token in ("", "x", "receipts-of-somebody-else"):
            status, _ = await receipts.receive(
                bench.node,
                bench.name,
                token,
                genuine.headers,
                genuine.body.replace(yes, no),
            )
            assert status != 200

        assert await bench.receipts(ask) == first

    @pytest.mark.long
    async def test_a_receipt_that_was_taken_is_not_told_again(
        self, bench: CarrierBench
    ) -> None:
        """Our answer to a receipt is the one that the carrier waits for."""
        if not any(self.undone):
            pytest.skip("nothing is posted to us")
        ask = bench.ask()
        await call(bench.node, ask)
        await bench.receipts(ask)
        genuine = bench.posted()[-1]
        await asyncio.sleep(1.5)

        assert [200] == [
            came.status for came in bench.posted() if came.body == genuine.body
        ]

    # --- a trial ----------------------------------------------------------------------

    async def test_a_trial(self, bench: CarrierBench) -> None:
        """A trial texts nobody, and says that the carrier is good."""
        if not self.wrong:
            pytest.skip("this carrier cannot be tried without a text")
        before = await bench.texted()
        checked = await checking.carrier(bench.node, bench.name)

        assert checked.good, checked
        assert before == await bench.texted()

    async def test_a_trial_with_wrong_credentials(
        self, bench: CarrierBench, wrong: str
    ) -> None:
        """It says in words what is wrong, and texts nobody."""
        before = await bench.texted()
        await bench.set_up(**{wrong: self.wrong[wrong]})
        checked = await checking.carrier(bench.node, bench.name)

        assert not checked.good
        assert checked.explanation
        assert "none that we know" not in checked.explanation
        assert before == await bench.texted()

    # --- what is kept -----------------------------------------------------------------

    async def test_recorded_before_it_leaves(self, bench: CarrierBench) -> None:
        """What is to be texted is staged before it is sent (I19)."""
        ask, change = bench.ask(), bench.node.change()
        await gateway.prepare(bench.node, ask, change)
        await bench.node.journal.commit(change)
        rows = await messages(bench.node, ask)

        assert {row.direction for row in rows} == {"OUT"}
        assert bench.name in {row.account for row in rows}

    @pytest.mark.parametrize("fault", [None, "garbage", "echo"])
    async def test_nothing_secret_is_kept(
        self,
        bench: CarrierBench,
        fault: str | None,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        """No fact of the card, code or key is in a message, a reply or a log."""
        ask = bench.ask(5.0 if fault is None else TIMEOUT_S)
        assert ask.card is not None
        if fault == "garbage":
            await bench.fault(fault)
        if fault == "echo" and self.over_http:
            bench.node.transport = between = Tampering(bench.node.transport)
            between.echo = True
        reply = await call(bench.node, ask)
        if self.tells and fault is None:
            await bench.receipts(ask)
        rows = await messages(bench.node, ask)
        (text,) = await bench.texts(ask)
        kept = " ".join([repr(row) for row in rows] + [repr(reply), repr(ask)])
        # Our own number has so many digits that a code may be among them by chance.
        kept = (kept + "".join(capsys.readouterr())).replace(ask.pay_order_no, "")

        assert {"IN", "OUT"} <= {row.direction for row in rows}
        national = ask.card.phone[3:]
        for secret in (*ask.secrets, *bench.secrets(), national, text["code"]):
            assert secret not in kept


def typing(ask: Ask, code: str) -> Ask:
    """The payer types what he was texted."""
    return replace(
        ask, operation=Operation.VERIFY_CODE, attempt_seq=2, card=None, code=code
    )


def unsigned(answered: Answered) -> Answered:
    """A genuine answer without its signature."""
    return replace(answered, headers={})
