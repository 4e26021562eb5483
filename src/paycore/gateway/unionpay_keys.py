"""UnionPay's ways of signing, by signMethod: with certificates of RSA (01) or SM2 (21),
or with a key that both sides have (11 by SHA-256, 12 by SM3).

What is signed is the same text for all of them; the rest is here, and nothing else
knows which it is. Who is believed with a certificate is `unionpay_trust`'s.
"""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from paycore.gateway.unionpay_wire import joined
from paycore.kernel import sm2
from paycore.kernel.crypto import private_key

Values = Mapping[str, bytes]

RSA, SHA256_KEY, SM3_KEY, SM2 = "01", "11", "12", "21"
"""`signMethod`."""

BY_CERTIFICATE: Final = frozenset({RSA, SM2})

BARE, IN_DER = "raw", "der"
"""An SM2 signature: r and s of 32 octets each, or a SEQUENCE of two INTEGERs."""

BY_SERIAL, BY_DEFAULT = "serial", "default"
"""Whose an SM2 signature is: the serial number of the signer's certificate in decimal,
or what GM/T 0009 has for whoever says nothing."""

WITH_04, WITHOUT_04, IN_ASN1 = "c1c3c2", "c1c3c2_without_04", "asn1"
"""What is sealed by SM2: the point C1 with its 04 before it or without, the hash C3,
the text C2; or GM/T 0009's SEQUENCE."""


# --- with certificates ----------------------------------------------------------------


class Ours(ABC):
    """What we sign with."""

    @abstractmethod
    def sign(self, digest: bytes) -> bytes:
        """Sign a digest's letters."""


class Theirs(ABC):
    """The key that one of their certificates is about."""

    @abstractmethod
    def verifies(self, made: bytes, digest: bytes) -> bool:
        """Whether a signature over a digest's letters is this key's."""

    @abstractmethod
    def sealed(self, clear: bytes) -> bytes:
        """What only they can read."""


class Kind(ABC):
    """A kind of keys with certificates."""

    name: str

    @abstractmethod
    def digest(self, values: Values) -> bytes:
        """What is signed of a message: a hash in lower-case hexadecimal."""

    @abstractmethod
    def ours(self, pem: str, certificate: x509.Certificate) -> Ours:
        """Our key, with its certificate; ValueError where it is no such key, or the
        certificate another one's, in words that show nothing of it.
        """

    @abstractmethod
    def theirs(self, certificate: x509.Certificate) -> Theirs:
        """The key in a certificate; ValueError where it is none of this kind."""

    @abstractmethod
    def has_issued(self, issuer: x509.Certificate, issued: x509.Certificate) -> bool:
        """Whether one certificate is signed by the other's key, in its name."""


# --- RSA ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _OurRsa(Ours):
    key: RSAPrivateKey = field(repr=False)

    def sign(self, digest: bytes) -> bytes:
        """PKCS #1 v1.5 with SHA-256: the digest is hashed once more."""
        return self.key.sign(digest, PKCS1v15(), SHA256())


@dataclass(frozen=True, slots=True)
class _TheirRsa(Theirs):
    key: RSAPublicKey

    def verifies(self, made: bytes, digest: bytes) -> bool:
        """As `_OurRsa` signs."""
        try:
            self.key.verify(made, digest, PKCS1v15(), SHA256())
        except InvalidSignature:
            return False
        return True

    def sealed(self, clear: bytes) -> bytes:
        """PKCS #1 v1.5."""
        return self.key.encrypt(clear, PKCS1v15())


class Rsa(Kind):
    """signMethod 01."""

    name = "RSA"

    def digest(self, values: Values) -> bytes:
        """SHA-256."""
        return _sha256(joined(values))

    def ours(self, pem: str, certificate: x509.Certificate) -> Ours:
        """Parsed once a process."""
        try:
            key = private_key(pem.encode(), pem=True)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            key = None
        match key:
            case RSAPrivateKey():
                if _rsa_of(certificate) == key.public_key():
                    return _OurRsa(key)
                raise ValueError("signing_certificate is not that of signing_key")
            case _:
                # Not the library's own error, which might show something of the key.
                raise ValueError("signing_key is no RSA key in PEM without a password")

    def theirs(self, certificate: x509.Certificate) -> Theirs:
        """An RSA key."""
        key = _rsa_of(certificate)
        if key is None:
            raise ValueError("not of an RSA key")
        return _TheirRsa(key)

    def has_issued(self, issuer: x509.Certificate, issued: x509.Certificate) -> bool:
        """By what `cryptography` checks."""
        try:
            issued.verify_directly_issued_by(issuer)
        except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
            return False
        return True


def _rsa_of(certificate: x509.Certificate) -> RSAPublicKey | None:
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, RSAPublicKey) else None


# --- SM2 ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Sm2Forms:
    """What UnionPay's papers leave open, as an account has it."""

    signature: str
    identity: str
    sealed: str

    def whose(self, certificate: x509.Certificate) -> bytes:
        """The identity that a certificate's holder signs with."""
        if self.identity == BY_DEFAULT:
            return sm2.DEFAULT_IDENTITY
        return str(certificate.serial_number).encode()


@asn1.sequence
class _Sealed:
    """GM/T 0009, 7.2: the point, the hash, the text."""

    x: int
    y: int
    hash: bytes
    text: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class _OurSm2(Ours):
    key: sm2.PrivateKey
    identity: bytes
    forms: Sm2Forms

    def sign(self, digest: bytes) -> bytes:
        """SM2 with SM3, over the digest's letters."""
        made = self.key.sign(digest, self.identity)
        return made if self.forms.signature == BARE else sm2.in_der(made)


@dataclass(frozen=True, slots=True, kw_only=True)
class _TheirSm2(Theirs):
    key: sm2.PublicKey
    identity: bytes
    forms: Sm2Forms

    def verifies(self, made: bytes, digest: bytes) -> bool:
        """In the account's form, and in no other."""
        raw = made if self.forms.signature == BARE else sm2.out_of_der(made)
        return raw is not None and self.key.verifies(raw, digest, self.identity)

    def sealed(self, clear: bytes) -> bytes:
        """In the account's form."""
        made = self.key.sealed(clear)
        if self.forms.sealed == WITH_04:
            return made
        if self.forms.sealed == WITHOUT_04:
            return made[1:]
        point, rest = made[1 : sm2.POINT_OCTETS], made[sm2.POINT_OCTETS :]
        x, y = point[: sm2.SCALAR_OCTETS], point[sm2.SCALAR_OCTETS :]
        return asn1.encode_der(
            _Sealed(
                x=int.from_bytes(x, "big"),
                y=int.from_bytes(y, "big"),
                hash=rest[: sm2.HASH_OCTETS],
                text=rest[sm2.HASH_OCTETS :],
            )
        )


@dataclass(frozen=True, slots=True)
class Sm2(Kind):
    """signMethod 21."""

    forms: Sm2Forms

    name = "SM2"

    def digest(self, values: Values) -> bytes:
        """SM3."""
        return _sm3(joined(values))

    def ours(self, pem: str, certificate: x509.Certificate) -> Ours:
        """A key of SM2's curve."""
        try:
            key = sm2.private_key(pem)
        except ValueError as error:
            raise ValueError(f"signing_key is {error}") from None
        if sm2.key_of(certificate) != key.public:
            raise ValueError("signing_certificate is not that of signing_key")
        whose = self.forms.whose(certificate)
        return _OurSm2(key=key, identity=whose, forms=self.forms)

    def theirs(self, certificate: x509.Certificate) -> Theirs:
        """A key of SM2's curve, and whose it is."""
        key, whose = sm2.key_of(certificate), self.forms.whose(certificate)
        return _TheirSm2(key=key, identity=whose, forms=self.forms)

    def has_issued(self, issuer: x509.Certificate, issued: x509.Certificate) -> bool:
        """SM2 with SM3, by the identity of all certificates."""
        return sm2.has_issued(issuer, issued)


# --- with a key of both sides ---------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SharedKey:
    """signMethod 11 or 12: a hash with the key's own hash at the end."""

    method: str
    text: str = field(repr=False)

    def sign(self, values: Values) -> bytes:
        """The signature: hexadecimal letters, and no base64 of them."""
        of = _HASHES[self.method]
        return of(joined(values) + b"&" + of(self.text.encode()))


def _sha256(octets: bytes) -> bytes:
    return hashlib.sha256(octets).hexdigest().encode()


def _sm3(octets: bytes) -> bytes:
    return sm2.sm3(octets).hex().encode()


_HASHES: Final[Mapping[str, Callable[[bytes], bytes]]] = MappingProxyType(
    {SHA256_KEY: _sha256, SM3_KEY: _sm3}
)
