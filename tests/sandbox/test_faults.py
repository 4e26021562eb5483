"""Every fault over real HTTP: what the caller sees and what the bank really did."""

import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

DEDUCT = "bank.deduct_a.deduct"


class Inbox(ThreadingHTTPServer):
    """Where callbacks arrive; refuses the first `refuse` of them."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Take)
        self.taken: list[dict[str, Any]] = []
        self.refuse = 0
        self.url = f"http://127.0.0.1:{self.server_port}/callbacks/sandbox"

    def wait_for(self, count: int) -> list[dict[str, Any]]:
        """The callbacks, once there are so many."""
        give_up = time.monotonic() + 30
        while len(self.taken) < count and time.monotonic() < give_up:
            time.sleep(0.01)
        return self.taken


class _Take(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        inbox = self.server
        assert isinstance(inbox, Inbox)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        inbox.taken.append({**json.loads(body), "path": self.path, "raw": body})
        inbox.taken[-1]["headers"] = dict(self.headers)
        inbox.refuse -= 1
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"no" if inbox.refuse >= 0 else b"OK")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    """A merchant's callback address."""
    server = Inbox()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def statuses(charges: list[dict[str, Any]]) -> list[str]:
    """Kinds of the moves."""
    return [charge["kind"] for charge in charges]


def test_a_deduct_without_faults_is_signed_and_charged(sandbox: Any) -> None:
    """The plain case: one signed SUCCESS, one charge, both of the same amount."""
    fields = sandbox.deduct_fields()
    answer = sandbox.call("deduct_a", "deduct", fields)
    charge = sandbox.charges(fields)[0]

    assert (200, True, "SUCCESS") == (
        answer.status,
        answer.signed,
        answer.body["status"],
    )
    assert {"bank", "kind", "request_id", "pay_order_no", "amount", "currency"} | {
        "at"
    } == set(charge)
    assert ("deduct_a", "charge", fields["request_id"], 1234, "CNY") == (
        charge["bank"],
        charge["kind"],
        charge["request_id"],
        charge["amount"],
        charge["currency"],
    )


@pytest.mark.parametrize(
    ("fault", "charges"), [("timeout_before", 0), ("timeout_after", 1)]
)
def test_timeouts_never_answer(sandbox: Any, fault: str, charges: int) -> None:
    """Before: nothing was done. After: it was, and nobody was told."""
    sandbox.fault(DEDUCT, fault)
    fields = sandbox.deduct_fields()
    with pytest.raises(TimeoutError):
        sandbox.call("deduct_a", "deduct", fields, timeout=0.4)

    assert charges == len(sandbox.charges(fields, count=charges))


def test_http_500_did_nothing(sandbox: Any) -> None:
    """A 500 is unsigned and no money moved."""
    sandbox.fault(DEDUCT, "http_500")
    fields = sandbox.deduct_fields()
    answer = sandbox.call("deduct_a", "deduct", fields)

    assert (500, False, []) == (answer.status, answer.signed, sandbox.charges(fields))


def test_garbage_and_bad_signature_hide_a_charge(sandbox: Any) -> None:
    """The bank charged, but nothing it says can be trusted."""
    for fault in ("garbage", "bad_signature"):
        sandbox.clear()
        sandbox.fault(DEDUCT, fault)
        fields = sandbox.deduct_fields()
        answer = sandbox.call("deduct_a", "deduct", fields)

        assert (200, False) == (answer.status, answer.signed)
        assert ["charge"] == statuses(sandbox.charges(fields))
    assert answer.body["status"] == "SUCCESS"


def test_declines_carry_any_code(sandbox: Any) -> None:
    """A decline names the fault's code, an unmapped one too, and is remembered."""
    for code in ("INSUFFICIENT_FUNDS", "E9999"):
        sandbox.clear()
        sandbox.fault(DEDUCT, f"decline:{code}")
        fields = sandbox.deduct_fields()
        answer = sandbox.call("deduct_a", "deduct", fields).body
        asked = {"request_id": fields["request_id"], "pay_order_no": ""}
        told = sandbox.call("deduct_a", "enquire", asked).body

        assert ("FAIL", code) == (answer["status"], answer["code"])
        assert ("FAIL", code) == (told["status"], told["code"])
        assert [] == sandbox.charges(fields)


def test_wrong_amount_is_only_said(sandbox: Any) -> None:
    """The reply names another amount than the one that moved."""
    sandbox.fault(DEDUCT, "wrong_amount")
    fields = sandbox.deduct_fields()
    answer = sandbox.call("deduct_a", "deduct", fields)

    assert (True, 1235) == (answer.signed, answer.body["amount"])
    assert 1234 == sandbox.charges(fields)[0]["amount"]


def test_slow_acts_then_answers_late(sandbox: Any) -> None:
    """The money has moved long before the answer comes."""
    sandbox.fault(DEDUCT, "slow:0.5")
    fields = sandbox.deduct_fields()
    began = time.monotonic()
    answer = sandbox.call("deduct_a", "deduct", fields)

    assert "SUCCESS" == answer.body["status"]
    assert time.monotonic() - began >= 0.5


def test_drip_sends_a_byte_a_second(sandbox: Any) -> None:
    """For so many seconds a byte each, then the rest: whole and rightly signed."""
    sandbox.fault(DEDUCT, "drip:1")
    began = time.monotonic()
    answer = sandbox.call("deduct_a", "deduct", sandbox.deduct_fields())

    assert (True, "SUCCESS") == (answer.signed, answer.body["status"])
    assert time.monotonic() - began >= 1


def test_processing_settles_and_calls_back(sandbox: Any, inbox: Inbox) -> None:
    """PROCESSING first; in due time the money moves and a callback says so."""
    sandbox.fault(DEDUCT, "processing:0.3")
    fields = sandbox.deduct_fields(notify_url=inbox.url)
    began = datetime.now(UTC)
    answer = sandbox.call("deduct_a", "deduct", fields).body
    callback = inbox.wait_for(1)[0]
    (charge,) = sandbox.charges(fields)

    assert ("PROCESSING", None) == (answer["status"], answer["amount"])
    # However long we were about it, it had not moved before.
    took = datetime.fromisoformat(charge["at"]) - began
    assert timedelta(seconds=0.29) <= took
    assert ("charge", "deduct", "SUCCESS", 1234) == (
        callback["kind"],
        callback["operation"],
        callback["status"],
        callback["amount"],
    )
    assert "charge" == charge["kind"]


def test_an_unacknowledged_callback_comes_again(sandbox: Any, inbox: Inbox) -> None:
    """Anything but 200 and OK is retried after a second."""
    inbox.refuse = 1
    sandbox.fault(DEDUCT, "processing:0")
    sandbox.call("deduct_a", "deduct", sandbox.deduct_fields(notify_url=inbox.url))

    assert 2 == len(inbox.wait_for(2))


def test_duplicate_callbacks(sandbox: Any, inbox: Inbox) -> None:
    """One charge, so many callbacks that all say the same."""
    sandbox.fault(DEDUCT, "duplicate_callback:10")
    fields = sandbox.deduct_fields(notify_url=inbox.url)
    sandbox.call("deduct_a", "deduct", fields)
    raws = {callback["raw"] for callback in inbox.wait_for(10)}

    assert (10, 1) == (len(inbox.taken), len(raws))
    assert ["charge"] == statuses(sandbox.charges(fields))


def test_the_callback_may_come_first(sandbox: Any, inbox: Inbox) -> None:
    """With callback_before_answer the merchant knows before the reply is written."""
    sandbox.fault(DEDUCT, "callback_before_answer")
    fields = sandbox.deduct_fields(notify_url=inbox.url)
    answer = sandbox.call("deduct_a", "deduct", fields).body

    assert answer["bank_ref"] == inbox.taken[0]["bank_ref"]


def test_refuse_connection_shuts_the_whole_bank(sandbox: Any) -> None:
    """Every operation is refused, others go on, and the address comes back."""
    sandbox.fault(DEDUCT, "refuse_connection", share=0.01, count=1)
    for _ in range(3):
        with pytest.raises(ConnectionRefusedError):
            sandbox.call("deduct_a", "enquire", sandbox.deduct_fields())
    other = sandbox.call("deduct_b", "deduct", sandbox.deduct_fields())
    sandbox.clear()
    again = sandbox.call("deduct_a", "deduct", sandbox.deduct_fields())

    assert ("SUCCESS", "SUCCESS") == (other.body["status"], again.body["status"])


def test_count_is_shared_by_all_matched_targets(sandbox: Any) -> None:
    """A wildcard within a name matches both banks; the count is theirs together."""
    sandbox.fault("bank.deduct_*.deduct", "http_500", count=2)
    order = ("deduct_a", "deduct_b", "deduct_a", "deduct_b")
    found = [sandbox.call(b, "deduct", sandbox.deduct_fields()).status for b in order]

    assert [500, 500, 200, 200] == found
    assert 2 == sandbox.control("faults")[0]["hits"]


def test_share_hits_about_its_part(sandbox: Any) -> None:
    """A share of a half strikes about half of the calls."""
    sandbox.fault("bank.*.deduct", "http_500", share=0.5)
    calls = (
        sandbox.call("deduct_a", "deduct", sandbox.deduct_fields()) for _ in range(100)
    )
    hits = sum(answer.status == 500 for answer in calls)

    assert 25 < hits < 75
    assert hits == sandbox.control("faults")[0]["hits"]


@pytest.mark.parametrize(
    ("target", "fault", "share"),
    [
        ("bank.nobody.deduct", "http_500", 1),
        ("*", "http_500", 1),
        (DEDUCT, "explode", 1),
        (DEDUCT, "slow:ages", 1),
        (DEDUCT, "http_500", 0),
    ],
)
def test_wrong_faults_are_refused(
    sandbox: Any, target: str, fault: str, share: float
) -> None:
    """A typing mistake is told, it does not pass for a fault that never strikes."""
    assert 400 == sandbox.fault(target, fault, share=share).status
    assert [] == sandbox.control("faults")
