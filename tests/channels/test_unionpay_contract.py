"""UnionPay as the sandbox plays it, by the suite that every channel must pass."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, timezone
from typing import ClassVar

import pytest
from channel_bench import MONEY, Raw, arrive, call, enquiry, messages
from msgspec.structs import replace
from provider_bench import ProviderBench
from provider_contract import ProviderContract

from paycore.gateway.call import Operation
from paycore.gateway.channels.unionpay import UnionPay
from paycore.kernel.http import Answered
from paycore.kernel.outcome import Blame, Outcome


class Gateway(ProviderBench):
    """UnionPay's gateway: agreements are tokens."""

    driver = UnionPay


class ByCard(ProviderBench):
    """The same merchant's standard product: the card itself is named."""

    driver = UnionPay
    settings: ClassVar[Mapping[str, object]] = {"quick_biz_type": "000301", "tr_id": ""}
    agreed = "by card"


class Voiding(ProviderBench):
    """An account whose whole refunds of the day are voids."""

    driver = UnionPay
    settings: ClassVar[Mapping[str, object]] = {"void_before": "23:59"}


class VoidingByCard(ByCard):
    """Both."""

    settings: ClassVar[Mapping[str, object]] = ByCard.settings | Voiding.settings


class TestUnionPay(ProviderContract):
    """The contract, and what is UnionPay's own."""

    driver = UnionPay
    bench_of = Gateway
    over_http = UnionPay.capabilities
    taken_in = MONEY
    enquired_after: ClassVar = frozenset({Operation.SEND_CODE, *MONEY})
    strange = "9Z"
    refusals: ClassVar = {
        "64": Blame.PAYER,
        "63": Blame.CARD,
        "02": Blame.CHANNEL,
        "32": Blame.CHANNEL,
        "71": Blame.CODE,
        "10": Blame.REQUEST,
        "36": Blame.REQUEST,
    }
    of_asking: ClassVar = frozenset({"10", "32"})
    wrong: ClassVar = ({"mer_id": "777290058110098"}, {"signer": "somebody"})

    def unsigned(self, answered: Answered) -> Answered:
        """The signature is a field of the body."""
        body = answered.body.partition(b"&signature=")[0]
        assert body != answered.body
        return replace(answered, body=body)

    def forged(self, raw: Raw) -> Iterable[Raw]:
        """The signature is a field of the body, and the path none of its business."""
        amount = f"&settleAmt={raw.ask.amount}".encode()
        assert amount in raw.body
        for body in (
            raw.body.partition(b"&signature=")[0],
            raw.body.replace(amount, amount + b"0"),
            raw.body + b"&more=1",
        ):
            yield Raw(raw.ask, raw.path, raw.headers, body)

    async def test_a_no_that_is_told_later(
        self, bench: ProviderBench, money: Operation
    ) -> None:
        """What was taken in may still fail: the enquiry says so, and the notice that
        there is something to ask after.
        """
        ask = await bench.ask(money)
        before = await bench.charges(ask.pay_order_no)
        await bench.fault(money, "decline:INSUFFICIENT_FUNDS")
        taken = await call(bench.node, ask)
        found = await call(bench.node, enquiry(ask))
        came = await bench.told(ask)
        told = await arrive(bench, Raw(ask, came.path, came.headers, came.body))

        assert taken.outcome is Outcome.PENDING
        assert told.callback is not None
        said = told.callback.reply
        assert (found.outcome, found.blame) == (Outcome.DECLINED, Blame.PAYER)
        assert (said.outcome, said.blame) == (Outcome.UNKNOWN, None)
        assert found.resp_code == said.resp_code == "64"
        assert before == await bench.charges(ask.pay_order_no)


class TestStandardProduct(TestUnionPay):
    """The same promises without tokens; but a card that was opened stays open there."""

    bench_of = ByCard
    over_http = UnionPay.capabilities - {Operation.REVOKE}

    async def test_an_agreement_that_was_ended(self, bench: ProviderBench) -> None:
        """It is over by our word alone: nothing is sent, whoever asks is told so, and
        what another signed for the same card is none the worse for it.
        """
        revocation = await bench.ask(Operation.REVOKE)
        ended = await call(bench.node, revocation)
        found = await call(bench.node, enquiry(revocation))
        other = await call(bench.node, await bench.new(Operation.SEND_CODE))

        assert ended.outcome is found.outcome is other.outcome is Outcome.SUCCEEDED


class TestVoids(TestUnionPay):
    """The promises of refunds, where all of a charge goes back by a void."""

    bench_of = Voiding
    tried = over_http = enquired_after = calls_back = frozenset({Operation.REFUND})

    @pytest.fixture(autouse=True)
    def _day(self) -> None:
        """A day's last minutes are no time for them."""
        now = datetime.now(timezone(timedelta(hours=8)))
        if (now.hour, now.minute) > (23, 50):
            pytest.skip("the day is nearly over in Beijing")

    async def test_it_is_a_void_and_a_part_is_none(self, bench: ProviderBench) -> None:
        """What goes out says so, and so does what is found; less goes by 04."""
        ask = await bench.ask(Operation.REFUND)
        part = await bench.ask(Operation.REFUND)
        part = replace(part, amount=part.amount - 1)
        await call(bench.node, ask)
        await call(bench.node, part)
        found = await call(bench.node, enquiry(part))
        kept = [await messages(bench.node, one) for one in (ask, part)]

        assert ["31", "04"] == [
            row.body.partition("txnType=")[2][:2]
            for rows in kept
            for row in rows
            if row.direction == "OUT" and row.operation == Operation.REFUND
        ]
        assert (Outcome.SUCCEEDED, part.amount) == (found.outcome, found.amount)


class TestVoidsByCard(TestVoids, TestStandardProduct):
    """And of the standard product's charges."""

    bench_of = VoidingByCard
