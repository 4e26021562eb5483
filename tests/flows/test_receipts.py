"""A text by another carrier than the sandbox's, and its receipt: over real HTTP, from
the order to the timeline.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx2 as httpx
import pytest
from facts import paid_once
from inside import inside, taken_up
from stack import BANKS_OF, PATIENCE_S, TICKETS, Stack

from paycore.sms import registry

TOKEN = "flow-receipts-of-tencent"
CONFIG = {
    "secret_id": "id",
    "secret_key": "key",
    "app_id": "1400006666",
    "template": "1110",
    "receipt_token": TOKEN,
}


class Provider:
    """Takes every text, and numbers them by their phones."""

    def __init__(self) -> None:
        self.texts: list[dict] = []
        took = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                size = int(self.headers["content-length"])
                answer = took.take(json.loads(self.rfile.read(size)))
                self.send_response(200)
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def take(self, text: dict) -> bytes:
        """A yes."""
        self.texts.append(text)
        status = {
            "Code": "Ok",
            "SerialNo": self.number(text["PhoneNumberSet"][0]),
            "PhoneNumber": text["PhoneNumberSet"][0],
            "SessionContext": text["SessionContext"],
        }
        return json.dumps({"Response": {"SendStatusSet": [status]}}).encode()

    def codes(self, phone: str) -> list[str]:
        """What it texted to a phone."""
        return [
            text["TemplateParamSet"][0]
            for text in self.texts
            if text["PhoneNumberSet"] == [phone]
        ]

    def number(self, phone: str) -> str:
        """What it calls the text to a phone."""
        return f"5000:{phone[-6:]}"


@contextmanager
def serving() -> Iterator[Provider]:
    """A provider that listens."""
    provider = Provider()
    thread = threading.Thread(target=provider.server.serve_forever)
    thread.start()
    yield provider
    provider.server.shutdown()
    provider.server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def provider(running: Stack) -> Iterator[Provider]:
    """One whose carrier file is `tencent`, tried before the sandbox's carriers."""
    with serving() as made:
        inside(
            running,
            lambda node: registry.save(
                node,
                carrier="tencent",
                driver="tencent",
                base_url=made.url,
                credentials=CONFIG,
                priority=-1,
            ),
        )
        taken_up(running)
        yield made
        inside(running, lambda node: registry.switch(node, "tencent", enabled=False))
        taken_up(running)


def post(payer, token: str, number: str) -> httpx.Response:
    """Post a receipt to the payer's node, as a stranger does."""
    report = {
        "user_receive_time": "2026-11-30 07:30:09",
        "nationcode": "86",
        "mobile": payer.phone[3:],
        "report_status": "FAIL",
        "errmsg": "UNDELIV",
        "sid": number,
    }
    address = f"{payer.api.base_url}/receipts/tencent/{token}"
    return httpx.post(address, json=[report], timeout=PATIENCE_S)


def told(payer, no: str) -> list[str]:
    """What the order's timeline says of receipts."""
    items = payer.api.get(f"/v1/payments/{no}/timeline").json()["items"]
    return [
        item["detail"]["verdict"]
        for item in items
        if item["title"].startswith("RECEIPT ")
    ]


def test_a_receipt_reaches_the_timeline_and_nothing_else(stack: Stack, provider):
    """F13: a report that says failed is shown once, however often it is told, and the
    code that the payer has all the same still pays.
    """
    payer = stack.payer(TICKETS)
    no = payer.open().json()["pay_order_no"]
    (code,) = provider.codes(payer.phone)
    number = provider.number(payer.phone)

    strangers = [post(payer, "flow-receipts-of-nobody", number), post(payer, "x", "")]
    assert [400, 400] == [answer.status_code for answer in strangers]
    assert [] == told(payer, no)
    answers = [post(payer, TOKEN, sid) for sid in (number, number, "5000:nobodys")]
    assert [(200, {"result": 0, "errmsg": "OK"})] * 3 == [
        (answer.status_code, answer.json()) for answer in answers
    ]
    assert ["NOT_DELIVERED UNDELIV"] == told(payer, no)
    assert "DOING" == payer.get(no)["biz_status"]
    payer.confirm(no, code)
    payer.until(no)
    paid_once(payer, no, at=BANKS_OF[TICKETS])
    shown = payer.api.get(f"/v1/payments/{no}/timeline").text
    assert [] == [secret for secret in (code, payer.phone[1:]) if secret in shown]
