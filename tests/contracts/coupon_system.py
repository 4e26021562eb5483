"""A coupon system of a user's own, over HTTP, that can misbehave.

It is what a user would write from docs/contracts/coupon.openapi.json alone: it keeps
what it said under each order's number, and knows nothing of ours.
"""

import base64
import json
import threading
import time
from collections import Counter, defaultdict
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook

SECRET = "cGF5Y29yZSBjb3Vwb24gdGVzdCBrZXkgMzIgb2N0ISE="

BEFORE, AFTER = "timeout_before", "timeout_after"
BROKEN, GARBAGE, AMOUNT = "http_500", "garbage", "wrong_amount"
FAULTS = (BEFORE, AFTER, BROKEN, GARBAGE, AMOUNT)
UNANSWERED_S = 30.0

Answer = tuple[int, bytes] | None


class Coupons:
    """The system; its own record is the truth about what was used."""

    def __init__(self, secret: str = SECRET) -> None:
        self._webhook = Webhook(base64.b64encode(base64.b64decode(secret)).decode())
        self._lock = threading.RLock()
        self._over = threading.Event()
        self.coupons: dict[str, dict] = {}
        self.spent: dict[str, str] = {}
        """By order: what became of it for good, `use` or `unlock`."""
        self.uses: Counter[str] = Counter()
        """By coupon: how often it came to be used."""
        self.calls: list[tuple[str, str]] = []
        """Operation and order of each call, repeats too."""
        self.bodies: dict[str, bytes] = {}
        self.forged = 0
        self.down = False
        self.script: dict[str, list[str]] = defaultdict(list)
        """By operation: what goes wrong with the next calls."""
        self.held = threading.Event()
        """Set when a call came that is never answered."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/coupons"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop."""
        self._over.set()
        self._server.shutdown()
        self._server.server_close()

    def issue(self, coupon_no: str, *, amount: int = 250, **more: object) -> str:
        """A coupon that nobody has."""
        fresh = {"status": "AVAILABLE", "pay_order_no": None, "currency": "CNY"}
        made = {"coupon_no": coupon_no, "amount": amount, **fresh, **more}
        with self._lock:
            self.coupons[coupon_no] = made
        return coupon_no

    def lock(self, coupon_no: str, order: str) -> None:
        """Somebody has asked for it and remembers nothing of that."""
        with self._lock:
            self.coupons[coupon_no] |= {"status": "LOCKED", "pay_order_no": order}

    def is_(self, coupon_no: str) -> tuple[str, str | None]:
        """Where it stands, and whose it is."""
        with self._lock:
            found = self.coupons[coupon_no]
            return found["status"], found["pay_order_no"]

    def count(self, operation: str, order: str) -> int:
        """How often it was asked for this."""
        return self.calls.count((operation, order))

    # What the contract asks of it

    def _ask(self, coupon: dict, said: dict) -> Answer:
        if coupon.get("expired"):
            return _no("EXPIRED")
        if coupon["status"] != "AVAILABLE":
            return _no("TAKEN")
        if coupon["currency"] != said["currency"]:
            return _no("DOES_NOT_FIT")
        return _yes(coupon)

    def _take(self, coupon: dict, said: dict) -> Answer:
        order = said["pay_order_no"]
        if order in self.spent:
            return _no("SPENT")
        if coupon["pay_order_no"] not in (None, order):
            return _no("TAKEN")
        if coupon.get("expired") and coupon["pay_order_no"] is None:
            return _no("EXPIRED")
        if (coupon["amount"], coupon["currency"]) != (said["amount"], said["currency"]):
            return _no("DOES_NOT_FIT")
        coupon |= {"status": "LOCKED", "pay_order_no": order}
        return _yes(coupon)

    def _use(self, coupon: dict, said: dict) -> Answer:
        order = said["pay_order_no"]
        if coupon["pay_order_no"] not in (None, order):
            return _no("TAKEN")
        if coupon["status"] != "USED":
            self.uses[coupon["coupon_no"]] += 1
        self.spent[order] = "use"
        coupon |= {"status": "USED", "pay_order_no": order}
        return _yes(coupon)

    def _unlock(self, coupon: dict, said: dict) -> Answer:
        order = said["pay_order_no"]
        self.spent.setdefault(order, "unlock")
        if (coupon["status"], coupon["pay_order_no"]) == ("LOCKED", order):
            coupon |= {"status": "AVAILABLE", "pay_order_no": None}
        return _yes(coupon)

    # How it is asked, and how it fails

    def _act(self, operation: str, body: bytes) -> Answer:
        said = json.loads(body)
        with self._lock:
            order = said.get("pay_order_no", "")
            self.calls.append((operation, order))
            if order:
                # The same octets at every try, so that they may be compared.
                kept = self.bodies.setdefault(f"{order}:{operation}", body)
                assert kept == body
            coupon = self.coupons.get(said["coupon_no"])
            if coupon is None:
                return _no("NOT_FOUND")
            acts = {"ask": self._ask, "lock": self._take, "use": self._use}
            return acts.get(operation, self._unlock)(coupon, said)

    def _answer(self, operation: str, body: bytes) -> Answer:
        fault = self.script[operation].pop(0) if self.script[operation] else ""
        if self.down:
            return 503, b""
        if fault == BROKEN:
            return 500, b"{}"
        if fault == BEFORE:
            return self._never()
        status, answer = self._act(operation, body)
        if fault == AFTER:
            return self._never()
        if fault == GARBAGE:
            return status, b"{oops"
        if fault == AMOUNT:
            answer = json.dumps({**json.loads(answer), "amount": 1}).encode()
        return status, answer

    def _never(self) -> Answer:
        self.held.set()
        self._over.wait(UNANSWERED_S)
        return None

    def _signed(self, headers, body: bytes) -> bool:
        """By whoever has the key; when, is not asked: the clocks of tests leap."""
        at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
        wanted = self._webhook.sign(headers["webhook-id"], at, body.decode())
        return wanted in headers["webhook-signature"].split()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        system = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                operation = self.path.removeprefix("/coupons/")
                if system._signed(self.headers, body):
                    answer = system._answer(operation, body)
                else:
                    system.forged += 1
                    answer = 401, b""
                if answer is None:
                    self.close_connection = True
                    return
                status, said = answer
                self.send_response(status)
                self.send_header("content-length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler


def _yes(coupon: dict) -> Answer:
    shown = ("coupon_no", "status", "amount", "currency", "pay_order_no")
    return 200, json.dumps({name: coupon[name] for name in shown}).encode()


def _no(code: str) -> Answer:
    return 409, json.dumps({"code": code}).encode()


def until(what, *, within_s: float = 60.0) -> None:
    """Wait until it is so."""
    deadline = time.monotonic() + within_s
    while not what():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.1)
