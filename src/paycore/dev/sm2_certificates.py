"""Keys and certificates of SM2, fresh each time: what `certificates` does with RSA.

`cryptography` builds certificates, and none of this curve. So one of P-256 is built and
what says so in it is said otherwise: names of algorithms and points are as long.
"""

import secrets
from datetime import datetime
from typing import Final, Self

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from paycore.kernel import sm2

_NAMES: Final = (
    # The curves: P-256 (1.2.840.10045.3.1.7), SM2 (1.2.156.10197.1.301).
    (bytes.fromhex("06082a8648ce3d030107"), bytes.fromhex("06082a811ccf5501822d")),
    # ECDSA with SHA-256 (1.2.840.10045.4.3.2), SM2 with SM3 (1.2.156.10197.1.501).
    (bytes.fromhex("06082a8648ce3d040302"), bytes.fromhex("06082a811ccf55018375")),
)
_SM2_WITH_SM3: Final = b"\x30\x0a" + _NAMES[1][1]


class Sm2Pair(msgspec.Struct, frozen=True, kw_only=True):
    """A key and the certificate of its public half."""

    key: sm2.PrivateKey
    certificate: x509.Certificate

    @property
    def key_pem(self) -> str:
        """PKCS#8, not encrypted."""
        return self.key.pem

    @property
    def certificate_pem(self) -> str:
        """X.509."""
        return self.certificate.public_bytes(Encoding.PEM).decode()

    @classmethod
    def issued(
        cls, made: x509.CertificateBuilder, subject: x509.Name, issuer: Self | None
    ) -> Self:
        """A new key with a certificate of the issuer, or of its own; all of it but who
        it is about is in the builder.
        """
        key = sm2.PrivateKey.of_octets((secrets.randbits(255) + 1).to_bytes(32, "big"))
        by = key if issuer is None else issuer.key
        name = subject if issuer is None else issuer.certificate.subject
        built = made.subject_name(subject).issuer_name(name)
        return cls(key=key, certificate=_of_sm2(built, key, by))


def _of_sm2(
    built: x509.CertificateBuilder, key: sm2.PrivateKey, by: sm2.PrivateKey
) -> x509.Certificate:
    """What would be a certificate of P-256, as one of SM2."""
    other = ec.generate_private_key(ec.SECP256R1())
    octets = (
        built.public_key(other.public_key())
        .sign(other, hashes.SHA256())
        .tbs_certificate_bytes
    )
    point = other.public_key().public_bytes(
        Encoding.X962, PublicFormat.UncompressedPoint
    )
    for said, meant in (*_NAMES, (point, key.public.octets)):
        octets = octets.replace(said, meant)
    made = sm2.in_der(by.sign(octets, sm2.DEFAULT_IDENTITY))
    whole = octets + _SM2_WITH_SM3 + _wrapped(0x03, b"\0" + made)
    return x509.load_der_x509_certificate(_wrapped(0x30, whole))


def _wrapped(tag: int, content: bytes) -> bytes:
    """An element of DER."""
    length = len(content)
    if length < 0x80:
        return bytes([tag, length]) + content
    size = -(-length.bit_length() // 8)
    return bytes([tag, 0x80 | size]) + length.to_bytes(size, "big") + content


def lasting(begin: datetime, end: datetime, *, ca: bool) -> x509.CertificateBuilder:
    """What is the same in a certificate of any kind."""
    return (
        x509.CertificateBuilder()
        # Twelve digits, as those of the provider: a certId is the serial in decimal.
        .serial_number(secrets.randbelow(9 * 10**11) + 10**11)
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
