"""Aliyun SMS (阿里云短信): Dysmsapi 2017-05-25, requests signed with ACS3-HMAC-SHA256.

https://help.aliyun.com/document_detail/2593177.html (signatures)
https://help.aliyun.com/document_detail/101346.html (codes)
https://help.aliyun.com/document_detail/101867.html (receipts)

What differs from the others: the whole request is in the query, and the body empty. It
fills a template with our code and does not take our words. Nothing that it says is
signed: an answer is proved by TLS, a receipt by the address that it comes to.
"""

import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256
from types import MappingProxyType
from typing import ClassVar
from urllib.parse import quote, unquote, urlsplit

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

VERSION = "2017-05-25"
ALGORITHM = "ACS3-HMAC-SHA256"
NO_BODY = sha256(b"").hexdigest()
BEIJING = timezone(timedelta(hours=8))
"""Its days, and the times of its receipts."""

HTTP_OK, HTTP_REFUSED = 200, range(400, 500)
"""Statuses under which there is an answer of its own; a no may come with either."""

NOT_LET_IN = MappingProxyType(
    {
        "SignatureDoesNotMatch": "it does not take our signature: look at"
        " access_key_secret",
        "IncompleteSignature": "it does not take our signature: does a proxy change"
        " the headers?",
        "InvalidAccessKeyId.NotFound": "it does not know access_key_id: is there a"
        " typing error, or was the key deleted?",
        "InvalidAccessKeyId.Inactive": "access_key_id is switched off there",
        "InvalidTimeStamp.Expired": "the clock here and its clock are far apart",
        "isp.RAM_PERMISSION_DENY": "the key's RAM user may not do this: it needs"
        " dysms:SendSms and dysms:QuerySendDetails",
        "Forbidden.RAM": "the key's RAM user may not do this: it needs dysms:SendSms"
        " and dysms:QuerySendDetails",
        "NoPermission": "the key's RAM user may not do this: it needs dysms:SendSms"
        " and dysms:QuerySendDetails",
    }
)
"""Their codes for a call that went no further than the door, and what to look at."""

SURELY_NOT_SENT = frozenset({*NOT_LET_IN, "Throttling", "Throttling.User"})
"""Their codes for a no, besides all that begin with `isv.` (the caller's fault; one is
isv.BUSINESS_LIMIT_CONTROL, too many texts to this phone). `isp.` is theirs: unknown."""

NOBODYS_PHONE = "13800138000"
"""The network's own service number: what a check asks after texts nobody."""

# Also as they are in a query that is encoded once more.
_NAMED_PHONE = re.compile(r"(?i)(phone_?numbers?(?:[\"'\s:=]|%3D){1,6})([^\"'\s&,}%]+)")
_PARAMETERS = re.compile(r"(?i)(TemplateParam)[^&\s]+")
_SIGNED_BY = re.compile(r"(?i)((?:Credential|Signature)(?:=|%3D))[^\s,&%\"]+")


class _Answer(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """What is answered, whatever was asked."""

    code: str
    message: str = ""
    biz_id: str = ""


class _Report(msgspec.Struct, frozen=True, kw_only=True):
    """One of a push's receipts."""

    success: bool
    err_code: str = ""
    report_time: str = ""
    biz_id: str = ""
    out_id: str = ""


class AliyunCarrier(HttpCarrier):
    """Speaks to Aliyun's SMS service."""

    code: ClassVar[str] = "aliyun"
    title: ClassVar[str] = "Aliyun SMS"
    secret_fields: ClassVar[tuple[str, ...]] = (
        "access_key_id",
        "access_key_secret",
        "receipt_token",
    )
    unsigned: ClassVar[bool] = True

    class Config(msgspec.Struct, frozen=True, kw_only=True):
        """Who we are there, and what is registered there for us."""

        access_key_id: str
        access_key_secret: str
        template: str
        """SMS_…, with one variable."""
        template_en: str = ""
        """For payers whose language is not Chinese; empty: the same."""
        parameter: str = "code"
        """What the template calls its variable."""
        sign: str = ""
        """The sender's name as registered; empty: the SMS centre's own."""
        receipt_token: ReceiptToken = ""

        def __repr__(self) -> str:
            """Nothing of the key."""
            return f"Config(template={self.template!r})"

    # --- out ------------------------------------------------------------------------

    def assemble(self, line: Line, text: Text) -> HttpRequest:
        """Build and sign `SendSms`."""
        config = self._config(line)
        foreign = config.template_en and not text.language.startswith("zh")
        parameters = msgspec.json.encode({config.parameter: text.code}).decode()
        query = {
            "OutId": text.request_no,
            "PhoneNumbers": _dialled(text.phone),
            "SignName": config.sign or text.sign,
            "TemplateCode": config.template_en if foreign else config.template,
            "TemplateParam": parameters,
        }
        # One text goes out once by one line: were the same ever sent again, by whoever
        # has the bytes, the used nonce has it refused.
        nonce = sha256(f"{line.carrier}/{text.request_no}".encode()).hexdigest()[:32]
        return HttpRequest(
            url=f"{line.base_url}/?{_written(query)}",
            headers=self._signed(line, "SendSms", query, at=text.at, nonce=nonce),
            body=b"",
            timeout_s=text.timeout_s,
            connect_timeout_s=text.connect_timeout_s,
        )

    async def check(self, node: Node, line: Line, *, timeout_s: float) -> Delivery:
        """Ask what became of texts to a phone that gets none of ours."""
        query = {
            "CurrentPage": "1",
            "PageSize": "1",
            "PhoneNumber": NOBODYS_PHONE,
            "SendDate": f"{node.now().astimezone(BEIJING):%Y%m%d}",
        }
        headers = self._signed(
            line,
            "QuerySendDetails",
            query,
            at=node.now(),
            nonce=node.ids.token(16).hex(),
        )
        request = HttpRequest(
            url=f"{line.base_url}/?{_written(query)}",
            headers=headers,
            body=b"",
            timeout_s=timeout_s,
            connect_timeout_s=node.settings.connect_timeout_s,
        )
        answered = await asked(node, request)
        if isinstance(answered, Delivery):
            return answered
        answer = _parsed(answered)
        return answer if isinstance(answer, Delivery) else self._let_in(answer)

    def kept_of(self, request: HttpRequest) -> str:
        """The query, as people read it; the signature is in a header."""
        return unquote(urlsplit(request.url).query)

    # --- in -------------------------------------------------------------------------

    def read(self, line: Line, text: Text, answered: Answered) -> Delivery:
        """Its code says it all: no answer names the text, or is signed."""
        answer = _parsed(answered)
        if isinstance(answer, Delivery):
            return answer
        return Delivery(
            outcome=_outcome(answered.status, answer.code),
            resp_code=answer.code,
            resp_msg=self.scrub(answer.message),
            message_id=answer.biz_id,
        )

    def receipts(
        self, line: Line, token: str, headers: Mapping[str, str], body: bytes
    ) -> Sequence[Receipt] | None:
        """A push's receipts (SmsReport): several, each with the number that we gave."""
        if not admits(self._config(line).receipt_token, token):
            return None
        try:
            reports = msgspec.json.decode(body, type=list[_Report])
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        return [
            Receipt(
                delivered=report.success,
                code=report.err_code,
                request_no=report.out_id,
                message_id=report.biz_id,
                at=_moment(report.report_time),
            )
            for report in reports
        ]

    def acknowledge(
        self,
        accepted: bool,  # noqa: FBT001 - yes or no
    ) -> tuple[int, bytes]:
        """What is not 200 comes again, after 1, 5 and 10 minutes."""
        if accepted:
            return 200, b'{"code":0,"msg":"OK"}'
        return 400, b'{"code":1,"msg":"REFUSED"}'

    # --- kept -----------------------------------------------------------------------

    def scrub(self, text: str) -> str:
        """By the protocol's names; where it refuses a signature, it repeats all that
        was signed.
        """
        text = _PARAMETERS.sub(rf"\1={mask_code('')}", text)
        text = _SIGNED_BY.sub(r"\1***", text)
        text = _NAMED_PHONE.sub(lambda found: found[1] + mask_phone(found[2]), text)
        return mask_text(text)

    # --- its own --------------------------------------------------------------------

    def _signed(
        self,
        line: Line,
        action: str,
        query: Mapping[str, str],
        *,
        at: datetime,
        nonce: str,
    ) -> dict[str, str]:
        """The headers of any call; what it asks for is all in its query."""
        config, url = self._config(line), urlsplit(line.base_url)
        headers = {
            "accept": "application/json",
            "host": url.netloc,
            "x-acs-action": action,
            "x-acs-content-sha256": NO_BODY,
            "x-acs-date": f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "x-acs-signature-nonce": nonce,
            "x-acs-version": VERSION,
        }
        canonical = canonical_request(f"{url.path}/", query, headers)
        signature = signature_of(config.access_key_secret, string_to_sign(canonical))
        authorization = (
            f"{ALGORITHM} Credential={config.access_key_id},"
            f"SignedHeaders={';'.join(sorted(headers))},Signature={signature}"
        )
        return {**headers, "authorization": authorization}

    def _let_in(self, answer: _Answer) -> Delivery:
        """What the answer to a check says of our credentials: whoever looks into the
        question, and be it to refuse it, has taken them.
        """
        why = NOT_LET_IN.get(answer.code)
        known = answer.code == "OK" or answer.code.startswith(("isv.", "isp."))
        if why is not None:
            outcome = Outcome.DECLINED
        else:
            outcome = Outcome.SUCCEEDED if known else Outcome.UNKNOWN
        return Delivery(
            outcome=outcome,
            resp_code=answer.code,
            resp_msg=self.scrub(answer.message),
            alarm=why,
        )

    def _config(self, line: Line) -> "AliyunCarrier.Config":
        assert isinstance(line.config, self.Config)
        return line.config


def canonical_request(
    path: str, query: Mapping[str, str], headers: Mapping[str, str]
) -> str:
    """A POST as both sides write it down; `headers` are those that are signed, with
    their names in lower case.
    """
    names = sorted(headers)
    # Each header ends its line: an empty one follows the last.
    lines = "".join(f"{name}:{headers[name].strip()}\n" for name in names)
    hashed = headers["x-acs-content-sha256"]
    return f"POST\n{path}\n{_written(query)}\n{lines}\n{';'.join(names)}\n{hashed}"


def string_to_sign(canonical: str) -> str:
    """What the signature is over."""
    return f"{ALGORITHM}\n{sha256(canonical.encode()).hexdigest()}"


def signature_of(secret: str, signed: str) -> str:
    """HMAC-SHA256; lower-case hex."""
    return hmac.digest(secret.encode(), signed.encode(), "sha256").hex()


def _written(query: Mapping[str, str]) -> str:
    """A query sorted by name, and encoded by RFC 3986: as signed, and as sent."""
    return "&".join(
        f"{quote(name, safe='')}={quote(query[name], safe='')}"
        for name in sorted(query)
    )


def _dialled(phone: str) -> str:
    """Mainland numbers without +86; any other with its country's, and without plus."""
    return phone.removeprefix("+86").removeprefix("+")


def _parsed(answered: Answered) -> _Answer | Delivery:
    """An answer of its own; or what it is for a text that this is none."""
    status = answered.status
    if status != HTTP_OK and status not in HTTP_REFUSED:
        return unknown(f"HTTP_{status}")
    try:
        return msgspec.json.decode(answered.body, type=_Answer)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return unknown("GARBAGE" if status == HTTP_OK else f"HTTP_{status}")


def _outcome(status: int, code: str) -> Outcome:
    if code == "OK" and status == HTTP_OK:
        return Outcome.SUCCEEDED
    if code in SURELY_NOT_SENT or code.startswith("isv."):
        return Outcome.DECLINED
    return Outcome.UNKNOWN


def _moment(told: str) -> datetime | None:
    """Its times name no zone."""
    try:
        return datetime.fromisoformat(told).replace(tzinfo=BEIJING)
    except ValueError:
        return None
