"""The sandbox's carriers: JSON over HTTP, signed with HMAC-SHA256 (docs/sandbox.md).

Like the sandbox's banks, but an answer names neither order nor merchant, only the
request. They do not tell a text from its repeat: what is sent twice is delivered twice.
"""

import hmac
from typing import ClassVar
from urllib.parse import urlsplit

import msgspec

from paycore.kernel.http import Answered, HttpRequest
from paycore.kernel.mask import mask_text
from paycore.kernel.outcome import Outcome
from paycore.sms.carrier import (
    BAD_SIGNATURE,
    Delivery,
    HttpCarrier,
    Line,
    Text,
    unknown,
)

HTTP_OK = 200

SURELY_NOT_SENT = frozenset(
    {"BAD_REQUEST", "BLACKLISTED", "MAINTENANCE", "OVER_LIMIT", "WRONG_PHONE"}
)
"""Their codes that we know for a no; any other may be anything: unknown."""


class _Send(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for."""

    request_id: str
    phone: str
    text: str
    sign: str
    params: dict[str, str]


class _Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What is answered, as far as we look at it."""

    request_id: str
    status: str
    code: str = ""
    message: str = ""


class SandboxCarrier(HttpCarrier):
    """Speaks to the sandbox's carriers `a` and `b`."""

    code: ClassVar[str] = "sandbox"
    title: ClassVar[str] = "Sandbox carrier"
    secret_fields: ClassVar[tuple[str, ...]] = ("secret",)

    class Config(msgspec.Struct, frozen=True, kw_only=True):
        """Who we are there."""

        merchant: str
        secret: str
        """Hex, of the HMAC key."""

        def __repr__(self) -> str:
            """Nothing of the secret."""
            return f"Config(merchant={self.merchant!r})"

    def assemble(self, line: Line, text: Text) -> HttpRequest:
        """Build and sign `POST /v1/send`."""
        config = self._config(line)
        url = f"{line.base_url}/v1/send"
        body = msgspec.json.encode(
            _Send(
                request_id=text.request_no,
                phone=text.phone,
                text=text.body,
                sign=text.sign,
                params={"code": text.code},
            )
        )
        timestamp = str(int(text.at.timestamp()))
        headers = {
            "Content-Type": "application/json",
            "X-Merchant": config.merchant,
            "X-Timestamp": timestamp,
            "X-Signature": _signature(config, timestamp, urlsplit(url).path, body),
        }
        return HttpRequest(
            url=url,
            headers=headers,
            body=body,
            timeout_s=text.timeout_s,
            connect_timeout_s=text.connect_timeout_s,
        )

    def read(self, line: Line, text: Text, answered: Answered) -> Delivery:
        """A signed yes or no to this very request; anything else is UNKNOWN."""
        if answered.status != HTTP_OK:
            return unknown(f"HTTP_{answered.status}")
        if not self._signed(line, answered):
            return unknown(BAD_SIGNATURE, alarm="bad signature")
        try:
            answer = msgspec.json.decode(answered.body, type=_Answer)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return unknown("GARBAGE")
        if answer.request_id != text.request_no:
            return unknown("OTHER_REQUEST", alarm="answer to another request")
        match answer.status:
            case "SUCCESS":
                outcome = Outcome.SUCCEEDED
            case "FAIL" if answer.code in SURELY_NOT_SENT:
                outcome = Outcome.DECLINED
            case _:
                outcome = Outcome.UNKNOWN
        said = self.scrub(answer.message)
        return Delivery(outcome=outcome, resp_code=answer.code, resp_msg=said)

    def scrub(self, text: str) -> str:
        """A phone's number is the only thing of anybody's that they may echo."""
        return mask_text(text)

    def _signed(self, line: Line, answered: Answered) -> bool:
        """Whether the answer is theirs. Its age needs no look: it names our request."""
        path = urlsplit(f"{line.base_url}/v1/send").path
        timestamp = answered.headers.get("x-timestamp", "")
        given = answered.headers.get("x-signature", "")
        expected = _signature(self._config(line), timestamp, path, answered.body)
        return hmac.compare_digest(expected.encode(), given.encode())

    def _config(self, line: Line) -> "SandboxCarrier.Config":
        assert isinstance(line.config, self.Config)
        return line.config


def _signature(
    config: SandboxCarrier.Config, timestamp: str, path: str, body: bytes
) -> str:
    """HMAC over timestamp, path and raw body, line by line; lower-case hex."""
    signed = f"{timestamp}\n{path}\n".encode() + body
    return hmac.digest(bytes.fromhex(config.secret), signed, "sha256").hex()
