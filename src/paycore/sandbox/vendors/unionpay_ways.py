"""The ways in which a merchant and UnionPay's gateway sign: signMethod 01 and 21 with
certificates of RSA and SM2, 11 and 12 with a key that both have.

SM2 is `unionpay_sm2`'s. How a message is put together is `unionpay_wire`'s.
"""

import base64
import binascii
import hashlib
import hmac
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256, SM3, Hash
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from msgspec import Struct

from paycore.sandbox.vendors.unionpay_wire import Fields, Unreadable, joined

BY_RSA, BY_SHA256, BY_SM3, BY_SM2 = "01", "11", "12", "21"


class Public(ABC):
    """Somebody else's key, out of his certificate."""

    serial: str
    """The certificate's number in decimal."""

    @abstractmethod
    def is_by(self, signature: bytes, letters: bytes) -> bool:
        """Whether these letters were signed with it."""

    @abstractmethod
    def sealed(self, octets: bytes) -> bytes:
        """What only he can read."""


class Private(ABC):
    """A key of one's own."""

    @abstractmethod
    def sign(self, letters: bytes) -> bytes:
        """Sign letters."""

    @abstractmethod
    def opened(self, octets: bytes) -> bytes:
        """What was sealed for it; ValueError where it was not."""


def opened(key: Private, text: str) -> str:
    """What a field holds that was sealed for a key; or `Unreadable`."""
    try:
        return key.opened(base64.b64decode(text, validate=True)).decode()
    except ValueError as error:
        raise Unreadable("cannot be decrypted") from error


def sealed(key: Public, text: str) -> str:
    """A field that only a key's holder can read."""
    return base64.b64encode(key.sealed(text.encode())).decode()


# --- RSA ------------------------------------------------------------------------------


class RsaPublic(Public):
    """An RSA key; ValueError where the certificate has none."""

    def __init__(self, pem: str) -> None:
        read = x509.load_pem_x509_certificate(pem.encode())
        try:
            key = read.public_key()
        except UnsupportedAlgorithm as error:
            raise ValueError("not an RSA certificate") from error
        if not isinstance(key, RSAPublicKey):
            raise ValueError("not an RSA certificate")  # noqa: TRY004  the caller's
        self.serial, self._key = str(read.serial_number), key

    def is_by(self, signature: bytes, letters: bytes) -> bool:
        """With SHA-256."""
        try:
            self._key.verify(signature, letters, PKCS1v15(), SHA256())
        except InvalidSignature:
            return False
        return True

    def sealed(self, octets: bytes) -> bytes:
        """By PKCS #1 v1.5."""
        return self._key.encrypt(octets, PKCS1v15())


class RsaPrivate(Private):
    """An RSA key; ValueError where it is none."""

    def __init__(self, pem: str) -> None:
        try:
            key = load_pem_private_key(pem.encode(), None)
        except UnsupportedAlgorithm as error:
            raise ValueError("not an RSA key") from error
        if not isinstance(key, RSAPrivateKey):
            raise ValueError("not an RSA key")  # noqa: TRY004  the caller's
        self._key = key

    def sign(self, letters: bytes) -> bytes:
        """With SHA-256."""
        return self._key.sign(letters, PKCS1v15(), SHA256())

    def opened(self, octets: bytes) -> bytes:
        """By PKCS #1 v1.5."""
        return self._key.decrypt(octets, PKCS1v15())


# --- the ways -------------------------------------------------------------------------


def _sha256(octets: bytes) -> bytes:
    return hashlib.sha256(octets).hexdigest().encode()


def _sm3(octets: bytes) -> bytes:
    made = Hash(SM3())
    made.update(octets)
    return made.finalize().hex().encode()


_HASHES: Final[Mapping[str, Callable[[bytes], bytes]]] = MappingProxyType(
    {BY_RSA: _sha256, BY_SHA256: _sha256, BY_SM3: _sm3, BY_SM2: _sm3}
)


class Way(ABC):
    """How both sides of one contract sign."""

    method: str
    said: Mapping[str, str]
    """What answers and notices say of who signs them."""
    serial: Mapping[str, str]
    """The number of his certificate, in what is repeated to a merchant."""

    def is_signed(self, fields: Fields) -> bool:
        """Whether the merchant has signed all other fields."""
        return self._is_his(fields, fields.get("signature", ""))

    def signed(self, fields: Fields) -> dict[str, str]:
        """The fields, sorted, with the gateway's signature as the last."""
        ordered = {name: fields[name] for name in sorted(fields)}
        return {**ordered, "signature": self._made(fields)}

    @abstractmethod
    def spoilt(self) -> str:
        """A signature in the right form, and wrong."""

    @abstractmethod
    def _is_his(self, fields: Fields, signature: str) -> bool: ...

    @abstractmethod
    def _made(self, fields: Fields) -> str: ...


class ByCertificates(Way):
    """Each by his own key, over the letters of a hash."""

    def __init__(
        self, method: str, merchant: Public, signing: Private, shown: Public, pem: str
    ) -> None:
        self.method, self.merchant = method, merchant
        self.said, self.serial = {"signPubKeyCert": pem}, {"certId": shown.serial}
        self._signing = signing

    def _is_his(self, fields: Fields, signature: str) -> bool:
        if fields.get("certId") != self.merchant.serial:
            return False
        try:
            made = base64.b64decode(signature, validate=True)
        except binascii.Error:
            return False
        return self.merchant.is_by(made, self._letters(fields))

    def _made(self, fields: Fields) -> str:
        return base64.b64encode(self._signing.sign(self._letters(fields))).decode()

    def _letters(self, fields: Fields) -> bytes:
        return _HASHES[self.method](joined(fields))

    def spoilt(self) -> str:
        """Of a length that a signature has."""
        octets = len(self._signing.sign(b""))
        return base64.b64encode(bytes(octets)).decode()


class ByKey(Way):
    """Both by one key: a hash, with the key's at the end of what is hashed."""

    said = serial = MappingProxyType({})

    def __init__(self, method: str, key: str) -> None:
        self.method, self._key = method, key.encode()

    def _is_his(self, fields: Fields, signature: str) -> bool:
        return hmac.compare_digest(signature.encode(), self._made(fields).encode())

    def _made(self, fields: Fields) -> str:
        of = _HASHES[self.method]
        return of(joined(fields) + b"&" + of(self._key)).decode()

    def spoilt(self) -> str:
        """Of a length that a signature has."""
        return "0" * 64


class Forms(Struct, frozen=True, kw_only=True):
    """What SM2 leaves open, as the two sides have agreed."""

    signature: str
    identity: str
    sealed: str
