"""What each call says to UnionPay: fields by operation, sealed, signed, and masked."""

import base64
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final, cast

from cryptography import x509
from msgspec.structs import replace

from paycore.gateway import unionpay_wire as wire
from paycore.gateway.call import Ask, Operation
from paycore.gateway.channel import Account
from paycore.gateway.unionpay_config import BY_CARD, UnionPayConfig
from paycore.gateway.unionpay_statement import BEIJING
from paycore.gateway.unionpay_trust import certificate
from paycore.kernel.http import HttpRequest
from paycore.kernel.mask import mask_card, mask_code, mask_numbers, mask_phone

TOLD_CERTIFICATE: Final = "encryption_certificate"
"""The fact that is their newest certificate, PEM."""
INSTEAD_OF: Final = "instead_of"
"""And the serial number of the one in the settings that it replaced."""

TOKENS, NO_PRODUCT = "000902", "000000"
YUAN: Final = "156"

MONEY: Final = frozenset({Operation.CONFIRM, Operation.DEDUCT, Operation.REFUND})
SIGNINGS: Final = frozenset({Operation.SIGN, Operation.SIGN_CONFIRM})

HIDDEN: Final = (
    *("accNo", "customerInfo", "encryptedInfo", "tokenPayData", "token", "bindId"),
    *("smsCode", "phoneNo", "certifId", "customerNm", "cvn2", "expired", "pin"),
    *("payCardNo", "cardTransData"),
)
"""Fields and members that are masked whatever they hold."""

_BY_TOKEN: Final = frozenset(
    {*SIGNINGS, Operation.REVOKE, Operation.SEND_CODE, Operation.CONFIRM}
)
_OF_ACCOUNT_TYPE: Final = frozenset({*SIGNINGS, Operation.SEND_CODE})
_ID_CARD = _BANK_CARD = "01"

_KINDS: Final = MappingProxyType(
    {
        Operation.SIGN: ("77", "00"),
        Operation.SIGN_CONFIRM: ("79", "00"),
        Operation.REVOKE: ("74", "01"),
        Operation.SEND_CODE: ("77", "02"),
        Operation.CONFIRM: ("01", "01"),
        Operation.REFUND: ("04", "00"),
    }
)

_PERSONAL: Final = MappingProxyType(
    {
        Operation.SIGN: frozenset({"phone"}),
        Operation.SIGN_CONFIRM: frozenset({"identity", "code", "phone"}),
        Operation.SEND_CODE: frozenset({"phone"}),
        Operation.CONFIRM: frozenset({"code"}),
        Operation.DEDUCT: frozenset({"identity", "phone"}),
    }
)
"""What of the payer each operation tells (customerInfo)."""


def config_of(account: Account) -> UnionPayConfig:
    """An account's own settings."""
    return cast("UnionPayConfig", account.config)


def meant(ask: Ask) -> Operation:
    """What a call is, or what it asks after; after a sent code that is the money which
    a confirm would have taken.
    """
    named = ask.enquired_operation or ask.operation
    if ask.operation is Operation.ENQUIRE and named is Operation.SEND_CODE:
        return Operation.CONFIRM
    return named


def question_of(ask: Ask) -> Ask:
    """What is asked, in their terms: of a revocation, whether what was signed is open.
    They have a trade by number and moment, and a revocation's is not kept.
    """
    revoked = ask.operation is Operation.ENQUIRE and meant(ask) is Operation.REVOKE
    if not revoked or ask.original_request_no is None:
        return ask
    return replace(
        ask,
        request_no=ask.original_request_no,
        opened_at=ask.original_opened_at,
        enquired_operation=Operation.SIGN,
        agreement=None,
    )


def kind_of(config: UnionPayConfig, operation: Operation) -> tuple[str, str]:
    """The txnType and txnSubType of a call that is no enquiry."""
    if operation is Operation.DEDUCT:
        return "11", config.deduct_sub_type
    return _KINDS[operation]


def common_fields(
    config: UnionPayConfig, kind: tuple[str, str], biz_type: str, at: datetime
) -> dict[str, str]:
    """What every request says."""
    return {
        **config.merchant_fields,
        "version": "5.1.0",
        "encoding": "UTF-8",
        "signMethod": config.sign_method,
        "txnType": kind[0],
        "txnSubType": kind[1],
        "bizType": biz_type,
        "accessType": config.access_type,
        "channelType": config.channel_type,
        "merId": config.mer_id,
        "txnTime": moment_of(at),
        **config.whose(),
    }


def moment_of(at: datetime) -> str:
    """A time as txnTime has it."""
    return f"{at.astimezone(BEIJING):%Y%m%d%H%M%S}"


def fields_of(account: Account, ask: Ask) -> dict[str, str]:
    """The fields of a call, but for the signature; none of them is blank."""
    config, operation = config_of(account), ask.operation
    if operation is Operation.ENQUIRE:
        return _enquiry(config, ask)
    kind, biz_type = kind_of(config, operation), _biz_type(config, ask)
    fields = common_fields(config, kind, biz_type, ask.order_at)
    fields["orderId"] = ask.request_no
    fields |= _payer(account, ask)
    if operation in _BY_TOKEN:
        fields["tokenPayData"] = _token_of(config, ask)
    if operation in _OF_ACCOUNT_TYPE:
        fields["accType"] = _BANK_CARD
    if operation in MONEY or operation is Operation.SEND_CODE:
        fields |= {"txnAmt": str(ask.amount), "reqReserved": ask.pay_order_no}
    if operation is Operation.REFUND:
        # In the currency of what it gives back.
        fields["origQryId"] = ask.original_channel_ref or ""
    elif "txnAmt" in fields:
        fields["currencyCode"] = YUAN
    if operation in MONEY:
        fields["backUrl"] = ask.notify_url or ""
    return {name: value for name, value in fields.items() if value}


def _biz_type(config: UnionPayConfig, ask: Ask) -> str:
    """The product; a refund's is that of the money that it gives back."""
    deducted = Operation.DEDUCT in (ask.operation, ask.original_operation)
    return config.deduct_biz_type if deducted else TOKENS


def _enquiry(config: UnionPayConfig, ask: Ask) -> dict[str, str]:
    """After money by its own kind of question, after a signing by another."""
    if meant(ask) in SIGNINGS:
        fields = common_fields(config, ("78", "02"), TOKENS, ask.order_at)
        return fields | {
            "orderId": ask.request_no,
            "tokenPayData": _token_of(config, ask),
        }
    fields = common_fields(config, ("00", "00"), NO_PRODUCT, ask.order_at)
    if ask.opened_at is not None:
        return fields | {"orderId": ask.request_no}
    # Their own number does instead of number and moment.
    del fields["txnTime"]
    return fields | {"queryId": ask.channel_ref or ""}


def _token_of(config: UnionPayConfig, ask: Ask) -> str:
    """Which agreement; of one that is only being made, who asks for it."""
    if ask.agreement is not None:
        token = wire.plain(ask.agreement)
        return wire.in_braces({"token": token, "trId": config.tr_id})
    return wire.in_braces({"trId": config.tr_id, "tokenType": "01"})


def _payer(account: Account, ask: Ask) -> dict[str, str]:
    """Who pays: the card and what belongs to it, sealed; the code."""
    config, card, told = config_of(account), ask.card, _PERSONAL.get(ask.operation)
    if told is None:
        return {}
    fields: dict[str, str] = {}
    members: dict[str, str] = {}
    if card is not None and "identity" in told:
        members |= {
            "certifTp": _ID_CARD,
            "certifId": wire.plain(card.id_no),
            "customerNm": wire.plain(card.name),
        }
    if ask.code is not None and "code" in told:
        members["smsCode"] = wire.plain(ask.code)
    if card is not None and "phone" in told:
        theirs, phone = encryption_of(account), card.phone.removeprefix("+86")
        members["encryptedInfo"] = config.sealed(theirs, f"phoneNo={phone}")
        fields["encryptCertId"] = str(theirs.serial_number)
        if _names_card(config, ask.operation):
            fields["accNo"] = config.sealed(theirs, card.number)
    if ask.operation is Operation.DEDUCT and config.deduct_by != BY_CARD:
        fields["bindId"] = wire.plain(ask.agreement or "")
    if members:
        clear = wire.in_braces(members).encode()
        fields["customerInfo"] = base64.b64encode(clear).decode()
    return fields


def _names_card(config: UnionPayConfig, operation: Operation) -> bool:
    """A card that has no token or binding of theirs is named by its number."""
    if operation is Operation.DEDUCT:
        return config.deduct_by == BY_CARD
    return operation in SIGNINGS


def encryption_of(account: Account) -> x509.Certificate:
    """What to seal for: what they told us last, else what the account was given; what
    is given anew, as for another environment, they must tell us anew to replace.
    """
    given = config_of(account).encryption
    if account.facts.get(INSTEAD_OF) != str(given.serial_number):
        return given
    return certificate(account.facts[TOLD_CERTIFICATE].encode()) or given


def posted(
    config: UnionPayConfig, url: str, fields: Mapping[str, str], timeout_s: float
) -> HttpRequest:
    """The fields, signed, as a form."""
    return HttpRequest(
        url=url,
        headers={"Content-Type": "application/x-www-form-urlencoded;charset=UTF-8"},
        body=wire.form(config.signed(fields)),
        timeout_s=timeout_s,
    )


def shown(ask: Ask, fields: Mapping[str, str]) -> str:
    """The request as it may be kept: unsigned, card and phone in masked form."""
    told = {
        name: mask_code("") if name in HIDDEN else value
        for name, value in fields.items()
    }
    if ask.card is not None and "accNo" in told:
        told["accNo"] = mask_card(ask.card.number)
    if ask.card is not None and "encryptCertId" in told:
        told["customerInfo"] = f"{{phoneNo={mask_phone(ask.card.phone)}}}"
    # A merchant number may have a card's check digit.
    return mask_numbers("&".join(f"{name}={value}" for name, value in told.items()))
