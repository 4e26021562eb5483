"""How UnionPay's ACP 5.1.0 puts messages on the wire. Pure.

Signed is what was received, blanks included: the fields but `signature`, sorted and
joined; how, is `unionpay_ways`'. What a message says is `unionpay`'s.
"""

import base64
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import parse_qsl, quote, urlencode

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


def joined(fields: Fields) -> bytes:
    """What is signed, before it is hashed."""
    return "&".join(
        f"{name}={fields[name]}" for name in sorted(fields) if name != "signature"
    ).encode()


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


def customer_info(opened: Callable[[str], str], text: str) -> dict[str, str]:
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
    return plain | members("{" + opened(secret) + "}")


def as_sent(pem: str) -> str:
    """A certificate as it stands in `signPubKeyCert`: CR LF between its lines."""
    return "\r\n".join(pem.strip().splitlines())
