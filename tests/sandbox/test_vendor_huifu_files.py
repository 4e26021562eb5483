"""Huifu's simulator: a day's files, how a `pay` may be numbered, genuine requests."""

import base64
import csv
import hashlib
import io
import json
import zipfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
)
from huifu_merchant import (
    FILES,
    PAY,
    REFUND,
    SEND,
    TODAY,
    WITHHOLD,
    Merchant,
    acknowledge,
    own_of,
)

from paycore.dev.huifu_keys import fresh

pytestmark = pytest.mark.usefixtures("one_hour")

VECTORS = Path(__file__).parents[3] / "shared/vectors/huifu_dg_sdk_2_0_28.json"


@pytest.fixture(scope="module")
def facts() -> tuple[dict[str, str], dict[str, str]]:
    return fresh()


@pytest.fixture(scope="module")
def vendors(facts: Any) -> dict[str, Any]:
    return {"huifu": {**facts[0], "rows_a_file": 3}}


@pytest.fixture
def merchant(sandbox: Any, facts: Any, post_box: Any) -> Merchant:
    post_box.answer = acknowledge
    post_box.taken.clear()
    return Merchant(sandbox, facts[1], f"{post_box.url}/n")


def fetch(merchant: Merchant, day: date) -> list[dict[str, str]]:
    """All lines of a trade day's files."""
    file_date = f"{day + timedelta(days=1):%Y%m%d}"
    _, said, signed = merchant.ask(
        FILES, **merchant.own(), file_date=file_date, bill_type="TRADE_BILL"
    )
    assert (True, "00000000", "S") == (
        signed,
        said["resp_code"],
        said["task_details"][0]["task_stat"],
    )
    lines = []
    for file in said.get("file_details", ()):
        got = merchant.sandbox.http("GET", file["download_url"])
        packed = zipfile.ZipFile(io.BytesIO(got.raw))
        [name] = packed.namelist()
        assert f"{name}.zip" == file["file_name"]
        lines += list(csv.DictReader(io.StringIO(packed.read(name).decode())))
    return lines


def test_statements_are_files_of_a_day(merchant: Merchant, sandbox: Any) -> None:
    """Charges and refunds of the day in Beijing, three lines a file as configured."""
    bound = merchant.bind("13800138018")
    paid = [merchant.withhold_fields(bound) for _ in range(3)]
    for fields in paid:
        merchant.ask(WITHHOLD, **fields)
    refund = merchant.refund_fields(paid[0], "2.34")
    merchant.ask(REFUND, **refund)
    today = (datetime.now(UTC) + timedelta(hours=8)).date()
    file_date = f"{today + timedelta(days=1):%Y%m%d}"
    early = merchant.ask(FILES, **merchant.own(), file_date=file_date)[1]
    control = f"{sandbox.info['control']}/control"
    tomorrow = json.dumps({"today": f"{today + timedelta(days=1)}"}).encode()
    sandbox.http("POST", f"{control}/statement_days", tomorrow)
    lines = fetch(merchant, today)
    plant = {"bank": "huifu", "date": f"{today}", "fault": "missing_refund"}
    sandbox.http("POST", f"{control}/statement_faults", json.dumps(plant).encode())
    struck = fetch(merchant, today)
    nothing = fetch(merchant, today - timedelta(days=1))
    sandbox.http("DELETE", f"{control}/statement_faults")
    sandbox.http("POST", f"{control}/statement_days", b'{"today":null}')
    of_mine = {line["req_seq_id"]: line for line in lines}
    charge, back = of_mine[paid[0]["req_seq_id"]], of_mine[refund["req_seq_id"]]

    assert "P" == early["task_details"][0]["task_stat"]
    assert "file_details" not in early
    assert len(lines) > 3
    assert len(lines) - 1 == len(struck)
    assert [] == nothing
    assert ("WITHHOLD_PAY", TODAY, "12.34", "0.05", "CNY", "S", "消费") == (
        charge["trans_type"],
        charge["req_date"],
        charge["trans_amt"],
        charge["fee_amt"],
        charge["currency"],
        charge["trans_stat"],
        charge["remark"],
    )
    assert merchant.query(paid[0])["hf_seq_id"] == charge["hf_seq_id"]
    assert ("TRANS_REFUND", "2.34", paid[0]["req_seq_id"]) == (
        back["trans_type"],
        back["trans_amt"],
        back["org_req_seq_id"],
    )


def test_a_file_may_be_spoilt(merchant: Merchant, sandbox: Any) -> None:
    """Cut in the middle of a line, or in another encoding; a day later, or not."""
    bound = merchant.bind("13800138019")
    merchant.ask(WITHHOLD, **merchant.withhold_fields(bound))
    today = (datetime.now(UTC) + timedelta(hours=8)).date()
    control = f"{sandbox.info['control']}/control"
    tomorrow = json.dumps({"today": f"{today + timedelta(days=1)}"}).encode()
    sandbox.http("POST", f"{control}/statement_days", tomorrow)
    file_date = f"{today + timedelta(days=1):%Y%m%d}"
    asked = {**merchant.own(), "file_date": file_date}
    last = merchant.ask(FILES, **asked)[1]["file_details"][-1]["download_url"]
    spoilt = {}
    for fault in ("truncated", "wrong_encoding", "late:1"):
        plant = {"bank": "huifu", "date": f"{today}", "fault": fault}
        sandbox.http("POST", f"{control}/statement_faults", json.dumps(plant).encode())
        spoilt[fault] = merchant.ask(FILES, **asked)[1]["task_details"][0]["task_stat"]
        raw = sandbox.http("GET", last).raw
        packed = zipfile.ZipFile(io.BytesIO(raw))
        spoilt[f"{fault} file"] = packed.read(packed.namelist()[0])
        sandbox.http("DELETE", f"{control}/statement_faults")
    sandbox.http("POST", f"{control}/statement_days", b'{"today":null}')

    assert ["S", "S", "P"] == [
        spoilt[fault] for fault in ("truncated", "wrong_encoding", "late:1")
    ]
    assert not spoilt["truncated file"].endswith(b"\n")
    assert "消费" in spoilt["wrong_encoding file"].decode("gb18030")


def test_a_restart_forgets_nothing(own_sandbox: Any, facts: Any, post_box: Any) -> None:
    """Cards, orders by either number, and which numbers are used."""
    own_sandbox.end()
    own_sandbox.vendors = {"huifu": facts[0]}
    own_sandbox.start()
    post_box.answer = acknowledge
    merchant = Merchant(own_sandbox, facts[1], f"{post_box.url}/restart")
    bound = merchant.bind("13800138000")
    fields = merchant.withhold_fields(bound)
    paid = merchant.ask(WITHHOLD, **fields)[1]
    own_sandbox.end()
    own_sandbox.start()
    by_theirs = {"org_hf_seq_id": paid["hf_seq_id"], "org_req_seq_id": ""}
    again = merchant.ask(WITHHOLD, **fields)[1]
    more = merchant.ask(WITHHOLD, **merchant.withhold_fields(bound))[1]

    assert "S" == merchant.query(fields, **by_theirs)["trans_stat"]
    assert ("20000000", "S") == (again["resp_code"], more["trans_stat"])


def test_files_are_for_who_was_told(merchant: Merchant, sandbox: Any) -> None:
    """An address that was not given is 404."""
    guess = hashlib.sha256(b"guess").hexdigest()
    base = sandbox.info["banks"]["huifu"]
    for path in ("/files/", "/files/2026-01-02/1", f"/files/2026-01-02/1/{guess}"):
        assert 404 == sandbox.http("GET", base + path).status


def test_a_pay_may_have_a_number_of_its_own(
    facts: Any, post_box: Any, own_sandbox: Any
) -> None:
    """As `pay_links: org` has it: a fresh number, and the send's beside it."""
    own_sandbox.end()
    own_sandbox.vendors = {"huifu": {**facts[0], "pay_links": "org"}}
    own_sandbox.start()
    post_box.answer = acknowledge
    merchant = Merchant(own_sandbox, facts[1], f"{post_box.url}/org")
    bound = merchant.bind("13800138000")
    fields = merchant.send_fields(bound)
    merchant.ask(SEND, **fields)
    original = {"org_req_seq_id": fields["req_seq_id"], "org_req_date": TODAY}
    pay = {**merchant.own(), "sms_code": merchant.code("13800138000")}
    alone = merchant.ask(PAY, **pay)[1]
    same = merchant.ask(PAY, **{**pay, **original, **own_of(fields)})[1]
    paid = merchant.ask(PAY, **pay, **original)[1]
    told = post_box.wait_for(1, at="/org")[0]
    said = json.loads(dict(parse_qsl(told.decode()))["resp_data"])

    assert ("10000000", "20000000") == (alone["resp_code"], same["resp_code"])
    assert "S" == paid["trans_stat"] == merchant.query(pay)["trans_stat"]
    assert pay["req_seq_id"] == said["req_seq_id"]


def test_genuine_requests_pass_the_gate(own_sandbox: Any) -> None:
    """What the provider's own library signed is refused for other reasons only."""
    if not VECTORS.exists():
        pytest.skip("the recorded requests are not beside the repository")
    recorded = json.loads(VECTORS.read_bytes())
    key = load_der_public_key(base64.b64decode(recorded["merchant_public_key_b64"]))
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    names = {name: recorded[name] for name in ("sys_id", "product_id")}
    own_sandbox.end()
    keys = {**fresh()[0], **names, "huifu_id": recorded["sys_id"]}
    own_sandbox.vendors = {"huifu": {**keys, "merchant_public_key": pem}}
    own_sandbox.start()
    base = own_sandbox.info["banks"]["huifu"]
    for request in recorded["requests"]:
        body = request["body"]
        genuine = own_sandbox.http("POST", base + request["path"], body.encode())
        sent = json.loads(body)
        sent["data"]["req_date"] = "20260109"
        forged = own_sandbox.http(
            "POST", base + request["path"], json.dumps(sent).encode()
        )
        assert 200 == genuine.status
        assert 921 == forged.status
