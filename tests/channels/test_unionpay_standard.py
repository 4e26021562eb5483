"""UnionPay's standard product (000301): no tokens, each message names its card."""

import base64
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace
from unionpay_calls import (
    CARD,
    DRIVER,
    OPENED,
    ORDER,
    TOKEN,
    account_of,
    an_ask,
    answer,
    asked,
    assert_unknown,
    enquiry,
    found,
    notify,
    read,
)
from unionpay_peer import SIGNER, Peer

from paycore.gateway.call import Ask, Operation, Reply
from paycore.gateway.channel import Account
from paycore.gateway.channels.unionpay import UnionPay
from paycore.gateway.unionpay_config import UnionPayConfig
from paycore.kernel.outcome import Blame, Outcome

RECORDED = (
    Path(__file__).parents[3] / "shared" / "vectors" / "unionpay_acp510_sample.json"
)
STANDARD = "000301"
NAMES_CARD = (
    *(Operation.SIGN, Operation.SIGN_CONFIRM, Operation.SEND_CODE, Operation.CONFIRM),
)
OURS = frozenset({"reqReserved"})
"""What we have UnionPay keep for us, where money is asked for; it may be left out."""


@pytest.fixture(scope="module")
def peer() -> Peer:
    return Peer()


@pytest.fixture(scope="module")
def account(peer: Peer) -> Account:
    return account_of(peer, quick_biz_type=STANDARD, tr_id="")


@pytest.fixture(scope="module")
def recorded() -> list[dict]:
    if not RECORDED.exists():
        pytest.skip("the recorded messages are not beside this repository")
    return json.loads(RECORDED.read_text(encoding="utf-8"))["messages"]


def by_card(operation: Operation, **changes: object) -> Ask:
    """A call as it is made where there are no tokens."""
    named = {"card": CARD} if operation in NAMES_CARD else {}
    return an_ask(operation, **named, **changes)


def info_of(fields: dict[str, str]) -> dict[str, str]:
    """The members of a customerInfo."""
    text = base64.b64decode(fields["customerInfo"]).decode()[1:-1]
    return dict(one.split("=", 1) for one in text.split("&"))


# --- what is asked --------------------------------------------------------------------


@pytest.mark.parametrize("operation", NAMES_CARD)
def test_each_message_names_its_card(account, peer, operation):
    """Sealed for UnionPay, with the certificate that opens it; no token and no
    requestor's number is anywhere.
    """
    fields = asked(account, by_card(operation))

    assert CARD.number == peer.opened(fields["accNo"])
    assert str(peer.sealing.cert.serial_number) == fields["encryptCertId"]
    assert STANDARD == fields["bizType"]
    assert not {"tokenPayData", "accType", "bindId"} & fields.keys()
    assert TOKEN not in str(fields)
    assert fields["signature"] == peer.signature(fields, peer.merchant)


def test_a_confirm_tells_the_code_and_no_more(account):
    """Number, moment, amount and card are those of the send; the phone was told."""
    send = asked(account, by_card(Operation.SEND_CODE, opened_at=None, asked_at=OPENED))
    confirm = asked(account, by_card(Operation.CONFIRM))

    for name in ("orderId", "txnTime", "txnAmt", "currencyCode", "encryptCertId"):
        assert send[name] == confirm[name]
    assert {"smsCode": "123789"} == info_of(confirm)
    assert {"encryptedInfo"} == info_of(send).keys()


async def test_a_confirm_without_the_card_is_not_sent(account):
    """The card cannot be named otherwise: nothing leaves, and nothing was taken."""
    outgoing = DRIVER.assemble(account, an_ask(Operation.CONFIRM))
    reply = await DRIVER.perform(None, account, outgoing)

    assert outgoing.http is None
    assert Outcome.NOT_SENT is reply.outcome


def test_only_such_an_account_is_given_the_card(account, peer):
    """With a token a confirm needs none, and gets none."""
    assert UnionPay().confirm_names_card(account)
    assert not UnionPay().confirm_names_card(account_of(peer))


def test_the_rest_has_the_product_too(account):
    """An enquiry after a signing, and a refund; a deduction has its own, and so has
    what gives it back; enquiries after money have none.
    """
    kinds = [
        (fields["txnType"], fields["bizType"])
        for fields in (
            asked(account, enquiry(Operation.SIGN)),
            asked(account, an_ask(Operation.REFUND)),
            asked(account, an_ask(Operation.DEDUCT)),
            asked(
                account,
                an_ask(Operation.REFUND, original_operation=Operation.DEDUCT),
            ),
            asked(account, enquiry(Operation.CONFIRM)),
        )
    ]

    assert [
        ("78", STANDARD),
        ("04", STANDARD),
        ("11", "000501"),
        ("04", "000501"),
        ("00", "000000"),
    ] == kinds


@pytest.mark.parametrize("operation", NAMES_CARD)
def test_what_is_kept_of_a_request(account, operation):
    """Nothing secret; of the card what may be shown."""
    ask = by_card(operation)
    outgoing = DRIVER.assemble(account, ask)
    assert outgoing.http is not None
    kept = outgoing.masked + DRIVER.scrub(outgoing.http.body.decode())

    assert "accNo=622638******0095" in outgoing.masked
    assert ("phoneNo=" in outgoing.masked) is (operation is not Operation.CONFIRM)
    for secret in (*ask.secrets, "13812345678"):
        assert secret not in kept


@pytest.mark.parametrize("quick_biz_type", ["", "000301 ", "000201", "000000"])
def test_another_product_is_refused(peer, quick_biz_type):
    """When it is saved, and not at a call."""
    with pytest.raises(ValueError, match="quick_biz_type"):
        account_of(peer, quick_biz_type=quick_biz_type)


def test_tokens_are_what_it_is_without_a_word(peer):
    """An account that was there before goes on as it was."""
    config = account_of(peer).config
    assert isinstance(config, UnionPayConfig)
    assert ("000902", "") == (config.quick_biz_type, config.void_before)


# --- what is believed -----------------------------------------------------------------


def signed(account: Account, peer: Peer, **changes: str) -> Reply:
    """The answer to a 79/00."""
    said = answer(Operation.SIGN_CONFIRM, "00", bizType=STANDARD, tokenPayData="")
    return read(account, by_card(Operation.SIGN_CONFIRM), peer.reply(said | changes))


def test_an_agreement_has_a_number_of_ours(account, peer):
    """The same by the reply and by the enquiry, another for another order or merchant,
    and never the card's.
    """
    reply = signed(account, peer)
    ask = enquiry(Operation.SIGN)
    said = answer(Operation.SIGN_CONFIRM, "00", txnType="78", txnSubType="02")
    asked_after = read(account, ask, peer.reply(said | {"tokenPayData": ""}))
    other = f"{ORDER}02"
    elsewhere = read(
        account,
        replace(ask, request_no=other),
        peer.reply(said | {"tokenPayData": "", "orderId": other}),
    )

    assert Outcome.SUCCEEDED is reply.outcome
    assert reply.agreement == asked_after.agreement
    assert None not in (reply.agreement, elsewhere.agreement)
    assert reply.agreement != elsewhere.agreement
    assert CARD.number not in str(reply.agreement)


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({"activateStatus": ""}, Outcome.SUCCEEDED),
        ({"activateStatus": "0"}, Outcome.UNKNOWN),
        ({"respCode": "71"}, Outcome.DECLINED),
        ({"respCode": "05"}, Outcome.UNKNOWN),
    ],
)
def test_what_a_signing_is_answered(account, peer, changes, outcome):
    """A yes is one unless it says itself that the card is not open."""
    reply = signed(account, peer, **changes)

    assert outcome is reply.outcome
    assert (outcome is Outcome.SUCCEEDED) is (reply.agreement is not None)


@pytest.mark.parametrize("about", [Operation.REVOKE, Operation.ENQUIRE])
async def test_a_revocation_is_ours_alone(account, about):
    """There is no token to end: nothing is sent, and it is over; who asks after one
    hears the same.
    """
    ask = an_ask(Operation.REVOKE)
    ask = ask if about is Operation.REVOKE else enquiry(Operation.REVOKE)
    outgoing = DRIVER.assemble(account, ask)
    reply = await DRIVER.perform(None, account, outgoing)

    assert outgoing.http is None
    assert (Outcome.SUCCEEDED, False, None) == (
        *(reply.outcome, reply.not_found, reply.agreement),
    )


def test_its_notices_are_as_with_tokens(account, peer):
    """What was taken and settled is a yes; a no only asks to be asked after."""
    said = answer(Operation.CONFIRM, "00", bizType=STANDARD, reqReserved=ORDER)
    settled = {"settleAmt": "1000", "settleCurrencyCode": "156"}
    yes = notify(account, peer.notice(said | settled))
    no = notify(account, peer.notice(said | {"respCode": "64"}))

    assert yes is not None
    assert no is not None
    assert (Outcome.SUCCEEDED, 1000) == (yes.reply.outcome, yes.reply.amount)
    assert_unknown(no.reply, "64", alarm=False)


def test_its_money_is_asked_after_as_with_tokens(account, peer):
    """By number and moment."""
    reply = read(
        account, enquiry(Operation.CONFIRM), peer.reply(found(Operation.CONFIRM, "00"))
    )

    assert (Outcome.SUCCEEDED, 1000) == (reply.outcome, reply.amount)


# --- what UnionPay's own test environment was asked, and said -------------------------


def test_our_fields_are_those_on_record(recorded, peer):
    """Each kind of request has the recorded fields and, besides, only what we have
    kept for us. What is asked of a signing is asked by its order, where the record
    asks by card.
    """
    account = account_of(peer, quick_biz_type=STANDARD, tr_id="", void_before="23:59")
    void = {"original_opened_at": OPENED, "original_amount": 1000}
    ours = {
        ("77", "00"): by_card(Operation.SIGN),
        ("79", "00"): by_card(Operation.SIGN_CONFIRM),
        ("77", "02"): by_card(Operation.SEND_CODE),
        ("01", "01"): by_card(Operation.CONFIRM),
        ("31", "00"): an_ask(Operation.REFUND, **void),
        ("00", "00"): enquiry(Operation.CONFIRM),
        ("78", "00"): enquiry(Operation.SIGN),
    }
    seen = set()
    for one in recorded:
        if one["kind"] != "request":
            continue
        theirs = one["params"]
        kind = (theirs["txnType"], theirs["txnSubType"])
        fields = asked(account, ours[kind])
        wanted = set(theirs)
        if kind == ("78", "00"):
            wanted -= {"accNo", "encryptCertId"}
        else:
            assert kind == (fields["txnType"], fields["txnSubType"])
        seen.add(kind)

        assert wanted == fields.keys() - OURS, kind
        assert theirs["bizType"] == fields["bizType"]
        if "customerInfo" in theirs:
            more = {"certifTp", "certifId", "customerNm"} if kind[0] == "79" else set()
            assert info_of(theirs).keys() == info_of(fields).keys() - more
    assert ours.keys() == seen


SAID = {
    ("77", "00", "00"): (Operation.SIGN, Outcome.SUCCEEDED, None),
    ("77", "00", "10"): (Operation.SIGN, Outcome.DECLINED, Blame.REQUEST),
    ("79", "00", "10"): (Operation.SIGN_CONFIRM, Outcome.DECLINED, Blame.REQUEST),
    ("79", "00", "32"): (Operation.SIGN_CONFIRM, Outcome.DECLINED, Blame.CHANNEL),
    ("77", "02", "00"): (Operation.SEND_CODE, Outcome.SUCCEEDED, None),
    ("77", "02", "10"): (Operation.SEND_CODE, Outcome.DECLINED, Blame.REQUEST),
    ("01", "01", "00"): (Operation.CONFIRM, Outcome.PENDING, None),
    ("31", "00", "12"): (Operation.REFUND, Outcome.UNKNOWN, None),
    ("31", "00", "35"): (Operation.REFUND, Outcome.DECLINED, Blame.REQUEST),
    ("31", "00", "36"): (Operation.REFUND, Outcome.DECLINED, Blame.REQUEST),
    ("00", "00", "34"): (Operation.CONFIRM, Outcome.UNKNOWN, None),
    ("78", "00", "00"): (Operation.SIGN, Outcome.SUCCEEDED, None),
    ("78", "00", "10"): (Operation.SIGN, Outcome.UNKNOWN, None),
}


def test_recorded_answers_say_what_they_said(recorded, peer):
    """Each reply of the test gateway, to the call that it answered."""
    seen = set()
    for one in recorded:
        if one["kind"] != "response":
            continue
        told = one["params"]
        kind = (told["txnType"], told["txnSubType"], told["respCode"])
        operation, outcome, blame = SAID[kind]
        account = account_of(
            peer,
            mer_id=told["merId"],
            quick_biz_type=STANDARD,
            void_before="23:59",
            issuers=told["signPubKeyCert"],
            signer=SIGNER,
        )
        moment = f"{told['txnTime']}+0800"
        at = datetime.strptime(moment, "%Y%m%d%H%M%S%z").astimezone(UTC)
        amount = int(told.get("txnAmt", "0"))
        ask = by_card(
            operation,
            request_no=told["orderId"],
            asked_at=at,
            opened_at=at,
            amount=amount,
            original_opened_at=at,
            original_amount=amount,
        )
        if kind[0] in ("00", "78"):
            changes = {"operation": Operation.ENQUIRE, "enquired_operation": operation}
            ask = replace(ask, card=None, code=None, **changes)
        reply = read(account, ask, one["body"].encode())
        seen.add(kind)

        assert (outcome, blame, None) == (reply.outcome, reply.blame, reply.alarm), kind
        assert (kind[2] == "34") is reply.not_found
        assert ((kind[0], outcome) == ("78", Outcome.SUCCEEDED)) is bool(
            reply.agreement
        )
    assert SAID.keys() == seen
