"""The protocol over real HTTP: signatures, carriers, notices, restarts."""

import json
import signal
import time
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest
from standardwebhooks.webhooks import Webhook

from ports import free_row

WEBHOOK_SECRET = "whsec_d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3"


def test_strangers_are_turned_away(sandbox: Any) -> None:
    """Without a right signature the answer is an unsigned 401 and nothing happens."""
    fields = sandbox.deduct_fields()
    body = json.dumps(fields).encode()
    url = f"{sandbox.info['banks']['deduct_a']}/v1/deduct"
    old = str(int(time.time()) - 301)
    bad = {"X-Merchant": "m1", "X-Timestamp": old, "X-Signature": "00"}
    for headers in ({}, bad, {**bad, "X-Timestamp": str(int(time.time()))}):
        answer = sandbox.http("POST", url, body, headers)
        assert (401, {"code": "BAD_SIGNATURE"}) == (answer.status, answer.body)

    assert [] == sandbox.charges(fields)


@pytest.mark.parametrize(
    "change",
    [
        {"amount": 0},
        {"amount": "12"},
        {"amount": 1.5},
        {"currency": "cny"},
        {"request_id": "no/slash"},
        {"card_enc": "AAAA"},
        {"pay_order_no": "P" * 29},
    ],
)
def test_malformed_fields_are_a_signed_refusal(
    sandbox: Any, change: dict[str, Any]
) -> None:
    """A wrong field is FAIL and BAD_REQUEST, and the request number stays free."""
    fields = sandbox.deduct_fields()
    answer = sandbox.call("deduct_a", "deduct", {**fields, **change})
    again = sandbox.call("deduct_a", "deduct", fields)

    assert (200, True) == (answer.status, answer.signed)
    assert ("FAIL", "BAD_REQUEST") == (answer.body["status"], answer.body["code"])
    assert "SUCCESS" == again.body["status"]


def test_quick_pay_by_the_banks_own_code(sandbox: Any) -> None:
    """The bank texts a code; the confirm with it charges under the same request."""
    phone = "+8613800138001"
    fields = sandbox.deduct_fields(phone=phone)
    sent = sandbox.call("quick_a", "send_code", fields).body
    text = sandbox.control(f"sms?phone={quote(phone)}")[-1]
    confirm = {**fields, "code": text["code"]}
    del confirm["card_enc"]
    paid = sandbox.call("quick_a", "confirm", confirm).body
    money = {"original_request_id": fields["request_id"], "currency": "CNY"}
    money |= {"pay_order_no": fields["pay_order_no"], "amount": 234}
    back = sandbox.call("quick_a", "refund", {**money, "request_id": sandbox.new_id()})

    assert ("SUCCESS", None) == (sent["status"], sent["amount"])
    assert {"phone", "text", "code", "carrier", "at"} == set(text)
    assert ("quick_a", phone) == (text["carrier"], text["phone"])
    assert ("SUCCESS", 1234) == (paid["status"], paid["amount"])
    assert "SUCCESS" == back.body["status"]
    assert [("charge", 1234), ("refund", 234)] == [
        (move["kind"], move["amount"]) for move in sandbox.charges(fields)
    ]


def test_a_carrier_delivers_what_it_is_given(sandbox: Any) -> None:
    """A text shows at the control with its code; a declined one does not."""
    url = f"{sandbox.info['carriers']['a']}/v1/send"
    fields = {"request_id": "S1", "phone": "+8613800138002", "text": "your code 123456"}
    fields["sign"] = "paycore"
    more = {"params": {"code": "123456"}}
    sent = sandbox.signed_post(url, {**fields, **more})
    sandbox.fault("carrier.a.send", "decline:MAINTENANCE")
    declined = sandbox.signed_post(url, fields)
    texts = sandbox.control("sms?phone=+8613800138002")

    assert (True, "SUCCESS") == (sent.signed, sent.body["status"])
    assert ("FAIL", "MAINTENANCE") == (declined.body["status"], declined.body["code"])
    assert [("123456", "a")] == [(text["code"], text["carrier"]) for text in texts]


def test_notices_are_verified_and_kept(sandbox: Any) -> None:
    """A notice signed by Standard Webhooks is 204 and verified; a forged one 400."""
    payload = {"type": "payment.succeeded", "data": {"pay_order_no": "PN1"}}
    body = json.dumps(payload).encode()
    moment = datetime.now(UTC)
    webhook = Webhook(WEBHOOK_SECRET)
    headers = {"webhook-id": "n1", "webhook-timestamp": str(int(moment.timestamp()))}
    headers["webhook-signature"] = webhook.sign("n1", moment, body.decode())
    good = sandbox.http("POST", sandbox.info["biz"], body, headers)
    forged = {**headers, "webhook-signature": "v1,AAAA"}
    bad = sandbox.http("POST", sandbox.info["biz"], body, forged)
    sandbox.fault("biz.notice", "decline:410", count=1)
    gone = sandbox.http("POST", sandbox.info["biz"], body, headers)
    notices = sandbox.control("notices?pay_order_no=PN1")

    assert (204, 400, 410) == (good.status, bad.status, gone.status)
    assert [True, False] == [notice["verified"] for notice in notices]
    assert ("n1", "payment.succeeded", payload) == (
        notices[0]["id"],
        notices[0]["type"],
        notices[0]["payload"],
    )


def test_a_body_has_a_limit(sandbox: Any) -> None:
    """More than 64 KiB is refused."""
    url = f"{sandbox.info['banks']['deduct_a']}/v1/deduct"

    assert 413 == sandbox.http("POST", url, b" " * (64 * 1024 + 1)).status


def test_a_kill_forgets_nothing(own_sandbox: Any) -> None:
    """After kill -9 charges, texts and what is PROCESSING are there; faults are not."""
    paid, due = own_sandbox.deduct_fields(), own_sandbox.deduct_fields()
    own_sandbox.call("deduct_a", "deduct", paid)
    own_sandbox.call("quick_b", "send_code", own_sandbox.deduct_fields())
    own_sandbox.fault("bank.deduct_b.deduct", "processing:0.2")
    own_sandbox.call("deduct_b", "deduct", due)
    own_sandbox.end(signal.SIGKILL)
    own_sandbox.start()
    give_up = time.monotonic() + 60
    while not own_sandbox.charges(due) and time.monotonic() < give_up:
        time.sleep(0.02)

    assert [] == own_sandbox.control("faults")
    assert {"charges": 2, "refunds": 0, "sms": 1, "notices": 0} == (
        own_sandbox.control("stats")
    )
    assert "DUPLICATE" == own_sandbox.call("deduct_a", "deduct", paid).body["status"]
    assert 2 == len(own_sandbox.control("charges"))


def test_it_ends_cleanly_and_comes_back_where_it_was(own_sandbox: Any) -> None:
    """SIGTERM is exit code 0; with a port given the addresses outlive a restart."""
    own_sandbox.port = free_row()
    assert 0 == own_sandbox.end()
    own_sandbox.start()
    first = own_sandbox.info
    assert 0 == own_sandbox.end()
    own_sandbox.start()

    assert own_sandbox.info == first == own_sandbox.control("info")


def test_it_ends_with_its_standard_input(own_sandbox: Any) -> None:
    """With --watch-stdin the end of the pipe is the end of the sandbox."""
    own_sandbox.end()
    own_sandbox.start("--watch-stdin")
    own_sandbox.process.stdin.close()

    assert 0 == own_sandbox.process.wait(60)
    own_sandbox.process.stdout.close()
