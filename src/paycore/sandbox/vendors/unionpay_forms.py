"""What UnionPay's gateway asks of a message before anybody looks at money. Pure.

Trades by type and subtype, the fields they need and their forms, and the answer codes
with their words. Signatures are `unionpay_wire`'s, what a trade does `unionpay`'s.
"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from types import MappingProxyType
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from paycore.sandbox.vendors.unionpay_wire import Fields

BACK: Final = "/gateway/api/backTransReq.do"
QUERY: Final = "/gateway/api/queryTrans.do"
FILE: Final = "/"

BEIJING: Final = timezone(timedelta(hours=8))
# How far an opening trade's time may be from now.
_NOW_WITHIN: Final = timedelta(minutes=10)

TOKEN: Final = "000902"  # noqa: S105  a kind of business
STANDARD: Final = "000301"
"""The same without tokens: the card is named in each message."""
NO_BUSINESS: Final = "000000"

OK: Final = "00"
FAILED: Final = "01"
IN_PROCESS: Final = "05"
BAD_FIELD: Final = "10"
BAD_SIGNATURE: Final = "11"
DUPLICATE: Final = "12"
NOT_ALLOWED: Final = "32"
NOT_FOUND: Final = "34"
WRONG_STATE: Final = "35"
MISMATCH: Final = "36"
NOT_BOUND: Final = "40"
CODE_WRONG: Final = "71"
NOT_OPENED: Final = "77"
NO_TOKEN: Final = "89"  # noqa: S105  an answer
NO_FILE: Final = "98"

CODES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "OK": OK,
        "INSUFFICIENT_FUNDS": "64",
        "OVER_LIMIT": "33",
        "CARD_LOST": "63",
        "WRONG_PHONE": "66",
        "BLACKLISTED": "38",
        "MAINTENANCE": "02",
        "CODE_WRONG": CODE_WRONG,
        "CODE_EXPIRED": "69",
        "BAD_REQUEST": BAD_FIELD,
        "ORDER_NOT_FOUND": WRONG_STATE,
        "REFUND_EXCEEDS": MISMATCH,
        "DUPLICATE_ORDER": DUPLICATE,
    }
)
"""The bank's codes in UnionPay's."""

AT_ONCE: Final = frozenset(
    {
        "CODE_WRONG",
        "CODE_EXPIRED",
        "BAD_REQUEST",
        "ORDER_NOT_FOUND",
        "REFUND_EXCEEDS",
        "DUPLICATE_ORDER",
    }
)
"""What the gateway sees by itself, without the card's bank."""

OF_ASKING: Final = frozenset({"06", "10", "11", "13", "31", "32", "34", "37"})
"""Codes that a query is refused with; all others are about the trade asked after."""

MESSAGES: Final[Mapping[str, str]] = MappingProxyType(
    {
        OK: "成功[0000000]",
        FAILED: "交易失败[2000001]",
        "02": "系统未开放或暂时关闭[2000002]",
        IN_PROCESS: "交易已受理,请稍后查询[2000005]",
        BAD_FIELD: "报文格式错误[9100003]",
        BAD_SIGNATURE: "验证签名失败[9100004]",
        DUPLICATE: "重复交易[2010002]",
        NOT_ALLOWED: "无此交易权限[6131010]",
        "33": "交易金额超限[2000033]",
        NOT_FOUND: "查无此交易[2600000]",
        WRONG_STATE: "原交易不存在或状态不正确[2011001]",
        MISMATCH: "与原交易信息不符[2031003]",
        "38": "风险受限[2000038]",
        NOT_BOUND: "绑定关系检查失败[2000040]",
        "63": "卡状态不正确[2000063]",
        "64": "余额不足[2000064]",
        "66": "身份信息或手机号不正确[2000066]",
        "69": "输入超时[2000069]",
        CODE_WRONG: "短信验证码校验失败[2000071]",
        NOT_OPENED: "银行卡未开通此业务[2000077]",
        NO_TOKEN: "无此Token[2000089]",
        NO_FILE: "文件不存在[2000098]",
    }
)


class Refused(Exception):
    """A message is answered with this code and nothing is recorded."""

    def __init__(self, code: str, words: str = "", *, by_gateway: bool = False) -> None:
        super().__init__(code)
        self.code = code
        self.words = words or words_of(code)
        self.by_gateway = by_gateway
        """Before it was understood: the answer repeats all that was sent."""


def words_of(code: str) -> str:
    """`respMsg`: what it means, and the inner code in brackets."""
    return MESSAGES.get(code, f"交易失败[20000{code[:2]}]")


def code_of(said: str) -> str:
    """A bank's code, or what a fault has made up, as a `respCode`."""
    if len(said) == 2:
        return said
    return CODES.get(said, FAILED)


class Trade(Struct, frozen=True, kw_only=True):
    """One kind of message."""

    name: str
    needs: tuple[str, ...] = ()
    business: str | None = None
    """The `bizType` it must have; None: it is looked at later."""
    by_card: tuple[str, ...] | None = None
    """What it needs as a message of the standard product; None: it is none there."""
    path: str = BACK
    is_now: bool = True
    """Whether `txnTime` must be about now: it is no other message's."""


_CARD: Final = ("accNo", "customerInfo", "encryptCertId", "accType", "tokenPayData")
_NAMED: Final = ("accNo", "customerInfo", "encryptCertId")
_PAY: Final = ("txnAmt", "currencyCode", "customerInfo", "tokenPayData")
_PAY_NAMED: Final = ("txnAmt", "currencyCode", *_NAMED)
_BACK: Final = ("origQryId", "txnAmt", "backUrl")

TRADES: Final[Mapping[tuple[str, str], Trade]] = MappingProxyType(
    {
        ("77", "00"): Trade(name="apply", needs=_CARD, business=TOKEN, by_card=_NAMED),
        ("79", "00"): Trade(
            name="open", needs=_CARD, business=TOKEN, by_card=_NAMED, is_now=False
        ),
        ("78", "00"): Trade(
            name="opened_card",
            needs=("accNo", "encryptCertId", "tokenPayData"),
            business=TOKEN,
            by_card=("accNo", "encryptCertId"),
        ),
        ("78", "02"): Trade(name="opened", business=TOKEN, by_card=(), is_now=False),
        ("79", "05"): Trade(name="opened", business=TOKEN, is_now=False),
        ("74", "01"): Trade(name="end", needs=("tokenPayData",), business=TOKEN),
        ("77", "02"): Trade(
            name="send_code", needs=_PAY, business=TOKEN, by_card=_PAY_NAMED
        ),
        ("01", "01"): Trade(
            name="confirm",
            needs=(*_PAY, "backUrl"),
            business=TOKEN,
            by_card=(*_PAY_NAMED, "backUrl"),
            is_now=False,
        ),
        ("04", "00"): Trade(name="give_back", needs=_BACK),
        ("31", "00"): Trade(name="give_back", needs=_BACK),
        ("00", "00"): Trade(
            name="query", business=NO_BUSINESS, path=QUERY, is_now=False
        ),
        ("95", "00"): Trade(
            name="certificate", needs=("certType",), business=NO_BUSINESS
        ),
        ("76", "01"): Trade(
            name="file",
            needs=("fileType", "settleDate"),
            business=NO_BUSINESS,
            path=FILE,
            # It has no number, and the control may have said that it is another day.
            is_now=False,
        ),
    }
)
DEDUCT: Final = Trade(
    name="deduct", needs=("txnAmt", "currencyCode", "customerInfo", "backUrl")
)
"""Its subtype and `bizType` are the contract's."""

_COMMON: Final = (
    "version",
    "encoding",
    "signMethod",
    "txnType",
    "txnSubType",
    "bizType",
    "accessType",
    "merId",
    "txnTime",
    "signature",
)
# A file is asked for by its day, and a file or a query by no channel.
_WITHOUT_ORDER: Final = frozenset({"file"})
_WITHOUT_CHANNEL: Final = frozenset({"file", "query"})

_FORMS: Final[Mapping[str, re.Pattern[str]]] = MappingProxyType(
    {
        "version": re.compile(r"5\.1\.0"),
        "encoding": re.compile("UTF-8|utf-8"),
        "signMethod": re.compile("01|11|12|21"),
        "accessType": re.compile("0"),
        "channelType": re.compile("07|08"),
        "orderId": re.compile("[0-9A-Za-z]{8,40}"),
        "txnTime": re.compile("[0-9]{14}"),
        "txnAmt": re.compile("[1-9][0-9]{0,11}"),
        "currencyCode": re.compile("156"),
        "accType": re.compile("01"),
        "accNo": re.compile("[0-9A-Za-z+/]+=*"),
        "customerInfo": re.compile("[0-9A-Za-z+/]+=*"),
        "encryptCertId": re.compile("[0-9]+"),
        "origQryId": re.compile("[0-9]{21}"),
        "queryId": re.compile("[0-9]{21}"),
        "backUrl": re.compile(r"https?://\S{1,247}"),
        "reqReserved": re.compile(r"""[^&={}\[\]"']{0,1024}"""),
        "fileType": re.compile("00"),
        "settleDate": re.compile("[0-9]{4}"),
        "certType": re.compile("01"),
    }
)


def invalid(name: str) -> Refused:
    """A field that is there and not in its form."""
    words = f"[9100003]Invalid field[{name}]"
    return Refused(BAD_FIELD, words, by_gateway=True)


def missed(name: str) -> Refused:
    """A field that must be there."""
    words = f"[9100003]Mandatory field[{name}] missed"
    return Refused(BAD_FIELD, words, by_gateway=True)


def need(fields: Fields, names: tuple[str, ...]) -> None:
    """Refuse where one is missing; a blank one is there and wrong."""
    for name in names:
        if name not in fields:
            raise missed(name)
        if not fields[name]:
            raise invalid(name)


def check_head(fields: Fields) -> None:
    """Refuse what says not in which way it is signed."""
    need(fields, ("version", "signMethod", "encoding", "merId"))
    for name in ("version", "signMethod", "encoding"):
        _check_form(fields, name)


def trade_of(
    fields: Fields,
    path: str,
    now_ms: int,
    *,
    deduct: tuple[frozenset[str], str],
    products: frozenset[str],
) -> Trade:
    """What is asked for, every field in its form; `deduct` are the subtypes and the
    `bizType` of deductions, `products` those of quick pay.
    """
    need(fields, _COMMON)
    kind, subtype = fields["txnType"], fields["txnSubType"]
    subtypes, business = deduct
    if kind == "11" and subtype in subtypes:
        trade, business_is = DEDUCT, business
    elif (kind, subtype) in TRADES:
        trade = _of_product(TRADES[kind, subtype], fields["bizType"], products)
        business_is = trade.business or fields["bizType"]
    else:
        raise Refused(NOT_ALLOWED)
    if path != trade.path or fields["bizType"] != business_is:
        raise Refused(NOT_ALLOWED)
    _check_needs(fields, trade)
    for name in fields:
        _check_form(fields, name)
    _check_time(fields["txnTime"], now_ms, is_now=trade.is_now)
    return trade


def _of_product(trade: Trade, business: str, products: frozenset[str]) -> Trade:
    """The same as the merchant has it of quick pay."""
    if trade.business != TOKEN:
        return trade
    if business not in products:
        raise Refused(NOT_ALLOWED)
    if business != STANDARD or trade.by_card is None:
        return trade
    return replace(trade, needs=trade.by_card, business=STANDARD)


def _check_needs(fields: Fields, trade: Trade) -> None:
    if trade.name not in _WITHOUT_CHANNEL:
        need(fields, ("channelType",))
    if trade.name == "query" and "queryId" in fields:
        return
    if trade.name not in _WITHOUT_ORDER:
        need(fields, ("orderId",))
    need(fields, trade.needs)


def _check_form(fields: Fields, name: str) -> None:
    form = _FORMS.get(name)
    if form is not None and fields[name] and not form.fullmatch(fields[name]):
        raise invalid(name)


def _check_time(text: str, now_ms: int, *, is_now: bool) -> None:
    try:
        given = datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=BEIJING)
    except ValueError as error:
        raise invalid("txnTime") from error
    off = datetime.fromtimestamp(now_ms / 1000, BEIJING) - given
    if is_now and abs(off) > _NOW_WITHIN:
        raise invalid("txnTime")


def stamp(at_ms: int) -> str:
    """A moment in fourteen digits, as it is in Beijing."""
    return datetime.fromtimestamp(at_ms // 1000, BEIJING).strftime("%Y%m%d%H%M%S")
