"""Business lines' end points for the drill of the notices: a process of its own.

    python -m paycore.bench.drills.receivers < its plan

The first line on standard input is the plan, the answer the ports; each further line
mends them all, and the end of input ends it. Every notice that comes is verified with
PyPI's official client as it comes, and written down as it came. Nothing of ours is
needed for that.
"""

import asyncio
import random
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import msgspec
import uvloop
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from paycore.dev.processes import die_with_parent
from paycore.sandbox.wire import Exchange, Listener

SLOW_S = 5.0

FAILS_PERMILLE, HANGS_PERMILLE = 2, 1
"""How often a good end point answers 500, or never: few enough to stay beyond the
99th of a hundred, so that what is measured there is what others do."""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """One end point: how it behaves, and what notices to it may be signed with."""

    behaviour: str
    """good, dead, slow or gone."""
    secrets: list[str]
    """The one of the beginning, and the one that it is changed for, if it is."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """All of them, and where to write down what comes."""

    places: list[Place]
    record: str


class Came(msgspec.Struct, frozen=True, kw_only=True):
    """A notice as it came."""

    place: int
    id: str
    timestamp: str
    signature: str
    body: str
    at: float
    status: int
    """What was answered; 0: nothing."""
    verified: bool


def expected(secrets: list[str], signature: str) -> list[str]:
    """The secrets that must verify: one, and in a change-over both."""
    return secrets[: len(signature.split())]


class _Receiver:
    def __init__(self, number: int, place: Place, record: BinaryIO) -> None:
        self._number, self._record = number, record
        self._secrets = place.secrets
        self._webhooks = {secret: Webhook(secret) for secret in place.secrets}
        self.behaviour = place.behaviour

    async def serve(self, exchange: Exchange) -> None:
        """Take one notice."""
        slow, status = self.behaviour == "slow", self._status()
        self._write(exchange, status)
        if slow:
            await exchange.pause(SLOW_S)
        if status:
            exchange.answer(status, b"")
        else:
            await exchange.hold()

    def _status(self) -> int:
        if self.behaviour == "gone":
            return 410
        drawn = random.randrange(1000) if self.behaviour == "good" else 1000
        if drawn < FAILS_PERMILLE:
            return 500
        return 0 if drawn < FAILS_PERMILLE + HANGS_PERMILLE else 204

    def _write(self, exchange: Exchange, status: int) -> None:
        headers = {
            name.decode(): value.decode() for name, value in exchange.headers.items()
        }
        came = Came(
            place=self._number,
            id=headers["webhook-id"],
            timestamp=headers["webhook-timestamp"],
            signature=headers["webhook-signature"],
            body=exchange.body.decode(),
            at=time.time(),
            status=status,
            verified=self._verified(exchange.body, headers),
        )
        self._record.write(msgspec.json.encode(came) + b"\n")

    def _verified(self, body: bytes, headers: Mapping[str, str]) -> bool:
        secrets = expected(self._secrets, headers["webhook-signature"])
        try:
            for secret in secrets:
                self._webhooks[secret].verify(body, dict(headers))
        except WebhookVerificationError:
            return False
        return bool(secrets)


def main() -> None:
    """Serve the plan on standard input until that ends."""
    plan = msgspec.json.decode(sys.stdin.buffer.readline(), type=Plan)
    with Path(plan.record).open("wb", buffering=1 << 20) as record:
        uvloop.run(_serve(plan, record))


async def _serve(plan: Plan, record: BinaryIO) -> None:
    receivers = [_Receiver(n, one, record) for n, one in enumerate(plan.places)]
    listeners = [Listener(0, receiver.serve) for receiver in receivers]
    for receiver, listener in zip(receivers, listeners, strict=True):
        if receiver.behaviour != "dead":
            await listener.open()
    ports = [listener.port for listener in listeners]
    sys.stdout.buffer.write(msgspec.json.encode(ports) + b"\n")
    sys.stdout.buffer.flush()
    while await asyncio.to_thread(sys.stdin.buffer.readline):
        for receiver, listener in zip(receivers, listeners, strict=True):
            receiver.behaviour = "mended"
            await listener.open()
    for listener in listeners:
        await listener.close()


if __name__ == "__main__":
    die_with_parent()
    main()
