"""Who we are at UnionPay, and by whose certificates we believe it."""

import base64
import re
from collections.abc import Mapping
from functools import cached_property
from typing import Final

import msgspec
from cryptography import x509

from paycore.gateway import unionpay_keys as keys
from paycore.gateway.unionpay_trust import Shared, Trust
from paycore.gateway.unionpay_wire import SIGNATURE

SIGN_METHODS: Final = frozenset({keys.RSA, keys.SM2, keys.SHA256_KEY, keys.SM3_KEY})

BY_CARD, BY_BINDING = "card", "binding"

TOKENS, STANDARD = "000902", "000301"
"""By what quick pay and agreements go: a token of the card, or the card itself."""


class UnionPayConfig(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """An account: a merchant number and its keys. Certificates and keys are PEM."""

    mer_id: str
    """The merchant number: 15 digits."""
    sign_method: str = keys.RSA
    """01: certificates of RSA; 21: of SM2, with SM3; 11 and 12: a key that UnionPay has
    as well, by SHA-256 or SM3."""
    signing_key: str = ""
    """With 01 and 21: our private key, not encrypted."""
    signing_certificate: str = ""
    """Its certificate, as UnionPay has it on record."""
    shared_key: str = ""
    """With 11 and 12: the key, as UnionPay gives it."""
    issuers: str = ""
    """The certificates, one after the other, that UnionPay's own are issued by: the
    middle one and the root. With 11 and 12 only its encryption certificate is: without
    them a newer one is not taken."""
    signer: str = "中国银联股份有限公司"
    """Who UnionPay's certificates are made out to; in the test environment it is
    `00040000:SIGN`."""
    encryption_certificate: str
    """UnionPay's, for card numbers and phones; a newer one it tells us goes before. Of
    SM2 with 21, else of RSA."""
    sm2_identity: str = keys.BY_SERIAL
    """With 21: who signs, as SM2 has it: `serial`, the number of the signer's
    certificate in decimal, or `default`, 1234567812345678."""
    sm2_signature: str = keys.BARE
    """With 21: `raw`, the two numbers of 32 octets each, or `der`."""
    sm2_sealed: str = keys.WITH_04
    """With 21: `c1c3c2`, the point with its 04, hash, text; `c1c3c2_without_04`; or
    `asn1`, a SEQUENCE of them."""
    tr_id: str = ""
    """The token requestor's number: quick pay and agreements by token need it."""
    quick_biz_type: str = TOKENS
    """bizType of quick pay and agreements: 000902 by token, 000301 (the standard
    product) by the card itself. It stays as it is: refunds have that of their charge.
    """
    void_before: str = ""
    """Beijing's time of day, HH:MM. Before it a refund of a whole charge of the same
    day is a void (31), and a refused one a refused refund; empty: never."""
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
        if self.by_certificate:
            self._check_certificates()
        elif not re.fullmatch(r"[!-~]+", self.shared_key):
            # Not what it is: a key is never shown.
            raise ValueError(
                "shared_key is no key: letters without a blank, at least one"
            )
        # All by which an answer is believed: at a call it would be too late.
        _ = self.trust
        sealed_for = self.encryption
        try:
            self.kind.theirs(sealed_for)
        except ValueError:
            raise ValueError(
                f"encryption_certificate is not of an {self.kind.name} key"
            ) from None

    def _check_certificates(self) -> None:
        _ = self.ours
        if not self.signer or not self.anchors:
            raise ValueError("without issuers and signer no answer can be believed")

    def __repr__(self) -> str:
        """Whose, and no key."""
        return f"UnionPayConfig({self.mer_id})"

    @property
    def by_token(self) -> bool:
        """Whether an agreement is a token of theirs; else the card is named."""
        return self.quick_biz_type == TOKENS

    @property
    def by_certificate(self) -> bool:
        """Whether both sides sign with certificates, and not with a key of both."""
        return self.sign_method in keys.BY_CERTIFICATE

    @cached_property
    def kind(self) -> keys.Kind:
        """Of the keys in all certificates."""
        if self.sign_method != keys.SM2:
            return keys.Rsa()
        return keys.Sm2(
            keys.Sm2Forms(
                signature=self.sm2_signature,
                identity=self.sm2_identity,
                sealed=self.sm2_sealed,
            )
        )

    @cached_property
    def ours(self) -> keys.Ours:
        """What we sign with; parsed once an account."""
        return self.kind.ours(self.signing_key, self.certificate)

    @cached_property
    def shared(self) -> keys.SharedKey:
        """What both sides sign with."""
        return keys.SharedKey(self.sign_method, self.shared_key)

    @cached_property
    def certificate(self) -> x509.Certificate:
        """Ours: its number is in every request."""
        return _parsed(self.signing_certificate, "signing_certificate")

    @cached_property
    def encryption(self) -> x509.Certificate:
        """What card numbers are sealed for."""
        return _parsed(self.encryption_certificate, "encryption_certificate")

    @cached_property
    def anchors(self) -> tuple[x509.Certificate, ...]:
        """What UnionPay's certificates lead to; none where none is given."""
        if not self.issuers:
            return ()
        try:
            found = x509.load_pem_x509_certificates(self.issuers.encode())
        except (ValueError, x509.InvalidVersion):
            raise ValueError("issuers are no certificates in PEM") from None
        # An issuer that was renewed stands beside what it was: by its name and key it
        # is the same, and the one that lasts is taken.
        found.sort(key=lambda one: one.not_valid_after_utc, reverse=True)
        return tuple(found)

    @cached_property
    def trust(self) -> Trust | Shared:
        """By what an answer is believed."""
        trust = Trust(anchors=self.anchors, signer=self.signer, kind=self.kind)
        if self.by_certificate:
            return trust
        return Shared(key=self.shared, certificates=trust)

    # What is done with them.

    def whose(self) -> dict[str, str]:
        """What a request says of the certificate that it is signed with."""
        if not self.by_certificate:
            return {}
        return {"certId": str(self.certificate.serial_number)}

    def signed(self, fields: Mapping[str, str]) -> dict[str, str]:
        """The fields, and their signature."""
        octets = {name: value.encode() for name, value in fields.items()}
        if self.by_certificate:
            made = base64.b64encode(self.ours.sign(self.kind.digest(octets)))
        else:
            made = self.shared.sign(octets)
        return {**fields, SIGNATURE: made.decode()}

    def sealed(self, certificate: x509.Certificate, text: str) -> str:
        """A text that only the holder of a certificate's key can read."""
        made = self.kind.theirs(certificate).sealed(text.encode())
        return base64.b64encode(made).decode()


def _parsed(pem: str, name: str) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(pem.encode())
    except (ValueError, x509.InvalidVersion):
        raise ValueError(f"{name} is no certificate in PEM") from None


_FORMS: Final = (
    ("mer_id", r"[0-9]{15}"),
    ("sign_method", "|".join(sorted(SIGN_METHODS))),
    ("sm2_identity", f"{keys.BY_SERIAL}|{keys.BY_DEFAULT}"),
    ("sm2_signature", f"{keys.BARE}|{keys.IN_DER}"),
    ("sm2_sealed", f"{keys.WITH_04}|{keys.WITHOUT_04}|{keys.IN_ASN1}"),
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
