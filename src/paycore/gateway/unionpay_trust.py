"""Whom of UnionPay's we believe: who signs with a certificate that leads to an end of
ours, or with the key that we share.
"""

import base64
import binascii
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509.oid import NameOID

from paycore.gateway.unionpay_keys import Kind, Rsa, SharedKey, Theirs
from paycore.gateway.unionpay_wire import SIGNATURE, Message
from paycore.kernel.crypto import same

MOST_SIGNERS: Final = 8
"""That are remembered: UnionPay signs with one, and for a while with the next."""

NO_SIGNATURE: Final = "the signature is missing"
WRONG_SIGNATURE: Final = "the signature is wrong"
AMBIGUOUS: Final = "a field holds another one: what was signed may be cut otherwise"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """A certificate of UnionPay's whose way to an end of ours was followed."""

    key: Theirs
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
    kind: Kind = field(default_factory=Rsa)
    """Of the keys in them, and of those that issued them."""
    _known: dict[bytes, Signer] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    """By the octets of the certificate. To follow its way takes as many signatures as
    it has steps, again for every answer, and what it leads to does not change."""
    _followed: dict[x509.Certificate, tuple[x509.Certificate, ...]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    """The ways of those with UnionPay's name, however they are written: whoever posts
    its certificate to us, with a blank more each time, has none followed anew."""

    def fault(self, message: Message, at: datetime) -> str | None:
        """Why a message is not to be believed, None where it is."""
        given = message.values.get(SIGNATURE)
        if not given:
            return NO_SIGNATURE
        pem = message.values.get("signPubKeyCert", b"")
        signer = self._signer(pem, at)
        if isinstance(signer, str):
            return signer
        made = _decoded(given)
        digest = self.kind.digest(message.values)
        if made is None or not signer.key.verifies(made, digest):
            return WRONG_SIGNATURE
        self._remember(pem, signer)
        return AMBIGUOUS if message.is_ambiguous else None

    def vouches(self, leaf: x509.Certificate, at: datetime) -> bool:
        """Whether a certificate leads to an end of ours, all of them valid then, and
        has a key that can be used.
        """
        way = self._way(leaf)
        holds = way is not None and _since(way) <= at <= _until(way)
        return holds and self.key_of(leaf) is not None

    def key_of(self, leaf: x509.Certificate) -> Theirs | None:
        """The key in a certificate; None where it is of another kind."""
        try:
            return self.kind.theirs(leaf)
        except ValueError:
            return None

    def _signer(self, pem: bytes, at: datetime) -> Signer | str:
        """Who signs with this certificate, or why we believe nobody who does."""
        known = self._known.get(pem)
        if known is not None and known.holds(at):
            return known
        leaf = certificate(pem)
        key = None if leaf is None else self.key_of(leaf)
        if leaf is None or key is None:
            return "the signer's certificate is missing or none"
        # Before its way, which takes a signature a step: others have ways as well.
        if _third_part(leaf) != self.signer:
            return "the signer's certificate is not UnionPay's"
        way = self._known_way(leaf)
        if way is None or not _since(way) <= at <= _until(way):
            return "the signer's certificate is issued by nobody we trust, or too old"
        return Signer(key=key, since=_since(way), until=_until(way))

    def _remember(self, pem: bytes, signer: Signer) -> None:
        """Who has signed. UnionPay's certificate is in whatever it sends, and may be
        written in many ways: nobody who only knows it can push its own ones out.
        """
        if pem not in self._known and len(self._known) >= MOST_SIGNERS:
            del self._known[next(iter(self._known))]
        self._known[pem] = signer

    def _known_way(self, leaf: x509.Certificate) -> tuple[x509.Certificate, ...] | None:
        """A way that was followed once."""
        way = self._followed.get(leaf) or self._way(leaf)
        if way is not None and leaf not in self._followed:
            if len(self._followed) >= MOST_SIGNERS:
                del self._followed[next(iter(self._followed))]
            self._followed[leaf] = way
        return way

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
            if self.kind.has_issued(anchor, issued):
                return anchor
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """By which key that both sides have a message is UnionPay's."""

    key: SharedKey
    certificates: Trust
    """What its encryption certificate must lead to; without anchors none does."""

    def fault(self, message: Message, at: datetime) -> str | None:
        """Why a message is not to be believed, None where it is.

        What we ask is signed with the same key, and says of nothing how it went.
        """
        given = message.values.get(SIGNATURE)
        if not given:
            return NO_SIGNATURE
        if not message.values.get("respCode"):
            return "it is what we asked, sent back"
        if not same(given, self.key.sign(message.values)):
            return WRONG_SIGNATURE
        return AMBIGUOUS if message.is_ambiguous else None

    def vouches(self, leaf: x509.Certificate, at: datetime) -> bool:
        """As a `Trust` does."""
        return self.certificates.vouches(leaf, at)


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
        _ = read.subject, read.issuer, read.serial_number
        _ = read.signature_algorithm_oid
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
