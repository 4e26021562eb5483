"""One merchant's contract with UnionPay's simulator: keys, secrets, signed answers.

What the merchant encrypted is opened here, and what he is answered is signed; what a
trade does is `unionpay_trades`'s.
"""

from collections.abc import Mapping
from typing import Final

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from msgspec import Struct

from paycore.sandbox.dialect import Wire
from paycore.sandbox.found import NoVendor
from paycore.sandbox.protocol import Card
from paycore.sandbox.vendors import unionpay_forms as forms
from paycore.sandbox.vendors.unionpay_forms import Refused
from paycore.sandbox.vendors.unionpay_wire import (
    Fields,
    Unreadable,
    as_sent,
    certificate,
    customer_info,
    is_signed_by,
    members,
    opened,
    private_key,
    reply_body,
    signed,
)

TEXT: Final = "text/html;charset=UTF-8"

_ECHOED: Final = (
    *("version", "encoding", "signMethod", "txnType", "txnSubType", "bizType"),
    *("accessType", "merId", "orderId", "txnTime", "txnAmt", "currencyCode"),
    *("origQryId", "reqReserved"),
)


class Agreement(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A card that was opened before this simulator was."""

    token: str
    number: str
    phone: str
    """E.164."""


class UnionPayConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One merchant's contract; keys and certificates in PEM."""

    mer_id: str
    tr_id: str
    merchant_certificate: str
    signing_key: str
    signing_certificate: str
    encryption_key: str
    encryption_certificate: str
    newer_encryption_key: str = ""
    newer_encryption_certificate: str = ""
    """With these the certificate is being rotated: 95 gives the newer one, and what is
    encrypted for either is read."""
    deduct_sub_types: tuple[str, ...] = ("00", "02", "03")
    deduct_biz_type: str = "000501"
    products: tuple[str, ...] = (forms.TOKEN, forms.STANDARD)
    """Kinds of quick pay that the merchant has."""
    agreements: tuple[Agreement, ...] = ()


class Keys(Struct, frozen=True, kw_only=True):
    """The contract's keys, read."""

    merchant: RSAPublicKey
    merchant_id: str
    signing: RSAPrivateKey
    signing_id: str
    shown: str
    encryption: Mapping[str, RSAPrivateKey]
    """By the serial number that `encryptCertId` names."""
    encryption_shown: str


def keys_of(config: UnionPayConfig) -> Keys:
    """Read the keys; ValueError where one cannot be."""
    merchant_id, merchant = certificate(config.merchant_certificate)
    pairs = [(config.encryption_certificate, config.encryption_key)]
    if config.newer_encryption_key:
        pairs.append((config.newer_encryption_certificate, config.newer_encryption_key))
    return Keys(
        merchant=merchant,
        merchant_id=merchant_id,
        signing=private_key(config.signing_key),
        signing_id=certificate(config.signing_certificate)[0],
        shown=as_sent(config.signing_certificate),
        encryption={certificate(c)[0]: private_key(key) for c, key in pairs},
        encryption_shown=as_sent(pairs[-1][0]),
    )


class Contract:
    """What is agreed on with the merchant."""

    def __init__(self, config: UnionPayConfig) -> None:
        self.config = config
        self.deduct = (frozenset(config.deduct_sub_types), config.deduct_biz_type)
        self.products = frozenset(config.products)
        try:
            self.keys = keys_of(config)
        except ValueError as error:
            raise NoVendor("vendors.unionpay: a key cannot be read") from error

    # What comes in.

    def check_signature(self, fields: Fields) -> None:
        """Refuse what another certificate than the merchant's has signed."""
        whose = (fields["merId"], fields.get("certId"))
        ours = (self.config.mer_id, self.keys.merchant_id)
        if whose != ours or not is_signed_by(self.keys.merchant, fields):
            raise Refused(forms.BAD_SIGNATURE, by_gateway=True)

    def check_product(self, fields: Fields) -> None:
        """Refuse a token's message without its data, and another with them."""
        if fields["bizType"] == forms.TOKEN:
            self.token_data(fields)
        elif "tokenPayData" in fields:
            raise forms.invalid("tokenPayData")

    def token_data(self, fields: Fields) -> dict[str, str]:
        """Members of `tokenPayData`, which is about our token requestor."""
        try:
            held = members(fields["tokenPayData"])
        except Unreadable as error:
            raise forms.invalid("tokenPayData") from error
        if held.get("trId") != self.config.tr_id:
            raise Refused(forms.NOT_ALLOWED)
        return held

    def card(self, fields: Fields) -> Card:
        """The card, and the phone of its holder."""
        holder = self.customer(fields, "phoneNo")
        return Card(number=self.number(fields), phone=phone_of(holder))

    def number(self, fields: Fields) -> str:
        """The card's number."""
        try:
            number = opened(self._encryption(fields), fields["accNo"])
        except Unreadable as error:
            raise forms.invalid("accNo") from error
        if not (number.isascii() and number.isdigit() and 13 <= len(number) <= 19):
            raise forms.invalid("accNo")
        return number

    def customer(self, fields: Fields, *needed: str) -> dict[str, str]:
        """Members of `customerInfo`, which must hold these."""
        if "phoneNo" in needed:  # which is always encrypted
            forms.need(fields, ("encryptCertId",))
        try:
            held = customer_info(self._encryption(fields), fields["customerInfo"])
        except Unreadable as error:
            raise forms.invalid("customerInfo") from error
        if not all(held.get(name) for name in needed):
            raise forms.invalid("customerInfo")
        return held

    def _encryption(self, fields: Fields) -> RSAPrivateKey:
        """The key that a message is encrypted to; where nothing is, any will do."""
        keys = self.keys.encryption
        named = fields.get("encryptCertId") or next(iter(keys))
        if named not in keys:
            raise forms.invalid("encryptCertId")
        return keys[named]

    # What goes out.

    def answer(self, fields: Fields, code: str, **more: str) -> Wire:
        """The answer to a message that was understood."""
        said = {name: fields[name] for name in _ECHOED if name in fields}
        said |= {"respCode": code, "respMsg": forms.words_of(code), **more}
        return self._signed_reply(said)

    def refusal(self, fields: Fields, refused: Refused) -> Wire:
        """The answer to one that was refused."""
        if not refused.by_gateway:
            return self.answer(fields, refused.code)
        said = {**fields, "certId": self.keys.signing_id}
        said |= {"respCode": refused.code, "respMsg": refused.words}
        return self._signed_reply(said)

    def _signed_reply(self, said: Fields) -> Wire:
        shown = {**said, "signPubKeyCert": self.keys.shown}
        body = reply_body(signed(self.keys.signing, shown))
        return Wire(body=body, content_type=TEXT)


def phone_of(who: Fields) -> str:
    """In E.164; theirs has no country."""
    return f"+86{who['phoneNo']}"
