"""Stripe as the sandbox plays it, by the suite that every channel must pass."""

import json
from typing import ClassVar

from provider_bench import ProviderBench
from provider_contract import ProviderContract

from paycore.gateway.call import Ask, Operation
from paycore.gateway.channels.stripe import Stripe
from paycore.kernel.http import Answered, HttpRequest
from paycore.kernel.outcome import Blame


class Api(ProviderBench):
    """Stripe's API: agreements are made elsewhere."""

    driver = Stripe

    async def agreement(self) -> str:
        """The one that the payer has."""
        return self.strangers.contracts[self.name].agreement

    async def signed(self) -> tuple[Ask, str]:
        """What the payer's own checkout does: a method of his own, saved there."""
        customer = (await self.agreement()).partition("/")[0]
        request = HttpRequest(
            url=f"{self.base_url}/v1/payment_methods/pm_card_visa/attach",
            headers={
                "Authorization": f"Bearer {self.credentials['secret_key']}",
                "Content-Type": "application/x-www-form-urlencoded",
            },
            body=f"customer={customer}".encode(),
            timeout_s=5.0,
        )
        result = await self.node.transport.send(request)
        assert isinstance(result, Answered), result
        method = json.loads(result.body)["id"]
        return await self.new(Operation.REVOKE), f"{customer}/{method}"


class TestStripe(ProviderContract):
    """The contract, and what is Stripe's own."""

    driver = Stripe
    bench_of = Api
    over_http = Stripe.capabilities
    calls_back: ClassVar = frozenset({Operation.DEDUCT, Operation.REFUND})
    enquired_after: ClassVar = frozenset({Operation.DEDUCT, Operation.REFUND})
    by_agreement = Operation.DEDUCT
    signs = False
    blames: ClassVar = frozenset(Blame) - {Blame.CODE}
    refusals: ClassVar = {
        "insufficient_funds": Blame.PAYER,
        "lost_card": Blame.CARD,
        "issuer_not_available": Blame.CHANNEL,
        "invalid_request_error": Blame.REQUEST,
    }
    own_refusals: ClassVar = {
        Operation.REFUND: {
            "insufficient_funds": Blame.CHANNEL,
            "declined": Blame.CARD,
            "merchant_request": Blame.REQUEST,
            "invalid_request_error": Blame.REQUEST,
        },
        Operation.REVOKE: {
            "resource_missing": Blame.REQUEST,
            "invalid_request_error": Blame.REQUEST,
        },
    }
    provoked_by: ClassVar = {"invalid_request_error": "BAD_REQUEST"}
    of_asking: ClassVar = frozenset({"invalid_request_error"})
    wrong: ClassVar = ({"secret_key": "sk_test_nobodys0000000000"},)
