"""UnionPay's simulator over real HTTP, driven by a merchant of his own writing."""

import base64
import hashlib
import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from unionpay_merchant import BACK, QUERY, Merchant, beijing, parse_reply

from paycore.dev import certificates
from paycore.sandbox.vendors import unionpay_ways as ways
from paycore.sandbox.vendors import unionpay_wire as theirs

MER_ID = "777290058110097"
EARLIER = {"token": "62350000000000000000", "number": "6222020000000000"}
EARLIER |= {"phone": "+8618100000000"}
VECTORS = Path(__file__).parents[3] / "shared" / "vectors"
INSUFFICIENT, LOST = "6228480000000007", "6228480000000023"


@pytest.fixture(scope="module")
def keys() -> certificates.UnionPayKeys:
    return certificates.unionpay(MER_ID, datetime.now(UTC))


@pytest.fixture(scope="module")
def running_up(keys: Any, start_with: Any) -> Any:
    """A sandbox in the middle of rotating its encryption certificate."""
    config = {**keys.simulator, **keys.newer, "agreements": [EARLIER]}
    return start_with({"unionpay": config})


@pytest.fixture
def merchant(keys: Any, running_up: Any, hearing: Any) -> Any:
    running_up.clear()
    url = f"{hearing.url}/notify"
    yield Merchant(sandbox=running_up, facts=keys.merchant, back_url=url)
    running_up.clear()


@pytest.fixture(scope="module")
def token(keys: Any, running_up: Any, hearing: Any) -> str:
    url = f"{hearing.url}/notify"
    return Merchant(sandbox=running_up, facts=keys.merchant, back_url=url).token()


def heard(hearing: Any, order: dict[str, str], **kw: Any) -> list[dict[str, str]]:
    """What was told of an order, decoded once."""
    found = hearing.wait(lambda one: order["orderId"].encode() in one.body, **kw)
    return [dict(parse_qsl(one.body.decode())) for one in found]


def moved(merchant: Any, order: dict[str, str]) -> list[tuple[str, int]]:
    charges = merchant.sandbox.control(f"charges?pay_order_no={order['orderId']}")
    return [(move["kind"], move["amount"]) for move in charges]


@pytest.mark.skipif(not VECTORS.exists(), reason="no recorded traffic is here")
def test_recorded_traffic_is_read_and_verified() -> None:
    """What the real test gateway sent and was sent has the digest that we compute."""
    path = VECTORS / "unionpay_acp510_sample.json"
    for message in json.loads(path.read_text(encoding="utf-8"))["messages"]:
        fields = message["params"]
        if message["kind"] != "response":
            assert fields == theirs.parse_form(message["body"].encode())
        else:
            ordered = dict(parse_reply(message["body"]))
            assert message["body"].encode() == theirs.reply_body(ordered)
        letters = hashlib.sha256(theirs.joined(fields)).hexdigest()
        assert message["digest_hex"] == letters
        if "signPubKeyCert" in fields:
            pem = fields["signPubKeyCert"]
            made = base64.b64decode(fields["signature"])
            assert ways.RsaPublic(pem).is_by(made, letters.encode())
            assert pem == theirs.as_sent(pem.replace("\r\n", "\n"))


def test_a_card_is_opened_and_its_token_ended(merchant: Any) -> None:
    """77/00 and 79/00 give a token, 78 tells of it, 74 ends it, and then it is 89."""
    opened = merchant.open()
    held = dict(p.split("=") for p in opened["tokenPayData"][1:-1].split("&"))
    same = {"orderId": opened["orderId"], "txnTime": opened["txnTime"]}
    by_order = merchant.send("78", "02", "000902", **same)
    never = {**same, "orderId": merchant.new_order()}
    nothing = merchant.send("78", "02", "000902", **never)
    again = merchant.send("79", "05", "000902", **same)
    more = merchant.card()
    by_card = merchant.send("78", "00", "000902", orderId=merchant.new_order(), **more)
    data = {"tokenPayData": merchant.token_data(held["token"])}
    order = {"orderId": merchant.new_order()}
    ended = merchant.send("74", "01", "000902", **order, **data)
    later = merchant.send("78", "02", "000902", **same)

    assert ("00", "1") == (opened["respCode"], opened["activateStatus"])
    assert {"token", "trId", "tokenLevel", "tokenBegin", "tokenEnd", "tokenType"} == (
        set(held)
    )
    assert opened["tokenPayData"] == by_order["tokenPayData"] == again["tokenPayData"]
    assert ("78", "00") == (by_card["txnType"], by_card["respCode"])
    assert ("78", "34") == (nothing["txnType"], nothing["respCode"])
    assert "00" == ended["respCode"]
    assert ("00", "0") == (later["respCode"], later["activateStatus"])
    assert "89" == merchant.pay(held["token"])["respCode"]
    assert "89" == merchant.pay("6235999999999999999")["respCode"]


def test_a_card_in_a_reply_is_the_merchants_to_read(merchant: Any) -> None:
    """An accNo comes encrypted to the certificate that signed the request."""
    sealed = base64.b64decode(merchant.open()["accNo"])
    plain = merchant.key.decrypt(sealed, PKCS1v15())

    assert b"6226388000000095" == plain


def test_quick_pay_is_taken_in_then_told(
    merchant: Any, hearing: Any, token: str
) -> None:
    """77/02, 01/01: 00 is only taken in; the query and one notice tell the end."""
    sent = merchant.pay(token, reqReserved="")
    paid = merchant.confirm(sent, token, merchant.code())
    asked = merchant.query(sent)
    told = heard(hearing, sent)
    time.sleep(1.2)

    assert ("77", "02", "00") == (sent["txnType"], sent["txnSubType"], sent["respCode"])
    assert "queryId" not in sent
    assert ("00", "1234") == (paid["respCode"], paid["txnAmt"])
    query_id = paid["queryId"]
    assert (21, paid["txnTime"][2:]) == (len(query_id), query_id[2:14])
    assert ("00", "00", "1234") == (
        asked["respCode"],
        asked["origRespCode"],
        asked["settleAmt"],
    )
    assert ("01", "01", "000000") == (
        asked["txnType"],
        asked["txnSubType"],
        asked["bizType"],
    )
    assert 1 == len(heard(hearing, sent))
    assert merchant.is_theirs(told[0])
    assert ("00", query_id, "1234", query_id[14:20], query_id[4:14]) == tuple(
        told[0][n] for n in ("respCode", "queryId", "settleAmt", "traceNo", "traceTime")
    )
    assert told[0]["settleDate"] in {beijing(time.time() - s)[4:8] for s in (0, 600)}
    assert [("charge", 1234)] == moved(merchant, sent)
    assert query_id == merchant.query(sent, queryId=query_id)["queryId"]


def test_what_the_merchant_wants_kept_comes_back(merchant: Any, token: str) -> None:
    """His reqReserved is in every answer, and what the control calls the payment."""
    sent = merchant.pay(token, reqReserved="P20260101")
    merchant.confirm(sent, token, merchant.code(), reqReserved="P20260101")
    charges = merchant.sandbox.control("charges?pay_order_no=P20260101")

    assert "P20260101" == merchant.query(sent)["reqReserved"]
    assert [sent["orderId"]] == [move["request_id"] for move in charges]


def test_a_token_of_an_earlier_time_pays(merchant: Any) -> None:
    """Agreements of the configuration need not have been opened here."""
    assert "00" == merchant.paid(EARLIER["token"])["respCode"]


def test_a_wrong_code_can_be_tried_again_until_it_is_dead(
    merchant: Any, token: str
) -> None:
    """71 at once, the right one still pays; after five wrong ones it is 69 for good."""
    sent, other = merchant.pay(token), merchant.pay(token)
    code = merchant.code()
    wrong = merchant.confirm(sent, token, "0")
    unknown = merchant.query(other)
    refused = merchant.query(sent)
    texts = merchant.sandbox.control("sms?phone=+8618100000000")
    paid = merchant.confirm(sent, token, texts[-2]["code"])
    tries = [merchant.confirm(other, token, "0")["respCode"] for _ in range(5)]
    dead = merchant.confirm(other, token, code)

    assert ("71", False) == (wrong["respCode"], "queryId" in wrong)
    assert ("34", "00") == (unknown["respCode"], unknown["txnType"])
    assert ("00", "71") == (refused["respCode"], refused["origRespCode"])
    assert "00" == paid["respCode"]
    assert ["71"] * 5 == tries
    assert "69" == dead["respCode"]
    assert "69" == merchant.query(other)["origRespCode"]
    assert [] == moved(merchant, other)
    assert "71" == merchant.open(code="0")["respCode"]


def test_a_confirm_must_be_its_send_s(merchant: Any, token: str) -> None:
    """Other time, amount or token is 36; without a send it is 35; paid already 12."""
    sent = merchant.pay(token)
    code = merchant.code()
    for change in (
        {"txnTime": beijing(time.time() - 60)},
        {"txnAmt": "1235"},
        {"tokenPayData": merchant.token_data(EARLIER["token"])},
    ):
        assert "36" == merchant.confirm(sent, token, code, **change)["respCode"]
    lost = merchant.confirm({**sent, "orderId": merchant.new_order()}, token, code)
    paid = merchant.confirm(sent, token, code)
    again = merchant.confirm(sent, token, code)

    assert ["35", "00", "12"] == [a["respCode"] for a in (lost, paid, again)]
    assert [("charge", 1234)] == moved(merchant, sent)


def test_deduct_is_taken_in_and_refused_later(merchant: Any, hearing: Any) -> None:
    """11: a bank's no comes by query and by notice; a number used twice is 12."""
    paid, poor = merchant.deduct(), merchant.deduct(INSUFFICIENT)
    lost = merchant.deduct(LOST)
    again = merchant.deduct(orderId=paid["orderId"])

    assert ["00", "00", "00", "12"] == [
        answer["respCode"] for answer in (paid, poor, lost, again)
    ]
    assert ["00", "64", "63"] == [
        merchant.query(answer)["origRespCode"] for answer in (paid, poor, lost)
    ]
    assert ["64"] == [told["respCode"] for told in heard(hearing, poor)]
    assert "settleAmt" not in heard(hearing, poor)[0]
    assert ([("charge", 1234)], []) == (moved(merchant, paid), moved(merchant, poor))
    assert "32" == merchant.deduct(bizType="000301")["respCode"]
    assert "40" == merchant.deduct(bindId="B1")["respCode"]


def test_refunds_never_exceed(merchant: Any, hearing: Any) -> None:
    """Parts are taken in and told; too much is 36, an unknown charge 35, 12 a number
    used twice.
    """
    paid = merchant.deduct()
    query_id = paid["queryId"]
    first, second = (merchant.give_back(query_id, n) for n in (234, 1000))
    over = merchant.give_back(query_id, 1)
    again = merchant.give_back(query_id, 1, orderId=first["orderId"])
    lost = merchant.give_back("9" * 21, 1)
    other = merchant.give_back(query_id, 1, biz="000902")

    assert ["00", "00", "36", "12", "35", "36"] == [
        answer["respCode"] for answer in (first, second, over, again, lost, other)
    ]
    asked = merchant.query(first)
    assert ("04", "00", "234") == (
        asked["txnType"],
        asked["origRespCode"],
        asked["settleAmt"],
    )
    assert query_id == asked["origQryId"] == heard(hearing, first)[0]["origQryId"]
    assert [] == heard(hearing, over, within_s=0.8)
    assert [("charge", 1234), ("refund", 234), ("refund", 1000)] == (
        moved(merchant, paid)
    )


def test_a_void_is_of_all_of_it_and_once(merchant: Any) -> None:
    """31: another amount is 36, a second time 35; it moves the money back."""
    paid = merchant.deduct()
    part = merchant.give_back(paid["queryId"], 10, kind="31")
    whole = merchant.give_back(paid["queryId"], 1234, kind="31")
    twice = merchant.give_back(paid["queryId"], 1234, kind="31")

    assert ["36", "00", "35"] == [a["respCode"] for a in (part, whole, twice)]
    assert "31" == merchant.query(whole)["txnType"]
    assert [("charge", 1234), ("refund", 1234)] == moved(merchant, paid)


@pytest.mark.parametrize(
    ("spoiled", "code"),
    [
        ({"signature": "AAAA"}, "11"),
        ({"txnAmt": "1"}, "11"),
        ({"certId": "1"}, "11"),
        ({"merId": "777290058110098"}, "11"),
        ({"extra": ""}, "11"),
    ],
)
def test_what_is_not_the_merchant_s_is_a_signed_11(
    merchant: Any, token: str, spoiled: dict[str, str], code: str
) -> None:
    """A changed, added or foreign field breaks the signature, and nothing happens."""
    merchant.spoiled = spoiled
    answer = merchant.pay(token)
    merchant.spoiled = {}

    assert code == answer["respCode"]
    assert "certId" in answer
    assert "34" == merchant.query(answer)["respCode"]


def test_blanks_are_signed_as_they_are(merchant: Any, token: str) -> None:
    """A blank field is part of what is signed, in requests and in the echo of one."""
    merchant.changes = {"payTimeout": ""}
    sent = merchant.pay(token)
    merchant.changes = {"accNo": "", "currencyCode": "840"}
    echoed = merchant.pay(token)

    assert "00" == sent["respCode"]
    assert ("10", "") == (echoed["respCode"], echoed["accNo"])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": "5.0.0"}, "Invalid field[version]"),
        ({"encoding": "GBK"}, "Invalid field[encoding]"),
        ({"signMethod": "11"}, "Invalid field[signMethod]"),
        ({"channelType": None}, "Mandatory field[channelType] missed"),
        ({"accessType": "2"}, "Invalid field[accessType]"),
        ({"orderId": "SHORT"}, "Invalid field[orderId]"),
        ({"orderId": "WITH-A-DASH"}, "Invalid field[orderId]"),
        ({"txnTime": "20250101000000"}, "Invalid field[txnTime]"),
        ({"txnTime": "20251301000000"}, "Invalid field[txnTime]"),
        ({"txnAmt": "12.34"}, "Invalid field[txnAmt]"),
        ({"txnAmt": "0"}, "Invalid field[txnAmt]"),
        ({"txnAmt": ""}, "Invalid field[txnAmt]"),
        ({"currencyCode": "CNY"}, "Invalid field[currencyCode]"),
        ({"tokenPayData": "none"}, "Invalid field[tokenPayData]"),
        ({"customerInfo": "e30="}, "Invalid field[customerInfo]"),
        ({"encryptCertId": "1"}, "Invalid field[encryptCertId]"),
        ({"encryptCertId": None}, "Mandatory field[encryptCertId] missed"),
        ({"reqReserved": 'a"b'}, "Invalid field[reqReserved]"),
    ],
)
def test_a_malformed_field_is_a_signed_10(
    merchant: Any, token: str, change: dict[str, Any], words: str
) -> None:
    """The gateway names the field, repeats what it was sent, and signs that."""
    merchant.changes = change
    answer = merchant.pay(token)

    assert ("10", f"[9100003]{words}") == (answer["respCode"], answer["respMsg"])


def test_a_phone_in_the_clear_is_refused(merchant: Any, token: str) -> None:
    """Secret members count only where they are encrypted."""
    plain = merchant.customer({"phoneNo": "18100000000"}, {})

    assert "10" == merchant.pay(token, customerInfo=plain)["respCode"]


def test_a_phone_that_is_not_the_card_s_is_66(merchant: Any, token: str) -> None:
    """The token's card was opened with a phone."""
    other = merchant.customer({}, {"phoneNo": "18100000001"})

    assert "66" == merchant.pay(token, customerInfo=other)["respCode"]


def test_what_is_no_form_is_plain_text(merchant: Any) -> None:
    """No pairs, no type, a field twice, another method: a text that nobody signs."""
    url = merchant.sandbox.info["banks"]["unionpay"] + BACK
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    post = merchant.sandbox.http
    answers = [
        post("POST", url, b"hello", form),
        post("POST", url, b"version=5.1.0", form),
        post("POST", url, b"txnType=00&txnType=01", form),
        post("POST", url, b"{}", {"Content-Type": "application/json"}),
        post("GET", url),
    ]

    assert {(200, b"Invalid request.")} == {(a.status, a.raw) for a in answers}


def test_a_trade_of_another_kind_or_path_is_32(merchant: Any, token: str) -> None:
    """No permission: an unknown subtype, another business, a query at the back door."""
    order = {"orderId": merchant.new_order()}
    strange = merchant.send("72", "00", "000902", **order)
    astray = merchant.send("00", "00", "000000", **order)
    misplaced = merchant.send("77", "02", "000902", path=QUERY, **order)

    assert {"32"} == {a["respCode"] for a in (strange, astray, misplaced)}


def test_a_query_needs_the_order_s_own_time(merchant: Any) -> None:
    """An orderId with another txnTime is not found; nor is what never was."""
    paid = merchant.deduct()
    other = merchant.query({**paid, "txnTime": beijing(time.time() - 60)})
    never = merchant.query({**paid, "orderId": merchant.new_order()})

    for answer in (other, never):
        assert ("34", "00", "000000") == (
            answer["respCode"],
            answer["txnType"],
            answer["bizType"],
        )


def test_the_encryption_certificate_is_rotated(merchant: Any, keys: Any) -> None:
    """95 gives the newer one; what is encrypted for either is read."""
    order = {"orderId": merchant.new_order()}
    given = merchant.send("95", "00", "000000", certType="01", **order)
    merchant.theirs = x509.load_pem_x509_certificate(
        given["encryptPubKeyCert"].encode()
    )

    newer = keys.newer["newer_encryption_certificate"]
    assert newer.split() == given["encryptPubKeyCert"].split()
    assert "00" == merchant.apply()["respCode"]


# Faults.


def test_a_forced_code_is_given_as_it_is(merchant: Any, token: str) -> None:
    """`decline:<two characters>` is the reply's respCode, and remembered."""
    sent = merchant.pay(token)
    merchant.sandbox.fault("bank.unionpay.confirm", "decline:61", count=1)
    refused = merchant.confirm(sent, token, merchant.code())
    merchant.sandbox.fault("bank.unionpay.send_code", "decline:37", count=1)

    assert ("61", "61") == (
        refused["respCode"],
        merchant.query(sent)["origRespCode"],
    )
    assert "37" == merchant.pay(token)["respCode"]


def test_a_forced_code_of_a_query_is_about_either(merchant: Any) -> None:
    """34 and 37 refuse the query; any other code is a lie about the trade."""
    paid = merchant.deduct()
    said = []
    for code in ("37", "34", "64", "OVER_LIMIT"):
        merchant.sandbox.fault("bank.unionpay.enquire", f"decline:{code}", count=1)
        answer = merchant.query(paid)
        said.append((answer["respCode"], answer.get("origRespCode")))

    assert [("37", None), ("34", None), ("00", "64"), ("00", "33")] == said
    assert "00" == merchant.query(paid)["origRespCode"]


def test_no_answer_after_the_money_moved_once(merchant: Any) -> None:
    """`timeout_after`: he leaves empty-handed; 12 and a query tell the rest."""
    fields = merchant.deduct_fields()
    merchant.sandbox.fault("bank.unionpay.deduct", "timeout_after", count=1)
    with pytest.raises(TimeoutError):
        merchant.post(BACK, fields, timeout=0.3)
    merchant.sandbox.until(f"charges?pay_order_no={fields['orderId']}", 1)
    again = parse_reply(merchant.post(BACK, fields).raw.decode())

    assert "12" == again["respCode"]
    assert "00" == merchant.query(fields)["origRespCode"]
    assert [("charge", 1234)] == moved(merchant, fields)


def test_what_takes_time_is_05_until_it_is_told(merchant: Any, hearing: Any) -> None:
    """`processing`: taken in, 05 on a query, then a notice with the end."""
    merchant.sandbox.fault("bank.unionpay.deduct", "processing:3", count=2)
    merchant.sandbox.fault("bank.unionpay.deduct", "decline:64", count=1)
    poor, paid = merchant.deduct(), merchant.deduct()

    assert {("00", "05")} == {
        (order["respCode"], merchant.query(order)["origRespCode"])
        for order in (poor, paid)
    }
    assert ["64"] == [told["respCode"] for told in heard(hearing, poor)]
    assert ["00"] == [told["respCode"] for told in heard(hearing, paid)]
    assert "00" == merchant.query(paid)["origRespCode"]


def test_a_notice_is_sent_until_it_is_heard(merchant: Any, hearing: Any) -> None:
    """500 is no answer; 302 is one."""
    order = merchant.new_order()
    hearing.statuses[order] = [500, 302]
    paid = merchant.deduct(orderId=order)
    told = heard(hearing, paid, count=2)
    time.sleep(0.3)

    assert 2 == len(told) == len(heard(hearing, paid))


def test_wrong_amounts_and_signatures(merchant: Any, hearing: Any) -> None:
    """`wrong_amount` is named by reply and notice; `bad_signature` is what it says."""
    merchant.sandbox.fault("bank.unionpay.deduct", "wrong_amount", count=1)
    lied = merchant.deduct()
    fields = merchant.deduct_fields()
    merchant.sandbox.fault("bank.unionpay.deduct", "bad_signature", count=1)
    spoiled = parse_reply(merchant.post(BACK, fields).raw.decode())

    assert ("1235", "1235") == (lied["txnAmt"], heard(hearing, lied)[0]["settleAmt"])
    assert "1234" == merchant.query(lied)["settleAmt"]
    assert ("00", False) == (spoiled["respCode"], merchant.is_theirs(spoiled))


def test_one_number_at_once_is_one_charge(merchant: Any) -> None:
    """Of many that come together with one number, one is taken in."""
    fields = merchant.deduct_fields()
    with ThreadPoolExecutor(8) as pool:
        answers = pool.map(lambda _: merchant.post(BACK, fields), range(8))
        codes = [parse_reply(a.raw.decode())["respCode"] for a in answers]

    assert ["00", *["12"] * 7] == sorted(codes)
    assert [("charge", 1234)] == moved(merchant, fields)
