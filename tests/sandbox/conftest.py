"""A sandbox process of this module's own, and a merchant who talks to it.

The merchant signs and encrypts with nothing of `paycore.sandbox`: what he and the
sandbox agree on is what `docs/sandbox.md` says.
"""

import base64
import hmac
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.client import HTTPConnection  # noqa: TID251  a merchant of his own
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

sys.path.insert(0, str(Path(__file__).parent))  # for the merchants that tests share

from hearing import Hearing

MERCHANT = "m1"
SECRET = bytes.fromhex("5a" * 32)
CARD_KEY = bytes.fromhex("a5" * 32)
WEBHOOK_SECRET = "whsec_" + base64.b64encode(b"w" * 24).decode()


@dataclass(kw_only=True)
class Answer:
    """What came back, and whether its signature is right."""

    status: int
    raw: bytes
    signed: bool
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def body(self) -> dict[str, Any]:
        """The JSON object."""
        value: dict[str, Any] = json.loads(self.raw)
        return value


def sign(timestamp: str, path: str, body: bytes) -> str:
    """HMAC-SHA256 as the protocol has it, written a second time on purpose."""
    text = timestamp.encode() + b"\n" + path.encode() + b"\n" + body
    return hmac.new(SECRET, text, "sha256").hexdigest()


def encrypt_card(request_id: str, *, number: str, phone: str) -> str:
    """`card_enc` of a card."""
    card = {"number": number, "name": "Li Lei", "id_no": "1", "phone": phone}
    nonce = os.urandom(12)
    plain = json.dumps(card).encode()
    sealed = AESGCM(CARD_KEY).encrypt(nonce, plain, request_id.encode())
    return base64.b64encode(nonce + sealed).decode()


@dataclass(kw_only=True)
class Sandbox:
    """A running sandbox and the merchant's side of its protocol."""

    folder: Path
    port: int = 0
    process: subprocess.Popen[str] | None = None
    info: dict[str, Any] = field(default_factory=dict)
    vendors: dict[str, Any] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def start(self, *options: str) -> None:
        """Start it and wait until it says where it listens."""
        config = self.folder / "config.json"
        keys = {"secret": SECRET.hex(), "encryption_key": CARD_KEY.hex()}
        merchants = {MERCHANT: keys}
        content = {"merchants": merchants, "webhook_secrets": [WEBHOOK_SECRET]}
        config.write_text(json.dumps({**content, "vendors": self.vendors}))
        command = [sys.executable, "-m", "paycore.sandbox", "--port", str(self.port)]
        command += ["--data", str(self.folder / "data"), "--config", str(config)]
        self.process = subprocess.Popen(
            [*command, "--die-with-parent", *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.info = json.loads(self.process.stdout.readline())

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; returns the exit code."""
        assert self.process is not None
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.send_signal(number)
        code = self.process.wait(60)
        self.process.stdin.close()
        self.process.stdout.close()
        return code

    def new_id(self) -> str:
        """A request number never used before."""
        return f"R{time.time_ns()}{next(self.numbers)}"

    def http(
        self,
        method: str,
        url: str,
        body: bytes = b"",
        headers: dict[str, str] | None = None,
        *,
        timeout: float = 60,
    ) -> Answer:
        """One exchange on a connection of its own."""
        parts = urlsplit(url)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        connection = HTTPConnection(str(parts.netloc), timeout=timeout)
        try:
            connection.request(method, target, body, headers or {})
            response = connection.getresponse()
            raw = response.read()
        finally:
            connection.close()
        timestamp = response.headers.get("X-Timestamp", "")
        expected = sign(timestamp, parts.path, raw)
        signed = response.headers.get("X-Signature") == expected
        return Answer(
            status=response.status,
            raw=raw,
            signed=signed,
            headers=dict(response.headers),
        )

    def signed_post(self, url: str, fields: dict[str, Any], **kw: Any) -> Answer:
        """A signed call."""
        body = json.dumps(fields).encode()
        now = str(int(time.time()))
        headers = {"X-Merchant": MERCHANT, "X-Timestamp": now}
        headers["X-Signature"] = sign(now, urlsplit(url).path, body)
        return self.http("POST", url, body, headers, **kw)

    def signed_get(self, url: str, query: str, *, signed: str | None = None) -> Answer:
        """A GET whose signature is about its query, or about something else."""
        now = str(int(time.time()))
        about = (query if signed is None else signed).encode()
        headers = {"X-Merchant": MERCHANT, "X-Timestamp": now}
        headers["X-Signature"] = sign(now, urlsplit(url).path, about)
        return self.http("GET", f"{url}?{query}", b"", headers)

    def call(
        self, bank: str, operation: str, fields: dict[str, Any], **kw: Any
    ) -> Answer:
        """A signed call to a bank."""
        return self.signed_post(
            f"{self.info['banks'][bank]}/v1/{operation}", fields, **kw
        )

    def deduct_fields(self, **changes: Any) -> dict[str, Any]:
        """A deduct (or send_code) that is in order."""
        request_id = str(changes.get("request_id", self.new_id()))
        number = str(changes.pop("number", "6222020000000000"))
        phone = str(changes.pop("phone", "+8613800138000"))
        card = encrypt_card(request_id, number=number, phone=phone)
        fields = {"request_id": request_id, "pay_order_no": request_id[:28]}
        more = {"amount": 1234, "currency": "CNY", "token": "agreed", "card_enc": card}
        return {**fields, **more, **changes}

    def control(self, path: str) -> Any:
        """What a list of the control says."""
        answer = self.http("GET", f"{self.info['control']}/control/{path}")
        assert answer.status == 200
        return json.loads(answer.raw)

    def until(self, path: str, count: int) -> list[dict[str, Any]]:
        """A list of the control, once it has so many: who was not answered does not
        know when it was done.
        """
        give_up = time.monotonic() + 60
        while len(found := self.control(path)) < count and time.monotonic() < give_up:
            time.sleep(0.02)
        return list(found)

    def charges(
        self, fields: dict[str, Any], *, count: int = 0
    ) -> list[dict[str, Any]]:
        """Money that moved for the payment of this request, once it is so often."""
        return self.until(f"charges?pay_order_no={fields['pay_order_no']}", count)

    def fault(self, target: str, fault: str, **more: Any) -> Answer:
        """Set a fault."""
        body = json.dumps({"target": target, "fault": fault, **more}).encode()
        return self.http("POST", f"{self.info['control']}/control/faults", body)

    def clear(self) -> None:
        """Clear all faults."""
        self.http("DELETE", f"{self.info['control']}/control/faults")


class PostBox(ThreadingHTTPServer):
    """Where a provider tells what it tells of its own accord; answers as it is set."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Take)
        self.taken: list[tuple[str, dict[str, str], bytes]] = []
        self.answer: Callable[[bytes], bytes] = lambda _: b"OK"
        self.url = f"http://127.0.0.1:{self.server_port}"

    def about(self, number: str, *, at: str = "") -> list[bytes]:
        """The bodies that came to a path and have a number in them: of the test before
        something may still arrive.
        """
        told = number.encode()
        return [
            body for path, _, body in self.taken if path.startswith(at) and told in body
        ]

    def wait_for(self, count: int, *, at: str = "", about: str = "") -> list[bytes]:
        """Those bodies, once there are so many, or after half a minute."""
        give_up = time.monotonic() + 30
        while True:
            bodies = self.about(about, at=at)
            if len(bodies) >= count or time.monotonic() > give_up:
                return bodies
            time.sleep(0.01)


class _Take(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        box = self.server
        assert isinstance(box, PostBox)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        box.taken.append((self.path, dict(self.headers), body))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(box.answer(body))

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def post_box() -> Iterator[PostBox]:
    """One for the tests of a module."""
    box = PostBox()
    thread = threading.Thread(target=box.serve_forever, args=(0.01,))
    thread.start()
    yield box
    box.shutdown()
    thread.join()
    box.server_close()


@pytest.fixture(scope="module")
def vendors() -> dict[str, Any]:
    """The providers that a module's sandbox has: none."""
    return {}


@pytest.fixture(scope="module")
def running(
    tmp_path_factory: pytest.TempPathFactory, vendors: dict[str, Any]
) -> Iterator[Sandbox]:
    """One sandbox for the tests of a module."""
    sandbox = Sandbox(folder=tmp_path_factory.mktemp("sandbox"), vendors=vendors)
    sandbox.start()
    yield sandbox
    sandbox.end()


@pytest.fixture
def sandbox(running: Sandbox) -> Iterator[Sandbox]:
    """The module's sandbox without any fault."""
    running.clear()
    yield running
    running.clear()


@pytest.fixture
def own_sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    """A sandbox that a test may kill."""
    sandbox = Sandbox(folder=tmp_path)
    sandbox.start()
    yield sandbox
    if sandbox.process is not None and sandbox.process.poll() is None:
        sandbox.end()


@pytest.fixture(scope="module")
def start_with(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[[dict[str, Any]], Sandbox]]:
    """Start sandboxes with providers of this configuration."""
    started: list[Sandbox] = []

    def start(vendors: dict[str, Any]) -> Sandbox:
        sandbox = Sandbox(folder=tmp_path_factory.mktemp("vendors"), vendors=vendors)
        sandbox.start()
        started.append(sandbox)
        return sandbox

    yield start
    for sandbox in started:
        if sandbox.process is not None and sandbox.process.poll() is None:
            sandbox.end()


@pytest.fixture(scope="module")
def hearing() -> Iterator[Hearing]:
    """Somebody who is told things over HTTP."""
    with Hearing() as listening:
        yield listening
