"""One bit changed in what was signed: neither side believes it.

Each field of a message that is signed is changed once, the signature among them: of a
genuine request on its way to the simulator, of a genuine answer and a genuine callback
on their way to us. What is counted are these changes, one a field and message, and each
must be refused. Then the same request is taken as it was: nothing else was wrong.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import flips
import pytest
from carrier_bench import CarrierBench
from channel_bench import Raw, Tampering, call, enquiry
from door import Door
from provider_bench import ProviderBench
from strangers import Strangers
from test_carriers import Aliyun, Own, Tencent
from test_huifu_contract import Dougong
from test_stripe_contract import Api
from test_unionpay_contract import Gateway

from paycore.gateway.call import Ask, Operation
from paycore.gateway.channel import BAD_SIGNATURE
from paycore.gateway.channels.sandbox import Sandbox
from paycore.kernel.http import Answered, HttpRequest
from paycore.kernel.node import Node
from paycore.kernel.outcome import Outcome
from paycore.sms import registry
from paycore.sms.carrier import HttpCarrier, Text

Count = Callable[[int], None]

KEPT = Path(__file__).parents[2] / "build" / "byte_flips.json"

OWN_HEADERS = ("X-Timestamp", "X-Signature")


class DeductBank(ProviderBench):
    """One of the sandbox's own banks."""

    driver = Sandbox

    def called(self) -> str:
        """The first that deducts."""
        return "deduct_a"

    def ours(self) -> Mapping[str, object]:
        """The merchant's keys."""
        return {
            "merchant": self.strangers.merchant,
            "secret": self.strangers.secret,
            "encryption_key": self.strangers.encryption_key,
        }

    async def agreement(self) -> str:
        """It takes any that it has not ended."""
        return "agr_flipped"

    async def called_back(self, operation: Operation) -> Raw:
        """It calls back where it is told to."""
        await self.fault(operation, "duplicate_callback:1")
        return await super().called_back(operation)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """What of a channel's messages is signed; of answers perhaps nothing."""

    requests: Callable[[HttpRequest], flips.Requests]
    answers: Callable[[Answered], flips.Answers] | None
    callbacks: Callable[[Raw], flips.Raws]


CHANNELS: Mapping[type[ProviderBench], Signed] = {
    DeductBank: Signed(
        requests=flips.headed_requests(*OWN_HEADERS, "X-Merchant"),
        answers=flips.headed_answers(*map(str.lower, OWN_HEADERS)),
        callbacks=flips.headed_callbacks(*OWN_HEADERS),
    ),
    Gateway: Signed(
        requests=flips.form_requests,
        answers=flips.form_answers,
        callbacks=flips.form_callbacks,
    ),
    Dougong: Signed(
        requests=flips.enveloped_requests,
        answers=flips.enveloped_answers,
        callbacks=flips.notifies,
    ),
    # Of a request its key is all that proves it, of an answer TLS.
    Api: Signed(
        requests=flips.keyed_requests,
        answers=None,
        callbacks=flips.events,
    ),
}

CARRIERS: Mapping[type[CarrierBench], Callable[[HttpRequest], flips.Requests]] = {
    Own: flips.headed_requests(*OWN_HEADERS, "X-Merchant"),
    Aliyun: flips.headed_requests(
        *("authorization", "host", "x-acs-action", "x-acs-content-sha256"),
        *("x-acs-date", "x-acs-signature-nonce", "x-acs-version"),
        query=True,
    ),
    Tencent: flips.headed_requests(
        "authorization", "content-type", "host", "x-tc-timestamp"
    ),
}
"""What SMPP says is signed by nobody."""


@pytest.fixture(params=CHANNELS, ids=lambda bench: bench.driver.code)
async def bench(request, light_node: Node, strangers: Strangers, door: Door):
    """Each channel whose messages are signed, at its provider."""
    made = request.param(light_node, strangers, door)
    await made.open()
    yield made
    await made.control.clear()


@pytest.fixture
def signed(bench: ProviderBench) -> Signed:
    """Where in its messages."""
    return CHANNELS[type(bench)]


@pytest.fixture(scope="module")
def counts() -> Iterator[dict[str, int]]:
    """How many fields were changed, by test: kept for whoever wants to know."""
    found: dict[str, int] = {}
    yield found
    KEPT.parent.mkdir(exist_ok=True)
    KEPT.write_text(json.dumps({"changed fields": found}, indent=2) + "\n")


@pytest.fixture
def count(request: pytest.FixtureRequest, counts: dict[str, int]) -> Count:
    """Count a test's changes, of which there are some."""

    def kept(changes: int) -> None:
        assert changes
        counts[request.node.name] = changes

    return kept


def assembled(bench: ProviderBench, ask: Ask) -> HttpRequest:
    """A genuine request."""
    http = bench.driver().assemble(bench.opened(), ask).http
    assert http is not None
    return http


async def test_every_changed_field_of_a_request_is_refused(
    bench: ProviderBench, signed: Signed, count: Count
) -> None:
    """By the simulator: no answer is a yes, and no money moves; nor is it a lasting no,
    for the request as it was is taken after all.
    """
    ask = await bench.new(Operation.DEDUCT)
    genuine = assembled(bench, ask)
    changes = 0
    for name, request in signed.requests(genuine):
        answered = await bench.node.transport.send(request)
        assert isinstance(answered, Answered), name
        reply = bench.driver().read(bench.opened(), ask, answered)

        assert reply.outcome not in (Outcome.SUCCEEDED, Outcome.PENDING), name
        assert 0 == await bench.charges(ask.pay_order_no), name
        changes += 1
    answered = await bench.node.transport.send(genuine)
    assert isinstance(answered, Answered)
    reply = bench.driver().read(bench.opened(), ask, answered)

    assert reply.outcome in (Outcome.SUCCEEDED, Outcome.PENDING)
    assert 1 == await bench.charges(ask.pay_order_no)
    count(changes)


@pytest.mark.parametrize("operation", [Operation.DEDUCT, Operation.ENQUIRE])
async def test_every_changed_field_of_an_answer_is_distrusted(
    bench: ProviderBench,
    signed: Signed,
    count: Count,
    operation: Operation,
) -> None:
    """By us: unknown, and somebody looks."""
    if signed.answers is None:
        pytest.skip("answers of this channel are not signed")
    ask = await bench.new(Operation.DEDUCT)
    if operation is Operation.ENQUIRE:
        await call(bench.node, ask)
        ask = enquiry(ask)
    bench.node.transport = between = Tampering(bench.node.transport)
    await call(bench.node, ask)
    genuine = between.last
    assert isinstance(genuine, Answered)
    driver, account = bench.driver(), bench.opened()
    changes = 0
    for name, answered in signed.answers(genuine):
        reply = driver.read(account, ask, answered)

        assert (Outcome.UNKNOWN, BAD_SIGNATURE) == (
            reply.outcome,
            reply.resp_code,
        ), name
        assert reply.alarm, name
        assert not reply.not_found, name
        changes += 1

    assert driver.read(account, ask, genuine).resp_code != BAD_SIGNATURE
    count(changes)


async def test_every_changed_field_of_a_callback_is_refused(
    bench: ProviderBench, signed: Signed, count: Count
) -> None:
    """By us: nothing follows from it."""
    genuine = await bench.called_back(Operation.DEDUCT)
    driver, account, now = bench.driver(), bench.opened(), bench.node.now()
    changes = 0
    for name, raw in signed.callbacks(genuine):
        headers = {key.lower(): value for key, value in raw.headers.items()}
        assert driver.callback(account, raw.path, headers, raw.body, now=now) is None, (
            name
        )
        changes += 1
    headers = {key.lower(): value for key, value in genuine.headers.items()}

    assert driver.callback(account, genuine.path, headers, genuine.body, now=now)
    count(changes)


@pytest.mark.parametrize("kind", CARRIERS, ids=lambda kind: kind.driver.code)
async def test_every_changed_field_of_a_text_is_refused(
    light_node: Node,
    strangers: Strangers,
    door: Door,
    count: Count,
    kind: type[CarrierBench],
) -> None:
    """By the simulator of its carrier: nothing is texted, then the text as it was."""
    bench = kind(light_node, strangers, door)
    await bench.open()
    line, ask = await registry.look_up(light_node, bench.name), bench.ask()
    driver = line.driver
    assert isinstance(driver, HttpCarrier)
    text = text_of(ask)
    genuine = driver.assemble(line, text)
    changes = 0
    for name, request in CARRIERS[kind](genuine):
        answered = await light_node.transport.send(request)
        assert isinstance(answered, Answered), name

        assert driver.read(line, text, answered).outcome is not Outcome.SUCCEEDED, name
        changes += 1
    assert not await bench.texts(ask)
    answered = await light_node.transport.send(genuine)
    assert isinstance(answered, Answered)

    assert driver.read(line, text, answered).outcome is Outcome.SUCCEEDED
    assert 1 == len(await bench.texts(ask))
    count(changes)


def text_of(ask: Ask) -> Text:
    """A text to the payer's phone."""
    assert ask.card is not None
    return Text(
        request_no=ask.request_no,
        phone=ask.card.phone,
        body="Your code is 493817.",
        code="493817",
        sign="paycore",
        at=ask.asked_at,
        timeout_s=5.0,
        connect_timeout_s=1.0,
    )
