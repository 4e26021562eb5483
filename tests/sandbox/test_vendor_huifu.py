"""Huifu's simulator over real HTTP: what it takes, refuses, says and tells."""

import base64
import json
import time
from typing import Any
from urllib.parse import parse_qsl

import pytest
from huifu_merchant import (
    APPLY,
    CARDS,
    CHECK,
    CONFIRM,
    PAY,
    REFUND,
    REFUND_QUERY,
    SEND,
    TODAY,
    UNBIND,
    WITHHOLD,
    Merchant,
    acknowledge,
    own_of,
)

from paycore.dev.huifu_keys import fresh


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


def decline_of(said: dict[str, Any]) -> tuple[Any, Any, Any]:
    return said["resp_code"], said.get("trans_stat"), said.get("bank_code")


def test_quick_pay_from_signing_to_refund(merchant: Merchant, post_box: Any) -> None:
    """A card is bound by a code, paid with by another, asked after, and refunded."""
    bound = merchant.bind("13800138000")
    fields = merchant.send_fields(bound)
    _, sent, sent_signed = merchant.ask(SEND, **fields)
    opened = merchant.query(fields)
    own = {k: fields[k] for k in ("req_seq_id", "req_date")}
    pay = {**own, "sms_code": merchant.code("13800138000")}
    _, paid, paid_signed = merchant.ask(PAY, **pay)
    found = merchant.query(fields)
    by_theirs = {"org_hf_seq_id": paid["hf_seq_id"], "org_req_seq_id": ""}
    refund = merchant.refund_fields(fields, "2.34")
    _, back, back_signed = merchant.ask(REFUND, **refund)
    original = {"org_req_seq_id": refund["req_seq_id"], "org_req_date": TODAY}
    _, asked, _ = merchant.ask(REFUND_QUERY, **original)

    assert (True, True, True) == (sent_signed, paid_signed, back_signed)
    assert ("00000000", "S", None) == (
        sent["resp_code"],
        sent["sms_send_stat"],
        sent.get("trans_stat"),
    )
    assert "I" == opened["trans_stat"]
    assert ("00000000", "S", "12.34") == (
        paid["resp_code"],
        paid["trans_stat"],
        paid["trans_amt"],
    )
    assert ("QUICK_PAY", sent["hf_seq_id"]) == (paid["trans_type"], paid["hf_seq_id"])
    assert ("S", "12.34", "0.05", "00") == (
        found["trans_stat"],
        found["trans_amt"],
        found["fee_amt"],
        found["bank_code"],
    )
    assert found == merchant.query(fields, **by_theirs)
    assert ("S", "2.34") == (back["trans_stat"], back["ord_amt"])
    assert ("S", "2.34") == (asked["trans_stat"], asked["ord_amt"])
    assert [("charge", 1234), ("refund", 234)] == merchant.charges(fields)


def test_withholding_is_told(merchant: Merchant, post_box: Any) -> None:
    """Money is told by a form whose text is signed as it is, until it is heard."""
    bound = merchant.bind("13800138001")
    fields = merchant.withhold_fields(bound, remark="<a> & b")
    own = fields["req_seq_id"]
    post_box.answer = lambda body: acknowledge(body) * (len(post_box.about(own)) > 1)
    _, paid, signed = merchant.ask(WITHHOLD, **fields)
    bodies = post_box.wait_for(2, about=own)
    form = dict(parse_qsl(bodies[0].decode()))
    said = json.loads(form["resp_data"])

    assert (True, "S", "12.34") == (signed, paid["trans_stat"], paid["trans_amt"])
    assert 2 == len(bodies)
    assert merchant.is_huifus(form["sign"], form["resp_data"].encode())
    assert r"\u003ca\u003e \u0026 b" in form["resp_data"]
    assert ("00000000", "S", fields["req_seq_id"], TODAY, "12.34", "0.05") == (
        form["resp_code"],
        said["trans_stat"],
        said["req_seq_id"],
        said["req_date"],
        said["trans_amt"],
        said["fee_amt"],
    )


def test_a_notification_wants_its_own_words(merchant: Merchant, post_box: Any) -> None:
    """Any other answer than the words with its number is none: it comes again."""
    bound = merchant.bind("13800138002")
    post_box.answer = lambda body: acknowledge(body) + b"\n"
    fields = merchant.withhold_fields(bound)
    merchant.ask(WITHHOLD, **fields)
    own = fields["req_seq_id"]
    post_box.wait_for(3, about=own)
    time.sleep(1.2)

    assert 3 == len(post_box.about(own))


def test_a_refund_is_told_with_its_charge(merchant: Merchant, post_box: Any) -> None:
    """The notification of a refund names the charge and what went back of it."""
    bound = merchant.bind("13800138003")
    fields = merchant.withhold_fields(bound)
    merchant.ask(WITHHOLD, **fields)
    for amount in ("1.00", "2.00"):
        refund = merchant.refund_fields(fields, amount)
        merchant.ask(REFUND, **refund, notify_url=f"{merchant.notify_url}/r")
    bodies = post_box.wait_for(2, at="/n/r")
    told = [json.loads(dict(parse_qsl(b.decode()))["resp_data"]) for b in bodies]
    # On a busy machine they may come in either order.
    _, said = sorted(told, key=lambda one: one["ord_amt"])

    assert (fields["req_seq_id"], TODAY, "2.00", "2.00", "3.00") == (
        said["org_req_seq_id"],
        said["org_req_date"],
        said["ord_amt"],
        said["actual_ref_amt"],
        said["total_ref_amt"],
    )


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"sys_id": "6666000100000009"}, 923),
        ({"product_id": "OTHER"}, 922),
        ({"sign": "AAAA"}, 921),
        ({"sign": "no base64"}, 921),
        ({"data": {"req_seq_id": "1"}}, 921),
        ({"data": "text"}, 921),
    ],
)
def test_the_gate_turns_strangers_away(
    merchant: Merchant, change: dict[str, Any], status: int
) -> None:
    """Another system, product or signature, or something else than was signed."""
    data = {"huifu_id": merchant.facts["huifu_id"], **merchant.own()}
    names = {name: merchant.facts[name] for name in ("sys_id", "product_id")}
    body = {**names, "sign": merchant.sign(data), "data": data, **change}
    answer = merchant.post(PAY, body)

    assert status == answer.status
    assert "sign" not in answer.body


def test_a_changed_value_breaks_the_signature(merchant: Merchant) -> None:
    """One more letter, one field less, or one more: each is another request."""
    data = {
        "huifu_id": merchant.facts["huifu_id"],
        **merchant.own(),
        "sms_code": "1234",
    }
    names = {name: merchant.facts[name] for name in ("sys_id", "product_id")}
    sign = merchant.sign(data)
    other = {**data, "sms_code": "1235"}
    less = {k: v for k, v in data.items() if k != "req_date"}
    for changed in (other, less, {**data, "remark": "x"}):
        answer = merchant.post(PAY, {**names, "sign": sign, "data": changed})
        assert 921 == answer.status
    # An empty value is not signed.
    again = merchant.post(PAY, {**names, "sign": sign, "data": {**data, "remark": ""}})

    assert 200 == again.status


def without(name: str) -> dict[str, Any]:
    return {name: ""}


@pytest.mark.parametrize(
    "change",
    [
        *map(without, ("req_seq_id", "req_date", "user_huifu_id", "card_bind_id")),
        *map(without, ("trans_amt", "notify_url", "nucc_data")),
        *map(without, ("terminal_device_data", "risk_check_data")),
        {"nucc_data": '{"goods_short_name":"x"}'},
        {"nucc_data": {"goods_short_name": "x", "gw_chnnl_tp": "1", "biz_tp": "1"}},
        {"risk_check_data": "{}"},
        {"trans_amt": "12.3"},
        {"trans_amt": "0.00"},
        {"trans_amt": "012.34"},
        {"trans_amt": 12},
        {"req_date": "20260231"},
        {"req_seq_id": "a/b"},
        {"req_seq_id": "x" * 33},
        {"notify_url": "http://127.0.0.1/n?a=1"},
        {"notify_url": "ftp://127.0.0.1/n"},
        {"card_bind_id": "unknown"},
        {"user_huifu_id": "6666000000000000"},
        {"huifu_id": "6666000000000000"},
    ],
)
def test_what_is_missing_or_malformed_is_refused(
    merchant: Merchant, change: dict[str, Any]
) -> None:
    """A signed 10000000 without `trans_stat`: nothing is recorded under the number."""
    bound = merchant.bind("13800138004")
    fields = merchant.send_fields(bound)
    status, said, signed = merchant.ask(SEND, **{**fields, **change})
    again = merchant.ask(SEND, **fields)[1]

    assert (200, True, "10000000") == (status, signed, said["resp_code"])
    assert {"hf_seq_id", "trans_stat"}.isdisjoint(said)
    assert "00000000" == again["resp_code"]


def test_secret_fields_must_open(merchant: Merchant) -> None:
    """What is not encrypted for Huifu, or is no card when it is opened, is refused."""
    for change in (
        {"card_no": "6222020000000000"},
        {"card_no": base64.b64encode(b"x" * 256).decode()},
        {"card_no": merchant.sealed("no card")},
        {"mobile_no": merchant.sealed("+8613800138005")},
        {"cert_end_date": ""},
    ):
        fields = merchant.apply_fields("13800138005", "6222020000000000")
        said = merchant.ask(APPLY, **{**fields, **change})[1]
        assert "10000000" == said["resp_code"]


def test_numbers_are_used_once_a_day(merchant: Merchant) -> None:
    """20000000 for whatever is sent again; another day's is another order."""
    bound = merchant.bind("13800138006")
    fields = merchant.withhold_fields(bound)
    first = merchant.ask(WITHHOLD, **fields)[1]
    again = merchant.ask(WITHHOLD, **fields)[1]
    other = merchant.ask(SEND, **merchant.send_fields(bound, **own_of(fields)))[1]
    refund = merchant.refund_fields(fields, "1.00") | own_of(fields)
    taken = merchant.ask(REFUND, **refund)[1]
    elsewhen = merchant.ask(WITHHOLD, **{**fields, "req_date": "20200101"})[1]

    assert "S" == first["trans_stat"] == elsewhen["trans_stat"]
    assert {"20000000"} == {said["resp_code"] for said in (again, other, taken)}
    assert "trans_stat" not in again
    assert first["hf_seq_id"] != elsewhen["hf_seq_id"]
    assert [("charge", 1234)] * 2 == merchant.charges(fields)


def test_what_is_not_there_is_23000001(merchant: Merchant) -> None:
    """An order is found by its number and its day together, and as what it is."""
    bound = merchant.bind("13800138007")
    fields = merchant.withhold_fields(bound)
    unknown = merchant.query(fields)
    merchant.ask(WITHHOLD, **fields)
    other_day = merchant.query(fields, org_req_date="20200101")
    original = {"org_req_seq_id": fields["req_seq_id"], "org_req_date": TODAY}
    no_refund = merchant.ask(REFUND_QUERY, **original)[1]
    no_charge = merchant.ask(REFUND, **merchant.refund_fields(merchant.own(), "1.00"))[
        1
    ]
    no_send = merchant.ask(PAY, **own_of(fields), sms_code="123456")[1]
    found = [unknown, other_day, no_refund, no_charge, no_send]

    assert {"23000001"} == {said["resp_code"] for said in found}
    assert [(TODAY, True), ("20200101", True)] == [
        (said["org_req_date"], fields["req_seq_id"] == said["org_req_seq_id"])
        for said in (unknown, other_day)
    ]
    assert all("trans_stat" not in said for said in found)


def test_codes_are_checked(merchant: Merchant) -> None:
    """A wrong one is 71 and leaves the order open; a check of it is no try."""
    bound = merchant.bind("13800138008")
    fields = merchant.send_fields(bound)
    merchant.ask(SEND, **fields)
    code = merchant.code("13800138008")
    wrong = "000000" if code != "000000" else "000001"
    original = {"org_req_seq_id": fields["req_seq_id"], "org_req_date": TODAY}
    for _ in range(6):
        checked = merchant.ask(CHECK, **merchant.own(), **original, sms_code=wrong)[1]
    right = merchant.ask(CHECK, **merchant.own(), **original, sms_code=code)[1]
    missed = merchant.ask(PAY, **own_of(fields), sms_code=wrong)[1]
    still = merchant.query(fields)
    paid = merchant.ask(PAY, **own_of(fields), sms_code=code)[1]
    twice = merchant.ask(PAY, **own_of(fields), sms_code=code)[1]

    assert ("90000000", None, "71") == decline_of(checked) == decline_of(missed)
    assert "00000000" == right["resp_code"]
    assert "I" == still["trans_stat"]
    assert ("S", "20000000") == (paid["trans_stat"], twice["resp_code"])


def test_five_wrong_codes_end_an_order(merchant: Merchant) -> None:
    """Then it is failed for good, whatever is tried."""
    bound = merchant.bind("13800138009")
    fields = merchant.send_fields(bound)
    merchant.ask(SEND, **fields)
    code = merchant.code("13800138009")
    wrong = "000000" if code != "000000" else "000001"
    for _ in range(5):
        merchant.ask(PAY, **own_of(fields), sms_code=wrong)
    late = merchant.ask(PAY, **own_of(fields), sms_code=code)[1]

    assert ("90000000", "F", "72") == decline_of(late)
    assert ("00000000", "F", "72") == decline_of(merchant.query(fields))


def test_an_agreement_ends(merchant: Merchant) -> None:
    """An unbound card is not listed, not charged, and cannot be unbound again."""
    bound = merchant.bind("13800138010")
    customer = {"out_cust_id": "C13800138010"}
    listed = merchant.ask(CARDS, **merchant.own(), **customer)[1]
    token = {"token_no": bound["card_bind_id"], **customer}
    merchant.sandbox.fault("bank.huifu.revoke", "decline:87654321", count=1)
    turned_away = merchant.ask(UNBIND, **merchant.own(), **token)[1]
    _, ended, _ = merchant.ask(UNBIND, **merchant.own(), **token)
    again = merchant.ask(UNBIND, **merchant.own(), **token)[1]
    left = merchant.ask(CARDS, **merchant.own(), **customer)[1]
    refused = merchant.ask(WITHHOLD, **merchant.withhold_fields(bound))[1]

    assert [bound["card_bind_id"]] == [
        card["token_no"] for card in json.loads(listed["card_list"])
    ]
    assert bound["user_huifu_id"] == listed["user_huifu_id"]
    assert "87654321" == turned_away["resp_code"]
    assert "trans_status" not in turned_away
    assert ("00000000", "S") == (ended["resp_code"], ended["trans_status"])
    assert ("23000001", "[]") == (again["resp_code"], left["card_list"])
    assert ("10000000", None) == (refused["resp_code"], refused.get("trans_stat"))


def test_a_confirm_has_a_number_of_its_own(merchant: Merchant) -> None:
    """The apply's number is used: 20000000. A wrong code is told, no card given."""
    applied = merchant.apply_fields("13800138011", "6222020000000000")
    merchant.ask(APPLY, **applied)
    original = {"org_req_seq_id": applied["req_seq_id"], "org_req_date": TODAY}
    code = merchant.code("13800138011")
    wrong = "000000" if code != "000000" else "000001"
    same = merchant.ask(CONFIRM, **own_of(applied), **original, verify_code=code)[1]
    missed = merchant.ask(CONFIRM, **merchant.own(), **original, verify_code=wrong)[1]
    other_day = {**original, "org_req_date": "20200101"}
    lost = merchant.ask(CONFIRM, **merchant.own(), **other_day, verify_code=code)[1]

    assert ("20000000", "23000001") == (same["resp_code"], lost["resp_code"])
    assert ("90000000", None, "71") == decline_of(missed)
    assert "token_no" not in missed


@pytest.mark.parametrize(
    ("number", "bank_code"),
    [("6228480000000007", "64"), ("6228480000000015", "33")],
)
def test_banks_verdicts_have_codes(
    merchant: Merchant, number: str, bank_code: str
) -> None:
    """A bank's no is `trans_stat` F with the bank's own code, and stays so."""
    bound = merchant.bind("13800138012", number)
    fields = merchant.withhold_fields(bound)
    said = merchant.ask(WITHHOLD, **fields)[1]

    assert ("90000000", "F", bank_code) == decline_of(said)
    assert ("00000000", "F", bank_code) == decline_of(merchant.query(fields))
    assert [] == merchant.charges(fields)


def test_refunds_have_limits(merchant: Merchant) -> None:
    """Not before the end, not more than there was, and nothing is kept of a no."""
    bound = merchant.bind("13800138013")
    opened = merchant.send_fields(bound)
    merchant.ask(SEND, **opened)
    early = merchant.ask(REFUND, **merchant.refund_fields(opened, "1.00"))[1]
    fields = merchant.withhold_fields(bound)
    merchant.ask(WITHHOLD, **fields)
    most = merchant.ask(REFUND, **merchant.refund_fields(fields, "12.00"))[1]
    over = merchant.refund_fields(fields, "0.35")
    more = merchant.ask(REFUND, **over)[1]
    rest = merchant.ask(REFUND, **{**over, "ord_amt": "0.34"})[1]

    assert ("10000001", "10000002") == (early["resp_code"], more["resp_code"])
    assert ("S", "S") == (most["trans_stat"], rest["trans_stat"])
    assert [1234, 1200, 34] == [amount for _, amount in merchant.charges(fields)]


def test_faults_of_what_is_said(merchant: Merchant, sandbox: Any) -> None:
    """Any `resp_code` as it is, any bank's code, a wrong signature, another amount."""
    bound = merchant.bind("13800138014")
    target = "bank.huifu.deduct"
    told = {}
    for fault in (
        "decline:98888888",
        "decline:05",
        "decline:OVER_LIMIT",
        "bad_signature",
        "wrong_amount",
    ):
        sandbox.clear()
        sandbox.fault(target, fault)
        _, said, signed = merchant.ask(WITHHOLD, **merchant.withhold_fields(bound))
        told[fault] = (*decline_of(said), said.get("trans_amt"), signed)

    assert ("98888888", None, None, None, True) == told["decline:98888888"]
    assert ("90000000", "F", "05", "12.34", True) == told["decline:05"]
    assert ("90000000", "F", "33", "12.34", True) == told["decline:OVER_LIMIT"]
    assert ("00000000", "S", None, "12.34", False) == told["bad_signature"]
    assert ("00000000", "S", None, "12.35", True) == told["wrong_amount"]


def test_a_question_may_be_lied_to(merchant: Merchant, sandbox: Any) -> None:
    """A decline of the question alone leaves the order as it is."""
    bound = merchant.bind("13800138015")
    fields = merchant.withhold_fields(bound)
    merchant.ask(WITHHOLD, **fields)
    sandbox.fault("bank.huifu.enquire", "decline:20000001", count=1)
    lied = merchant.query(fields)
    sandbox.fault("bank.huifu.enquire", "processing:1", count=1)
    late = merchant.query(fields)

    assert ("20000001", None) == (lied["resp_code"], lied.get("trans_stat"))
    assert ("00000000", "P") == (late["resp_code"], late["trans_stat"])
    assert "S" == merchant.query(fields)["trans_stat"]


def notice_of(fields: dict[str, str], post_box: Any) -> dict[str, Any]:
    """What is told of this order; another's notice may arrive as late as now."""
    deadline = time.monotonic() + 60
    while True:
        for body in post_box.wait_for(1):
            told = json.loads(dict(parse_qsl(body.decode()))["resp_data"])
            if told["req_seq_id"] == fields["req_seq_id"]:
                return told
        assert time.monotonic() < deadline, post_box.taken
        time.sleep(0.05)


def test_processing_is_p_until_it_settles(
    merchant: Merchant, sandbox: Any, post_box: Any
) -> None:
    """00000100 and P; in due time it is S, and told."""
    bound = merchant.bind("13800138016")
    fields = merchant.withhold_fields(bound)
    sandbox.fault("bank.huifu.deduct", "processing:3")
    said = merchant.ask(WITHHOLD, **fields)[1]
    early = merchant.query(fields)
    refused = merchant.ask(REFUND, **merchant.refund_fields(fields, "1.00"))[1]
    settled = notice_of(fields, post_box)

    assert ("00000100", "P", None) == decline_of(said)
    assert ("P", "10000001") == (early["trans_stat"], refused["resp_code"])
    assert "S" == settled["trans_stat"] == merchant.query(fields)["trans_stat"]


@pytest.mark.parametrize(
    ("fault", "charges"), [("timeout_before", 0), ("timeout_after", 1)]
)
def test_timeouts(merchant: Merchant, sandbox: Any, fault: str, charges: int) -> None:
    """Before: nothing was done, and the number is free. After: it was."""
    bound = merchant.bind("13800138017")
    fields = merchant.withhold_fields(bound)
    data = {"huifu_id": merchant.facts["huifu_id"], **fields}
    names = {name: merchant.facts[name] for name in ("sys_id", "product_id")}
    sandbox.fault("bank.huifu.deduct", fault, count=1)
    with pytest.raises(TimeoutError):
        merchant.post(
            WITHHOLD, {**names, "sign": merchant.sign(data), "data": data}, timeout=0.4
        )

    assert charges == len(merchant.charges(fields, count=charges))
    expected = "S" if charges else None
    assert expected == merchant.query(fields).get("trans_stat")
