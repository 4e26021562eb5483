"""UnionPay's encryption certificate rotates at its simulator: what the daily job learns
of it, and whether payments go on before, meanwhile and afterwards.
"""

import base64
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace as changed
from datetime import UTC, datetime
from pathlib import Path

import pytest
from channel_bench import call
from door import Door
from msgspec.structs import replace
from provider_bench import ACCOUNT, ProviderBench
from strangers import Strangers

from paycore.dev import certificates, vendors
from paycore.gateway import service as gateway
from paycore.gateway.call import Operation
from paycore.gateway.channels.unionpay import UnionPay
from paycore.kernel.node import Node
from paycore.kernel.outcome import Outcome
from paycore.worker import learner
from ports import free_row

ENDS_WITHIN_S = 60
NAME = UnionPay.code


class Simulated:
    """UnionPay's gateway, which restarts with other keys and knows what it knew."""

    def __init__(self, folder: Path) -> None:
        now = datetime.now(UTC)
        self.keys = certificates.unionpay(vendors.MER_ID, now)
        stranger = certificates.pair("041@enc3@paycore@000", now)
        self.strangers_pair = {
            "newer_encryption_key": stranger.key_pem,
            "newer_encryption_certificate": stranger.certificate_pem,
        }
        self.port, self._folder = free_row(), folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, changes: Mapping[str, str]) -> dict:
        """Start with these keys besides, or instead; what it says of itself."""
        self.stop()
        config = self._folder / "config.json"
        parts = {
            "merchants": {},
            "webhook_secrets": ["whsec_" + base64.b64encode(b"w" * 24).decode()],
            "vendors": {NAME: self.keys.simulator | changes},
        }
        config.write_text(json.dumps(parts))
        command = [sys.executable, "-m", "paycore.sandbox", "--port", str(self.port)]
        command += ["--data", str(self._folder), "--config", str(config)]
        self._process = subprocess.Popen(
            [*command, "--watch-stdin"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())

    def stop(self) -> None:
        """End it, if it runs."""
        if self._process is not None:
            with self._process as process:
                process.terminate()
                process.wait(ENDS_WITHIN_S)
            self._process = None

    @property
    def rotated(self) -> dict[str, str]:
        """The newer pair, and it alone."""
        return {
            name.removeprefix("newer_"): value
            for name, value in self.keys.newer.items()
        }


class Account(ProviderBench):
    """Ours there."""

    driver = UnionPay


@pytest.fixture
def unionpay(tmp_path: Path) -> Iterator[Simulated]:
    made = Simulated(tmp_path)
    yield made
    made.stop()


@pytest.fixture
async def bench(
    light_node: Node, strangers: Strangers, door: Door, unionpay: Simulated
) -> ProviderBench:
    """Our account there, before anything rotates."""
    said = unionpay.start({})
    merchant = dict(unionpay.keys.merchant)
    issuers = [merchant.pop("middle_certificate"), merchant.pop("root_certificate")]
    contract = vendors.Contract(
        sandbox={}, ours={**merchant, "issuers": "".join(issuers)}
    )
    there = changed(
        strangers,
        control=said["control"],
        banks=said["banks"],
        contracts={NAME: contract},
        agreements={},
    )
    made = Account(light_node, there, door)
    await made.open()
    return made


async def learnt(bench: ProviderBench) -> bool:
    """Whether the day's job learns anything."""
    ran = await learner.job(0).work(bench.node)
    await gateway.refresh(bench.node)
    assert ran.done
    return f"{NAME}/{ACCOUNT}" in ran.said


async def pays(bench: ProviderBench) -> None:
    """A card is agreed upon, and pays by a code and without one: each names it, or its
    phone, sealed.
    """
    _, agreement = await bench.signed()
    bench.strangers.agreements[NAME] = agreement
    for operation in (Operation.CONFIRM, Operation.DEDUCT):
        ask = await bench.ask(operation)
        assert Outcome.SUCCEEDED is (await bench.stands(ask)).outcome
        assert 1 == await bench.charges(ask.pay_order_no)


async def test_a_rotation_is_learnt_and_nobody_notices(bench, unionpay):
    """Payments are taken all the while; in the end what is sealed for the old one is
    refused, and moves nothing.
    """
    assert not await learnt(bench)
    await pays(bench)

    unionpay.start(unionpay.keys.newer)
    await pays(bench)
    assert await learnt(bench)
    assert not await learnt(bench)
    await pays(bench)

    unionpay.start(unionpay.rotated)
    await pays(bench)
    await bench.open("unlearnt")
    late = replace(await bench.new(Operation.DEDUCT), account="unlearnt")
    refused = await call(bench.node, late)
    assert (Outcome.DECLINED, "10") == (refused.outcome, refused.resp_code)
    assert 0 == await bench.charges(late.pay_order_no)


async def test_a_strangers_certificate_is_not_learnt(bench, unionpay):
    """Signed for as UnionPay's answer is, and issued by nobody who issues theirs."""
    unionpay.start(unionpay.strangers_pair)

    assert not await learnt(bench)
    await pays(bench)
