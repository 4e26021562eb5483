"""Keys and certificates for UnionPay's simulator, fresh each time, and for nobody else.

Root, middle and leaf as UnionPay has them: what the leaf signs is trusted because of
the other two and of the name in it. None of it is worth anything elsewhere.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.rsa import (
    RSAPrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from paycore.dev.sm2_certificates import Sm2Pair, lasting

TR_ID = "62000000001"
SIGNER = "041@paycore@00040000:SIGN@000"
"""The third part says that it is UnionPay's test environment that signs."""

LIFE = timedelta(days=365)
# Somebody's clock may be behind ours.
_LEAD = timedelta(days=1)
_BITS = 2048


class UnionPayKeys(msgspec.Struct, frozen=True, kw_only=True):
    """What both sides of one merchant's contract hold; PEM throughout."""

    simulator: dict[str, str]
    """`vendors.unionpay` of the sandbox's configuration: mer_id, tr_id,
    merchant_certificate, signing_key, signing_certificate, encryption_key,
    encryption_certificate."""
    newer: dict[str, str]
    """Added to that, it rotates the encryption certificate: newer_encryption_key,
    newer_encryption_certificate."""
    merchant: dict[str, str]
    """What a merchant is given: mer_id, tr_id, signing_key, signing_certificate,
    root_certificate, middle_certificate, encryption_certificate; and `signer`, the
    part of the leaf's name that says whose it is."""


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """A key and the certificate of its public half."""

    key: RSAPrivateKey
    certificate: x509.Certificate

    @property
    def key_pem(self) -> str:
        """PKCS#8, not encrypted."""
        return self.key.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        ).decode()

    @property
    def certificate_pem(self) -> str:
        """X.509."""
        return self.certificate.public_bytes(Encoding.PEM).decode()


def pair(
    name: str,
    now: datetime,
    *,
    issuer: Pair | None = None,
    ca: bool = False,
    lasts: timedelta = LIFE,
) -> Pair:
    """A new key with a certificate of the issuer, or of its own."""
    key = generate_private_key(public_exponent=65537, key_size=_BITS)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signed_by = key if issuer is None else issuer.key
    certificate = (
        lasting(now - _LEAD, now + lasts, ca=ca)
        .subject_name(subject)
        .issuer_name(subject if issuer is None else issuer.certificate.subject)
        .public_key(key.public_key())
        .sign(signed_by, hashes.SHA256())
    )
    return Pair(key=key, certificate=certificate)


def sm2_pair(
    name: str,
    now: datetime,
    *,
    issuer: Sm2Pair | None = None,
    ca: bool = False,
    lasts: timedelta = LIFE,
) -> Sm2Pair:
    """The same of SM2."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    return Sm2Pair.issued(lasting(now - _LEAD, now + lasts, ca=ca), subject, issuer)


def unionpay(
    mer_id: str, now: datetime, *, lasts: timedelta = LIFE, sm2: bool = False
) -> UnionPayKeys:
    """New keys for a merchant and the simulator that he calls, good from now on: of
    RSA, or of SM2.
    """
    of: Callable[..., Pair] | Callable[..., Sm2Pair] = sm2_pair if sm2 else pair
    new = partial(of, now=now, lasts=lasts)
    root = new("paycore test root", ca=True)
    middle = new("paycore test middle", issuer=root, ca=True)
    leaf = new(SIGNER, issuer=middle)
    # Nobody checks who certified him: it is exchanged by hand.
    merchant = new(f"041@{mer_id}@paycore@000")
    encryption, newer = (new(f"041@enc{n}@paycore@000", issuer=middle) for n in (1, 2))
    names = {"mer_id": mer_id, "tr_id": TR_ID}
    return UnionPayKeys(
        simulator={
            **names,
            "merchant_certificate": merchant.certificate_pem,
            "signing_key": leaf.key_pem,
            "signing_certificate": leaf.certificate_pem,
            "encryption_key": encryption.key_pem,
            "encryption_certificate": encryption.certificate_pem,
        },
        newer={
            "newer_encryption_key": newer.key_pem,
            "newer_encryption_certificate": newer.certificate_pem,
        },
        merchant={
            **names,
            "signing_key": merchant.key_pem,
            "signing_certificate": merchant.certificate_pem,
            "root_certificate": root.certificate_pem,
            "middle_certificate": middle.certificate_pem,
            "encryption_certificate": encryption.certificate_pem,
            "signer": SIGNER.split("@")[2],
        },
    )
