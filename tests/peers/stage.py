"""What the peers meet: the sandbox with all its providers, and a box for what they
tell of their own accord.
"""

import json
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection  # noqa: TID251  a third party of its own
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import msgspec

from paycore.dev import folder, vendors
from paycore.dev.processes import Sandbox, start_sandbox
from paycore.dev.vendors import Contract

NAMES = ("huifu", "stripe", "aliyun", "tencent", "smpp")
WITHIN_S = 30.0


def until(look: Callable[[], Any]) -> Any:
    """What `look` finds, as soon as that is something; or what it found last."""
    give_up = time.monotonic() + WITHIN_S
    while not (found := look()) and time.monotonic() < give_up:
        time.sleep(0.02)
    return found


@dataclass(frozen=True, kw_only=True)
class Told:
    """A message as it came to the box."""

    path: str
    headers: Mapping[str, str]
    """By names in lower case."""
    body: bytes


class Box(ThreadingHTTPServer):
    """Takes whatever is posted, and answers each path by what was set for it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Take)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.answers: dict[str, Callable[[bytes], bytes]] = {}
        self.told: list[Told] = []

    def at(self, path: str) -> list[Told]:
        """What came to a path, in order."""
        return [one for one in self.told if one.path == path]


class _Take(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        box = self.server
        assert isinstance(box, Box)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        box.told.append(Told(path=self.path, headers=headers, body=body))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(box.answers.get(self.path, lambda _: b"")(body))

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """The sandbox as the peers' runner sees it."""

    sandbox: Sandbox
    contracts: Mapping[str, Contract]
    box: Box

    def ours(self, name: str) -> dict[str, Any]:
        """The customer's half of a contract."""
        return dict(self.contracts[name].ours)

    def bank(self, name: str) -> str:
        """Where a bank listens."""
        return self.sandbox.info.banks[name]

    def carrier(self, name: str) -> str:
        """Where a carrier listens."""
        return self.sandbox.info.carriers[name]

    def control(self, method: str, what: str, body: object = None) -> Any:
        """What the control answers."""
        url = f"{self.sandbox.info.control}/control/{what}"
        sent = b"" if body is None else json.dumps(body).encode()
        return json.loads(fetched(method, url, sent)[1])

    def moved(self, pay_order_no: str) -> list[tuple[str, int, str]]:
        """Money that moved for a payment: kind, minor units, currency."""
        rows = self.control("GET", f"charges?pay_order_no={quote(pay_order_no)}")
        return [(row["kind"], row["amount"], row["currency"]) for row in rows]

    def texts(self, phone: str) -> list[dict[str, Any]]:
        """Texts that a phone has, in order."""
        found = self.control("GET", f"sms?phone={quote(phone)}")
        return [{name: row[name] for name in ("text", "code")} for row in found]

    @contextmanager
    def fault(self, target: str, fault: str) -> Iterator[None]:
        """Have a fault as long as the block lasts."""
        self.control("POST", "faults", {"target": target, "fault": fault})
        try:
            yield
        finally:
            self.control("DELETE", "faults")


def fetched(method: str, url: str, body: bytes = b"") -> tuple[int, bytes]:
    """Status and body of one exchange."""
    parts = urlsplit(url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    connection = HTTPConnection(parts.netloc, timeout=WITHIN_S)
    try:
        connection.request(method, target, body)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


@contextmanager
def boxed() -> Iterator[Box]:
    """A box that listens."""
    with Box() as box:
        thread = threading.Thread(target=box.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield box
        finally:
            box.shutdown()
            thread.join()


@contextmanager
def staged() -> Iterator[Stage]:
    """The sandbox with all providers, each by a fresh contract."""
    contracts = vendors.added({}, NAMES)
    # Tencent's receipts wait to be pulled where it has no address for them.
    tencent = contracts["tencent"]
    pulls = {k: v for k, v in tencent.ours.items() if k != "receipt_token"}
    contracts["tencent"] = msgspec.structs.replace(tencent, ours=pulls)
    kept = msgspec.structs.replace(folder.fresh(), vendors=contracts)
    with tempfile.TemporaryDirectory(prefix="paycore-peers-") as temporary:
        data = folder.make(Path(temporary) / "data")
        with (
            boxed() as box,
            start_sandbox(data, kept, vendors=NAMES, api=box.url) as sandbox,
        ):
            yield Stage(sandbox=sandbox, contracts=contracts, box=box)
