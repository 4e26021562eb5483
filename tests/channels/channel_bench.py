"""What the suite of channels stands on: a peer, a call as core makes it, and somebody
between the two who changes answers.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping

from msgspec.structs import replace

from paycore.gateway import service as gateway
from paycore.gateway.call import Ask, CardFacts, Operation, Reply
from paycore.gateway.rows import MessageRow
from paycore.kernel.http import Answered, HttpRequest, HttpResult, Transport
from paycore.kernel.node import Node
from paycore.kernel.outcome import Outcome

CARD = CardFacts(
    number="6222021234567894",
    name="欧阳锋",
    id_no="11010519491231002X",
    phone="+8613812345678",
)
"""Canaries: nothing of it may be found in what is kept."""

STRANGE = "6225881234567898"
"""The number of a card that is not the payer's."""

MONEY = frozenset({Operation.CONFIRM, Operation.DEDUCT, Operation.REFUND})


class Bench(ABC):
    """A peer of one channel, and a node with an account there."""

    node: Node

    @abstractmethod
    async def ask(self, operation: Operation) -> Ask:
        """A new ask that gets a yes; what must come before it has been done."""

    @abstractmethod
    async def fault(self, operation: Operation, fault: str) -> None:
        """Have the peer misbehave (in the words of docs/sandbox.md)."""

    @abstractmethod
    async def charges(self, pay_order_no: str) -> int:
        """How often money moved for a payment, by the peer's own record."""

    @abstractmethod
    async def called_back(self, operation: Operation) -> "Raw":
        """A genuine callback about a call that was answered with yes."""

    def secrets(self) -> tuple[str, ...]:
        """Keys of the account."""
        return ()


class Raw:
    """A callback as it came over the wire."""

    def __init__(
        self, ask: Ask, path: str, headers: Mapping[str, str], body: bytes
    ) -> None:
        self.ask, self.path, self.headers, self.body = ask, path, dict(headers), body


class Tampering:
    """The real transport, with somebody between it and us who changes answers."""

    def __init__(self, real: Transport) -> None:
        self.real = real
        self.last: HttpResult | None = None
        self.replay: HttpResult | None = None
        self.changed: Callable[[Answered], Answered] | None = None
        self.echo = False

    async def send(self, request: HttpRequest) -> HttpResult:
        """Send for real, and change what comes back."""
        result = await self.real.send(request)
        self.last, result = result, self.replay or result
        if not isinstance(result, Answered):
            return result
        if self.changed is not None:
            result = self.changed(result)
        asked = request.url.encode() + request.body
        body = b"<pre>%b" % asked if self.echo else result.body
        return Answered(status=result.status, headers=result.headers, body=body)

    async def close(self) -> None:
        """Close for real."""
        await self.real.close()


async def call(node: Node, ask: Ask) -> Reply:
    """One call as core makes it: recorded, made, recorded."""
    before, after = node.change(), node.change()
    prepared = await gateway.prepare(node, ask, before)
    lease = node.lease_for(ask.timeout_s)
    assert await node.journal.commit(before) is None
    answer = await gateway.send(node, prepared, lease)
    gateway.conclude(node, prepared, answer, after)
    assert await node.journal.commit(after) is None
    return answer.reply


async def messages(node: Node, ask: Ask) -> list[MessageRow]:
    """What is kept of a payment's messages."""
    return await node.journal.within(MessageRow, ask.pay_order_no)


def assert_unknown(reply: Reply) -> None:
    assert reply.outcome is Outcome.UNKNOWN
    assert reply.blame is None
    assert not reply.not_found


def enquiry(ask: Ask) -> Ask:
    """The question what became of a call."""
    return replace(
        ask,
        operation=Operation.ENQUIRE,
        enquired_operation=ask.operation,
        timeout_s=5.0,
    )


async def arrive(bench: Bench, raw: Raw) -> gateway.Received:
    """A callback at our door."""
    received = await gateway.callback(
        bench.node, raw.ask.channel, raw.ask.account, raw.path, raw.headers, raw.body
    )
    await asyncio.sleep(0)
    return received
