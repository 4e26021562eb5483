"""One merchant's contract with UnionPay's simulator: keys, secrets, signed answers.

What the merchant encrypted is opened here, and what he is answered is signed; what a
trade does is `unionpay_trades`'s.
"""

from collections.abc import Mapping
from functools import partial
from typing import Final, Literal

from msgspec import Struct

from paycore.sandbox.dialect import Wire
from paycore.sandbox.found import NoVendor
from paycore.sandbox.protocol import Card
from paycore.sandbox.vendors import unionpay_forms as forms
from paycore.sandbox.vendors.unionpay_forms import Refused
from paycore.sandbox.vendors.unionpay_ways import (
    BY_SM2,
    ByCertificates,
    ByKey,
    Forms,
    Private,
    Public,
    RsaPrivate,
    RsaPublic,
    Way,
    opened,
    sealed,
)
from paycore.sandbox.vendors.unionpay_wire import (
    Fields,
    Unreadable,
    as_sent,
    customer_info,
    members,
    reply_body,
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
    sign_method: Literal["01", "11", "12", "21"] = "01"
    merchant_certificate: str = ""
    signing_key: str = ""
    signing_certificate: str = ""
    shared_key: str = ""
    """With 11 and 12 instead of these three."""
    sm2_signature: Literal["raw", "der"] = "raw"
    sm2_identity: Literal["serial", "default"] = "serial"
    sm2_sealed: Literal["c1c3c2", "c1c3c2_without_04", "asn1"] = "c1c3c2"
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

    way: Way
    merchant: Public | None
    """Who is told a card; nobody, where he has no certificate."""
    encryption: Mapping[str, Private]
    """By the serial number that `encryptCertId` names."""
    encryption_shown: str


Pair = tuple[Public, Private]


def keys_of(config: UnionPayConfig) -> Keys:
    """Read the keys; ValueError where one cannot be."""
    pairs = [(config.encryption_certificate, config.encryption_key)]
    if config.newer_encryption_key:
        pairs.append((config.newer_encryption_certificate, config.newer_encryption_key))
    merchant, way = _way(config)
    read = [_pair(config, certificate, key) for certificate, key in pairs]
    return Keys(
        way=way,
        merchant=merchant,
        encryption={public.serial: private for public, private in read},
        encryption_shown=as_sent(pairs[-1][0]),
    )


def _way(config: UnionPayConfig) -> tuple[Public | None, Way]:
    if config.sign_method in ("11", "12"):
        if not config.shared_key:
            raise ValueError("no shared_key")
        return None, ByKey(config.sign_method, config.shared_key)
    merchant = _public(config, config.merchant_certificate)
    shown, signing = _pair(config, config.signing_certificate, config.signing_key)
    pem = as_sent(config.signing_certificate)
    way = ByCertificates(config.sign_method, merchant, signing, shown, pem)
    return merchant, way


def _public(config: UnionPayConfig, certificate: str) -> Public:
    if config.sign_method != BY_SM2:
        return RsaPublic(certificate)
    # An extra: nobody needs it for the other ways.
    from paycore.sandbox.vendors.unionpay_sm2 import Sm2Public  # noqa: PLC0415

    return Sm2Public(certificate, _forms(config))


def _pair(config: UnionPayConfig, certificate: str, key: str) -> Pair:
    if config.sign_method != BY_SM2:
        return RsaPublic(certificate), RsaPrivate(key)
    from paycore.sandbox.vendors.unionpay_sm2 import (  # noqa: PLC0415  as above
        Sm2Private,
        Sm2Public,
    )

    public = Sm2Public(certificate, _forms(config))
    return public, Sm2Private(key, public, _forms(config))


def _forms(config: UnionPayConfig) -> Forms:
    return Forms(
        signature=config.sm2_signature,
        identity=config.sm2_identity,
        sealed=config.sm2_sealed,
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
        except ModuleNotFoundError as error:
            raise NoVendor(
                "vendors.unionpay: sign_method 21 needs pip install 'paycore[sm2]'"
            ) from error

    # What comes in.

    def check_signature(self, fields: Fields) -> None:
        """Refuse what somebody else than the merchant has signed, or otherwise."""
        if fields["signMethod"] != self.config.sign_method:
            raise forms.invalid("signMethod")
        is_his = fields["merId"] == self.config.mer_id
        if not is_his or not self.keys.way.is_signed(fields):
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
            opens = partial(opened, self._encryption(fields))
            held = customer_info(opens, fields["customerInfo"])
        except Unreadable as error:
            raise forms.invalid("customerInfo") from error
        if not all(held.get(name) for name in needed):
            raise forms.invalid("customerInfo")
        return held

    def _encryption(self, fields: Fields) -> Private:
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
        said = {**fields, **self.keys.way.serial}
        said |= {"respCode": refused.code, "respMsg": refused.words}
        return self._signed_reply(said)

    def _signed_reply(self, said: Fields) -> Wire:
        return Wire(body=reply_body(self.signed(said)), content_type=TEXT)

    def signed(self, said: Fields) -> dict[str, str]:
        """With the gateway's certificate, where it has one."""
        return self.keys.way.signed({**said, **self.keys.way.said})

    def told_card(self, number: str) -> dict[str, str]:
        """A card's number, sealed for the merchant where he has a certificate."""
        merchant = self.keys.merchant
        return {} if merchant is None else {"accNo": sealed(merchant, number)}


def phone_of(who: Fields) -> str:
    """In E.164; theirs has no country."""
    return f"+86{who['phoneNo']}"
