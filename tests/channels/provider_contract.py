"""The promises of a channel whose provider the sandbox plays, beyond every channel's:
both sides of its protocol agree, to the last word of an acknowledgement.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import ClassVar

import pytest
from channel_bench import MONEY, Raw, arrive, call, enquiry
from contract import ACTED_WITHIN_S, ChannelContract
from door import Door
from msgspec.structs import replace
from provider_bench import ACCOUNT, ProviderBench
from strangers import Strangers

from paycore.gateway import checking
from paycore.gateway.call import Operation
from paycore.kernel.ids import refund_no
from paycore.kernel.node import Node
from paycore.kernel.outcome import Outcome

TOLD_AGAIN_S = 1.5
"""After its first and its second try a provider of the sandbox waits a second."""


class ProviderContract(ChannelContract):
    """Subclass it as `Test…`, with the class of its bench."""

    bench_of: ClassVar[type[ProviderBench]]
    calls_back: ClassVar[frozenset[Operation]] = MONEY
    by_agreement: ClassVar[Operation] = Operation.SEND_CODE
    """What takes an agreement, at the beginning of a payment."""
    wrong: ClassVar[Sequence[Mapping[str, object]]]
    """Credentials that the provider does not take, or by which we do not believe it."""

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Try all that is wrong."""
        super().pytest_generate_tests(metafunc)
        if "wrong" in metafunc.fixturenames:
            values = type(self).wrong
            metafunc.parametrize("wrong", values, ids=[min(value) for value in values])

    @pytest.fixture
    async def bench(
        self, light_node: Node, strangers: Strangers, door: Door
    ) -> AsyncIterator[ProviderBench]:
        """Open our account at the provider."""
        made = self.bench_of(light_node, strangers, door)
        await made.open()
        yield made
        await made.control.clear()

    async def test_a_trial(self, bench: ProviderBench) -> None:
        """A trial of the account moves nothing and says that it is good."""
        checked = await checking.account(bench.node, bench.name, ACCOUNT)

        assert checked.good, checked

    async def test_a_trial_with_wrong_credentials(
        self, bench: ProviderBench, wrong: dict[str, object]
    ) -> None:
        """It says in words what is wrong."""
        await bench.open(account := f"wrong_{min(wrong)}", **wrong)
        checked = await checking.account(bench.node, bench.name, account)

        assert not checked.good
        assert checked.explanation
        assert "none that we know" not in checked.explanation

    async def test_a_trial_goes_by_the_newer_credentials_alone(
        self, bench: ProviderBench, wrong: dict[str, object]
    ) -> None:
        """What was there before is believed as well, and will be retired."""
        await bench.open(account := f"rotated_{min(wrong)}")
        await bench.rotate(account, **wrong)
        checked = await checking.account(bench.node, bench.name, account)

        assert not checked.good
        assert checked.explanation

    async def test_told_before_the_answer(
        self, bench: ProviderBench, called: Operation
    ) -> None:
        """A callback may be faster than its answer, and come twice: one fact."""
        ask = await bench.ask(called)
        await bench.fault(called, "callback_before_answer")
        await bench.fault(called, "duplicate_callback:2")
        reply = await call(bench.node, ask)
        number = ask.request_no.encode()
        early = [came for came in bench.door.came if number in came.body]
        told = [
            (await arrive(bench, Raw(ask, came.path, came.headers, came.body))).callback
            for came in early
        ]

        assert reply.alarm is None
        assert len(told) == 2
        assert told[0] == told[1]
        assert told[0] is not None
        assert told[0].reply.outcome is Outcome.SUCCEEDED

    async def test_a_quick_payment_is_given_back(self, bench: ProviderBench) -> None:
        """As a deduction is: in full, and not a fen more."""
        if Operation.CONFIRM not in self.driver.capabilities:
            pytest.skip("it takes no quick payments")
        ask = await bench.refund(await bench.ask(Operation.CONFIRM))
        more = replace(
            ask, amount=1, attempt_seq=102, request_no=refund_no(ask.pay_order_no, 2)
        )
        found = await bench.stands(ask)
        beyond = await bench.stands(more)

        assert found.outcome is Outcome.SUCCEEDED
        assert (found.amount, found.currency) == (ask.amount, ask.currency)
        assert beyond.outcome is not Outcome.SUCCEEDED
        assert await bench.charges(ask.pay_order_no) == 2

    async def test_a_signing_is_asked_after(self, bench: ProviderBench) -> None:
        """One that nobody heard of, one that waits for its code, and one whose yes was
        lost.
        """
        if Operation.SIGN not in self.driver.capabilities:
            pytest.skip("its agreements are made elsewhere")
        strange = await bench.new(Operation.SIGN)
        nothing = await call(bench.node, enquiry(strange))
        ask = await bench.ask(Operation.SIGN_CONFIRM)
        waits = await call(bench.node, enquiry(replace(ask, operation=Operation.SIGN)))
        await bench.fault(Operation.SIGN_CONFIRM, "timeout_after")
        await call(bench.node, replace(ask, timeout_s=ACTED_WITHIN_S))
        for _ in range(600):  # it may act after we have left
            found = await call(bench.node, enquiry(ask))
            if found.outcome is not Outcome.PENDING:
                break
            await asyncio.sleep(0.1)

        assert nothing.outcome in (Outcome.UNKNOWN, Outcome.PENDING)
        assert nothing.alarm is None
        assert waits.outcome is Outcome.PENDING
        assert found.outcome is Outcome.SUCCEEDED
        assert found.agreement

    async def test_an_agreement_that_was_ended(self, bench: ProviderBench) -> None:
        """Nothing is taken by it any more, and who asks is told no."""
        if Operation.REVOKE not in self.driver.capabilities:
            pytest.skip("agreements do not end here")
        revocation = await bench.ask(Operation.REVOKE)
        ended = await call(bench.node, revocation)
        found = await call(bench.node, enquiry(revocation))
        ask = await bench.new(self.by_agreement, revocation.agreement)
        reply = await call(bench.node, ask)

        assert ended.outcome is Outcome.SUCCEEDED
        assert found.outcome is not Outcome.DECLINED
        assert reply.outcome is Outcome.DECLINED
        assert await bench.charges(ask.pay_order_no) == 0

    @pytest.mark.long
    async def test_what_was_acknowledged_is_not_told_again(
        self, bench: ProviderBench, called: Operation
    ) -> None:
        """Our answer to a callback is the one that the provider waits for."""
        raw = await bench.called_back(called)
        await asyncio.sleep(TOLD_AGAIN_S)

        assert [200] == [
            came.status for came in bench.door.came if came.body == raw.body
        ]
