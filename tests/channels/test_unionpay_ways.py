"""UnionPay's other ways of signing, by the suite that every channel must pass: SM2 with
SM3 (21), and a key of both sides, by SM3 (12) and SHA-256 (11).

The channel signs by `kernel.sm2`, the sandbox by `gmalg`; that neither shares a mistake
with the other is shown by `openssl` (test_unionpay_sm2.py, unit/kernel/test_sm2.py).
"""

from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from typing import ClassVar

import pytest
import test_byte_flips as flipped
import test_unionpay_contract as by_rsa
from door import Door
from playing import playing
from provider_bench import ProviderBench
from strangers import Strangers

from paycore.dev import vendors
from paycore.gateway.call import Operation
from paycore.gateway.channels.unionpay import UnionPay
from paycore.kernel.node import Node
from paycore.kernel.outcome import Outcome

pytestmark = pytest.mark.long

NAME = UnionPay.code


@pytest.fixture(scope="class")
def strangers(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Strangers]:
    """A sandbox whose UnionPay signs as the class says, in the forms that it says."""
    way, forms = request.cls.way, request.cls.forms
    contract = vendors.with_unionpay(datetime.now(UTC), sign_method=way)
    contract.sandbox.update(forms)
    contract.ours.update(forms)
    with playing(tmp_path_factory.mktemp("sandbox"), {NAME: contract}) as found:
        yield found


class Changed:
    """What is signed in some way, with one octet changed: neither side believes it."""

    way: ClassVar[str]
    forms: ClassVar = {}

    @pytest.fixture
    def signed(self) -> flipped.Signed:
        """Where in its messages something is signed."""
        return flipped.CHANNELS[by_rsa.Gateway]

    @pytest.fixture
    def count(self) -> Callable[[int], None]:
        """There are some changes."""

        def some(changes: int) -> None:
            assert changes > 10

        return some

    async def test_every_changed_field_of_a_request(self, bench, signed, count):
        """The simulator refuses it."""
        await flipped.test_every_changed_field_of_a_request_is_refused(
            bench, signed, count
        )

    @pytest.mark.parametrize("asked", [Operation.DEDUCT, Operation.ENQUIRE])
    async def test_every_changed_field_of_an_answer(self, bench, signed, count, asked):
        """It is distrusted."""
        await flipped.test_every_changed_field_of_an_answer_is_distrusted(
            bench, signed, count, asked
        )

    async def test_every_changed_field_of_a_callback(self, bench, signed, count):
        """It is refused."""
        await flipped.test_every_changed_field_of_a_callback_is_refused(
            bench, signed, count
        )

    async def test_it_is_signed_so(self, bench: ProviderBench):
        """By what the account says, and not by RSA after all."""
        ask = await bench.new(Operation.DEDUCT)
        fields = flipped.assembled(bench, ask).body

        assert b"signMethod=" + self.way.encode() in fields


class TestSm2(Changed, by_rsa.TestUnionPay):
    """21, as UnionPay's sample has it: the whole contract."""

    way = "21"


class TestSm3Key(Changed, by_rsa.TestUnionPay):
    """12: the whole contract."""

    way = "12"
    wrong: ClassVar = ({"mer_id": "777290058110098"}, {"shared_key": "another"})


class Few(Changed):
    """A way that differs from one of those by little."""

    @pytest.fixture
    async def bench(
        self, light_node: Node, strangers: Strangers, door: Door
    ) -> AsyncIterator[ProviderBench]:
        """Open our account."""
        made = by_rsa.Gateway(light_node, strangers, door)
        await made.open()
        yield made
        await made.control.clear()

    @pytest.mark.parametrize("takes", [Operation.CONFIRM, Operation.DEDUCT])
    async def test_money_there_and_back(self, bench: ProviderBench, takes: Operation):
        """By a card that is agreed upon, sealed in the account's form."""
        ask = await bench.refund(await bench.ask(takes))
        found = await bench.stands(ask)

        assert Outcome.SUCCEEDED is found.outcome
        assert 2 == await bench.charges(ask.pay_order_no)


class TestSm2InDer(Few):
    """21, in the other forms that it may have."""

    way = "21"
    forms: ClassVar = {
        "sm2_signature": "der",
        "sm2_identity": "default",
        "sm2_sealed": "asn1",
    }


class TestSm2WithoutTheMark(Few):
    """21, sealed without the point's 04."""

    way = "21"
    forms: ClassVar = {"sm2_sealed": "c1c3c2_without_04"}


class TestSha256Key(Few):
    """11."""

    way = "11"
