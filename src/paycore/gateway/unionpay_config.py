"""Who we are at UnionPay, and by whose certificates we believe it."""

import re
from functools import cached_property
from typing import Final

import msgspec
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from paycore.gateway.unionpay_wire import Trust
from paycore.kernel.crypto import private_key

SIGN_METHODS: Final = frozenset({"01"})
"""RSA with certificates. For SM2 (21) nothing was recorded to compare with."""

BY_CARD, BY_BINDING = "card", "binding"

TOKENS, STANDARD = "000902", "000301"
"""By what quick pay and agreements go: a token of the card, or the card itself."""


class UnionPayConfig(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """An account: a merchant number and its keys. Certificates and keys are PEM."""

    mer_id: str
    """The merchant number: 15 digits."""
    signing_key: str
    """Our private key, not encrypted."""
    signing_certificate: str
    """Its certificate, as UnionPay has it on record."""
    issuers: str
    """The certificates, one after the other, that UnionPay's own are issued by: the
    middle one and the root."""
    signer: str = "中国银联股份有限公司"
    """Who UnionPay's certificates are made out to; in the test environment it is
    `00040000:SIGN`."""
    encryption_certificate: str
    """UnionPay's, for card numbers and phones; a newer one it tells us goes before."""
    tr_id: str = ""
    """The token requestor's number: quick pay and agreements by token need it."""
    quick_biz_type: str = TOKENS
    """bizType of quick pay and agreements: 000902 by token, 000301 (the standard
    product) by the card itself. It stays as it is: refunds have that of their charge.
    """
    void_before: str = ""
    """Beijing's time of day, HH:MM. Before it a refund of a whole charge of the same
    day is a void (31), and a refused one a refused refund; empty: never."""
    sign_method: str = "01"
    file_url: str = "https://filedownload.95516.com/"
    """Where statements are asked for."""
    deduct_sub_type: str = "03"
    deduct_biz_type: str = "000501"
    deduct_by: str = BY_CARD
    """What a deduction names: the card, or the agreement's number as `bindId`."""
    channel_type: str = "07"
    access_type: str = "0"
    merchant_fields: dict[str, str] = {}
    """What every request carries besides: access types 1 and 2 want some."""

    def __post_init__(self) -> None:
        """Refuse what cannot be used when it is saved, and not at a call."""
        for name, form in _FORMS:
            if not re.fullmatch(form, getattr(self, name)):
                raise ValueError(f"{name} is not of the form {form}")
        if self.sign_method not in SIGN_METHODS:
            raise ValueError("sign_method can only be 01 (RSA)")
        ours = rsa_of(self.certificate, "signing_certificate")
        if ours.public_numbers() != self.key.public_key().public_numbers():
            raise ValueError("signing_certificate is not that of signing_key")
        rsa_of(self.encryption, "encryption_certificate")
        if not self.signer or not self.trust.anchors:
            raise ValueError("without issuers and signer no answer can be believed")

    def __repr__(self) -> str:
        """Whose, and no key."""
        return f"UnionPayConfig({self.mer_id})"

    @property
    def by_token(self) -> bool:
        """Whether an agreement is a token of theirs; else the card is named."""
        return self.quick_biz_type == TOKENS

    @cached_property
    def key(self) -> RSAPrivateKey:
        """What we sign with; parsed once an account."""
        try:
            key = private_key(self.signing_key.encode(), pem=True)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            key = None
        match key:
            case RSAPrivateKey():
                return key
            case _:
                # Not the library's own error, which might show something of the key.
                raise ValueError("signing_key is no RSA key in PEM without a password")

    @cached_property
    def certificate(self) -> x509.Certificate:
        """Ours: its number is in every request."""
        return _parsed(self.signing_certificate, "signing_certificate")

    @cached_property
    def encryption(self) -> x509.Certificate:
        """What card numbers are sealed for."""
        return _parsed(self.encryption_certificate, "encryption_certificate")

    @cached_property
    def trust(self) -> Trust:
        """By what an answer is believed."""
        try:
            anchors = x509.load_pem_x509_certificates(self.issuers.encode())
        except ValueError:
            raise ValueError("issuers are no certificates in PEM") from None
        # An issuer that was renewed stands beside what it was: by its name and key it
        # is the same, and the one that lasts is taken.
        anchors.sort(key=lambda one: one.not_valid_after_utc, reverse=True)
        return Trust(anchors=tuple(anchors), signer=self.signer)


def rsa_of(certificate: x509.Certificate, name: str) -> RSAPublicKey:
    """The key that a certificate is about; ValueError where it is no RSA key."""
    match certificate.public_key():
        case RSAPublicKey() as key:
            return key
        case _:
            raise ValueError(f"{name} is not of an RSA key")


def _parsed(pem: str, name: str) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(pem.encode())
    except ValueError:
        raise ValueError(f"{name} is no certificate in PEM") from None


_FORMS: Final = (
    ("mer_id", r"[0-9]{15}"),
    ("file_url", r"https?://.+"),
    ("quick_biz_type", f"{TOKENS}|{STANDARD}"),
    # Before midnight there is nothing of the day.
    ("void_before", r"|(?!00:00)([01][0-9]|2[0-3]):[0-5][0-9]"),
    ("deduct_sub_type", r"[0-9]{2}"),
    ("deduct_biz_type", r"[0-9]{6}"),
    ("deduct_by", f"{BY_CARD}|{BY_BINDING}"),
    ("channel_type", r"[0-9]{2}"),
    ("access_type", r"[012]"),
)
