"""UnionPay's adapter against a peer of the tests: what it asks and what it hears."""

import base64
from datetime import timedelta

import pytest
from msgspec.structs import replace
from unionpay_calls import (
    AT_ONCE,
    CARD,
    DRIVER,
    KINDS,
    MONEY,
    OPENED,
    ORDER,
    QUERY_ID,
    TOKEN,
    TXN_TIME,
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
from unionpay_peer import MER_ID, Peer

from paycore.gateway.call import OTHER_MONEY, Operation
from paycore.gateway.channel import Account
from paycore.gateway.channels.unionpay import UnionPay
from paycore.gateway.registry import Registry
from paycore.kernel.outcome import Blame, Outcome
from paycore.kernel.terms import VerifyStatus

FAILED = (
    *("01", "02", "10", "11", "13", "14", "30", "31", "32", "33", "35", "36", "38"),
    *("39", "40", "43", "44", "45", "46", "60", "61", "62", "63", "64", "65", "66"),
    *("67", "68", "69", "71", "72", "73", "76", "77", "78", "79", "80", "81", "82"),
    *("85", "86", "87", "88", "89", "90", "91", "92", "99"),
)
OPEN = (
    "03",
    "04",
    "05",
    "06",
    "12",
    "34",
    "37",
    "42",
    "74",
    "75",
    "83",
    "98",
    "41",
    "",
)


@pytest.fixture(scope="module")
def peer() -> Peer:
    return Peer()


@pytest.fixture(scope="module")
def account(peer: Peer) -> Account:
    return account_of(peer)


# --- what is asked --------------------------------------------------------------------


def test_it_is_found():
    """The registry finds the channel by its code."""
    assert isinstance(Registry().find("unionpay"), UnionPay)


@pytest.mark.parametrize("operation", sorted(DRIVER.capabilities))
def test_a_request_is_signed_by_the_merchant(peer, account, operation):
    """Every field that leaves is signed, none is blank, and the kind is right."""
    ask = an_ask(operation) if operation in MONEY + AT_ONCE else enquiry(MONEY[0])
    fields = asked(account, ask)

    assert fields["signature"] == peer.signature(fields, peer.merchant)
    assert all(fields.values())
    assert KINDS[operation] == (
        *(fields["txnType"], fields["txnSubType"], fields["bizType"]),
    )
    assert (MER_ID, ask.request_no, TXN_TIME) == (
        *(fields["merId"], fields["orderId"], fields["txnTime"]),
    )
    assert str(peer.merchant.cert.serial_number) == fields["certId"]


def test_a_refund_has_the_product_of_its_charge(account):
    """UnionPay refuses it otherwise: a deduct's is another than a token's."""
    kinds = [
        asked(account, an_ask(Operation.REFUND, original_operation=took))["bizType"]
        for took in (Operation.CONFIRM, Operation.DEDUCT, None)
    ]
    assert ["000902", "000501", "000902"] == kinds


def test_a_confirm_names_the_order_of_its_send(account):
    """Number and moment are those of the send, however late the confirm is."""
    send = asked(account, an_ask(Operation.SEND_CODE, opened_at=None, asked_at=OPENED))
    confirm = asked(account, an_ask(Operation.CONFIRM))

    for name in ("orderId", "txnTime", "txnAmt", "currencyCode", "tokenPayData"):
        assert send[name] == confirm[name]
    assert f"{{token={TOKEN}&trId=62000000001}}" == confirm["tokenPayData"]
    assert b"{smsCode=123789}" == base64.b64decode(confirm["customerInfo"])
    assert "accNo" not in confirm
    assert "https://pay.example/callbacks/unionpay/main" == confirm["backUrl"]


def test_a_card_is_sealed_for_unionpay(peer, account):
    """Number and phone are readable for UnionPay only; name and document go beside."""
    fields = asked(account, an_ask(Operation.SIGN_CONFIRM))
    info = base64.b64decode(fields["customerInfo"]).decode()
    head, _, tail = info[1:-1].partition("&encryptedInfo=")

    assert CARD.number == peer.opened(fields["accNo"])
    assert "phoneNo=13812345678" == peer.opened(tail)
    assert (
        "certifTp=01&certifId=11010519491231002X&customerNm=欧阳锋&smsCode=123789"
        == (head)
    )
    assert str(peer.sealing.cert.serial_number) == fields["encryptCertId"]
    assert "{trId=62000000001&tokenType=01}" == fields["tokenPayData"]


def test_a_name_cannot_begin_another_member(account):
    """What a name is written with does not end it."""
    odd = replace(CARD, name="A}&smsCode=1")
    fields = asked(account, an_ask(Operation.SIGN_CONFIRM, card=odd))

    assert "&customerNm=AsmsCode1&smsCode=123789&" in (
        base64.b64decode(fields["customerInfo"]).decode()
    )


def test_a_deduction_names_what_was_agreed(peer):
    """The card's number, or that of its binding; kind and product are settings."""
    by_card = asked(account_of(peer), an_ask(Operation.DEDUCT))
    changes = {"deduct_by": "binding", "deduct_sub_type": "02"}
    bound = asked(account_of(peer, **changes), an_ask(Operation.DEDUCT))

    assert CARD.number == peer.opened(by_card["accNo"])
    assert ("accNo" in bound, TOKEN, "02") == (
        *(False, bound["bindId"], bound["txnSubType"]),
    )


def test_a_refund_names_the_charge(account):
    """By UnionPay's own number; where that is not known, nothing leaves."""
    fields = asked(account, an_ask(Operation.REFUND))
    without = DRIVER.assemble(
        account, an_ask(Operation.REFUND, original_channel_ref=None)
    )

    assert (QUERY_ID, "1000") == (fields["origQryId"], fields["txnAmt"])
    assert without.http is None


async def test_what_cannot_be_asked_is_not_sent(account):
    """An enquiry without the order's moment is no "not found"; a refund of a charge
    without a number never left.
    """
    refund = an_ask(Operation.REFUND, original_channel_ref=None)
    outgoing = DRIVER.assemble(account, refund)
    unasked = DRIVER.assemble(account, enquiry(Operation.DEDUCT, opened_at=None))
    of_revocation = enquiry(Operation.REVOKE, opened_at=None, channel_ref="1")
    never = DRIVER.assemble(account, of_revocation)

    assert Outcome.NOT_SENT is ((await DRIVER.perform(None, account, outgoing)).outcome)
    for one in (unasked, never):
        assert_unknown(
            await DRIVER.perform(None, account, one), "NOT_ENQUIRABLE", alarm=False
        )


def test_an_enquiry_by_their_number(account, peer):
    """Without the moment, UnionPay's number names the order; another one's is none."""
    ask = enquiry(Operation.DEDUCT, opened_at=None, channel_ref=QUERY_ID)
    fields = asked(account, ask)
    good = read(account, ask, peer.reply(found(Operation.DEDUCT, "00")))
    other = found(Operation.DEDUCT, "00", queryId="1")

    assert QUERY_ID == fields["queryId"]
    assert "txnTime" not in fields
    assert Outcome.SUCCEEDED is good.outcome
    assert_unknown(read(account, ask, peer.reply(other)), "OTHER_ORDER", alarm=True)


@pytest.mark.parametrize("operation", sorted(DRIVER.capabilities))
def test_what_is_kept_of_a_request(account, peer, operation):
    """Nothing secret, and no card number that somebody wrote into the subject."""
    ask = an_ask(operation) if operation in MONEY + AT_ONCE else enquiry(MONEY[0])
    outgoing = DRIVER.assemble(account, ask)
    assert outgoing.http is not None
    kept = outgoing.masked + DRIVER.scrub(outgoing.http.body.decode())

    assert f"orderId={ask.request_no}" in kept
    coded = base64.b64encode(b"{smsCode=123789}").decode()
    for secret in (*ask.secrets, "13812345678", "6225881234567898", coded):
        assert secret not in kept


# --- what is believed -----------------------------------------------------------------


@pytest.mark.parametrize("operation", MONEY)
@pytest.mark.parametrize("code", ["00", "A6", "70"])
def test_money_is_only_accepted_at_once(account, peer, operation, code):
    """A yes to money is PENDING: what became of it is said later."""
    reply = read(account, an_ask(operation), peer.reply(answer(operation, code)))

    assert Outcome.PENDING is reply.outcome
    assert (QUERY_ID, 1000, None, None) == (
        *(reply.channel_ref, reply.amount, reply.verify_status, reply.alarm),
    )


@pytest.mark.parametrize("operation", AT_ONCE)
def test_the_rest_is_done_at_once(account, peer, operation):
    """A yes to a code, a signing or a revocation is one; a signing's has the token."""
    reply = read(account, an_ask(operation), peer.reply(answer(operation, "00")))
    signs = operation is Operation.SIGN_CONFIRM

    assert (Outcome.SUCCEEDED, None) == (reply.outcome, reply.alarm)
    assert (TOKEN if signs else None) == reply.agreement
    assert (VerifyStatus.PASS if signs else None) == reply.verify_status


def test_a_signing_without_a_token(account, peer):
    """A yes that gives no agreement is none."""
    told = answer(Operation.SIGN_CONFIRM, "00", tokenPayData="{trId=62000000001}")

    reply = read(account, an_ask(Operation.SIGN_CONFIRM), peer.reply(told))
    assert_unknown(reply, "NO_TOKEN", alarm=True)


@pytest.mark.parametrize("operation", MONEY + AT_ONCE)
@pytest.mark.parametrize("code", FAILED)
def test_a_signed_no(account, peer, operation, code):
    """Every code that UnionPay calls a failure is DECLINED, with its class."""
    reply = read(account, an_ask(operation), peer.reply(answer(operation, code)))

    assert (Outcome.DECLINED, code) == (reply.outcome, reply.resp_code)
    assert reply.blame is not None
    judged = code == "71" and operation in (Operation.CONFIRM, Operation.SIGN_CONFIRM)
    assert (VerifyStatus.WRONG if judged else None) == reply.verify_status


@pytest.mark.parametrize("operation", MONEY + AT_ONCE)
@pytest.mark.parametrize("code", OPEN)
def test_what_is_no_answer(account, peer, operation, code):
    """In work, busy, used twice, perhaps taken, and what nobody knows: unknown."""
    reply = read(account, an_ask(operation), peer.reply(answer(operation, code)))

    assert_unknown(reply, code, alarm=code in ("42", "74", "75"))


@pytest.mark.parametrize(
    ("code", "blame"),
    [
        ("64", Blame.PAYER),
        ("33", Blame.PAYER),
        ("80", Blame.CHANNEL),
        ("89", Blame.CHANNEL),
        ("02", Blame.CHANNEL),
        ("32", Blame.CHANNEL),
        ("71", Blame.CODE),
        ("10", Blame.REQUEST),
        ("36", Blame.REQUEST),
    ],
)
def test_whom_a_no_blames(code, blame):
    """Of each class at least one."""
    assert (Outcome.DECLINED, blame) == DRIVER.errors[code]


@pytest.mark.parametrize("code", ["10", "35", "36", "44", "45", "46"])
@pytest.mark.parametrize(
    ("minutes", "outcome"), [(10, Outcome.DECLINED), (10.1, Outcome.UNKNOWN)]
)
def test_a_refund_that_is_sent_again_too_late(account, peer, minutes, outcome, code):
    """Its moment is a part of its name and not now any more, or the charge has gone
    back already: that is what is refused, and whether the call before was carried out
    is not said.
    """
    ask = an_ask(Operation.REFUND, asked_at=OPENED + timedelta(minutes=minutes))
    reply = read(account, ask, peer.reply(answer(Operation.REFUND, code)))

    assert (outcome, code) == (reply.outcome, reply.resp_code)


@pytest.mark.parametrize("about", MONEY)
@pytest.mark.parametrize("code", ["00", "A6", *FAILED, *OPEN, "70"])
def test_what_an_enquiry_finds(account, peer, about, code):
    """What became of the order is in its own code, not in the question's."""
    reply = read(account, enquiry(about), peer.reply(found(about, code)))

    if code in ("00", "A6"):
        assert (Outcome.SUCCEEDED, 1000, "CNY", QUERY_ID) == (
            *(reply.outcome, reply.amount, reply.currency, reply.channel_ref),
        )
    elif code == "71" and about is Operation.CONFIRM:
        # Of which try it is they do not say: the number and moment are every try's.
        assert (Outcome.UNKNOWN, True) == (reply.outcome, reply.not_found)
    elif code in FAILED:
        assert (Outcome.DECLINED, "原[1]") == (reply.outcome, reply.resp_msg)
    else:
        assert_unknown(reply, code, alarm=code in ("42", "74", "75"))


@pytest.mark.parametrize("about", [*MONEY, Operation.SEND_CODE])
def test_an_order_that_is_not_there(account, peer, about):
    """34 to the question is "not found"; to anything else it is no answer."""
    ask = enquiry(about)
    said = answer(Operation.ENQUIRE, "34", orderId=ask.request_no)
    reply = read(account, ask, peer.reply(said))
    of_call = peer.reply(answer(about, "34"))

    assert (Outcome.UNKNOWN, True, None) == (
        *(reply.outcome, reply.not_found, reply.alarm),
    )
    assert_unknown(read(account, ask, of_call), "34", alarm=False)


@pytest.mark.parametrize("code", [code for code in (*FAILED, *OPEN) if code != "34"])
def test_a_question_that_is_refused(account, peer, code):
    """A no to the question says nothing of the order."""
    said = answer(Operation.ENQUIRE, code, origRespCode="00", txnAmt="1000")
    reply = read(account, enquiry(Operation.DEDUCT), peer.reply(said))

    assert_unknown(reply, code, alarm=code in ("11", "42", "74", "75"))


def test_an_enquiry_that_finds_only_the_code(account, peer):
    """A code that was sent is no money, and no proof that none was taken."""
    said = answer(Operation.SEND_CODE, "00", origRespCode="00")
    for about in (Operation.SEND_CODE, Operation.CONFIRM):
        reply = read(account, enquiry(about), peer.reply(said))

        assert_unknown(reply, "OTHER_KIND", alarm=False)


def test_money_found_behind_a_code(account, peer):
    """An order of which we only had the code sent, and that was charged."""
    said = peer.reply(found(Operation.CONFIRM, "00"))

    assert Outcome.SUCCEEDED is (
        read(account, enquiry(Operation.SEND_CODE), said).outcome
    )


@pytest.mark.parametrize(
    ("changes", "outcome", "not_found"),
    [
        ({"activateStatus": "1"}, Outcome.SUCCEEDED, False),
        ({"activateStatus": "0", "tokenPayData": ""}, Outcome.PENDING, False),
        ({"activateStatus": "1", "tokenPayData": ""}, Outcome.UNKNOWN, False),
        ({"respCode": "34"}, Outcome.UNKNOWN, True),
        ({"respCode": "77"}, Outcome.UNKNOWN, False),
        ({"txnType": "79"}, Outcome.UNKNOWN, False),
    ],
)
def test_an_enquiry_after_a_signing(account, peer, changes, outcome, not_found):
    """Whether it is open, and under which token; nothing else ends it."""
    ask = enquiry(Operation.SIGN)
    said = answer(Operation.SIGN_CONFIRM, "00", txnType="78", txnSubType="02")
    reply = read(account, ask, peer.reply(said | changes))

    assert ("78", "02") == (
        *(asked(account, ask)[name] for name in ("txnType", "txnSubType")),
    )
    assert (outcome, not_found) == (reply.outcome, reply.not_found)
    assert (TOKEN if outcome is Outcome.SUCCEEDED else None) == reply.agreement


@pytest.mark.parametrize(
    ("changes", "outcome", "stands"),
    [
        ({}, Outcome.UNKNOWN, True),
        ({"activateStatus": "0"}, Outcome.SUCCEEDED, False),
        ({"respCode": "34"}, Outcome.UNKNOWN, False),
        ({"respCode": "77"}, Outcome.UNKNOWN, False),
        ({"txnType": "74"}, Outcome.UNKNOWN, False),
    ],
)
def test_an_enquiry_after_a_revocation(account, peer, changes, outcome, stands):
    """They are asked for the signing that it ends: over is what is not open."""
    number = f"{ORDER}01"
    of_signing = {"original_request_no": number, "original_opened_at": OPENED}
    own = {"request_no": f"{ORDER}S02", "opened_at": None}
    ask = enquiry(Operation.REVOKE, **own, **of_signing)
    said = answer(Operation.SIGN_CONFIRM, "00", txnType="78", txnSubType="02")
    reply = read(account, ask, peer.reply(said | changes))

    assert ("78", number, TXN_TIME) == (
        *(asked(account, ask)[name] for name in ("txnType", "orderId", "txnTime")),
    )
    assert (outcome, stands, None) == (reply.outcome, reply.not_found, reply.agreement)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"txnAmt": "999"}, 999),
        ({"settleAmt": "999"}, 999),
        ({"txnAmt": "999", "settleAmt": "999"}, 999),
        ({"txnAmt": "", "settleAmt": ""}, None),
        ({"txnAmt": "1e3"}, None),
        ({"currencyCode": "840"}, 1000),
        ({"currencyCode": "", "settleCurrencyCode": ""}, 1000),
    ],
)
def test_another_amount(account, peer, changes, told):
    """A yes to other money is no yes; what it said is kept."""
    for about in MONEY:
        said = peer.reply(found(about, "00", **changes))
        reply = read(account, enquiry(about), said)

        assert_unknown(reply, OTHER_MONEY, alarm=True)
        assert ("amount differs", told) == (reply.alarm, reply.amount)


def test_another_amount_accepted(account, peer):
    """So it is where another amount is only accepted."""
    said = peer.reply(answer(Operation.DEDUCT, "00", txnAmt="999"))
    reply = read(account, an_ask(Operation.DEDUCT), said)

    assert_unknown(reply, "00", alarm=True)
    assert 999 == reply.amount


@pytest.mark.parametrize(
    "changes",
    [
        {"merId": "777290058110098"},
        {"orderId": f"{ORDER}02"},
        {"txnTime": "20260304171833"},
        {"txnType": "77", "txnSubType": "02"},
        {"txnSubType": "00"},
    ],
)
def test_an_answer_to_another(account, peer, changes):
    """A genuine answer to another order, or to the send of this one, is not ours."""
    said = peer.reply(answer(Operation.CONFIRM, "64", **changes))
    reply = read(account, an_ask(Operation.CONFIRM), said)

    assert_unknown(reply, "OTHER_ORDER", alarm=True)


@pytest.mark.parametrize(
    "body",
    [b"Invalid request.", b"", b"<html lang=en>&nbsp;</html>", b"a=1&a=1", b"\xff\x00"],
)
def test_what_is_no_message(account, body):
    """A plain text, a page and nothing at all are garbage."""
    reply = read(account, an_ask(Operation.DEDUCT), body)

    assert_unknown(reply, "GARBAGE", alarm=False)


@pytest.mark.parametrize("status", [302, 403, 404, 500, 502])
def test_another_status(account, peer, status):
    """What does not come with 200 says nothing, signed or not."""
    said = peer.reply(answer(Operation.DEDUCT, "64"))
    reply = read(account, an_ask(Operation.DEDUCT), said, status)

    assert_unknown(reply, f"HTTP_{status}", alarm=False)


@pytest.mark.parametrize("operation", MONEY)
@pytest.mark.parametrize("code", FAILED)
def test_a_no_in_a_notice_ends_nothing(account, peer, operation, code):
    """Anybody can have UnionPay refuse a request in our name, signed and with our
    order's number; and a wrong code may be that of an earlier try. It is kept, and the
    order asked after.
    """
    said = answer(operation, code, reqReserved=ORDER)
    callback = notify(account, peer.notice(said))

    assert callback is not None
    assert said["orderId"] == callback.request_no
    assert_unknown(callback.reply, code, alarm=False)
    assert callback.reply.verify_status is None
