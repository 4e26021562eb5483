"""UnionPay's ACP 5.1.0 messages: written, signed, read, believed, and sealed fields.

A message is fields with octets for values: what is signed are the octets as they came,
blanks and the line ends of a certificate included, whatever encoding they are in. The
signature is over the digest's hexadecimal letters, so the message is hashed twice.

Only signMethod 01 (RSA with SHA-256) is here. Another method is another `digest`,
`signed` and check of the last line of `Trust.fault`; nothing else knows which it is.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Final, Self
from urllib.parse import quote, unquote_to_bytes, urlencode

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

SIGNATURE: Final = "signature"

MOST_SIGNERS: Final = 8
"""That are remembered: UnionPay signs with one, and for a while with the next."""

_MARKS: Final = re.compile(rb"[&{}\[\]]")
_CLOSED_BY: Final = MappingProxyType({b"{": b"}", b"[": b"]"})

_OF_SYNTAX: Final = str.maketrans("", "", "&={}[]\r\n")
"""What would end a member of a list in braces, or begin another one."""


# --- out ------------------------------------------------------------------------------


def digest(values: Mapping[str, bytes]) -> bytes:
    """What is signed: the SHA-256, in lower-case hexadecimal, of the sorted fields."""
    joined = b"&".join(
        name.encode() + b"=" + values[name]
        for name in sorted(values)
        if name != SIGNATURE
    )
    return hashlib.sha256(joined).hexdigest().encode()


def signed(key: RSAPrivateKey, fields: Mapping[str, str]) -> dict[str, str]:
    """The fields, and their signature."""
    octets = {name: value.encode() for name, value in fields.items()}
    made = key.sign(digest(octets), PKCS1v15(), SHA256())
    return {**fields, SIGNATURE: base64.b64encode(made).decode()}


def form(fields: Mapping[str, str]) -> bytes:
    """The body of a request."""
    return urlencode(fields, quote_via=quote, safe="").encode()


def sealed(key: RSAPublicKey, text: str) -> str:
    """A text that only they can read: base64 of RSA."""
    return base64.b64encode(key.encrypt(text.encode(), PKCS1v15())).decode()


def in_braces(members: Mapping[str, str]) -> str:
    """A list of members in one field: `{a=1&b=2}`. Each but the last is a plain value,
    without what the list itself is written with; a sealed one may end in `=`.
    """
    return "{" + "&".join(f"{name}={value}" for name, value in members.items()) + "}"


def plain(value: str) -> str:
    """A value that can be a member of such a list."""
    return value.translate(_OF_SYNTAX)


# --- in -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message as it came; nothing of it is believed yet."""

    values: Mapping[str, bytes]

    @classmethod
    def of_reply(cls, body: bytes) -> Self | None:
        """Read a reply's body, whose values are not escaped: one ends at an `&` that is
        in no braces. None where it is no list of fields.
        """
        return cls._of(_unescaped(body))

    @classmethod
    def of_form(cls, body: bytes) -> Self | None:
        """Read a form that was posted to us. None where it is none."""
        pairs = (piece.partition(b"=") for piece in body.split(b"&"))
        return cls._of(
            (name + equals, unquote_to_bytes(value.replace(b"+", b" ")))
            for name, equals, value in pairs
        )

    @classmethod
    def _of(cls, pairs: Iterator[tuple[bytes, bytes]]) -> Self | None:
        """Fields, each with a name of letters and none of them twice."""
        values: dict[str, bytes] = {}
        for name, value in pairs:
            if not (name.endswith(b"=") and name[:-1].isalnum()):
                return None
            if name[:-1].decode() in values:
                return None
            values[name[:-1].decode()] = value
        return cls(values=values)

    def text(self, name: str) -> str:
        """A field in the message's own encoding; empty where it is not there."""
        gbk = self.values.get("encoding", b"").lower() == b"gbk"
        return self.values.get(name, b"").decode("gbk" if gbk else "utf-8", "replace")

    def members(self, name: str) -> dict[str, str]:
        """The members of a field in braces; none where it is no such list."""
        text = self.text(name)
        if not (text.startswith("{") and text.endswith("}")):
            return {}
        pairs = (one.partition("=") for one in text[1:-1].split("&"))
        return {member: value for member, _, value in pairs}


def _unescaped(body: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Names, with their `=`, and values."""
    begin, closes = 0, b""
    for found in _MARKS.finditer(body):
        mark = found[0]
        if closes:
            closes = b"" if mark == closes else closes
        elif mark == b"&":
            yield _pair(body[begin : found.start()])
            begin = found.end()
        else:
            closes = _CLOSED_BY.get(mark, b"")
    yield _pair(body[begin:])


def _pair(piece: bytes) -> tuple[bytes, bytes]:
    name, equals, value = piece.partition(b"=")
    return name + equals, value


# --- whom we believe ------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """A certificate of UnionPay's whose way to an end of ours was followed."""

    key: RSAPublicKey
    since: datetime
    until: datetime
    """From when and until when all certificates on that way are valid."""

    def holds(self, at: datetime) -> bool:
        """Whether it is to be believed at a moment."""
        return self.since <= at <= self.until


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """By which certificates a message is UnionPay's."""

    anchors: tuple[x509.Certificate, ...]
    """Of those who issue UnionPay's, up to the root; or such a one itself."""
    signer: str
    """The third part of the name that UnionPay's certificates have."""
    _known: dict[bytes, Signer] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    """By the octets of the certificate. To follow its way takes as many signatures as
    it has steps, again for every answer, and what it leads to does not change."""

    def fault(self, message: Message, at: datetime) -> str | None:
        """Why a message is not to be believed, None where it is."""
        given = message.values.get(SIGNATURE)
        if not given:
            return "the signature is missing"
        pem = message.values.get("signPubKeyCert", b"")
        signer = self._signer(pem, at)
        if isinstance(signer, str):
            return signer
        made = _decoded(given)
        try:
            if made is not None:
                signer.key.verify(made, digest(message.values), PKCS1v15(), SHA256())
                self._remember(pem, signer)
                return None
        except InvalidSignature:
            pass
        return "the signature is wrong"

    def vouches(self, leaf: x509.Certificate, at: datetime) -> bool:
        """Whether a certificate leads to an end of ours, all of them valid then."""
        way = self._way(leaf)
        return way is not None and _since(way) <= at <= _until(way)

    def _signer(self, pem: bytes, at: datetime) -> Signer | str:
        """Who signs with this certificate, or why we believe nobody who does."""
        known = self._known.get(pem)
        if known is not None and known.holds(at):
            return known
        leaf = certificate(pem)
        key = None if leaf is None else leaf.public_key()
        if leaf is None or not isinstance(key, RSAPublicKey):
            return "the signer's certificate is missing or none"
        way = self._way(leaf)
        if way is None or not _since(way) <= at <= _until(way):
            return "the signer's certificate is issued by nobody we trust, or too old"
        if _third_part(leaf) != self.signer:
            return "the signer's certificate is not UnionPay's"
        return Signer(key=key, since=_since(way), until=_until(way))

    def _remember(self, pem: bytes, signer: Signer) -> None:
        """Who has signed. UnionPay's certificate is in whatever it sends, and may be
        written in many ways: nobody who only knows it can push its own ones out.
        """
        if pem not in self._known and len(self._known) >= MOST_SIGNERS:
            del self._known[next(iter(self._known))]
        self._known[pem] = signer

    def _way(self, leaf: x509.Certificate) -> tuple[x509.Certificate, ...] | None:
        """The certificates from one to an end of ours; None where there is no way."""
        way = [leaf]
        while len(way) <= len(self.anchors) + 1:
            issuer = self._issuer(way[-1])
            if issuer is None or issuer == way[-1]:
                return tuple(way) if way[-1] in self.anchors else None
            way.append(issuer)
        return None

    def _issuer(self, issued: x509.Certificate) -> x509.Certificate | None:
        for anchor in self.anchors:
            try:
                issued.verify_directly_issued_by(anchor)
            except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
                continue
            return anchor
        return None


def _since(way: tuple[x509.Certificate, ...]) -> datetime:
    return max(one.not_valid_before_utc for one in way)


def _until(way: tuple[x509.Certificate, ...]) -> datetime:
    return min(one.not_valid_after_utc for one in way)


def certificate(pem: bytes) -> x509.Certificate | None:
    """One certificate; None where it is none, or where something cannot be read of what
    is asked of one: it is taken apart only when it is asked, and anybody may send one.
    """
    try:
        read = x509.load_pem_x509_certificate(pem)
        _ = read.public_key(), read.subject
        _ = read.not_valid_before_utc, read.not_valid_after_utc
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion):
        return None
    return read


def _third_part(leaf: x509.Certificate) -> str:
    """Of the common name: number, kind and date, who, and what for."""
    names = leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    parts = str(names[0].value).split("@") if names else []
    return parts[2] if len(parts) > 2 else ""


def _decoded(given: bytes) -> bytes | None:
    """A signature's octets: base64 in its one spelling, or none."""
    try:
        made = base64.b64decode(given, validate=True)
    except (binascii.Error, ValueError):
        return None
    return made if base64.b64encode(made) == given else None
