"""Tencent Cloud SMS (腾讯云短信): 2021-01-11, requests signed with TC3-HMAC-SHA256.

https://cloud.tencent.com/document/api/382/55981 (SendSms)
https://cloud.tencent.com/document/api/382/52075 (codes)
https://cloud.tencent.com/document/product/382/55965 (SendStatusStatistics)

What differs from the others: HTTP is 200 for a no as well. It fills a template with our
code and does not take our words. Nothing that it says is signed: an answer is proved by
TLS, a receipt by the address that it comes to; and receipts name its own number only.
"""

import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256
from types import MappingProxyType
from typing import ClassVar
from urllib.parse import urlsplit

import msgspec

from paycore.kernel.http import Answered, HttpRequest
from paycore.kernel.mask import mask_code, mask_phone, mask_text
from paycore.kernel.node import Node
from paycore.kernel.outcome import Outcome
from paycore.sms.carrier import (
    Delivery,
    HttpCarrier,
    Line,
    Receipt,
    ReceiptToken,
    Text,
    admits,
    asked,
    unknown,
)

VERSION = "2021-01-11"
ALGORITHM = "TC3-HMAC-SHA256"
CONTENT_TYPE = "application/json"
BEIJING = timezone(timedelta(hours=8))
"""The times of its statistics and receipts."""

HTTP_OK = 200

NEVER_SENT = frozenset(
    {
        "AuthFailure",
        "InvalidParameterValue",
        "LimitExceeded",
        "RequestLimitExceeded",
        "UnauthorizedOperation",
    }
)
"""Families of their codes, up to the dot, of which every one is a no: not let in, not
well said, too many texts. InternalError is theirs: unknown."""

SURELY_NOT_SENT = frozenset(
    {
        "FailedOperation.ContainSensitiveWord",
        "FailedOperation.InsufficientBalanceInSmsPackage",
        "FailedOperation.PhoneNumberInBlacklist",
        "FailedOperation.SignatureIncorrectOrUnapproved",
        "FailedOperation.TemplateIncorrectOrUnapproved",
    }
)
"""And those of a family that may be anything."""

NOT_LET_IN = MappingProxyType(
    {
        "AuthFailure.SignatureFailure": "it does not take our signature: look at"
        " secret_key",
        "AuthFailure.SecretIdNotFound": "it does not know secret_id: is there a typing"
        " error, or was the key deleted or switched off?",
        "AuthFailure.InvalidSecretId": "secret_id is not one of the cloud's API keys",
        "AuthFailure.SignatureExpire": "the clock here and its clock are more than five"
        " minutes apart",
        "AuthFailure.UnauthorizedOperation": "the key's CAM user may not do this: it"
        " needs sms:SendSms and sms:SendStatusStatistics",
        "UnauthorizedOperation.SmsSdkAppIdVerifyFail": "app_id is not one of this"
        " account's applications",
        "UnauthorizedOperation.RequestIpNotInWhitelist": "it has a list of addresses"
        " that may call, and ours is not on it",
    }
)
"""What to look at, where the answer to a check is one of these."""

_PHONE = re.compile(
    r"(?i)((?:PhoneNumber(?:Set)?|mobile)[\\\"'\s:\[=]{1,8})(\+?[\d*]+)"
)
_PARAMETERS = re.compile(r"(?i)(TemplateParamSet[\\\"'\s:=]{1,6}\[)[^\]]*")
_SIGNED_BY = re.compile(r"(?i)((?:Credential|Signature)=)[^\s,&\"]+")


class _Status(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """What became of one phone's text; or, of a call as a whole, why of none."""

    code: str
    message: str = ""
    serial_no: str = ""
    session_context: str = ""


class _Response(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """What is answered, whatever was asked."""

    error: _Status | None = None
    send_status_set: list[_Status] = []
    send_status_statistics: dict[str, object] | None = None


class _Answer(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """And what is around it."""

    response: _Response


class _Report(msgspec.Struct, frozen=True, kw_only=True):
    """One of a push's receipts."""

    report_status: str
    sid: str
    errmsg: str = ""
    user_receive_time: str = ""


class TencentCarrier(HttpCarrier):
    """Speaks to Tencent Cloud's SMS service."""

    code: ClassVar[str] = "tencent"
    title: ClassVar[str] = "Tencent Cloud SMS"
    secret_fields: ClassVar[tuple[str, ...]] = (
        "secret_id",
        "secret_key",
        "receipt_token",
    )
    receipts_by_id: ClassVar[bool] = True
    unsigned: ClassVar[bool] = True

    class Config(msgspec.Struct, frozen=True, kw_only=True):
        """Who we are there, and what is registered there for us."""

        secret_id: str
        secret_key: str
        app_id: str
        """SmsSdkAppId."""
        template: str
        """Its number, with one variable."""
        template_en: str = ""
        """For payers whose language is not Chinese; empty: the same."""
        sign: str = ""
        """The sender's name as registered; empty: the SMS centre's own."""
        region: str = "ap-guangzhou"
        receipt_token: ReceiptToken = ""

        def __repr__(self) -> str:
            """Nothing of the key."""
            return f"Config(app_id={self.app_id!r}, template={self.template!r})"

    # --- out ------------------------------------------------------------------------

    def assemble(self, line: Line, text: Text) -> HttpRequest:
        """Build and sign `SendSms`, for one phone."""
        config = self._config(line)
        foreign = config.template_en and not text.language.startswith("zh")
        fields = {
            "PhoneNumberSet": [text.phone],
            "SmsSdkAppId": config.app_id,
            "SignName": config.sign or text.sign,
            "TemplateId": config.template_en if foreign else config.template,
            "TemplateParamSet": [text.code],
            "SessionContext": text.request_no,
        }
        body = msgspec.json.encode(fields)
        return HttpRequest(
            url=f"{line.base_url}/",
            headers=self._signed(line, "SendSms", body, at=text.at),
            body=body,
            timeout_s=text.timeout_s,
            connect_timeout_s=text.connect_timeout_s,
        )

    async def check(self, node: Node, line: Line, *, timeout_s: float) -> Delivery:
        """Ask how many texts the last hour had. To pull receipts would be a check as
        well, but what is pulled is told to nobody else.
        """
        until = node.now().astimezone(BEIJING)
        fields = {
            "SmsSdkAppId": self._config(line).app_id,
            "BeginTime": f"{until - timedelta(hours=1):%Y%m%d%H}",
            "EndTime": f"{until:%Y%m%d%H}",
            # It takes no other.
            "Limit": 0,
            "Offset": 0,
        }
        body = msgspec.json.encode(fields)
        request = HttpRequest(
            url=f"{line.base_url}/",
            headers=self._signed(line, "SendStatusStatistics", body, at=until),
            body=body,
            timeout_s=timeout_s,
            connect_timeout_s=node.settings.connect_timeout_s,
        )
        answered = await asked(node, request)
        if isinstance(answered, Delivery):
            return answered
        response = _parsed(answered)
        return response if isinstance(response, Delivery) else self._let_in(response)

    # --- in -------------------------------------------------------------------------

    def read(self, line: Line, text: Text, answered: Answered) -> Delivery:
        """What it says of the one phone, or of the call as a whole."""
        response = _parsed(answered)
        if isinstance(response, Delivery):
            return response
        if response.error is not None:
            return self._delivery(_refusal(response.error.code), response.error)
        if len(response.send_status_set) != 1:
            return unknown("GARBAGE")
        status = response.send_status_set[0]
        if status.session_context not in ("", text.request_no):
            return unknown("OTHER_REQUEST", alarm="answer to another request")
        if status.code == "Ok":
            return self._delivery(Outcome.SUCCEEDED, status)
        return self._delivery(_refusal(status.code), status)

    def receipts(
        self, line: Line, token: str, headers: Mapping[str, str], body: bytes
    ) -> Sequence[Receipt] | None:
        """A push's receipts: several, each with the number that it gave."""
        if not admits(self._config(line).receipt_token, token):
            return None
        try:
            reports = msgspec.json.decode(body, type=list[_Report])
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        return [
            Receipt(
                delivered=report.report_status == "SUCCESS",
                code=report.errmsg,
                message_id=report.sid,
                at=_moment(report.user_receive_time),
            )
            for report in reports
            if report.report_status in ("SUCCESS", "FAIL")
        ]

    def acknowledge(
        self,
        accepted: bool,  # noqa: FBT001 - yes or no
    ) -> tuple[int, bytes]:
        """What is not acknowledged comes again."""
        if accepted:
            return 200, b'{"result":0,"errmsg":"OK"}'
        return 400, b'{"result":1,"errmsg":"REFUSED"}'

    # --- kept -----------------------------------------------------------------------

    def scrub(self, text: str) -> str:
        """By the protocol's names, and looking into what has no name there."""
        text = _PARAMETERS.sub(rf'\1"{mask_code("")}"', text)
        text = _SIGNED_BY.sub(r"\1***", text)
        text = _PHONE.sub(lambda found: found[1] + mask_phone(found[2]), text)
        return mask_text(text)

    # --- its own --------------------------------------------------------------------

    def _signed(
        self, line: Line, action: str, body: bytes, *, at: datetime
    ) -> dict[str, str]:
        """The headers of any call; what it asks for is all in its body."""
        config, moment = self._config(line), at.astimezone(UTC)
        stamp, scope = int(moment.timestamp()), f"{moment:%Y-%m-%d}/sms/tc3_request"
        signed = {"content-type": CONTENT_TYPE, "host": urlsplit(line.base_url).netloc}
        canonical = canonical_request(signed, body)
        signature = signature_of(
            config.secret_key, scope, string_to_sign(stamp, scope, canonical)
        )
        return {
            **signed,
            "x-tc-action": action,
            "x-tc-region": config.region,
            "x-tc-timestamp": str(stamp),
            "x-tc-version": VERSION,
            "authorization": f"{ALGORITHM} Credential={config.secret_id}/{scope},"
            f" SignedHeaders={';'.join(sorted(signed))}, Signature={signature}",
        }

    def _delivery(
        self, outcome: Outcome, status: _Status, *, alarm: str | None = None
    ) -> Delivery:
        return Delivery(
            outcome=outcome,
            resp_code=status.code,
            resp_msg=self.scrub(status.message),
            alarm=alarm,
            message_id=status.serial_no,
        )

    def _let_in(self, response: _Response) -> Delivery:
        """What the answer to a check says of our credentials."""
        if response.error is not None:
            why = NOT_LET_IN.get(response.error.code)
            return self._delivery(
                _refusal(response.error.code), response.error, alarm=why
            )
        if response.send_status_statistics is None:
            return unknown("GARBAGE")
        return Delivery(outcome=Outcome.SUCCEEDED, resp_code="Ok")

    def _config(self, line: Line) -> "TencentCarrier.Config":
        assert isinstance(line.config, self.Config)
        return line.config


def canonical_request(headers: Mapping[str, str], body: bytes) -> str:
    """A POST to the root as both sides write it down; `headers` are those that are
    signed, with their names in lower case.
    """
    names = sorted(headers)
    # Each header ends its line: an empty one follows the last.
    lines = "".join(f"{name}:{headers[name]}\n" for name in names)
    return f"POST\n/\n\n{lines}\n{';'.join(names)}\n{sha256(body).hexdigest()}"


def string_to_sign(stamp: int, scope: str, canonical: str) -> str:
    """What the signature is over; the scope is date/service/tc3_request."""
    hashed = sha256(canonical.encode()).hexdigest()
    return f"{ALGORITHM}\n{stamp}\n{scope}\n{hashed}"


def signature_of(secret_key: str, scope: str, signed: str) -> str:
    """HMAC-SHA256 with a key that is good for its scope only; lower-case hex."""
    key = f"TC3{secret_key}".encode()
    for part in (*scope.split("/"), signed):
        key = hmac.digest(key, part.encode(), "sha256")
    return key.hex()


def _parsed(answered: Answered) -> _Response | Delivery:
    """An answer of its own; or what it is for a text that this is none."""
    if answered.status != HTTP_OK:
        return unknown(f"HTTP_{answered.status}")
    try:
        return msgspec.json.decode(answered.body, type=_Answer).response
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return unknown("GARBAGE")


def _refusal(code: str) -> Outcome:
    """What a code other than a yes is for a text."""
    sure = code in SURELY_NOT_SENT or code.partition(".")[0] in NEVER_SENT
    return Outcome.DECLINED if sure else Outcome.UNKNOWN


def _moment(told: str) -> datetime | None:
    """Its times name no zone."""
    try:
        return datetime.fromisoformat(told).replace(tzinfo=BEIJING)
    except ValueError:
        return None
