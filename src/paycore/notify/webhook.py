"""A notice on the wire after Standard Webhooks 1.0: its body and its signature. Pure.

What is signed is `id.timestamp.body`. A line whose secret is being changed has two,
and gets a signature by each, so that it may change over at its leisure.
It sends nothing and knows of no end point.
"""

import base64
import binascii
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

PREFIX = "whsec_"
SECRET_OCTETS = range(24, 65)
"""How long the standard wants a secret."""


class _Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """The body: what happened, when, and to which order as it was then."""

    type: str
    timestamp: datetime
    data: msgspec.Raw


def body(type: str, at: datetime, data: bytes) -> bytes:  # noqa: A002 the wire's word
    """The body of a notice; `data` is JSON already."""
    envelope = _Envelope(type=type, timestamp=at, data=msgspec.Raw(data))
    return msgspec.json.encode(envelope)


def headers(
    secrets: Sequence[bytes], notice_id: str, at: datetime, body: bytes
) -> Mapping[str, str]:
    """Who signed what and when: the three headers of the standard."""
    timestamp = str(int(at.timestamp()))
    signatures = (signature(key, notice_id, timestamp, body) for key in secrets)
    return {
        "webhook-id": notice_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(signatures),
    }


def signature(key: bytes, notice_id: str, timestamp: str, body: bytes) -> str:
    """One signature, with its version."""
    signed = b".".join((notice_id.encode(), timestamp.encode(), body))
    mac = hmac.digest(key, signed, "sha256")
    return "v1," + base64.b64encode(mac).decode()


def key_of(secret: str) -> bytes | None:
    """The key in a `whsec_` secret, None where it is not one; padding is optional."""
    if not secret.startswith(PREFIX):
        return None
    text = secret.removeprefix(PREFIX)
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
    return key if len(key) in SECRET_OCTETS else None


def secret_of(key: bytes) -> str:
    """A key as people hand it on."""
    return PREFIX + base64.b64encode(key).decode()
