"""The wire protocol of the sandbox's banks and carriers: messages, signatures, cards.

Pure: bytes in, values out. Sockets are `wire`, what a bank does is `bank`.
The protocol in words is `docs/sandbox.md`.
"""

import base64
import binascii
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Annotated, Final, Literal, TypeVar

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import UNSET, Meta, Struct, UnsetType

# A signature older or newer than this is refused: what was overheard cannot be
# replayed for long, and honest clocks are never five minutes apart.
TOLERANCE_S: Final = 300
NONCE_BYTES: Final = 12

T = TypeVar("T")

RequestId = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9]{1,32}\Z")]
Reference = Annotated[str, Meta(min_length=1, max_length=28)]
Amount = Annotated[int, Meta(ge=1, le=10**12)]
Currency = Annotated[str, Meta(pattern=r"\A[A-Z]{3}\Z")]
Token = Annotated[str, Meta(min_length=1, max_length=128)]
CardText = Annotated[str, Meta(min_length=1, max_length=4096)]
CodeText = Annotated[str, Meta(min_length=1, max_length=16)]
Url = Annotated[str, Meta(pattern=r"\Ahttps?://", max_length=2048)]


class SendCode(Struct, frozen=True, kw_only=True, gc=False):
    """Open an order and text the payer the bank's own code."""

    request_id: RequestId
    pay_order_no: Reference
    amount: Amount
    currency: Currency
    token: Token
    card_enc: CardText
    subject: Annotated[str, Meta(max_length=512)] = ""
    notify_url: Url | None = None


class Confirm(Struct, frozen=True, kw_only=True, gc=False):
    """Take the money of an opened order; `request_id` is that of its send_code."""

    request_id: RequestId
    pay_order_no: Reference
    amount: Amount
    currency: Currency
    token: Token
    code: CodeText
    notify_url: Url | None = None


class Deduct(Struct, frozen=True, kw_only=True, gc=False):
    """Take money under a mandate, without a code."""

    request_id: RequestId
    pay_order_no: Reference
    amount: Amount
    currency: Currency
    token: Token
    card_enc: CardText
    subject: Annotated[str, Meta(max_length=512)] = ""
    notify_url: Url | None = None


class Enquire(Struct, frozen=True, kw_only=True, gc=False):
    """Ask what became of a request."""

    request_id: RequestId
    pay_order_no: Annotated[str, Meta(max_length=28)] = ""


class Refund(Struct, frozen=True, kw_only=True, gc=False):
    """Give back a part or all of a charge."""

    request_id: RequestId
    pay_order_no: Reference
    original_request_id: RequestId
    amount: Amount
    currency: Currency
    notify_url: Url | None = None


class Sign(Struct, frozen=True, kw_only=True, gc=False):
    """Agree to later payments of a card: apply texts a code, confirm gives a token."""

    request_id: RequestId
    step: Literal["apply", "confirm"]
    card_enc: CardText | None = None
    code: CodeText | None = None
    notify_url: Url | None = None
    pay_order_no: Annotated[str, Meta(max_length=28)] = ""


class Revoke(Struct, frozen=True, kw_only=True, gc=False):
    """End an agreement."""

    request_id: RequestId
    token: Token
    pay_order_no: Annotated[str, Meta(max_length=28)] = ""


class SendText(Struct, frozen=True, kw_only=True, gc=False):
    """What a carrier is asked to deliver."""

    request_id: RequestId
    phone: Annotated[str, Meta(pattern=r"\A\+[1-9][0-9]{5,14}\Z")]
    text: Annotated[str, Meta(min_length=1, max_length=2000)]
    sign: Annotated[str, Meta(max_length=64)] = ""
    params: dict[str, str] = {}


BankRequest = SendCode | Confirm | Deduct | Enquire | Refund | Sign | Revoke

REQUESTS: Final[Mapping[str, msgspec.json.Decoder[BankRequest]]] = MappingProxyType(
    {
        "send_code": msgspec.json.Decoder(SendCode),
        "confirm": msgspec.json.Decoder(Confirm),
        "deduct": msgspec.json.Decoder(Deduct),
        "enquire": msgspec.json.Decoder(Enquire),
        "refund": msgspec.json.Decoder(Refund),
        "sign": msgspec.json.Decoder(Sign),
        "revoke": msgspec.json.Decoder(Revoke),
    }
)
SEND_TEXT: Final = msgspec.json.Decoder(SendText)


class Card(Struct, frozen=True, kw_only=True, gc=False):
    """What `card_enc` holds."""

    number: str
    phone: str
    name: str = ""
    id_no: str = ""


class Reply(Struct, frozen=True, kw_only=True, gc=False):
    """What a bank answers to every operation."""

    request_id: str
    pay_order_no: str
    merchant: str
    status: str
    code: str
    message: str
    at: str
    bank_ref: str | None = None
    amount: int | None = None
    currency: str | None = None
    token: str | UnsetType | None = UNSET


class Callback(Struct, frozen=True, kw_only=True, gc=False):
    """What a bank posts to `notify_url`: the reply's shape, and what it is about."""

    kind: Literal["charge", "refund", "agreement"]
    operation: str
    request_id: str
    pay_order_no: str
    merchant: str
    status: str
    code: str
    message: str
    at: str
    bank_ref: str | None
    amount: int | None
    currency: str | None


class TextReply(Struct, frozen=True, kw_only=True, gc=False):
    """What a carrier answers."""

    request_id: str
    status: str
    code: str
    message: str
    message_id: str | None


class Merchant(Struct, frozen=True, kw_only=True):
    """One customer of the banks and carriers, with the keys agreed on."""

    id: str
    secret: bytes
    cipher: AESGCM


def rfc3339(at_ms: int) -> str:
    """2026-01-31T08:15:30.123Z; milliseconds always, so that texts sort as times."""
    # isoformat() is six times as fast as strftime, and this is on every reply's path.
    seconds = datetime.fromtimestamp(at_ms // 1000, UTC).isoformat()[:19]
    return f"{seconds}.{at_ms % 1000:03d}Z"


class BadSignature(Exception):
    """The caller could not be authenticated: HTTP 401, unsigned."""


class BadRequest(Exception):
    """The fields are malformed: a signed FAIL, code BAD_REQUEST, nothing recorded."""


def signature(secret: bytes, timestamp: str, path: str, body: bytes) -> str:
    """Lower-case hex HMAC-SHA256 over timestamp, path and raw body, line by line."""
    text = f"{timestamp}\n{path}\n".encode() + body
    return hmac.digest(secret, text, "sha256").hex()


def authenticate(
    merchants: Mapping[str, Merchant],
    headers: Mapping[bytes, bytes],
    path: str,
    body: bytes,
    now_ms: int,
) -> Merchant:
    """Say whose message this is, or raise `BadSignature`."""
    merchant = merchants.get(headers.get(b"x-merchant", b"").decode("latin-1"))
    timestamp = headers.get(b"x-timestamp", b"").decode("latin-1")
    given = headers.get(b"x-signature", b"")
    if merchant is None or not timestamp.isascii() or not timestamp.isdigit():
        raise BadSignature
    # Twelve digits reach the year 33658; more would only be work for int().
    if len(timestamp) > 12 or abs(now_ms // 1000 - int(timestamp)) > TOLERANCE_S:
        raise BadSignature
    expected = signature(merchant.secret, timestamp, path, body).encode()
    if not hmac.compare_digest(expected, given):
        raise BadSignature
    return merchant


def signed_headers(
    merchant: Merchant, path: str, body: bytes, now_ms: int
) -> tuple[tuple[str, str], ...]:
    """Headers that make a reply or a callback verifiable."""
    timestamp = str(now_ms // 1000)
    return (
        ("X-Merchant", merchant.id),
        ("X-Timestamp", timestamp),
        ("X-Signature", signature(merchant.secret, timestamp, path, body)),
    )


class _Named(Struct, gc=False):
    request_id: str = ""
    pay_order_no: str = ""


_NAMED: Final = msgspec.json.Decoder(_Named)


def names_in(body: bytes) -> tuple[str, str]:
    """request_id and pay_order_no of a body that is malformed elsewhere, or blanks."""
    try:
        named = _NAMED.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return "", ""
    return named.request_id[:32], named.pay_order_no[:28]


def parse(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    """Decode a request body, or raise `BadRequest` saying which field is wrong."""
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest(str(error)) from error


_CARD: Final = msgspec.json.Decoder(Card)


def open_card(merchant: Merchant, request_id: str, card_enc: str) -> Card:
    """Decrypt a card: base64 of nonce and AES-256-GCM text, bound to its request."""
    try:
        raw = base64.b64decode(card_enc, validate=True)
        if len(raw) <= NONCE_BYTES:
            raise BadRequest("card_enc is too short")
        plain = merchant.cipher.decrypt(
            raw[:NONCE_BYTES], raw[NONCE_BYTES:], request_id.encode()
        )
        return _CARD.decode(plain)
    except (binascii.Error, InvalidTag, msgspec.DecodeError, ValueError) as error:
        raise BadRequest("card_enc cannot be read") from error
