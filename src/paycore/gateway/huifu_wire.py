"""What Huifu's dg interface puts on the wire: signed envelopes, sealed fields, yuan.

A request and its answer are `{…, "data": {…}, "sign": …}`. Signed is the data's text:
keys of the first level in byte order, compact, nothing escaped that JSON lets stand.
A notify is a form whose `resp_data` is signed as it stands: put into order anew it
would be another text. Pure, but for the randomness of the sealing.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from paycore.kernel.crypto import private_key

PEM: Final = b"-----BEGIN"

_LEAST_BITS: Final = 2048
_SEALED_AT_ONCE: Final = 245
"""What a key of 2048 bits seals in one piece."""

_YUAN: Final = re.compile(r"(-?)([0-9]{1,13})(?:\.([0-9]{1,2}))?")
_FORM: Final = re.compile(rb"[!-~]+")
"""A form's octets: whatever is more than that stands in it as %XX."""
_MOST_FIELDS: Final = 32


class _Envelope(msgspec.Struct, frozen=True, kw_only=True):
    data: dict[str, object]
    sign: str = ""


_ENVELOPE: Final = msgspec.json.Decoder(_Envelope)
_OBJECT: Final = msgspec.json.Decoder(dict[str, object])


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """What an answer holds, and whether Huifu vouches for it."""

    data: dict[str, object]
    signed: bool


def our_key(text: str) -> rsa.RSAPrivateKey:
    """Read the merchant's private key: PEM, or the bare base64 of it.

    ValueError where it is none, which does not say what was given.
    """
    try:
        octets, pem = _octets(text)
        key = private_key(octets, pem=pem)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError("the private key cannot be read") from None
    if not isinstance(key, rsa.RSAPrivateKey) or key.key_size < _LEAST_BITS:
        raise ValueError("the private key is not RSA of 2048 bits or more")
    return key


def their_key(text: str) -> rsa.RSAPublicKey:
    """Read Huifu's public key, as `our_key` does ours."""
    try:
        octets, pem = _octets(text)
        load = serialization.load_der_public_key
        load = serialization.load_pem_public_key if pem else load
        key = load(octets)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError("Huifu's public key cannot be read") from None
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size < _LEAST_BITS:
        raise ValueError("Huifu's public key is not RSA of 2048 bits or more")
    return key


def _octets(text: str) -> tuple[bytes, bool]:
    octets = text.strip().encode()
    if octets.startswith(PEM):
        return octets, True
    return base64.b64decode(b"".join(octets.split()), validate=True), False


# --- signing --------------------------------------------------------------------------


def signed_text(data: Mapping[str, object]) -> bytes:
    """What of a request's or an answer's data is signed."""
    return msgspec.json.encode(dict(sorted(data.items())))


def signature(key: rsa.RSAPrivateKey, text: bytes) -> str:
    """Sign; in base64."""
    made = key.sign(text, padding.PKCS1v15(), hashes.SHA256())
    return base64.b64encode(made).decode()


def is_by(key: rsa.RSAPublicKey, text: bytes, sign: str) -> bool:
    """Whether a signature is of this text, by the owner of the key."""
    try:
        given = base64.b64decode(sign.encode(), validate=True)
        key.verify(given, text, padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, binascii.Error, UnicodeEncodeError):
        return False
    return True


def envelope(
    key: rsa.RSAPrivateKey, *, sys_id: str, product_id: str, data: Mapping[str, str]
) -> bytes:
    """The body of a request; a field without a value is not sent."""
    given = {name: value for name, value in data.items() if value}
    sign = signature(key, signed_text(given))
    return msgspec.json.encode(
        {"sys_id": sys_id, "product_id": product_id, "sign": sign, "data": given}
    )


def opened(key: rsa.RSAPublicKey, body: bytes) -> Opened | None:
    """Read an answer; None where it is no envelope."""
    try:
        found = _ENVELOPE.decode(body)
        text = signed_text(found.data)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    return Opened(data=found.data, signed=is_by(key, text, found.sign))


def notified(key: rsa.RSAPublicKey, body: bytes) -> dict[str, object] | None:
    """What a notify says; None where it is not Huifu's, or says nothing readable."""
    fields = form(body)
    if fields is None:
        return None
    # Older interfaces call it `data`.
    text = fields.get("resp_data") or fields.get("data", "")
    if not is_by(key, text.encode(), fields.get("sign", "")):
        return None
    return json_object(text)


def form(body: bytes) -> dict[str, str] | None:
    """The fields of a form, each given once; None where it is none."""
    if _FORM.fullmatch(body) is None:
        return None
    try:
        pairs = parse_qsl(
            body.decode(),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=_MOST_FIELDS,
        )
    except ValueError:
        return None
    fields = dict(pairs)
    return fields if len(fields) == len(pairs) else None


def json_object(text: str) -> dict[str, object] | None:
    """JSON text that stands in a string; None where it is no object."""
    try:
        return _OBJECT.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None


# --- values ---------------------------------------------------------------------------


def sealed(key: rsa.RSAPublicKey, text: str) -> str:
    """A field that only Huifu may read; in pieces where it is long, in base64."""
    octets = text.encode()
    pieces = (
        octets[at : at + _SEALED_AT_ONCE]
        for at in range(0, len(octets), _SEALED_AT_ONCE)
    )
    made = b"".join(key.encrypt(piece, padding.PKCS1v15()) for piece in pieces)
    return base64.b64encode(made).decode()


def nested(fields: Mapping[str, str]) -> str:
    """An object inside a field: JSON text."""
    return msgspec.json.encode(
        {name: value for name, value in fields.items() if value}
    ).decode()


def yuan(fen: int) -> str:
    """An amount as they write it: 1000 is "10.00"."""
    return f"{fen // 100}.{fen % 100:02d}"


def fen(text: str) -> int | None:
    """An amount of theirs in minor units; None where it is none."""
    found = _YUAN.fullmatch(text)
    if found is None:
        return None
    minor = int(found[2]) * 100 + int((found[3] or "").ljust(2, "0"))
    return -minor if found[1] else minor
