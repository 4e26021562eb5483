"""Huifu's envelope: how a message is signed and read, and what a secret field holds.

Written from the provider's documents (dg V2/V3). A request and a reply sign the first
level of `data`, sorted, as compact JSON; a notification signs its text as it is.
"""

import base64
import binascii
from collections.abc import Mapping
from datetime import timedelta, timezone
from typing import Any, Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    load_pem_private_key,
    load_pem_public_key,
)
from msgspec import Struct

BEIJING: Final = timezone(timedelta(hours=8))
"""By whose clock its days begin."""


class Envelope(Struct, frozen=True, kw_only=True):
    """A request as it is posted."""

    sys_id: str
    product_id: str
    sign: str
    data: dict[str, Any]


class Unreadable(Exception):
    """A secret field cannot be decrypted."""


def public_key(pem: str) -> RSAPublicKey:
    """Parse a PEM; raises ValueError."""
    key = load_pem_public_key(pem.encode())
    if not isinstance(key, RSAPublicKey):
        raise ValueError("not an RSA key")  # noqa: TRY004  a value of the configuration
    return key


def private_key(pem: str) -> RSAPrivateKey:
    """Parse a PEM; raises ValueError."""
    key = load_pem_private_key(pem.encode(), password=None)
    if not isinstance(key, RSAPrivateKey):
        raise ValueError("not an RSA key")  # noqa: TRY004  a value of the configuration
    return key


def to_sign(data: Mapping[str, object]) -> bytes:
    """What a request's or a reply's signature is about: nothing below the first level
    is sorted, and nothing is escaped that JSON does not want escaped.
    """
    return msgspec.json.encode({name: data[name] for name in sorted(data)})


def sign(key: RSAPrivateKey, signed: bytes) -> str:
    """Base64 of RSA-SHA256, PKCS#1 v1.5."""
    return base64.b64encode(key.sign(signed, PKCS1v15(), SHA256())).decode()


def verified(key: RSAPublicKey, envelope: Envelope) -> bool:
    """Whether a request is by whom it should be. Empty values are not signed."""
    said = {k: v for k, v in envelope.data.items() if v is not None and v != ""}
    try:
        given = base64.b64decode(envelope.sign, validate=True)
        key.verify(given, to_sign(said), PKCS1v15(), SHA256())
    except (binascii.Error, ValueError, InvalidSignature):
        return False
    return True


def reply(key: RSAPrivateKey, data: Mapping[str, object]) -> bytes:
    """The body of an answer."""
    body = {"data": data, "sign": sign(key, to_sign(data))}
    return msgspec.json.encode(body)


_ESCAPES: Final = ((b"<", b"\\u003c"), (b">", b"\\u003e"), (b"&", b"\\u0026"))


def notified(data: Mapping[str, object]) -> bytes:
    """The text of a notification: these three letters are escaped in it, which they are
    nowhere else, and what is signed is the text with its escapes.
    """
    text = msgspec.json.encode(data)
    for letter, escaped in _ESCAPES:
        text = text.replace(letter, escaped)
    return text


def decrypted(key: RSAPrivateKey, text: str) -> str:
    """What a secret field holds: base64 of RSA blocks, PKCS#1 v1.5, one after the
    other; raises `Unreadable`.
    """
    size = key.key_size // 8
    try:
        sealed = base64.b64decode(text, validate=True)
        blocks = [sealed[at : at + size] for at in range(0, len(sealed), size)]
        return b"".join(key.decrypt(one, PKCS1v15()) for one in blocks).decode()
    except (binascii.Error, ValueError) as error:
        raise Unreadable from error


def yuan(amount: int) -> str:
    """An amount in fen as this provider writes it."""
    return f"{amount // 100}.{amount % 100:02d}"
