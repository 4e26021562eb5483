"""UnionPay as the sandbox plays it, by the suite that every channel must pass."""

from collections.abc import Iterable
from typing import ClassVar

from channel_bench import MONEY, Raw, arrive, call, enquiry
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
