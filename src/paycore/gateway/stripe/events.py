"""Stripe's webhook events: whether one is genuine, and what it is about. Pure.

`Stripe-Signature: t=<seconds>,v1=<hex>[,v1=…]`, where v1 is HMAC-SHA256 by an end
point's secret over the seconds, a dot and the body as it came
(docs.stripe.com/webhooks/signature). While a secret is rolled several sign.
"""

import hmac
from collections.abc import Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Final

import msgspec

from paycore.gateway.call import Operation
from paycore.kernel.crypto import same

FRESH_S: Final = 300
"""How old an event may be, and how far ahead its clock: as in Stripe's own code."""

MOST_SIGNATURES: Final = 8
"""Of one header: there are as many as secrets were rolled in a day."""

FOLLOWED: Final = MappingProxyType(
    {
        "payment_intent.succeeded": Operation.DEDUCT,
        "payment_intent.processing": Operation.DEDUCT,
        "payment_intent.payment_failed": Operation.DEDUCT,
        "payment_intent.canceled": Operation.DEDUCT,
        "refund.updated": Operation.REFUND,
        "refund.failed": Operation.REFUND,
        "charge.refund.updated": Operation.REFUND,
    }
)
"""Events by what they are about; the last is what API versions before 2024-10-28 send
instead of `refund.updated`. `charge.refunded` names no refund and tells nothing new."""


class _Data(msgspec.Struct, frozen=True):
    object: msgspec.Raw


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """An event; its object is decoded once it is known of which kind that is."""

    type: str
    livemode: bool
    data: _Data
    account: str | None = None
    """Of a platform's end point: the connected account where it happened."""
    context: str | None = None
    """Of an organization's: which of its accounts."""

    @property
    def elsewhere(self) -> bool:
        """Whether it happened on another account than the end point's own: its money
        is not ours, and whoever has that account writes what numbers he likes.
        """
        return bool(self.account or self.context)


def genuine(secrets: Sequence[str], header: str, body: bytes, now: datetime) -> bool:
    """Whether one of the secrets signed this body, lately."""
    stamps, given = _parts(header)
    if len(stamps) != 1 or not given:
        return False
    stamp = stamps[0]
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 12):
        return False
    if abs(int(stamp) - now.timestamp()) > FRESH_S:
        return False
    signed = stamp.encode() + b"." + body
    wanted = [
        hmac.digest(secret.encode(), signed, "sha256").hex().encode()
        for secret in secrets
    ]
    return any(same(one, signature) for one in wanted for signature in given)


def _parts(header: str) -> tuple[list[str], list[bytes]]:
    """The seconds and the signatures of a header; other schemes are left aside."""
    pairs = [part.strip().partition("=") for part in header.split(",")]
    stamps = [value for name, _, value in pairs if name == "t"]
    given = [
        value.encode("utf-8", "replace") for name, _, value in pairs if name == "v1"
    ]
    return stamps, given[:MOST_SIGNATURES]
