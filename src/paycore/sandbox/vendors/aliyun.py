"""Aliyun's short messages (Dysmsapi 2017-05-25): ACS3 requests, SmsReport receipts.

How it speaks, and what is not as at the real one, is in `docs/sandbox-vendors.md`.
"""

import hashlib
import hmac
import re
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Final
from urllib.parse import parse_qsl, quote, unquote
from uuid import uuid4

import msgspec
from msgspec import Struct

from paycore.sandbox.carrier import RECEIPT_AFTER_MS
from paycore.sandbox.delivery import send
from paycore.sandbox.dialect import CarrierCall, Plain, VendorCarrierDialect, Wire
from paycore.sandbox.wire import Exchange

ALGORITHM: Final = "ACS3-HMAC-SHA256"
VERSION: Final = "2017-05-25"
TOLERANCE: Final = timedelta(minutes=15)
BEIJING_MS: Final = 8 * 3600 * 1000
_NONCES: Final = 100_000
_SENT: Final = 10_000

_AUTHORIZATION: Final = re.compile(
    rf"{ALGORITHM} Credential=([^,]+),\s?SignedHeaders=([a-z0-9;-]+),"
    r"\s?Signature=([0-9a-f]{64})"
)
_PHONE: Final = re.compile(r"(?:(?:\+|00)?86)?(1[3-9]\d{9})")
_MARK: Final = re.compile(r"\$\{(\w+)\}")

MESSAGES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "isv.MOBILE_NUMBER_ILLEGAL": "手机号码格式错误",
        "isv.SMS_SIGNATURE_ILLEGAL": "该账号下找不到对应签名",
        "isv.SMS_TEMPLATE_ILLEGAL": "该账号下找不到对应模板",
        "isv.TEMPLATE_MISSING_PARAMETERS": "模版缺少变量",
        "isv.INVALID_JSON_PARAM": "参数格式错误，请修改为字符串值",
        "isv.BUSINESS_LIMIT_CONTROL": "触发号码天级流控",
        "isv.AMOUNT_NOT_ENOUGH": "账户余额不足",
        "isp.SYSTEM_ERROR": "系统错误",
    }
)


class Config(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One customer's key, names and templates."""

    access_key_id: str
    access_key_secret: str
    sign_names: list[str]
    templates: dict[str, str]
    """Texts by template code, with `${name}` where a parameter goes."""
    receipt_url: str | None = None
    """Where receipts are posted; None: nowhere."""


class Sms(Struct, frozen=True, kw_only=True):
    """A text as it was asked for."""

    biz_id: str
    out_id: str
    phone: str
    """As its receipt names it: without the country."""
    template: str
    text: str
    at_ms: int


class Send(Struct, frozen=True, kw_only=True):
    """The parameters of SendSms."""

    PhoneNumbers: str
    SignName: str
    TemplateCode: str
    TemplateParam: str = "{}"
    OutId: str = ""


class Report(Struct, frozen=True, kw_only=True):
    """One receipt of an SmsReport."""

    phone_number: str
    send_time: str
    report_time: str
    success: bool
    err_code: str
    err_msg: str
    sms_size: str
    biz_id: str
    out_id: str


class AliyunDialect(VendorCarrierDialect):
    """How Aliyun speaks."""

    Config = Config

    def __init__(self, config: Struct) -> None:
        super().__init__(config)
        assert isinstance(config, Config)
        self._keys = config
        self._nonces: deque[str] = deque(maxlen=_NONCES)
        self._known: set[str] = set()
        self._sent: dict[str, tuple[Sms, bool]] = {}

    async def aside(self, exchange: Exchange, at_ms: int) -> bool:
        """What became of texts (QuerySendDetails)."""
        if exchange.headers.get(b"x-acs-action") != b"QuerySendDetails":
            return False
        try:
            asked = self._authentic(exchange, at_ms)
        except Plain as plain:
            send(exchange, plain.wire)
        else:
            send(exchange, self._details(asked, at_ms))
        return True

    def read(self, exchange: Exchange, at_ms: int) -> CarrierCall:
        """A SendSms, signed, under a name and a template that are ours."""
        asked = self._authentic(exchange, at_ms)
        if exchange.headers.get(b"x-acs-action") != b"SendSms":
            raise _error(404, "InvalidAction.NotFound", "no such action")
        try:
            wanted = msgspec.convert(asked, Send)
        except msgspec.ValidationError as error:
            name = str(error).partition("`")[2].partition("`")[0]
            raise _error(400, f"Missing{name}", f"{name} is mandatory") from None
        phone = _PHONE.fullmatch(wanted.PhoneNumbers)
        if phone is None:
            raise _no("isv.MOBILE_NUMBER_ILLEGAL")
        if wanted.SignName not in self._keys.sign_names:
            raise _no("isv.SMS_SIGNATURE_ILLEGAL")
        template = self._keys.templates.get(wanted.TemplateCode)
        if template is None:
            raise _no("isv.SMS_TEMPLATE_ILLEGAL")
        parameters = _parameters(wanted.TemplateParam)
        sms = Sms(
            biz_id=_number(exchange, at_ms),
            out_id=wanted.OutId,
            phone=phone[1],
            template=wanted.TemplateCode,
            text=f"【{wanted.SignName}】{_filled(template, parameters)}",
            at_ms=at_ms,
        )
        return CarrierCall(
            phone=f"+86{sms.phone}",
            text=sms.text,
            code=parameters.get("code"),
            request_id=wanted.OutId,
            told=sms,
        )

    def reply(
        self, asked: CarrierCall, refusal: str | None, message_id: str, at_ms: int
    ) -> Wire:
        """Yes, with a BizId; or a code, over HTTP 200 where it is about the text."""
        assert isinstance(asked.told, Sms)
        if refusal is not None:
            status = 200 if refusal.startswith(("isv.", "isp.")) else 400
            return _said(status, refusal, MESSAGES.get(refusal, refusal))
        return _said(200, "OK", "OK", BizId=asked.told.biz_id)

    def receipt(
        self, asked: CarrierCall, message_id: str, *, delivered: bool, at_ms: int
    ) -> tuple[str, Wire] | None:
        """An array of one report."""
        sms = asked.told
        assert isinstance(sms, Sms)
        self._note(sms, delivered=delivered)
        if self._keys.receipt_url is None:
            return None
        report = Report(
            phone_number=sms.phone,
            send_time=_beijing(sms.at_ms),
            report_time=_beijing(at_ms),
            success=delivered,
            err_code="DELIVERED" if delivered else "UNDELIV",
            err_msg="用户接收成功" if delivered else "用户接收失败",
            sms_size="1",
            biz_id=sms.biz_id,
            out_id=sms.out_id,
        )
        return self._keys.receipt_url, Wire(body=msgspec.json.encode([report]))

    def acknowledged(self, status: int, body: bytes) -> bool:
        """JSON with a code of 0."""
        return status == 200 and _field(body, "code") == 0

    def _note(self, sms: Sms, *, delivered: bool) -> None:
        if len(self._sent) >= _SENT:
            del self._sent[next(iter(self._sent))]
        self._sent[sms.biz_id] = (sms, delivered)

    def _authentic(self, exchange: Exchange, at_ms: int) -> Mapping[str, str]:
        """The parameters of a call that is by whom it should be, and is no replay."""
        headers = {
            name.decode("latin-1").lower(): value.decode("utf-8", "replace").strip()
            for name, value in exchange.headers.items()
        }
        found = _AUTHORIZATION.fullmatch(headers.get("authorization", ""))
        if found is None:
            raise _error(400, "IncompleteSignature", "no ACS3 authorization")
        key_id, listed, given = found.groups()
        if key_id != self._keys.access_key_id:
            raise _error(404, "InvalidAccessKeyId.NotFound", "no such AccessKeyId")
        names = listed.split(";")
        wanted = {"host", *(name for name in headers if name.startswith("x-acs-"))}
        wanted |= {f"x-acs-{name}" for name in ("action", "version", "date")}
        wanted |= {"x-acs-signature-nonce", "x-acs-content-sha256"}
        if not wanted <= set(names) <= headers.keys() or names != sorted(names):
            raise _error(400, "IncompleteSignature", "a header is not signed")
        body_hash = hashlib.sha256(exchange.body).hexdigest()
        if headers["x-acs-content-sha256"] != body_hash:
            raise _error(400, "SignatureDoesNotMatch", "x-acs-content-sha256")
        signed = string_to_sign(
            exchange.method, exchange.path, exchange.query, headers, names
        )
        if not hmac.compare_digest(
            signature(self._keys.access_key_secret, signed), given
        ):
            raise _error(403, "SignatureDoesNotMatch", signed)
        self._check_moment(headers, at_ms)
        if headers["x-acs-version"] != VERSION:
            raise _error(400, "InvalidVersion", "no such version")
        if exchange.method != "POST" or exchange.path != "/":
            raise _error(405, "UnsupportedHTTPMethod", "POST to / only")
        form = exchange.body.decode() if _is_form(headers) else ""
        return dict(parse_qsl(f"{exchange.query}&{form}".strip("&")))

    def _check_moment(self, headers: Mapping[str, str], at_ms: int) -> None:
        now = datetime.fromtimestamp(at_ms / 1000, UTC)
        try:
            stamp = headers["x-acs-date"]
            said = datetime.strptime(stamp, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        except ValueError:
            raise _error(400, "InvalidTimeStamp.Format", "x-acs-date") from None
        if abs(now - said) > TOLERANCE:
            raise _error(400, "InvalidTimeStamp.Expired", "x-acs-date")
        nonce = headers["x-acs-signature-nonce"]
        if not nonce or nonce in self._known:
            raise _error(400, "SignatureNonceUsed", "x-acs-signature-nonce")
        if len(self._nonces) == _NONCES:
            self._known.discard(self._nonces[0])
        self._nonces.append(nonce)
        self._known.add(nonce)

    def _details(self, asked: Mapping[str, str], at_ms: int) -> Wire:
        """Texts to a phone on a day, newest first."""
        for name in ("PhoneNumber", "SendDate", "PageSize", "CurrentPage"):
            if not asked.get(name):
                return _error(400, f"Missing{name}", f"{name} is mandatory").wire
        found = [
            {
                "PhoneNum": sms.phone,
                "SendDate": _beijing(sms.at_ms),
                "SendStatus": _status(sms, at_ms, delivered=delivered),
                "ErrCode": "DELIVERED" if delivered else "UNDELIV",
                "TemplateCode": sms.template,
                "Content": sms.text,
                "OutId": sms.out_id,
            }
            for sms, delivered in reversed(self._sent.values())
            if sms.phone == asked["PhoneNumber"][-11:]
            and _beijing(sms.at_ms)[:10].replace("-", "") == asked["SendDate"]
            and asked.get("BizId", sms.biz_id) == sms.biz_id
        ]
        details = {"SmsSendDetailDTO": found}
        return _said(200, "OK", "OK", TotalCount=len(found), SmsSendDetailDTOs=details)


def string_to_sign(
    method: str, path: str, query: str, headers: Mapping[str, str], names: list[str]
) -> str:
    """What a request's signature is about, by the headers that its sender lists."""
    pairs = (part.partition("=") for part in query.split("&") if part)
    values = sorted((_plain(name), _plain(value)) for name, _, value in pairs)
    lines = [
        method,
        path,
        "&".join(f"{_rfc3986(name)}={_rfc3986(value)}" for name, value in values),
        *(f"{name}:{headers[name]}" for name in names),
        "",
        ";".join(names),
        headers["x-acs-content-sha256"],
    ]
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    return f"{ALGORITHM}\n{digest}"


def signature(secret: str, signed: str) -> str:
    """In lower-case hex."""
    return hmac.new(secret.encode(), signed.encode(), "sha256").hexdigest()


def _plain(text: str) -> str:
    return unquote(text.replace("+", " "))


def _rfc3986(text: str) -> str:
    return quote(text, safe="-_.~")


def _is_form(headers: Mapping[str, str]) -> bool:
    kind = headers.get("content-type", "")
    return kind.startswith("application/x-www-form-urlencoded")


def _parameters(text: str) -> dict[str, str]:
    try:
        return msgspec.json.decode(text, type=dict[str, str])
    except msgspec.DecodeError:
        raise _no("isv.INVALID_JSON_PARAM") from None


def _filled(template: str, parameters: Mapping[str, str]) -> str:
    if not {*_MARK.findall(template)} <= parameters.keys():
        raise _no("isv.TEMPLATE_MISSING_PARAMETERS")
    return _MARK.sub(lambda mark: parameters[mark[1]], template)


def _number(exchange: Exchange, at_ms: int) -> str:
    """A BizId of a text: it names its request, which is no replay."""
    digest = hashlib.sha256(exchange.headers[b"authorization"]).hexdigest()
    return f"{int(digest, 16) % 10**15:015d}^0{at_ms // 1000}"


def _status(sms: Sms, at_ms: int, *, delivered: bool) -> int:
    """1: on its way, 2: failed, 3: delivered."""
    if at_ms - sms.at_ms < RECEIPT_AFTER_MS:
        return 1
    return 3 if delivered else 2


def _beijing(at_ms: int) -> str:
    at = datetime.fromtimestamp((at_ms + BEIJING_MS) // 1000, UTC)
    return f"{at:%Y-%m-%d %H:%M:%S}"


def _field(body: bytes, name: str) -> object:
    try:
        return msgspec.json.decode(body, type=dict[str, object]).get(name)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _said(status: int, code: str, message: str, **more: object) -> Wire:
    request = str(uuid4()).upper()
    said = {"Code": code, "Message": message, "RequestId": request, **more}
    return Wire(status=status, body=msgspec.json.encode(said))


def _error(status: int, code: str, message: str) -> Plain:
    return Plain(_said(status, code, message))


def _no(code: str) -> Plain:
    """A refusal of a text: nothing went wrong with the call."""
    return Plain(_said(200, code, MESSAGES[code]))
