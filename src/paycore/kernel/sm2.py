"""SM2 (GM/T 0003): signatures with SM3, sealing, and certificates signed with it.

`cryptography` has SM3 and takes certificates apart, but has no key of this curve: keys
are read here, in the forms that `openssl` writes, and used in Python (`sm2_curve`).
Whoever can time a signature to the microsecond, many thousand times, may learn of the
key (decision 0051).
"""

import re
import secrets
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from textwrap import wrap
from typing import Final, Self

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import SM4
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.hashes import SM3, Hash
from cryptography.hazmat.primitives.padding import PKCS7

from paycore.kernel import sm2_curve as curve

DEFAULT_IDENTITY: Final = b"1234567812345678"
"""Whose a signature is where nobody says otherwise: that of every certificate."""

LONGEST_IDENTITY: Final = 8191
"""In octets: its length is written in bits, as two octets."""

WITH_SM3: Final = x509.ObjectIdentifier("1.2.156.10197.1.501")

POINT_OCTETS: Final = 65
SCALAR_OCTETS: Final = 32
HASH_OCTETS: Final = 32

_SEQUENCE: Final = 0x30
_VERSION = _CURVE = 0xA0
"""Tagged 0: the first of a certificate, and what follows the number in a key."""

_SM2_CURVE: Final = bytes.fromhex("06082a811ccf5501822d")
_ALGORITHM: Final = bytes.fromhex("06072a8648ce3d0201") + _SM2_CURVE
"""A key of a curve, and of which."""

_PKCS8: Final = (
    bytes.fromhex("3081870201003013") + _ALGORITHM + bytes.fromhex("046d306b0201010420")
)
_PUBLIC: Final = bytes.fromhex("a144034200")
"""What stands before a key's number, and before its point."""

_OF_CURVE: Final = b"".join(
    number.to_bytes(32, "big") for number in (curve.P - 3, curve.B, *curve.BASE)
)
"""What is hashed of the curve before every message."""

_PEM: Final = re.compile(
    r"-----BEGIN ((?:EC |SM2 )?PRIVATE KEY)-----\s([\sA-Za-z0-9+/=]+)-----END \1-----"
)


def sm3(octets: bytes) -> bytes:
    """SM3 (GM/T 0004): 32 octets."""
    made = Hash(SM3())
    made.update(octets)
    return made.finalize()


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A point of the curve."""

    x: int
    y: int

    @classmethod
    def of_octets(cls, octets: bytes) -> Self:
        """Read 04, x, y; ValueError where that is no point of the curve."""
        x, y = _pair(octets[1:])
        if len(octets) != POINT_OCTETS or octets[0] != 4 or not curve.is_point(x, y):
            raise ValueError("no point of SM2's curve")
        return cls(x, y)

    @property
    def octets(self) -> bytes:
        """04, x, y."""
        return b"\x04" + _octets(self.x, self.y)

    def verifies(self, signature: bytes, message: bytes, identity: bytes) -> bool:
        """Whether 64 octets, r and s, are this key's signature of a message."""
        r, s = _pair(signature)
        both = (r + s) % curve.ORDER
        in_range = 0 < r < curve.ORDER and 0 < s < curve.ORDER
        if len(signature) != 2 * SCALAR_OCTETS or not in_range or not both:
            return False
        found = curve.sum_of(s, both, (self.x, self.y))
        if found is None:
            return False
        return (self.digest(message, identity) + found[0]) % curve.ORDER == r

    def digest(self, message: bytes, identity: bytes) -> int:
        """What is signed of a message: its hash with the signer's name and key."""
        bits = (8 * len(identity)).to_bytes(2, "big")
        signer = sm3(bits + identity + _OF_CURVE + _octets(self.x, self.y))
        return int.from_bytes(sm3(signer + message), "big")

    def sealed(self, clear: bytes) -> bytes:
        """What only the key's holder can read: C1 (65 octets), C3 (32), C2. Nothing
        cannot be sealed.
        """
        if not clear:
            raise ValueError("there is nothing to be sealed")
        while True:
            number = _a_number()
            shared = curve.times(number, (self.x, self.y))
            assert shared is not None, "the order is a prime"
            left, right = (one.to_bytes(SCALAR_OCTETS, "big") for one in shared)
            pad = _stretched(left + right, len(clear))
            if any(pad):
                break
        text = bytes(one ^ other for one, other in zip(clear, pad, strict=True))
        point = b"\x04" + _octets(*curve.times_base(number))
        return point + sm3(left + clear + right) + text


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """A number, and its point."""

    number: int = field(repr=False)
    public: PublicKey
    _inverse: int = field(repr=False)
    """Of the number and one."""

    @classmethod
    def of_octets(cls, octets: bytes) -> Self:
        """The key of a number; ValueError where it can be none's."""
        number = int.from_bytes(octets, "big")
        if len(octets) != SCALAR_OCTETS or not 0 < number < curve.ORDER - 1:
            raise ValueError("no number of an SM2 key")
        public = PublicKey(*curve.times_base(number))
        return cls(number, public, pow(number + 1, -1, curve.ORDER))

    @property
    def pem(self) -> str:
        """PKCS#8, not encrypted."""
        number = self.number.to_bytes(SCALAR_OCTETS, "big")
        octets = _PKCS8 + number + _PUBLIC + self.public.octets
        lines = wrap(b64encode(octets).decode(), 64)
        return "\n".join(
            ("-----BEGIN PRIVATE KEY-----", *lines, "-----END PRIVATE KEY-----", "")
        )

    def sign(self, message: bytes, identity: bytes) -> bytes:
        """Sign a message: 64 octets, r and s."""
        digest = self.public.digest(message, identity)
        while True:
            number = _a_number()
            r = (digest + curve.times_base(number)[0]) % curve.ORDER
            s = self._inverse * (number - r * self.number) % curve.ORDER
            if r and s and r + number != curve.ORDER:
                return _octets(r, s)


def _a_number() -> int:
    """One that nobody knows, used once."""
    return secrets.randbelow(curve.ORDER - 1) + 1


def _stretched(shared: bytes, octets: int) -> bytes:
    """As many octets as wanted, out of what both sides know."""
    blocks = range(1, -(-octets // HASH_OCTETS) + 1)
    made = b"".join(sm3(shared + block.to_bytes(4, "big")) for block in blocks)
    return made[:octets]


def _octets(left: int, right: int) -> bytes:
    return left.to_bytes(SCALAR_OCTETS, "big") + right.to_bytes(SCALAR_OCTETS, "big")


def _pair(octets: bytes) -> tuple[int, int]:
    left, right = octets[:SCALAR_OCTETS], octets[SCALAR_OCTETS:]
    return int.from_bytes(left, "big"), int.from_bytes(right, "big")


# --- signatures in DER ----------------------------------------------------------------


def in_der(signature: bytes) -> bytes:
    """R and s as GM/T 0009 writes them: a SEQUENCE of two INTEGERs."""
    return encode_dss_signature(*_pair(signature))


def out_of_der(signature: bytes) -> bytes | None:
    """The 64 octets of a signature in DER; None where it is none, or not in its one
    spelling.
    """
    try:
        pair = decode_dss_signature(signature)
        raw = _octets(*pair)
    except (ValueError, OverflowError):
        return None
    return raw if in_der(raw) == signature else None


# --- keys and certificates ------------------------------------------------------------


def private_key(pem: str) -> PrivateKey:
    """A key in PEM without a password, PKCS#8 or SEC 1; ValueError where it is none,
    in words that show nothing of it.
    """
    for label, text in _PEM.findall(pem):
        try:
            octets = b64decode("".join(text.split()), validate=True)
            return PrivateKey.of_octets(_number(label, octets))
        except ValueError:
            break
    raise ValueError("no SM2 key in PEM without a password")


def _number(label: str, octets: bytes) -> bytes:
    """The number of a key: of PKCS#8, or of SEC 1, which is inside of that as well."""
    body = _tagged(octets, _SEQUENCE)
    if label == "PRIVATE KEY":
        match _elements(body):
            case [(0x02, b"\0"), (0x30, algorithm), (0x04, inner), *_]:
                if algorithm != _ALGORITHM:
                    raise ValueError("a key of another kind")
                body = _tagged(inner, _SEQUENCE)
            case _:
                raise ValueError("no PKCS#8")
    match _elements(body):
        case [(0x02, b"\1"), (0x04, number), *rest]:
            if dict(rest).get(_CURVE, _SM2_CURVE) != _SM2_CURVE:
                raise ValueError("a key of another curve")
            return number
        case _:
            raise ValueError("no SEC 1")


def key_of(certificate: x509.Certificate) -> PublicKey:
    """The key that a certificate is about; ValueError where it is none of SM2."""
    parts = _elements(_tagged(certificate.tbs_certificate_bytes, _SEQUENCE))
    if parts and parts[0][0] == _VERSION:
        del parts[0]
    # Number, algorithm, issuer, dates, subject; then the key.
    match [_elements(key) for tag, key in parts[5:6] if tag == _SEQUENCE]:
        case [[(0x30, algorithm), (0x03, bits)]]:
            if algorithm == _ALGORITHM and bits[:1] == b"\0":
                return PublicKey.of_octets(bits[1:])
    raise ValueError("no certificate of an SM2 key")


def opened(file: bytes, password: str) -> tuple[PrivateKey, x509.Certificate]:
    """A key and its certificate out of a `.sm2`, as China's certifiers hand them out;
    ValueError where it is none, or the password another one's.

    It is base64 of a SEQUENCE: 1; the key's number, by SM4 in CBC; the certificate.
    How the password is one of SM4 is in UnionPay's sample of a kit: its SM3, with 1
    counted behind it, is first the beginning of CBC and then the key.
    """
    try:
        body = _tagged(b64decode(b"".join(file.split()), validate=True), _SEQUENCE)
        match _elements(body):
            case [(0x02, b"\1"), (0x30, first), (0x30, second)]:
                _, _, (_, locked) = _elements(first)
                _, (_, der) = _elements(second)
            case _:
                raise ValueError("another thing")  # noqa: TRY301  one word for all
        certificate = x509.load_der_x509_certificate(der)
        key = PrivateKey.of_octets(_unlocked(locked, password))
        if key_of(certificate) != key.public:
            raise ValueError("another key's")  # noqa: TRY301  as above
    except (ValueError, x509.InvalidVersion):
        raise ValueError("no .sm2 that this password opens") from None
    return key, certificate


def _unlocked(locked: bytes, password: str) -> bytes:
    made = sm3(password.encode() + (1).to_bytes(4, "big"))
    cipher = Cipher(SM4(made[16:]), CBC(made[:16])).decryptor()
    padded = cipher.update(locked) + cipher.finalize()
    unpadder = PKCS7(SM4.block_size).unpadder()
    return unpadder.update(padded) + unpadder.finalize()


def has_issued(issuer: x509.Certificate, issued: x509.Certificate) -> bool:
    """Whether a certificate is signed by another's key, SM2 with SM3, in its name."""
    if issued.issuer != issuer.subject or issued.signature_algorithm_oid != WITH_SM3:
        return False
    signature = out_of_der(issued.signature)
    try:
        key = key_of(issuer)
    except ValueError:
        return False
    return signature is not None and key.verifies(
        signature, issued.tbs_certificate_bytes, DEFAULT_IDENTITY
    )


def _tagged(octets: bytes, tag: int) -> bytes:
    """The content of the one element that octets are; ValueError where they are not."""
    match _elements(octets):
        case [(found, content)] if found == tag:
            return content
        case _:
            raise ValueError("another thing")


def _elements(octets: bytes) -> list[tuple[int, bytes]]:
    """The elements of DER that follow one another, each with its tag; ValueError where
    one is cut off.
    """
    found, at = [], 0
    while at < len(octets):
        head, at = octets[at : at + 2], at + 2
        length = head[-1]
        if length & 0x80:
            more = length & 0x7F
            length, at = int.from_bytes(octets[at : at + more], "big"), at + more
        content = octets[at : at + length]
        if len(head) < 2 or len(content) < length:
            raise ValueError("it is cut off")
        found.append((head[0], content))
        at += length
    return found
