"""Huifu as the sandbox plays it, by the suite that every channel must pass."""

import json
from collections.abc import Iterable
from typing import ClassVar
from urllib.parse import parse_qsl, urlencode

from channel_bench import MONEY, Raw
from msgspec.structs import replace
from provider_bench import ProviderBench
from provider_contract import ProviderContract

from paycore.gateway.call import Operation
from paycore.gateway.channels.huifu import Huifu
from paycore.kernel.http import Answered
from paycore.kernel.outcome import Blame


class Dougong(ProviderBench):
    """Huifu's gateway; whom a bank's code blames is the account's own."""

    driver = Huifu
    settings: ClassVar = {
        "blames": {"64": "payer", "63": "card", "91": "channel", "71": "code"}
    }


class TestHuifu(ProviderContract):
    """The contract, and what is Huifu's own."""

    driver = Huifu
    bench_of = Dougong
    over_http = Huifu.capabilities
    enquired_after: ClassVar = frozenset({Operation.SEND_CODE, *MONEY})
    waits: ClassVar = frozenset({Operation.CONFIRM})
    strange = "87654321"
    refusals: ClassVar = {
        "64": Blame.PAYER,
        "63": Blame.CARD,
        "91": Blame.CHANNEL,
        "71": Blame.CODE,
        "10000000": Blame.REQUEST,
    }
    of_asking: ClassVar = frozenset({"10000000"})
    wrong: ClassVar = ({"sys_id": "6666000100000009"}, {"product_id": "MYPAY"})

    def unsigned(self, answered: Answered) -> Answered:
        """The signature is in the envelope."""
        told = json.loads(answered.body)
        del told["sign"]
        return replace(answered, body=json.dumps(told).encode())

    def forged(self, raw: Raw) -> Iterable[Raw]:
        """What is signed is one field's text; the path is none of its business."""
        fields = dict(parse_qsl(raw.body.decode()))
        said = fields["resp_data"]
        amount = f"{raw.ask.amount // 100}.{raw.ask.amount % 100:02d}"
        assert amount in said
        for changed in (
            {"sign": ""},
            {"resp_data": said.replace(amount, f"1{amount}")},
            {"resp_data": json.dumps(json.loads(said))},
        ):
            body = urlencode(fields | changed).encode()
            yield Raw(raw.ask, raw.path, raw.headers, body)
