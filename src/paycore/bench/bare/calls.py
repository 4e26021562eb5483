"""The calls of the bare path: the sandbox's protocol, and a notice, spelled out.

Written from docs/sandbox.md and not with the channel's own file, which is a part of
what is measured.
"""

import base64
import hashlib
import hmac
import os
import time

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from paycore.kernel.http import Answered, HttpRequest
from paycore.kernel.transport import HttpTransport

TIMEOUT_S = 10.0
NONCE_OCTETS = 12


class Bank(msgspec.Struct, frozen=True, kw_only=True):
    """Where the bank is, and who we are there; keys in hex."""

    url: str
    merchant: str
    secret: str
    encryption_key: str


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What of a bank's answer is looked at."""

    request_id: str
    status: str
    code: str = ""
    """Why not, where it is no yes."""


class WrongReply(Exception):
    """The bare path has no way to deal with it: the run ends."""


class Calls:
    """Signed calls to one bank, and signed notices to one end point."""

    def __init__(self, bank: Bank, *, notices: str, notice_key: bytes) -> None:
        self._bank = bank
        self._key = bytes.fromhex(bank.secret)
        self._cipher = AESGCM(bytes.fromhex(bank.encryption_key))
        self._notices = notices
        self._notice_key = notice_key
        self._transport = HttpTransport()
        self._reply = msgspec.json.Decoder(Reply)

    def sealed(self, card: bytes, request_id: str) -> str:
        """The card's facts, readable for the bank and good for this request only."""
        nonce = os.urandom(NONCE_OCTETS)
        sealed = self._cipher.encrypt(nonce, card, request_id.encode())
        return base64.b64encode(nonce + sealed).decode()

    async def ask(self, path: str, fields: dict[str, object]) -> None:
        """Call the bank; raises where the answer is not its signed yes."""
        body, stamp = msgspec.json.encode(fields), str(int(time.time()))
        result = await self._transport.send(
            HttpRequest(
                url=self._bank.url + path,
                headers={
                    "Content-Type": "application/json",
                    "X-Merchant": self._bank.merchant,
                    "X-Timestamp": stamp,
                    "X-Signature": self._signature(stamp, path, body),
                },
                body=body,
                timeout_s=TIMEOUT_S,
            )
        )
        if not isinstance(result, Answered) or result.status != 200:
            raise WrongReply(repr(result))
        stamp = result.headers["x-timestamp"]
        expected = self._signature(stamp, path, result.body)
        if not hmac.compare_digest(expected, result.headers["x-signature"]):
            raise WrongReply("the signature is wrong")
        reply = self._reply.decode(result.body)
        if (reply.request_id, reply.status) != (fields["request_id"], "SUCCESS"):
            raise WrongReply(f"{reply.status} {reply.code}")

    def _signature(self, stamp: str, path: str, body: bytes) -> str:
        signed = b"%b\n%b\n%b" % (stamp.encode(), path.encode(), body)
        return hmac.digest(self._key, signed, hashlib.sha256).hex()

    async def tell(self, notice_id: str, body: bytes) -> None:
        """Send a notice; raises where it is not acknowledged."""
        stamp = str(int(time.time()))
        signed = b".".join((notice_id.encode(), stamp.encode(), body))
        mac = hmac.digest(self._notice_key, signed, hashlib.sha256)
        result = await self._transport.send(
            HttpRequest(
                url=self._notices,
                headers={
                    "content-type": "application/json",
                    "user-agent": "paycore",
                    "webhook-id": notice_id,
                    "webhook-timestamp": stamp,
                    "webhook-signature": "v1," + base64.b64encode(mac).decode(),
                },
                body=body,
                timeout_s=TIMEOUT_S,
            )
        )
        if not isinstance(result, Answered) or not 200 <= result.status < 300:
            raise WrongReply(repr(result))
