"""How UnionPay's ACP 5.1.0 puts messages on the wire: forms, signatures, secrets. Pure.

Signed is what was received, blanks included: the fields but `signature`, sorted,
joined, digested to a hex text, and that text signed. What a message says is
`unionpay`'s.
"""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl, quote, urlencode

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

Fields = Mapping[str, str]

SENSITIVE: Final = frozenset({"phoneNo", "cvn2", "expired"})
"""Members of `customerInfo` that are never in the clear."""


class Unreadable(Exception):
    """Bytes, or a field, that are not in the form that they must have."""


def parse_form(body: bytes) -> dict[str, str]:
    """Fields of a form as they were before they were percent-encoded; or
    `Unreadable`.
    """
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            encoding="utf-8",
            errors="strict",
        )
    except ValueError as error:
        raise Unreadable("not a form") from error
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise Unreadable("a field comes twice")
    return fields


def digest(fields: Fields) -> bytes:
    """What is signed: lower-case hex, as ASCII."""
    joined = "&".join(
        f"{name}={fields[name]}" for name in sorted(fields) if name != "signature"
    )
    return hashlib.sha256(joined.encode()).hexdigest().encode()


def is_signed_by(key: RSAPublicKey, fields: Fields) -> bool:
    """Whether `signature` is this key's over all other fields."""
    try:
        signature = base64.b64decode(fields.get("signature", ""), validate=True)
        key.verify(signature, digest(fields), PKCS1v15(), SHA256())
    except (InvalidSignature, binascii.Error):
        return False
    return True


def signed(key: RSAPrivateKey, fields: Fields) -> dict[str, str]:
    """The fields, sorted, with their signature as the last."""
    signature = key.sign(digest(fields), PKCS1v15(), SHA256())
    ordered = {name: fields[name] for name in sorted(fields)}
    return {**ordered, "signature": base64.b64encode(signature).decode()}


def reply_body(fields: Fields) -> bytes:
    """A reply: values stand as they are, whatever is in them."""
    return "&".join(f"{name}={value}" for name, value in fields.items()).encode()


def notify_body(fields: Fields) -> bytes:
    """A notice: an ordinary form."""
    return urlencode(fields, quote_via=quote, safe="").encode()


def members(text: str) -> dict[str, str]:
    """What a field of fields holds, `{name=value&name=value}`; or `Unreadable`."""
    if not (text.startswith("{") and text.endswith("}")):
        raise Unreadable("no braces")
    pairs = [part.partition("=") for part in text[1:-1].split("&") if part]
    if not all(name and equals for name, equals, _ in pairs):
        raise Unreadable("no name=value")
    return {name: value for name, _, value in pairs}


def braced(held: Fields) -> str:
    """A field of fields."""
    return "{" + "&".join(f"{name}={value}" for name, value in held.items()) + "}"


def opened(keys: RSAPrivateKey, text: str) -> str:
    """What was encrypted to a key; or `Unreadable`."""
    try:
        sealed = base64.b64decode(text, validate=True)
        return keys.decrypt(sealed, PKCS1v15()).decode()
    except ValueError as error:
        raise Unreadable("cannot be decrypted") from error


def sealed(key: RSAPublicKey, text: str) -> str:
    """A text that only the holder of a key can read."""
    return base64.b64encode(key.encrypt(text.encode(), PKCS1v15())).decode()


def customer_info(keys: RSAPrivateKey, text: str) -> dict[str, str]:
    """Members of a `customerInfo`; those that must be encrypted only count where they
    are. `Unreadable` where they are not, or anything else is wrong.
    """
    try:
        plain = members(base64.b64decode(text, validate=True).decode())
    except ValueError as error:
        raise Unreadable("no base64") from error
    if not SENSITIVE.isdisjoint(plain):
        raise Unreadable("a secret member in the clear")
    secret = plain.pop("encryptedInfo", "")
    if not secret:
        return plain
    return plain | members("{" + opened(keys, secret) + "}")


def private_key(pem: str) -> RSAPrivateKey:
    """A key of the configuration; ValueError where it is none."""
    key = load_pem_private_key(pem.encode(), None)
    if not isinstance(key, RSAPrivateKey):
        raise ValueError("not an RSA key")  # noqa: TRY004  no type of the caller's
    return key


def certificate(pem: str) -> tuple[str, RSAPublicKey]:
    """A certificate's serial number in decimal and its key; or ValueError."""
    read = x509.load_pem_x509_certificate(pem.encode())
    key = read.public_key()
    if not isinstance(key, RSAPublicKey):
        raise ValueError("not an RSA certificate")  # noqa: TRY004  as above
    return str(read.serial_number), key


def as_sent(pem: str) -> str:
    """A certificate as it stands in `signPubKeyCert`: CR LF between its lines."""
    return "\r\n".join(pem.strip().splitlines())
