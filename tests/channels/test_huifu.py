"""What Huifu's adapter asks, field by field, and which accounts it takes."""

import base64
import json
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import padding
from huifu_peer import (
    AGREEMENT,
    CARD,
    HUIFU,
    LATE,
    NEXT,
    NO,
    SHA,
    SYS,
    account,
    ask,
    config,
    enquiry,
    key,
    ordered,
    private_pem,
    public_pem,
)
from msgspec.structs import replace

from paycore.gateway.call import Operation
from paycore.gateway.channels.huifu import Huifu
from paycore.kernel.outcome import Outcome
from paycore.kernel.terms import Origin

DRIVER, ACCOUNT = Huifu(), account()
S, F, P, U = Outcome.SUCCEEDED, Outcome.DECLINED, Outcome.PENDING, Outcome.UNKNOWN
CONFIRM, DEDUCT, REFUND = Operation.CONFIRM, Operation.DEDUCT, Operation.REFUND
SEND, SIGN = Operation.SEND_CODE, Operation.SIGN
DAY = "20261128"


def sent(asked, at=ACCOUNT):
    """Where a call goes, and its data, whose signature is good."""
    request = DRIVER.assemble(at, asked).http
    body = json.loads(request.body)
    given = base64.b64decode(body["sign"])
    text = ordered(body["data"])
    key("ours").public_key().verify(given, text, padding.PKCS1v15(), SHA)

    assert {"sys_id", "product_id", "sign", "data"} == body.keys()
    assert (SYS, "YYZY") == (body["sys_id"], body["product_id"])
    assert request.headers["Content-Type"] == "application/json;charset=utf-8"
    assert all(isinstance(one, str) and one for one in body["data"].values())
    return request.url.removeprefix("https://huifu.test"), body["data"]


def clear(sealed):
    """What only Huifu can read."""
    return key("huifu").decrypt(base64.b64decode(sealed), padding.PKCS1v15()).decode()


# --- what is asked --------------------------------------------------------------------


def test_a_signing_seals_the_card():
    """The card's facts go out readable for Huifu alone, the phone without its +86."""
    path, data = sent(ask(SIGN))
    sealed = ("card_no", "card_name", "cert_no", "mobile_no")

    assert "/v3/quickbuckle/apply" == path
    assert [CARD.number, CARD.name, CARD.id_no, "13812345678"] == [
        clear(data[name]) for name in sealed
    ]
    assert (f"{NO}S01", DAY, HUIFU) == (
        data["req_seq_id"],
        data["req_date"],
        data["huifu_id"],
    )
    assert data["req_seq_id"] == data["out_cust_id"]
    assert {"cert_validity_type", "cert_begin_date", "cert_end_date"} <= data.keys()


def test_each_code_of_a_signing_has_a_number_of_its_own():
    """They refuse a number that is known, and a payer may type a second code."""
    first = ask(Operation.SIGN_CONFIRM, opened_at=LATE, asked_at=NEXT)
    path, data = sent(first)
    _, again = sent(replace(first, asked_at=NEXT + timedelta(seconds=2)))

    assert "/v3/quickbuckle/confirm" == path
    assert (f"{NO}S01", DAY) == (data["org_req_seq_id"], data["org_req_date"])
    assert data["req_seq_id"] != again["req_seq_id"]
    assert data["req_seq_id"].startswith(f"{NO}S01")
    assert len(data["req_seq_id"]) == 32
    assert ("20261129", "123456") == (data["req_date"], data["verify_code"])


def test_an_agreement_is_ended_by_its_token():
    """Of the two halves that core keeps as one; and it says whose it is."""
    path, data = sent(ask(Operation.REVOKE))

    assert "/v2/quickbuckle/unbind" == path
    assert (f"{NO}S02", f"{NO}S01", "10049847200") == (
        data["req_seq_id"],
        data["out_cust_id"],
        data["token_no"],
    )


def test_a_code_is_sent_for_an_order_that_ends():
    """Both halves of the agreement, yuan from fen, and half an hour to pay."""
    path, data = sent(ask(SEND))

    assert "/v3/trade/onlinepayment/quickpay/smssend" == path
    assert AGREEMENT == f"{data['user_huifu_id']}/{data['card_bind_id']}"
    assert ("10.00", "20261129002959") == (data["trans_amt"], data["time_expire"])
    assert {
        "goods_short_name": "三杯咖啡 & <茶>",
        "gw_chnnl_tp": "01",
        "biz_tp": "100001",
    } == json.loads(data["nucc_data"])
    assert {"device_type": "1", "device_ip": "127.0.0.1"} == json.loads(
        data["terminal_device_data"]
    )


@pytest.mark.parametrize(("told", "ip"), [(True, "203.0.113.9"), (False, "127.0.0.1")])
def test_risk_control_is_told_the_payers_address(told, ip):
    """And never the business line's own in its place."""
    _, data = sent(ask(SEND, origin=Origin("203.0.113.9", told=told)))

    assert {"ip_addr": ip} == json.loads(data["risk_check_data"])


def test_a_confirm_names_the_order_of_its_send():
    """After midnight too: number and day are those of the order."""
    path, data = sent(ask(CONFIRM, opened_at=LATE, asked_at=NEXT))

    assert "/v3/trade/onlinepayment/quickpay/pay" == path
    assert {
        "req_seq_id": f"{NO}01",
        "req_date": DAY,
        "huifu_id": HUIFU,
        "sms_code": "123456",
        "notify_url": "https://pay.test/callbacks/huifu/main",
    } == data


def test_a_confirm_may_have_a_number_of_its_own():
    """Where an account says so: then it, its enquiry and its refund all know it."""
    own = account(confirm_numbering="fresh")
    _, confirm = sent(ask(CONFIRM), own)
    _, asked = sent(enquiry(CONFIRM), own)
    _, of_send = sent(enquiry(SEND), own)
    _, refund = sent(ask(REFUND, original_channel_ref="HF1"), own)

    assert f"{NO}01C" == confirm["req_seq_id"] == asked["org_req_seq_id"]
    assert f"{NO}01" == confirm["org_req_seq_id"] == of_send["org_req_seq_id"]
    assert ("HF1", DAY) == (refund["org_hf_seq_id"], refund["org_req_date"])
    assert "org_req_seq_id" not in refund


def test_a_deduct_needs_nobody():
    """What is bought, and under which kind of withholding."""
    path, data = sent(ask(DEDUCT, amount=5))

    assert "/v2/trade/onlinepayment/withholdpay" == path
    assert ("0.05", "2") == (data["trans_amt"], data["withhold_type"])
    assert "三杯咖啡 & <茶>" == data["goods_desc"]
    assert AGREEMENT == f"{data['user_huifu_id']}/{data['card_bind_id']}"


def test_a_refund_names_what_it_gives_back():
    """By number and Beijing day."""
    path, data = sent(ask(REFUND, amount=400, asked_at=NEXT))

    assert "/v2/trade/onlinepayment/refund" == path
    assert (f"{NO}R01", "20261129", "4.00") == (
        data["req_seq_id"],
        data["req_date"],
        data["ord_amt"],
    )
    assert (f"{NO}01", DAY) == (data["org_req_seq_id"], data["org_req_date"])


@pytest.mark.parametrize(
    ("about", "path", "pay_type"),
    [
        (CONFIRM, "/v2/trade/onlinepayment/query", "QUICK_PAY"),
        (DEDUCT, "/v2/trade/onlinepayment/query", "QUICK_PAY"),
        (SEND, "/v2/trade/onlinepayment/query", "QUICK_PAY"),
        (REFUND, "/v2/trade/onlinepayment/refund/query", None),
    ],
)
def test_an_enquiry_names_the_order(about, path, pay_type):
    """By number and the day it was opened on."""
    where, data = sent(enquiry(about))

    assert (path, pay_type) == (where, data.get("pay_type"))
    assert (enquiry(about).request_no, DAY) == (
        data["org_req_seq_id"],
        data["org_req_date"],
    )


@pytest.mark.parametrize("about", [SIGN, Operation.REVOKE])
def test_a_signing_is_asked_after_by_its_customer(about):
    """And so is its end: the customer's number is the signing's. The question has a
    number and a day of its own.
    """
    known = {"opened_at": NEXT}
    if about is Operation.REVOKE:
        known = {"opened_at": None, "original_opened_at": NEXT}
    path, data = sent(enquiry(about, **known))
    _, again = sent(enquiry(about, **known, asked_at=NEXT + timedelta(seconds=2)))

    assert "/v2/quickbuckle/query" == path
    assert (HUIFU, f"{NO}S01") == (data["huifu_id"], data["out_cust_id"])
    assert ("20261129", 32) == (data["req_date"], len(data["req_seq_id"]))
    assert data["req_seq_id"] != again["req_seq_id"]


@pytest.mark.parametrize(
    ("asked", "outcome", "code"),
    [
        (enquiry(DEDUCT, opened_at=None), U, "NOT_ENQUIRABLE"),
        (enquiry(DEDUCT, opened_at=None, channel_ref="HF1"), U, "NOT_ENQUIRABLE"),
        (enquiry(REFUND, opened_at=None), U, "NOT_ENQUIRABLE"),
        (ask(DEDUCT, agreement=None), Outcome.NOT_SENT, "NOT_SENT"),
        (ask(SEND, agreement="no slash"), Outcome.NOT_SENT, "NOT_SENT"),
        (ask(SIGN, card=None), Outcome.NOT_SENT, "NOT_SENT"),
        (
            ask(REFUND, original_opened_at=None, original_channel_ref="HF1"),
            Outcome.NOT_SENT,
            "NOT_SENT",
        ),
    ],
)
async def test_what_cannot_be_asked_is_not_sent(asked, outcome, code):
    """Nothing leaves, and an enquiry that cannot be made is no "not found"."""
    outgoing = DRIVER.assemble(ACCOUNT, asked)
    reply = await DRIVER.perform(None, ACCOUNT, outgoing)

    assert outgoing.http is None
    assert (outcome, code, False) == (reply.outcome, reply.resp_code, reply.not_found)


# --- accounts -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        {"private_key": "SECRET-KEY"},
        {"private_key": private_pem("ours")[:300]},
        {"private_key": public_pem("ours")},
        {"huifu_public_key": "AAAA"},
        {"huifu_id": ""},
        {"sys_id": "6666 0001"},
        {"expires_min": 31},
        {"cert_end_date": "2099-12-31"},
        {"bill_from_hour": 24},
        {"bill_encoding": "none"},
        {"bill_columns": {"color": "x"}},
        {"bill_columns": {"amount": ""}},
    ],
)
def test_credentials_that_cannot_work_are_refused_when_they_are_saved(wrong):
    """And no error repeats a key."""
    with pytest.raises(ValueError, match=r".") as refused:
        config(**wrong)

    text = repr(refused.value) + repr(refused.value.__cause__)
    assert "SECRET" not in text
    assert private_pem("ours")[40:80] not in text


def test_keys_may_be_bare_base64():
    """As Huifu's console shows them; and no account's repr has a key."""
    bare = {
        "private_key": "".join(private_pem("ours").splitlines()[1:-1]),
        "huifu_public_key": "".join(public_pem("huifu").splitlines()[1:-1]),
    }
    made = config(**bare)

    assert key("huifu").public_key() == made.their_key
    assert bare["private_key"][:40] not in repr(made)
