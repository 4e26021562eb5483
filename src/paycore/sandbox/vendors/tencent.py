"""Tencent Cloud's short messages (SMS 2021-01-11): TC3 requests, receipts, pulls.

How it speaks, and what is not as at the real one, is in `docs/sandbox-vendors.md`.
"""

import hashlib
import hmac
import re
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final, TypeVar
from uuid import uuid4

import msgspec
from msgspec import Struct

from paycore.sandbox.delivery import send
from paycore.sandbox.dialect import CarrierCall, Plain, VendorCarrierDialect, Wire
from paycore.sandbox.wire import Exchange

T = TypeVar("T")

ALGORITHM: Final = "TC3-HMAC-SHA256"
VERSION: Final = "2021-01-11"
SERVICE: Final = "sms"
TOLERANCE_S: Final = 300
BEIJING_MS: Final = 8 * 3600 * 1000
_WAITING: Final = 10_000

_AUTHORIZATION: Final = re.compile(
    rf"{ALGORITHM} Credential=([^/,]+)/(\d{{4}}-\d\d-\d\d)/{SERVICE}/tc3_request, "
    r"SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})"
)
_PHONE: Final = re.compile(r"(?:(?:\+|00)?86)?(1[3-9]\d{9})")
_MARK: Final = re.compile(r"\{(\d+)\}")
_DIGITS: Final = str.maketrans("", "", "- ")
_HOUR: Final = re.compile(r"20\d{8}")

MESSAGES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "InvalidParameterValue.IncorrectPhoneNumber": "incorrect phone number",
        "InvalidParameterValue.TemplateParameterFormatError": "format error",
        "FailedOperation.SignatureIncorrectOrUnapproved": "no such signature",
        "FailedOperation.TemplateIncorrectOrUnapproved": "no such template",
        "FailedOperation.TemplateParamSetNotMatchApprovedTemplate": "not so many",
        "LimitExceeded.PhoneNumberThirtySecondLimit": "too often",
    }
)


class Config(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One customer's key, application, names and templates."""

    secret_id: str
    secret_key: str
    sms_sdk_app_id: str
    sign_names: list[str]
    templates: dict[str, str]
    """Texts by template id, with `{1}`, `{2}` … where a parameter goes; `{1}` is the
    code."""
    receipt_url: str | None = None
    """Where receipts are posted; None: nowhere, they are to be pulled."""


class Send(Struct, frozen=True, kw_only=True):
    """The parameters of SendSms."""

    PhoneNumberSet: list[str]
    SmsSdkAppId: str
    TemplateId: str
    SignName: str = ""
    TemplateParamSet: list[str] = []
    SessionContext: str = ""


class Pull(Struct, frozen=True, kw_only=True):
    """The parameters of PullSmsSendStatus."""

    Limit: int
    SmsSdkAppId: str


class Count(Struct, frozen=True, kw_only=True):
    """The parameters of SendStatusStatistics."""

    BeginTime: str
    EndTime: str
    SmsSdkAppId: str
    Limit: int
    Offset: int


class Sms(Struct, frozen=True, kw_only=True):
    """A text as it was asked for."""

    serial_no: str
    phone: str
    """Without the country."""
    session: str
    at_ms: int


class TencentDialect(VendorCarrierDialect):
    """How Tencent speaks."""

    Config = Config

    def __init__(self, config: Struct) -> None:
        super().__init__(config)
        assert isinstance(config, Config)
        self._keys = config
        self._to_pull: deque[tuple[Sms, bool]] = deque(maxlen=_WAITING)
        self._taken: dict[str, int] = {}

    async def aside(self, exchange: Exchange, at_ms: int) -> bool:
        """Receipts that are waiting (PullSmsSendStatus), each given once; and how many
        texts some hours had (SendStatusStatistics).
        """
        action = exchange.headers.get(b"x-tc-action")
        answer = {
            b"PullSmsSendStatus": self._pulled,
            b"SendStatusStatistics": self._counted,
        }.get(action or b"")
        if answer is None:
            return False
        try:
            self._check(exchange, at_ms)
            send(exchange, answer(exchange.body, at_ms))
        except Plain as plain:
            send(exchange, plain.wire)
        return True

    def read(self, exchange: Exchange, at_ms: int) -> CarrierCall:
        """A SendSms to one phone, signed, under a name and a template that are ours."""
        self._check(exchange, at_ms)
        if exchange.headers.get(b"x-tc-action") != b"SendSms":
            raise _error("InvalidAction", "no such action")
        wanted = _decoded(exchange.body, Send)
        self._check_application(wanted.SmsSdkAppId)
        if len(wanted.PhoneNumberSet) != 1:
            raise _error("InvalidParameterValue.ContentLengthLimit", "one phone a call")
        [number] = wanted.PhoneNumberSet
        sms = Sms(
            serial_no=f"2019:{uuid4().int % 10**19:019d}",
            phone=number,
            session=wanted.SessionContext,
            at_ms=at_ms,
        )
        phone = _PHONE.fullmatch(number)
        if phone is None:
            raise _no(sms, "InvalidParameterValue.IncorrectPhoneNumber")
        if wanted.SignName not in self._keys.sign_names:
            raise _no(sms, "FailedOperation.SignatureIncorrectOrUnapproved")
        template = self._keys.templates.get(wanted.TemplateId)
        if template is None:
            raise _no(sms, "FailedOperation.TemplateIncorrectOrUnapproved")
        values = wanted.TemplateParamSet
        if {*_MARK.findall(template)} != {str(n) for n in range(1, len(values) + 1)}:
            raise _no(sms, "FailedOperation.TemplateParamSetNotMatchApprovedTemplate")
        filled = _MARK.sub(lambda mark: values[int(mark[1]) - 1], template)
        return CarrierCall(
            phone=f"+86{phone[1]}",
            text=f"【{wanted.SignName}】{filled}",
            code=values[0] if values else None,
            request_id=wanted.SessionContext,
            told=sms,
        )

    def reply(
        self, asked: CarrierCall, refusal: str | None, message_id: str, at_ms: int
    ) -> Wire:
        """Yes, with a SerialNo; or a code: of the call, or of the one phone."""
        assert isinstance(asked.told, Sms)
        if refusal is None:
            return _status(asked.told, "Ok", "send success")
        if refusal.startswith(_OF_THE_CALL):
            return _error(refusal, refusal).wire
        return _status(asked.told, refusal, MESSAGES.get(refusal, refusal))

    def receipt(
        self, asked: CarrierCall, message_id: str, *, delivered: bool, at_ms: int
    ) -> tuple[str, Wire] | None:
        """An array of one; without an address it waits to be pulled."""
        sms = asked.told
        assert isinstance(sms, Sms)
        self._note(sms)
        if self._keys.receipt_url is None:
            self._to_pull.append((sms, delivered))
            return None
        pushed = {
            "user_receive_time": _beijing(at_ms),
            "nationcode": "86",
            "mobile": sms.phone[-11:],
            "report_status": "SUCCESS" if delivered else "FAIL",
            "errmsg": "DELIVRD" if delivered else "UNDELIV",
            "description": "用户短信送达成功" if delivered else "用户短信送达失败",
            "sid": sms.serial_no,
        }
        return self._keys.receipt_url, Wire(body=msgspec.json.encode([pushed]))

    def _note(self, sms: Sms) -> None:
        if len(self._taken) >= _WAITING:
            del self._taken[next(iter(self._taken))]
        self._taken[sms.serial_no] = sms.at_ms

    def acknowledged(self, status: int, body: bytes) -> bool:
        """JSON with a result of 0."""
        try:
            said = msgspec.json.decode(body, type=dict[str, object])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return False
        return status == 200 and said.get("result") == 0

    def _check(self, exchange: Exchange, at_ms: int) -> None:
        """Check that a call is by whom it should be, of these minutes, and to us."""
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1").strip()
            for name, value in exchange.headers.items()
        }
        self._authenticate(exchange, headers, at_ms)
        if exchange.method != "POST" or exchange.path != "/":
            raise _error("UnsupportedProtocol", "POST to / only")
        if headers.get("x-tc-version") != VERSION:
            raise _error("NoSuchVersion", "no such version")
        if not headers.get("x-tc-region"):
            raise _error("MissingParameter", "X-TC-Region")

    def _authenticate(
        self, exchange: Exchange, headers: Mapping[str, str], at_ms: int
    ) -> None:
        found = _AUTHORIZATION.fullmatch(headers.get("authorization", ""))
        if found is None:
            raise _error("AuthFailure.InvalidAuthorization", "no TC3 authorization")
        key_id, day, listed, given = found.groups()
        if key_id != self._keys.secret_id:
            raise _error("AuthFailure.SecretIdNotFound", "no such SecretId")
        names, stamp = listed.split(";"), headers.get("x-tc-timestamp", "")
        there = {"content-type", "host"} <= set(names) <= headers.keys()
        if not there or names != sorted(names):
            raise _error("AuthFailure.InvalidAuthorization", "a header is not signed")
        if not re.fullmatch(r"\d{1,12}", stamp) or _day(stamp) != day:
            raise _error("AuthFailure.SignatureFailure", "X-TC-Timestamp")
        if abs(at_ms // 1000 - int(stamp)) > TOLERANCE_S:
            raise _error("AuthFailure.SignatureExpire", "X-TC-Timestamp")
        first = (exchange.method, exchange.path, exchange.query)
        signed = string_to_sign(
            first, headers, names, body=exchange.body, service=SERVICE
        )
        wanted = signature(self._keys.secret_key, signed, day, SERVICE)
        if not hmac.compare_digest(wanted, given):
            raise _error("AuthFailure.SignatureFailure", "the signature is wrong")

    def _check_application(self, given: str) -> None:
        if given != self._keys.sms_sdk_app_id:
            raise _error("UnauthorizedOperation.SmsSdkAppIdVerifyFail", given)

    def _pulled(self, body: bytes, at_ms: int) -> Wire:
        asked = _decoded(body, Pull)
        self._check_application(asked.SmsSdkAppId)
        found: list[dict[str, object]] = []
        while self._to_pull and len(found) < asked.Limit:
            sms, delivered = self._to_pull.popleft()
            found.append(
                {
                    "UserReceiveTime": at_ms // 1000,
                    "CountryCode": "86",
                    "SubscriberNumber": sms.phone[-11:],
                    "PhoneNumber": f"+86{sms.phone[-11:]}",
                    "SerialNo": sms.serial_no,
                    "ReportStatus": "SUCCESS" if delivered else "FAIL",
                    "Description": "DELIVRD" if delivered else "UNDELIV",
                    "SessionContext": sms.session,
                }
            )
        return _response({"PullSmsSendStatusSet": found})

    def _counted(self, body: bytes, at_ms: int) -> Wire:
        """By the hour of Beijing, both ends included; all that it took is one fee."""
        asked = _decoded(body, Count)
        self._check_application(asked.SmsSdkAppId)
        for text in (asked.BeginTime, asked.EndTime):
            if not _HOUR.fullmatch(text):
                raise _error("InvalidParameterValue.BeginTimeVerifyFail", text)
        if (asked.Limit, asked.Offset) != (0, 0):
            raise _error("InvalidParameter", "Limit and Offset are 0")
        count = sum(
            asked.BeginTime <= hour <= asked.EndTime
            for hour in map(_hour, self._taken.values())
        )
        names = ("FeeCount", "RequestCount", "RequestSuccessCount")
        return _response({"SendStatusStatistics": dict.fromkeys(names, count)})


_OF_THE_CALL: Final = (
    "AuthFailure",
    "InternalError",
    "RequestLimitExceeded",
    "UnauthorizedOperation",
)
"""Codes that are no phone's: the whole call is refused."""


def string_to_sign(
    first: tuple[str, str, str],
    headers: Mapping[str, str],
    names: list[str],
    *,
    body: bytes,
    service: str,
) -> str:
    """What a request's signature is about, by the headers that its sender lists;
    `first` is its method, path and query.
    """
    stamp = headers["x-tc-timestamp"]
    lines = [
        *first,
        *(f"{name}:{headers[name].lower()}" for name in names),
        "",
        ";".join(names),
        hashlib.sha256(body).hexdigest(),
    ]
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    return f"{ALGORITHM}\n{stamp}\n{_day(stamp)}/{service}/tc3_request\n{digest}"


def signature(secret: str, signed: str, day: str, service: str) -> str:
    """In lower-case hex, by a key that is good for one day and one service."""
    key = f"TC3{secret}".encode()
    for word in (day, service, "tc3_request"):
        key = hmac.digest(key, word.encode(), "sha256")
    return hmac.new(key, signed.encode(), "sha256").hexdigest()


def _decoded(body: bytes, form: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=form)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        code = "MissingParameter" if "missing" in str(error) else "InvalidParameter"
        raise _error(code, str(error)) from None


def _day(stamp: str) -> str:
    return f"{datetime.fromtimestamp(int(stamp), UTC):%Y-%m-%d}"


def _beijing(at_ms: int) -> str:
    at = datetime.fromtimestamp((at_ms + BEIJING_MS) // 1000, UTC)
    return f"{at:%Y-%m-%d %H:%M:%S}"


def _hour(at_ms: int) -> str:
    return _beijing(at_ms)[:13].translate(_DIGITS)


def _response(said: Mapping[str, object]) -> Wire:
    """HTTP 200, whatever it is."""
    response = {**said, "RequestId": str(uuid4())}
    return Wire(body=msgspec.json.encode({"Response": response}))


def _error(code: str, message: str) -> Plain:
    return Plain(_response({"Error": {"Code": code, "Message": message}}))


def _status(sms: Sms, code: str, message: str) -> Wire:
    taken = code == "Ok"
    status = {
        "SerialNo": sms.serial_no if taken else "",
        "PhoneNumber": sms.phone,
        "Fee": 1 if taken else 0,
        "SessionContext": sms.session,
        "Code": code,
        "Message": message,
        "IsoCode": "CN",
    }
    return _response({"SendStatusSet": [status]})


def _no(sms: Sms, code: str) -> Plain:
    """A refusal of a text: nothing went wrong with the call."""
    return Plain(_status(sms, code, MESSAGES[code]))
