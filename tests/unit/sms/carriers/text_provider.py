"""A provider of texts on loopback, as far as both carriers' tests need one: it keeps
what came octet by octet, and answers as told. And what is sent to it.
"""

import asyncio
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from paycore.kernel.node import Node
from paycore.sms import registry
from paycore.sms.carrier import Line, Said, Text
from paycore.sms.delivery import Sent, deliver, message_for

PHONE, CODE = "+8613812345678", "493817"
REQUEST_NO = "261129101112345ABCDEFGHJKM01"
WITHIN_S = 20.0
"""For what surely comes, however busy the machine is."""
TOKEN = "receipts-of-this-carrier-only"

VECTORS = Path(__file__).parents[5] / "shared" / "vectors" / "sms_signing.json"


def recorded(provider: str) -> dict:
    """Requests that a provider's own client signed; skips where there are none."""
    if not VECTORS.exists():
        pytest.skip("the recorded requests are not beside this repository")
    found: dict = json.loads(VECTORS.read_text(encoding="utf-8"))
    return found["sdk_recorded"][provider]


def text(**changes: object) -> Text:
    """A text to a phone in the mainland."""
    facts = {
        "request_no": REQUEST_NO,
        "phone": PHONE,
        "body": f"Your code is {CODE}.",
        "code": CODE,
        "sign": "paycore",
        "at": datetime(2026, 11, 29, 23, 30, 5, tzinfo=UTC),
        "timeout_s": WITHIN_S,
        "connect_timeout_s": WITHIN_S,
        **changes,
    }
    return Text(**facts)


async def line_of(node: Node, driver: str, url: str, credentials: dict) -> Line:
    """A carrier that was set up as operators do it, opened."""
    await registry.save(
        node, carrier=driver, driver=driver, base_url=url, credentials=credentials
    )
    return await registry.look_up(node, driver)


async def said(
    node: Node, line: Line, sent: Text, *, timeout_s: float = WITHIN_S
) -> Said:
    """What the carrier file makes of one text."""
    return await line.driver.deliver(node, line, sent, timeout_s=timeout_s)


async def sent_by(node: Node, line: Line, sent: Text) -> Sent:
    """The same as the SMS centre sees and keeps it."""
    return await deliver(node, [message_for(line, sent)], within_s=WITHIN_S)


@dataclass
class Got:
    """One request as it came."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Provider:
    """An HTTP server that reads one request a connection, and says what it is told."""

    got: list[Got] = field(default_factory=list)
    status: int = 200
    says: bytes = b""
    silent: bool = False
    url: str = ""
    _server: asyncio.Server | None = None

    def will_say(self, answer: object, *, status: int = 200) -> None:
        """What every request is answered from now on."""
        whole = isinstance(answer, bytes)
        self.says = answer if whole else json.dumps(answer).encode()
        self.status = status

    async def open(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def close(self) -> None:
        """Listen no more."""
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            first, *lines = head.rstrip().split("\r\n")
            pairs = (line.split(": ", 1) for line in lines)
            headers = {name.lower(): value for name, value in pairs}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            method, target, _ = first.split(" ")
            self.got.append(Got(method, target, headers, body))
            if self.silent:
                await reader.read()
                return
            told = f"HTTP/1.1 {self.status} X\r\nContent-Length: {len(self.says)}\r\n"
            writer.write(f"{told}Connection: close\r\n\r\n".encode() + self.says)
            await writer.drain()
        finally:
            writer.close()
