"""UnionPay's standard product at its simulator: each message names its card."""

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from unionpay_merchant import PHONE, Merchant, beijing

from paycore.dev import certificates

MER_ID = "777290058110097"
STANDARD = "000301"
CARD, OTHER, CLOSED = "6226388000000095", "6228480000000015", "6222021234567894"
VECTORS = (
    Path(__file__).parents[3] / "shared" / "vectors" / "unionpay_acp510_sample.json"
)


class Standard(Merchant):
    """He has no tokens."""

    def named(self, number: str = CARD, *, secret: bool = True, **plain: str) -> Any:
        """What says which card it is, and what its holder tells."""
        holder = {"phoneNo": PHONE} if secret else {}
        return {
            "accNo": self.encrypt(number),
            "encryptCertId": str(self.theirs.serial_number),
            "customerInfo": self.customer(plain, holder),
        }

    def opened(self, number: str = CARD, code: str = "") -> dict[str, str]:
        """77/00 and 79/00."""
        order, card = {"orderId": self.new_order()}, self.named(number)
        asked = self.send("77", "00", STANDARD, **order, **card)
        same = {name: asked[name] for name in ("orderId", "txnTime")}
        card = self.named(number, smsCode=code or self.code())
        return self.send("79", "00", STANDARD, **same, **card)

    def sent(self, number: str = CARD, **more: str) -> dict[str, str]:
        """77/02."""
        fields = {"orderId": self.new_order(), "txnAmt": "1234", "currencyCode": "156"}
        return self.send(
            "77", "02", STANDARD, **{**fields, **self.named(number), **more}
        )

    def paid_by(self, sent: dict[str, str], number: str = CARD, **more: str) -> Any:
        """01/01."""
        same = {name: sent[name] for name in ("orderId", "txnTime")}
        money = {"txnAmt": "1234", "currencyCode": "156", "backUrl": self.back_url}
        card = self.named(number, secret=False, smsCode=self.code())
        return self.send("01", "01", STANDARD, **{**same, **money, **card, **more})


@pytest.fixture(scope="module")
def keys() -> certificates.UnionPayKeys:
    return certificates.unionpay(MER_ID, datetime.now(UTC))


@pytest.fixture(scope="module")
def running_up(keys: Any, start_with: Any) -> Any:
    return start_with({"unionpay": keys.simulator})


@pytest.fixture
def merchant(keys: Any, running_up: Any, hearing: Any) -> Any:
    running_up.clear()
    url = f"{hearing.url}/notify"
    yield Standard(sandbox=running_up, facts=keys.merchant, back_url=url)
    running_up.clear()


@pytest.mark.skipif(not VECTORS.exists(), reason="no recorded traffic is here")
def test_what_was_recorded_has_the_fields_that_are_wanted(merchant: Any) -> None:
    """Each recorded kind of request, with its fields and no other, is taken."""
    recorded = {
        (one["params"]["txnType"], one["params"]["txnSubType"]): set(one["params"])
        for one in json.loads(VECTORS.read_text(encoding="utf-8"))["messages"]
        if one["kind"] == "request" and one["params"]["bizType"] == STANDARD
    }
    sent: dict[tuple[str, str], set[str]] = {}
    real = merchant.message

    def noted(kind: str, sub: str, biz: str, **more: str) -> dict[str, str]:
        fields: dict[str, str] = real(kind, sub, biz, **more)
        sent[kind, sub] = set(fields)
        return fields

    merchant.message = noted
    opened, asked = merchant.opened(), merchant.sent()
    paid = merchant.paid_by(asked)
    card = merchant.named()
    del card["customerInfo"]
    order = {"orderId": merchant.new_order()}
    by_card = merchant.send("78", "00", STANDARD, **order, **card)
    void = merchant.give_back(paid["queryId"], 1234, kind="31", biz=STANDARD)

    answers = (opened, asked, paid, by_card, void)
    assert ["00"] * 5 == [answer["respCode"] for answer in answers]
    assert {("77", "00"), ("79", "00"), ("77", "02"), ("01", "01"), ("78", "00")} | {
        ("31", "00")
    } == set(recorded)
    assert {kind: sent[kind] for kind in recorded} == recorded


def test_a_card_is_opened_without_a_token(merchant: Any) -> None:
    """77/00 and 79/00 open it, 78 says so by order and by card, and no token is told;
    of an order of the other product it says nothing.
    """
    opened = merchant.opened()
    same = {name: opened[name] for name in ("orderId", "txnTime")}
    by_order = merchant.send("78", "02", STANDARD, **same)
    as_token = merchant.send("78", "02", "000902", **same)
    card = merchant.named()
    by_card = merchant.send("78", "00", STANDARD, orderId=merchant.new_order(), **card)
    card = merchant.named(CLOSED)
    closed = merchant.send("78", "00", STANDARD, orderId=merchant.new_order(), **card)

    for answer in (opened, by_order, by_card):
        assert ("00", "1") == (answer["respCode"], answer["activateStatus"])
        assert not {"tokenPayData", "accNo"} & set(answer)
    assert ("00", "0") == (closed["respCode"], closed["activateStatus"])
    assert "34" == as_token["respCode"]
    assert "71" == merchant.opened(code="0")["respCode"]


def test_quick_pay_names_the_card_twice(merchant: Any, hearing: Any) -> None:
    """A send and its confirm are of one card that is open; then it is as with tokens:
    taken in, told, asked after, given back under its own product.
    """
    merchant.opened()
    merchant.opened(OTHER)
    sent = merchant.sent()
    wrong = [
        merchant.paid_by(sent, OTHER)["respCode"],
        merchant.paid_by(sent, CLOSED)["respCode"],
        merchant.paid_by(sent, txnTime=beijing(time.time() - 60))["respCode"],
        merchant.paid_by(sent, txnAmt="1235")["respCode"],
    ]
    paid = merchant.paid_by(sent)
    asked = merchant.query(sent)
    found = hearing.wait(lambda one: sent["orderId"].encode() in one.body)
    told = dict(parse_qsl(found[0].body.decode()))
    as_token = merchant.give_back(paid["queryId"], 1, biz="000902")
    part = merchant.give_back(paid["queryId"], 1, biz=STANDARD)

    assert ["36", "77", "36", "36"] == wrong
    assert ("00", "00") == (sent["respCode"], paid["respCode"])
    assert ("01", "00", "1234") == (
        *(asked["txnType"], asked["origRespCode"], asked["settleAmt"]),
    )
    assert ("00", STANDARD) == (told["respCode"], told["bizType"])
    assert ("36", "00") == (as_token["respCode"], part["respCode"])


def test_what_it_refuses(merchant: Any) -> None:
    """A card that was never opened, a phone that is not its own, a token where there
    are none, and the two messages that are about tokens.
    """
    merchant.opened()
    other = merchant.customer({}, {"phoneNo": "18100000001"})
    order = {"orderId": merchant.new_order()}
    data = {"tokenPayData": merchant.token_data("6235240000020757577")}
    end = merchant.send("74", "01", STANDARD, **order, **data)
    again = merchant.send("79", "05", STANDARD, **order)

    assert "77" == merchant.sent(CLOSED)["respCode"]
    assert "66" == merchant.sent(customerInfo=other)["respCode"]
    assert "Invalid field[tokenPayData]" in merchant.sent(**data)["respMsg"]
    assert ["32", "32"] == [end["respCode"], again["respCode"]]


def test_a_merchant_without_it(keys: Any, start_with: Any, hearing: Any) -> None:
    """Whoever has tokens alone is not permitted it."""
    config = {**keys.simulator, "products": ["000902"]}
    running = start_with({"unionpay": config})
    url = f"{hearing.url}/notify"
    merchant = Standard(sandbox=running, facts=keys.merchant, back_url=url)

    assert "32" == merchant.sent()["respCode"]
    assert "00" == merchant.apply()["respCode"]
