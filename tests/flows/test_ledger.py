"""A ledger of a user's own beside real payments: away, answering twice, dying nodes."""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from refunding import paid, refund
from sql import ask
from stack import Stack, stacked

pytestmark = pytest.mark.long

SECRET = "cGF5Y29yZSBsZWRnZXIgdGVzdCBrZXkgMzIgb2N0ISE="
WITHIN_S = 60.0


class Books:
    """A ledger that books by id."""

    def __init__(self) -> None:
        self.down = False
        self.silent = 0
        """So many more are booked, and their answer is lost."""
        self.holds = False
        """Whether what is booked is not answered at all, for as long as that is so."""
        self.held, self.over = threading.Event(), threading.Event()
        self.told: Counter[str] = Counter()
        self.booked: dict[str, dict] = {}
        self.lock = threading.Lock()
        books = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["content-length"])
                status = books.take(json.loads(self.rfile.read(length)))
                if books.holds:
                    books.held.set()
                    books.over.wait(WITHIN_S)
                    self.close_connection = True
                    return
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/postings"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self, posting: dict) -> int:
        """One telling."""
        with self.lock:
            if self.down:
                return 503
            self.told[posting["posting_id"]] += 1
            self.booked.setdefault(posting["posting_id"], posting)
            if self.silent:
                self.silent -= 1
                return 502
            return 204

    def of(self, no: str) -> list[str]:
        """What was booked of a payment, in order."""
        return [
            posting["kind"]
            for posting in self.booked.values()
            if posting["pay_order_no"] == no
        ]


@pytest.fixture
def books() -> Iterator[Books]:
    """A ledger, over HTTP."""
    made = Books()
    yield made
    made.over.set()
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def told(books: Books) -> Iterator[Stack]:
    """A stack whose nodes tell it."""
    with stacked(ledger_url=books.url, ledger_secret=SECRET) as stack:
        yield stack


def _all_told(stack: Stack) -> None:
    deadline = time.monotonic() + WITHIN_S
    while True:
        ((left, kept),) = ask(
            stack,
            "SELECT count(*) FILTER (WHERE next_check_at IS NOT NULL), count(*)"
            " FROM accounting_feed",
        )
        if kept and not left:
            return
        assert time.monotonic() < deadline, f"{left} of {kept} are not told"
        time.sleep(0.2)


def test_accounting_that_is_away_or_told_twice_books_each_posting_once(
    books: Books, told: Stack
):
    """F53: payments go on meanwhile; then each posting is there, once, in order, and
    both books come to the same.
    """
    payer = told.payer()
    books.down = True
    numbers = [paid(payer) for _ in range(3)]
    assert "SUCCESS" == refund(payer, numbers[0], 40).json()["biz_status"]
    assert {} == books.booked
    books.silent, books.down = 2, False
    _all_told(told)

    assert ["PAYMENT", "REFUND"] == books.of(numbers[0])
    assert all(["PAYMENT"] == books.of(no) for no in numbers[1:])
    assert max(books.told.values()) > 1
    assert _sums(books) == dict(
        ask(
            told,
            "SELECT account, sum(amount)::bigint FROM accounting_balance"
            " GROUP BY account",
        )
    )


def _sums(books: Books) -> dict[str, int]:
    sums: Counter[str] = Counter()
    for posting in books.booked.values():
        for entry in posting["entries"]:
            sign = 1 if entry["side"] == "DEBIT" else -1
            sums[entry["account"]] += sign * entry["amount"]
    return dict(sums)


def test_a_node_killed_while_it_tells_loses_no_posting(books: Books, told: Stack):
    """F53: another node, or its next life, tells what it had in hand: what was booked
    and not answered comes once more, and what had not left comes at all.
    """
    payer = told.payer()
    books.holds = True
    numbers = [paid(payer) for _ in range(5)]
    assert books.held.wait(WITHIN_S)
    told.nodes[0].kill()
    books.holds = False
    told.start_node()
    _all_told(told)

    assert all(["PAYMENT"] == books.of(no) for no in numbers)
    assert max(books.told.values()) > 1
