"""What each call says to UnionPay: fields by operation, sealed, signed, and masked."""

import base64
import hashlib
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

NO_PRODUCT: Final = "000000"
YUAN: Final = "156"

MONEY: Final = frozenset({Operation.CONFIRM, Operation.DEDUCT, Operation.REFUND})
SIGNINGS: Final = frozenset({Operation.SIGN, Operation.SIGN_CONFIRM})

HIDDEN: Final = (
    *("accNo", "customerInfo", "encryptedInfo", "tokenPayData", "token", "bindId"),
    *("smsCode", "phoneNo", "certifId", "customerNm", "cvn2", "expired", "pin"),
    *("payCardNo", "cardTransData"),
)
"""Fields and members that are masked whatever they hold."""

BY_AGREEMENT: Final = frozenset({*SIGNINGS, Operation.SEND_CODE, Operation.CONFIRM})
"""What names an agreement, or the card of one that has no token."""
_BY_TOKEN: Final = BY_AGREEMENT | {Operation.REVOKE}
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

_VOID: Final = ("31", "00")

TRADES: Final = MappingProxyType(
    {
        "01": Operation.CONFIRM,
        "11": Operation.DEDUCT,
        "04": Operation.REFUND,
        _VOID[0]: Operation.REFUND,
    }
)
"""Of each txnType that moves money, what it is to us."""

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


def kind_of(config: UnionPayConfig, ask: Ask) -> tuple[str, str]:
    """The txnType and txnSubType of a call that is no enquiry."""
    if ask.operation is Operation.DEDUCT:
        return "11", config.deduct_sub_type
    return _VOID if is_void(config, ask) else _KINDS[ask.operation]


def is_void(config: UnionPayConfig, ask: Ask) -> bool:
    """Whether a refund goes out as a void: only by what never changes of it, so that
    under its one number it is the same trade however often it is sent.
    """
    taken_at = ask.original_opened_at
    if ask.operation is not Operation.REFUND or taken_at is None:
        return False
    if ask.amount != ask.original_amount:
        return False
    day, back = taken_at.astimezone(BEIJING), ask.order_at.astimezone(BEIJING)
    return day.date() == back.date() and f"{back:%H:%M}" < config.void_before


def opened_as(config: UnionPayConfig, request_no: str) -> str:
    """The number of an agreement that has no token: ours, of the order that opened the
    card, and the same whoever tells of it.
    """
    order = f"{config.mer_id} {request_no}".encode()
    return hashlib.sha256(order).hexdigest()[:32]


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
    kind, biz_type = kind_of(config, ask), _biz_type(config, ask)
    fields = common_fields(config, kind, biz_type, ask.order_at)
    fields["orderId"] = ask.request_no
    fields |= _payer(account, ask)
    if config.by_token and operation in _BY_TOKEN:
        fields["tokenPayData"] = _token_of(config, ask)
    if config.by_token and operation in _OF_ACCOUNT_TYPE:
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
    return config.deduct_biz_type if deducted else config.quick_biz_type


def _enquiry(config: UnionPayConfig, ask: Ask) -> dict[str, str]:
    """After money by its own kind of question, after a signing by another."""
    if meant(ask) in SIGNINGS:
        product = config.quick_biz_type
        fields = common_fields(config, ("78", "02"), product, ask.order_at)
        fields["orderId"] = ask.request_no
        if config.by_token:
            fields["tokenPayData"] = _token_of(config, ask)
        return fields
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
        phone = f"phoneNo={card.phone.removeprefix('+86')}"
        members["encryptedInfo"] = _sealed(account, fields, phone)
    if card is not None and _names_card(config, ask.operation):
        fields["accNo"] = _sealed(account, fields, card.number)
    if ask.operation is Operation.DEDUCT and config.deduct_by != BY_CARD:
        fields["bindId"] = wire.plain(ask.agreement or "")
    if members:
        clear = wire.in_braces(members).encode()
        fields["customerInfo"] = base64.b64encode(clear).decode()
    return fields


def _sealed(account: Account, fields: dict[str, str], text: str) -> str:
    """A text for their eyes; which certificate of theirs opens it goes beside."""
    theirs = encryption_of(account)
    fields["encryptCertId"] = str(theirs.serial_number)
    return config_of(account).sealed(theirs, text)


def _names_card(config: UnionPayConfig, operation: Operation) -> bool:
    """A card that has no token or binding of theirs is named by its number."""
    if operation is Operation.DEDUCT:
        return config.deduct_by == BY_CARD
    return operation in (SIGNINGS if config.by_token else BY_AGREEMENT)


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
    if ask.card is not None and "phone" in _PERSONAL.get(ask.operation, ()):
        told["customerInfo"] = f"{{phoneNo={mask_phone(ask.card.phone)}}}"
    # A merchant number may have a card's check digit.
    return mask_numbers("&".join(f"{name}={value}" for name, value in told.items()))
